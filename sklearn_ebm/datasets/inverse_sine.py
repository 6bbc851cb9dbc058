"""The inverse problem by which mixture density networks were introduced."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_ebm.datasets.truth import Array, Random, Truth, checked

# g rises, falls and rises: its slope 1 + 0.6π cos(2πy) is 0 at both turns.
_TURN = np.arccos(-1 / (0.6 * np.pi)) / (2 * np.pi)
_EDGES = np.array([0.0, _TURN, 1 - _TURN, 1.0])
_RISES = np.array([1.0, -1.0, 1.0])
_TOP = _TURN + 0.3 * np.sin(2 * np.pi * _TURN)
_HEIGHTS = np.array([0.0, _TOP, 1 - _TOP, 1.0])  # g at the edges, where 0 and 1 are exact

# A piece of the line is integrated where it is within ten noise levels of x, or, where x is out of
# reach, where the density is above e⁻⁵⁰ of its largest. 64 nodes are then less than one noise
# level apart, which for a Gaussian peak is as good as exact.
_REACH = 10.0
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
_ROWS = 4096  # at a time: about 6 MB for each array of nodes


def wave(y: Array) -> Array:
    """g(y) = y + 0.3 sin(2πy), which takes [0, 1] onto [0, 1]."""
    return y + 0.3 * np.sin(2 * np.pi * y)


def _inverse(x: Array) -> Array:
    """Where each of the three monotone pieces of g comes closest to x: (n, 3), by bisection."""
    low = np.tile(_EDGES[:-1], (len(x), 1))
    high = np.tile(_EDGES[1:], (len(x), 1))
    for _ in range(54):  # halvings of an interval of length < 1, to the last bit
        middle = 0.5 * (low + high)
        beyond = _RISES * (wave(middle) - x[:, None]) > 0
        high = np.where(beyond, middle, high)
        low = np.where(beyond, low, middle)
    return 0.5 * (low + high)


class InverseSine(Truth):
    """p(y | x) = N(x; g(y), noise²) / ∫₀¹ N(x; g(t), noise²) dt for y in [0, 1]."""

    def _log_density(self, X: Array, y: Array) -> Array:
        # A grid of answers to one x repeats it: its normaliser is computed once.
        x, row = np.unique(X[:, 0], return_inverse=True)
        blocks = np.split(x, range(_ROWS, len(x), _ROWS))
        normaliser = np.concatenate([self._log_normaliser(block) for block in blocks])
        log_density = -self._excess(X[:, 0], y) - normaliser[row.reshape(-1)]
        return np.where((y >= 0) & (y <= 1), log_density, -np.inf)

    def _excess(self, x: Array, y: Array) -> Array:
        """((x − g(y))² − d²) / 2noise², with the distance d of x from [0, 1]."""
        # The smaller of the two factors stays exact where x is far out of reach.
        apart = np.abs(x - wave(y))
        away = np.abs(x - np.clip(x, 0, 1))
        return (apart - away) * (apart + away) / (2 * self.noise**2)

    def _windows(self, x: Array) -> tuple[Array, Array]:
        """Start and length (n, 3) of what counts of each piece."""
        away = np.abs(x - np.clip(x, 0, 1))
        reach = np.hypot(away, _REACH * self.noise)
        ends = np.stack([_inverse(x - reach), _inverse(x + reach)])
        return ends.min(axis=0), np.abs(ends[1] - ends[0])

    def _log_normaliser(self, x: Array) -> Array:
        """log ∫₀¹ exp(−excess) dt by Gauss-Legendre quadrature on each piece."""
        start, length = self._windows(x)
        nodes = start[..., None] + 0.5 * length[..., None] * (_NODES + 1)
        heights = np.exp(-self._excess(x[:, None, None], nodes))
        return np.log(np.sum(0.5 * length * (heights @ _WEIGHTS), axis=1))

    def _modes(self, X: Array) -> Array:
        x = np.clip(X[:, 0], 0, 1)  # beyond, the end of the line is the likeliest answer
        low = np.minimum(_HEIGHTS[:-1], _HEIGHTS[1:])
        high = np.maximum(_HEIGHTS[:-1], _HEIGHTS[1:])
        reached = (x[:, None] >= low) & (x[:, None] <= high)
        return np.where(reached, _inverse(x), np.nan)

    def _sample(self, X: Array, rng: Random) -> Array:
        # By rejection, which is exact: about ten proposals for a row, fifty for one out of reach.
        x = X[:, 0]
        start, length = self._windows(x)
        ends = length.cumsum(axis=1)
        y = np.empty(len(x))
        left = np.arange(len(x))
        while len(left):
            place = rng.uniform(size=len(left)) * ends[left, -1]
            piece = (place[:, None] >= ends[left, :-1]).sum(axis=1)
            proposal = start[left, piece] + place - (ends[left, piece] - length[left, piece])
            taken = rng.uniform(size=len(left)) < np.exp(-self._excess(x[left], proposal))
            y[left[taken]] = proposal[taken]
            left = left[~taken]
        return np.clip(y, 0, 1)  # rounding at the ends of the line


def make_inverse_sine(
    n_samples: int = 1000,
    *,
    noise: float = 0.05,
    random_state: int | np.random.RandomState | None = None,
    return_truth: bool = False,
) -> tuple[Any, ...]:
    r"""Generate Bishop's inverse problem, x = y + 0.3 sin(2πy) + noise · N(0, 1).

    y ~ U(0, 1). There are three answers for x in the middle of its range, and one near each end.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of samples.
    noise : float, default=0.05
        Standard deviation of the noise of x, in the unit of x.
    random_state : int, RandomState instance or None, default=None
        Determines the random numbers. Pass an int for reproducible data.
    return_truth : bool, default=False
        Whether to return the exact distribution p(y | x) as well.

    Returns
    -------
    X : ndarray of shape (n_samples, 1)
        Features.
    y : ndarray of shape (n_samples,)
        Target values in [0, 1].
    truth : Truth
        p(y | x), normalised by quadrature; ``modes`` are the solutions of y + 0.3 sin(2πy) = x, or
        the nearest limit of the range of y if there is none. Only if `return_truth`.

    Raises
    ------
    ValueError
        If `n_samples` is not a positive integer, or `noise` is not positive and finite.

    References
    ----------
    Bishop, "Mixture density networks", Neural Computing Research Group report NCRG/94/004, Aston
    University (1994).

    Examples
    --------
    y = 1/4, 1/2 and 3/4 give x = 0.55, 0.5 and 0.45. They are the first, second and third of the
    three modes at these x:

    >>> from sklearn_ebm.datasets import make_inverse_sine
    >>> X, y, truth = make_inverse_sine(random_state=0, return_truth=True)
    >>> truth.modes([[0.55], [0.5], [0.45]]).diagonal()
    array([0.25, 0.5 , 0.75])
    """
    n_samples, rng = checked(n_samples, random_state)
    truth = InverseSine(noise)
    y = rng.uniform(size=n_samples)
    X = (wave(y) + truth.noise * rng.normal(size=n_samples))[:, None]
    return (X, y, truth) if return_truth else (X, y)
