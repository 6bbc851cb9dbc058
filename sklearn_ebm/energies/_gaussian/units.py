"""Units in which columns and answers have mean 0 and standard deviation 1."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.array_api import at_least, at_most, namespace_of
from sklearn_ebm._utils.array_ops import cast_like
from sklearn_ebm._utils.arrays import column_moments
from sklearn_ebm._utils.parameters import Array

# What is rounded to multiples of r has an error of standard deviation r/√12.
ROUNDED = 1 / np.sqrt(12)

# Rows further out than this, in standard deviations, are taken for rows at this distance: a network
# goes on to infinity along straight lines, the data do not.
FAR = 1e3

# The unit of a constant answer, as a part of its size: small, but many times its rounding.
ROUNDING = 1e-9


class Units(NamedTuple):
    """Where columns and answers have their origin, and what counts as one.

    Attributes
    ----------
    origin, scale : ndarray of shape (n_features,)
        Mean of each column, and one over its standard deviation; 0 for a constant column.
    answer_origin, answer_unit : ndarray of shape (n_outputs,)
        Mean and standard deviation of each answer; for a constant one 1e-9 of its size, or of 1
        where it is 0.
    resolution : ndarray of shape (n_outputs,)
        Standard deviation of the rounding of each answer, in units: what is narrower is not finite.
    """

    origin: Array
    scale: Array
    answer_origin: Array
    answer_unit: Array
    resolution: Array

    def rows(self, X: Any) -> Array:
        """Rows in units, in float64, up to a large distance from the origin."""
        xp = namespace_of(X)
        rows = cast_like(xp, X, X, xp.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            centred = rows - cast_like(xp, self.origin, rows)
            finite = xp.isfinite(centred)
            if not xp.all(finite):
                # The difference of two large numbers may overflow: it has the sign of the row.
                centred = xp.where(finite, centred, float(np.inf) * xp.sign(rows))
            centred *= cast_like(xp, self.scale, rows)
        nowhere = xp.isnan(centred)
        if xp.any(nowhere):
            centred = xp.where(nowhere, xp.zeros_like(centred), centred)
        return at_most(xp, at_least(xp, centred, -FAR), FAR)

    def answers(self, y: Array) -> Array:
        """Answers of shape (..., n_outputs) in units."""
        xp = namespace_of(y)
        values = cast_like(xp, y, y, xp.float64)
        values = values - cast_like(xp, self.answer_origin, values)
        values /= cast_like(xp, self.answer_unit, values)
        return values

    @property
    def log_unit(self) -> float:
        """Σ log of the units of the answers."""
        return float(np.log(self.answer_unit).sum())


def units_of(X: Any, y: Array, weight: npt.NDArray[np.float64]) -> Units:
    """Return the units that suit rows and answers.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples, n_outputs)
    weight : ndarray of shape (n_samples,)

    Examples
    --------
    Answers 0, 0, 4 and 4 have mean and standard deviation 2; they are multiples of 4, or 2 units:

    >>> y = np.array([[0.0], [0.0], [4.0], [4.0]])
    >>> units = units_of(np.zeros((4, 1)), y, np.ones(4))
    >>> units.answer_origin, units.answer_unit, units.resolution.round(4)
    (array([2.]), array([2.]), array([0.5774]))
    """
    origin, deviation = column_moments(X, weight, centred=True)
    answer_origin, answer_unit = column_moments(y, weight, centred=True)
    # That of a constant is well above its rounding, so that densities around it are resolved.
    size = np.abs(answer_origin)
    of_constant = ROUNDING * np.where(size > 0, size, 1.0)
    answer_unit = np.where(np.isfinite(answer_unit), answer_unit, of_constant)
    gaps = np.array([_typical_gap(column) for column in y.T])
    return Units(origin, 1 / deviation, answer_origin, answer_unit, ROUNDED * gaps / answer_unit)


def _typical_gap(values: Array) -> float:
    """The median distance between neighbouring distinct numbers; 0 for a single one."""
    distinct = np.unique(values)
    return float(np.median(np.diff(distinct))) if len(distinct) > 1 else 0.0
