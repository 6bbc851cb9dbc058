"""Conversion of a data frame or arrays to numbers, categories and a target."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse

from sklearn_ebm._utils.arrays import canonical_rows
from sklearn_ebm.compare.columns import (
    Column,
    DataError,
    RawColumn,
    as_typed,
    closest,
    raw_column,
    raw_columns,
    typed_columns,
    why_useless,
)
from sklearn_ebm.compare.targets import Target, read_target


@dataclass(frozen=True)
class Table:
    """The typed columns of a data set and its target.

    Attributes
    ----------
    numbers : ndarray or sparse matrix of shape (n_samples, p), float
        Numeric columns, with NaN for missing values.
    categories : ndarray of shape (n_samples, n_outputs), int32
        Codes of the categorical columns; 0 stands for a missing value.
    number_names, category_names : tuple of str
        Names of the columns of `numbers` and `categories`.
    labels : ndarray of shape (n_samples,), int
        Class indices of the rows; the target itself, float, if it is numeric.
    classes : tuple of str
        The classes, as text; empty if the target is numeric.
    target_name : str
        Name of the target.
    notes : tuple of str
        Omitted rows and columns, with reasons.
    source : str
        Origin of the data.
    """

    numbers: Any
    categories: np.ndarray
    number_names: tuple[str, ...]
    category_names: tuple[str, ...]
    labels: np.ndarray
    classes: tuple[str, ...]
    target_name: str = "y"
    notes: tuple[str, ...] = ()
    source: str = "data in memory"

    @property
    def n_columns(self) -> int:
        """Number of columns of `numbers` and `categories` together."""
        return len(self.number_names) + len(self.category_names)

    @property
    def class_counts(self) -> np.ndarray:
        """Number of rows of each class."""
        return np.bincount(self.labels, minlength=len(self.classes))

    def sample(self, max_rows: int, at_least: int, seed: int) -> "Table":
        """Return about `max_rows` rows, drawn at random, and stratified if there are classes.

        Classes keep their proportions, but have at least `at_least` rows, so that every fold can
        contain all classes.
        """
        n_rows = len(self.labels)
        if max_rows >= n_rows:
            return self
        rng = np.random.default_rng(seed)
        if self.classes:
            rows = []
            for label, count in enumerate(self.class_counts):
                size = min(count, max(at_least, count * max_rows // n_rows))
                rows.append(rng.permutation(np.flatnonzero(self.labels == label))[:size])
            chosen = np.sort(np.concatenate(rows))
        else:
            chosen = np.sort(rng.permutation(n_rows)[:max_rows])
        how = ", class by class" if self.classes else ""
        note = f"{len(chosen)} of {n_rows} rows were drawn at random{how}."
        return replace(
            self,
            numbers=self.numbers[chosen],
            categories=self.categories[chosen],
            labels=self.labels[chosen],
            notes=(*self.notes, note),
        )


def make_table(
    X: Any,
    y: Any,
    *,
    task: str = "classification",
    drop: Sequence[str] = (),
    source: str = "data in memory",
) -> Table:
    r"""Convert the columns of X, and y to classes or numbers; omit uninformative columns.

    Parameters
    ----------
    X : data frame (pandas or polars), array or sparse matrix of shape (n_samples, n_features)
        The features; with the name of a column as `y`, the features and the target.
    y : array-like of shape (n_samples,) or str
        The labels, of any type, or the name of the target column of the data frame `X`.
    task : {"auto", "classification", "regression"}
        Whether `y` is classes or numbers; "auto" decides by its values.
    drop : sequence of str
        Names of columns to leave out.
    source : str
        Origin of the data, for the report.

    Returns
    -------
    table : Table

    Raises
    ------
    DataError
        If a column does not exist, is free text or contains infinite values; if `y` does not suit
        the task; or if no usable column remains.

    Examples
    --------
    >>> table = make_table([[1.5, 0.0], [2.5, 0.0], [3.5, 0.0]], ["no", "yes", None])
    >>> table.numbers.tolist(), table.classes, table.labels.tolist()
    ([[1.5], [2.5]], ('no', 'yes'), [0, 1])
    >>> print(*table.notes, sep="\n")
    1 row without a label was left out.
    Left out "x1": the same value in every row.
    """
    if scipy.sparse.issparse(X):
        if isinstance(y, str):
            raise DataError(f'A sparse matrix has no column "{y}"; give y as an array of labels.')
        return _sparse_table(canonical_rows(X), read_target(raw_column(y, "y"), task), drop, source)
    columns, target = _columns_and_target(X, y, drop)
    labelled, labels, classes, notes = read_target(target, task)
    typed: list[Column] = []
    useless: dict[str, list[str]] = {}
    for column in (as_typed(column.take(labelled)) for column in columns):
        reason = why_useless(column)
        if reason:
            useless.setdefault(reason, []).append(f'"{column.name}"')
        else:
            typed += typed_columns(column)
    notes += tuple(f"Left out {', '.join(names)}: {why}." for why, names in useless.items())
    if not typed:
        raise DataError("No column is left to learn from. " + " ".join(notes))
    numbers = [column for column in typed if not column.is_category]
    categories = [column for column in typed if column.is_category]
    return Table(
        numbers=_stack(numbers, len(labels), np.float64),
        categories=_stack(categories, len(labels), np.int32),
        number_names=tuple(column.name for column in numbers),
        category_names=tuple(column.name for column in categories),
        labels=labels,
        classes=classes,
        target_name=target.name,
        notes=notes,
        source=source,
    )


def _columns_and_target(X: Any, y: Any, drop: Sequence[str]) -> tuple[list[RawColumn], RawColumn]:
    """Return the columns that are kept, and the target, which may be a column of X."""
    columns = raw_columns(X)
    if isinstance(y, str):
        target = columns.pop(_position(y, columns, "target column"))
    else:
        target = raw_column(y, "y")
    for name in drop:
        columns.pop(_position(name, columns, "column to drop"))
    if any(len(column.values) != len(target.values) for column in columns):
        raise _unequal(len(columns[0].values), len(target.values))
    return columns, target


def _stack(columns: list[Column], n_rows: int, dtype: type) -> np.ndarray:
    empty = np.empty((n_rows, 0))  # keeps the number of rows if there are no columns
    return np.column_stack([empty, *(column.values for column in columns)]).astype(dtype)


def _sparse_table(X: Any, target: Target, drop: Sequence[str], source: str) -> Table:
    if drop:
        raise DataError("A sparse matrix has no named columns to drop; leave them out of X.")
    labelled, labels, classes, notes = target
    if X.shape[0] != len(labelled):
        raise _unequal(X.shape[0], len(labelled))
    if not np.isfinite(X.data).all():
        raise DataError("The sparse matrix holds missing or infinite values; fill them in first.")
    return Table(
        numbers=X[labelled].astype(np.float64),
        categories=np.empty((len(labels), 0), dtype=np.int32),
        number_names=tuple(f"x{j}" for j in range(X.shape[1])),
        category_names=(),
        labels=labels,
        classes=classes,
        notes=notes,
        source=source,
    )


def _unequal(n_rows: int, n_labels: int) -> DataError:
    return DataError(f"X has {n_rows} rows and y has {n_labels} labels; give one label per row.")


def _position(name: str, columns: list[RawColumn], role: str) -> int:
    names = [column.name for column in columns]
    if names.count(name) == 1:
        return names.index(name)
    if name in names:
        raise DataError(f'There are {names.count(name)} columns "{name}"; rename all but one.')
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    hint = closest(name, names) or f"the columns are {shown}."
    raise DataError(f'There is no {role} "{name}"; {hint}')
