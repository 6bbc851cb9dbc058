"""Negatives from short Markov chains."""

from __future__ import annotations

from sklearn_ebm.losses.negatives._chains import Chains


class MCMC(Chains):
    """Draw negatives by short Markov chains from the correct answers: contrastive divergence.

    The chains are Metropolis-adjusted Langevin steps. Without jumps they remain in the branch in
    which they start, so the weights of branches that are separated by a region without samples are
    not learned. With `jump_every`, some steps propose an answer from the proposal of `Importance`.

    Parameters
    ----------
    n_steps : int, default=10
        Number of steps from the correct answer.
    n_chains : int, default=1
        Number of chains for each sample.
    step_size : float, default=0.1
        Initial step size, in standard deviations of the answers. It is adapted for each sample.
    jump_every : int or None, default=None
        Every how many steps there is a jump; None means no jumps.

    References
    ----------
    Hinton, "Training Products of Experts by Minimizing Contrastive Divergence", Neural Computation
    14 (2002) 1771-1800. :doi:`10.1162/089976602760128018`
    """

    restarts = True
    examples = ({}, {"n_steps": 3, "n_chains": 2, "step_size": 0.2, "jump_every": 2})

    def __init__(
        self,
        n_steps: int = 10,
        n_chains: int = 1,
        step_size: float = 0.1,
        jump_every: int | None = None,
    ) -> None:
        self.n_steps = n_steps
        self.n_chains = n_chains
        self.step_size = step_size
        self.jump_every = jump_every
