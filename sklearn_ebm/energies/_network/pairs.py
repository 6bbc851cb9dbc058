r"""A network of pairs (x, y), with its derivatives in y and in its parameters.

.. code-block:: none

    h₀ = a(x Wₓ + y W_y + b₀),   h_l = a(h_{l−1} W_l + b_l),   f(x, y) = h · w + b

The product x Wₓ is computed once for all answers of a sample.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sklearn_ebm._utils.parameters import Array, Params, Shapes
from sklearn_ebm.energies._network.activations import ACTIVATIONS


class Tape(NamedTuple):
    """Results of a forward pass that the backward passes need.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features)
        Standardised samples.
    answers : ndarray of shape (n_samples, m, n_outputs)
        Standardised answers.
    layers : list of tuple
        Values of each hidden layer, (n_samples · m, units), and what its activation keeps.
    """

    X: Array
    answers: Array
    layers: list[tuple[Array, tuple[Array, ...]]]


class PairNetwork(NamedTuple):
    """A network f(x, y) with a single output.

    Attributes
    ----------
    sizes : tuple of int
        Number of units of each hidden layer, one or more.
    activation : str
        Name of the activation function.
    """

    sizes: tuple[int, ...]
    activation: str

    @property
    def weights(self) -> tuple[str, ...]:
        """Names of the weights of all layers."""
        above = (f"hidden_{number}_weight" for number in range(1, len(self.sizes)))
        return ("x_weight", "y_weight", *above, "output_weight")

    def shapes(self, n_features: int, n_outputs: int) -> Shapes:
        """Shapes of the parameters, by name; weights come first."""
        first, *rest = self.sizes
        shapes = {"x_weight": (n_features, first), "y_weight": (n_outputs, first)}
        for number, (below, above) in enumerate(zip(self.sizes, rest, strict=False), start=1):
            shapes[f"hidden_{number}_weight"] = (below, above)
        shapes["output_weight"] = (self.sizes[-1], 1)
        biases: dict[str, tuple[int, ...]] = {
            f"hidden_{number}_bias": (size,) for number, size in enumerate(self.sizes)
        }
        return {**shapes, **biases, "output_bias": (1,)}

    def start(
        self, n_features: int, n_outputs: int, rng: np.random.RandomState, output: float
    ) -> Params:
        """Random weights that preserve the variance; those of the output are times `output`."""
        gain = ACTIVATIONS[self.activation].gain
        params: Params = {}
        for name, shape in self.shapes(n_features, n_outputs).items():
            if not name.endswith("_weight"):
                params[name] = np.zeros(shape)
                continue
            below, above = shape
            if name in ("x_weight", "y_weight"):
                below = n_features + n_outputs
            bound = np.sqrt(6 / below if gain > 1 else 6 / (below + above))
            bound *= output if name == "output_weight" else 1.0
            params[name] = rng.uniform(-bound, bound, size=shape)
        return params

    def forward(self, params: Params, X: Array, answers: Array) -> tuple[Array, Tape]:
        """Values f (n, m) for samples (n, d) and answers (n, m, q), and the tape."""
        activation = ACTIVATIONS[self.activation]()
        n, m, q = answers.shape
        # A product of [y, 1] and [W_y; x Wₓ + b₀] for each sample, so that z is written once.
        first = np.empty((n, q + 1, self.sizes[0]), dtype=answers.dtype)
        first[:, :q] = params["y_weight"]
        first[:, q] = X @ params["x_weight"] + params["hidden_0_bias"]
        padded = np.ones((n, m, q + 1), dtype=answers.dtype)
        padded[:, :, :q] = answers
        z = padded @ first
        h, kept = activation.forward(z.reshape(n * m, -1))
        layers = [(h, kept)]
        for number in range(1, len(self.sizes)):
            z = h @ params[f"hidden_{number}_weight"]
            z += params[f"hidden_{number}_bias"]
            h, kept = activation.forward(z)
            layers.append((h, kept))
        values = h @ params["output_weight"]
        values += params["output_bias"]
        return values.reshape(n, m), Tape(X, answers, layers)

    def slopes(self, params: Params, tape: Tape) -> Array:
        """Derivatives ∂f/∂y, (n, m, q)."""
        back = self._to_first(params, tape, None)
        if tape.answers.shape[2] == 1:
            return (back @ params["y_weight"][0]).reshape(tape.answers.shape)
        return (back @ params["y_weight"].T).reshape(tape.answers.shape)

    def pullback(self, params: Params, tape: Tape, slope: Array, out: Params) -> None:
        """Write Σ slope · ∂f/∂W into `out`, into existing arrays if there are any."""
        n, m, q = tape.answers.shape
        flat = slope.reshape(n * m, 1)
        _write(out, "output_weight", tape.layers[-1][0].T @ flat)
        _write(out, "output_bias", flat.sum(axis=0))
        first = self._to_first(params, tape, flat, out)
        _write(out, "y_weight", tape.answers.reshape(n * m, q).T @ first)
        # Products with ones are faster sums.
        of_rows = (np.ones((1, m), dtype=first.dtype) @ first.reshape(n, m, -1))[:, 0]
        _write(out, "hidden_0_bias", of_rows.sum(axis=0))
        _write(out, "x_weight", tape.X.T @ of_rows)

    def _to_first(
        self, params: Params, tape: Tape, slope: Array | None, out: Params | None = None
    ) -> Array:
        """Slopes in the inputs of the first activation, (n · m, units)."""
        activation = ACTIVATIONS[self.activation]()
        weight = params["output_weight"].T
        h, kept = tape.layers[-1]
        back = np.repeat(weight, len(h), axis=0) if slope is None else slope * weight
        for number in range(len(self.sizes) - 1, 0, -1):
            back = activation.backward(back, kept)
            below, kept = tape.layers[number - 1]
            if out is not None:
                _write(out, f"hidden_{number}_weight", below.T @ back)
                _write(out, f"hidden_{number}_bias", np.ones(len(back), dtype=back.dtype) @ back)
            back = back @ params[f"hidden_{number}_weight"].T
        return activation.backward(back, kept)


def _write(out: Params, name: str, value: Array) -> None:
    if name in out:
        out[name][...] = value
    else:
        out[name] = value
