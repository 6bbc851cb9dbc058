"""Energies that are quadratic in y, and their Gibbs distributions.

.. code-block:: none

    exp(−β G_z(y)) = h_z exp(−½ ‖L_z⁻¹(y − μ_z)‖²)

If z is eliminated by the free energy, the distribution is a mixture of Gaussians with weights
proportional to h_z det L_z. If it is eliminated by the minimum, the density is proportional to the
maximum of the Gaussians, their upper envelope.
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

# Energy of a missing component above the lowest one, in nats; exp(−ABSENT) is 0.
ABSENT = 1e3


class Widths(NamedTuple):
    """Factors of the scales of all components, with a prior.

    Attributes
    ----------
    factors : ndarray of shape (n_widths,)
        The factors.
    log_prior : ndarray of shape (n_widths,)
        Logarithms of their prior probabilities.
    """

    factors: Array
    log_prior: Array

    @classmethod
    def single(cls, factor: float) -> Widths:
        """Return a single factor with the probability 1."""
        return cls(np.array([factor]), np.zeros(1))


class Quadratics(NamedTuple):
    """Energies ½ ‖L⁻¹(y − μ)‖² + level, quadratic in y, for each sample and latent value.

    Attributes
    ----------
    levels : ndarray of shape (n_samples, n_latents)
        The smallest energy of each latent value.
    means : ndarray of shape (n_samples, n_latents, n_outputs)
        The answer μ at which it is reached, in standard deviations.
    factors : ndarray of shape (n_samples, n_latents, n_outputs, n_outputs)
        Lower triangular factors L of the covariance matrices, in standard deviations.
    """

    levels: Array
    means: Array
    factors: Array

    @classmethod
    def of_mixture(cls, weights: Array, means: Array, scales: Array) -> Quadratics:
        """Return the energies of a mixture, −log of the terms of Σ_z w_z N(y; μ_z, diag s_z²).

        Parameters
        ----------
        weights : ndarray of shape (n_samples, n_latents)
            Mixing weights; 0 marks a missing component.
        means, scales : ndarray of shape (n_samples, n_latents, n_outputs)
            Means and standard deviations.

        Returns
        -------
        Quadratics
            The energies.

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
        """Concatenate the latent values of several banks, and add the prior of each bank."""
        levels = [bank.levels - prior for bank, prior in zip(banks, log_prior, strict=True)]
        return cls(
            np.concatenate(levels, axis=1),
            np.concatenate([bank.means for bank in banks], axis=1),
            np.concatenate([bank.factors for bank in banks], axis=1),
        )

    @classmethod
    def stacked(cls, blocks: Sequence[Quadratics]) -> Quadratics:
        """Concatenate the rows of blocks, with missing components if latent values are fewer."""
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
        """Convert energies of standardised answers to answers in their own units.

        Parameters
        ----------
        units : Units
            Means and standard deviations of the answers.

        Returns
        -------
        Quadratics
            The same energies, with an offset that keeps them normalised.
        """
        return Quadratics(
            self.levels + units.log_unit,
            self.means * units.answer_unit + units.answer_origin,
            self.factors * units.answer_unit[:, None],
        )

    def moments(self) -> tuple[Array, Array]:
        """Mean and standard deviation of each output at β = 1, (n, q) each."""
        masses = np.log(np.diagonal(self.factors, axis1=-2, axis2=-1)).sum(axis=-1) - self.levels
        weights = softmax(masses, axis=1)
        mean = np.einsum("nz,nzq->nq", weights, self.means)
        spread = np.square(self.factors).sum(axis=-1) + (self.means - mean[:, None]) ** 2
        return mean, np.sqrt(np.einsum("nz,nzq->nq", weights, spread))

    def reduced(self) -> Quadratics:
        """Approximate normalised mixtures by fewer components, if there is a single output."""
        if self.means.shape[-1] > 1:
            return self
        scales = self.factors[..., 0, 0]
        weights = np.exp(np.log(scales) + LOG_SQRT_2PI - self.levels)
        weights /= weights.sum(axis=1, keepdims=True)
        weights, means, scales = reduced(weights, self.means[..., 0], scales)
        return Quadratics.of_mixture(weights, means[..., None], scales[..., None])

    def take(self, rows: Any) -> Quadratics:
        """Select samples.

        Parameters
        ----------
        rows : ndarray of int or bool, or slice
            The samples.

        Returns
        -------
        Quadratics
            Energies of these samples.
        """
        return Quadratics(self.levels[rows], self.means[rows], self.factors[rows])

    def log_prob(self, y: Array) -> Array:
        """Compute log p(y) = log Σ_z exp(−G(y)) of normalised energies.

        Parameters
        ----------
        y : ndarray of shape (n_samples, n_outputs)
            One standardised answer of each sample.

        Returns
        -------
        ndarray of shape (n_samples,)
            Log-densities, in nats.
        """
        result = np.empty(len(y))
        for rows in row_slices(len(y), self.levels.shape[1] * (1 + y.shape[1])):
            result[rows] = logsumexp(-self.take(rows).energies(y[rows, None])[:, 0], axis=1)
        return result

    def widened(self, widths: Widths, floor: Array) -> Quadratics:
        """Add the width as another latent variable.

        Parameters
        ----------
        widths : Widths
            Factors of the scales, with a prior.
        floor : ndarray of shape (n_outputs,)
            Smallest scale of each output; a factor does not reduce a scale below it.

        Returns
        -------
        Quadratics
            Energies with n_latents · n_widths latent values.

        Examples
        --------
        A prior of ½ increases the level by log 2, and so does doubling the width:

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
        """Compute the energies of answers.

        Parameters
        ----------
        answers : ndarray of shape (n_samples, m, n_outputs)
            The m standardised answers of each sample.

        Returns
        -------
        ndarray of shape (n_samples, m, n_latents)
            Energies.
        """
        residual = answers[:, :, None, :] - self.means[:, None]
        if residual.shape[-1] == 1:
            standardized = residual / self.factors[:, None, :, :, 0]
        else:
            standardized = np.einsum("nzij,nmzj->nmzi", np.linalg.inv(self.factors), residual)
        result: Array = 0.5 * np.square(standardized).sum(axis=-1) + self.levels[:, None]
        return result


def gibbs_law(
    quadratics: Quadratics, beta: float, units: Units, *, minimum: bool
) -> ConditionalDistribution:
    """Return the Gibbs distribution exp(−βF(y))/Z, in the units of y.

    Parameters
    ----------
    quadratics : Quadratics
        Energies of standardised answers.
    beta : float
        Inverse temperature β.
    units : Units
        Means and standard deviations of the answers.
    minimum : bool
        Whether F is the minimum over z instead of the free energy at β.

    Returns
    -------
    ConditionalDistribution
        One distribution for each sample.
    """
    levels, means, factors = (part.astype(np.float64, copy=False) for part in quadratics)
    means = means * units.answer_unit + units.answer_origin
    factors = factors * (units.answer_unit[:, None] / np.sqrt(beta))
    scalar = means.shape[-1] == 1
    if minimum:
        # A missing component of a row is replaced by a copy of the lowest one, with a much higher
        # energy, so that it affects neither the minimum nor draws.
        absent = np.isinf(levels)
        if absent.any():
            row = np.arange(len(levels))[:, None]
            lowest = levels.argmin(axis=1)[:, None]
            replacement = np.where(absent, lowest, np.arange(levels.shape[1]))
            levels, means, factors = (part[row, replacement] for part in (levels, means, factors))
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
