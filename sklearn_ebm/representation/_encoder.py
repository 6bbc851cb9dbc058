"""The unrolled encoder of sparse coding: its layers, and their derivatives.

.. code-block:: none

    driven = W D x                                                 (n, K)
    value  = γ driven + (z + β (z − z_before)) S                   (n, K), per layer
    z      = value − clip(value, −t, t)                            (n, K), per layer
    energy = ½‖x‖² − ⟨z, D x⟩ + ½⟨z, z D Dᵀ⟩ + α‖z‖₁               (n,)
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from sklearn_ebm._utils.parameters import Array, Params, Shapes
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies.base import Energy, Linearization, Traits

# Adam changes every parameter by about the same amount in a step. Entries of matrices are stored
# multiplied by the number of atoms over MATRIX_UNIT, because a row of K entries moves together.
MATRIX_UNIT = 2.8

# The encoder starts with the best of these caps of the eigenvalues, as fractions of the largest,
# on at most ROWS_OF_START samples.
CAPS = 2.0 ** -np.arange(0, 8, 0.5)
ROWS_OF_START = 2_000


class Layers(NamedTuple):
    """Numbers with which the encoder computes codes, in the dtype of the samples.

    Attributes
    ----------
    mixing : ndarray of shape (1 or n_layers - 1, n_components, n_components)
        S: what a layer makes of the code of the layer before.
    filters : ndarray of shape (n_components, n_components)
        W: what the layers make of ⟨D_j, x⟩.
    threshold, momentum, gain : ndarray of shape (n_layers,)
        t, β and γ.
    """

    mixing: Array
    filters: Array
    threshold: Array
    momentum: Array
    gain: Array

    def of(self, layer: int) -> Array:
        """S of a layer after the first."""
        return self.mixing[min(layer, len(self.mixing)) - 1]


class _Kept(NamedTuple):
    """What the pullback needs of a layer: its input, the change of the code before, its code."""

    entering: Array
    change: Array
    code: Array


class EncoderEnergy(Energy):
    """The energy E(x, Enc(x)) of sparse coding as a function of the parameters of the encoder.

    Rows hold ⟨D_j, x⟩ for all atoms, and ½‖x‖² in the last column. The only answer is the code.
    """

    # Products of a batch are large enough for the threads of BLAS.
    traits = Traits(stochastic=True, threads=False)

    def __init__(
        self, gram: Array, alpha: float, n_layers: int, tied: bool, positive: bool
    ) -> None:
        self.gram = gram
        self.alpha = alpha
        self.n_layers = n_layers
        self.tied = tied
        self.positive = positive

    @property
    def _unit(self) -> float:
        return MATRIX_UNIT / len(self.gram)

    def _width(self, n_answers: int) -> int:
        """Number of values kept for each sample."""
        return 3 * self.n_layers * len(self.gram) + n_answers

    def shapes(self, n_features: int, n_answers: int) -> Shapes:
        """Shapes of the parameters; `mixing` has no entries for a single layer."""
        n_atoms, n_later = len(self.gram), self.n_layers - 1
        return {
            "mixing": (min(n_later, 1) if self.tied else n_later, n_atoms, n_atoms),
            "filters": (n_atoms, n_atoms),
            "threshold": (self.n_layers,),
            "momentum": (self.n_layers,),
            "gain": (self.n_layers,),
        }

    def start(self, rows: Rows, n_answers: int, rng: np.random.RandomState) -> Params:
        """Preconditioned FISTA, with the cap of the eigenvalues that is best for the samples."""
        some = rows
        if len(rows.y) > ROWS_OF_START:
            some = rows.take(rng.permutation(len(rows.y))[:ROWS_OF_START])
        best, least = None, np.inf
        values, vectors = np.linalg.eigh(self.gram.astype(np.float64))
        for cap in CAPS * (float(values[-1]) or 1.0):
            params = self._preconditioned(values, vectors, cap)
            with np.errstate(over="ignore", invalid="ignore"):
                energies = self.linearize(params, some.X).energies[:, 0]
                mean = float(some.weight @ energies.astype(np.float64))
            if mean < least:
                best, least = params, mean
        assert best is not None
        return best

    def _preconditioned(self, values: Array, vectors: Array, cap: float) -> Params:
        """Parameters of FISTA with steps of (D Dᵀ)⁻¹ whose eigenvalues are at most 1/cap."""
        n_atoms = len(self.gram)
        inverse = 1 / np.maximum(values, cap)
        filters = (vectors * inverse) @ vectors.T
        mixing = (vectors * (1 - values * inverse)) @ vectors.T
        n_mixing = self.shapes(n_atoms, 1)["mixing"][0]
        momentum = np.zeros(self.n_layers)
        t = 1.0
        for layer in range(1, self.n_layers):
            after = (1 + math.sqrt(1 + 4 * t**2)) / 2
            momentum[layer], t = (t - 1) / after, after
        return {
            "mixing": np.repeat(mixing[None] / self._unit, n_mixing, axis=0),
            "filters": filters / self._unit,
            "threshold": np.full(self.n_layers, math.log(self.alpha / cap)),
            "momentum": momentum,
            "gain": np.zeros(self.n_layers),
        }

    def layers(self, params: Params, dtype: Any) -> Layers:
        """Numbers that the parameters stand for."""
        return Layers(
            (self._unit * params["mixing"]).astype(dtype, copy=False),
            (self._unit * params["filters"]).astype(dtype, copy=False),
            np.exp(params["threshold"]).astype(dtype, copy=False),
            params["momentum"].astype(dtype, copy=False),
            np.exp(params["gain"]).astype(dtype, copy=False),
        )

    def encoded(self, layers: Layers, driven: Array, kept: list[_Kept] | None = None) -> Array:
        """Codes of samples, from W ⟨D_j, x⟩; what the pullback needs is appended to `kept`."""
        code = before = np.zeros_like(driven)
        for number, threshold in enumerate(layers.threshold):
            value = layers.gain[number] * driven
            change = entering = code
            if number:
                change = code - before
                entering = layers.momentum[number] * change
                entering += code
                value += entering @ layers.of(number)
            before, code = code, _shrunk(value, threshold, self.positive)
            if kept is not None:
                kept.append(_Kept(entering, change, code))
        return code

    def linearize(self, params: Params, X: Any) -> Linearization:
        """Energies of shape (n_samples, 1), and their derivatives in the parameters."""
        correlation, constant = X[:, :-1], X[:, -1]
        gram = self.gram.astype(X.dtype, copy=False)
        layers, kept = self.layers(params, X.dtype), list[_Kept]()
        driven = correlation @ layers.filters
        code = self.encoded(layers, driven, kept)
        gradient = code @ gram
        gradient -= correlation
        energies = constant + 0.5 * np.einsum("nk,nk->n", code, gradient - correlation)
        energies += X.dtype.type(self.alpha) * np.abs(code).sum(axis=1)

        def pullback_into(slope: Array, out: Params) -> None:
            back = X.dtype.type(self.alpha) * np.sign(code)
            back += gradient
            back *= slope
            self._pull(layers, kept, correlation, driven, back, out)

        def pullback(slope: Array) -> Params:
            out = {name: np.empty_like(value, dtype=X.dtype) for name, value in params.items()}
            pullback_into(slope, out)
            return out

        return Linearization(energies[:, None], pullback, pullback_into=pullback_into)

    def _pull(
        self,
        layers: Layers,
        kept: list[_Kept],
        correlation: Array,
        driven: Array,
        back: Array,
        out: Params,
    ) -> None:
        """Write the derivatives in the parameters, from those in the last code."""
        to_driven = np.zeros_like(driven)
        earlier: Array | None = None  # of the code before the next one, from its momentum
        arrived: list[Array] = [back] * len(kept)
        for number in range(len(kept) - 1, -1, -1):
            _, change, code = kept[number]
            gain, momentum = layers.gain[number], layers.momentum[number]
            # The slope passes through entries above the threshold, and moves it against their sign.
            out["threshold"][number] = -layers.threshold[number] * np.vdot(back, np.sign(code))
            back *= code != 0
            arrived[number] = back
            out["gain"][number] = gain * np.vdot(back, driven)
            to_driven += gain * back
            if number == 0:
                out["momentum"][0] = 0
                break
            to_entering = back @ layers.of(number).T
            out["momentum"][number] = np.vdot(to_entering, change)
            back = (1 + momentum) * to_entering
            if earlier is not None:
                back -= earlier
            earlier = momentum * to_entering
        np.matmul(correlation.T, to_driven, out=out["filters"])
        out["filters"] *= self._unit
        if self.tied and len(kept) > 1:
            entered = np.concatenate([layer.entering for layer in kept[1:]])
            np.matmul(entered.T, np.concatenate(arrived[1:]), out=out["mixing"][0])
        else:
            for number, layer in enumerate(kept[1:]):
                np.matmul(layer.entering.T, arrived[number + 1], out=out["mixing"][number])
        out["mixing"] *= self._unit


def _shrunk(value: Array, threshold: float, positive: bool) -> Array:
    """Soft threshold of an array, which is overwritten."""
    if positive:
        value -= threshold
        return np.maximum(value, 0, out=value)
    value -= np.clip(value, -threshold, threshold)
    return value
