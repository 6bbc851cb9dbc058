"""Validation of targets and predictions, and averages over samples and outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_array

from sklearn_ebm._utils.validation import row_weights
from sklearn_ebm.distributions.scalar import ScalarDistribution
from sklearn_ebm.distributions.vector import VectorDistribution

Floats = npt.NDArray[np.float64]


def answers(y_true: Any, y_pred: Any) -> Floats:
    """Return finite answers (n,) or (n, q), in the shape that the density `y_pred` requires.

    Raises
    ------
    ValueError
        If they are not finite numbers, or have several columns for a density of one output.
    """
    y: Floats = check_array(y_true, ensure_2d=False, dtype=np.float64, input_name="y_true")
    if isinstance(y_pred, VectorDistribution):
        return y if y.ndim == 2 else y[:, None]
    if y.ndim == 2 and y.shape[1] == 1:
        return y[:, 0]
    if y.ndim == 2 and isinstance(y_pred, ScalarDistribution):
        raise ValueError(
            f"y_true.shape == {y.shape}, but y_pred is the density of one number for each row; "
            f"pass y_true of shape ({len(y)},)."
        )
    return y


def numbers(name: str, values: Any) -> Floats:
    """Return a float64 array, or raise ValueError."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} must be an array of numbers or a conditional density, but {error}."
        ) from error


def method_of(density: Any, name: str) -> Callable[..., Any] | None:
    """Return a method of a conditional density, or None if it does not exist."""
    found = getattr(density, name, None)
    return found if callable(found) else None


def scores_of(density: Any, name: str, y: Floats, shape: tuple[int, ...]) -> Floats:
    """Return the scores computed by a method of a distribution.

    Raises
    ------
    TypeError
        If the distribution does not have the method.
    ValueError
        If the result has a wrong shape.
    """
    method = method_of(density, name)
    if method is None:
        raise TypeError(
            f"y_pred must have a method {name}, as what predict_distribution returns has, but "
            f"{type(density).__name__} has none."
        )
    return shaped(f"{name} of y_pred", numbers("y_pred", method(y)), shape)


def shaped(name: str, array: Floats, shape: tuple[int, ...]) -> Floats:
    """Return an array of the given shape, or raise ValueError."""
    if array.shape != shape:
        raise ValueError(f"{name} has the shape {array.shape}, but y_true asks for {shape}.")
    return array


def averaged(scores: npt.ArrayLike, sample_weight: Any, multioutput: Any = None) -> Any:
    """Return the weighted mean over samples, then over outputs as in scikit-learn.

    Samples of weight 0 are omitted, even if their score is not finite.

    Parameters
    ----------
    scores : array-like of shape (n_samples,) or (n_samples, n_outputs)
    sample_weight : array-like of shape (n_samples,) or None
    multioutput : {"uniform_average", "raw_values"}, array-like of shape (n_outputs,) or None
        None for scores of samples, which have no outputs.

    Returns
    -------
    float, or ndarray of shape (n_outputs,) for ``"raw_values"``
    """
    table = np.asarray(scores, dtype=np.float64)
    if sample_weight is None:
        means = table.mean(axis=0)
    else:
        means = _weighted_mean(table, row_weights(sample_weight, len(table)))
    if multioutput is None:
        return float(means)
    return over_outputs(np.atleast_1d(means), multioutput)


def over_outputs(means: Floats, multioutput: Any) -> Any:
    """Return the means (q,) of the outputs, or their average."""
    if isinstance(multioutput, str):
        if multioutput == "raw_values":
            return means
        if multioutput == "uniform_average":
            return float(means.mean())
        raise ValueError(
            f"multioutput={multioutput!r} must be 'uniform_average', 'raw_values' or one weight "
            "for each output."
        )
    return float(_weighted_mean(means, row_weights(multioutput, len(means), "multioutput")))


def _weighted_mean(table: Floats, weight: Floats) -> Any:
    """Return the mean of the rows of weight above 0."""
    counted = weight > 0
    # Relative weights, because a sum of the largest floats would overflow.
    return np.average(table[counted], axis=0, weights=weight[counted] / weight.max())
