r"""Choosing the inverse temperature β on rows that were held out.

One number is chosen, but a few rows may not determine it: where all of them are right, their
likelihood has no maximum, and β would run away. So β is the most probable one under a prior,

.. code-block:: none

    least over β of    Σᵢ wᵢ [β F(yᵢ) + log Σ exp(−β F)] + 2 log(1 + t²/3),    t = log(β/β₀)

with wᵢ the shares of the rows' weights times the number of distinct rows, and β₀ the β that
learning used.
The prior on t is Student's t with three degrees of freedom and scale 1: within a factor of e, β₀
is believed about as by a normal distribution; far from it, what belief costs grows with the
logarithm of t only, so that some ten rows move β by any power of ten where β₀ does not suit the
energies.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed
from scipy.optimize import minimize_scalar

from sklearn_ebm._utils.arrays import correct_mask
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.repeated import main_answers
from sklearn_ebm.losses import NLL, Loss

# One number is well determined by this many held-out rows; no further fold is then learned.
ENOUGH_ROWS = 10_000

# β is searched on this range of the typical difference between two energies of a row, and near the
# one that learning used; on a grid of such steps of log β, and then between its points.
SMALLEST, LARGEST, STEP = 1e-4, 1e4, 1.5

# Degrees of freedom of the prior on log β.
FREEDOM = 3


def fold_of_each_row(
    y: npt.NDArray[np.intp],
    n_folds: int,
    rng: np.random.RandomState,
    group: npt.NDArray[np.intp] | None = None,
) -> npt.NDArray[np.intp]:
    """Deal groups of rows out to the folds, class by class, in random order, large ones first.

    A group belongs to the class of most of its rows. Rows of a class that only one group has are
    never held out (fold −1), so that other folds are learned from all classes.

    Parameters
    ----------
    y : ndarray of int of shape (n_samples,)
    n_folds : int
    rng : RandomState
    group : ndarray of int of shape (n_samples,), default=None
        Rows of one group are held out together; None for each row on its own.

    Examples
    --------
    >>> y, group = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 2, 3, 4])
    >>> fold_of_each_row(y, 2, np.random.RandomState(0), group)
    array([ 0,  0,  1,  1,  0, -1])
    """
    group = np.arange(len(y)) if group is None else group
    main, size = main_answers(group, y), np.bincount(group)
    fold = np.empty_like(main)
    for number in range(int(y.max()) + 1):
        dealt = rng.permutation(np.flatnonzero(main == number))
        dealt = dealt[np.argsort(-size[dealt], kind="stable")]
        fold[dealt] = (np.arange(len(dealt)) + number) % n_folds
    for number in np.unique(y):
        holding = group[y == number]
        if (holding == holding[0]).all():
            fold[holding[0]] = -1
    return fold[group]


def beta_of_learning(loss: Loss) -> float:
    """Return the β at which a loss means its energies: its own, or 1."""
    return float(getattr(loss, "beta", 1.0))


def most_probable_beta(
    cost: Callable[[float], float], bounds: tuple[float, float], before: float, precision: float
) -> float:
    """Return the β of least cost, which is −log likelihood, under the prior at the β before.

    Parameters
    ----------
    cost : callable
        β -> −log likelihood of so many rows as there are.
    bounds : tuple of float
        Where β is looked for, besides the neighbourhood of `before`.
    before : float
        The β that learning used.
    precision : float
        Of log β.

    Examples
    --------
    Nothing is said, or 100 rows say that log β is 1 ± 0.1. Where prior and likelihood balance,
    100 (1 − t) = 4 t/(3 + t²), so t = 0.990:

    >>> most_probable_beta(lambda beta: 7.0, (0.1, 10.0), 2.0, 1e-6)
    2.0
    >>> beta = most_probable_beta(lambda beta: 50 * (np.log(beta) - 1) ** 2, (0.1, 10.0), 1.0, 1e-6)
    >>> round(float(np.log(beta)), 3)
    0.99
    """
    centre = float(np.log(before))

    def total(log_beta: float) -> float:
        prior = (FREEDOM + 1) / 2 * np.log1p((log_beta - centre) ** 2 / FREEDOM)
        return cost(float(np.exp(log_beta))) + float(prior)

    low, high = np.log(bounds)
    grid = [centre, centre - STEP, centre + STEP, *np.arange(low, high, STEP), high]
    best = grid[int(np.argmin([total(point) for point in grid]))]
    around = (best - STEP, best + STEP)
    found = minimize_scalar(total, bounds=around, method="bounded", options={"xatol": precision})
    return before if total(centre) <= found.fun else float(np.exp(found.x))


def fit_beta(
    energies: Array,
    y: npt.NDArray[np.intp],
    weight: npt.NDArray[np.float64],
    before: float = 1.0,
    *,
    group: npt.NDArray[np.intp] | None = None,
) -> float:
    """Return the most probable β of energies that were held out.

    Energies are infinite for answers that were not learned; rows of such an answer do not vote.
    Copies of a row have one vote together.

    Parameters
    ----------
    energies : ndarray of shape (n_samples, n_classes)
    y : ndarray of int of shape (n_samples,)
    weight : ndarray of shape (n_samples,)
        Of any scale.
    before : float, default=1.0
        The β that learning used.
    group : ndarray of int of shape (n_samples,), default=None
        Rows of one group and one answer are copies; None where there are none.

    Examples
    --------
    One row, right by an energy of 1. Its likelihood has no maximum; with the prior, β is where
    β/(1 + e^β) = 4 t/(3 + t²), t = log β:

    >>> beta = fit_beta(np.array([[0.0, 1.0]]), np.array([0]), np.ones(1))
    >>> round(beta, 2)
    1.24

    Three copies of it say no more:

    >>> energies, y = np.tile([[0.0, 1.0]], (3, 1)), np.zeros(3, dtype=int)
    >>> round(fit_beta(energies, y, np.ones(3), group=np.zeros(3, dtype=int)), 2)
    1.24
    """
    votes = (weight > 0) & np.isfinite(energies[np.arange(len(y)), y])
    if not votes.any():
        return before
    n_votes = int(votes.sum())
    if group is not None:
        n_votes = len(np.unique(group[votes] * energies.shape[1] + y[votes]))
    energies, y = energies[votes].astype(np.float64), y[votes]
    share = weight[votes] / weight[votes].max()
    share *= n_votes / share.sum()
    possible = np.isfinite(energies)
    variance = np.var(energies, axis=1, where=possible)
    spread = float(np.sqrt(np.average(variance, weights=share)))
    if spread <= 1e-12 * float(np.abs(energies[possible]).max()):
        return before  # flat: every β gives the same probabilities
    correct = correct_mask(y, energies.shape[1])

    def cost(beta: float) -> float:
        return beta * float(share @ NLL(beta)(energies, correct)[0])

    return most_probable_beta(cost, (SMALLEST / spread, LARGEST / spread), before, 1e-6)


def warn_of_no_votes(before: float, stacklevel: int) -> None:
    """Say that no row had a vote on β."""
    warnings.warn(
        "beta='auto' cannot be chosen, because no held-out row is of a class that was learned "
        f"without it and its copies; beta stays at {before:g}. Pass X_val and y_val, folds that "
        "mix the classes and keep copies of a row together, or a number.",
        UserWarning,
        stacklevel=stacklevel + 1,
    )


def choose_beta(
    held_out_energies: Callable[[Any, Any], Array],
    y: npt.NDArray[np.intp],
    weight: npt.NDArray[np.float64],
    rng: np.random.RandomState,
    n_jobs: int | None,
    n_folds: int = 3,
    *,
    group: npt.NDArray[np.intp] | None = None,
    before: float = 1.0,
) -> float | None:
    """Choose β on held-out folds.

    Rows of a class that was not learned without them have no vote.

    Parameters
    ----------
    held_out_energies : callable
        ``(learn, held_out) -> (len(held_out), k)``: learns from the rows of one index array and
        returns the energies of those of the other.
    y : ndarray of int of shape (n_samples,)
    weight : ndarray of shape (n_samples,)
    rng : RandomState
        Deals the rows out to the folds.
    n_jobs : int or None
        Folds learned at the same time.
    n_folds : int, default=3
    group : ndarray of int of shape (n_samples,), default=None
        Rows that are held out together, and have one vote for each answer.
    before : float, default=1.0
        The β that learning used.

    Returns
    -------
    float or None
        None where no row has a vote.
    """
    fold = fold_of_each_row(y, n_folds, rng, group)
    held_out = [_voters(np.flatnonzero(fold == f), y, fold != f) for f in range(n_folds)]
    held_out = [rows for rows in held_out if len(rows)]
    if not held_out:
        return None
    rows_so_far = np.cumsum([0] + [len(rows) for rows in held_out[:-1]])
    held_out = [
        rows for rows, n_rows in zip(held_out, rows_so_far, strict=True) if n_rows < ENOUGH_ROWS
    ]
    energies = Parallel(n_jobs=n_jobs)(
        delayed(held_out_energies)(np.flatnonzero(fold != fold[rows[0]]), rows) for rows in held_out
    )
    order = np.concatenate(held_out)
    group = np.arange(len(y)) if group is None else group
    return fit_beta(np.concatenate(energies), y[order], weight[order], before, group=group[order])


def _voters(
    rows: npt.NDArray[np.intp], y: npt.NDArray[np.intp], learned: npt.NDArray[np.bool_]
) -> npt.NDArray[np.intp]:
    """Those of some rows whose class was learned; none where that was a single class."""
    classes = np.unique(y[learned])
    return rows[np.isin(y[rows], classes)] if len(classes) > 1 else rows[:0]
