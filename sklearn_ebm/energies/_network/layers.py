"""Forward and backward functions of the layers of a network.

.. code-block:: none

    z = h W + b                       (n, h)    `Dense`
    z = gain (z − mean)/√(variance + ε) + shift  `Normalization`, over the units of a row
    h = activation(z)
    h = h · mask / (1 − dropout)                 while training

Each function returns its value and a backward function. The latter writes the gradient of the
parameters into a dict, into existing arrays if there are any, and returns the slopes in the input.
It overwrites the slopes in the output.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from scipy import sparse

from sklearn_ebm._utils.array_api import in_place, namespace_of
from sklearn_ebm._utils.array_ops import assign, cast_like, column_sums, dots, product
from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm.energies._network.activations import Activation

# Added to the variance of the units of a row, which may be zero.
EPSILON = 1e-5

#: (slopes in the output, dict for the gradients) -> slopes in the input.
Backward: TypeAlias = Callable[[Array, Params], Array]


def dense(params: Params, name: str, h: Any, *, first: bool) -> tuple[Array, Backward]:
    """Compute h W + b, and return the backward function as well.

    For several networks, each with its own rows, all shapes have a further first axis.

    Parameters
    ----------
    params : dict
        ``{name}_weight`` (p, q) and perhaps ``{name}_bias`` (q,), in the dtype of h.
    name : str
    h : array or sparse matrix of shape (n_samples, p)
    first : bool
        Whether h are the rows themselves.
    """
    weight, bias = params[f"{name}_weight"], params.get(f"{name}_bias")
    xp = namespace_of(h)
    z = np.asarray(h @ weight) if sparse.issparse(h) else product(xp, h, weight)
    if bias is not None:
        z += bias[..., None, :]

    def backward(slope: Array, out: Params) -> Array:
        if sparse.issparse(h):
            gradient = h.T @ slope
        else:
            gradient = product(xp, xp.matrix_transpose(h), slope, out.get(f"{name}_weight"))
        assign(out, f"{name}_weight", gradient)
        if bias is not None:
            assign(out, f"{name}_bias", column_sums(xp, slope))
        return slope if first else product(xp, slope, xp.matrix_transpose(weight))

    return z, backward


def normalization(params: Params, name: str, z: Array) -> tuple[Array, Backward]:
    """Standardise the units of each row, then apply gain and shift; with the backward function.

    With u = (z − mean)/s and g = slope · gain, the slope in z is (g − mean(g) − u mean(g u))/s.
    """
    gain, shift = params[f"{name}_gain"], params[f"{name}_shift"]
    xp = namespace_of(z)
    z -= xp.mean(z, axis=1, keepdims=True)
    inverse = xp.mean(xp.square(z), axis=1, keepdims=True)
    inverse += EPSILON
    inverse = 1 / in_place(xp, "sqrt", inverse)
    z *= inverse
    unit = z

    def backward(slope: Array, out: Params) -> Array:
        assign(out, f"{name}_gain", dots(xp, slope, unit, axis=0))
        assign(out, f"{name}_shift", column_sums(xp, slope))
        slope *= gain
        projection = dots(xp, slope, unit, axis=1)[:, None] / slope.shape[1]
        slope -= xp.mean(slope, axis=1, keepdims=True)
        slope -= unit * projection
        slope *= inverse
        return slope

    return unit * gain + shift, backward


def activated(activation: Activation, z: Array) -> tuple[Array, Backward]:
    """Activation of z, which is overwritten, and the backward function."""
    h, kept = activation.forward(z)

    def backward(slope: Array, out: Params) -> Array:
        return activation.backward(slope, kept)

    return h, backward


def dropped(draw: np.random.Generator, rate: float, h: Array) -> tuple[Array, Backward]:
    """Dropout: set units to zero at random, and scale the others to preserve the mean.

    Because of the scaling, predictions need no change (Srivastava et al., 2014).
    """
    # NumPy draws for every library, so that a seed always gives the same units.
    mask = cast_like(namespace_of(h), draw.random(h.shape, dtype=np.float32) >= rate, h)
    mask *= 1 / (1 - rate)

    def backward(slope: Array, out: Params) -> Array:
        slope *= mask
        return slope

    return h * mask, backward
