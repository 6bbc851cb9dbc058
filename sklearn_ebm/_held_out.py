"""Rows that learning does not see: given by the user, or taken from the rows of the fit."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from sklearn_ebm._fitting import counting_rows
from sklearn_ebm._labels import check_labels
from sklearn_ebm._learning import Rows
from sklearn_ebm._params import Array, Index
from sklearn_ebm._repeated import groups_of_equal_rows, main_answers
from sklearn_ebm._validation import checked_rows, row_weights, share


def known_answers(y: Array, classes: Array, name: str) -> np.ndarray:
    """Return the number of each label's class; raise ValueError where there is another label."""
    kinds = {_kind(array) for array in (y, classes) if array.dtype.kind != "O"}
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


def _kind(labels: Array) -> str:
    """Text, a number, a date or a duration: NumPy compares some that are of two kinds."""
    kind = labels.dtype.kind
    return "number" if kind in "biuf" else "text" if kind in "US" else kind


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
    check_labels(y, "y_val")
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
    """Rows to learn from and rows to hold out, in the proportions of the classes.

    Equal rows stay together. Where that leaves too few to choose from, each is on its own.
    """
    fraction = share("validation_fraction", fraction)
    present, n_rows = np.unique(rows.answer), len(rows.answer)
    unit = groups_of_equal_rows(rows.X)
    size = np.bincount(unit)
    small = np.flatnonzero(size <= fraction * n_rows)
    answer = main_answers(unit, rows.answer)
    if size.max() > 1 and _refusal(answer[small], present, fraction, classes) is None:
        drawn = _drawn_groups(size[small], answer[small], fraction, seed)
        kept: Any = ~np.isin(unit, small[drawn])
    else:
        refusal = _refusal(rows.answer, present, fraction, classes)
        if refusal is not None:
            raise ValueError(refusal)
        learnt, _ = train_test_split(
            np.arange(n_rows), test_size=int(np.ceil(fraction * n_rows)), stratify=rows.answer,
            random_state=seed,
        )  # fmt: skip
        kept = np.isin(np.arange(n_rows), learnt)
    if len(np.unique(rows.answer[kept])) < len(present):
        raise ValueError(
            f"early_stopping=True with validation_fraction={fraction:g} leaves no row of some "
            "class to learn from; lower it, pass X_val and y_val, or use early_stopping=False."
        )
    return Rows(*(part[kept] for part in rows)), Rows(*(part[~kept] for part in rows))


def _drawn_groups(size: Index, answer: Index, fraction: float, seed: int) -> Index:
    """Groups in random order until they have a fraction of the rows, of each class about as much.

    Examples
    --------
    A quarter of six rows, in groups of two:

    >>> _drawn_groups(np.array([2, 2, 2]), np.zeros(3, dtype=int), 0.25, 0)
    array([2])
    """
    order = np.random.RandomState(seed).permutation(len(size))
    place = np.empty(len(size))  # of the middle of a group among the rows of its class
    for number in np.unique(answer):
        mine = order[answer[order] == number]
        place[mine] = (np.cumsum(size[mine]) - 0.5 * size[mine]) / size[mine].sum()
    order = order[np.argsort(place[order], kind="stable")]
    before = np.cumsum(size[order]) - size[order]
    return order[before < fraction * size.sum()]


def _refusal(answer: Index, present: Index, fraction: float, classes: Array) -> str | None:
    """Why rows of each class present cannot be held out, if they cannot."""
    counts = np.bincount(answer, minlength=len(classes))
    n_held_out = int(np.ceil(fraction * len(answer)))
    short = present[counts[present] < 2]
    if len(short):
        label = classes.tolist()[short[0]]
        return (
            f"early_stopping=True holds out rows of each class, but class {label!r} "
            "has one row; pass X_val and y_val, or use early_stopping=False."
        )
    if n_held_out < len(present) or len(answer) - n_held_out < len(present):
        return (
            f"early_stopping=True with validation_fraction={fraction:g} cannot hold out a row of "
            f"each of {len(present)} classes from {len(answer)} rows; change "
            "validation_fraction, pass X_val and y_val, or use early_stopping=False."
        )
    return None
