"""Validation of class labels."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from scipy import sparse


def check_labels(y: Any, name: str = "y") -> None:
    """Raise ValueError if a label is missing, or if labels are objects other than text.

    scikit-learn checks everything else.

    Examples
    --------
    >>> check_labels(["a", None, "b"])
    Traceback (most recent call last):
    ValueError: Input y contains NaN, None or another missing label, the first (None) at position \
1; leave these rows out, or name what is missing by a label of its own.
    """
    if y is None or sparse.issparse(y):
        return
    of_pandas = getattr(y, "isna", None)
    if of_pandas is not None:
        _refuse_missing(np.ravel(of_pandas()), y, name)
    # In old versions, nullable numbers of pandas have the dtype object in NumPy.
    kinds = "biucUS" if of_pandas is None else "biucUSf"
    if getattr(getattr(y, "dtype", None), "kind", "O") in kinds:
        return
    try:
        labels = np.asarray(y).ravel()
        kind = labels.dtype.kind
        if kind in "US":  # a list, in which NaN has become text
            labels = np.asarray(y, dtype=object).ravel()
    except (TypeError, ValueError):  # no array; scikit-learn raises the error
        return
    if kind in "fMm":
        _refuse_missing(np.isnan(labels), labels, name)
    if kind in "OUS":
        _refuse_missing([_is_missing(label) for label in labels], labels, name)
    if kind == "O":
        _refuse_objects(labels, name)


def _is_missing(label: Any) -> bool:
    """Whether a label is None, NaN, NaT or the NA of pandas, which cannot be compared."""
    if isinstance(label, str):
        return False
    pandas = sys.modules.get("pandas")
    if label is None or (pandas is not None and label is pandas.NA):
        return True
    return np.ndim(label) == 0 and bool(label != label)


def _refuse_missing(missing: Any, y: Any, name: str) -> None:
    if np.any(missing):
        position = int(np.argmax(missing))
        label = np.asarray(y, dtype=object).ravel()[position]
        raise ValueError(
            f"Input {name} contains NaN, None or another missing label, the first ({label}) at "
            f"position {position}; leave these rows out, or name what is missing by a label of "
            "its own."
        )


def _refuse_objects(labels: Any, name: str) -> None:
    """Raise ValueError if objects other than text are labels: they may have no order."""
    kinds = sorted({type(label).__name__ for label in labels if not isinstance(label, str)})
    if not kinds:
        return
    if any(isinstance(label, str) for label in labels):
        kinds.append("str")
    if len(kinds) > 1:
        raise ValueError(
            f"The labels of {name} are of several types, {' and '.join(kinds)}, which have no "
            f"order; make them text, such as by {name}.astype(str)."
        )
    raise ValueError(
        f"Unknown label type: the labels of {name} are objects of type {kinds[0]}; use an array of "
        f"numbers, text or dates instead, such as numpy.array({name}.tolist()) or "
        f"{name}.astype(str)."
    )
