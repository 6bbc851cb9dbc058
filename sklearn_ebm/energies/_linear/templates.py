"""Products of rows with templates, for energies that are linear in the parameters.

Templates θ have the shape (k, p), one for each of k answers; rows φ(x) have the shape (n, p), and
the energies are −⟨θ_y, φ(x)⟩.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sklearn_ebm._utils.array_api import in_place, namespace_of, numpy_namespace
from sklearn_ebm._utils.array_ops import cast_like
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.losses.curvature import Curvature

# Up to this number of answers, matrix-vector products are faster than a product with a thin matrix.
MATRIX_VECTOR_ANSWERS = 2

# Number of entries of outer products u ⊗ x that are computed at the same time.
OUTER_ENTRIES = 2_097_152


def template_energies(templates: Array, rows: Any) -> Array:
    """−φ(x) θᵀ, (n, k) in the dtype of the rows, answer by answer in memory (Fortran order).

    Examples
    --------
    −(1·3 + 2·1) and −(0·3 − 1·1):

    >>> template_energies(np.array([[1.0, 2.0], [0.0, -1.0]]), np.array([[3.0, 1.0]]))
    array([[-5.,  1.]])
    """
    xp = namespace_of(rows)
    negative = -cast_like(xp, templates, rows)
    if sparse.issparse(rows):
        return np.asfortranarray(rows @ negative.T)
    if xp is not numpy_namespace or len(negative) > MATRIX_VECTOR_ANSWERS:
        return (negative @ rows.T).T
    energies = np.empty((len(negative), rows.shape[0]), dtype=rows.dtype)
    for template, line in zip(negative, energies, strict=True):
        np.dot(rows, template, out=line)
    return energies.T


def template_gradient(slope: Array, rows: Any) -> Array:
    """Pull slopes (n, k) back to the templates: −Σᵢ slopeᵢ ⊗ φ(xᵢ), (k, p).

    Examples
    --------
    >>> template_gradient(np.array([[0.5, -0.5]]), np.array([[3.0, 1.0]]))
    array([[-1.5, -0.5],
           [ 1.5,  0.5]])
    """
    xp = namespace_of(rows)
    slope = cast_like(xp, slope, rows)
    if sparse.issparse(rows):
        return -np.asarray(rows.T @ slope).T
    if xp is not numpy_namespace or slope.shape[1] > MATRIX_VECTOR_ANSWERS:
        product = slope.T @ rows
    else:
        product = np.stack([rows.T @ pull for pull in slope.T])
    return in_place(xp, "negative", product)


def template_normal_matrix(
    rows_of: Callable[[Any], Array],
    n_features: int,
    curvature: Curvature,
    weight: npt.NDArray[np.float64],
) -> Array:
    """Σᵢ wᵢ Bᵢ ⊗ φ(xᵢ) φ(xᵢ)ᵀ as a matrix (k·p, k·p), template by template.

    The diagonal of Bᵢ gives blocks on the diagonal. Each outer product of Bᵢ gives a product UᵀU
    with U = u ⊗ φ. Rows without curvature are omitted.

    Parameters
    ----------
    rows_of : callable
        Function from indices or a slice of rows to φ, a dense array.
    n_features : int
        Number p of features φ.
    curvature : Curvature
        Second derivatives B.
    weight : ndarray of shape (n_samples,)
        Sample weights w.

    Returns
    -------
    ndarray of shape (k·p, k·p)
        The sum.
    """
    sizes = [np.abs(curvature.diagonal).max(axis=1)]
    sizes += [np.square(vector).max(axis=1) for _, vector in curvature.outer]
    size = np.maximum.reduce(sizes)
    used = np.flatnonzero(size > 1e-14 * size.max(initial=0.0))
    k, dtype = curvature.diagonal.shape[1], curvature.diagonal.dtype
    # For two answers and a loss of energy differences, B has one free number for each row.
    pair = curvature.diagonals()[:, 0] if k == 2 else size
    of_differences = k == 2 and _only_differences(curvature, pair)
    total = np.zeros((k, n_features, k, n_features), dtype=dtype)
    chunk = max(OUTER_ENTRIES // (k * n_features), 32)
    for start in range(0, len(used), chunk):
        part: Any = used[start : start + chunk]
        if len(used) == len(size):  # views of rows instead of copies
            part = slice(start, start + chunk)
        rows = rows_of(part)
        weights = weight[part, None].astype(dtype, copy=False)
        if of_differences:
            product = rows.T @ (rows * (weights * pair[part, None]))
            total += product[None, :, None, :] * np.array([[1, -1], [-1, 1]])[:, None, :, None]
            continue
        for c in range(k):
            total[c, :, c, :] += rows.T @ (rows * (weights * curvature.diagonal[part, c, None]))
        for factor, vector in curvature.outer:
            joint = (vector[part] * np.sqrt(weights))[:, :, None] * rows[:, None, :]
            joint = joint.reshape(len(joint), k * n_features)
            product = joint.T @ joint
            product *= factor
            total += product.reshape(total.shape)
    return total.reshape(k * n_features, k * n_features)


def _only_differences(curvature: Curvature, pair: Array) -> bool:
    """Whether the matrix of each row is b [[1, −1], [−1, 1]], up to rounding."""
    first = curvature.product(
        np.broadcast_to(np.array([1, 0], pair.dtype), curvature.diagonal.shape)
    )
    both = curvature.product(np.ones_like(curvature.diagonal))
    rest = max(np.abs(both).max(initial=0.0), np.abs(first[:, 0] - pair).max(initial=0.0))
    return bool(
        rest
        <= 8
        * np.finfo(pair.dtype).eps
        * max(pair.max(initial=0.0), curvature.diagonal.max(initial=0.0))
    )
