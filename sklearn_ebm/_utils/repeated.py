"""Groups of equal rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sklearn_ebm._utils.arrays import blocks_of, take_rows


def groups_of_equal_rows(X: Any) -> npt.NDArray[np.intp]:
    """Return the index of the group of each row; equal rows are in the same group.

    Groups are numbered in the order of their first rows. −0 equals 0, and a stored zero of a sparse
    row equals an entry that is not stored.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)
        The rows, which are not changed.

    Returns
    -------
    ndarray of int of shape (n_samples,)

    Examples
    --------
    >>> groups_of_equal_rows(np.array([[1.0, 0.0], [2.0, 5.0], [1.0, -0.0]]))
    array([0, 1, 0])
    """
    if sparse.issparse(X):
        X = X.copy()
        X.sum_duplicates()
        X.eliminate_zeros()
    # Equal rows have equal projections. Only rows with equal projections are compared in full.
    _, place, count = np.unique(_projections(X), return_inverse=True, return_counts=True)
    first = np.arange(X.shape[0])
    shared = np.flatnonzero(count[place] > 1)
    seen: dict[bytes, int] = {}
    for row, key in zip(shared.tolist(), _keys(X[shared]), strict=True):
        first[row] = seen.setdefault(key, row)
    return np.unique(first, return_inverse=True)[1]


def main_answers(group: npt.NDArray[np.intp], answer: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Return the most frequent answer of each group.

    Parameters
    ----------
    group, answer : ndarray of int of shape (n_samples,)

    Returns
    -------
    ndarray of int of shape (n_groups,)

    Examples
    --------
    >>> main_answers(np.array([0, 1, 0, 0]), np.array([2, 1, 2, 0]))
    array([2, 1])
    """
    n_answers = int(answer.max()) + 1
    pair, count = np.unique(group * n_answers + answer, return_counts=True)
    of_pair, answer_of_pair = np.divmod(pair, n_answers)
    by_count = np.lexsort((count, of_pair))
    main = np.empty(of_pair[-1] + 1, dtype=np.intp)
    main[of_pair[by_count]] = answer_of_pair[by_count]  # the last write is the most frequent
    return main


def _projections(X: Any) -> npt.NDArray[np.float64]:
    """Product of each row with a random vector, summed in the same order for all rows."""
    direction = np.random.RandomState(0).uniform(0.5, 1.0, X.shape[1])
    with np.errstate(over="ignore", invalid="ignore"):
        if sparse.issparse(X):
            return np.asarray(X @ direction)
        return np.concatenate(
            [(take_rows(X, rows) * direction).sum(axis=1) for rows in blocks_of(X)]
        )


def _keys(X: Any) -> Iterator[bytes]:
    """Bytes that identify equal rows."""
    if sparse.issparse(X):
        for start, stop in zip(X.indptr[:-1], X.indptr[1:], strict=True):
            yield X.indices[start:stop].tobytes() + X.data[start:stop].tobytes()
        return
    for rows in blocks_of(X):
        for row in take_rows(X, rows) + 0.0:  # −0 + 0 is 0
            yield row.tobytes()
