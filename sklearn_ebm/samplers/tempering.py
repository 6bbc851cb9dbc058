"""Parallel tempering, for Gibbs distributions with distant modes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.samplers.base import Sampler, State, Step, Surface
from sklearn_ebm.samplers.hmc import HMC
from sklearn_ebm.samplers.surfaces import tempered


class ParallelTempering(Sampler):
    r"""Parallel tempering: chains at several inverse temperatures β exchange their answers.

    .. code-block:: none

        the chains of each β_k make a step for exp(−β_k F)
        neighbours exchange answers with the probability min(1, exp((β_k − β_l)(F_k − F_l)))

    Chains with a small β cross the barriers between modes, and exchanges bring their answers to the
    chains at β = 1. All β_k share one array of chains: the first part has β = 1, see `at_target`.

    Parameters
    ----------
    sampler : Sampler, list of Sampler, or None, default=None
        Sampler of the steps, or one for each β; None means `HMC`. The warm-up adapts it for each β.
    betas : array-like of shape (n_betas,), default=(1.0, 0.5, 0.25, 0.125)
        Inverse temperatures: 1 first, then falling.

    See Also
    --------
    IndependenceMetropolis : Cheaper, if there is a proposal that covers all modes.

    References
    ----------
    Earl, Deem, "Parallel tempering: theory, applications, and new perspectives", Physical Chemistry
    Chemical Physics 7 (2005) 3910-3916. :doi:`10.1039/B509983H`

    Examples
    --------
    Chains that start in one of two distant modes find the other:

    >>> import numpy as np
    >>> from sklearn_ebm.samplers import HMC, FunctionSurface, ParallelTempering
    >>> def double_well(X, y):
    ...     return 5 * (y[:, 0] ** 2 - 1) ** 2, 20 * y * (y**2 - 1)
    >>> surface, rng = (
    ...     FunctionSurface(double_well, [[0.0]], n_outputs=1),
    ...     np.random.default_rng(0),
    ... )
    >>> sampler = ParallelTempering(HMC(step_size=0.2, n_leapfrog=4))
    >>> state = sampler.start(surface, np.ones((1, 500, 1)))
    >>> for _ in range(50):
    ...     state = sampler.step(surface, state, rng).state
    >>> bool(abs((sampler.at_target(state.answers) > 0).mean() - 0.5) < 0.1)
    True
    """

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {},
        {"sampler": HMC(n_leapfrog=3), "betas": (1.0, 0.3)},
    )

    def __init__(
        self,
        sampler: Sampler | Sequence[Sampler] | None = None,
        betas: npt.ArrayLike = (1.0, 0.5, 0.25, 0.125),
    ) -> None:
        self.sampler = sampler
        self.betas = betas

    @property
    def needs_slopes(self) -> bool:  # type: ignore[override]
        """Whether one of the samplers needs slopes."""
        return any(sampler.needs_slopes for sampler in self._samplers())

    @property
    def n_replicas(self) -> int:
        """Number of inverse temperatures."""
        return len(self._betas())

    def _betas(self) -> Array:
        betas = np.asarray(self.betas, dtype=np.float64)
        valid = betas.ndim == 1 and len(betas) > 0 and betas[0] == 1
        if not valid or not (betas > 0).all() or not (np.diff(betas) < 0).all():
            raise ValueError(
                f"betas={self.betas!r} of ParallelTempering must be positive numbers that begin "
                "with 1 and fall, such as (1.0, 0.5, 0.25)."
            )
        return betas

    def _samplers(self) -> list[Sampler]:
        n_betas = len(self._betas())
        if self.sampler is None:
            return [HMC()] * n_betas
        if isinstance(self.sampler, Sampler):
            return [self.sampler] * n_betas
        samplers = list(self.sampler)
        if len(samplers) != n_betas or not all(isinstance(one, Sampler) for one in samplers):
            raise ValueError(
                f"sampler of ParallelTempering must be one sampler, or a list of {n_betas}: one "
                "for each of betas."
            )
        return samplers

    def start(self, surface: Surface, answers: Array) -> State:
        """Return the state of chains that start at the same answers for each β."""
        return super().start(surface, np.tile(answers, (1, self.n_replicas, 1)))

    def step(self, surface: Surface, state: State, rng: np.random.Generator) -> Step:
        """Make one step of the chains of each β, and exchange answers; see `Sampler.step`."""
        steps = []
        for sampler, beta, part in self._parts(state):
            result = sampler.step(tempered(surface, beta), _scaled(part, beta), rng)
            steps.append(Step(_scaled(result.state, 1 / beta), *result[1:]))
        acceptance = np.concatenate([step.acceptance for step in steps], axis=1)
        diverged = np.concatenate([step.diverged for step in steps], axis=1)
        after = self._exchanged(_joined([step.state for step in steps]), rng)
        return Step(after, acceptance, diverged)

    def warmed_up(
        self, surface: Surface, state: State, n_steps: int, rng: np.random.Generator
    ) -> tuple[ParallelTempering, State]:
        """Adapt the sampler of each β by half of the steps, then make the others with exchanges."""
        positive_integer("n_steps", n_steps, least=0)
        samplers, states = [], []
        for sampler, beta, part in self._parts(state):
            adapted, part = sampler.warmed_up(
                tempered(surface, beta), _scaled(part, beta), n_steps // 2, rng
            )
            samplers.append(adapted)
            states.append(_scaled(part, 1 / beta))
        state, result = _joined(states), ParallelTempering(samplers, self.betas)
        for _ in range(n_steps - n_steps // 2):
            state = result.step(surface, state, rng).state
        return result, state

    def _parts(self, state: State) -> list[tuple[Sampler, float, State]]:
        """Sampler, β and state of the chains of each β."""
        samplers, betas = self._samplers(), self._betas()
        m = _chains_of_each(state, len(betas))
        columns = [slice(k * m, (k + 1) * m) for k in range(len(betas))]
        return [
            (sampler, float(beta), _columns(state, part))
            for sampler, beta, part in zip(samplers, betas, columns, strict=True)
        ]

    def _exchanged(self, state: State, rng: np.random.Generator) -> State:
        """Exchange answers between neighbours, of which every other pair is drawn at random."""
        betas = self._betas()
        m = _chains_of_each(state, len(betas))
        n, order = len(state.answers), np.arange(state.answers.shape[1])
        source = np.broadcast_to(order, (n, len(order))).copy()
        for lower in range(int(rng.integers(2)), len(betas) - 1, 2):
            here, there = order[lower * m : (lower + 1) * m], order[(lower + 1) * m :][:m]
            with np.errstate(all="ignore"):
                change = state.energies[:, here] - state.energies[:, there]
                ratio = np.exp(np.minimum((betas[lower] - betas[lower + 1]) * change, 0))
            swap = rng.random((n, m)) < ratio  # False for NaN
            source[:, here] = np.where(swap, there, here)
            source[:, there] = np.where(swap, here, there)
        rows = np.arange(n)[:, None]
        slopes = None if state.slopes is None else state.slopes[rows, source]
        return State(state.answers[rows, source], state.energies[rows, source], slopes)


def _chains_of_each(state: State, n_betas: int) -> int:
    m = state.answers.shape[1]
    if m % n_betas:
        raise ValueError(
            f"This state has {m} chains, which {n_betas} inverse temperatures cannot share; make "
            "it by `start` of the same sampler."
        )
    return m // n_betas


def _columns(state: State, columns: slice) -> State:
    slopes = None if state.slopes is None else state.slopes[:, columns]
    return State(state.answers[:, columns], state.energies[:, columns], slopes)


def _scaled(state: State, beta: float) -> State:
    """The state for the energy β F."""
    factor = state.answers.dtype.type(beta)
    slopes = None if state.slopes is None else state.slopes * factor
    return State(state.answers, state.energies * factor, slopes)


def _joined(states: list[State]) -> State:
    slopes = [state.slopes for state in states if state.slopes is not None]
    return State(
        np.concatenate([state.answers for state in states], axis=1),
        np.concatenate([state.energies for state in states], axis=1),
        np.concatenate(slopes, axis=1) if len(slopes) == len(states) else None,
    )
