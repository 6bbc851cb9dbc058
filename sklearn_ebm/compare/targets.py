"""The target of a table, and the decision between classes and numbers."""

from typing import NamedTuple

import numpy as np

from sklearn_ebm.compare.cells import MAYBE_EMPTY, words_of
from sklearn_ebm.compare.columns import DataError, numbers_form

TASKS = ("auto", "classification", "regression")

# More different whole numbers than the first are a count, if one of them has fewer rows than the
# second, or each has on average fewer than the third.
_MANY_CLASSES, _RARE, _ROWS_PER_CLASS = 10, 5, 10


class Target(NamedTuple):
    """A target of classes or numbers.

    It has the mask of the rows with a label; their labels, as indices of `values` or, if these are
    empty, as numbers; how they are read; and notes about rows left out and the task.
    """

    labelled: np.ndarray
    labels: np.ndarray
    values: np.ndarray
    note: str
    notes: tuple[str, ...]


def read_target(values: np.ndarray, name: str, task: str, decimal: str = "") -> Target:
    """Read a target as classes or numbers.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
        Labels of any type.
    name : str
    task : {"auto", "classification", "regression"}
        With "auto", the task is a regression if there are fractional numbers, or many different
        whole numbers of which some are rare; otherwise a classification.
    decimal : str
        Decimal mark of the other columns, if the labels do not tell.

    Raises
    ------
    DataError
        If the labels cannot be used, or not for the task.

    Examples
    --------
    >>> read_target(np.array([1, 2, None, 1], dtype=object), "y", "auto").values
    array([1, 2])
    >>> read_target(np.array(["1,5", "2,0", "", "1,0"], dtype=object), "y", "auto").labels
    array([1.5, 2. , 1. ])
    """
    if task not in TASKS:
        raise DataError(f'There is no task "{task}". Known are {", ".join(TASKS)}.')
    if values.dtype.kind in "Mm":
        raise DataError(f'The target "{name}" is a date; the target must be classes or numbers.')
    form = None
    if values.dtype.kind == "O":
        form = numbers_form(words_of(values), decimal, with_codes=task == "regression")
    is_numeric = form is not None or values.dtype.kind in "iuf"
    if task == "regression" and not is_numeric:
        raise DataError(
            f'The target "{name}" cannot be taken as a quantity: it holds '
            f'"{next(iter(words_of(values).words), "nothing")}", which is no number; use '
            "--task classification, or a numeric column."
        )
    why, notes = "", []
    if is_numeric:
        numbers = form.read(values) if form else values.astype(np.float64)
        if np.isinf(numbers).any():
            raise DataError(f'The target "{name}" holds infinite values; leave those labels empty.')
        distinct, counts = np.unique(numbers[~np.isnan(numbers)], return_counts=True)
        why = _why_a_quantity(distinct, counts) if task == "auto" else ""
        choice = (
            f"a quantity, a regression, because {why}; --task classification takes its "
            f"{len(distinct)} values as classes."
            if why
            else f"{len(distinct)} classes, because its numbers are whole and few; "
            "--task regression takes it as a quantity."
        )
        if task == "auto" and (why or len(distinct) > 2):
            notes.append(f'The target "{name}" was taken as {choice}')
    if is_numeric and (why or task == "regression"):
        labelled = ~np.isnan(numbers)
        labels, classes = numbers[labelled], np.array([])
        written = f"; {form.note}" if form and form.note else ""
        note = f"{len(distinct)} different numbers{written}"
    else:
        # Words stay, with their units, unless all of them are plain numbers.
        plain = numbers if is_numeric and not (form and form.note) else None
        labelled, read = _classes(values, plain)
        classes, labels = np.unique(read[labelled], return_inverse=True)
        distinct, note = classes, f"{len(classes)} classes"
        words = [f'"{word}"' for word in classes.tolist() if str(word).casefold() in MAYBE_EMPTY]
        if words:
            notes.append(
                f'{", ".join(words)} of the target "{name}" was taken as a class; leave the cell '
                "empty where a label is missing."
            )
    if len(distinct) < 2:
        only = f'one value only, "{distinct[0]}"' if len(distinct) else "no values"
        raise DataError(f'The target "{name}" has {only}; it needs at least two.')
    count = int((~labelled).sum())
    if count:
        rows = "1 row without a label was" if count == 1 else f"{count} rows without a label were"
        notes.insert(0, f"{rows} left out.")
    return Target(labelled, labels, classes, note, tuple(notes))


def _classes(values: np.ndarray, numbers: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows have a label, and the labels: numbers, truths or text."""
    if numbers is not None:
        labelled = ~np.isnan(numbers)
        numbers = np.where(labelled, numbers, 0)
        is_whole = (numbers == np.clip(np.round(numbers), -(2**53), 2**53)).all()
        # pandas reads integers with empty cells as floats.
        return labelled, numbers.astype(np.int64) if is_whole else numbers
    words, codes = words_of(values, keep_na=True)
    texts = np.array([*words, ""])
    if {word.casefold() for word in words} == {"true", "false"}:
        texts = np.char.lower(texts) == "true"
    return codes >= 0, texts[codes]


def _why_a_quantity(distinct: np.ndarray, counts: np.ndarray) -> str:
    """Return the reason why numbers are not classes; an empty string if they are classes."""
    if (distinct != np.round(distinct)).any():
        return "its numbers have fractions"
    if len(distinct) <= _MANY_CLASSES:
        return ""
    if counts.sum() < _ROWS_PER_CLASS * len(distinct):
        return f"it holds {len(distinct)} whole numbers in {counts.sum()} rows"
    n_rare = (counts < _RARE).sum()
    a_count = f"it holds {len(distinct)} whole numbers, {n_rare} of them in fewer than {_RARE} rows"
    return a_count if n_rare else ""
