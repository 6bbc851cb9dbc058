"""Detection of collapse, by comparing energies of correct and wrong answers."""

from __future__ import annotations

from collections.abc import Callable
from math import gcd

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.arrays import BLOCK_ENTRIES, row_slices
from sklearn_ebm._utils.parameters import Array

# Largest mean difference of wrong and correct energies, relative to their spread, at collapse.
COLLAPSED = 1e-6

# Number of rows of a first test, and relative difference at which it excludes collapse.
SAMPLE, CLEAR = 2048, 0.05


def some_rows(n_rows: int, n_answers: int) -> slice:
    """Evenly spaced rows for a test of collapse, with a limited number of energies.

    Examples
    --------
    A test of a million rows with 50,000 answers uses 53 rows:

    >>> len(range(1_000_000)[some_rows(1_000_000, 50_000)])
    53
    """
    return slice(None, None, max(n_rows * n_answers // (10 * BLOCK_ENTRIES), 1))


def collapsed(
    energies_of: Callable[[slice], Array],
    answer: npt.NDArray[np.intp],
    weight: npt.NDArray[np.float64],
    n_answers: int,
) -> bool:
    """Whether wrong answers lie, on average, no higher than correct ones, up to rounding.

    Parameters
    ----------
    energies_of : callable
        Function from a slice of rows to their energies; called for each block.
    answer : ndarray of int of shape (n_samples,)
        Indices of the correct answers.
    weight : ndarray of shape (n_samples,)
        Sample weights.
    n_answers : int
        Number of answers.

    Returns
    -------
    bool
        True if the energies have collapsed.

    Examples
    --------
    >>> energies = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> collapsed(lambda rows: energies[rows], np.array([0, 1]), np.ones(2), 2)
    False
    >>> collapsed(lambda rows: 0 * energies[rows], np.array([0, 1]), np.ones(2), 2)
    True
    """
    step = len(answer) // SAMPLE
    # With a coprime step, the subset has all classes even if labels alternate, 0, 1, 0, 1, ...
    while gcd(step, n_answers) > 1:
        step -= 1
    if step > 1 and n_answers * SAMPLE <= 10 * BLOCK_ENTRIES:
        # If the subset is far from collapse, the other rows need not be evaluated.
        some = slice(None, None, step)
        share, energies = weight[some], energies_of(some).astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            gap, scatter = _moments(energies, answer[some], share)
            spread = share.sum() * np.sqrt(scatter / share.sum())
            if gap > CLEAR * spread > 0:
                return False
    top = float(weight.max())
    total = difference = variance = largest = eps = 0.0
    for rows in row_slices(len(answer), n_answers):
        share = weight[rows] / top
        total += float(share.sum())
        raw = energies_of(rows)
        eps = float(np.finfo(raw.dtype).eps)
        energies = raw.astype(np.float64)
        # Divided by the largest energy so far, squares neither overflow nor underflow.
        highest = float(np.abs(energies).max())
        if highest > largest:
            difference *= largest / highest
            variance *= (largest / highest) ** 2
            largest = highest
        if largest == 0:
            continue
        energies /= largest
        gap, scatter = _moments(energies, answer[rows], share)
        difference += gap
        variance += scatter
    return bool(not difference / total > COLLAPSED * np.sqrt(variance / total) + 4 * eps)


def _moments(energies: Array, answer: npt.NDArray[np.intp], share: Array) -> tuple[float, float]:
    """Weighted sums over rows of mean wrong minus correct energy, and of the variance."""
    right = energies[np.arange(len(answer)), answer]
    wrong = (energies.sum(axis=1) - right) / (energies.shape[1] - 1)
    return float(share @ (wrong - right)), float(share @ energies.var(axis=1))
