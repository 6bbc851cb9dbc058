r"""Choice of the inverse temperature β on held-out rows (temperature scaling).

A few rows may not determine β: if the model is correct for all of them, their likelihood increases
with β without limit. β therefore maximises a posterior,

.. code-block:: none

    minimise over β:   Σᵢ wᵢ [β F(yᵢ) + log Σ exp(−β F)] + 2 log(1 + t²/3),    t = log(β/β₀)

where wᵢ are the sample weights, normalised to the number of distinct rows as their sum, and β₀ is
the β of learning. The prior of t is Student's distribution with three degrees of freedom and
scale 1. Within a factor of e of β₀ it resembles a normal distribution. Its tails are heavy, so that
about ten rows can move β by any power of ten if β₀ does not suit the energies.
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

# With this number of held-out rows β is well determined, and no further fold is learned.
ENOUGH_ROWS = 10_000

# With more classes than MANY_ANSWERS, the energies of the rows are at most so many.
MANY_ANSWERS, MOST_ENERGIES = 1_000, 2**24

# Range of β times the standard deviation of the energies of a row, and step of log β, of the grid
# search; it includes points around the β of learning.
SMALLEST, LARGEST, STEP = 1e-4, 1e4, 1.5

# Degrees of freedom of the prior on log β.
FREEDOM = 3


def fold_of_each_row(
    y: npt.NDArray[np.intp],
    n_folds: int,
    rng: np.random.RandomState,
    group: npt.NDArray[np.intp] | None = None,
) -> npt.NDArray[np.intp]:
    """Assign groups of rows to folds, class by class, at random, large groups first.

    A group belongs to the class of most of its rows. A group that is the only one with a class is
    never held out (fold −1), so that all classes occur in the training rows of each fold.

    Parameters
    ----------
    y : ndarray of int of shape (n_samples,)
        Class indices.
    n_folds : int
        Number of folds.
    rng : RandomState
        Source of random numbers.
    group : ndarray of int of shape (n_samples,), default=None
        Rows with the same value are held out together; None for each row separately.

    Returns
    -------
    ndarray of int of shape (n_samples,)
        The fold of each row, or −1.

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
    """Return the parameter β of a loss, or 1 if it has none."""
    return float(getattr(loss, "beta", 1.0))


def most_probable_beta(
    cost: Callable[[float], float], bounds: tuple[float, float], before: float, precision: float
) -> float:
    """Maximise the posterior of β.

    Parameters
    ----------
    cost : callable
        Function from β to the negative log-likelihood of all rows.
    bounds : tuple of float
        Range of β in which it is searched, besides the neighbourhood of `before`.
    before : float
        The β of learning, at which the prior is centred.
    precision : float
        Tolerance of log β.

    Returns
    -------
    float
        The β of the largest posterior.

    Examples
    --------
    A constant likelihood leaves β unchanged. With a likelihood for which log β is 1 ± 0.1, the
    posterior is largest if 100 (1 − t) = 4 t/(3 + t²), at t = 0.990:

    >>> most_probable_beta(lambda beta: 7.0, (0.1, 10.0), 2.0, 1e-6)
    2.0
    >>> beta = most_probable_beta(
    ...     lambda beta: 50 * (np.log(beta) - 1) ** 2, (0.1, 10.0), 1.0, 1e-6
    ... )
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
    """Return the β of the largest posterior for held-out energies.

    Energies are infinite for classes that were not learned; rows of such a class are not used.
    Copies of a row count as one row.

    Parameters
    ----------
    energies : ndarray of shape (n_samples, n_classes)
        Energies of held-out rows.
    y : ndarray of int of shape (n_samples,)
        Class indices.
    weight : ndarray of shape (n_samples,)
        Sample weights, in any unit.
    before : float, default=1.0
        The β of learning.
    group : ndarray of int of shape (n_samples,), default=None
        Rows with the same group and class are copies; None if there are no copies.

    Returns
    -------
    float
        The β of the largest posterior, or `before` if no row can be used.

    Examples
    --------
    For one row, whose wrong answer lies 1 above the correct one, the likelihood has no maximum. The
    posterior is largest if β/(1 + e^β) = 4 t/(3 + t²), t = log β:

    >>> beta = fit_beta(np.array([[0.0, 1.0]]), np.array([0]), np.ones(1))
    >>> round(beta, 2)
    1.24

    Three copies of it give the same result:

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
    weight = weight[votes] / weight[votes].max()
    weight *= n_votes / weight.sum()
    possible = np.isfinite(energies)
    variance = np.var(energies, axis=1, where=possible)
    spread = float(np.sqrt(np.average(variance, weights=weight)))
    if spread <= 1e-12 * float(np.abs(energies[possible]).max()):
        return before  # every β gives the same probabilities
    correct = correct_mask(y, energies.shape[1])

    def cost(beta: float) -> float:
        return beta * float(weight @ NLL(beta)(energies, correct)[0])

    return most_probable_beta(cost, (SMALLEST / spread, LARGEST / spread), before, 1e-6)


def some_votes(rows: npt.NDArray[np.intp], n_answers: int) -> npt.NDArray[np.intp]:
    """Return the rows, or for very many classes some of them, evenly spaced, to limit the memory.

    Examples
    --------
    Energies of 50,000 classes are computed for 335 rows at most:

    >>> len(some_votes(np.arange(1000), 50_000)), len(some_votes(np.arange(1000), 500))
    (334, 1000)
    """
    if n_answers <= MANY_ANSWERS:
        return rows
    return rows[:: max(-(-len(rows) * n_answers // MOST_ENERGIES), 1)]


def warn_of_no_votes(before: float, stacklevel: int) -> None:
    """Warn that no row could be used for the choice of β."""
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

    Rows of a class that does not occur in the training rows of their fold are not used.

    Parameters
    ----------
    held_out_energies : callable
        Function ``(training, held_out) -> energies`` of two index arrays: it learns from the
        training rows and returns the energies of the held-out rows, (len(held_out), k).
    y : ndarray of int of shape (n_samples,)
        Class indices.
    weight : ndarray of shape (n_samples,)
        Sample weights.
    rng : RandomState
        Source of random numbers for the folds.
    n_jobs : int or None
        Number of folds that are learned at the same time.
    n_folds : int, default=3
        Number of folds.
    group : ndarray of int of shape (n_samples,), default=None
        Rows with the same value are held out together; if they also have the same class, they
        count as one row.
    before : float, default=1.0
        The β of learning.

    Returns
    -------
    float or None
        β; None if no row can be used.
    """
    fold = fold_of_each_row(y, n_folds, rng, group)
    held_out = [_voters(np.flatnonzero(fold == f), y, fold != f) for f in range(n_folds)]
    held_out = [some_votes(rows, int(y.max()) + 1) for rows in held_out if len(rows)]
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
    """Select the rows whose class was learned; none if only a single class was learned."""
    classes = np.unique(y[learned])
    return rows[np.isin(y[rows], classes)] if len(classes) > 1 else rows[:0]
