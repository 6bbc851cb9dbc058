"""Negatives drawn from the energy itself by Markov chains."""

from __future__ import annotations

from copy import copy
from typing import Self

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.validation import positive_integer, positive_number
from sklearn_ebm.losses.negatives.base import Batch, Drawn, ModelNegatives
from sklearn_ebm.samplers import MALA, IndependenceMetropolis

# The step size of each sample changes by the factor exp(RATE (acceptance − TARGET)) in each draw.
TARGET, RATE = 0.6, 0.1

# Limits of the step size, in standard deviations of the answers.
SMALLEST, LARGEST = 1e-4, 2.0


class Chains(ModelNegatives):
    """Base class of negatives from Markov chains, with step sizes of each sample."""

    n_chains: int
    n_steps: int
    step_size: float
    jump_every: int | None

    # Set in the copies that `begun` returns.
    _right: Array
    _answers: Array
    _step_sizes: Array
    restarts: bool

    @property
    def crosses_branches(self) -> bool:  # type: ignore[override]
        """Whether there are jumps between branches of answers."""
        return self.jump_every is not None

    def begun(self, answers: Array, n_outputs: int) -> Self:
        """Return a copy with chains that start at the correct answers.

        Parameters
        ----------
        answers : ndarray of shape (n_samples, n_outputs)
            Standardised correct answers of all training samples.
        n_outputs : int
            Number of outputs.

        Returns
        -------
        ModelNegatives
            An object whose chains belong to one fit.
        """
        other = copy(self)
        other._right = answers
        other._answers = np.repeat(answers[:, None], self.n_chains, axis=1)
        other._step_sizes = np.full(len(answers), float(self.step_size))
        return other

    def draw(self, batch: Batch) -> Drawn:
        """Move the chains of some samples, and return their answers.

        Parameters
        ----------
        batch : Batch
            The samples.

        Returns
        -------
        Drawn
            The correct answers and the ends of the chains, without a log-density.
        """
        right, rows = batch.right, batch.rows
        at_right = np.broadcast_to(right[:, None], (len(right), self.n_chains, right.shape[1]))
        answers = at_right if self.restarts else self._answers[rows].astype(right.dtype)
        sizes = self._step_sizes[rows]
        local = MALA(step_size=sizes, scales=None)
        jump = IndependenceMetropolis(batch.proposal, local, jump_every=1)
        state = local.start(batch.surface, np.ascontiguousarray(answers))
        for number in range(1, self.n_steps + 1):
            if self.jump_every is not None and number % self.jump_every == 0:
                state = jump.step(batch.surface, state, batch.rng).state
                continue
            state, acceptance, _ = local.step(batch.surface, state, batch.rng)
            rate = RATE * (acceptance.mean(axis=1, dtype=np.float64) - TARGET)
            sizes = np.clip(sizes * np.exp(rate), SMALLEST, LARGEST)
        found = np.isfinite(state.energies)[..., None]
        ends = np.where(found, state.answers, at_right)
        self._answers[rows], self._step_sizes[rows] = ends, sizes
        return Drawn(np.concatenate([right[:, None], ends], axis=1), None)

    def restart(self) -> None:
        """Return all chains to the correct answers, after a divergence."""
        self._answers[...] = self._right[:, None]
        self._step_sizes[...] = self.step_size

    def validate(self) -> None:
        """Raise ValueError if a parameter is invalid."""
        name = type(self).__name__
        positive_integer("n_chains", self.n_chains, of=name)
        positive_integer("n_steps", self.n_steps, of=name)
        positive_number("step_size", self.step_size, of=name)
        if self.jump_every is not None:
            positive_integer("jump_every", self.jump_every, of=name)
