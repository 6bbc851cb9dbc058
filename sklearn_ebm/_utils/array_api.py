"""Support for NumPy and for other libraries that follow the Array API standard.

Losses, inference and energies use the namespace of their arguments, and return arrays of the same
library. They are optimised for NumPy, for which steps work in place.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import array_api_compat
import array_api_compat.numpy
import numpy as np
from scipy import sparse

from sklearn_ebm._utils.parameters import Array

numpy_namespace = array_api_compat.numpy

# Types, other than sparse matrices, that the functions of NumPy accept.
OF_NUMPY = (np.ndarray, np.generic, float, int, type(None))

# Reductions of ufuncs: for small blocks, functions such as `np.min` are dominated by overhead.
REDUCTIONS: dict[str, Callable[..., Any]] = {
    "min": np.minimum.reduce,
    "max": np.maximum.reduce,
    "sum": np.add.reduce,
}


def namespace_of(*arrays: Any) -> Any:
    """Return the namespace of the arrays, which is NumPy for NumPy arrays and sparse matrices.

    Parameters
    ----------
    *arrays : array or sparse matrix
        Arrays of one library; None and Python numbers are ignored.

    Returns
    -------
    module
        A namespace of the Array API standard; `numpy_namespace` itself for NumPy.

    Raises
    ------
    TypeError
        If the arrays come from different libraries, or from one that has no such namespace.
    """
    for array in arrays:
        if not isinstance(array, OF_NUMPY) and not sparse.issparse(array):
            break
    else:
        return numpy_namespace
    others = [array for array in arrays if array is not None and not isinstance(array, float | int)]
    try:
        return array_api_compat.array_namespace(*others)
    except TypeError as error:
        libraries = {
            "numpy" if isinstance(array, np.ndarray) else type(array).__module__.split(".")[0]
            for array in others
        }
        raise TypeError(
            "Arrays must be of one library, NumPy or another that follows the Array API standard; "
            f"these are of {' and '.join(sorted(libraries))}."
        ) from error


def in_place(xp: Any, name: str, array: Array, *others: Any) -> Array:
    """Return ``xp.name(array, *others)``, in place if the library supports it.

    The contents of `array` are undefined afterwards, so the caller must use the result.

    Examples
    --------
    >>> in_place(numpy_namespace, "exp", np.array([0.0]))
    array([1.])
    """
    function = getattr(xp, name)
    # NumPy returns scalars instead of arrays without axes; these cannot be changed in place.
    if isinstance(array, np.ndarray):
        return function(array, *others, out=array)
    return function(array, *others)


def reduce_last_axis(xp: Any, name: str, array: Array, *, keepdims: bool = False) -> Array:
    """Return ``xp.name(array)`` over the last axis, with the name "min", "max" or "sum".

    Examples
    --------
    >>> reduce_last_axis(numpy_namespace, "sum", np.array([[1.0, 2.0]]))
    array([3.])
    """
    reduce = REDUCTIONS[name] if xp is numpy_namespace else getattr(xp, name)
    return reduce(array, axis=-1, keepdims=keepdims)


def at_least(xp: Any, array: Array, least: float) -> Array:
    """Return the element-wise maximum of an array and a number.

    In other libraries, ``xp.maximum`` and ``xp.minimum`` accept numbers only in recent versions.

    Examples
    --------
    >>> at_least(numpy_namespace, np.array([-1.0, 2.0]), 0.0)
    array([0., 2.])
    """
    return (
        np.maximum(array, least) if xp is numpy_namespace else xp.where(array < least, least, array)
    )


def at_most(xp: Any, array: Array, most: float) -> Array:
    """Return the element-wise minimum of an array and a number.

    Examples
    --------
    >>> at_most(numpy_namespace, np.array([-1.0, 2.0]), 0.0)
    array([-1.,  0.])
    """
    return np.minimum(array, most) if xp is numpy_namespace else xp.where(array > most, most, array)


def in_dtype(xp: Any, array: Any, dtype: Any) -> Any:
    """Return the array in a dtype; not a copy if it already has this dtype.

    Examples
    --------
    >>> in_dtype(numpy_namespace, np.array([True, False]), np.float64)
    array([1., 0.])
    """
    if xp is numpy_namespace:
        return array.astype(dtype, copy=False, subok=False)
    return xp.astype(array, dtype, copy=False)


def constant(xp: Any, values: Any, dtype: Any, like: Any) -> Any:
    """Return a number or a table of numbers as an array of a dtype, on the device of another array.

    Examples
    --------
    >>> constant(numpy_namespace, [[1, 2]], np.float32, like=np.zeros(3))
    array([[1., 2.]], dtype=float32)
    """
    if xp is numpy_namespace:
        return np.asarray(values, dtype=dtype)
    # All libraries accept Python numbers, but not all accept NumPy arrays.
    numbers = np.asarray(values).tolist()
    return xp.asarray(numbers, dtype=dtype, device=device_of(xp, like))


def device_of(xp: Any, array: Any) -> Any:
    """Device of an array; None for NumPy."""
    return None if xp is numpy_namespace else array_api_compat.device(array)


@lru_cache(maxsize=16)
def smallest_normal(xp: Any, dtype: Any) -> float:
    """Return the smallest positive normal number of a dtype.

    Examples
    --------
    >>> smallest_normal(numpy_namespace, np.dtype(np.float64))
    2.2250738585072014e-308
    """
    return float(xp.finfo(dtype).smallest_normal)


def side_by_side(xp: Any, like: Array, *columns: Callable[..., Array]) -> Array:
    """Return an array of the shape and memory order of `like` from its columns.

    Parameters
    ----------
    xp : module
    like : array of shape (..., n_classes)
    *columns : callable
        k functions that return an array of shape (...). For NumPy they are called with `out`, the
        array for the result; for other libraries they are called without arguments.

    Examples
    --------
    >>> half = np.array([0.5])
    >>> def double(**out):
    ...     return np.multiply(half, 2, **out)
    >>> def square(**out):
    ...     return np.multiply(half, half, **out)
    >>> side_by_side(numpy_namespace, np.ones((1, 2)), double, square)
    array([[1.  , 0.25]])
    """
    if xp is not numpy_namespace:
        return xp.stack([column() for column in columns], axis=-1)
    result = np.empty_like(like)
    for position, column in enumerate(columns):
        column(out=result[..., position])
    return result


def with_negative(xp: Any, like: Array, name: str, *arrays: Array) -> Array:
    """Return ``xp.name(*arrays)`` and its negative as the two columns of an array.

    Examples
    --------
    >>> with_negative(numpy_namespace, np.ones((1, 2)), "abs", np.array([0.5]))
    array([[ 0.5, -0.5]])
    """
    if xp is not numpy_namespace:
        first = getattr(xp, name)(*arrays)
        return xp.stack([first, -first], axis=-1)
    result = np.empty_like(like)
    getattr(np, name)(*arrays, out=result[..., 0])
    np.negative(result[..., 0], out=result[..., 1])
    return result
