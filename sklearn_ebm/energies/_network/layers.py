"""The way through a network of dense layers and back, layer by layer.

.. code-block:: none

    z = h W + b                       (n, h)    `Dense`
    z = gain (z − mean)/√(variance + ε) + shift  `Normalization`, over the units of a row
    h = activation(z)
    h = h · mask / (1 − dropout)                 while training

Each step returns its value and a closure that takes the slopes back: it puts the gradient of its
parameters where it is told to, into arrays that are there or new ones, and returns the slopes in
its input. Slopes are worked on in place.
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

# Keeps the standard deviation of the units of a row from zero.
EPSILON = 1e-5

#: (slopes in the output, where gradients go) -> slopes in the input.
Backward: TypeAlias = Callable[[Array, Params], Array]


def dense(params: Params, name: str, h: Any, *, first: bool) -> tuple[Array, Backward]:
    """H W + b, and the way back; the rows themselves need no slopes.

    Several networks, each with rows of its own, are one product: all shapes then have one more
    axis in front.

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
    """Units of each row to mean 0 and variance 1, then gain and shift; and the way back.

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
    """The activation of z, which is overwritten, and the way back."""
    h, kept = activation.forward(z)

    def backward(slope: Array, out: Params) -> Array:
        return activation.backward(slope, kept)

    return h, backward


def dropped(draw: np.random.Generator, rate: float, h: Array) -> tuple[Array, Backward]:
    """A share of the units set to zero, the others raised so that the mean stays; and the way back.

    Srivastava et al. (2014); raising them while learning leaves nothing to do when predicting.
    """
    # Drawn by NumPy, whatever the library: the same units for the same seed.
    mask = cast_like(namespace_of(h), draw.random(h.shape, dtype=np.float32) >= rate, h)
    mask *= 1 / (1 - rate)

    def backward(slope: Array, out: Params) -> Array:
        slope *= mask
        return slope

    return h * mask, backward
