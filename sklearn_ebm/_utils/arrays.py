"""Blocks of rows, masks of right answers, and column moments without overflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import BaseEstimator

# Largest number of energies of a block, and largest number of entries of its rows, by item size in
# bytes, so that data that are read twice stay in cache. With fewer rows than FEWEST_ROWS, the
# overhead of Python dominates. (float32 products are fast, so larger blocks are better for them.)
BLOCK_ENTRIES = 262_144
BLOCK_FEATURES = {4: 4_194_304, 8: 400_000}
FEWEST_ROWS, MOST_ROWS = 256, 16_384

# Largest number of energies of a block of predictions, which has fewer rows for very many answers.
MOST_ENTRIES = 4_194_304

# Rows with fewer entries than half of this number are processed several at a time.
WIDE = 256

# A column may be constant up to rounding if std/mean is below this number.
ROUNDING = 1e-9

# Variances below this fraction of the mean square are not computed as a difference, because of
# cancellation.
CANCELLED = 1e-3

# Amount of work below which threads are slower: the number of energies times the number of features
# plus PASSES.
SPLIT_WORK = 2_500_000
PASSES = 20


def row_slices(
    n_rows: int, n_answers: int, n_features: int = 1, itemsize: int = 8
) -> Iterator[slice]:
    """Slices of rows, of equal size, small enough that their energies stay in cache.

    The slices, and therefore the rounding of sums over them, depend only on the shape of the data,
    not on the number of threads.

    Examples
    --------
    A block has at most 262,144 energies, which are 2,621 rows with 100 energies each, so 6,000 rows
    need three blocks:

    >>> [rows.stop - rows.start for rows in row_slices(6_000, 100)]
    [2000, 2000, 2000]
    """
    most = min(BLOCK_ENTRIES // max(n_answers, 1), BLOCK_FEATURES[itemsize] // max(n_features, 1))
    most = int(np.clip(most, FEWEST_ROWS, MOST_ROWS))
    n_blocks = max(-(-n_rows // most), 1)
    if n_blocks == 1 and n_rows * n_answers * (n_features + PASSES) >= SPLIT_WORK:
        n_blocks = 2
    size = max(-(-n_rows // n_blocks), 1)
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))


@lru_cache(maxsize=8)
def _first_numbers(count: int) -> npt.NDArray[np.intp]:
    """Read-only array 0, 1, ..., shared by all blocks of the same size."""
    numbers = np.arange(count)
    numbers.flags.writeable = False
    return numbers


@lru_cache(maxsize=8)
def ones(count: int) -> npt.NDArray[np.float64]:
    """Read-only array of ones, shared by all blocks of the same size.

    Products with a broadcast view of one number are several times slower.
    """
    numbers = np.ones(count)
    numbers.flags.writeable = False
    return numbers


class AnswerMask(np.ndarray[Any, np.dtype[np.bool_]]):
    """Boolean mask of right answers that stores their index of rows and answers.

    The index avoids a search over the mask. Views and results of operations do not have it.
    """

    index: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]] | None = None


def correct_mask(y: npt.NDArray[np.intp], n_answers: int) -> AnswerMask:
    """Return the (n, k) mask of right answers, in the memory order of the energies.

    This is Fortran order, because reductions over few answers are then vectorised over many rows.
    """
    mask = (np.arange(n_answers)[:, None] == y[None, :]).T.view(AnswerMask)
    mask.index = (_first_numbers(len(y)), y)
    return mask


def right_index(
    correct: npt.NDArray[np.bool_],
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Index (rows, answers) of the right answer of each row of a mask."""
    if isinstance(correct, AnswerMask) and correct.index is not None:
        return correct.index
    return np.arange(correct.shape[0]), np.asarray(correct).argmax(axis=1)


def blocks_of(X: Any, n_answers: int = 1) -> Iterator[slice]:
    """Slices of the rows of an array or a sparse matrix; see `row_slices`."""
    n_rows, n_columns = X.shape
    width = X.nnz // max(n_rows, 1) if sparse.issparse(X) else n_columns
    return row_slices(n_rows, n_answers, max(width, 1), 4 if X.dtype == np.float32 else 8)


