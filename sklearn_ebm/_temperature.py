"""Choosing the inverse temperature β on rows that were held out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed
from scipy.optimize import minimize_scalar

from sklearn_ebm._arrays import correct_mask
from sklearn_ebm._params import Array
from sklearn_ebm.losses import NLL

# One number is well determined by this many held-out rows; no further fold is then learnt.
ENOUGH_ROWS = 10_000

# β is searched on this range of the typical difference between two energies of a row.
SMALLEST, LARGEST = 1e-4, 1e4


def fold_of_each_row(
    y: npt.NDArray[np.intp], n_folds: int, rng: np.random.RandomState
) -> npt.NDArray[np.intp]:
    """Deal the rows of each class out to the folds, in random order.

    A class of a single row is never held out (fold −1), so every fold is learnt from all classes.
    """
    fold = np.empty(len(y), dtype=np.intp)
    for answer in range(int(y.max()) + 1):
        rows = rng.permutation(np.flatnonzero(y == answer))
        fold[rows] = -1 if len(rows) == 1 else (np.arange(len(rows)) + answer) % n_folds
    return fold


def fit_beta(energies: Array, y: npt.NDArray[np.intp], weight: npt.NDArray[np.float64]) -> float:
    """Return the β of lowest log-loss, Σᵢ wᵢ [β F(yᵢ) + log Σ exp(−β F)], which is convex in β.

    The search is over log β and stays within four powers of ten of the inverse spread of the
    energies, so that separable data do not send β to infinity.
    """
    votes = np.isfinite(energies[np.arange(len(y)), y])  # the right answer was learnt
    energies, y, weight = energies[votes].astype(np.float64), y[votes], weight[votes]
    possible = np.isfinite(energies)
    if not possible.any():
        return 1.0
    correct = correct_mask(y, energies.shape[1])
    variance = np.var(energies, axis=1, where=possible)
    spread = float(np.sqrt(np.average(variance, weights=weight)))
    if spread <= 1e-12 * float(np.abs(energies, where=possible, out=np.zeros_like(energies)).max()):
        return 1.0  # flat: every β gives the same probabilities

    def log_loss(log_beta: float) -> float:
        beta = float(np.exp(log_beta))
        return beta * float(weight @ NLL(beta)(energies, correct)[0])

    bounds = (np.log(SMALLEST / spread), np.log(LARGEST / spread))
    found = minimize_scalar(log_loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def choose_beta(
    held_out_energies: Callable[[Any, Any], Array],
    y: npt.NDArray[np.intp],
    weight: npt.NDArray[np.float64],
    rng: np.random.RandomState,
    n_jobs: int | None,
    n_folds: int = 3,
) -> float:
    """Choose β on held-out folds.

    Parameters
    ----------
    held_out_energies : callable
        ``(learn, held_out) -> (len(held_out), k)``: learns from the rows of one index array and
        returns the energies of those of the other.
    y : ndarray of int of shape (n,)
    weight : ndarray of shape (n,)
    rng : RandomState
        Deals the rows out to the folds.
    n_jobs : int or None
        Folds learnt at the same time.
    n_folds : int, default=3

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If no class has two rows.
    """
    fold = fold_of_each_row(y, n_folds, rng)
    if (fold < 0).all():
        raise ValueError(
            "beta='auto' is chosen on held-out rows, but no class has two rows; give beta a number."
        )
    held_out = [np.flatnonzero(fold == f) for f in range(n_folds) if (fold == f).any()]
    rows_so_far = np.cumsum([0] + [len(rows) for rows in held_out[:-1]])
    held_out = [
        rows for rows, before in zip(held_out, rows_so_far, strict=True) if before < ENOUGH_ROWS
    ]
    energies = Parallel(n_jobs=n_jobs)(
        delayed(held_out_energies)(np.setdiff1d(np.arange(len(y)), rows), rows) for rows in held_out
    )
    order = np.concatenate(held_out)
    return fit_beta(np.concatenate(energies), y[order], weight[order])
