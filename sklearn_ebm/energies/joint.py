"""The energy of a network of x and y."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from sklearn_ebm._utils.parameters import Array, Params, Shapes
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies._network.activations import ACTIVATIONS
from sklearn_ebm.energies._network.pairs import PairNetwork
from sklearn_ebm.energies._network.trunk import layer_sizes
from sklearn_ebm.energies.base import Linearization
from sklearn_ebm.energies.free_form import COMPONENTS, FreeFormEnergy

# Scale of the initial weights of the output layer.
OUTPUT = 0.3


class Joint(FreeFormEnergy):
    r"""Network of x and y jointly, an energy that can have any shape over y.

    .. code-block:: none

        F(x, y) = −f(x, y) + ‖y‖²/(2s²) + (q/2) log(2πs²)
        f(x, y) = w · h + b,   h = a(… a(x Wₓ + y W_y + b₀) …)

    f is a network with the activation function a, q is the number of outputs, and x and y are
    standardised. The Gaussian base of scale s keeps the partition function finite. It has no closed
    form, so learning and prediction estimate it: by quadrature for one output, and by importance
    sampling for several, with a standard error.

    Compared with `Experts`, the density need not be a mixture of Gaussians: rings, sharp edges and
    heavy tails need no components. A fit takes longer.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(64, 64)
        Number of units of each hidden layer.
    activation : {"relu", "tanh", "silu", "gelu"}, default="silu"
        Activation function a of the hidden layers. With "relu" the energy has kinks, so samplers
        that use its slopes are less efficient.
    base_scale : float, default=2.0
        Scale s of the Gaussian base, in standard deviations of y.
    n_components : int, default=16
        Number of components of the Gaussian mixture from which wrong answers are drawn.

    References
    ----------
    Gustafsson, Danelljan, Bhat, Schön, "Energy-Based Models for Deep Probabilistic Regression",
    ECCV (2020). :arxiv:`1909.12297`

    Gustafsson, Danelljan, Timofte, Schön, "How to Train Your Energy-Based Model for Regression",
    BMVC (2020). :arxiv:`2005.01698`

    Examples
    --------
    With one ReLU unit max(x + y, 0) and the output weight 2, −f is −2·3 at x = 1 and y = 2:

    >>> import numpy as np
    >>> from sklearn_ebm.energies import Joint
    >>> energy = Joint(hidden_layer_sizes=1, activation="relu")
    >>> params = {
    ...     "x_weight": np.array([[1.0]]),
    ...     "y_weight": np.array([[1.0]]),
    ...     "output_weight": np.array([[2.0]]),
    ...     "hidden_0_bias": np.zeros(1),
    ...     "output_bias": np.zeros(1),
    ... }
    >>> energy.linearize_pairs(params, np.array([[1.0]]), np.array([[[2.0]]])).energies
    array([[-6.]])

    In a regressor:

    >>> from sklearn_ebm import LatentEBMRegressor
    >>> X = np.linspace(-1, 1, 60)[:, None]
    >>> reg = LatentEBMRegressor("joint", max_iter=100, random_state=0).fit(X, 2 * X[:, 0])
    >>> reg.predict([[0.5]]).round(0).tolist()
    [1.0]
    """

    examples = (
        {"hidden_layer_sizes": (4,)},
        {
            "hidden_layer_sizes": (5, 4, 3), "activation": "tanh", "base_scale": 3.0,
            "n_components": 3,
        },
        {"hidden_layer_sizes": 3, "activation": "gelu"},
    )  # fmt: skip

    def __init__(
        self,
        hidden_layer_sizes: Any = (64, 64),
        activation: str = "silu",
        base_scale: float = 2.0,
        n_components: int = COMPONENTS,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.base_scale = base_scale
        self.n_components = n_components

    @property
    def penalized(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the weights of all layers."""
        return self._network.weights

    @property
    def _network(self) -> PairNetwork:
        sizes = layer_sizes(self.hidden_layer_sizes, ", and at least one")
        return PairNetwork(sizes, self.activation)

    def _width(self, n_answers: int) -> int:
        """Return the number of temporary values for each answer: three for each hidden unit."""
        return 3 * sum(self._network.sizes) + n_answers

    def initialized(self, rows: Rows, n_answers: int, rng: np.random.RandomState) -> Self:
        """Return a copy with the units of the data and the proposal.

        Parameters
        ----------
        rows : Rows
            Samples: features ``X``, targets ``y`` and sample weights ``weight``.
        n_answers : int
            Number of outputs.
        rng : RandomState
            Source of random numbers.

        Returns
        -------
        Joint
            The initialised energy.

        Raises
        ------
        ValueError
            If a parameter is invalid.
        """
        layer_sizes(self.hidden_layer_sizes, ", and at least one")
        if self.activation not in ACTIVATIONS.names:
            raise ValueError(unknown_name("activation", self.activation, ACTIVATIONS.names))
        return super().initialized(rows, n_answers, rng)

    def shapes(self, n_features: int, n_answers: int) -> Shapes:
        """Shapes of the parameters, by name.

        Parameters
        ----------
        n_features : int
            Number of features.
        n_answers : int
            Number of outputs.

        Returns
        -------
        dict of str to tuple of int
            Shape of each parameter, by name.
        """
        return self._network.shapes(n_features, n_answers)

    def start(self, rows: Rows, n_answers: int, rng: np.random.RandomState) -> Params:
        """Random weights, with which the energy is near its base.

        Parameters
        ----------
        rows : Rows
            Samples: features ``X``, targets ``y`` and sample weights ``weight``.
        n_answers : int
            Number of outputs.
        rng : RandomState
            Source of random numbers.

        Returns
        -------
        dict of str to ndarray
            Parameters by name.
        """
        return self._network.start(rows.X.shape[1], n_answers, rng, OUTPUT)

    def linearize_pairs(self, params: Params, X: Array, answers: Array) -> Linearization:
        """Energies −f (n, m) of standardised samples and answers; see ``FreeFormEnergy``.

        Parameters
        ----------
        params : dict of str to ndarray
            Parameters by name, see `shapes`.
        X : ndarray of shape (n_samples, n_features)
            Samples with standardised features.
        answers : ndarray of shape (n_samples, m, n_outputs)
            The m standardised answers of each sample.

        Returns
        -------
        Linearization
            Energies of shape (n_samples, m), with the pullback and the slopes in the answers.
        """
        network = self._network
        local = {name: value.astype(answers.dtype, copy=False) for name, value in params.items()}
        rows = X.astype(answers.dtype, copy=False)
        values, tape = network.forward(local, rows, answers)

        def pullback_into(slope: Array, out: Params) -> None:
            network.pullback(local, tape, -slope, out)

        def pullback(slope: Array) -> Params:
            out: Params = {}
            pullback_into(slope, out)
            return {name: out[name].astype(params[name].dtype, copy=False) for name in params}

        return Linearization(
            -values, pullback, pullback_into=pullback_into,
            answer_slopes=lambda: -network.slopes(local, tape),
        )  # fmt: skip