def blocks_of_predictions(X: Any, n_answers: int) -> Iterator[slice]:
    """Slices as of `blocks_of`, divided if they have more than MOST_ENTRIES energies.

    Examples
    --------
    Blocks of 128 rows with 50,000 energies each are divided:

    >>> [
    ...     rows.stop - rows.start
    ...     for rows in blocks_of_predictions(np.empty((256, 2)), 50_000)
    ... ]
    [83, 45, 83, 45]
    """
    most = max(MOST_ENTRIES // max(n_answers, 1), 1)
    for rows in blocks_of(X, n_answers):
        for start in range(rows.start, rows.stop, most):
            yield slice(start, min(start + most, rows.stop))


def sparse_rows(X: Any, rows: slice) -> Any:
    """Rows of a CSR matrix as a view; indexing would copy them."""
    start, stop, _ = rows.indices(X.shape[0])
    first, last = X.indptr[start], X.indptr[stop]
    view = type(X)((stop - start, X.shape[1]), dtype=X.dtype)
    # Set one by one, because the constructor copies views of less than half of an array.
    view.data, view.indices = X.data[first:last], X.indices[first:last]
    view.indptr = X.indptr[start : stop + 1] - first
    return view


def canonical_rows(X: Any) -> Any:
    """Convert sparse rows to canonical CSR: sorted, without duplicates, 32-bit indices if they fit.

    Duplicate entries are added, as in `toarray`. The given matrix and its flags are not changed; if
    it is canonical, its arrays are shared. Its memory may be read-only.

    Parameters
    ----------
    X : sparse matrix or array of shape (n_samples, n_features), of any format

    Returns
    -------
    csr_matrix or csr_array of shape (n_samples, n_features)

    Examples
    --------
    >>> X = sparse.csr_matrix((np.array([1.0, 2, 3]), [1, 0, 1], [0, 3]), shape=(1, 2))
    >>> canonical_rows(X).data, X.data  # in column 1: 1 + 3
    (array([2., 4.]), array([1., 2., 3.]))
    """
    rows = _same_arrays(X.tocsr())
    if not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    if max(rows.shape[1], rows.nnz) <= np.iinfo(np.int32).max:
        rows.indices = rows.indices.astype(np.int32, copy=False)
        rows.indptr = rows.indptr.astype(np.int32, copy=False)
    return rows


def _same_arrays(X: Any) -> Any:
    """Another CSR matrix that shares the arrays, without the flags of the original."""
    other = type(X)(X.shape, dtype=X.dtype)
    # Set one by one, because the constructor may copy or check them.
    other.data, other.indices, other.indptr = X.data, X.indices, X.indptr
    return other


def take_rows(X: Any, rows: slice) -> Any:
    """Rows of an array or a CSR matrix, without a copy."""
    if sparse.issparse(X):
        return sparse_rows(X, rows) if X.format == "csr" else X[rows]
    return X[rows, ...]


def none_but(seen: npt.NDArray[np.bool_] | None, energies: Any) -> Any:
    """Set the energies (n, k) of answers outside the mask `seen`, (k,), to infinity.

    Examples
    --------
    >>> none_but(np.array([True, False]), np.array([[1.0, -3.0]]))
    array([[ 1., inf]])
    """
    return energies if seen is None or seen.all() else np.where(seen, energies, np.inf)


def scaled_rows(X: Any, origin: Any, scale: Any) -> npt.NDArray[np.float64]:
    """Compute (X − origin) · scale for dense rows, in float64.

    Loops over few columns are slow, so narrow rows are processed several at a time.

    Examples
    --------
    >>> scaled_rows(
    ...     np.array([[3.0, 1.0], [5.0, 1.0]]), np.array([1.0, 0.0]), np.array([0.5, 2.0])
    ... )
    array([[1., 2.],
           [2., 2.]])
    """
    n_rows, n_columns = X.shape
    several = WIDE // max(n_columns, 1)
    result = np.empty(X.shape)
    whole = n_rows - n_rows % several if several > 1 and X.flags.c_contiguous else 0
    if whole:
        wide = result[:whole].reshape(-1, several * n_columns)
        np.subtract(X[:whole].reshape(wide.shape), np.tile(origin, several), out=wide)
        wide *= np.tile(scale, several)
    np.subtract(X[whole:], origin, out=result[whole:])
    result[whole:] *= scale
    return result


def column_range(X: Any) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Minimum and maximum of each column."""
    least, most = np.full(X.shape[1], np.inf), np.full(X.shape[1], -np.inf)
    for rows in blocks_of(X):
        block = take_rows(X, rows)
        low, high = block.min(axis=0), block.max(axis=0)
        if sparse.issparse(block):
            low, high = low.toarray().ravel(), high.toarray().ravel()
        np.minimum(least, low, out=least)
        np.maximum(most, high, out=most)
    return least, most


def column_norms(X: Any, weight: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Weighted norm of each column, √Σᵢ wᵢ xᵢⱼ², computed without overflow or a copy of X."""
    n_columns = X.shape[1]
    largest = np.maximum(*np.abs(column_range(X)))
    total = np.zeros(n_columns)
    blocks = list(blocks_of(X))
    unit = np.where(largest > 0, largest, 1.0)
    for rows in blocks:
        block = take_rows(X, rows)
        if sparse.issparse(block):
            block = block.astype(np.float64)
            scaled = block.multiply(1.0 / unit).tocsr()
            total += np.asarray(scaled.power(2).T @ weight[rows]).ravel()
        else:
            scaled = block / unit
            total += weight[rows] @ (scaled * scaled)
    return unit * np.sqrt(total)


def _dense_column(X: Any, column: Any) -> npt.NDArray[np.float64]:
    """One column as a dense vector in float64."""
    values = X[:, [column]]
    return np.ravel(values.toarray() if sparse.issparse(values) else values).astype(np.float64)


def _about_mean(
    X: Any, share_of: Callable[[slice], Any], mean: Any, square: Any
) -> npt.NDArray[np.float64]:
    """Weighted variances from mean squares, or from a second pass if these would cancel."""
    variance: npt.NDArray[np.float64] = square - mean * mean
    # Differences of mean squares lose digits in float32, and for a mean far from zero.
    if X.dtype == np.float64 and (variance >= CANCELLED * square).all():
        return variance
    variance = np.zeros_like(mean)
    for rows in blocks_of(X):
        centred_values = take_rows(X, rows) - mean
        centred_values *= centred_values
        variance += share_of(rows) @ centred_values
    return variance


def column_moments(
    X: Any, weight: npt.NDArray[np.float64], *, centred: bool
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Weighted mean and standard deviation of each column, for any finite numbers.

    If not `centred`, the mean is set to 0 and the standard deviation is the root mean square. If a
    column is constant up to rounding, its standard deviation is set to infinity, so that the
    standardised column is zero.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,)
        Sample weights.
    centred : bool
        Whether the mean is subtracted.

    Returns
    -------
    mean, standard deviation : ndarray of shape (n_features,)

    Examples
    --------
    Mean (1·0 + 3·4)/4 = 3 and variance (1·9 + 3·1)/4 = 3; the second column is empty:

    >>> X, weight = np.array([[0.0, 0.0], [4.0, 0.0]]), np.array([1.0, 3.0])
    >>> mean, deviation = column_moments(X, weight, centred=True)
    >>> mean, deviation.round(3)
    (array([3., 0.]), array([1.732,   inf]))
    """
    top = float(weight.max())
    total = sum(float((weight[rows] / top).sum()) for rows in row_slices(len(weight), 1))
    mean = np.zeros(X.shape[1])
    square = np.zeros(X.shape[1])
    blocks = list(blocks_of(X))
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for rows in blocks:
            block, share = take_rows(X, rows), weight[rows] / top / total
            if sparse.issparse(block):
                square += block.multiply(block).T @ share
                continue
            if centred:
                mean += share @ block
            square += share @ (block * block)
        if centred:
            square = _about_mean(X, lambda rows: weight[rows] / top / total, mean, square)
    mean[~np.isfinite(mean)] = 0.0  # if the sum overflows, the centre does not matter
    deviation = np.sqrt(square)
    lost = ~np.isfinite(deviation) | (deviation < 1e-140)
    if (lost | (deviation <= ROUNDING * np.abs(mean))).any():
        least, most = column_range(X)
        deviation[least == most] = np.inf
        # If squares overflow or underflow, they are computed again in units of the largest entry.
        for column in np.flatnonzero(lost & (least < most)):
            centred_values = _dense_column(X, column) - mean[column]
            deviation[column] = column_norms(centred_values[:, None], weight / top / total)[0]
        deviation[deviation == 0] = np.inf
    return mean, deviation


def same(one: Any, other: Any) -> bool:
    """Whether two objects are equal, including the arrays in containers and estimators.

    Other objects are compared by ``==``.

    Examples
    --------
    >>> same({"rows": [np.ones(2)]}, {"rows": [np.ones(2)]})
    True
    >>> same({"rows": [np.ones(2)]}, {"rows": [np.zeros(2)]})
    False
    """
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, BaseEstimator) or sparse.issparse(one):
        return same(vars(one), vars(other))
    return bool(one == other)
