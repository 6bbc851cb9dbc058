"""The energy of a network."""

from __future__ import annotations

from copy import copy
from numbers import Integral
from typing import Any

import numpy as np

from sklearn_ebm._utils.array_api import namespace_of
from sklearn_ebm._utils.array_ops import cast_like, floating, negative
from sklearn_ebm._utils.parameters import Array, Params, Shapes
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.validation import MOST, share, switch
from sklearn_ebm.energies._network.activations import ACTIVATIONS
from sklearn_ebm.energies._network.layers import Backward, activated, dense, dropped, normalization
from sklearn_ebm.energies.base import Energy, Linearization, Traits


class MLP(Energy):
    """A network of dense layers, with one output for the energy of each answer.

    F(x, y) = −(h Wₒ + bₒ)_y with h = a(… a(x W₀ + b₀) …).

    One network of dense layers, whose outputs are the negative energies of all answers: with no
    hidden layer it would be the linear energy. With the loss ``nll`` it is the multilayer
    perceptron of scikit-learn and others.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Units of each hidden layer.
    activation : {"relu", "tanh", "silu", "gelu"}, default="relu"
        a: max(z, 0), tanh z, z σ(z), or z Φ(z).
    dropout : float, default=0.0
        Share of the hidden units left out at random, in [0, 1), in each step of learning.
    layer_norm : bool, default=False
        Whether the inputs of the units of a hidden layer are brought to mean 0 and variance 1 in
        each sample, then multiplied by a gain and shifted, before the activation.
    fit_intercept : bool, default=True
        Whether the energies have the term bₒ. Hidden layers always have theirs.

    Notes
    -----
    Parameters are ``hidden_0_weight`` (d, h), ``hidden_0_bias`` (h,), with `layer_norm`
    ``hidden_0_gain`` and ``hidden_0_shift`` (h,), and so on, ``output_weight`` (h, k) and
    ``output_bias`` (k,). The penalty acts on weights alone. Learning starts from weights that are
    uniform in ±√(3g/p), g = 2 and p the inputs of a unit (He et al.), or from g = 2 and p the
    inputs and outputs together for ``tanh`` and the last layer (Glorot and Bengio); all else is 0
    or, for gains, 1.

    References
    ----------
    LeCun, Bottou, Orr, Müller, "Efficient BackProp" (1998). :doi:`10.1007/3-540-49430-8_2`

    He, Zhang, Ren, Sun, "Delving Deep into Rectifiers" (2015). :arxiv:`1502.01852`

    Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    AISTATS (2010) 249-256.

    Ba, Kiros, Hinton, "Layer Normalization" (2016). :arxiv:`1607.06450`

    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout", JMLR 15 (2014) 1929-1958.

    Hendrycks, Gimpel, "Gaussian Error Linear Units" (2016). :arxiv:`1606.08415`

    Examples
    --------
    One unit is at max(2·3 − 1, 0) = 5, so F(x, 0) = −(1·5 + 0.5) and F(x, 1) = −(−1·5 + 0):

    >>> import numpy as np
    >>> from sklearn_ebm.energies import MLP
    >>> params = {
    ...     "hidden_0_weight": np.array([[2.0]]),
    ...     "output_weight": np.array([[1.0, -1.0]]),
    ...     "hidden_0_bias": np.array([-1.0]),
    ...     "output_bias": np.array([0.5, 0.0]),
    ... }
    >>> MLP(hidden_layer_sizes=(1,)).linearize(params, np.array([[3.0]])).energies
    array([[-5.5,  5. ]])
    """

    examples = (
        {"hidden_layer_sizes": (5,)},
        {
            "hidden_layer_sizes": (4, 3),
            "activation": "gelu",
            "dropout": 0.3,
            "layer_norm": True,
            "fit_intercept": False,
        },
        {"hidden_layer_sizes": (3, 2), "activation": "tanh"},
        {"hidden_layer_sizes": 3, "activation": "silu"},
    )

    # Set in the copies that `_for_step` returns.
    _seed: int | None = None

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        dropout: float = 0.0,
        layer_norm: bool = False,
        fit_intercept: bool = True,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.layer_norm = layer_norm
        self.fit_intercept = fit_intercept

    @property
    def penalized(self) -> tuple[str, ...]:  # type: ignore[override]
        """The weights of all layers."""
        return (*(f"hidden_{number}_weight" for number in range(len(self._sizes))), "output_weight")

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """Steps on mini-batches; with dropout there is no other way."""
        reason = "its dropout draws units anew in each step" if self.dropout else None
        return Traits(stochastic=True, batches_because=reason)

    def _width(self, n_answers: int) -> int:
        """The units of all hidden layers, before and after activation, and the energies."""
        return 2 * sum(self._sizes) + n_answers

    @property
    def _sizes(self) -> tuple[Any, ...]:
        sizes = self.hidden_layer_sizes
        return (sizes,) if isinstance(sizes, Integral) else tuple(sizes)

    def initialized(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> MLP:
        """Return the energy itself; raise ValueError if a setting cannot be used."""
        try:
            sizes = self._sizes
        except TypeError:
            sizes = ()
        whole = [isinstance(size, Integral) and not isinstance(size, bool) for size in sizes]
        if not sizes or not all(whole) or not 1 <= min(sizes) <= max(sizes) <= MOST:
            raise ValueError(
                f"hidden_layer_sizes={self.hidden_layer_sizes!r} must hold one positive whole "
                "number for each hidden layer, and at least one."
            )
        if self.activation not in ACTIVATIONS.names:
            raise ValueError(unknown_name("activation", self.activation, ACTIVATIONS.names))
        share("dropout", self.dropout, zero=True)
        switch("layer_norm", self.layer_norm, of="MLP")
        switch("fit_intercept", self.fit_intercept, of="MLP")
        return self

    def _for_step(self, rng: np.random.RandomState) -> MLP:
        """Return a copy that leaves out units, the same ones each time it sees so many samples."""
        if not self.dropout:
            return self
        other = copy(self)
        other._seed = int(rng.randint(np.iinfo(np.int32).max))
        return other

    def shapes(self, n_features: int, n_answers: int) -> Shapes:
        """Shape of each parameter; weights come first, so that the penalty acts on one range."""
        shapes: dict[str, tuple[int, ...]] = {}
        sizes, width = self._sizes, n_features
        for number, size in enumerate(sizes):
            shapes[f"hidden_{number}_weight"] = (width, size)
            width = size
        shapes["output_weight"] = (width, n_answers)
        parts = ("bias", "gain", "shift") if self.layer_norm else ("bias",)
        for number, size in enumerate(sizes):
            shapes |= {f"hidden_{number}_{part}": (size,) for part in parts}
        if self.fit_intercept:
            shapes["output_bias"] = (n_answers,)
        return shapes

    def start(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Params:
        """Random weights in the size that keeps the variance from layer to layer."""
        params: Params = {}
        gain = ACTIVATIONS[self.activation].gain
        for name, shape in self.shapes(rows.X.shape[1], n_answers).items():
            if name.endswith("_weight"):
                rectified = gain > 1 and name != "output_weight"
                bound = np.sqrt(6 / (shape[0] if rectified else sum(shape)))
                params[name] = rng.uniform(-bound, bound, size=shape)
            else:
                params[name] = np.full(shape, 1.0 if name.endswith("_gain") else 0.0)
        return params

    def linearize(self, params: Params, X: Any) -> Linearization:
        """Energies (n, k) of all classes in the dtype of X, and the pullback.

        Parameters
        ----------
        params : dict
            As in `shapes`.
        X : array or CSR of shape (n_samples, n_features)
            Samples.
        answers : None
            A network scores all classes.

        Returns
        -------
        Linearization
            The energies lie in memory answer by answer (Fortran order).
        """
        xp = namespace_of(X)
        rows = floating(xp, X)
        local = {name: cast_like(xp, value, rows) for name, value in params.items()}
        scores, steps = self._forward(local, rows)

        def pullback_into(slope: Array, out: Params) -> None:
            back = negative(xp, slope, rows, order="C")
            for step in reversed(steps):
                back = step(back, out)

        def pullback(slope: Array) -> Params:
            out: Params = {}
            pullback_into(slope, out)
            return {name: out[name] for name in params}

        energies = negative(xp, scores, rows, order="F")
        return Linearization(energies, pullback, pullback_into=pullback_into)

    def _forward(self, params: Params, rows: Any) -> tuple[Array, list[Backward]]:
        """Scores (n, k), and the ways back through all steps."""
        activation = ACTIVATIONS[self.activation]()
        draw = None if self._seed is None else np.random.Generator(np.random.SFC64(self._seed))
        h, steps = rows, list[Backward]()
        for number in range(len(self._sizes)):
            name = f"hidden_{number}"
            h, back = dense(params, name, h, first=not steps)
            steps.append(back)
            if self.layer_norm:
                h, back = normalization(params, name, h)
                steps.append(back)
            h, back = activated(activation, h)
            steps.append(back)
            if draw is not None:
                h, back = dropped(draw, self.dropout, h)
                steps.append(back)
        scores, back = dense(params, "output", h, first=False)
        return scores, [*steps, back]
