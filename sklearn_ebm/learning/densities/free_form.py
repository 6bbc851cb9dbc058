r"""Learning of energies of any form, whose partition function is estimated.

.. code-block:: none

    params --energy--> F (n, 1 + m) --sampled loss--> value (n,)
    params <-pullback- dF           <-----slope------

The first answer of a sample is correct, and the others are drawn by `negatives`. Whatever the loss,
the objective at the end of a pass and the loss of held-out samples are the negative log-likelihood
with importance sampling: losses without a partition function do not tell when to stop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from sklearn_ebm._utils.parameters import Array, Index, Params
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.tiles import row_blocks
from sklearn_ebm.energies._free_form.proposal import MixtureProposal
from sklearn_ebm.energies._gaussian.units import Units
from sklearn_ebm.energies.free_form import FreeFormEnergy
from sklearn_ebm.learning.densities.objective import DensityObjective
from sklearn_ebm.losses.negatives._chains import Chains
from sklearn_ebm.losses.negatives.base import Batch, ModelNegatives
from sklearn_ebm.losses.negatives.importance import Importance
from sklearn_ebm.losses.sampled import SampledNLL
from sklearn_ebm.losses.sampled.base import SampledLoss
from sklearn_ebm.solvers.objective import Gradient

# Draws for the likelihood of held-out samples, and for the choice of β.
DRAWS_OF_VALUE, DRAWS_FOR_BETA = 32, 2_000

# Samples whose losses are computed at a time.
BLOCK = 128

# Longest gradient of the mean loss of a batch. Longer ones are scaled down.
LONGEST = 10.0

# Chains have diverged if their energies differ from those of correct answers by this for half of a
# batch; a few outliers do not count.
DIVERGED = 1e3

# Standard deviation of the difference of the losses of a sample after two passes, about. The steps
# are long until the end of the schedule, so the lowest of many held-out losses is low by chance.
NOISE = 0.3

# Random numbers of the held-out samples are the same after each pass, so that losses compare.
SEED = 0


class FreeFormObjective(DensityObjective):
    """The sum over samples of a loss of sampled answers.

    Parameters
    ----------
    energy, loss, X, answers, weight, rows, workers
        See `DensityObjective`; the loss is a `SampledLoss`.
    negatives : ModelNegatives
        Generates the wrong answers.
    """

    def __init__(
        self,
        energy: FreeFormEnergy,
        loss: SampledLoss,
        X: Array,
        answers: Array,
        weight: npt.NDArray[np.float64],
        rows: Index,
        negatives: ModelNegatives,
        workers: Callable[..., Any] = map,
    ) -> None:
        super().__init__(energy, loss, None, X, answers, weight, rows, None, workers)  # type: ignore[arg-type]
        self.sampled_loss = loss
        self.free_form = energy
        self.proposal: MixtureProposal = energy._standard_proposal(X).astype(X.dtype)
        self.source = negatives.begun(answers, answers.shape[1])

    def rounded(self) -> FreeFormObjective:
        """Return the objective with samples and proposal in float32."""
        other = super().rounded()
        assert isinstance(other, FreeFormObjective)
        if other is not self:
            other.proposal = self.proposal.astype(np.float32)
            other.source = self.source.begun(other.answers, other.answers.shape[1])
        return other

    def _batch(self, params: Params, places: Index, rng: np.random.Generator) -> Batch:
        """The samples with their proposal and their energies as functions of y."""
        X, right = self.X[places], self.answers[places]
        surface = self.free_form._standard_surface(params, X, right.shape[1])
        independent = self.sampled_loss.needs_independent_draws
        return Batch(X, right, self.proposal[places], surface, places, rng, independent)

    def on_batch(
        self, params: Params, rows: Any, factor: float, energy: Any, gradient: Gradient
    ) -> float:
        """Compute factor · Σ wᵢ ℓᵢ, and write its gradient; inf if the chains have diverged."""
        places = self.rows[0, rows]
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            batch = self._batch(params, places, energy._chance())
            drawn = self.source.draw(batch)
            line = energy._full(params, batch.X, drawn.answers)
            value, slope = self.sampled_loss(line.energies, drawn)
            if isinstance(self.source, Chains) and not np.median(abs(value)) < DIVERGED:
                self.source.restart()
                return np.inf
            weight = self.row_weight[places] * factor
            slope *= weight.astype(slope.dtype)[:, None]
            if line.pullback_into is None:
                self.layout.pack(line.pullback(slope), out=gradient.vector)
            else:
                line.pullback_into(slope, gradient.params)
            length = float(np.linalg.norm(gradient.vector))
            if length > LONGEST:
                gradient.vector *= LONGEST / length
        return float(weight @ value.astype(np.float64))

    def value(self, w: Array) -> float:
        """The negative log-likelihood, with the same draws each time."""
        params = self.layout.unpack(w.astype(self.dtype, copy=False))
        loss, source = SampledNLL(), Importance(DRAWS_OF_VALUE)

        def of_block(part: slice) -> float:
            places = self.rows[0, part]
            with np.errstate(over="ignore", invalid="ignore", under="ignore"):
                batch = self._batch(params, places, np.random.default_rng([SEED, part.start]))
                drawn = source.draw(batch._replace(independent=False))
                energies = batch.surface.energies(drawn.answers)
                value, _ = loss(energies, drawn)
                return float(self.row_weight[places] @ value.astype(np.float64))

        n_rows = self.rows.shape[1]
        parts = [slice(first, min(first + BLOCK, n_rows)) for first in range(0, n_rows, BLOCK)]
        return float(sum(self.workers(of_block, parts)))


def slack_of(n_samples: int) -> float:
    """Standard error of the difference of two held-out losses, in nats."""
    return NOISE / float(np.sqrt(n_samples))


class HeldOutPairs(NamedTuple):
    """Energies of held-out samples, at their answers and at draws, for the choice of β.

    Attributes
    ----------
    energies : ndarray of shape (n_samples,)
        Energies of the correct answers.
    at_draws, log_density : ndarray of shape (n_samples, m)
        Energies of answers drawn from the proposal, and its log-density.
    weight : ndarray of shape (n_samples,)
        Sample weights.
    """

    energies: Array
    at_draws: Array
    log_density: Array
    weight: npt.NDArray[np.float64]

    def log_prob(self, units: Units, beta: float = 1.0, *, minimum: bool = False) -> Array:
        """log p(y | x) of each sample."""
        log_weights = -beta * self.at_draws - self.log_density
        log_partition = logsumexp(log_weights, axis=1) - np.log(log_weights.shape[1])
        result: Array = -beta * self.energies - log_partition - units.log_unit
        return result


def held_out_pairs(energy: FreeFormEnergy, params: Params, rows: Rows) -> HeldOutPairs:
    """Compute the energies of held-out samples."""
    proposal, surface = energy._proposal(rows.X), energy._surface(params, rows.X)
    assert energy._units is not None
    n, q = len(rows.y), surface.n_outputs
    at_draws, log_density = np.empty((2, n, DRAWS_FOR_BETA))
    for part in row_blocks(n, DRAWS_FOR_BETA * (energy._width(q) + q**2)):
        some = proposal[part]
        drawn = some.draw(DRAWS_FOR_BETA, np.random.default_rng([SEED, part.start]))
        at_draws[part] = surface[part].energies(drawn)
        # The surface and the proposal are in the units of y; densities of standardised answers are
        # larger by the unit, which `log_prob` subtracts.
        log_density[part] = some._log_prob(drawn) + energy._units.log_unit
    of_right = surface.energies(rows.y[:, None])[:, 0]
    return HeldOutPairs(of_right, at_draws, log_density, rows.weight)
