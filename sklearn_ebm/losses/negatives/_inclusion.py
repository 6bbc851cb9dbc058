"""Probabilities with which classes are drawn, and draws with exactly these probabilities."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Index

Probabilities = npt.NDArray[np.float64]


def inclusion_of(size: npt.NDArray[np.float64], n_draws: int) -> Probabilities:
    """Probability that each class is among `n_draws` different classes, (k,).

    π_k = min(1, c s_k), where s_k is the size of class k, and c gives the sum `n_draws`. Classes of
    size zero are not drawn. All others are certain if there are at most `n_draws` of them.

    Examples
    --------
    Two draws of sizes 8, 1, 1: the first class is certain, the others have one draw in common:

    >>> inclusion_of(np.array([8.0, 1.0, 1.0, 0.0]), 2)
    array([1. , 0.5, 0.5, 0. ])
    """
    result = np.zeros(len(size))
    free = size > 0
    left = n_draws
    while left > 0 and free.any():
        shared = size * free
        result[free] = np.minimum(shared[free] * (left / shared.sum()), 1.0)
        certain = free & (result >= 1.0)
        if not certain.any():
            break
        free &= ~certain
        left -= int(certain.sum())
        result[free] = 0.0
    return result


class SystematicDraws:
    """Draws of different classes by systematic sampling (Madow, 1949).

    The probabilities π_k are laid out as intervals on a line, in a random order. The points u,
    u + 1, u + 2, … with a random u in [0, 1) select the classes whose intervals contain them. So
    class k is drawn with the probability π_k, at most once, and the number of draws differs by
    less than one from Σ_k π_k. The time of a draw depends on the number of draws, hardly on k.

    Parameters
    ----------
    inclusion : ndarray of shape (n_classes,)
        The probabilities π.
    rng : numpy.random.Generator
        Source of random numbers for the order.

    Examples
    --------
    >>> draws = SystematicDraws(np.array([1.0, 0.0, 1.0]), np.random.default_rng(0))
    >>> draws.draw(np.random.default_rng(0))
    array([0, 2])
    """

    def __init__(self, inclusion: Probabilities, rng: np.random.Generator) -> None:
        possible = np.flatnonzero(inclusion > 0)
        self.certain = possible[inclusion[possible] >= 1]
        self.others = rng.permutation(possible[inclusion[possible] < 1])
        self.bounds = np.cumsum(inclusion[self.others])

    def draw(self, rng: np.random.Generator) -> Index:
        """Draw classes, sorted."""
        if not len(self.others):
            return self.certain
        points = np.arange(rng.random(), self.bounds[-1])
        # Rounding may put a point behind the last bound.
        found = np.searchsorted(self.bounds, points, side="right").clip(max=len(self.others) - 1)
        return np.union1d(self.certain, self.others[found])


def inclusion_in_batch(count: Index, n_rows: int, n_others: int) -> Probabilities:
    """Probability that each class is among `n_others` rows, drawn from all rows but one, (k,).

    π_k = 1 − C(n − 1 − n_k, b)/C(n − 1, b), where class k has n_k of the n rows, the row that is
    left out is of another class, and b is `n_others`.

    Examples
    --------
    Of three other rows, one is of the first class and two are of the second; one of the three is
    drawn:

    >>> inclusion_in_batch(np.array([1, 2, 0]), 4, 1).round(3)
    array([0.333, 0.667, 0.   ])
    """
    most = int(count.max(initial=0))
    with np.errstate(divide="ignore"):
        population = np.maximum(np.arange(n_rows - 1, n_rows - 1 - most, -1), 1)
        missed = np.cumsum(np.log1p(-np.minimum(n_others / population, 1.0)))
        return 1 - np.exp(np.concatenate([[0.0], missed])[count])
