"""The energy of a mixture of experts."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone

from sklearn_ebm._utils.array_api import namespace_of
from sklearn_ebm._utils.array_ops import cast_like
from sklearn_ebm._utils.parameters import Array, Params, Shapes
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.validation import level, positive_integer
from sklearn_ebm.energies._gaussian.expert_heads import Gaussians, Heads
from sklearn_ebm.energies._gaussian.units import Units, units_of
from sklearn_ebm.energies._network.trunk import Noise, Trunk, returned, trunk_of
from sklearn_ebm.energies.base import Linearization
from sklearn_ebm.energies.latent import LatentEnergy
from sklearn_ebm.energies.learned import Schedule

COVARIANCES = ("diagonal", "full")

# Noise on rows and answers during learning, and the smallest scale, in standard deviations.
INPUT_NOISE, ANSWER_NOISE, NARROWEST = 0.02, 0.002, float(np.exp(-7))

# Limits of the batch size and of the passes; ROWS_SEEN is about the number of rows in all passes.
BATCHES, ROWS_PER_BATCH = (32, 256), 64
PASSES, ROWS_SEEN = (60, 400), 500_000
MEMBERS, MANY_ROWS = (5, 10), 20_000
LEARNING_RATE = 4e-3


class Experts(LatentEnergy):
    r"""Mixture of experts, each a Gaussian; the latent variable z is the index of the expert.

    .. code-block:: none

        G(x, y, z) = ½ ‖(y − f_z(x))/σ_z(x)‖² + Σ log σ_z(x) − log π_z(x) + (q/2) log 2π
        F(x, y) = −log Σ_z π_z(x) N(y; f_z(x), diag σ_z(x)²)        inference="marginal", β = 1
        F(x, y) = min_z G(x, y, z)                                  inference="min"

    q is the number of outputs, and N is the normal density. The mixing weights π, means f and
    scales σ of the K experts are computed by one network (``trunk="mlp"``) or by linear functions
    of x (``trunk="linear"``). At β = 1 the energy is normalised, so the negative log-likelihood
    needs no partition function: this is the mixture density network of Bishop. With the loss
    ``"energy"`` and ``inference="min"`` only the best expert of each sample is learned, as in
    multiple-choice learning.

    An ensemble of networks (its members) is learned jointly, and their densities are averaged: the
    index of the member is another latent variable. Energies are computed for answers in units of
    their standard deviation, so that margins do not depend on the units of y.

    Maximum likelihood alone would give densities with narrow peaks at the training samples. Three
    measures prevent this: a smallest scale, noise that is added to features and answers during
    learning, and early stopping on held-out samples.

    Parameters
    ----------
    n_latents : int, default=5
        Number K of experts of each member.
    trunk : {"mlp", "linear"}, default="mlp"
        ``"mlp"`` is a network with hidden layers, ``"linear"`` one without.
    hidden_layer_sizes : int or sequence of int, default=(128, 128)
        Number of units of each hidden layer; not used by ``trunk="linear"``.
    activation : {"relu", "tanh", "silu", "gelu"}, default="silu"
        Activation function of the hidden layers.
    covariance : {"diagonal", "full"}, default="diagonal"
        Covariance matrix of the outputs for each expert. With ``"diagonal"`` they are independent
        given z.
    n_members : int or "auto", default="auto"
        Number of ensemble members; "auto" is 10, or 5 for more than 20,000 samples.
    input_noise : float or "auto", default="auto"
        Standard deviation of the noise that is added to standardised features during learning;
        "auto" is 0.02.
    answer_noise : float or "auto", default="auto"
        Standard deviation of the noise that is added to standardised answers during learning;
        "auto" is 0.002.
    min_scale : float or "auto", default="auto"
        Smallest σ, in standard deviations of y. "auto" is the larger of e⁻⁷ and r/√12, where r is
        the typical distance between neighbouring values of y: the standard deviation of a rounding
        error.

    References
    ----------
    Jacobs, Jordan, Nowlan, Hinton, "Adaptive mixtures of local experts", Neural Computation 3
    (1991) 79-87. :doi:`10.1162/neco.1991.3.1.79`

    Bishop, "Mixture density networks", Aston University NCRG/94/004 (1994).

    Guzmán-Rivera, Batra, Kohli, "Multiple choice learning", NeurIPS 25 (2012).

    Lakshminarayanan, Pritzel, Blundell, "Simple and scalable predictive uncertainty estimation
    using deep ensembles" (2017). :arxiv:`1612.01474`

    Examples
    --------
    Two linear experts with the means x and −x, σ = 1 and π = ½. At x = 2 and y = 2 the energy of
    the first is (log 2π)/2 + log 2 = 1.6121; that of the second is larger by 4²/2:

    >>> import numpy as np
    >>> from sklearn_ebm.energies import Experts
    >>> energy = Experts(n_latents=2, trunk="linear", n_members=1, min_scale=0.0)
    >>> params = {  # columns: log π, f and log σ, each for both experts
    ...     "output_weight": np.array([[[0.0, 0.0, 1.0, -1.0, 0.0, 0.0]]]),
    ...     "output_bias": np.zeros((1, 6)),
    ... }
    >>> # The first axis is the member.
    >>> X, answers = np.array([[[2.0]]]), np.array([[[[2.0]]]])
    >>> energy.linearize_members(params, X, answers).energies.round(4)
    array([[[[1.6121, 9.6121]]]])

    In a regressor:

    >>> from sklearn_ebm import LatentEBMRegressor
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> reg = LatentEBMRegressor(
    ...     Experts(n_latents=1, trunk="linear", n_members=2), random_state=0
    ... ).fit(X, 2 * X[:, 0])
    >>> reg.predict([[0.5]]).round(1).tolist()
    [1.0]
    """

    traits = LatentEnergy.traits._replace(normalized=True)
    examples = (
        {"hidden_layer_sizes": (4,), "n_members": 2},
        {
            "n_latents": 2, "trunk": "mlp", "hidden_layer_sizes": (4, 3), "activation": "tanh",
            "covariance": "full", "n_members": 3, "input_noise": 0.1, "answer_noise": 0.05,
            "min_scale": 0.02,
        },
        {
            "n_latents": 1, "trunk": "linear", "hidden_layer_sizes": 4, "activation": "relu",
            "covariance": "full", "n_members": 1, "input_noise": 0.0, "answer_noise": 0.0,
            "min_scale": 0.1,
        },
    )  # fmt: skip

    _units: Units | None = None
    _floor: Array | None = None
    _noise = Noise()

    def __init__(
        self,
        n_latents: int = 5,
        trunk: str = "mlp",
        hidden_layer_sizes: Any = (128, 128),
        activation: str = "silu",
        covariance: str = "diagonal",
        n_members: Any = "auto",
        input_noise: float | str = "auto",
        answer_noise: float | str = "auto",
        min_scale: float | str = "auto",
    ) -> None:
        self.n_latents = n_latents
        self.trunk = trunk
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.covariance = covariance
        self.n_members = n_members
        self.input_noise = input_noise
        self.answer_noise = answer_noise
        self.min_scale = min_scale

    @property
    def penalized(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the weights of all layers."""
        return tuple(name for name in self._trunk().shapes(1, 1, 1) if name.endswith("_weight"))

    def _trunk(self) -> Trunk:
        return trunk_of(self.trunk, self.hidden_layer_sizes, self.activation)

    def _heads(self, n_outputs: int) -> Heads:
        return Heads(self.n_latents, n_outputs, self.covariance == "full" and n_outputs > 1)

    def _floor_or_zero(self, n_outputs: int) -> Array:
        return np.zeros(n_outputs) if self._floor is None else self._floor

    def _width(self, n_answers: int) -> int:
        """Number of values kept for each sample: twice the hidden units, and the outputs."""
        units = 2 * sum(self._trunk().sizes) + self._heads(n_answers).width
        return self.n_members * units

    def initialized(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Experts:
        """Return a copy with the units of the data, the noise and the smallest scales.

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
        Experts
            The initialised energy.

        Raises
        ------
        ValueError
            If a parameter is invalid.
        """
        positive_integer("n_latents", self.n_latents, of="Experts")
        self._trunk()
        if self.covariance not in COVARIANCES:
            raise ValueError(unknown_name("covariance", self.covariance, COVARIANCES))
        result: Experts = clone(self)
        result._widths = None
        few, many = MEMBERS
        automatic = few if len(rows.X) > MANY_ROWS else many
        result.n_members = (
            automatic if self.n_members == "auto"
            else positive_integer("n_members", self.n_members, of="Experts")
        )  # fmt: skip
        result._units = units_of(rows.X, rows.y, rows.weight)
        result._noise = Noise(
            level("input_noise", self.input_noise, INPUT_NOISE, of="Experts"),
            level("answer_noise", self.answer_noise, ANSWER_NOISE, of="Experts"),
        )
        given = level("min_scale", self.min_scale, NARROWEST, of="Experts")
        rounded = isinstance(self.min_scale, str)
        resolution = result._units.resolution if rounded else np.zeros(n_answers)
        result._floor = np.maximum(resolution, given)
        return result

    @property
    def _smallest_scale(self) -> Array:
        """The smallest scale of each output, in standard deviations, (q,)."""
        floor: Array = self._settled("_floor")
        return floor

    def shapes(self, n_features: int, n_answers: int) -> Shapes:
        """Shapes of the parameters, by name; the first axis is the member.

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
        width = self._heads(n_answers).width
        return self._trunk().shapes(self.n_members, n_features, width)

    def start(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Params:
        """Random weights, and experts with means spread over the range of the answers.

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
        params = self._trunk().start(self.shapes(rows.X.shape[1], n_answers), rng)
        params["output_bias"] = self._heads(n_answers).start_bias(self.n_members, rng)
        return params

    def linearize_members(self, params: Params, X: Array, answers: Array) -> Linearization:
        """Energies (M, n, m, K) of standardised samples and answers; see ``LatentEnergy``.

        Parameters
        ----------
        params : dict of str to array
            Parameters by name, see `shapes`.
        X : array of shape (n_members or 1, n_samples, n_features)
            Samples with standardised features.
        answers : array of shape (n_members or 1, n_samples, m, n_outputs)
            The m standardised answers of each sample.

        Returns
        -------
        Linearization
            Energies of shape (n_members, n_samples, m, n_latents), with the pullback.
        """
        xp, n_outputs = namespace_of(X), answers.shape[-1]
        answers = cast_like(xp, answers, X)
        if self._seed is not None:
            n_members = params["output_bias"].shape[0]
            X, answers = self._noise.added(self._seed, n_members, X, answers)
        local = {name: cast_like(xp, value, X) for name, value in params.items()}
        values, steps = self._trunk().forward(local, X)
        experts = Gaussians(self._heads(n_outputs), values, self._floor_or_zero(n_outputs))
        energies = experts.energies(answers)

        def pullback_into(slope: Array, out: Params) -> None:
            back = experts.slopes(slope)
            for step in reversed(steps):
                back = step(back, out)

        pullback = returned(pullback_into, params, X)
        return Linearization(energies, pullback, pullback_into=pullback_into)

    def parabolas_of_members(self, params: Params, X: Array) -> tuple[Array, Array, Array]:
        """Energies as quadratic functions of y, one for each expert; see ``LatentEnergy``.

        Parameters
        ----------
        params : dict of str to array
            Parameters by name, see `shapes`.
        X : array of shape (n_members or 1, n_samples, n_features)
            Samples with standardised features.

        Returns
        -------
        levels, means, factors : ndarray
            Arrays as in ``Quadratics``, with the member as second axis.
        """
        assert self._floor is not None
        values, _ = self._trunk().forward(params, X)
        return Gaussians(self._heads(len(self._floor)), values, self._floor).quadratics()

    def schedule(self, n_rows: int) -> Schedule:
        """Batches of about n/64 samples, and fewer passes for more samples; see ``LatentEnergy``.

        Parameters
        ----------
        n_rows : int
            Number of samples.

        Returns
        -------
        Schedule
            Learning rate, batch size and number of passes.
        """
        batch = 2 ** int(np.log2(max(n_rows / ROWS_PER_BATCH, 1)))
        return Schedule(
            LEARNING_RATE,
            int(np.clip(batch, *BATCHES)),
            int(np.clip(ROWS_SEEN // max(n_rows, 1), *PASSES)),
        )
