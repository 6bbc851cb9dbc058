"""The prior of a bank, from densities of held-out rows (density stacking)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm.energies._gaussian.quadratics import Quadratics

# Iterations of expectation maximisation.
ROUNDS = 300

# Every ROUNDS_BETWEEN iterations, elements with a prior below VANISHED are removed.
ROUNDS_BETWEEN, VANISHED = 25, 1e-7

# Elements with a smaller prior are removed at the end.
LEAST_PRIOR = 1e-3


class HeldOutDensities(NamedTuple):
    """Densities of the elements of a bank at held-out rows.

    Attributes
    ----------
    log_density : ndarray of shape (m, B)
        Log-density of the answer of each row for each element, in standard deviations.
    weight : ndarray of shape (m,)
        Sample weights.
    least : ndarray of shape (B,)
        Smallest prior of each element.
    """

    log_density: Array
    weight: npt.NDArray[np.float64]
    least: Array

    def of(self, places: Index) -> HeldOutDensities:
        """Select elements."""
        return HeldOutDensities(self.log_density[:, places], self.weight, self.least[places])

    def held_out(self, places: Index, groups: Index) -> Array:
        """log p(y | x) of each row, with the prior of elements learned from the other groups."""
        part, result = self.of(places), np.empty(len(self.weight))
        for group in np.unique(groups):
            mine = groups == group
            rest = HeldOutDensities(part.log_density[~mine], part.weight[~mine], part.least)
            log_prior, _ = rest.prior() if len(rest.weight) else part.prior()
            result[mine] = logsumexp(part.log_density[mine] + log_prior, axis=1)
        return result

    def prior(self) -> tuple[Array, Array]:
        """Return the log prior of maximum likelihood, and the loss in each iteration."""
        log_prior, curve = most_likely_prior(self.log_density, self.weight, self.least)
        small = (np.exp(log_prior) < LEAST_PRIOR) & (self.least == 0)
        if small.any() and not small.all():
            kept = np.flatnonzero(~small)
            log_prior[small] = -np.inf
            log_prior[kept], curve = most_likely_prior(
                self.log_density[:, kept], self.weight, self.least[kept]
            )
        return log_prior, curve

    def loss(self, places: Index) -> float:
        """Mean −log p(y | x) of the rows with the prior of maximum likelihood of some elements."""
        return float(self.of(places).prior()[1][-1])


def most_likely_prior(
    log_density: Array,
    weight: npt.NDArray[np.float64],
    least: Array,
    rounds: int = ROUNDS,
    counted: Array | float = 0.0,
) -> tuple[Array, Array]:
    """Maximise the likelihood of held-out rows over the prior ρ, by expectation maximisation.

    Parameters
    ----------
    log_density : ndarray of shape (m, B)
        log p_b(y | x) of each row.
    weight : ndarray of shape (m,)
        Sample weights.
    least : ndarray of shape (B,)
        Smallest prior of each element.
    rounds : int
        Number of iterations.
    counted : ndarray of shape (B,), default=0.0
        Pseudo-counts of the elements, in rows.

    Returns
    -------
    log_prior : ndarray of shape (B,)
        log ρ.
    curve : ndarray of shape (rounds,)
        Mean negative log-likelihood before each iteration, in nats.

    Examples
    --------
    The first element has the larger density at three of four rows. The derivative of
    Σ log Σ_b ρ_b p_b is zero if 3/(1 + ρ₁) = 3/(4 − 3ρ₁), at ρ₁ = ¾:

    >>> log_density = np.log([[0.4, 0.2], [0.4, 0.2], [0.4, 0.2], [0.1, 0.4]])
    >>> log_prior, _ = most_likely_prior(log_density, np.ones(4), np.zeros(2))
    >>> np.exp(log_prior).round(4)
    array([0.75, 0.25])
    """
    # Rows with zero density under every component contribute nothing.
    log_density = np.maximum(log_density, np.finfo(np.float64).min)
    highest = log_density.max(axis=1)
    likelihood = np.exp(log_density - highest[:, None]) + np.finfo(np.float64).tiny
    before = np.broadcast_to(counted, log_density.shape[1]) / weight.sum()
    weight = weight / weight.sum()
    active = np.arange(log_density.shape[1])
    prior, curve = np.full(len(active), 1 / len(active)), np.empty(rounds)
    for step in range(rounds):
        if step % ROUNDS_BETWEEN == ROUNDS_BETWEEN - 1:
            alive = (prior > VANISHED) | (least[active] > 0) | (before[active] > 0)
            active, prior, likelihood = active[alive], prior[alive], likelihood[:, alive]
        total = likelihood @ prior
        curve[step] = -float(weight @ (np.log(total) + highest))
        prior = prior * ((weight / total) @ likelihood) + before[active]
        prior /= prior.sum()
    every = np.zeros(log_density.shape[1])
    every[active] = prior
    every = np.maximum(every, least)
    with np.errstate(divide="ignore"):
        return np.log(every / every.sum()), curve


def bank_of(elements: Sequence[Quadratics], y: Array) -> Array:
    """log p_b(y | x) of the answer of each row for each element, (m, B)."""
    return np.column_stack([element.log_prob(y) for element in elements])
