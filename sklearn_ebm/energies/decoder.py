"""The energy of a decoder, whose answers lie around a curve or a surface."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone

from sklearn_ebm._utils.array_api import at_most, in_place, namespace_of
from sklearn_ebm._utils.array_ops import assign, cast_like, column_sums, product, times_mask
from sklearn_ebm._utils.parameters import Array, Params, Shapes
from sklearn_ebm._utils.registry import unknown_name
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.validation import level, positive_integer
from sklearn_ebm.energies._gaussian.decoder_windows import Windows
from sklearn_ebm.energies._gaussian.expert_heads import WIDEST
from sklearn_ebm.energies._gaussian.latent_spaces import (
    LATENT_SPACES,
    LatentSpace,
    latent_space,
)
from sklearn_ebm.energies._gaussian.units import Units, units_of
from sklearn_ebm.energies._network.activations import ACTIVATIONS
from sklearn_ebm.energies._network.layers import Backward, activated, dense
from sklearn_ebm.energies._network.trunk import Noise, Trunk, returned, trunk_of
from sklearn_ebm.energies.base import Linearization
from sklearn_ebm.energies.latent import LatentEnergy
from sklearn_ebm.energies.learned import Schedule

# Smallest learned noise, its initial value, and noise on the features during learning, in standard
# deviations.
NARROWEST, WIDE_START, INPUT_NOISE = float(np.exp(-6)), 0.5, 0.0

# With less noise, squared distances in units of the noise would overflow in float32.
LEAST_NOISE = 1e-9

LEARNING_RATE, BATCH, PASSES, ROWS_SEEN = 4e-3, 64, (40, 400), 240_000


class Decoder(LatentEnergy):
    r"""Decoder of a continuous latent variable: answers around a curve or a surface.

    .. code-block:: none

        G(x, y, z) = ½ ‖(y − Dec(x, z))/σ‖² + Σ log σ + (q/2) log 2π
        F(x, y) = −log ∫ N(y; Dec(x, z), diag σ²) p(z) dz           inference="marginal", β = 1
        F(x, y) = min_z G(x, y, z)                                  inference="min"

    Dec(x, z) is the output of a network, q is the number of outputs, N is the normal density and σ
    is the standard deviation of the noise. As z varies, Dec(x, z) follows a curve or a surface for
    each x: with ``latent="circle"`` a closed curve, such as the elliptic cross-section of a horn.

    The integral is a sum over a grid of z. Around each grid point the decoder is approximated as
    linear in z, so that y is normally distributed there; the covariance is that of the noise plus
    that of half a grid step along the curve. The components therefore overlap even if the noise is
    small. The density is normalised, and all predictions have a closed form.

    Parameters
    ----------
    latent : {"circle", "interval", "square", "gaussian"}, default="circle"
        Distribution of z: uniform over angles, over an interval or over a square, or standard
        normal.
    n_latents : int or None, default=None
        Number of grid points along each axis; None is 64 for a circle, 48 for an interval or a
        normal number, and 12 for each side of a square. For a normal vector it is the number of all
        points, and None is 128.
    n_dimensions : int, default=1
        Dimension of z for ``latent="gaussian"``. In two or more dimensions the points are scattered
        and not on a grid.
    hidden_layer_sizes : int or sequence of int, default=(64, 64)
        Number of units of each hidden layer.
    activation : {"relu", "tanh", "silu", "gelu"}, default="silu"
        Activation function of the hidden layers.
    n_members : int, default=2
        Number of ensemble members, decoders that are averaged.
    noise : float or "auto", default="auto"
        σ, in standard deviations of y. "auto" learns one for each output.
    input_noise : float or "auto", default="auto"
        Standard deviation of the noise that is added to standardised features during learning;
        "auto" is 0.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "Energy-Based Models", in *Predicting Structured Data*
    (2007), for latent variables. :doi:`10.7551/mitpress/7443.003.0014`

    Bishop, Svensén, Williams, "GTM: the generative topographic mapping", Neural Computation 10
    (1998) 215-234, for a grid of latent values under a decoder. :doi:`10.1162/089976698300017953`

    Examples
    --------
    A decoder with the output 0 at all of three angles: with σ = 1 and p(z) = 1/3, the energy of
    each angle at y = 2 is 2²/2 + (log 2π)/2 + log 3 = 4.0176:

    >>> import numpy as np
    >>> from sklearn_ebm._utils.rows import Rows
    >>> from sklearn_ebm.energies import Decoder
    >>> energy = Decoder(n_latents=3, hidden_layer_sizes=(1,), n_members=1, noise=1.0)
    >>> rows = Rows(np.zeros((2, 1)), np.array([[-1.0], [1.0]]), np.ones(2))
    >>> energy = energy.initialized(rows, 1, np.random.RandomState(0))
    >>> shapes = energy.shapes(1, 1)
    >>> params = {name: np.zeros(shape) for name, shape in shapes.items()}
    >>> # The first axis is the member.
    >>> X, answers = np.zeros((1, 1, 1)), np.array([[[[2.0]]]])
    >>> energy.linearize_members(params, X, answers).energies.round(4)
    array([[[[4.0176, 4.0176, 4.0176]]]])

    In a regressor:

    >>> from sklearn_ebm import LatentEBMRegressor
    >>> decoder = Decoder(
    ...     latent="interval", n_latents=5, hidden_layer_sizes=(8,), n_members=1
    ... )
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> reg = LatentEBMRegressor(decoder, random_state=0).fit(X, 2 * X[:, 0])
    >>> reg.predict([[0.5]]).round(1).tolist()
    [1.0]
    """

    traits = LatentEnergy.traits._replace(normalized=True)
    examples = (
        {"n_latents": 5, "hidden_layer_sizes": (4,), "n_members": 2},
        {
            "latent": "square", "n_latents": 3, "hidden_layer_sizes": (4, 3),
            "activation": "tanh", "n_members": 1, "noise": 0.3, "input_noise": 0.1,
        },
        {"latent": "interval", "n_latents": 4, "hidden_layer_sizes": (3,), "n_members": 1},
        {"latent": "gaussian", "n_latents": 6, "hidden_layer_sizes": (3,), "n_members": 1},
        {
            "latent": "gaussian", "n_latents": 7, "n_dimensions": 3, "hidden_layer_sizes": (3,),
            "activation": "tanh", "n_members": 1, "noise": 0.5, "input_noise": 0.1,
        },
    )  # fmt: skip

    _units: Units | None = None
    _row_noise = 0.0
    _floor = NARROWEST

    def __init__(
        self,
        latent: str = "circle",
        n_latents: int | None = None,
        n_dimensions: int = 1,
        hidden_layer_sizes: Any = (64, 64),
        activation: str = "silu",
        n_members: int = 2,
        noise: float | str = "auto",
        input_noise: float | str = "auto",
    ) -> None:
        self.latent = latent
        self.n_latents = n_latents
        self.n_dimensions = n_dimensions
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.n_members = n_members
        self.noise = noise
        self.input_noise = input_noise

    @property
    def penalized(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the weights of all layers."""
        return tuple(name for name in self.shapes(1, 1) if name.endswith("_weight"))

    def _trunk(self) -> Trunk:
        return trunk_of("mlp", self.hidden_layer_sizes, self.activation)

    def _space(self) -> LatentSpace:
        return latent_space(self.latent, self.n_latents, self.n_dimensions)

    @property
    def _learns_noise(self) -> bool:
        return isinstance(self.noise, str)

    def _width(self, n_answers: int) -> int:
        """Number of values kept for each sample: twice the units of all members, at each z."""
        units = 2 * sum(self._trunk().sizes) + 8 * n_answers
        return self.n_members * len(self._space().features) * units

    def initialized(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Decoder:
        """Return a copy with the units of the data, the noise and the smallest scale.

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
        Decoder
            The initialised energy.

        Raises
        ------
        ValueError
            If a parameter is invalid.
        """
        positive_integer("n_members", self.n_members, of="Decoder")
        if self.latent not in LATENT_SPACES:
            raise ValueError(unknown_name("latent", self.latent, tuple(LATENT_SPACES)))
        if self.n_latents is not None and positive_integer("n_latents", self.n_latents) < 3:
            raise ValueError(
                f"n_latents={self.n_latents!r} of Decoder must be 3 or more: points along each "
                "axis of the grid of latent values."
            )
        if positive_integer("n_dimensions", self.n_dimensions) > 1 and self.latent != "gaussian":
            raise ValueError(
                f"n_dimensions={self.n_dimensions!r} of Decoder is for latent='gaussian' only; "
                f"the dimension of latent={self.latent!r} is fixed."
            )
        self._trunk()
        result: Decoder = clone(self)
        result._widths = None
        result._units = units_of(rows.X, rows.y, rows.weight)
        result._row_noise = level("input_noise", self.input_noise, INPUT_NOISE, of="Decoder")
        given = level("noise", self.noise, NARROWEST, of="Decoder")
        if given < LEAST_NOISE:
            raise ValueError(
                f"noise={self.noise!r} of Decoder must be 'auto' or a number of at least "
                f"{LEAST_NOISE:g}, in standard deviations of the answers."
            )
        result._floor = given
        if self._learns_noise:
            result._floor = float(max(NARROWEST, result._units.resolution.min()))
        return result

    @property
    def _smallest_scale(self) -> Array:
        """The smallest scale of each output, in standard deviations, (q,)."""
        return np.full(len(self._settled("_units").answer_unit), self._floor)

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
        trunk = self._trunk()
        shapes = dict(trunk.shapes(self.n_members, n_features, n_answers))
        n_coordinates = self._space().features.shape[1]
        latent = {"latent_weight": (self.n_members, n_coordinates, trunk.sizes[0])}
        noise = {"log_noise": (self.n_members, n_answers)} if self._learns_noise else {}
        return latent | shapes | noise

    def start(
        self,
        rows: Rows,
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Params:
        """Random weights, and noise of half the standard deviation of the answers.

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
        shapes = dict(self.shapes(rows.X.shape[1], n_answers))
        noise = shapes.pop("log_noise", None)
        params = self._trunk().start(shapes, rng)
        if noise is not None:
            params["log_noise"] = np.full(noise, np.log(WIDE_START))
        return params

    def _scales(self, params: Params) -> tuple[Array, Array]:
        """σ of the noise (M, q), and the learned fraction of its variance."""
        bias = params["output_bias"]
        xp = namespace_of(bias)
        if not self._learns_noise:
            return xp.full_like(bias, self._floor), xp.zeros_like(bias)
        variance = in_place(xp, "exp", 2 * at_most(xp, params["log_noise"], WIDEST))
        total = variance + float(self._floor) ** 2
        fraction = times_mask(xp, variance / total, params["log_noise"] < WIDEST)
        return in_place(xp, "sqrt", total), fraction

    def _decoded(self, params: Params, rows: Array) -> tuple[Array, list[Backward]]:
        """Outputs of the decoder (M, n, z, q), and the backward functions of all layers."""
        trunk, space = self._trunk(), self._space()
        xp = namespace_of(rows)
        features = cast_like(xp, space.features, rows)
        n_members, n_rows = params["output_bias"].shape[0], rows.shape[1]
        n_latents = features.shape[0]
        activation = ACTIVATIONS[trunk.activation]()
        of_rows, back_to_rows = dense(params, "hidden_0", rows, first=True)
        of_latents = features @ params["latent_weight"]
        z: Array = of_rows[:, :, None, :] + of_latents[:, None, :, :]
        z = xp.reshape(z, (n_members, n_rows * n_latents, z.shape[-1]))

        def back_to_inputs(slope: Array, out: Params) -> Array:
            by_latent = xp.reshape(slope, (n_members, n_rows, n_latents, slope.shape[-1]))
            turned = xp.matrix_transpose(features)
            weight = product(xp, turned, xp.sum(by_latent, axis=1), out.get("latent_weight"))
            assign(out, "latent_weight", weight)
            return back_to_rows(column_sums(xp, by_latent), out)

        h, back = activated(activation, z)
        steps: list[Backward] = [back_to_inputs, back]
        for number in range(1, len(trunk.sizes)):
            z, back = dense(params, f"hidden_{number}", h, first=False)
            steps.append(back)
            h, back = activated(activation, z)
            steps.append(back)
        answers, back = dense(params, "output", h, first=False)
        shape = (n_members, n_rows, n_latents, answers.shape[-1])
        return xp.reshape(answers, shape), [*steps, back]

    def linearize_members(self, params: Params, X: Array, answers: Array) -> Linearization:
        """Energies (M, n, m, z) of standardised samples and answers; see ``LatentEnergy``.

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
        xp = namespace_of(X)
        answers = cast_like(xp, answers, X)
        if self._seed is not None:
            noise = Noise(self._row_noise, 0.0)
            X, answers = noise.added(self._seed, params["output_bias"].shape[0], X, answers)
        local = {name: cast_like(xp, value, X) for name, value in params.items()}
        decoded, steps = self._decoded(local, X)
        scales, fraction = self._scales(local)
        windows = Windows(self._space(), decoded, scales)
        energies = windows.energies(answers)

        def pullback_into(slope: Array, out: Params) -> None:
            back, in_scales = windows.slopes(slope)
            if self._learns_noise:
                assign(out, "log_noise", in_scales * fraction)
            shape = (back.shape[0], back.shape[1] * back.shape[2], back.shape[3])
            back = xp.reshape(back, shape)
            for step in reversed(steps):
                back = step(back, out)

        pullback = returned(pullback_into, params, X)
        return Linearization(energies, pullback, pullback_into=pullback_into)

    def parabolas_of_members(self, params: Params, X: Array) -> tuple[Array, Array, Array]:
        """Energies as quadratic functions of y, one for each grid point; see ``LatentEnergy``.

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
        decoded, _ = self._decoded(params, X)
        return Windows(self._space(), decoded, self._scales(params)[0]).quadratics()

    def schedule(self, n_rows: int) -> Schedule:
        """Small batches and many passes, as a curve is learned slowly; see ``LatentEnergy``.

        Parameters
        ----------
        n_rows : int
            Number of samples.

        Returns
        -------
        Schedule
            Learning rate, batch size and number of passes.
        """
        return Schedule(LEARNING_RATE, BATCH, int(np.clip(ROWS_SEEN // max(n_rows, 1), *PASSES)))
