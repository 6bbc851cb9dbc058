"""Unadjusted Langevin sampler."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from sklearn_ebm.samplers._moves import chosen, failures, normal
from sklearn_ebm.samplers._stepping import step_sizes
from sklearn_ebm.samplers.base import Sampler, State, Step, Surface


class Langevin(Sampler):
    r"""Langevin sampler without a test: steps along the negative slope, with Gaussian noise.

    .. code-block:: none

        y ← y − (h²/2) ∂F/∂y + h ε,    ε ~ N(0, I)

    Every answer with a finite energy is accepted. The distribution of the answers therefore
    differs from the Gibbs distribution by a bias of order h²: for a Gaussian with the standard
    deviation σ, the variance is σ²/(1 − h²/(4σ²)), and the chain escapes to infinity if h ≥ 2σ.
    `MALA` removes the bias.

    Parameters
    ----------
    step_size : float or array-like of shape (n_samples,), default=0.1
        Step size h, in units of y: at most half of the smallest standard deviation.
    scales : None or array-like of shape (n_outputs,) or (n_samples, n_outputs), default=None
        Factors of the step size for each output; None means 1.

    See Also
    --------
    MALA : The same step, accepted or rejected.

    References
    ----------
    Roberts, Tweedie, "Exponential convergence of Langevin distributions and their discrete
    approximations", Bernoulli 2 (1996) 341-363. :doi:`10.2307/3318418`

    Examples
    --------
    A step of the energy y²/2 from y = 1 has the mean 1 − h²/2 and the standard deviation h:

    >>> import numpy as np
    >>> from sklearn_ebm.samplers import FunctionSurface, Langevin
    >>> surface = FunctionSurface(lambda X, y: (y[:, 0] ** 2 / 2, y), [[0.0]], n_outputs=1)
    >>> sampler = Langevin(step_size=0.1)
    >>> state = sampler.start(surface, np.ones((1, 100_000, 1)))
    >>> answers = sampler.step(surface, state, np.random.default_rng(0)).state.answers
    >>> float(answers.mean().round(3)), float(answers.std().round(3))
    (0.995, 0.1)
    """

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({}, {"step_size": 0.2, "scales": [1.0]})

    def __init__(self, step_size: Any = 0.1, scales: Any = None) -> None:
        self.step_size = step_size
        self.scales = scales

    def step(self, surface: Surface, state: State, rng: np.random.Generator) -> Step:
        """Make one step of all chains; see `Sampler.step`."""
        answers, slopes = state.answers, state.slopes
        if slopes is None:
            raise TypeError("This state has no slopes; make it by `start` of the same sampler.")
        steps = step_sizes(self, surface, answers.dtype)
        noise = normal(answers.shape, answers.dtype, rng)
        with np.errstate(all="ignore"):
            noise *= steps
            drift = steps * steps * steps.dtype.type(0.5)
            noise -= drift * np.where(np.isfinite(slopes), slopes, 0)
            noise += answers
            after = State(noise, *surface.energies_and_slopes(noise))
            failed = failures(after.energies, after.slopes)  # type: ignore[arg-type]
        if failed is None:
            failed = np.zeros(answers.shape[:2], dtype=bool)
        else:
            after = chosen(~failed, after, state)
        return Step(after, (~failed).astype(answers.dtype), failed)
