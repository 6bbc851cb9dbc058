"""The energy of a multilayer perceptron."""

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
from sklearn_ebm._utils.validation import share, switch
from sklearn_ebm.energies._network.activations import ACTIVATIONS
from sklearn_ebm.energies._network.layers import Backward, activated, dense, dropped, normalization
from sklearn_ebm.energies._network.trunk import layer_sizes
from sklearn_ebm.energies.base import Energy, Linearization, Traits


class MLP(Energy):
    """Multilayer perceptron whose outputs are the negative energies of the classes.

    F(x, y) = −(h Wₒ + bₒ)_y with h = a(… a(x W₀ + b₀) …),

    where a is the activation function, W₀, … are the weights and b₀, … the biases of the hidden
    layers, and Wₒ, bₒ those of the output layer. With the loss ``"nll"`` this is the model of
    `sklearn.neural_network.MLPClassifier`.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Number of units of each hidden layer.
    activation : {"relu", "tanh", "silu", "gelu"}, default="relu"
        Activation function a(z): max(z, 0), tanh z, z σ(z), or z Φ(z), where σ is the logistic
        function and Φ the normal distribution function.
    dropout : float, default=0.0
        Fraction of the hidden units that are randomly set to zero in each step, in [0, 1).
    layer_norm : bool, default=False
        Whether hidden layers have layer normalisation before the activation: the inputs of their
        units are standardised for each sample, then multiplied by a gain and shifted.
    fit_intercept : bool, default=True
        Whether the output layer has the biases bₒ. Hidden layers always have biases.

    Notes
    -----
    With one hidden layer of m units, the parameters are ``hidden_0_weight`` of shape
    (n_features, m), ``hidden_0_bias`` (m,), ``hidden_0_gain`` and ``hidden_0_shift`` (m,) with
    `layer_norm`, ``output_weight`` (m, n_classes) and ``output_bias`` (n_classes,). Further hidden
    layers add ``hidden_1_weight`` etc. Only weights are penalised. Initial weights are uniform in
    ±√(6/p). Here p is the number of inputs of a unit (He et al.), or the number of inputs plus
    outputs for ``"tanh"`` and the output layer (Glorot and Bengio). Gains start at 1, all other
    parameters at 0.

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
    The output of the hidden unit is max(2·3 − 1, 0) = 5, so F(x, 0) = −(1·5 + 0.5) and
    F(x, 1) = −(−1·5 + 0):

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

    In a classifier:

    >>> from sklearn_ebm import EBMClassifier
    >>> clf = EBMClassifier(energy="mlp", random_state=0)
    >>> clf.fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]).predict([[0.5], [2.5]]).tolist()
    [0, 1]
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
        """Properties that learning uses; dropout requires mini-batches."""
        reason = "its dropout draws units anew in each step" if self.dropout else None
        axes = {"output_weight": 1, "output_bias": 0}
        return Traits(stochastic=True, batches_because=reason, class_axes=axes)

    def _width(self, n_answers: int) -> int:
        """Number of hidden units, before and after activation, plus the energies."""
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
        """Return the energy itself; raise ValueError if a parameter is invalid.

        Parameters
        ----------
        rows : Rows
            Samples: features ``X``, targets ``y`` and sample weights ``weight``.
        n_answers : int
            Number of classes.
        rng : RandomState
            Source of random numbers.

        Returns
        -------
        Energy
            The initialised energy.
        """
        layer_sizes(self.hidden_layer_sizes, ", and at least one")
        if self.activation not in ACTIVATIONS.names:
            raise ValueError(unknown_name("activation", self.activation, ACTIVATIONS.names))
        share("dropout", self.dropout, zero=True)
        switch("layer_norm", self.layer_norm, of="MLP")
        switch("fit_intercept", self.fit_intercept, of="MLP")
        return self

    def _for_step(self, rng: np.random.RandomState) -> MLP:
        """Return a copy with dropout, whose mask depends only on a seed and the batch size."""
        if not self.dropout:
            return self
        other = copy(self)
        other._seed = int(rng.randint(np.iinfo(np.int32).max))
        return other

    def shapes(self, n_features: int, n_answers: int) -> Shapes:
        """Shapes of the parameters, by name; weights, which are penalised, come first.

        Parameters
        ----------
        n_features : int
            Number of features.
        n_answers : int
            Number of classes.

        Returns
        -------
        dict of str to tuple of int
            Shape of each parameter, by name.
        """
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
        """Random weights with a scale that preserves the variance from layer to layer.

        Parameters
        ----------
        rows : Rows
            Samples: features ``X``, targets ``y`` and sample weights ``weight``.
        n_answers : int
            Number of classes.
        rng : RandomState
            Source of random numbers.

        Returns
        -------
        dict of str to ndarray
            Parameters by name.
        """
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
        """Energies of all classes, and their derivatives in the parameters.

        Parameters
        ----------
        params : dict of str to array
            Parameters by name, see `shapes`.
        X : array or CSR of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        Linearization
            Energies of shape (n_samples, n_classes), in the dtype of X and in Fortran order, with
            the pullback.
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
        """Outputs of the network (n, k), and the backward functions of all layers."""
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
