"""In which form answers are learned: as they are, with far ones drawn in, or by their logarithm."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.distributions._numerics.signed_log import SignedLog
from sklearn_ebm.energies._bank.folds import SILENT
from sklearn_ebm.energies._gaussian.units import Units
from sklearn_ebm.energies.memory import Memory
from sklearn_ebm.learning.densities.stacking import stack_densities

TRANSFORMS = ("auto", "log")

# Answers further from the median than this, in typical distances from it, are drawn in.
CORE = 20.0

# Sizes of answers, but for one in a hundred of one sign, whose quantiles at 10 % and 90 % are this
# far apart may be better learned as logarithms; whether they are, is told by so many rows and
# trees, and by so many nats at least.
DECADES, ONE_SIGN, MAX_VALIDATION_ROWS, TREES, BETTER = 30.0, 0.98, 1_000, 10, 0.02

# The logarithm goes down to the size that this share of the answers is below, and no further than
# this part of the typical size.
SMALLEST_SHARE, SMALLEST_PART = 0.01, 1e-6

# A normal distribution has standard deviation 1.4826 times its median distance from the median.
OF_NORMAL = 1.4826


def chosen_transform(asked: Any, rows: Rows, seed: int) -> SignedLog | None:
    """Return the transform of the answers that is asked for, or that suits them; None for none.

    Parameters
    ----------
    asked : {"auto", "log", None}
    rows : Rows
    seed : int

    Raises
    ------
    ValueError
        If "log" is asked for and an answer is not one number, or all of them are 0.
    """
    if asked is None or (asked == "auto" and rows.y.shape[1] > 1):
        return None
    if rows.y.shape[1] > 1:
        raise ValueError(
            f"y_transform={asked!r} is for one answer of each row, but y has {rows.y.shape[1]}; "
            "use y_transform=None, and transform the columns of y yourself."
        )
    y = rows.y[:, 0]
    if asked == "log":
        if not y.any():
            raise ValueError("y_transform='log' needs answers other than 0; use y_transform=None.")
        return of_sizes(y, rows.weight)
    as_they_are = drawn_in(y, rows.weight)
    if len(y) < 2 or not _spans_decades(y, rows.weight):
        return as_they_are
    rng = np.random.RandomState(seed)
    validation = rows.take(np.sort(rng.permutation(len(y))[:MAX_VALIDATION_ROWS]))
    candidates = [as_they_are, of_sizes(y, rows.weight)]
    one, other = (_held_out_nll(validation, transform, seed) for transform in candidates)
    return candidates[int(one - other > BETTER)]


def refuse_unknown(asked: Any) -> None:
    """Raise ValueError unless it is the name of a transform, or None."""
    if not (asked is None or (isinstance(asked, str) and asked in TRANSFORMS)):
        raise ValueError(unknown_name("y_transform", asked, (*TRANSFORMS, "None")))


def drawn_in(y: Array, weight: Array) -> SignedLog | None:
    """Return what draws in answers that are very far from the others; None where none is.

    Examples
    --------
    The typical distance from the median is 1, or 1.4826 as a standard deviation; 1e6 is further
    away than 20 of these, which is where the logarithm begins:

    >>> transform = drawn_in(np.array([-1.0, 0.0, 1.0, 0.0, 1e6]), np.ones(5))
    >>> transform.centre, transform.scale, transform.core
    (0.0, 1.4826, 20.0)
    >>> drawn_in(np.array([-1.0, 0.0, 1.0, 0.0, 20.0]), np.ones(5))
    """
    centre = _quantile(y, weight, 0.5)
    distance = np.abs(y - centre)
    away = distance > 0
    if not away.any():
        return None
    scale = OF_NORMAL * _quantile(distance[away], weight[away], 0.5)
    if distance.max() <= CORE * scale:
        return None
    return SignedLog(centre, scale, CORE, float(y.min()), float(y.max()))


def of_sizes(y: Array, weight: Array) -> SignedLog:
    """Return sign(y) log(1 + |y|/s), with s below nearly all sizes but 0."""
    size, weight = np.abs(y[y != 0]), weight[y != 0]
    small, typical = (_quantile(size, weight, share) for share in (SMALLEST_SHARE, 0.5))
    scale = max(small, SMALLEST_PART * typical)
    return SignedLog(0.0, scale, 0.0, float(y.min()), float(y.max()))


def _spans_decades(y: Array, weight: Array) -> bool:
    """Whether sizes do, of answers that nearly all have one sign."""
    size, weight, sign = np.abs(y[y != 0]), weight[y != 0], np.sign(y[y != 0])
    if not len(size) or abs(np.average(sign, weights=weight)) < ONE_SIGN:
        return False
    small, large = (_quantile(size, weight, share) for share in (0.1, 0.9))
    return large > DECADES * small


def _quantile(values: Array, weight: Array, share: float) -> float:
    """The least value that this share of the weight does not exceed.

    Examples
    --------
    >>> _quantile(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0]), 0.5)
    2.0
    """
    order = np.argsort(values, kind="stable")
    before = np.cumsum(weight[order])
    return float(values[order[np.searchsorted(before, share * before[-1] * (1 - 1e-12))]])


def transformed(rows: Rows, transform: SignedLog | None) -> Rows:
    """Rows with the transform of their answers."""
    return rows if transform is None else rows._replace(y=transform(rows.y))


def _held_out_nll(rows: Rows, transform: SignedLog | None, seed: int) -> float:
    """Mean −log p(y | x) of rows that a small memory of the others has not seen, in nats."""
    counted = stack_densities(
        Memory(n_trees=TREES, min_leaf_size=2), transformed(rows, transform),
        rng=np.random.RandomState(seed), progress=SILENT, gradients=None, validation=None,
    )  # fmt: skip
    assert counted.energy._units is not None
    nll = float(counted.held_out_densities.prior()[1][-1]) + counted.energy._units.log_unit
    return nll - mean_log_slope(counted.validation_rows, counted.energy._units, transform)


def mean_log_slope(validation_rows: Rows, units: Units, transform: SignedLog | None) -> float:
    """Mean log t'(y) of validation rows: what a log-density of t(y) lacks of that of y."""
    if transform is None:
        return 0.0
    y = transform.inverse(validation_rows.y[:, 0] * units.answer_unit + units.answer_origin)
    return float(np.average(transform.log_slope(y), weights=validation_rows.weight))
