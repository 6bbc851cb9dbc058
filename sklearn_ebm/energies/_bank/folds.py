"""Folds of the rows, and predictions of a location."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.repeated import groups_of_equal_rows

Model = TypeVar("Model")

# Numbers of folds for fewer than FEW_ROWS rows, and for more.
FEW_ROWS, FOLDS = 2_000, (10, 5)

# Rows are levels if each distinct row occurs this many times on average.
RETURNS = 5

# With more than MAX_VALIDATION_ROWS rows, VALIDATION_OF_MANY rows of one fold are validation rows.
MAX_VALIDATION_ROWS, VALIDATION_OF_MANY = 6_000, 2_000


# Number of folds whose models predict new rows; an average of more is hardly better.
PREDICTING_FOLDS = 5


def spread_over_folds(models: Sequence[Model]) -> list[Model]:
    """Return the models that predict new rows, evenly spread over the folds.

    Examples
    --------
    >>> (
    ...     spread_over_folds("abcdefghij"),
    ...     spread_over_folds("abcdef"),
    ...     spread_over_folds("abc"),
    ... )
    (['a', 'c', 'e', 'g', 'j'], ['a', 'b', 'c', 'd', 'f'], ['a', 'b', 'c'])
    """
    last = len(models) - 1
    places = np.linspace(0, last, min(PREDICTING_FOLDS, len(models))).astype(int)
    return [models[place] for place in places]


class FitProgress:
    """Callbacks of density stacking, which may end it early; this base class does nothing."""

    def next_of(self, members: Sequence[str]) -> int:
        """Return the index of the member to be learned next."""
        return 0

    def skips(self, member: str) -> bool:
        """Return whether a member is omitted."""
        return False

    def ended(self, what: str) -> bool:
        """Called after a fold, location or member; return whether to stop after the member."""
        return False


SILENT = FitProgress()


class Folds(NamedTuple):
    """Folds of the rows, and the validation rows.

    Attributes
    ----------
    of_row : ndarray of int of shape (n_samples,)
        The fold of each row, from 0 on. Rows with equal features are in the same fold.
    validation : ndarray of int of shape (m,)
        Indices of the rows whose out-of-fold densities determine the prior; sorted.
    progress : FitProgress
        Called after each fold and member.
    """

    of_row: Index
    validation: Index
    progress: FitProgress = SILENT

    @property
    def n_folds(self) -> int:
        """Number of folds."""
        return int(self.of_row.max()) + 1

    def validation_splits(self) -> list[tuple[Index, Index, Index]]:
        """Validation rows of each fold, their positions in `validation`, and training rows."""
        validation_fold = self.of_row[self.validation]
        places = [np.flatnonzero(validation_fold == fold) for fold in np.unique(validation_fold)]
        return [
            (self.validation[mine], mine, np.flatnonzero(self.of_row != validation_fold[mine[0]]))
            for mine in places
        ]


class LocationPrediction(NamedTuple):
    """Predictions of a location.

    Attributes
    ----------
    mean : ndarray of shape (n_samples, n_outputs)
        Predicted answers, in standard deviations.
    features : ndarray of shape (n_samples, e)
        Further features: the predictions of each regressor, and logarithms of their spread.
    centres, deviations : ndarray of shape (n_samples, n_regressors, n_outputs) or None
        Means and standard deviations of regressors that predict both; None if there is none.
    """

    mean: Array
    features: Array
    centres: Array | None = None
    deviations: Array | None = None

    def take(self, rows: Any) -> LocationPrediction:
        """Return some of the rows."""
        centres, deviations = (None if part is None else part[rows] for part in self[2:])
        return LocationPrediction(self.mean[rows], self.features[rows], centres, deviations)


def has_levels(X: Array) -> bool:
    """Whether the rows are levels, each of which occurs `RETURNS` times on average.

    Examples
    --------
    >>> (
    ...     has_levels(np.repeat([[0.0], [1.0]], 5, axis=0)),
    ...     has_levels(np.arange(10.0)[:, None]),
    ... )
    (True, False)
    """
    return _return(len(X), int(groups_of_equal_rows(X).max()) + 1)


def _return(n_rows: int, n_distinct: int) -> bool:
    return n_rows >= RETURNS * n_distinct


def together(X: Array) -> Index:
    """Return the group of each row; rows with equal features are held out together.

    Levels, and rows that are all equal, are not grouped, because new rows have the same levels. A
    level without training rows could only be predicted from others.

    Examples
    --------
    >>> together(np.array([[2.0], [1.0], [2.0]])), together(np.zeros((3, 1)))
    (array([1, 0, 1]), array([0, 1, 2]))
    """
    group = groups_of_equal_rows(X)
    n_distinct = int(group.max()) + 1
    if n_distinct == 1 or _return(len(X), n_distinct):
        return np.arange(len(X))
    # Numbered by their features, so that the order of the rows has no effect.
    first = np.unique(group, return_index=True)[1]
    number = np.empty(n_distinct, dtype=np.intp)
    number[np.lexsort(X[first].T[::-1])] = np.arange(n_distinct)
    return number[group]


def folds_of(X: Array, rng: np.random.RandomState, progress: FitProgress = SILENT) -> Folds:
    """Divide rows into folds, with the groups of `together`, and choose the validation rows.

    Examples
    --------
    Rows 0 and 2 are equal, so there are three folds:

    >>> folds = folds_of(np.array([[1.0], [2.0], [1.0], [3.0]]), np.random.RandomState(0))
    >>> folds.n_folds, bool(folds.of_row[0] == folds.of_row[2]), folds.validation
    (3, True, array([0, 1, 2, 3]))
    """
    n_rows, group = len(X), together(X)
    n_groups = int(group.max()) + 1
    n_folds = min(FOLDS[0] if n_rows < FEW_ROWS else FOLDS[1], n_groups)
    order = rng.permutation(n_groups)
    size = np.bincount(group, minlength=n_groups)[order]
    # A group belongs to the fold in which its middle lies; each fold has at least one group.
    middle = (np.cumsum(size) - 0.5 * size) * n_folds / n_rows
    _, fold_in_order = np.unique(middle.astype(np.intp), return_inverse=True)
    of_group = np.empty(n_groups, dtype=np.intp)
    of_group[order] = fold_in_order.reshape(-1)
    of_row = of_group[group]
    validation = np.arange(n_rows)
    if n_rows > MAX_VALIDATION_ROWS:
        first = np.flatnonzero(of_row == 0)
        some = rng.permutation(len(first))[:VALIDATION_OF_MANY]
        validation = np.sort(first[some])
    return Folds(of_row, validation, progress)
