"""Held-out rows of a fit, passed by the user or split off, and batches of a stream."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils.multiclass import check_classification_targets, unique_labels

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.repeated import groups_of_equal_rows, main_answers
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.validation import checked_rows, row_weights, share
from sklearn_ebm.energies import ENERGIES, Energy
from sklearn_ebm.estimators._labels import check_labels
from sklearn_ebm.estimators._parts import positive_weight_rows, with_class_weight


def known_answers(y: Array, classes: Array, name: str) -> np.ndarray:
    """Return the class index of each label; raise ValueError for a label without a class."""
    kinds = {_kind(array) for array in (y, classes) if array.dtype.kind != "O"}
    answer, unknown = np.zeros(len(y), dtype=np.intp), np.ones(len(y), dtype=bool)
    with suppress(TypeError):  # labels of different kinds cannot be compared
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
    """Kind of the labels, such as text or number; NumPy compares some labels of different kinds."""
    kind = labels.dtype.kind
    return "number" if kind in "biuf" else "text" if kind in "US" else kind


def given_rows(
    estimator: Any, X: Any, y: Any, sample_weight: Any, of_class: Array, classes: Array
) -> Rows | None:
    """Held-out rows ``X_val``, ``y_val`` and ``sample_weight_val`` of the user, or None.

    Their weights are multiplied by the class weights of the fit, `of_class` (k,), which are zero
    for classes that are not learned.
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
            "X_val and y_val hold no row of a class that is learned: rows of their classes have "
            "weight zero; pass rows of other classes, or none."
        )
    return positive_weight_rows(X, answer, weight)


def split_rows(rows: Rows, fraction: Any, classes: Array, seed: int) -> tuple[Rows, Rows]:
    """Split rows into training rows and held-out rows, stratified by class.

    Equal rows stay together, unless this leaves too few groups to choose from.
    """
    fraction = share("validation_fraction", fraction)
    present, n_rows = np.unique(rows.y), len(rows.y)
    unit = groups_of_equal_rows(rows.X)
    size = np.bincount(unit)
    small = np.flatnonzero(size <= fraction * n_rows)
    answer = main_answers(unit, rows.y)
    if size.max() > 1 and _refusal(answer[small], present, fraction, classes) is None:
        drawn = _drawn_groups(size[small], answer[small], fraction, seed)
        kept: Any = ~np.isin(unit, small[drawn])
    else:
        refusal = _refusal(rows.y, present, fraction, classes)
        if refusal is not None:
            raise ValueError(refusal)
        learned, _ = train_test_split(
            np.arange(n_rows), test_size=int(np.ceil(fraction * n_rows)), stratify=rows.y,
            random_state=seed,
        )  # fmt: skip
        kept = np.isin(np.arange(n_rows), learned)
    if len(np.unique(rows.y[kept])) < len(present):
        raise ValueError(
            f"early_stopping=True with validation_fraction={fraction:g} leaves no row of some "
            "class to learn from; lower it, pass X_val and y_val, or use early_stopping=False."
        )
    return rows.take(kept), rows.take(~kept)


def _drawn_groups(size: Index, answer: Index, fraction: float, seed: int) -> Index:
    """Draw groups until they contain a fraction of the rows, about the same of each class.

    Examples
    --------
    A quarter of six rows, in groups of two:

    >>> _drawn_groups(np.array([2, 2, 2]), np.zeros(3, dtype=int), 0.25, 0)
    array([2])
    """
    order = np.random.RandomState(seed).permutation(len(size))
    place = np.empty(len(size))  # position of the middle of a group among the rows of its class
    for number in np.unique(answer):
        mine = order[answer[order] == number]
        place[mine] = (np.cumsum(size[mine]) - 0.5 * size[mine]) / size[mine].sum()
    order = order[np.argsort(place[order], kind="stable")]
    before = np.cumsum(size[order]) - size[order]
    return order[before < fraction * size.sum()]


def _refusal(answer: Index, present: Index, fraction: float, classes: Array) -> str | None:
    """Return the reason why rows of each class cannot be held out; None if they can."""
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


def stream_classes(classes: Any, before: Array | None) -> Array:
    """Return all classes of a stream, sorted; raise ValueError if they are missing or change."""
    if classes is None:
        if before is None:
            raise ValueError(
                "classes must be passed on the first call to partial_fit: all labels of the stream."
            )
        return before
    check_labels(classes, "classes")
    found = unique_labels(classes)
    if before is not None and not np.array_equal(found, before):
        raise ValueError(
            f"classes={found.tolist()[:10]} is not what the first call to partial_fit, or fit, "
            f"had: {before.tolist()[:10]}; leave classes=None, or start with a new estimator."
        )
    if len(found) < 2:
        raise ValueError(
            f"classes holds one class only, {found.tolist()[0]!r}; a classifier needs at least two."
        )
    return found


def stream_rows(
    estimator: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Any,
    classes: Array,
    *,
    first: bool,
) -> Rows:
    """Validated rows of positive weight, which may lack some classes."""
    check_labels(y)
    X, y = checked_rows(estimator, X, y, reset=first)
    check_classification_targets(y)
    answer = known_answers(y, classes, "y")
    weight = row_weights(sample_weight, len(y))
    weight = with_class_weight(class_weight, weight, y, classes, answer)
    return positive_weight_rows(X, answer, weight)


def refuse_what_needs_all_rows(estimator: Any) -> None:
    """Raise ValueError for settings that need all rows at once."""
    for name, value, way_out in (
        ("class_weight", "balanced", "pass the weights of the classes as a dict"),
        ("beta", "auto", "pass a number"),
        ("early_stopping", True, "use early_stopping=False"),
    ):
        given = getattr(estimator, name)
        if isinstance(given, str | bool | np.bool_) and given == value:
            raise ValueError(
                f"partial_fit has access to some rows only, but {name}={value!r} needs all of "
                f"them; {way_out}."
            )


def refuse_missing_answers(energy: Energy, rows: Rows, classes: Array) -> None:
    """Raise ValueError if an energy needs rows of every class and a class has none."""
    missing = np.setdiff1d(np.arange(len(classes)), rows.y)
    if energy.traits.needs_all_classes and len(missing):
        raise ValueError(
            f"energy {ENERGIES.name_of(energy)!r} starts from rows of every class, but the first "
            f"part has none of {classes.tolist()[missing[0]]!r}; put one in, or call fit on a "
            "sample first."
        )
