"""A table for a comparison: raw features, a target, and what was done with each column."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse

from sklearn_ebm._utils.arrays import canonical_rows
from sklearn_ebm.compare.column_reader import ColumnReader, as_frame, column_of, usual_decimal
from sklearn_ebm.compare.columns import INFINITE, ColumnNote, DataError, array_of
from sklearn_ebm.compare.targets import read_target


@dataclass(frozen=True)
class Table:
    """Raw features and the target of the rows that have a label.

    Attributes
    ----------
    X : pandas.DataFrame, ndarray or CSR matrix of shape (n_samples, n_features)
        The features as they were given.
    labels : ndarray of shape (n_samples,)
        Class indices of the rows; the target itself, float, if it is numeric.
    values : ndarray of shape (n_classes,)
        The classes as they were given, text without stray blanks; empty if the target is numeric.
    target_name : str
        Name of the target.
    source : str
        Origin of the data.
    columns : tuple of ColumnNote
        What was done with each column, and with the target; empty if X is sparse.
    notes : tuple of str
        Rows left out, the choice of the task, and what the file is like.
    learned : ndarray of shape (n_samples,), optional
        Labels to learn from, if they differ from `labels`, which score.
    rare : tuple of str
        Classes that were left out, because they have too few rows.
    """

    X: Any
    labels: np.ndarray
    values: np.ndarray
    target_name: str = "y"
    source: str = "data in memory"
    columns: tuple[ColumnNote, ...] = ()
    notes: tuple[str, ...] = ()
    learned: np.ndarray | None = None
    rare: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, as text; empty if the target is numeric."""
        return tuple(map(str, self.values.tolist()))

    @property
    def y(self) -> np.ndarray:
        """Answers to learn from, as they were given."""
        learned = self.labels if self.learned is None else self.learned
        return self.values[learned] if len(self.values) else learned

    @property
    def class_counts(self) -> np.ndarray:
        """Number of rows of each class."""
        return np.bincount(self.labels, minlength=len(self.classes))

    def rows(self, rows: np.ndarray) -> "Table":
        """Return the table with the given rows."""
        X = getattr(self.X, "iloc", self.X)[rows]
        learned = None if self.learned is None else self.learned[rows]
        return replace(self, X=X, labels=self.labels[rows], learned=learned)

    def sample(self, max_rows: int, at_least: int, seed: int) -> "Table":
        """Return about `max_rows` rows at random; a class keeps its share, or `at_least` rows."""
        n_rows = len(self.labels)
        if max_rows >= n_rows:
            return self
        strata = self.labels if self.classes else np.zeros(n_rows)
        rng, chosen = np.random.default_rng(seed), []
        for label, count in zip(*np.unique(strata, return_counts=True), strict=True):
            size = max(at_least, count * max_rows // n_rows)
            chosen.append(rng.permutation(np.flatnonzero(strata == label))[:size])
        rows = np.sort(np.concatenate(chosen))
        how = ", class by class" if self.classes else ""
        note = f"{len(rows)} of {n_rows} rows were drawn at random{how}."
        return replace(self.rows(rows), notes=(*self.notes, note))


def make_table(
    X: Any,
    y: Any,
    *,
    task: str = "auto",
    drop: Sequence[str] = (),
    source: str = "data in memory",
    cv: int | None = None,
) -> Table:
    r"""Separate features and target, leave out rows without a label, and describe the columns.

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
    cv : int, optional
        Number of folds. Classes with fewer rows are left out.

    Returns
    -------
    table : Table

    Raises
    ------
    DataError
        If a column does not exist, `y` does not suit the task, or no usable column remains.

    Examples
    --------
    >>> from sklearn_ebm.compare import make_table
    >>> table = make_table([[1.5, "a"], [2.5, "b"], [3.5, "a"]], ["no", "yes", None])
    >>> table.X["x0"].tolist(), table.classes, table.labels.tolist()
    ([1.5, 2.5], ('no', 'yes'), [0, 1])
    >>> print(*table.notes, sep="\n")
    1 row without a label was left out.
    """
    X, y, name = _features_and_labels(X, y, drop)
    about, decimal, dropped = getattr(X, "attrs", {}), "", []
    is_frame = not isinstance(X, np.ndarray) and not scipy.sparse.issparse(X)
    if is_frame:
        dropped = [column_of(each, X.columns, "column to drop") for each in drop]
        X = X.drop(columns=dropped)
        decimal = usual_decimal(X)
    target = read_target(y, name, task, decimal)
    notes = (*about.get("notes", ()), *target.notes)
    table = Table(X, np.zeros(len(y)), target.values, name, source, notes=notes)
    table = replace(table.rows(np.flatnonzero(target.labelled)), labels=target.labels)
    if table.classes and cv is not None:
        table = without_rare_classes(table, cv)
    note, n_rare = target.note, len(table.rare)
    note = f"{len(table.values)} classes, and {n_rare} left out" if n_rare else note
    unit = about.get("units", {}).get(name, "")
    read = _column_notes(table.X)
    if is_frame:
        # They stay out of folds and samples, where they might look different.
        useless = [column.name for column in read if column.kind == "left out"]
        table = replace(table, X=table.X.drop(columns=useless))
    columns = (
        *read,
        *(ColumnNote(each, "left out", "to be dropped") for each in dropped),
        ColumnNote(name, "target", f"{note}; in {unit}" if unit else note),
    )
    return replace(table, columns=columns)


def _features_and_labels(X: Any, y: Any, drop: Sequence[str]) -> tuple[Any, np.ndarray, str]:
    """Return features, labels of the same length, and the name of the target."""
    if isinstance(y, str) and not scipy.sparse.issparse(X):
        frame = as_frame(X)
        name = column_of(y, frame.columns, "target column")
        return frame.drop(columns=name), array_of(frame[name]), name
    labels, X = _labels(y), _features(X, drop)
    if X.shape[0] != len(labels):
        raise DataError(
            f"X has {X.shape[0]} rows and y has {len(labels)} labels; give one label per row."
        )
    return X, labels, "y"


def _features(X: Any, drop: Sequence[str]) -> Any:
    """Return numbers as an array of float64 or a CSR matrix, and other tables as a data frame."""
    if scipy.sparse.issparse(X):
        if drop:
            raise DataError("A sparse matrix has no named columns to drop; leave them out of X.")
        X = canonical_rows(X).astype(np.float64)
        if not np.isfinite(X.data).all():
            raise DataError("The sparse matrix holds missing or infinite values; fill them first.")
        return X
    if isinstance(X, np.ndarray | list | tuple) and not drop:
        array = np.asarray(X)
        if array.ndim == 2 and array.dtype.kind in "iufb" and not (np.abs(array) >= INFINITE).any():
            return array.astype(np.float64)
    return as_frame(X)


def _labels(y: Any) -> np.ndarray:
    """Return labels of any type as an array of one dimension."""
    if isinstance(y, str):
        raise DataError(f'A sparse matrix has no column "{y}"; give y as an array of labels.')
    labels = np.asarray(y)
    if labels.dtype.kind in "US":  # NumPy writes [1, None, "a"] as text
        labels = np.asarray(y, dtype=object)
    if labels.ndim != 1 and labels.shape[1:] != (1,):
        raise DataError("The labels have more than one column; give one label per row.")
    return labels.ravel()


def _column_notes(X: Any) -> list[ColumnNote]:
    if scipy.sparse.issparse(X):
        return []
    if not isinstance(X, np.ndarray):
        return list(ColumnReader().fit(X).columns_)
    is_constant = np.fmin.reduce(X, axis=0) == np.fmax.reduce(X, axis=0)
    notes = ["the same value in every row" if each else "" for each in is_constant]
    return [ColumnNote(f"x{j}", "number", note) for j, note in enumerate(notes)]


def without_rare_classes(table: Table, cv: int) -> Table:
    """Return the table without classes that have fewer rows than folds, and say which."""
    counts = dict(zip(table.classes, table.class_counts.tolist(), strict=True))
    rare = tuple(name for name, count in counts.items() if count < cv)
    if not rare:
        return table
    each = [f'"{name}" ({counts[name]} of {len(table.labels)} rows)' for name in rare]
    named = ", ".join(each[:6]) + ", …" * (len(each) > 6)
    named += "; merge them with other classes in the data, or use fewer folds (--cv)."
    kept = np.flatnonzero(table.class_counts >= cv)
    if len(kept) < 2:
        raise DataError(
            f'The target "{table.target_name}" has fewer than two classes with at least {cv} rows, '
            f"one for each fold: {named}"
        )
    note = f"Classes with fewer rows than the {cv} folds were left out: {named}"
    is_kept, learned = np.isin(table.labels, kept), table.learned
    if learned is not None:
        is_kept &= np.isin(learned, kept)
    table = table.rows(np.flatnonzero(is_kept))
    return replace(
        table,
        labels=np.searchsorted(kept, table.labels),
        learned=None if table.learned is None else np.searchsorted(kept, table.learned),
        values=table.values[kept],
        notes=(*table.notes, note),
        rare=rare,
    )
