"""One code for NumPy and for every other array that follows the Array API standard.

Losses, inference and energies take the functions they need from the namespace of what they are
given, and return arrays of the same kind. NumPy is what they are tuned for: there, a step may work
in place, and an index may be written to.
"""

from __future__ import annotations

from typing import Any

import array_api_compat
import array_api_compat.numpy as numpy_namespace
import numpy as np
from scipy import sparse

from sklearn_ebm._params import Array

__all__ = ["namespace_of", "numpy_namespace", "overwriting"]


def namespace_of(*arrays: Any) -> Any:
    """Return the functions that suit the arrays: NumPy's for its own and for sparse matrices.

    Parameters
    ----------
    *arrays : array or sparse matrix
        All of one library; None and Python numbers are passed over.

    Returns
    -------
    module
        A namespace of the Array API standard; `numpy_namespace` itself for NumPy.

    Raises
    ------
    TypeError
        If the arrays come from different libraries.
    """
    for array in arrays:
        if type(array) is not np.ndarray:
            break
    else:  # nearly always so, and asked often
        return numpy_namespace
    if all(
        array is None or isinstance(array, np.ndarray | np.generic | float | int)
        or sparse.issparse(array)
        for array in arrays
    ):  # fmt: skip
        return numpy_namespace
    return array_api_compat.array_namespace(
        *(array for array in arrays if array is not None and not isinstance(array, float | int))
    )


def overwriting(xp: Any, name: str, array: Array) -> Array:
    """Return ``xp.name(array)``, in the memory of `array` where the library can.

    What `array` holds afterwards is open: the caller goes on with the result alone.

    Examples
    --------
    >>> overwriting(numpy_namespace, "exp", np.array([0.0]))
    array([1.])
    """
    function = getattr(xp, name)
    result: Array = function(array, out=array) if xp is numpy_namespace else function(array)
    return result
