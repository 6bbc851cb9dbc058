"""Standardisation of features and answers to mean 0 and standard deviation 1."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.array_api import at_least, at_most, namespace_of
from sklearn_ebm._utils.array_ops import cast_like
from sklearn_ebm._utils.arrays import column_moments
from sklearn_ebm._utils.parameters import Array

# Rounding to multiples of r has an error with the standard deviation r/√12.
ROUNDED = 1 / np.sqrt(12)

# Features are clipped at this number of standard deviations, because a network extrapolates
# linearly without limit.
FAR = 1e3

# The unit of a constant answer, relative to its size: small, but much larger than its rounding.
ROUNDING = 1e-9


class Units(NamedTuple):
    """Means and scales of features and answers.

    Attributes
    ----------
    origin, scale : ndarray of shape (n_features,)
        Mean of each feature, and 1/standard deviation, or 0 for a constant feature.
    answer_origin, answer_unit : ndarray of shape (n_outputs,)
        Mean and standard deviation of each output. The unit of a constant output is 1e-9 of its
        size, or 1e-9 if it is 0.
    resolution : ndarray of shape (n_outputs,)
        Standard deviation of the rounding of each answer, in its unit.
    """

    origin: Array
    scale: Array
    answer_origin: Array
    answer_unit: Array
    resolution: Array

    def rows(self, X: Any) -> Array:
        """Standardise rows, in float64, and clip them."""
        xp = namespace_of(X)
        rows = cast_like(xp, X, X, xp.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            centred = rows - cast_like(xp, self.origin, rows)
            finite = xp.isfinite(centred)
            if not xp.all(finite):
                # The difference of two large numbers may overflow; it has the sign of the row.
                centred = xp.where(finite, centred, float(np.inf) * xp.sign(rows))
            centred *= cast_like(xp, self.scale, rows)
        undefined = xp.isnan(centred)
        if xp.any(undefined):
            centred = xp.where(undefined, xp.zeros_like(centred), centred)
        return at_most(xp, at_least(xp, centred, -FAR), FAR)

    def answers(self, y: Array) -> Array:
        """Standardise answers of shape (..., n_outputs)."""
        xp = namespace_of(y)
        values = cast_like(xp, y, y, xp.float64)
        values = values - cast_like(xp, self.answer_origin, values)
        values /= cast_like(xp, self.answer_unit, values)
        return values

    @property
    def log_unit(self) -> float:
        """Sum of the logarithms of the units of all outputs."""
        return float(np.log(self.answer_unit).sum())


def units_of(X: Any, y: Array, weight: npt.NDArray[np.float64]) -> Units:
    """Compute the units of rows and answers.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The input samples.
    y : ndarray of shape (n_samples, n_outputs)
        The target.
    weight : ndarray of shape (n_samples,)
        Sample weights.

    Returns
    -------
    Units
        Means and scales.

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
    # The unit of a constant is far above its rounding, so that densities around it are resolved.
    size = np.abs(answer_origin)
    of_constant = ROUNDING * np.where(size > 0, size, 1.0)
    answer_unit = np.where(np.isfinite(answer_unit), answer_unit, of_constant)
    gaps = np.array([_typical_gap(column) for column in y.T])
    return Units(origin, 1 / deviation, answer_origin, answer_unit, ROUNDED * gaps / answer_unit)


def _typical_gap(values: Array) -> float:
    """Median distance between neighbouring distinct numbers; 0 for a single number."""
    distinct = np.unique(values)
    return float(np.median(np.diff(distinct))) if len(distinct) > 1 else 0.0
