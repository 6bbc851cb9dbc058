"""From parabolas in y to the Gibbs distribution of the answers.

.. code-block:: none

    exp(−β G_z(y)) = h_z exp(−½ ‖L_z⁻¹(y − μ_z)‖²),    G a parabola in y for each z

The free energy over z gives a mixture with weights h_z det L_z, the minimum over z the upper
envelope of the bumps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import logsumexp, softmax

from sklearn_ebm._utils.arrays import row_slices
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.distributions import GaussianMixture, VectorGaussianMixture
from sklearn_ebm.distributions.base import ConditionalDistribution
from sklearn_ebm.distributions.gaussian_envelope import GaussianEnvelope
from sklearn_ebm.distributions.reduction import reduced
from sklearn_ebm.distributions.vector_gaussian_envelope import VectorGaussianEnvelope
from sklearn_ebm.energies._gaussian.units import Units

LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)

# How many nats a component that is absent lies above one that is there: exp(−ABSENT) is 0.
ABSENT = 1e3


class Widths(NamedTuple):
    """A bank of widths, and how likely each of them is.

    Attributes
    ----------
    factors : ndarray of shape (w,)
    log_prior : ndarray of shape (w,)
    """

    factors: Array
    log_prior: Array

    @classmethod
    def single(cls, factor: float) -> Widths:
        """Return a bank of one width."""
        return cls(np.array([factor]), np.zeros(1))


class Quadratics(NamedTuple):
    """Energies ½ ‖L⁻¹(y − μ)‖² + level of each row and latent value, in units.

    Attributes
    ----------
    levels : ndarray of shape (n_samples, z)
        The lowest energy of each.
    means : ndarray of shape (n_samples, z, n_outputs)
        Where that is.
    factors : ndarray of shape (n_samples, z, n_outputs, n_outputs)
        L, lower triangular.
    """

    levels: Array
    means: Array
    factors: Array

    @classmethod
    def of_mixture(cls, weights: Array, means: Array, scales: Array) -> Quadratics:
        """Return −log of the terms of Σ_z w_z N(y; μ_z, diag s_z²).

        Parameters
        ----------
        weights : ndarray of shape (n_samples, z)
            0 is a component that is not there.
        means, scales : ndarray of shape (n_samples, z, n_outputs)

        Examples
        --------
        A Gaussian of standard deviation 1 has the energy (log 2π)/2 at its mean:

        >>> one = np.ones((1, 1, 1))
        >>> Quadratics.of_mixture(one[0], 0 * one, one).levels.round(4)
        array([[0.9189]])
        """
        q = means.shape[-1]
        with np.errstate(divide="ignore"):
            levels = np.log(scales).sum(axis=-1) + q * LOG_SQRT_2PI - np.log(weights)
        return cls(levels, means, scales[..., None] * np.eye(q))

    @classmethod
    def joined(cls, banks: Sequence[Quadratics], log_prior: Array) -> Quadratics:
        """Return the latent values of all of them side by side, each with its prior."""
        levels = [bank.levels - prior for bank, prior in zip(banks, log_prior, strict=True)]
        return cls(
            np.concatenate(levels, axis=1),
            np.concatenate([bank.means for bank in banks], axis=1),
            np.concatenate([bank.factors for bank in banks], axis=1),
        )

    @classmethod
    def stacked(cls, blocks: Sequence[Quadratics]) -> Quadratics:
        """Return the rows of all of them; where there are fewer latent values, absent ones."""
        depth = max(block.levels.shape[1] for block in blocks)
        return cls(
            *map(np.concatenate, zip(*(block._padded(depth) for block in blocks), strict=True))
        )

    def _padded(self, depth: int) -> Quadratics:
        n, z, q = self.means.shape
        if z == depth:
            return self
        levels = np.full((n, depth - z), np.inf)
        means = np.zeros((n, depth - z, q))
        factors = np.broadcast_to(np.eye(q), (n, depth - z, q, q))
        return Quadratics(
            np.concatenate([self.levels, levels], axis=1),
            np.concatenate([self.means, means], axis=1),
            np.concatenate([self.factors, factors], axis=1),
        )

    def in_units(self, units: Units) -> Quadratics:
        """Return the same energies of answers that were in ``units``, and are no longer."""
        return Quadratics(
            self.levels + units.log_unit,
            self.means * units.answer_unit + units.answer_origin,
            self.factors * units.answer_unit[:, None],
        )

    def moments(self) -> tuple[Array, Array]:
        """Mean and standard deviation of each answer at β = 1, (n, q) each."""
        masses = np.log(np.diagonal(self.factors, axis1=-2, axis2=-1)).sum(axis=-1) - self.levels
        shares = softmax(masses, axis=1)
        mean = np.einsum("nz,nzq->nq", shares, self.means)
        spread = np.square(self.factors).sum(axis=-1) + (self.means - mean[:, None]) ** 2
        return mean, np.sqrt(np.einsum("nz,nzq->nq", shares, spread))

    def reduced(self) -> Quadratics:
        """Return nearly the same normalised mixtures, with fewer components, of scalar answers."""
        if self.means.shape[-1] > 1:
            return self
        scales = self.factors[..., 0, 0]
        weights = np.exp(np.log(scales) + LOG_SQRT_2PI - self.levels)
        weights /= weights.sum(axis=1, keepdims=True)
        weights, means, scales = reduced(weights, self.means[..., 0], scales)
        return Quadratics.of_mixture(weights, means[..., None], scales[..., None])

    def take(self, rows: Any) -> Quadratics:
        """Return some of the rows."""
        return Quadratics(self.levels[rows], self.means[rows], self.factors[rows])

    def log_prob(self, y: Array) -> Array:
        """log Σ_z exp(−G(y)) of one answer of each row, (n, q) -> (n,): of normalised energies."""
        result = np.empty(len(y))
        for rows in row_slices(len(y), self.levels.shape[1] * (1 + y.shape[1])):
            result[rows] = logsumexp(-self.take(rows).energies(y[rows, None])[:, 0], axis=1)
        return result

    def widened(self, widths: Widths, floor: Array) -> Quadratics:
        """Return these with the width as one more latent value, (n, z·w).

        Parameters
        ----------
        widths : Widths
        floor : ndarray of shape (n_outputs,)
            Scales that are no longer narrowed.

        Examples
        --------
        Half of the probability raises the level of a bump by log 2, and twice the width as much:

        >>> one = np.ones((1, 1, 1, 1))
        >>> quadratics = Quadratics(np.zeros((1, 1)), np.zeros((1, 1, 1)), one)
        >>> widths = Widths(np.array([1.0, 2.0]), np.log([0.5, 0.5]))
        >>> wide = quadratics.widened(widths, np.zeros(1))
        >>> wide.levels.round(4), wide.factors.ravel()
        (array([[0.6931, 1.3863]]), array([1., 2.]))
        """
        n, _, q = self.means.shape
        diagonal = np.diagonal(self.factors, axis1=-2, axis2=-1)
        least = np.minimum((floor / diagonal).max(axis=-1), 1)
        factor = np.maximum(widths.factors, least[..., None])
        levels = self.levels[..., None] + q * np.log(factor) - widths.log_prior
        means = np.repeat(self.means, len(widths.factors), axis=1)
        factors = self.factors[:, :, None] * factor[..., None, None]
        return Quadratics(levels.reshape(n, -1), means, factors.reshape(n, -1, q, q))

    def energies(self, answers: Array) -> Array:
        """½ ‖L⁻¹(y − μ)‖² + level of answers (n, m, q), as (n, m, z)."""
        apart = answers[:, :, None, :] - self.means[:, None]
        if apart.shape[-1] == 1:
            unit = apart / self.factors[:, None, :, :, 0]
        else:
            unit = np.einsum("nzij,nmzj->nmzi", np.linalg.inv(self.factors), apart)
        result: Array = 0.5 * np.square(unit).sum(axis=-1) + self.levels[:, None]
        return result


def gibbs_law(
    quadratics: Quadratics, beta: float, units: Units, *, minimum: bool
) -> ConditionalDistribution:
    """Return exp(−βF(y))/Z in the units of the answers themselves.

    Parameters
    ----------
    quadratics : Quadratics
    beta : float
    units : Units
    minimum : bool
        Whether F is the minimum over z instead of the free energy at β.
    """
    levels, means, factors = (part.astype(np.float64, copy=False) for part in quadratics)
    means = means * units.answer_unit + units.answer_origin
    factors = factors * (units.answer_unit[:, None] / np.sqrt(beta))
    scalar = means.shape[-1] == 1
    if minimum:
        # What is absent in a row stands far above what is lowest, in the same place: so neither the
        # minimum nor what is drawn for it knows of components that only other rows have.
        absent = np.isinf(levels)
        if absent.any():
            row = np.arange(len(levels))[:, None]
            stands_in = np.where(absent, levels.argmin(axis=1)[:, None], np.arange(levels.shape[1]))
            levels, means, factors = (part[row, stands_in] for part in (levels, means, factors))
        heights = -beta * levels - ABSENT * absent
        if scalar:
            return GaussianEnvelope(heights, means[..., 0], factors[..., 0, 0])
        return VectorGaussianEnvelope(heights, means, factors)
    diagonals = np.diagonal(quadratics.factors, axis1=-2, axis2=-1)
    masses = np.log(diagonals).sum(axis=-1) - beta * levels
    weights = np.exp(masses - masses.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    if scalar:
        return GaussianMixture(weights, means[..., 0], factors[..., 0, 0])
    return VectorGaussianMixture(weights, means, factors)
