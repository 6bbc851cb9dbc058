"""Negatives from persistent Markov chains."""

from __future__ import annotations

from sklearn_ebm.losses.negatives._chains import Chains


class Persistent(Chains):
    """Draw negatives by persistent Markov chains, which go on from step to step of learning.

    Each sample has its own chains. Metropolis-adjusted Langevin steps alternate with jumps to
    answers from the proposal of `Importance`, so that chains move between branches.

    Parameters
    ----------
    n_steps : int, default=6
        Number of steps of the chains of a sample in each step of learning.
    n_chains : int, default=4
        Number of chains for each sample.
    step_size : float, default=0.1
        Initial step size, in standard deviations of the answers. It is adapted for each sample.
    jump_every : int or None, default=2
        Every how many steps there is a jump; None means no jumps.

    References
    ----------
    Tieleman, "Training Restricted Boltzmann Machines using Approximations to the Likelihood
    Gradient", ICML (2008). :doi:`10.1145/1390156.1390290`
    """

    restarts = False
    examples = ({}, {"n_steps": 3, "n_chains": 2, "step_size": 0.2, "jump_every": None})

    def __init__(
        self,
        n_steps: int = 6,
        n_chains: int = 4,
        step_size: float = 0.1,
        jump_every: int | None = 2,
    ) -> None:
        self.n_steps = n_steps
        self.n_chains = n_chains
        self.step_size = step_size
        self.jump_every = jump_every
