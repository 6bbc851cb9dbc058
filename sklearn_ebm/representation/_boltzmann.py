"""The energy of binary samples and binary latent vectors, and draws of one given the other."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.array_api import numpy_namespace
from sklearn_ebm._utils.array_ops import logistic, softplus_sums
from sklearn_ebm._utils.parameters import Array


class Machine(NamedTuple):
    """Parameters of E(x, h) = −a·x − c·h − hᵀW x.

    Attributes
    ----------
    weight : ndarray of shape (n_components, n_features)
        The weights W.
    hidden : ndarray of shape (n_components,)
        The biases c of the latent vector.
    visible : ndarray of shape (n_features,)
        The biases a of the features.
    """

    weight: Array
    hidden: Array
    visible: Array

    def astype(self, dtype: Any) -> Machine:
        """Return the parameters in a dtype."""
        return Machine(*(part.astype(dtype, copy=False) for part in self))

    def copy(self) -> Machine:
        """Return a copy of the parameters."""
        return Machine(*(part.copy() for part in self))

    def component_inputs(self, X: Any) -> Array:
        """Log-odds c + W x of the components (n, n_components) of rows, which may be sparse."""
        inputs = np.asarray(X @ self.weight.T)
        inputs += self.hidden
        return inputs

    def feature_inputs(self, codes: Array) -> Array:
        """Log-odds a + hᵀW of the features (n, n_features) of codes (n, n_components)."""
        inputs: Array = codes @ self.weight
        inputs += self.visible
        return inputs

    def free_energies(self, X: Any, inputs: Array) -> Array:
        """−a·x − Σ_j log(1 + exp o_j) of rows with the inputs o of their components."""
        energies: Array = -(X @ self.visible)
        energies -= softplus_sums(numpy_namespace, inputs)
        return energies

    def energies(self, X: Any, inputs: Array) -> Array:
        """−a·x − Σ_j max(o_j, 0), the minimum over h, of rows with these inputs."""
        energies: Array = -(X @ self.visible)
        energies -= np.maximum(inputs, 0).sum(axis=1)
        return energies


def probabilities(inputs: Array) -> Array:
    """Probabilities of log-odds, which are overwritten."""
    return logistic(numpy_namespace, inputs)


def drawn(inputs: Array, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Zeros and ones with log-odds o in float32, which are overwritten.

    A uniform number u is below 1/(1 + exp(−o)) if u (1 + exp(−o)) < 1.

    Examples
    --------
    >>> drawn(np.float32([-200.0, 200.0]), np.random.default_rng(0))
    array([0., 1.], dtype=float32)
    """
    with np.errstate(over="ignore", invalid="ignore"):  # exp(−o) = ∞ means 0
        np.negative(inputs, out=inputs)
        np.exp(inputs, out=inputs)
        inputs += 1
        inputs *= rng.random(inputs.shape, dtype=np.float32)
        np.less(inputs, 1, out=inputs)
    return inputs


def gibbs_steps(
    machine: Machine, codes: npt.NDArray[np.float32], n_steps: int, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Samples (n, n_features) after some Gibbs steps that start from codes (n, n_components).

    A step draws all features given the codes; before each further one, all components of the codes
    are drawn given the features.
    """
    X = drawn(machine.feature_inputs(codes), rng)
    for _ in range(1, n_steps):
        codes = drawn(machine.component_inputs(X), rng)
        X = drawn(machine.feature_inputs(codes), rng)
    return X
