"""Base class of energies of continuous targets that are learned by gradients."""

from __future__ import annotations

from abc import abstractmethod
from copy import copy
from typing import Any, NamedTuple, Self

import numpy as np

from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm.energies.base import GradientEnergy, Linearization, Traits
from sklearn_ebm.energies.conditional import ConditionalEnergy


class Schedule(NamedTuple):
    """Default settings of the solver for a number of samples.

    Attributes
    ----------
    learning_rate : float
        Initial learning rate of `Adam`.
    batch_size : int
        Number of samples of a mini-batch.
    passes : int
        Number of passes over the samples.
    weight_decay : float, default=0.1
        Weight decay at C = 1: a step of length η multiplies weights by 1 − η δ.
    """

    learning_rate: float
    batch_size: int
    passes: int
    weight_decay: float = 0.1


class LearnedEnergy(ConditionalEnergy, GradientEnergy):
    """Base class of energies of a continuous target whose parameters W are learned by gradients.

    The answer y is a vector of n_outputs numbers. Features and answers are standardised to mean 0
    and standard deviation 1. An ensemble of *members* is learned at the same time, each with its
    own parameters and its own order of the samples, so all arrays have the member as their first
    axis.

    Attributes
    ----------
    n_members : int
        Number of ensemble members.
    """

    # All members are computed in one batched product, which threads would only make smaller.
    traits = Traits(stochastic=True, threads=False)
    n_members: Any

    # Set in the copies that `_for_step` returns.
    _seed: int | None = None

    def _for_step(self, rng: np.random.RandomState) -> Self:
        """Return a copy that adds noise, which depends only on a seed and the batch size."""
        other = copy(self)
        other._seed = int(rng.randint(np.iinfo(np.int32).max))
        return other

    def _chance(self) -> np.random.Generator:
        """Return the generator of random numbers of one training step, in its initial state."""
        return np.random.Generator(np.random.SFC64(self._seed))

    @abstractmethod
    def _linearize(self, params: Params, X: Array, answers: Array) -> Linearization:
        """Energies (M, n, m, z) of samples (M or 1, n, d) and answers (M or 1, n, m, q).

        Samples and answers are standardised.
        """

    @abstractmethod
    def schedule(self, n_rows: int) -> Schedule:
        """Default settings of the solver.

        Parameters
        ----------
        n_rows : int
            Number of samples.

        Returns
        -------
        Schedule
            Learning rate, batch size and number of passes.
        """
