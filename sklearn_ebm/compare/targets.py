"""The target of a table, and the decision between classes and numbers."""

import datetime
from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from sklearn_ebm.compare.cells import MAYBE_EMPTY, words_of
from sklearn_ebm.compare.columns import DataError, numbers_form

TASKS = ("auto", "classification", "regression")

# More different whole numbers than the first are a count, if one of them has fewer rows than the
# second, or each has on average fewer than the third.
_MANY_CLASSES, _RARE, _ROWS_PER_CLASS = 10, 5, 10


class Target(NamedTuple):
    """The mask of the rows with a label, their labels, and notes.

    The labels are indices of `values` or, if these are empty, numbers. The note says how they are
    read; the notes are about rows left out and the task.
    """

    labelled: np.ndarray
    labels: np.ndarray
    values: np.ndarray
    note: str
    notes: tuple[str, ...]


def read_target(values: np.ndarray, name: str, task: str, decimal: str = "") -> Target:
    """Read labels of any type as classes or numbers; a DataError if they do not suit the task.

    With the task "auto" they are a regression if there are fractional numbers, or many different
    whole numbers of which some are rare. `decimal` is the mark of the other columns.

    Examples
    --------
    >>> read_target(np.array([1, 2, None, 1], dtype=object), "y", "auto").values
    array([1, 2])
    >>> read_target(np.array(["1,5", "2,0", "", "1,0"], dtype=object), "y", "auto").labels
    array([1.5, 2. , 1. ])
    """
    if task not in TASKS:
        raise DataError(f'There is no task "{task}". Known are {", ".join(TASKS)}.')
    if values.dtype.kind in "Mm" or isinstance(next(iter(values), None), datetime.date):
        raise DataError(f'The target "{name}" is a date; the target must be classes or numbers.')
    numbers, note = _numbers(values, name, task, decimal)
    why, notes = "", list[str]()
    if numbers is not None and task == "auto":
        why, notes = _choice(name, *np.unique(numbers[~np.isnan(numbers)], return_counts=True))
    if numbers is not None and (why or task == "regression"):
        labelled = ~np.isnan(numbers)
        labels, classes = numbers[labelled], np.array([])
        distinct = np.unique(labels)
        note = f"{len(distinct)} different numbers" + (f"; {note}" if note else "")
    else:
        # Words stay, with their units, unless all of them are plain numbers.
        labelled, read = _classes(values, None if note else numbers)
        classes, labels = np.unique(read[labelled], return_inverse=True)
        distinct, note = classes, f"{len(classes)} classes"
        notes += _doubtful(name, classes.tolist())
    if len(distinct) < 2:
        only = f'one value only, "{distinct[0]}"' if len(distinct) else "no values"
        raise DataError(f'The target "{name}" has {only}; it needs at least two.')
    count = int((~labelled).sum())
    rows = "1 row without a label was" if count == 1 else f"{count} rows without a label were"
    notes = [f"{rows} left out.", *notes] if count else notes
    return Target(labelled, labels, classes, note, tuple(notes))


def _numbers(
    values: np.ndarray, name: str, task: str, decimal: str
) -> tuple[np.ndarray | None, str]:
    """Return the labels as numbers and how they are written; None if they are words."""
    form, numbers = None, None
    if values.dtype.kind in "iuf":
        numbers = values.astype(np.float64)
    elif values.dtype.kind == "O":
        form = numbers_form(words_of(values), decimal, with_codes=task == "regression")
        numbers = form.read(values) if form else None
    if numbers is None and task == "regression":
        word = next(iter(words_of(values).words), "nothing")
        raise DataError(
            f'The target "{name}" cannot be taken as a quantity: it holds "{word}", which is no '
            "number; use --task classification, or a numeric column."
        )
    if numbers is not None and np.isinf(numbers).any():
        raise DataError(f'The target "{name}" holds infinite values; leave those labels empty.')
    return numbers, form.note if form else ""


def _doubtful(name: str, classes: list[Any]) -> list[str]:
    """Return notes about classes that may be missing labels, or different spellings of one."""
    notes, folded = [], Counter(str(each).casefold() for each in classes)
    missing = [f'"{each}"' for each in classes if str(each).casefold() in MAYBE_EMPTY]
    alike = [f'"{each}"' for each in classes if folded[str(each).casefold()] > 1]
    if missing:
        notes.append(
            f'{", ".join(missing)} of the target "{name}" was taken as a class; leave the cell '
            "empty where a label is missing."
        )
    if alike:
        notes.append(f"Classes that differ by case only are different: {', '.join(alike)}.")
    return notes


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


def _choice(name: str, distinct: np.ndarray, counts: np.ndarray) -> tuple[str, list[str]]:
    """Return why numbers are a quantity, empty if they are classes, and a note about it."""
    n_rows, n_rare = counts.sum(), (counts < _RARE).sum()
    why, n_distinct = "", len(distinct)
    if (distinct != np.round(distinct)).any():
        why = "its numbers have fractions"
    elif n_distinct > _MANY_CLASSES and n_rows < _ROWS_PER_CLASS * n_distinct:
        why = f"it holds {n_distinct} whole numbers in {n_rows} rows"
    elif n_distinct > _MANY_CLASSES and n_rare:
        why = f"it holds {n_distinct} whole numbers, {n_rare} of them in fewer than {_RARE} rows"
    choice = (
        f"a quantity, a regression, because {why}; --task classification takes its {n_distinct} "
        "values as classes"
        if why
        else f"{n_distinct} classes, because its numbers are whole and few; --task regression "
        "takes it as a quantity"
    )
    note = f'The target "{name}" was taken as {choice}.'
    return why, [note] if why or n_distinct > 2 else []
