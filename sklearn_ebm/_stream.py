"""Parts of a stream: their classes, and rows of some of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets, unique_labels

from sklearn_ebm._fitting import counting_rows, with_class_weight
from sklearn_ebm._held_out import known_answers
from sklearn_ebm._labels import check_labels
from sklearn_ebm._learning import Rows
from sklearn_ebm._params import Array
from sklearn_ebm._validation import checked_rows, row_weights
from sklearn_ebm.energies import ENERGIES, Energy


def stream_classes(classes: Any, before: Array | None) -> Array:
    """Return all classes of a stream, sorted; raise ValueError where they are missing or change."""
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
    """Validated rows of positive weight; they need not hold every class."""
    check_labels(y)
    X, y = checked_rows(estimator, X, y, reset=first)
    check_classification_targets(y)
    answer = known_answers(y, classes, "y")
    weight = row_weights(sample_weight, len(y))
    weight = with_class_weight(class_weight, weight, y, classes, answer)
    return counting_rows(X, answer, weight)


def refuse_what_needs_all_rows(estimator: Any) -> None:
    """Raise ValueError for settings that a part of the rows cannot serve."""
    for name, value, way_out in (
        ("class_weight", "balanced", "pass the weights of the classes as a dict"),
        ("beta", "auto", "pass a number"),
        ("early_stopping", True, "use early_stopping=False"),
    ):
        given = getattr(estimator, name)
        if isinstance(given, str | bool | np.bool_) and given == value:
            raise ValueError(
                f"partial_fit sees a part of the rows only, but {name}={value!r} needs all of "
                f"them; {way_out}."
            )


def refuse_missing_answers(energy: Energy, rows: Rows, classes: Array) -> None:
    """Raise ValueError where an energy starts from rows of every class, and one has none."""
    missing = np.setdiff1d(np.arange(len(classes)), rows.answer)
    if energy.needs_every_answer and len(missing):
        raise ValueError(
            f"energy {ENERGIES.name_of(energy)!r} starts from rows of every class, but the first "
            f"part has none of {classes.tolist()[missing[0]]!r}; put one in, or call fit on a "
            "sample first."
        )
