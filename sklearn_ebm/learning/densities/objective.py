r"""The objective of learning for continuous targets, whose latent variable is eliminated first.

.. code-block:: none

    f(W) = Σᵢ wᵢ ℓ(F_W(xᵢ, ·), yᵢ),   averaged over members, each on rows of its own

    params --energy--> G (M, n, m, z) --latent--> F (M, n, m) --loss--> value (M·n,)
    params <-pullback- dG            <-weights--- dF         <-slope-

The first of the m candidates is the correct answer; the others are negatives drawn for it. The
negative log-likelihood of a normalised energy is F(y) itself and needs no negatives.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Array, Index, ParameterLayout, Params
from sklearn_ebm.energies.learned import LearnedEnergy
from sklearn_ebm.inference.base import Elimination
from sklearn_ebm.losses import Loss
from sklearn_ebm.losses.negatives.base import RandomNegatives
from sklearn_ebm.solvers.objective import Gradient

# Rows whose losses are computed at a time.
BLOCK = 1_024

# Answers are clipped at this number of standard deviations, so that squares fit into float32.
FARTHEST = 1e12


class DensityObjective:
    """The sum over rows of a loss on energies of continuous answers.

    Parameters
    ----------
    energy : LearnedEnergy
        An initialized energy.
    loss : Loss
    latent : Elimination
        How the latent variable z is eliminated.
    X : ndarray of shape (n_samples, n_features)
        Standardized rows; see `ConditionalEnergy._standardize_rows`.
    answers : ndarray of shape (n_samples, n_outputs)
        Standardized right answers.
    weight : ndarray of shape (n_samples,)
    rows : ndarray of int of shape (M or 1, r)
        Row indices of each ensemble member. A batch takes the same positions from every member.
    negatives : Negatives or None
        Generates the wrong answers; None for a likelihood.
    workers : callable, default=map
        A function with the interface of `map` that processes the parts of a batch.
    """

    noise = 32 * float(np.finfo(np.float32).eps)

    def __init__(
        self,
        energy: LearnedEnergy,
        loss: Loss,
        latent: Elimination,
        X: Array,
        answers: Array,
        weight: npt.NDArray[np.float64],
        rows: Index,
        negatives: RandomNegatives | None,
        workers: Callable[..., Any] = map,
    ) -> None:
        self.energy = energy
        self.loss = loss
        self.latent = latent
        self.X = X
        self.answers = answers
        self.row_weight = weight
        self.negatives = negatives
        self.workers = workers
        self.layout = ParameterLayout(energy.shapes(X.shape[1], answers.shape[1]))
        self.penalized = self.layout.mask(energy.penalized)
        self.penalty = np.zeros(self.layout.size)
        self.dtype = X.dtype
        self._take(rows)

    def _take(self, rows: Index) -> None:
        self.rows = rows
        # Solvers count positions; a position is one row of each member.
        self.y = rows[0]
        self.weight = self.row_weight[rows].mean(axis=0)

    def on_rows(self, rows: Index) -> DensityObjective:
        """Return the objective on other rows of the same data."""
        other = copy(self)
        other._take(rows)
        return other

    def unpenalized(self) -> DensityObjective:
        """Return the objective itself, which has no penalty; the solver uses weight decay."""
        return self

    def rounded(self) -> DensityObjective:
        """Return the objective with rows in float32."""
        if self.dtype == np.float32:
            return self
        other = copy(self)
        other.X = self.X.astype(np.float32)
        other.answers = np.clip(self.answers, -FARTHEST, FARTHEST).astype(np.float32)
        other.dtype = other.X.dtype
        return other

    def penalty_at(self, w: Array) -> float:
        """Zero, because there is no penalty."""
        return 0.0

    def _candidates(self, rows: Index, rng: np.random.Generator) -> Array:
        """Correct answers of rows (M, b), followed by the negatives: (M, b, m, q)."""
        right = self.answers[rows][:, :, None, :]
        return right if self.negatives is None else self.negatives.after(right, rng)

    def _losses(self, line: Any, weight: Array) -> tuple[float, Array]:
        """Weighted sum of the losses of all members, and slopes in G."""
        free, weights = self.latent(line.energies)
        energies = free.reshape(-1, free.shape[-1])
        if self.negatives is None:
            value, slope = energies[:, 0], np.ones_like(energies)
        else:
            correct = np.zeros(energies.shape, dtype=bool)
            correct[:, 0] = True
            value, slope = self.loss(energies, correct)
        flat = np.broadcast_to(weight, free.shape[:2]).reshape(-1)
        slope = slope * flat.astype(slope.dtype)[:, None]
        weights *= slope.reshape(free.shape)[..., None]
        return float(flat @ value.astype(np.float64)), weights

    def on_batch(
        self, params: Params, rows: Any, factor: float, energy: LearnedEnergy, gradient: Gradient
    ) -> float:
        """Compute factor · the mean over members of Σ wᵢ ℓᵢ, and write its gradient."""
        places = self.rows[:, rows]
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            line = energy._linearize(
                params, self.X[places], self._candidates(places, energy._chance())
            )
            weight = self.row_weight[places] * (factor / line.energies.shape[0])
            value, slope = self._losses(line, weight)
            if line.pullback_into is None:
                self.layout.pack(line.pullback(slope), out=gradient.vector)
            else:
                line.pullback_into(slope, gradient.params)
        return value

    def value(self, w: Array) -> float:
        """The objective, without noise, and with the same negatives each time."""
        params = self.layout.unpack(w.astype(self.dtype, copy=False))

        def of_block(part: slice) -> float:
            places = self.rows[:, part]
            with np.errstate(over="ignore", invalid="ignore", under="ignore"):
                candidates = self._candidates(places, np.random.default_rng(part.start))
                line = self.energy._linearize(params, self.X[places], candidates)
                weight = self.row_weight[places] / line.energies.shape[0]
                return self._losses(line, weight)[0]

        n_rows = self.rows.shape[1]
        size = max(BLOCK // max(self.energy.n_members, 1), 64)
        parts = [slice(first, min(first + size, n_rows)) for first in range(0, n_rows, size)]
        return float(sum(self.workers(of_block, parts)))
