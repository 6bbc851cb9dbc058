"""A mixture of experts: several answers to one input."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from sklearn_ebm._arrays import row_slices
from sklearn_ebm._params import Array, Params, Shapes
from sklearn_ebm._registry import unknown_name
from sklearn_ebm._validation import level, positive_integer
from sklearn_ebm.distributions import ConditionalDistribution
from sklearn_ebm.energies.base import Linearization
from sklearn_ebm.energies.gaussians import Gaussians, Heads
from sklearn_ebm.energies.laws import law_of_gaussians
from sklearn_ebm.energies.latent import LatentEnergy, Schedule
from sklearn_ebm.energies.trunk import Noise, Trunk, trunk_of
from sklearn_ebm.energies.units import Units, units_of

COVARIANCES = ("diagonal", "full")


class Experts(LatentEnergy):
    normalized = True
    examples = ({},)

    # What `prepared` settles.
    units: Units | None = None
    floor: Array | None = None
    noise = Noise()
    _seed: int | None = None

    def __init__(
        self,
        n_latents: int = 3,
        trunk: str = "mlp",
        hidden_layer_sizes: Any = (128, 128),
        activation: str = "silu",
        covariance: str = "diagonal",
        n_members: int = 5,
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
        names = self._trunk().shapes(1, 1, 1)
        return tuple(name for name in names if name.endswith("_weight"))

    def _trunk(self) -> Trunk:
        return trunk_of(self.trunk, self.hidden_layer_sizes, self.activation)

    def _heads(self, n_outputs: int) -> Heads:
        return Heads(self.n_latents, n_outputs, self.covariance == "full" and n_outputs > 1)

    def prepared(
        self,
        X: Any,
        y: npt.NDArray[Any],
        weight: npt.NDArray[np.float64],
        n_answers: int,
        rng: np.random.RandomState,
    ) -> Experts:
        positive_integer("n_latents", self.n_latents, of="Experts")
        positive_integer("n_members", self.n_members, of="Experts")
        self._trunk()
        if self.covariance not in COVARIANCES:
            raise ValueError(unknown_name("covariance", self.covariance, COVARIANCES))
        result: Experts = clone(self)
        result.units = units_of(X, y, weight)
        sharp = sharpness(len(X))
        result.noise = Noise(
            level("input_noise", self.input_noise, sharp[0], of="Experts"),
            level("answer_noise", self.answer_noise, sharp[1], of="Experts"),
        )
        known = np.maximum(result.units.resolution, NARROWEST)
        result.floor = (
            known if self.min_scale == "auto"
            else np.full(n_answers, level("min_scale", self.min_scale, 0.0, of="Experts"))
        )
        return result

    def training(self, rng: np.random.RandomState) -> Experts:
        other = copy(self)
        other._seed = int(rng.randint(np.iinfo(np.int32).max))
        return other

    def draw(self) -> np.random.Generator:
        return np.random.Generator(np.random.SFC64(self._seed))

    def represented(self, X: Any) -> Array:
        return self.units.rows(X)

    def represented_answers(self, y: Array) -> Array:
        return self.units.answers(y)

    @property
    def log_unit(self) -> float:
        return self.units.log_unit

    def shapes(self, n_features: int, n_answers: int) -> Shapes:
        width = self._heads(n_answers).width
        return self._trunk().shapes(self.n_members, n_features, width)

    def start(self, X, y, weight, n_answers, rng) -> Params:
        params = self._trunk().start(self.shapes(X.shape[1], n_answers), rng)
        params["output_bias"] = self._heads(n_answers).start_bias(self.n_members, rng)
        return params

    def linearize_members(self, params: Params, X: Array, answers: Array) -> Linearization:
        n_members = len(params["output_bias"])
        if self._seed is not None:
            X, answers = self.noise.added(self._seed, n_members, X, answers)
        values, steps = self._trunk().forward(params, X)
        experts = Gaussians(self._heads(answers.shape[-1]), values, self.floor)
        energies = experts.energies(answers)

        def pullback_into(slope: Array, out: Params) -> None:
            back = experts.slopes(slope)
            for step in reversed(steps):
                back = step(back, out)

        def pullback(slope: Array) -> Params:
            out: Params = {name: np.empty_like(value) for name, value in params.items()}
            pullback_into(slope, out)
            return out

        return Linearization(energies, pullback, pullback_into=pullback_into)

    def distribution(self, params, X, beta, *, minimum=False, members=None):
        if members is not None:
            params = {name: value[members] for name, value in params.items()}
        n_outputs = len(self.units.answer_unit)
        heads = self._heads(n_outputs)
        parts = [Gaussians(heads, self._trunk().forward(params, self.represented(X[rows])[None])[0], self.floor)
            for rows in row_slices(len(X), 256)]
        join = lambda name: np.concatenate([getattr(part, name) for part in parts], axis=1).swapaxes(0, 1)
        return join("log_prior"), join("means"), join("scales")

    def schedule(self, n_rows: int) -> Schedule:
        raise NotImplementedError
NARROWEST = float(np.exp(-5))
def sharpness(n): return (0.0, 0.0)
