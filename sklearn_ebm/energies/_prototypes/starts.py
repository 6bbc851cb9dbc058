"""Initial prototypes: K-means in each class, with a deterministic initialisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.cluster import KMeans

from sklearn_ebm._utils.arrays import row_slices
from sklearn_ebm._utils.parameters import Array, Index

# Relative differences below this are ignored in decisions, so that these depend neither on the
# order of the rows nor on whether rows are weighted or repeated.
ROUNDING = 1e-9

# Smallest standard deviation of a column relative to its entries, for dense and sparse rows.
NO_SPREAD, NO_SPREAD_SPARSE = 1e-12, 1e-6


# Numbers below this power of the largest float have sums of squares that do not overflow.
SQUARABLE = 0.45


class InitialPrototypes(NamedTuple):
    """Initial prototypes, and the nearest one of its class for each row.

    Attributes
    ----------
    places : ndarray of shape (n_classes, m, n_features)
        The prototypes.
    nearest : ndarray of int of shape (n_samples,)
        Index of the nearest prototype of the class of each row.
    origin : ndarray of shape (n_features,)
        Weighted mean of all rows.
    """

    places: Array
    nearest: Index
    origin: Array


def anchors_of(
    X: Any, answer: Index, weight: npt.NDArray[np.float64], n_answers: int, n_prototypes: int
) -> InitialPrototypes:
    """Compute K-means in each class; a weight of 2 has the effect of a repeated row.

    If a class has fewer distinct rows than prototypes, some prototypes are equal. The prototypes of
    a class without rows lie outside the range of the rows, and not closer to any row than the mean
    of all rows.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)
        The input samples.
    answer : ndarray of int of shape (n_samples,)
        Class indices.
    weight : ndarray of shape (n_samples,)
        Sample weights.
    n_answers, n_prototypes : int
        Numbers of classes, and of prototypes of each class.

    Returns
    -------
    InitialPrototypes
        Prototypes, and the nearest one for each row.

    Examples
    --------
    Three rows of one class and one of another, two prototypes for each:

    >>> X, answer = np.array([[0.0], [1.0], [9.0], [5.0]]), np.array([0, 0, 0, 1])
    >>> anchors_of(X, answer, np.ones(4), n_answers=2, n_prototypes=2).places[:, :, 0]
    array([[0.5, 9. ],
           [5. , 5. ]])
    """
    share = weight / weight.max()
    share /= share.sum()
    origin = np.asarray(share @ X, dtype=np.float64).ravel()
    far = origin + 2 * _farthest(X, origin)
    places = np.tile(far, (n_answers, n_prototypes, 1))
    nearest = np.zeros(X.shape[0], dtype=np.intp)
    for number in range(n_answers):
        mine = np.flatnonzero(answer == number)
        if len(mine):
            places[number], nearest[mine] = _cells(X[mine], share[mine], origin, n_prototypes)
    return InitialPrototypes(places, nearest, origin)


def _farthest(X: Any, origin: Array) -> Array:
    """Largest distance from the origin in each column."""
    low, high = X.min(axis=0), X.max(axis=0)
    if sparse.issparse(X):
        low, high = low.toarray().ravel(), high.toarray().ravel()
    return np.maximum(high - origin, origin - low)


def _cells(rows: Any, share: Array, origin: Array, most: int) -> tuple[Array, Index]:
    """Centres (most, d) of K-means, and the index of the centre of each row."""
    rows = rows.astype(np.float64)
    if not sparse.issparse(rows):
        rows -= origin
    # Divided by the largest entry, squares neither overflow nor underflow.
    unit = float(np.abs(rows.data if sparse.issparse(rows) else rows).max(initial=0.0)) or 1.0
    rows, share = rows / unit, share / share.max()
    parts = split_by_variance(rows, share, most)
    start = np.stack([_moments(rows[part], share[part])[0] for part in parts])
    machine = KMeans(len(parts), init=start, n_init=1, tol=0.0, random_state=0)
    machine.fit(rows, sample_weight=share)
    centres = unit * machine.cluster_centers_.astype(np.float64)
    if not sparse.issparse(rows):
        centres += origin
    return centres[np.arange(most) % len(parts)], machine.labels_.astype(np.intp)


def split_by_variance(rows: Any, share: Array, most: int) -> list[Index]:
    """Partition rows by repeated splits of the part with the largest scatter ("Var-Part").

    The part with the largest weighted sum of squares is split at its mean in the column of largest
    variance, until there are `most` parts, or until the rows of each part are equal.

    Parameters
    ----------
    rows : ndarray or CSR of shape (n_samples, n_features)
        The rows.
    share : ndarray of shape (n_samples,)
        Positive weights.
    most : int
        Largest number of parts.

    Returns
    -------
    list of ndarray of int
        Indices of the rows of each part.

    References
    ----------
    Su, Dy, "In search of deterministic methods for initializing K-means and Gaussian mixture
    clustering", Intelligent Data Analysis 11 (2007) 319-338.

    Examples
    --------
    The rows are split at 10/3, then the part with the larger scatter at 1/2:

    >>> rows = np.array([[0.0], [1.0], [9.0], [9.0]])
    >>> [part.tolist() for part in split_by_variance(rows, np.array([1.0, 1, 0.5, 0.5]), 5)]
    [[0], [2, 3], [1]]
    """
    whole: Index = np.arange(rows.shape[0])
    parts, scatter = [whole], [_scatter(rows, share)]
    while len(parts) < most and max(scatter) > 0:
        chosen = int(np.argmax(np.array(scatter) >= (1 - ROUNDING) * max(scatter)))
        above = _above_the_mean(rows[parts[chosen]], share[parts[chosen]])
        parts.append(parts[chosen][above])
        parts[chosen] = parts[chosen][~above]
        scatter.append(0.0)
        for half in (chosen, -1):
            scatter[half] = _scatter(rows[parts[half]], share[parts[half]])
    return parts


def _above_the_mean(rows: Any, share: Array) -> npt.NDArray[np.bool_]:
    """Mask of the rows above the mean in the column of largest variance."""
    mean, variance = _moments(rows, share)
    column = int(np.argmax(variance >= (1 - ROUNDING) * variance.max()))
    values = rows[:, [column]]
    values = np.ravel(values.toarray() if sparse.issparse(values) else values)
    return values - mean[column] > ROUNDING * np.sqrt(variance[column])


def _scatter(rows: Any, share: Array) -> float:
    return float(share.sum() * _moments(rows, share)[1].sum())


def _moments(rows: Any, share: Array) -> tuple[Array, Array]:
    """Weighted mean and variance of each column; variances of the size of rounding are 0."""
    share = share / share.sum()
    mean = np.asarray(share @ rows).ravel()
    if sparse.issparse(rows):
        square = np.asarray(share @ rows.power(2)).ravel()
        variance, none = square - np.square(mean), NO_SPREAD_SPARSE**2 * square
    else:
        variance = share @ np.square(rows - mean)
        none = np.full_like(variance, (NO_SPREAD * float(np.abs(rows).max(initial=0.0))) ** 2)
    return mean, np.where(variance > none, variance, 0.0)


def scatter_within(
    X: Any,
    answer: Index,
    weight: npt.NDArray[np.float64],
    anchors: InitialPrototypes,
    outer: Callable[[Array, Array, Array], Array],
) -> tuple[Array, Array, float]:
    """Scatter of the rows around their prototypes, and variance of each column over all rows.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)
        The input samples.
    answer : ndarray of int of shape (n_samples,)
        Class indices.
    weight : ndarray of shape (n_samples,)
        Sample weights.
    anchors : InitialPrototypes
        The prototypes c.
    outer : callable
        Function ``(one, other, share) -> Σᵢ shareᵢ oneᵢ otherᵢᵀ``, or its diagonal.

    Returns
    -------
    within : ndarray of shape (n_features, n_features) or (n_features,)
        Σᵢ wᵢ (xᵢ − c)(xᵢ − c)ᵀ / Σᵢ wᵢ, or its diagonal.
    total : ndarray of shape (n_features,)
        Σᵢ wᵢ (xᵢ − mean)² / Σᵢ wᵢ.
    unit : float
        Both are divided by the square of this number, so that squares do not overflow.

    Raises
    ------
    ValueError
        If the spread of the rows is so large or small that squares leave the range of floats.
    """
    share = weight / weight.max()
    share /= share.sum()
    d = X.shape[1]
    unit = _unit(X, anchors.origin)
    within: Any = 0.0
    total = np.zeros(d)
    for part in row_slices(X.shape[0], 1, d):
        rows = X[part].toarray() if sparse.issparse(X) else X[part]
        residual = (rows - anchors.places[answer[part], anchors.nearest[part]]) / unit
        within = within + outer(residual, residual, share[part])
        total += share[part] @ np.square((rows - anchors.origin) / unit)
    constant = np.sqrt(total) <= ROUNDING * np.abs(anchors.origin / unit)
    return within, np.where(constant, 0.0, total), unit


def _unit(X: Any, origin: Array) -> float:
    """Largest distance of a row from the origin in a column."""
    unit = float(_farthest(X, origin).max())
    limits = np.finfo(np.float32 if X.dtype == np.float32 else np.float64)
    least, most = float(limits.tiny) ** SQUARABLE, float(limits.max) ** SQUARABLE
    if unit and not least < unit < most:
        raise ValueError(
            f"The rows spread over {unit:.1g} in a column; a learned metric needs squares of that "
            f"in {limits.dtype} (between {least:.1g} and {most:.1g} will do), so scale the "
            "features (StandardScaler)."
        )
    return unit or 1.0
