"""Metropolis-adjusted Langevin sampler."""

from __future__ import annotations

from typing import Any, ClassVar

from sklearn_ebm.samplers._stepping import SteppingSampler


class MALA(SteppingSampler):
    r"""Metropolis-adjusted Langevin algorithm: Langevin steps that are accepted or rejected.

    .. code-block:: none

        y' = y − (h²/2) ∂F/∂y + h ε,    ε ~ N(0, I)
        accepted with the probability min(1, exp(F(y) − F(y')) q(y | y')/q(y' | y))

    The step is a trajectory of `HMC` with one leapfrog step. It leaves the Gibbs distribution
    exactly invariant. Answers whose energy is not finite are rejected.

    Parameters
    ----------
    step_size : float or array-like of shape (n_samples,), default=0.1
        Step size h, in units of y, before the warm-up adapts it.
    target_acceptance : float, default=0.57
        Acceptance probability to which the warm-up adapts the step size.
    scales : "auto", None or array-like, default="auto"
        Factors of the step size for each output, of shape (n_outputs,) or (n_samples, n_outputs).
        "auto" means 1 until the warm-up replaces them by the standard deviations of the answers;
        None means 1.
    jitter : float, default=0.0
        Each step size is multiplied by a random number from 1 − jitter to 1 + jitter.
    shared : bool, default=False
        Whether the warm-up finds one step size for all samples, instead of one for each.

    See Also
    --------
    HMC : Trajectories of several steps, which mix faster.
    Langevin : Without the test, and with a bias.

    References
    ----------
    Roberts, Rosenthal, "Optimal scaling of discrete approximations to Langevin diffusions", Journal
    of the Royal Statistical Society B 60 (1998) 255-268. :doi:`10.1111/1467-9868.00123`

    Examples
    --------
    Chains of the energy y²/2 that start in its Gibbs distribution stay there:

    >>> import numpy as np
    >>> from sklearn_ebm.samplers import FunctionSurface, MALA
    >>> surface = FunctionSurface(lambda X, y: (y[:, 0] ** 2 / 2, y), [[0.0]], n_outputs=1)
    >>> rng, sampler = np.random.default_rng(0), MALA(step_size=1.0)
    >>> state = sampler.start(surface, rng.standard_normal((1, 10_000, 1)))
    >>> for _ in range(20):
    ...     state = sampler.step(surface, state, rng).state
    >>> bool(abs(state.answers.std() - 1) < 0.02)
    True
    """

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {},
        {
            "step_size": 0.3, "target_acceptance": 0.6, "scales": None, "jitter": 0.1,
            "shared": True,
        },
    )  # fmt: skip

    def __init__(
        self,
        step_size: Any = 0.1,
        target_acceptance: float = 0.57,
        scales: Any = "auto",
        jitter: float = 0.0,
        shared: bool = False,
    ) -> None:
        self.step_size = step_size
        self.target_acceptance = target_acceptance
        self.scales = scales
        self.jitter = jitter
        self.shared = shared
