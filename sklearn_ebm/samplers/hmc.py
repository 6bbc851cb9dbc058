"""Hamiltonian Monte Carlo."""

from __future__ import annotations

from typing import Any, ClassVar

from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.samplers._stepping import SteppingSampler


class HMC(SteppingSampler):
    r"""Hamiltonian Monte Carlo: trajectories of leapfrog steps that are accepted or rejected.

    .. code-block:: none

        r ~ N(0, I)
        L times:  r ← r − (h/2) ∂F/∂y,    y ← y + h r,    r ← r − (h/2) ∂F/∂y
        accepted with the probability min(1, exp(F(y) + ‖r‖²/2 − F(y') − ‖r'‖²/2))

    A step evaluates exactly L gradients: energies and slopes of the current answers are part of the
    state, and two half kicks in succession are one kick. A trajectory with an energy error above
    1000, or with an energy that is not finite, has diverged. It is rejected.

    Parameters
    ----------
    step_size : float or array-like of shape (n_samples,), default=0.1
        Step size h, in units of y, before the warm-up adapts it.
    n_leapfrog : int, default=10
        Number L of leapfrog steps of a trajectory.
    target_acceptance : float, default=0.8
        Acceptance probability to which the warm-up adapts the step size.
    scales : "auto", None or array-like, default="auto"
        Factors of the step size for each output, a diagonal metric, of shape (n_outputs,) or
        (n_samples, n_outputs). "auto" means 1 until the warm-up replaces them by the standard
        deviations of the answers; None means 1.
    jitter : float, default=0.5
        The step size of each trajectory is multiplied by a random number from 1 − jitter to
        1 + jitter. With a small jitter, trajectories may have the length of a period of the motion
        and return to where they began: for Gaussians, 0.5 gives three times as many effective
        draws as 0.1.
    shared : bool, default=False
        Whether the warm-up finds one step size for all samples, instead of one for each.

    See Also
    --------
    MALA : Trajectories of one step.

    References
    ----------
    Neal, "MCMC using Hamiltonian dynamics", in *Handbook of Markov Chain Monte Carlo* (2011)
    113-162. :arxiv:`1206.1901`

    Hoffman, Gelman, "The No-U-Turn Sampler", Journal of Machine Learning Research 15 (2014)
    1593-1623. :arxiv:`1111.4246`

    Examples
    --------
    Chains of the energy y²/2 that start at 1 have the variance 1 after a few steps:

    >>> import numpy as np
    >>> from sklearn_ebm.samplers import FunctionSurface, HMC
    >>> surface = FunctionSurface(lambda X, y: (y[:, 0] ** 2 / 2, y), [[0.0]], n_outputs=1)
    >>> rng, sampler = np.random.default_rng(0), HMC(step_size=0.15)
    >>> state = sampler.start(surface, np.ones((1, 10_000, 1)))
    >>> for _ in range(5):
    ...     state = sampler.step(surface, state, rng).state
    >>> bool(abs(state.answers.std() - 1) < 0.02)
    True
    """

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {},
        {
            "step_size": 0.3, "n_leapfrog": 4, "target_acceptance": 0.7, "scales": None,
            "jitter": 0.3, "shared": True,
        },
    )  # fmt: skip

    def __init__(
        self,
        step_size: Any = 0.1,
        n_leapfrog: int = 10,
        target_acceptance: float = 0.8,
        scales: Any = "auto",
        jitter: float = 0.5,
        shared: bool = False,
    ) -> None:
        self.step_size = step_size
        self.n_leapfrog = n_leapfrog
        self.target_acceptance = target_acceptance
        self.scales = scales
        self.jitter = jitter
        self.shared = shared

    @property
    def _n_steps(self) -> int:
        return positive_integer("n_leapfrog", self.n_leapfrog, of="HMC")
