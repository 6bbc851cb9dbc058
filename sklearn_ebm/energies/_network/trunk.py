"""Networks of dense layers, and training noise.

For several ensemble members, computed at the same time, the first axis of parameters is the member;
rows have the shape (M, n, d) or (1, n, d), and every product is a batched product.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np

from sklearn_ebm._utils.array_api import namespace_of
from sklearn_ebm._utils.array_ops import cast_like
from sklearn_ebm._utils.parameters import Array, Params, Shapes
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm._utils.validation import MOST
from sklearn_ebm.energies._network.activations import ACTIVATIONS
from sklearn_ebm.energies._network.layers import Backward, activated, dense

TRUNKS = ("mlp", "linear")


class Trunk(NamedTuple):
    """Hidden layers and output layer; no hidden layers for ``"linear"``.

    Attributes
    ----------
    sizes : tuple of int
        Number of units of each hidden layer.
    activation : str
        Name of the activation function.
    prefix : str
        Beginning of the names of its parameters.
    """

    sizes: tuple[int, ...]
    activation: str
    prefix: str = ""

    @property
    def _layers(self) -> list[str]:
        hidden = (f"{self.prefix}hidden_{number}" for number in range(len(self.sizes)))
        return [*hidden, f"{self.prefix}output"]

    def shapes(self, n_members: int | None, n_inputs: int, n_outputs: int) -> Shapes:
        """Shapes of the parameters; weights, which decay, come first. None is no member axis."""
        members = () if n_members is None else (n_members,)
        widths = (n_inputs, *self.sizes, n_outputs)
        pairs = list(zip(self._layers, widths, widths[1:], strict=False))
        weights = {f"{name}_weight": (*members, below, above) for name, below, above in pairs}
        return weights | {f"{name}_bias": (*members, above) for name, _, above in pairs}

    def start(self, shapes: Shapes, rng: np.random.RandomState, output: float = 0.3) -> Params:
        """Random weights that preserve the variance from layer to layer; biases of zero.

        Weights of the output layer are multiplied by `output`. If it is small, initial outputs
        depend little on x.
        """
        gain = ACTIVATIONS[self.activation].gain
        params: Params = {}
        for name, shape in shapes.items():
            if not name.endswith("_weight"):
                params[name] = np.zeros(shape)
                continue
            fan_in, fan_out = shape[-2:]
            if name.endswith("output_weight"):
                bound = output * np.sqrt(3 / fan_in)
            else:
                bound = np.sqrt(6 / fan_in if gain > 1 else 6 / (fan_in + fan_out))
            params[name] = rng.uniform(-bound, bound, size=shape)
        return params

    def forward(
        self, params: Params, rows: Array, *, first: bool = True
    ) -> tuple[Array, list[Backward]]:
        """Outputs (..., n, p), and the backward functions of all layers.

        The last of these returns slopes in the rows unless the rows are the `first` values.
        """
        activation = ACTIVATIONS[self.activation]()
        h, steps = rows, list[Backward]()
        *hidden, output = self._layers
        for name in hidden:
            z, back = dense(params, name, h, first=first and not steps)
            steps.append(back)
            h, back = activated(activation, z)
            steps.append(back)
        result, back = dense(params, output, h, first=first and not steps)
        return result, [*steps, back]


def trunk_of(kind: Any, hidden_layer_sizes: Any, activation: Any) -> Trunk:
    """Return the network for these parameters.

    Raises
    ------
    ValueError
        If a parameter is invalid.
    """
    if kind not in TRUNKS:
        raise ValueError(unknown_name("trunk", kind, TRUNKS))
    if activation not in ACTIVATIONS.names:
        raise ValueError(unknown_name("activation", activation, ACTIVATIONS.names))
    otherwise = ", and at least one; trunk='linear' is without hidden layers"
    sizes = layer_sizes(hidden_layer_sizes, otherwise)
    return Trunk(() if kind == "linear" else sizes, activation)


def layer_sizes(hidden_layer_sizes: Any, otherwise: str, *, empty: bool = False) -> tuple[int, ...]:
    """Return the number of units of each hidden layer; `empty` permits none.

    The message of an error ends with `otherwise`.

    Raises
    ------
    ValueError
        If they are not positive whole numbers.
    """
    one = isinstance(hidden_layer_sizes, Integral)
    try:
        sizes = (hidden_layer_sizes,) if one else tuple(hidden_layer_sizes)
    except TypeError:
        sizes = (None,)
    whole = [isinstance(size, Integral) and not isinstance(size, bool) for size in sizes]
    fitting = all(whole) and min(sizes, default=int(empty)) >= 1 and max(sizes, default=1) <= MOST
    if not fitting:
        raise ValueError(
            f"hidden_layer_sizes={hidden_layer_sizes!r} must hold one positive whole number for "
            f"each hidden layer{otherwise}."
        )
    return tuple(int(size) for size in sizes)


def returned(
    pullback_into: Callable[[Array, Params], None], params: Params, rows: Array
) -> Callable[[Array], Params]:
    """Pullback that returns what `pullback_into` writes, in the dtypes of the parameters.

    Parameters
    ----------
    pullback_into : callable
        See `Linearization`; it writes arrays in the dtype of the rows.
    params : dict of str to array
        Parameters by name.
    rows : array
        Array of the library of the results.

    Returns
    -------
    callable
        The pullback of a `Linearization`.
    """
    xp = namespace_of(rows)

    def pullback(slope: Array) -> Params:
        out: Params = {}
        pullback_into(slope, out)
        return {name: cast_like(xp, out[name], rows, value.dtype) for name, value in params.items()}

    return pullback


class Noise(NamedTuple):
    """Normal noise that is added to standardised rows and answers during learning.

    Attributes
    ----------
    rows, answers : float
        Standard deviations.
    """

    rows: float = 0.0
    answers: float = 0.0

    def added(self, seed: int, n_members: int, X: Array, answers: Array) -> tuple[Array, Array]:
        """Return rows (M, n, d) and answers (M, n, m, q) with different noise for each member."""
        draw = np.random.Generator(np.random.SFC64(seed))
        return (
            _with_noise(draw, self.rows, n_members, X),
            _with_noise(draw, self.answers, n_members, answers),
        )


def _with_noise(draw: np.random.Generator, level: float, n_members: int, values: Array) -> Array:
    if not level:
        return values
    xp = namespace_of(values)
    kind: Any = np.float32 if values.dtype == xp.float32 else np.float64
    # NumPy draws for every library, so that a seed always gives the same noise.
    drawn = draw.standard_normal((n_members, *values.shape[1:]), dtype=kind)
    drawn *= level
    noise = cast_like(xp, drawn, values)
    noise += values
    return noise
