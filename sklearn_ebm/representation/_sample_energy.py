"""Energies of samples that an encoder and a decoder define."""

from __future__ import annotations

from abc import abstractmethod
from copy import copy
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import eigh, svd

from sklearn_ebm._utils.array_api import numpy_namespace
from sklearn_ebm._utils.array_ops import cast_like
from sklearn_ebm._utils.parameters import Array, Params, Shapes
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies._network.layers import Backward
from sklearn_ebm.energies._network.trunk import Trunk, returned
from sklearn_ebm.energies.base import Energy, Linearization, Traits
from sklearn_ebm.inference.local_descent import local_descent


class SampleEnergy(Energy):
    """Base class of energies F(x) with an encoder and a decoder, of standardised samples.

    There is a single answer, so the energies of `linearize` have the shape (n_samples, 1).

    Attributes
    ----------
    encoder, decoder : Trunk
        The networks.
    n_components : int
        Number of entries of a code.
    """

    traits = Traits(nonnegative=True, stochastic=True)

    # Whether this is the energy of one step on a mini-batch, which may change its state.
    _step = False

    def __init__(self, n_components: int, sizes: tuple[int, ...], activation: str) -> None:
        self.n_components = n_components
        self.sizes = sizes
        self.activation = activation

    @property
    def encoder(self) -> Trunk:
        """Network from samples to codes."""
        return Trunk(self.sizes, self.activation, "encoder_")

    @property
    def decoder(self) -> Trunk:
        """Network from codes to samples, with the hidden layers of the encoder in reverse order."""
        return Trunk(self.sizes[::-1], self.activation, "decoder_")

    @property
    def _n_encoded(self) -> int:
        """Number of outputs of the encoder."""
        return self.n_components

    def shapes(self, n_features: int, n_answers: int) -> Shapes:
        return {
            **self.encoder.shapes(None, n_features, self._n_encoded),
            **self.decoder.shapes(None, self.n_components, n_features),
        }

    def start(self, rows: Rows, n_answers: int, rng: np.random.RandomState) -> Params:
        """Random weights; linear networks start at the principal components of the samples."""
        params = self.encoder.start(self.shapes(rows.X.shape[1], n_answers), rng, output=1.0)
        if not self.sizes:
            self._start_at(params, principal_axes(rows.X, rows.weight, self.n_components))
        return params

    def _start_at(self, params: Params, found: PrincipalAxes) -> None:
        """Write the parameters of linear networks that project on principal axes."""
        n_found = len(found.axes)
        params["encoder_output_weight"][:, :n_found] = found.axes.T
        params["decoder_output_weight"][:n_found] = found.axes
        params["decoder_output_weight"][n_found:] = 0

    def _for_step(self, rng: np.random.RandomState) -> Any:
        other = copy(self)
        other._step = True
        return other

    def _width(self, n_answers: int) -> int:
        return 4 * sum(self.sizes) + self._n_encoded + self.n_components

    def linearize(self, params: Params, X: Any) -> Linearization:
        rows = np.asarray(X)
        local = {name: cast_like(numpy_namespace, part, rows) for name, part in params.items()}
        energies, back = self._linearized(local, rows)

        def pullback_into(slope: Array, out: Params) -> None:
            back(slope[:, 0], out)

        pullback = returned(pullback_into, params, rows)
        return Linearization(energies[:, None], pullback, pullback_into=pullback_into)

    @abstractmethod
    def _linearized(self, params: Params, rows: Array) -> tuple[Array, Backward]:
        """Energies (n,), and a function from their slopes to the gradient."""

    def settle(self, params: Params, rows: Array, weight: Array, share: float) -> None:
        """Store what inference needs besides the parameters, from training samples.

        In a stream, they replace a `share` of what is known; it is 1 at the end of a fit.
        """

    def energies(self, params: Params, rows: Array) -> Array:
        """Compute the energies of inference, (n,)."""
        return self._linearized(params, rows)[0]

    def with_code(self, params: Params, rows: Array, codes: Array) -> tuple[Array, Array]:
        """Compute E(x, z) for any codes, (n,), and the gradient in them of its smooth part."""
        away, steps = self.decoder.forward(params, codes, first=False)
        away -= rows
        return half_squares(away), back_through(steps, away, {})

    def nearest_code(self, codes: Array, steps: Array, encoded: Array) -> Array:
        """Proximal operator of the part of E(x, z) that is not smooth; `encoded` is Enc(x)."""
        return codes

    def best_energies(
        self, params: Params, rows: Array, max_iter: int
    ) -> tuple[Array, Array, Array]:
        """Compute E(x, Enc(x)), the lowest E(x, z) that is found, and a lower bound of all."""
        codes = self.codes(params, rows)
        encoded, _ = self.with_code(params, rows, codes)
        _, found = local_descent(
            lambda z: self.with_code(params, rows, z),
            lambda z, steps: self.nearest_code(z, steps, codes),
            codes,
            max_iter,
        )
        return encoded, found, np.zeros_like(found)

    def codes(self, params: Params, rows: Array) -> Any:
        """Compute the codes (n, n_components)."""
        return self.encoder.forward(params, rows)[0]

    def decoded(self, params: Params, codes: Any) -> Array:
        """Compute the samples that codes stand for, (n, n_features)."""
        return self.decoder.forward(params, codes)[0]


class PrincipalAxes(NamedTuple):
    """Directions of the largest second moments.

    Attributes
    ----------
    axes : ndarray of shape (k, n_features)
        The directions, of norm 1; k is at most n_features.
    moments : ndarray of shape (k,)
        Mean squares along them.
    rest : float
        Mean of the mean squares along all other directions; zero if there are none.
    """

    axes: Array
    moments: Array
    rest: float


def principal_axes(X: Array, weight: Array, n_components: int) -> PrincipalAxes:
    """Compute the directions of the largest second moments of weighted samples."""
    n_samples, n_features = X.shape
    n_found = min(n_components, n_features)
    rows = X * np.sqrt(weight / weight.sum()).astype(X.dtype)[:, None]
    square = float(np.vdot(rows, rows))
    if n_samples < n_features:  # the other directions have no moments
        vectors = svd(rows.astype(np.float64), full_matrices=False)[2][:n_found].T
    else:
        moments = (rows.T @ rows).astype(np.float64)
        chosen = [n_features - n_found, n_features - 1]
        vectors = eigh(moments, subset_by_index=chosen)[1][:, ::-1]
    axes: Array = vectors.T
    largest = np.abs(axes).argmax(axis=1)
    axes = axes * np.sign(axes[np.arange(len(axes)), largest])[:, None]
    along = np.square(rows @ axes.T.astype(X.dtype)).sum(axis=0).astype(np.float64)
    n_other = max(n_features - n_found, 1)
    return PrincipalAxes(axes, along, max(square - float(along.sum()), 0.0) / n_other)


def back_through(steps: list[Backward], slope: Array, out: Params) -> Array:
    """Apply the backward functions of a network to slopes in its output."""
    for step in reversed(steps):
        slope = step(slope, out)
    return slope


def half_squares(away: Array) -> Array:
    """½‖·‖² of each row."""
    result: Array = 0.5 * np.einsum("nd,nd->n", away, away)
    return result
