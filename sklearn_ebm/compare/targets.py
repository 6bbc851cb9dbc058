"""The target of a table, and the decision between classes and numbers."""

import decimal
import warnings
from typing import NamedTuple

import numpy as np
from sklearn.utils.multiclass import type_of_target

from sklearn_ebm.compare.cells import MAYBE_EMPTY
from sklearn_ebm.compare.columns import DataError, RawColumn

TASKS = ("auto", "classification", "regression")

# With more distinct integers than the first number, and on average fewer rows for each than the
# second, the task is a regression.
_MANY_CLASSES, _ROWS_PER_CLASS = 20, 5
# With more distinct numbers than this, a note states that they are classes.
_FEW_CLASSES = 5


class Target(NamedTuple):
    """A converted target column.

    It has the mask of the rows with labels; their labels, as indices of `classes` or, if there are
    no classes, as numbers; the classes as text; and notes.
    """

    labelled: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def read_target(column: RawColumn, task: str) -> Target:
    """Convert a target column to classes or numbers.

    Parameters
    ----------
    column : RawColumn
    task : {"auto", "classification", "regression"}
        With "auto", the task is a regression if there are fractional numbers, as in scikit-learn,
        or many different integers relative to the number of rows; otherwise a classification.

    Raises
    ------
    DataError
        If the labels cannot be used, or not for the task.

    Examples
    --------
    >>> from sklearn_ebm.compare.columns import raw_column
    >>> read_target(raw_column([1, 2, None, 1], "y"), "auto").classes
    ('1', '2')
    >>> read_target(raw_column([1.5, 2.0, None, 1.0], "y"), "auto").labels
    array([1.5, 2. , 1. ])
    """
    if task not in TASKS:
        raise DataError(f'There is no task "{task}". Known are {", ".join(TASKS)}.')
    name = column.name
    present, missing = _present(column)
    if task == "regression":
        present, missing = _as_quantity(present, missing)
    is_number = present.dtype.kind in "iuf"
    if is_number and np.isinf(present.astype(np.float64)).any():
        raise DataError(f'The target "{name}" holds infinite values; leave those labels empty.')
    distinct = np.unique(present)
    why = _why_a_quantity(present, distinct) if is_number and task == "auto" else ""
    notes = _left_out(int(missing.sum()))
    classes: tuple[str, ...] = ()
    if task == "regression" or why:
        labels = _numbers(name, present, distinct)
        if why:
            notes.append(
                f'The target "{name}" was taken as a quantity, a regression, because {why}; the '
                f'task "classification" takes its {len(distinct)} values as classes.'
            )
    else:
        labels, classes = _classes(name, present)
        notes += _doubtful_words(name, classes)
        if is_number and task == "auto" and len(distinct) > _FEW_CLASSES:
            notes.append(
                f'The target "{name}" was taken as {len(distinct)} classes, because its numbers '
                'are whole and few; the task "regression" takes it as a quantity.'
            )
    return Target(~missing, labels, classes, tuple(notes))


def _present(column: RawColumn) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels that are not missing, and the mask of missing ones."""
    name, values, missing = column
    if values.ndim == 2 and values.shape[1] == 1:
        values, missing = values[:, 0], missing[:, 0]
    if values.ndim != 1:
        raise DataError("The labels have more than one column; give one label per row.")
    present = values[~missing]
    if present.dtype.kind == "O" and not all(isinstance(value, str) for value in present):
        present = _of_one_kind(name, present)
    if present.dtype.kind in "Mm":
        raise DataError(f'The target "{name}" is a date; the target must be classes or numbers.')
    return present, missing


def _left_out(count: int) -> list[str]:
    """Notes about rows without a label."""
    if not count:
        return []
    rows = "1 row without a label was" if count == 1 else f"{count} rows without a label were"
    return [f"{rows} left out."]


def _of_one_kind(name: str, values: np.ndarray) -> np.ndarray:
    """Convert numbers in an object array to floats, and values of mixed types to text."""
    if {type(value) for value in values} <= {int, float, decimal.Decimal}:
        return values.astype(float)
    text = values.astype(str)
    if len(set(text.tolist())) < len(set(values.tolist())):
        raise DataError(
            f'The target "{name}" holds labels that are written alike, such as the number 1 and '
            'the text "1"; make them all numbers, or all text.'
        )
    return text


def _as_quantity(values: np.ndarray, missing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Convert text with numbers; return the numbers and the mask of missing ones."""
    values = _codes_of_a_quantity(values)
    if values.dtype.kind != "f":
        return values, missing
    missing = missing.copy()
    missing[~missing] = np.isnan(values)
    return values[~np.isnan(values)], missing


def _codes_of_a_quantity(values: np.ndarray) -> np.ndarray:
    """Convert text with numbers, such as "007", to numbers; return other values unchanged.

    Among numbers, words such as "NA" become NaN.
    """
    if values.dtype.kind not in "OU":
        return values
    words = ["nan" if word in MAYBE_EMPTY else word for word in values.astype(str).tolist()]
    if any("_" in word for word in words):  # Python also reads 1_0 as 10
        return values
    try:
        return np.array(words).astype(np.float64)
    except ValueError:
        return values


def _doubtful_words(name: str, classes: tuple[str, ...]) -> list[str]:
    """Notes about classes that may stand for a missing label."""
    words = [f'"{label}"' for label in classes if label in MAYBE_EMPTY]
    if not words:
        return []
    return [
        f'{", ".join(words)} of the target "{name}" was taken as a class; leave the cell empty '
        "where a label is missing."
    ]


def _why_a_quantity(values: np.ndarray, distinct: np.ndarray) -> str:
    """Return the reason why numbers are not classes; an empty string if they are classes."""
    with warnings.catch_warnings():  # a warning of many classes, which are handled below
        warnings.simplefilter("ignore", UserWarning)
        if len(values) and type_of_target(values) == "continuous":
            return "its numbers have fractions"
    if len(distinct) > _MANY_CLASSES and _ROWS_PER_CLASS * len(distinct) > len(values):
        return f"it holds {len(distinct)} different numbers in {len(values)} rows"
    return ""


def _numbers(name: str, values: np.ndarray, distinct: np.ndarray) -> np.ndarray:
    if len(distinct) and values.dtype.kind not in "iuf":
        raise DataError(
            f'The target "{name}" cannot be taken as a quantity: it holds "{values[0]}", which is '
            'no number; use the task "classification", or a numeric column.'
        )
    if len(distinct) < 2:
        only = f'one value only, "{distinct[0]}"' if len(distinct) else "no values"
        raise DataError(f'The target "{name}" has {only}; a regression needs at least two.')
    return values.astype(np.float64)


def _classes(name: str, values: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    if values.dtype.kind == "f" and (values == np.clip(np.round(values), -(2**53), 2**53)).all():
        values = values.astype(np.int64)  # pandas reads integers with empty cells as floats
    classes, labels = np.unique(values, return_inverse=True)
    if len(classes) == 0:
        raise DataError(f'The target "{name}" has no labels; a classifier needs at least two.')
    if len(classes) == 1:
        raise DataError(
            f'The target "{name}" has one class only, "{classes[0]}"; a classifier needs at '
            "least two."
        )
    return labels, tuple(str(value) for value in classes.tolist())
