"""Operations of energies for which NumPy is faster than the Array API standard allows.

Energies accept arrays of any library that follows the standard. For NumPy, these functions work in
place, write to a given array, or choose the memory order.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import array_api_compat
import numpy as np
from scipy.special import erfcx, ndtr

from sklearn_ebm._utils.array_api import at_least, in_place, numpy_namespace
from sklearn_ebm._utils.parameters import Array, Params

# Degree of the series of erfc, whose truncation error is below the rounding of float64.
ERFC_DEGREE = 24

# Number of factors between 1 and 2 whose product is computed; 2^64 fits into float32.
FACTORS = 64


# Creation of arrays --------------------------------------------------------------------------


def cast_like(xp: Any, value: Any, rows: Any, dtype: Any = None) -> Array:
    """Convert a value to the library and device of rows, and to their dtype or another one.

    Parameters
    ----------
    xp : module
        Namespace of the rows.
    value : array
        Array of NumPy or of the library of the rows; it is not copied if no conversion is needed.
    rows : array or sparse matrix
        Array that determines library, device and default dtype.
    dtype : dtype of `xp`, optional
        The dtype of the result.

    Examples
    --------
    >>> cast_like(numpy_namespace, np.array([1.0]), np.zeros(3, dtype=np.float32))
    array([1.], dtype=float32)
    """
    dtype = rows.dtype if dtype is None else dtype
    result: Array
    if xp is numpy_namespace:
        return value.astype(dtype, copy=False)
    if isinstance(value, np.ndarray | np.generic):
        # A contiguous copy: some libraries do not accept read-only views or negative strides.
        plain = np.array(value, order="C")
        result = xp.asarray(plain, dtype=dtype, device=array_api_compat.device(rows))
    else:
        result = xp.astype(value, dtype, copy=False)
    return result


def floating(xp: Any, rows: Any) -> Any:
    """Rows in the dtype that energies use: float32 is kept, other dtypes become float64."""
    return rows if rows.dtype == xp.float32 else cast_like(xp, rows, rows, xp.float64)


def negative(xp: Any, array: Any, rows: Any, order: Any) -> Array:
    """−array in the dtype of the rows; for NumPy, in the given memory order."""
    if xp is numpy_namespace:
        return np.negative(array, dtype=rows.dtype, order=order)
    return -cast_like(xp, array, rows)


def opposites(xp: Any, values: Array) -> Array:
    """Array (n, 2) with the columns −v and v, in Fortran order, for an array v (n,)."""
    if xp is not numpy_namespace:
        result: Array = xp.stack([-values, values], axis=1)
        return result
    both = np.empty((2, len(values)), dtype=values.dtype)
    np.negative(values, out=both[0])
    both[1] = values
    return both.T


def in_plain_order(xp: Any, array: Array) -> Array:
    """The array in C order, if the library is NumPy; else unchanged."""
    return np.ascontiguousarray(array) if xp is numpy_namespace else array


# Products and sums ---------------------------------------------------------------------------


def product(xp: Any, one: Any, other: Any, out: Array | None = None) -> Array:
    """Matrix product; NumPy writes it to `out` if that is given."""
    result: Array = np.matmul(one, other, out=out) if xp is numpy_namespace else one @ other
    return result


def column_sums(xp: Any, array: Array) -> Array:
    """Sum of each column of matrices (..., n, p).

    For few rows, the overhead of `np.sum` dominates; for several large matrices, a product with
    ones is much faster than a reduction.
    """
    result: Array
    if xp is not numpy_namespace:
        result = xp.sum(array, axis=-2)
    elif array.ndim == 2:
        result = np.add.reduce(array, axis=0)
    else:
        ones = np.ones((1, array.shape[-2]), dtype=array.dtype)
        result = np.matmul(ones, array)[..., 0, :]
    return result


def dots(xp: Any, one: Array, other: Array, axis: int) -> Array:
    """Inner products along an axis of two matrices.

    Examples
    --------
    >>> dots(numpy_namespace, np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), axis=1)
    array([11.])
    """
    if xp is numpy_namespace:
        return np.einsum("ij,ij->i" if axis else "ij,ij->j", one, other)
    result: Array = xp.sum(one * other, axis=axis)
    return result


def summed(xp: Any, array: Array, axis: int) -> Array:
    """Sum over an axis; a view if the axis has length 1.

    Examples
    --------
    >>> (
    ...     summed(numpy_namespace, np.ones((1, 3)), 0),
    ...     summed(numpy_namespace, np.ones((2, 3)), 0),
    ... )
    (array([1., 1., 1.]), array([2., 2., 2.]))
    """
    result: Array
    if array.shape[axis] == 1:
        result = xp.squeeze(array, axis=axis)
    elif xp is numpy_namespace:
        result = np.add.reduce(array, axis=axis)
    else:
        result = xp.sum(array, axis=axis)
    return result


def inner(one: Array, other: Array) -> Array:
    """Sum of ``one * other`` over the first axis, for a short first axis and many sums.

    Examples
    --------
    >>> inner(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 1.0], [2.0, 0.5]]))
    array([7., 4.])
    """
    total: Array = one[0, ...] * other[0, ...]
    for place in range(1, one.shape[0]):
        total += one[place, ...] * other[place, ...]
    return total


def assign(out: Params, name: str, value: Array) -> None:
    """Store values under a name, in the existing array if there is one.

    Examples
    --------
    >>> out = {"here": np.zeros(2)}
    >>> assign(out, "here", np.ones(2))
    >>> assign(out, "new", np.ones(1))
    >>> out
    {'here': array([1., 1.]), 'new': array([1.])}
    """
    kept = out.get(name)
    if kept is None:
        out[name] = value
    elif kept is not value:
        kept[...] = value


# Functions of one number ---------------------------------------------------------------------


def clip_below_zero(xp: Any, array: Array) -> Array:
    """max(a, 0), in place if the library supports it."""
    if xp is numpy_namespace:
        return np.maximum(array, 0, out=array)
    result: Array = xp.maximum(array, xp.zeros_like(array))
    return result


def one_minus(xp: Any, array: Array) -> Array:
    """1 − a, in place if the library supports it."""
    return np.subtract(1, array, out=array) if xp is numpy_namespace else 1 - array


def times_mask(xp: Any, array: Array, mask: Any) -> Array:
    """Set the array to 0 outside the mask, in place if the library supports it."""
    array *= mask if xp is numpy_namespace else xp.astype(mask, array.dtype)
    return array


def logistic(xp: Any, z: Array) -> Array:
    """1/(1 + exp(−z)) = ½ + ½ tanh(z/2), in place if the library supports it.

    NumPy's tanh is several times faster than SciPy's logistic function. The absolute error is that
    of rounding.

    Examples
    --------
    >>> logistic(numpy_namespace, np.array([-np.inf, 0.0, np.inf]))
    array([0. , 0.5, 1. ])
    """
    z *= 0.5
    z = in_place(xp, "tanh", z)
    z *= 0.5
    z += 0.5
    return z


def softplus_sums(xp: Any, z: Array) -> Array:
    """Σ_j log(1 + exp z_j) over the last axis, without overflow.

    It is Σ_j max(z_j, 0) + log Π_j (1 + exp(−|z_j|)). A product takes less time than logarithms,
    and one of 64 factors cannot overflow.

    Examples
    --------
    log 2 + log 4 = log 8:

    >>> softplus_sums(numpy_namespace, np.log([[1.0, 3.0]])).round(6), np.log([8]).round(6)
    (array([2.079442]), array([2.079442]))
    """
    factors = in_place(xp, "abs", z + 0)
    factors = in_place(xp, "negative", factors)
    factors = in_place(xp, "exp", factors)
    factors += 1
    total: Array = xp.sum(at_least(xp, z, 0.0), axis=-1)
    width = z.shape[-1]
    for first in range(0, width, FACTORS):
        some = factors[..., first : min(first + FACTORS, width)]
        total = total + xp.log(xp.prod(some, axis=-1))
    return total


def normal_cdf(xp: Any, z: Array) -> Array:
    """Φ(z), the distribution function of the normal distribution, to the precision of the dtype.

    The Array API standard has no error function. With t = 2/(2 + u), erfc(u) e^{u²}/t is smooth in
    t for all u ≥ 0, down to t = 0, so a short Chebyshev series in 2t − 1 is accurate.
    """
    result: Array
    if xp is numpy_namespace:
        result = ndtr(z)
        return result
    u = xp.abs(z) / float(np.sqrt(2))
    t = 2 / (2 + u)
    x = 2 * t - 1
    now, last = xp.zeros_like(x), xp.zeros_like(x)
    for coefficient in _erfc_series()[:0:-1]:  # Clenshaw's recurrence
        now, last = 2 * x * now - last + coefficient, now
    tail = t * (x * now - last + _erfc_series()[0]) * xp.exp(-0.5 * z * z) / 2
    result = xp.where(z > 0, 1 - tail, tail)
    return result


@lru_cache(maxsize=1)
def _erfc_series() -> tuple[float, ...]:
    """Chebyshev coefficients of erfc(u) e^{u²}/t in 2t − 1, from values at Chebyshev points.

    Angles are reduced to one period, because the interpolation of NumPy loses two digits.
    """
    order = np.arange(ERFC_DEGREE + 1)
    angle = np.pi / (2 * len(order)) * (np.outer(order, 2 * order + 1) % (4 * len(order)))
    t = (np.cos(angle[1]) + 1) / 2
    coefficients = 2 / len(order) * np.cos(angle) @ (erfcx(2 / t - 2) / t)
    coefficients[0] /= 2
    return tuple(coefficients.tolist())
