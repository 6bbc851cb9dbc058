"""Base class of samplers whose step size is adapted to an acceptance probability."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.validation import positive_integer, positive_number, share, switch
from sklearn_ebm.samplers._adaptation import MOST_DOUBLINGS, DualAveraging, RunningScales
from sklearn_ebm.samplers._moves import leapfrog, metropolis, normal
from sklearn_ebm.samplers.base import Sampler, State, Step, Surface

# Shares of the warm-up after which scales are learned: from the answers since the last one.
FIRST, SECOND, THIRD = 0.15, 0.4, 0.7


class SteppingSampler(Sampler):
    """Base class of samplers that accept or reject the end of a trajectory.

    Attributes
    ----------
    step_size : float or array-like of shape (n_samples,)
    jitter : float
    target_acceptance : float
    scales : "auto", None or array-like
    shared : bool
    """

    step_size: float | npt.ArrayLike
    jitter: float
    target_acceptance: float
    scales: Any
    shared: bool

    @property
    def _n_steps(self) -> int:
        """Number of leapfrog steps of a trajectory."""
        return 1

    def _validate(self) -> None:
        name = type(self).__name__
        share("jitter", self.jitter, of=name, zero=True)
        share("target_acceptance", self.target_acceptance, of=name)
        switch("shared", self.shared, of=name)

    def step(self, surface: Surface, state: State, rng: np.random.Generator) -> Step:
        """Make one step of all chains; see `Sampler.step`."""
        self._validate()
        steps = step_sizes(self, surface, state.answers.dtype)
        if self.jitter:
            factor = 1 + self.jitter * (2 * rng.random((surface.n_rows, 1, 1)) - 1)
            steps = (steps * factor).astype(steps.dtype)
        return moved(surface, state, steps, self._n_steps, rng)

    def warmed_up(
        self, surface: Surface, state: State, n_steps: int, rng: np.random.Generator
    ) -> tuple[Self, State]:
        """Make steps that also adapt the step size; return the adapted sampler and the state.

        The step size of each sample approaches the target of the acceptance probability. With
        ``scales="auto"``, the scales of the outputs are those of the answers.
        """
        self._validate()
        positive_integer("n_steps", n_steps, least=0)
        adapted = clone(self)
        if n_steps == 0:
            return adapted, state
        ends = {int(part * n_steps) for part in (SECOND, THIRD)}
        running, learns = RunningScales(self.shared), _is_auto(self.scales)
        adapted.step_size = adapted._first_size(surface, state, rng)
        sizes = DualAveraging(adapted.step_size, self.target_acceptance)
        for number in range(n_steps):
            if learns and number in ends and running._n > 2 * surface.n_outputs:
                adapted.scales = running.scales()
                running.clear()
                adapted.step_size = adapted._first_size(surface, state, rng)
                sizes.restart(adapted.step_size)
            state, acceptance, _ = adapted.step(surface, state, rng)
            sizes.update(self._pooled(acceptance.mean(axis=1, dtype=np.float64)))
            adapted.step_size = sizes.current
            if learns and number >= int(FIRST * n_steps):
                running.add(state.answers)
        adapted.step_size = sizes.average
        if self.shared:
            adapted.step_size = float(sizes.average[0])
            adapted.scales = (
                adapted.scales[0] if learns and not _is_auto(adapted.scales) else (adapted.scales)
            )
        return adapted, state

    def _pooled(self, values: Array) -> Array:
        return np.full_like(values, values.mean()) if self.shared else values

    def _first_size(self, surface: Surface, state: State, rng: np.random.Generator) -> Array:
        """Step sizes (n_samples,) at which about half of single leapfrog steps are accepted."""
        sizes = np.broadcast_to(np.asarray(self.step_size, np.float64), surface.n_rows).copy()
        trial = clone(self).set_params(step_size=sizes)
        rises = np.zeros(surface.n_rows, dtype=bool)
        searching = np.ones(surface.n_rows, dtype=bool)
        for doubling in range(MOST_DOUBLINGS):
            steps = step_sizes(trial, surface, state.answers.dtype)
            accepted = moved(surface, state, steps, 1, rng).acceptance.mean(axis=1, dtype=float)
            above = self._pooled(accepted) > 0.5
            if doubling == 0:
                rises = above
            searching &= above == rises
            if not searching.any():
                break
            sizes[searching] *= np.where(rises, 2.0, 0.5)[searching]
        return sizes


def _is_auto(scales: Any) -> bool:
    return isinstance(scales, str) and scales == "auto"


def step_sizes(sampler: Any, surface: Surface, dtype: npt.DTypeLike) -> Array:
    """Return the step sizes of a sampler times its scales, (1 or n_samples, 1, 1 or n_outputs).

    Raises
    ------
    ValueError
        If a step size or a scale is not positive, or their number differs from that of the samples.
    """
    name, n, q = type(sampler).__name__, surface.n_rows, surface.n_outputs
    sizes: Array
    if np.ndim(sampler.step_size) == 0:
        sizes = np.full((1, 1, 1), positive_number("step_size", sampler.step_size, of=name))
    else:
        sizes = np.asarray(sampler.step_size, dtype=np.float64)
        if sizes.shape != (n,) or not (np.isfinite(sizes) & (sizes > 0)).all():
            raise ValueError(
                f"step_size of {name} must be a positive number, or one for each of the {n} "
                f"samples; it has the shape {sizes.shape}."
            )
        sizes = sizes[:, None, None]
    if sampler.scales is None or _is_auto(sampler.scales):
        return sizes.astype(dtype)
    scales = np.asarray(sampler.scales, dtype=np.float64)
    shapes: tuple[tuple[int, ...], ...] = ((q,), (n, q))
    if scales.shape not in shapes or not (np.isfinite(scales) & (scales > 0)).all():
        raise ValueError(
            f"scales of {name} must be 'auto', None, or positive numbers of shape ({q},) or "
            f"({n}, {q}); the shape is {scales.shape}."
        )
    return (sizes * np.broadcast_to(scales, (n, q))[:, None]).astype(dtype)


def moved(
    surface: Surface, state: State, steps: Array, n_steps: int, rng: np.random.Generator
) -> Step:
    """Follow a trajectory with new momenta, and accept or reject its end."""
    answers = state.answers
    momentum = normal(answers.shape, answers.dtype, rng)
    with np.errstate(all="ignore"):
        after, kinetic = leapfrog(surface, state, momentum, steps, n_steps)
        return metropolis(state, after, state.energies - after.energies - kinetic, rng)
