"""Independence sampler of Metropolis and Hastings."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.samplers._moves import metropolis
from sklearn_ebm.samplers.base import Proposal, Sampler, State, Step, Surface
from sklearn_ebm.samplers.mala import MALA
from sklearn_ebm.samplers.student_mixture import StudentMixture
from sklearn_ebm.samplers.surfaces import check_rows


class IndependenceMetropolis(Sampler):
    r"""Independence sampler: answers are proposed from a fixed density, wherever the chain is.

    .. code-block:: none

        y' ~ q(y | x),    accepted with the probability min(1, w(y')/w(y)),    w = exp(−F)/q

    It moves between distant modes, which no local sampler does, if the proposal covers all of them.
    It alternates with a local sampler, which also moves where the proposal fits badly: a step is
    ``jump_every - 1`` steps of `local`, followed by a proposed jump.

    Parameters
    ----------
    proposal : distribution
        A normalised density for each sample, with tails that are not thinner than those of the
        Gibbs distribution, such as a `sklearn_ebm.distributions.VectorGaussianMixture`. See
        `sklearn_ebm.samplers.base.Proposal`.
    local : Sampler or None, default=None
        Sampler of the steps in between; None means jumps only.
    jump_every : int, default=2
        Every how many steps there is a jump, if there is a local sampler.

    See Also
    --------
    ParallelTempering : Moves between modes if no proposal covers them.

    References
    ----------
    Tierney, "Markov chains for exploring posterior distributions", Annals of Statistics 22 (1994)
    1701-1728. :doi:`10.1214/aos/1176325750`

    Examples
    --------
    If the proposal is the Gibbs distribution, every jump is accepted:

    >>> import numpy as np
    >>> from sklearn_ebm.distributions import VectorGaussianMixture
    >>> from sklearn_ebm.samplers import FunctionSurface, IndependenceMetropolis
    >>> surface = FunctionSurface(lambda X, y: (y[:, 0] ** 2 / 2, y), [[0.0]], n_outputs=1)
    >>> normal = VectorGaussianMixture([[1.0]], [[[0.0]]], [[[[1.0]]]])
    >>> sampler = IndependenceMetropolis(normal)
    >>> state = sampler.start(surface, np.zeros((1, 100, 1)))
    >>> float(
    ...     sampler.step(surface, state, np.random.default_rng(0))
    ...     .acceptance.mean()
    ...     .round(12)
    ... )
    1.0
    """

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {},
        {
            "proposal": StudentMixture(np.ones((1, 1)), np.zeros((1, 1, 1)), np.ones((1, 1, 1, 1))),
            "local": MALA(), "jump_every": 3,
        },
    )  # fmt: skip

    def __init__(
        self, proposal: Proposal | None = None, local: Sampler | None = None, jump_every: int = 2
    ) -> None:
        self.proposal = proposal
        self.local = local
        self.jump_every = jump_every

    @property
    def needs_slopes(self) -> bool:  # type: ignore[override]
        """Whether the local sampler needs slopes."""
        return self.local is not None and self.local.needs_slopes

    def _checked(self, surface: Surface) -> Proposal:
        positive_integer("jump_every", self.jump_every, of="IndependenceMetropolis")
        if self.local is not None and not isinstance(self.local, Sampler):
            raise TypeError(f"local={self.local!r} must be a sampler, such as MALA(), or None.")
        if self.proposal is None:
            raise ValueError(
                "IndependenceMetropolis needs a proposal: a normalised density for each sample, "
                "such as a VectorGaussianMixture."
            )
        return check_rows(self.proposal, surface)

    def step(self, surface: Surface, state: State, rng: np.random.Generator) -> Step:
        """Make the local steps and one jump; see `Sampler.step`.

        The acceptance probability is that of the jump.
        """
        proposal = self._checked(surface)
        diverged = np.zeros(state.answers.shape[:2], dtype=bool)
        for _ in range(self.jump_every - 1 if self.local is not None else 0):
            state, _, failed = self.local.step(surface, state, rng)  # type: ignore[union-attr]
            diverged |= failed
        dtype, m = state.answers.dtype, state.answers.shape[1]
        source = np.random.RandomState(rng.bit_generator)  # the same stream of random numbers
        answers = proposal._draw(m, source, shared=False).astype(dtype, copy=False)
        if answers.shape != state.answers.shape:
            raise ValueError(
                f"The proposal gives draws of shape {answers.shape} for answers of shape "
                f"{state.answers.shape}."
            )
        with np.errstate(all="ignore"):
            after = self.start(surface, answers)
            ratio = _log_weights(proposal, after) - _log_weights(proposal, state)
            result = metropolis(state, after, ratio, rng)
        return Step(result.state, result.acceptance, diverged)

    def warmed_up(
        self, surface: Surface, state: State, n_steps: int, rng: np.random.Generator
    ) -> tuple[IndependenceMetropolis, State]:
        """Adapt the local sampler by half of the steps, then make the other half with jumps."""
        self._checked(surface)
        adapted: IndependenceMetropolis = self
        if self.local is not None:
            local, state = self.local.warmed_up(surface, state, n_steps // 2, rng)
            adapted = IndependenceMetropolis(self.proposal, local, self.jump_every)
            n_steps -= n_steps // 2
        for _ in range(n_steps):
            state = adapted.step(surface, state, rng).state
        return adapted, state


def _log_weights(proposal: Proposal, state: State) -> Array:
    """−F − log q of the answers of a state; −inf where the energy is not finite."""
    logs = -state.energies - proposal._log_prob(state.answers)
    return np.where(np.isfinite(state.energies), logs, -np.inf)
