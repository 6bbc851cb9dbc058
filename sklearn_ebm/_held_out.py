"""Rows that learning does not see: given by the user, or taken from the rows of the fit."""

from __future__ import annotations

from contextlib import suppress
from numbers import Real
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from sklearn_ebm._fitting import counting_rows
from sklearn_ebm._learning import Rows
from sklearn_ebm._params import Array
from sklearn_ebm._validation import checked_rows, row_weights


def known_answers(y: Array, classes: Array, name: str) -> np.ndarray:
    """Return the number of each label's class; raise ValueError where there is another label."""
    kinds = {array.dtype.kind in "US" for array in (y, classes) if array.dtype.kind != "O"}
    answer, unknown = np.zeros(len(y), dtype=np.intp), np.ones(len(y), dtype=bool)
    with suppress(TypeError):  # labels of another kind do not compare
        if len(kinds) < 2:
            answer = np.searchsorted(classes, y).clip(max=len(classes) - 1)
            unknown = classes[answer] != y
    if np.any(unknown):
        raise ValueError(
            f"{name} holds the label {y[unknown].tolist()[0]!r}, which is not one of the classes "
            f"{classes.tolist()[:10]}."
        )
    return answer


def given_rows(
    estimator: Any, X: Any, y: Any, sample_weight: Any, of_class: Array, classes: Array
) -> Rows | None:
    """Rows that the user holds out as ``X_val``, ``y_val`` and ``sample_weight_val``.

    Their weights are multiplied with those of their classes in the fit, `of_class` (k,), which are
    zero for classes that are not learnt.
    """
    if X is None and y is None and sample_weight is None:
        return None
    if X is None or y is None:
        raise ValueError("X_val and y_val belong together: pass both, or neither of them.")
    try:
        X, y = checked_rows(estimator, X, y, reset=False)
    except ValueError as error:
        raise ValueError(f"X_val and y_val cannot be used: {error}") from error
    answer = known_answers(y, classes, "y_val")
    weight = row_weights(sample_weight, len(y), "sample_weight_val") * of_class[answer]
    if not weight.any():
        raise ValueError(
            "X_val and y_val hold no row of a class that is learnt: the rows of their classes have "
            "weight zero; pass rows of other classes, or none."
        )
    return counting_rows(X, answer, weight)


def split_rows(rows: Rows, fraction: Any, classes: Array, seed: int) -> tuple[Rows, Rows]:
    """Rows to learn from and rows to hold out, in the proportions of the classes."""
    if not (isinstance(fraction, Real) and 0 < float(fraction) < 1):
        raise ValueError(f"validation_fraction={fraction!r} must be a number between 0 and 1.")
    fraction = float(fraction)
    counts = np.bincount(rows.answer, minlength=len(classes))
    present = np.flatnonzero(counts)
    n_held_out = int(np.ceil(fraction * len(rows.answer)))
    short = present[counts[present] < 2]
    if len(short):
        label = classes.tolist()[short[0]]
        raise ValueError(
            f"early_stopping=True holds out rows of each class, but class {label!r} "
            "has one row; pass X_val and y_val, or use early_stopping=False."
        )
    if n_held_out < len(present) or len(rows.answer) - n_held_out < len(present):
        raise ValueError(
            f"early_stopping=True with validation_fraction={fraction:g} cannot hold out a row of "
            f"each of {len(present)} classes from {len(rows.answer)} rows; change "
            "validation_fraction, pass X_val and y_val, or use early_stopping=False."
        )
    kept, held_out = train_test_split(
        np.arange(len(rows.answer)), test_size=n_held_out, stratify=rows.answer, random_state=seed
    )
    kept.sort()
    if len(np.unique(rows.answer[kept])) < len(present):
        raise ValueError(
            f"early_stopping=True with validation_fraction={fraction:g} leaves no row of some "
            "class to learn from; lower it, pass X_val and y_val, or use early_stopping=False."
        )
    return Rows(*(part[kept] for part in rows)), Rows(*(part[held_out] for part in rows))
