"""Landmarks of a kernel, distinct rows drawn by weight, and the spread of the entries of X."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sklearn_ebm._utils.parameters import Array, Index

# Smallest weight, relative to the largest.
LEAST_SHARE = 1e-290


def spread(X: Any, weight: npt.NDArray[np.float64], mean: Array, deviation: Array) -> float:
    """Standard deviation of all entries of X, without overflow; 1 if all are equal.

    The variance of all entries is the mean of the columns' variances plus the variance of their
    means.
    """
    if sparse.issparse(X):  # `deviation` is then the root mean square
        mean = np.asarray(X.T @ (weight / weight.sum())).ravel()
    deviation = np.where(np.isfinite(deviation), deviation, 0.0)
    top = float(max(np.abs(mean).max(), deviation.max()))
    if not top > 0:
        return 1.0
    square = np.square(deviation / top).mean()
    between = np.square(mean / top).mean() if not sparse.issparse(X) else 0.0
    variance = square + between - np.square((mean / top).mean())
    return top * float(np.sqrt(variance)) if variance > 0 else 1.0


def landmarks_of(
    X: Any, weight: npt.NDArray[np.float64], n_landmarks: int, rng: np.random.RandomState
) -> Any:
    """Draw distinct rows with probabilities proportional to their weights; all if there are few.

    Duplicates among the drawn rows are replaced by further draws. Each draw doubles the number of
    rows, so that the total cost is about that of one draw of all rows.
    """
    X = X.tocsr() if sparse.issparse(X) else X
    n_rows = X.shape[0]
    if n_rows <= n_landmarks:
        return _ordered(X, np.arange(n_rows))
    # Relative to the largest weight, sums do not overflow; small weights remain above zero.
    share = np.maximum(weight / weight.max(), LEAST_SHARE)
    kept: Index = np.empty(0, dtype=np.intp)
    n_drawn = 0
    while len(kept) < n_landmarks and n_drawn < n_rows:
        number = min(max(n_drawn, n_landmarks), n_rows - n_drawn)
        drawn = rng.choice(n_rows, number, replace=False, p=share / share.sum())
        share[drawn] = 0
        n_drawn += number
        kept = np.concatenate([kept, drawn])
        kept = kept[_first_of_each(X[kept])]
    return _ordered(X, np.sort(kept[:n_landmarks]))


def _ordered(X: Any, chosen: Index) -> Any:
    """Select distinct rows; sorted, or for a sparse matrix in their order."""
    if not sparse.issparse(X):
        return np.unique(X[chosen], axis=0)
    rows = _canonical(X[chosen])
    return rows[_first_of_each(rows)]


def _canonical(X: Any) -> Any:
    """Copy sparse rows so that equal rows have equal arrays."""
    X = X.copy()
    X.sum_duplicates()
    X.eliminate_zeros()
    return X


def _first_of_each(X: Any) -> Index:
    """Indices of the first row of each group of equal rows."""
    if not sparse.issparse(X):
        return np.sort(np.unique(X, axis=0, return_index=True)[1])
    X, seen = _canonical(X), dict[tuple[bytes, bytes], int]()
    for number, (first, last) in enumerate(pairwise(X.indptr)):
        row = X.indices[first:last].tobytes(), X.data[first:last].tobytes()
        seen.setdefault(row, number)
    return np.array(list(seen.values()), dtype=np.intp)
