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
