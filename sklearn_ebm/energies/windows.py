r"""Energies of the windows of a decoder, and their slopes.

.. code-block:: none

    e, A in deviations σ of the noise
    M   = I + AᵀA,  a = Aᵀe
    G   = ½ (‖e − A M⁻¹a‖² + ‖M⁻¹a‖²) + ½ log det M + Σ log σ + (q/2) log 2π − log p(z)

    v   = e − A M⁻¹a                 the slope in e
    A M⁻¹ − v (M⁻¹a)ᵀ                the slope in A
"""

from __future__ import annotations

import numpy as np

from sklearn_ebm._params import Array
from sklearn_ebm.energies.gaussians import LOG_2_PI
from sklearn_ebm.energies.latent_spaces import LatentSpace


class Windows:
    """Windows around the decoder's answers of some rows.

    Parameters
    ----------
    space : LatentSpace
    answers : ndarray of shape (M, n, z, q)
        The decoder's.
    scales : ndarray of shape (M, q)
        σ of the noise.
    """

    def __init__(self, space: LatentSpace, answers: Array, scales: Array) -> None:
        self.space = space
        self.means = answers
        self.scales = scales[:, None, None, :]
        self.tangents = space.tangents(answers)
        self.tangents /= self.scales[..., None]
        product = np.einsum("anzqp,anzqr->anzpr", self.tangents, self.tangents, optimize=True)
        product[..., range(product.shape[-1]), range(product.shape[-1])] += 1
        self.inverse, self.determinant = _inverse(product)

    def levels(self) -> Array:
        """G at the decoder's answers, (M, n, z)."""
        n_outputs = self.means.shape[-1]
        level: Array = 0.5 * np.log(self.determinant)
        level += np.log(self.scales).sum(axis=-1) + 0.5 * n_outputs * LOG_2_PI
        level -= self.space.log_prior.astype(level.dtype)
        return level

    def energies(self, answers: Array) -> Array:
        """G of answers (M or 1, n, m, q), as (M, n, m, z)."""
        apart = answers[:, :, :, None, :] - self.means[:, :, None]
        apart /= self.scales[:, :, None]
        along = np.einsum("anzqp,anmzq->anmzp", self.tangents, apart)
        self.along = np.einsum("anzpr,anmzr->anmzp", self.inverse, along)
        self.across = apart - np.einsum("anzqp,anmzp->anmzq", self.tangents, self.along)
        self.apart = apart
        # The same as ‖e‖² − aᵀM⁻¹a, but a sum: nothing is lost, however thin the noise.
        result = np.square(self.across).sum(axis=-1)
        result += np.square(self.along).sum(axis=-1)
        result *= 0.5
        return result + self.levels()[:, :, None]

    def slopes(self, slope: Array) -> tuple[Array, Array]:
        """Slopes in the decoder's answers (M, n, z, q) and in log σ (M, q).

        Parameters
        ----------
        slope : ndarray of shape (M, n, m, z)
        """
        pull = slope[..., None] * self.across
        total = slope.sum(axis=2)
        in_tangents = np.einsum("anzqp,anzpr->anzqr", self.tangents, self.inverse)
        in_tangents *= total[..., None, None]
        in_tangents -= np.einsum("anmzq,anmzp->anzqp", pull, self.along)
        in_scales = total.sum(axis=(1, 2))[:, None] - (pull * self.apart).sum(axis=(1, 2, 3))
        in_scales -= (in_tangents * self.tangents).sum(axis=(1, 2, 4))
        in_tangents /= self.scales[..., None]
        in_answers = self.space.pullback(in_tangents)
        in_answers -= pull.sum(axis=2) / self.scales
        return in_answers, in_scales

    def factors(self) -> Array:
        """Lower factors of the covariances of the windows, (M, n, z, q, q)."""
        covariance = np.einsum("anzqp,anzrp->anzqr", self.tangents, self.tangents)
        diagonal = range(covariance.shape[-1])
        covariance[..., diagonal, diagonal] += 1
        return np.linalg.cholesky(covariance) * self.scales[..., None]


def _inverse(matrix: Array) -> tuple[Array, Array]:
    """Inverse and determinant of many matrices of one or two rows."""
    if matrix.shape[-1] == 1:
        return 1 / matrix, matrix[..., 0, 0]
    a, b, d = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 1]
    # det(I + AᵀA) = 1 + ‖A‖² + det AᵀA, of which the last is lost where the columns are parallel.
    determinant = a + d - 1 + np.maximum((a - 1) * (d - 1) - b * b, 0)
    inverse = np.empty_like(matrix)
    inverse[..., 0, 0], inverse[..., 1, 1] = d, a
    inverse[..., 0, 1] = inverse[..., 1, 0] = -b
    inverse /= determinant[..., None, None]
    return inverse, determinant
