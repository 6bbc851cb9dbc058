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

    Attributes
    ----------
    labelled : ndarray of shape (n_samples,), bool
        Which rows have a label; `labels` are of these rows.
    labels : ndarray
        Indices of `values`; the numbers in a regression.
    values : ndarray
        The different labels; empty in a regression.
    note : str
        How the labels are read.
    notes : tuple of str
        Rows left out, and why the task is what it is.
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
    numbers, note = _numbers(values, task, decimal)
    if numbers is None and task == "regression":
        word = next(iter(words_of(values).words), "nothing")
        raise DataError(
            f'The target "{name}" cannot be taken as a quantity: it holds "{word}", which is no '
            "number; use --task classification, or a numeric column."
        )
    why, notes = "", []
    if numbers is not None:
        if np.isinf(numbers).any():
            raise DataError(f'The target "{name}" holds infinite values; leave those labels empty.')
        distinct, counts = np.unique(numbers[~np.isnan(numbers)], return_counts=True)
        why = _why_a_quantity(distinct, counts) if task == "auto" else ""
        if why:
            notes.append(
                f'The target "{name}" was taken as a quantity, a regression, because {why}; '
                f"--task classification takes its {len(distinct)} values as classes."
            )
        elif task == "auto" and len(distinct) > 2:
            notes.append(
                f'The target "{name}" was taken as {len(distinct)} classes, because its numbers '
                "are whole and few; --task regression takes it as a quantity."
            )
    if numbers is not None and (why or task == "regression"):
        labelled, labels = ~np.isnan(numbers), numbers[~np.isnan(numbers)]
        distinct, shown, classes = np.unique(labels), "different numbers", np.array([])
    else:
        # Words stay, with their units, unless all of them are plain numbers.
        labelled, read = _classes(values, numbers if not note else None)
        distinct, labels = np.unique(read[labelled], return_inverse=True)
        note, shown, classes = "", "classes", distinct
        notes += _doubtful_words(name, distinct)
    if len(distinct) < 2:
        only = f'one value only, "{distinct[0]}"' if len(distinct) else "no values"
        raise DataError(f'The target "{name}" has {only}; it needs at least two.')
    count = int((~labelled).sum())
    if count:
        rows = "1 row without a label was" if count == 1 else f"{count} rows without a label were"
        notes.insert(0, f"{rows} left out.")
    note = "; ".join(filter(None, [f"{len(distinct)} {shown}", note]))
    return Target(labelled, labels, classes, note, tuple(notes))


def _numbers(values: np.ndarray, task: str, decimal: str) -> tuple[np.ndarray | None, str]:
    """Return the labels as numbers, NaN if missing, and how they are written; None for words."""
    if values.dtype.kind in "iuf":
        return values.astype(np.float64), ""
    if values.dtype.kind == "b":
        return None, ""
    form = numbers_form(words_of(values), decimal, with_codes=task == "regression")
    return (None, "") if form is None else (form.read(values), form.note)


def _classes(values: np.ndarray, numbers: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows have a label, and the labels: whole numbers, numbers, truths or text."""
    if values.dtype.kind == "b":
        return np.ones(len(values), dtype=bool), values
    if numbers is None:
        words, codes, *_ = words_of(values)
        texts = np.array([*words, ""])
        if {word.casefold() for word in words} == {"true", "false"}:
            texts = np.char.lower(texts) == "true"
        return codes >= 0, texts[codes]
    labelled = ~np.isnan(numbers)
    present = numbers[labelled]
    if (present == np.clip(np.round(present), -(2**53), 2**53)).all():
        # pandas reads integers with empty cells as floats.
        numbers = np.where(labelled, numbers, 0).astype(np.int64)
    return labelled, numbers


def _doubtful_words(name: str, labels: np.ndarray) -> list[str]:
    """Note about classes that may stand for a missing label."""
    words = [f'"{label}"' for label in labels.tolist() if str(label).casefold() in MAYBE_EMPTY]
    if not words:
        return []
    return [
        f'{", ".join(words)} of the target "{name}" was taken as a class; leave the cell empty '
        "where a label is missing."
    ]


def _why_a_quantity(distinct: np.ndarray, counts: np.ndarray) -> str:
    """Return the reason why numbers are not classes; an empty string if they are classes."""
    if (distinct != np.round(distinct)).any():
        return "its numbers have fractions"
    if len(distinct) <= _MANY_CLASSES:
        return ""
    n_rare = int((counts < _RARE).sum())
    if n_rare:
        return (
            f"it holds {len(distinct)} whole numbers, {n_rare} of them in fewer than {_RARE} rows"
        )
    n_rows = int(counts.sum())
    is_thin = n_rows < _ROWS_PER_CLASS * len(distinct)
    return f"it holds {len(distinct)} whole numbers in {n_rows} rows" if is_thin else ""
