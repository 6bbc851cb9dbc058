"""Slices in which one feature varies and all others are fixed."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.inspection._axes import feature_names


class FeatureSlice(NamedTuple):
    """Rows along one feature.

    Attributes
    ----------
    rows : array or data frame of shape (g, n_features)
        Rows of the same type as X.
    at : ndarray of shape (g,)
        Values of the feature, increasing.
    values : ndarray of shape (n_samples,)
        Values of the feature in X.
    label : str
        Name of the feature, and values of the others.
    """

    rows: Any
    at: Array
    values: Array
    label: str


def section_of(
    estimator: Any, X: Any, feature: int | str, others: Any, resolution: int
) -> FeatureSlice:
    """Return rows from the smallest to the largest value of a feature in X.

    Parameters
    ----------
    estimator : regressor
        Estimator with names of the features.
    X : array-like of shape (n_samples, n_features)
    feature : int or str
        Index or name of the feature.
    others : "median" or array-like of shape (n_features,)
        Values of the other features.
    resolution : int
        Number of rows, at least 2.

    Raises
    ------
    ValueError
        If there is no such feature, or `others` is not a row.
    """
    if positive_integer("grid_resolution", resolution) < 2:
        raise ValueError("grid_resolution=1 must be 2 or more: a section has two ends.")
    values = matrix_of(X)
    names = feature_names(estimator, X)
    place = place_of(feature, names)
    row = row_of(others, values)
    column = values[:, place]
    if column.min() == column.max():
        raise ValueError(
            f"feature={feature!r} is {column[0]:g} in all rows of X; choose one that varies."
        )
    at = np.linspace(column.min(), column.max(), resolution)
    rows = np.tile(row, (resolution, 1))
    rows[:, place] = at
    note = "" if len(row) == 1 else f", others {_description(others)}"
    name = "x" if len(row) == 1 and names[0] == "$x_{1}$" else names[place]
    return FeatureSlice(as_given(rows, X), at, column, name + note)


def matrix_of(X: Any) -> Array:
    """Return X as an array of numbers (n, d), or raise ValueError."""
    try:
        values = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"X must be a dense matrix of numbers to draw over it: {error}") from error
    if values.ndim != 2 or len(values) == 0:
        raise ValueError(f"X.shape == {np.shape(X)}, expected (n, d) with one row or more.")
    if not np.isfinite(values).all():
        raise ValueError("X contains NaN or infinity; the rows to draw over must be finite.")
    return values


def as_given(rows: Array, X: Any) -> Any:
    """Return rows as a data frame if X is one."""
    columns = getattr(X, "columns", None)
    if columns is None:
        return rows
    return type(X)({name: rows[:, place] for place, name in enumerate(columns)})


def place_of(feature: int | str, names: list[str]) -> int:
    """Return the index of a feature given by index or name, or raise ValueError."""
    if isinstance(feature, str):
        if feature in names:
            return names.index(feature)
        raise ValueError(f"feature={feature!r} is no name of a feature; known: {', '.join(names)}.")
    if not -len(names) <= feature < len(names):
        raise ValueError(f"feature={feature!r}, but X has {len(names)} features.")
    return int(feature) % len(names)


def row_of(others: Any, values: Array) -> Array:
    """Return the row with the values of the other features, (d,)."""
    if isinstance(others, str):
        if others != "median":
            raise ValueError(f"others={others!r} must be 'median' or a row of X.")
        return np.median(values, axis=0)
    row = np.asarray(others, dtype=np.float64).ravel()
    if row.shape != values.shape[1:]:
        raise ValueError(
            f"others.shape == {np.shape(others)}, expected a row of {values.shape[1]} features, or "
            "'median'."
        )
    return row


def _description(others: Any) -> str:
    return "at their median" if isinstance(others, str) else "as in the given row"


def name_of_answer(y: Any) -> str:
    """Return the name of a series of answers, or "y"."""
    name = getattr(y, "name", None)
    return "y" if name is None else str(name)
