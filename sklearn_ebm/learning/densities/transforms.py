"""Transformations of the target: none, compression of outliers, or the logarithm."""

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

# Answers further from the median than this number of typical distances are compressed.
CORE = 20.0

# The logarithm is tried if the quantiles of the absolute answers at 10 % and 90 % differ by the
# factor DECADES and nearly all answers have one sign. It is chosen if a forest of TREES trees has a
# smaller held-out loss, by at least BETTER nats, on at most MAX_VALIDATION_ROWS rows.
DECADES, ONE_SIGN, MAX_VALIDATION_ROWS, TREES, BETTER = 30.0, 0.98, 1_000, 10, 0.02

# The scale of the logarithm is this quantile of the absolute answers, but not below SMALLEST_PART
# times their median.
SMALLEST_SHARE, SMALLEST_PART = 0.01, 1e-6

# The standard deviation of a normal distribution is 1.4826 times its median absolute deviation.
OF_NORMAL = 1.4826


def chosen_transform(name: Any, rows: Rows, seed: int) -> SignedLog | None:
    """Return the transformation of the target.

    Parameters
    ----------
    name : {"auto", "log", None}
        The parameter ``y_transform``.
    rows : Rows
        Rows with the target.
    seed : int
        Seed of random numbers.

    Returns
    -------
    SignedLog or None
        The transformation; None if the target is not transformed.

    Raises
    ------
    ValueError
        If `name` is "log" and there are several outputs, or all answers are 0.
    """
    if name is None or (name == "auto" and rows.y.shape[1] > 1):
        return None
    if rows.y.shape[1] > 1:
        raise ValueError(
            f"y_transform={name!r} is for one output, but y has {rows.y.shape[1]}; "
            "use y_transform=None, and transform the columns of y yourself."
        )
    y = rows.y[:, 0]
    if name == "log":
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


def refuse_unknown(name: Any) -> None:
    """Raise ValueError unless it is the name of a transform, or None."""
    if not (name is None or (isinstance(name, str) and name in TRANSFORMS)):
        raise ValueError(unknown_name("y_transform", name, (*TRANSFORMS, "None")))


def drawn_in(y: Array, weight: Array) -> SignedLog | None:
    """Return a transformation that compresses outliers; None if there are none.

    Examples
    --------
    The median distance from the median is 1, which gives the scale 1.4826. The answer 1e6 is
    further away than 20 scales, where the logarithm begins:

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
    """Return sign(y) log(1 + abs(y)/s), with s below nearly all absolute values except 0."""
    size, weight = np.abs(y[y != 0]), weight[y != 0]
    small, typical = (_quantile(size, weight, share) for share in (SMALLEST_SHARE, 0.5))
    scale = max(small, SMALLEST_PART * typical)
    return SignedLog(0.0, scale, 0.0, float(y.min()), float(y.max()))


def _spans_decades(y: Array, weight: Array) -> bool:
    """Whether nearly all answers have one sign, and their sizes span decades."""
    size, weight, sign = np.abs(y[y != 0]), weight[y != 0], np.sign(y[y != 0])
    if not len(size) or abs(np.average(sign, weights=weight)) < ONE_SIGN:
        return False
    small, large = (_quantile(size, weight, share) for share in (0.1, 0.9))
    return large > DECADES * small


def _quantile(values: Array, weight: Array, share: float) -> float:
    """Weighted quantile.

    Examples
    --------
    >>> _quantile(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0]), 0.5)
    2.0
    """
    order = np.argsort(values, kind="stable")
    before = np.cumsum(weight[order])
    return float(values[order[np.searchsorted(before, share * before[-1] * (1 - 1e-12))]])


def transformed(rows: Rows, transform: SignedLog | None) -> Rows:
    """Apply a transformation to the answers of rows."""
    return rows if transform is None else rows._replace(y=transform(rows.y))


def _held_out_nll(rows: Rows, transform: SignedLog | None, seed: int) -> float:
    """Out-of-fold mean −log p(y | x) of a small `Memory`, in nats."""
    stacked = stack_densities(
        Memory(n_trees=TREES, min_leaf_size=2), transformed(rows, transform),
        rng=np.random.RandomState(seed), progress=SILENT, gradients=None, validation=None,
    )  # fmt: skip
    assert stacked.energy._units is not None
    nll = float(stacked.held_out_densities.prior()[1][-1]) + stacked.energy._units.log_unit
    return nll - mean_log_slope(stacked.validation_rows, stacked.energy._units, transform)


def mean_log_slope(validation_rows: Rows, units: Units, transform: SignedLog | None) -> float:
    """Mean log t'(y) of validation rows, the difference of log-densities of y and of t(y)."""
    if transform is None:
        return 0.0
    y = transform.inverse(validation_rows.y[:, 0] * units.answer_unit + units.answer_origin)
    return float(np.average(transform.log_slope(y), weights=validation_rows.weight))
