"""From parabolas in y to the Gibbs law of the answers.

.. code-block:: none

    exp(−β G_z(y)) = h_z exp(−½ ‖L_z⁻¹(y − μ_z)‖²),    G a parabola in y for each z

The free energy over z gives a mixture with weights h_z det L_z, the minimum over z the upper
envelope of the bumps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sklearn_ebm._params import Array
from sklearn_ebm.distributions import (
    ConditionalDistribution,
    GaussianEnvelope,
    GaussianMixture,
    VectorGaussianEnvelope,
    VectorGaussianMixture,
)
from sklearn_ebm.energies.units import Units


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


class Parabolas(NamedTuple):
    """Energies ½ ‖L⁻¹(y − μ)‖² + level of each row and latent value, in units.

    Attributes
    ----------
    levels : ndarray of shape (n, z)
        The lowest energy of each.
    means : ndarray of shape (n, z, q)
        Where that is.
    factors : ndarray of shape (n, z, q, q)
        L, lower triangular.
    """

    levels: Array
    means: Array
    factors: Array

    def widened(self, widths: Widths, floor: Array) -> Parabolas:
        """Return these with the width as one more latent value, (n, z·w).

        Parameters
        ----------
        widths : Widths
        floor : ndarray of shape (q,)
            Scales that are no longer narrowed.

        Examples
        --------
        Half of the probability raises the level of a bump by log 2, and twice the width as much:

        >>> one = np.ones((1, 1, 1, 1))
        >>> parabolas = Parabolas(np.zeros((1, 1)), np.zeros((1, 1, 1)), one)
        >>> widths = Widths(np.array([1.0, 2.0]), np.log([0.5, 0.5]))
        >>> wide = parabolas.widened(widths, np.zeros(1))
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
        return Parabolas(levels.reshape(n, -1), means, factors.reshape(n, -1, q, q))

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
    parabolas: Parabolas, beta: float, units: Units, *, minimum: bool
) -> ConditionalDistribution:
    """Return exp(−βF(y))/Z in the units of the answers themselves.

    Parameters
    ----------
    parabolas : Parabolas
    beta : float
    units : Units
    minimum : bool
        Whether F is the minimum over z instead of the free energy at β.
    """
    levels, means, factors = (part.astype(np.float64) for part in parabolas)
    means = means * units.answer_unit + units.answer_origin
    factors = factors * (units.answer_unit[:, None] / np.sqrt(beta))
    scalar = means.shape[-1] == 1
    if minimum:
        heights = -beta * levels
        if scalar:
            return GaussianEnvelope(heights, means[..., 0], factors[..., 0, 0])
        return VectorGaussianEnvelope(heights, means, factors)
    diagonals = np.diagonal(parabolas.factors, axis1=-2, axis2=-1)
    masses = np.log(diagonals).sum(axis=-1) - beta * levels
    weights = np.exp(masses - masses.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    if scalar:
        return GaussianMixture(weights, means[..., 0], factors[..., 0, 0])
    return VectorGaussianMixture(weights, means, factors)
