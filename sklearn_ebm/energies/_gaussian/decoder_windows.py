r"""Energies of the components of a decoder ("windows"), and their derivatives.

.. code-block:: none

    e, A in standard deviations σ of the noise
    M   = I + AᵀA,  a = Aᵀe
    G   = ½ (‖e − A M⁻¹a‖² + ‖M⁻¹a‖²) + ½ log det M + Σ log σ + (q/2) log 2π − log p(z)

    v   = e − A M⁻¹a                 the slope in e
    A M⁻¹ − v (M⁻¹a)ᵀ                the slope in A

The first axis of arrays is the output; A and a are lists of their columns.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from sklearn_ebm._utils.array_api import at_least, namespace_of
from sklearn_ebm._utils.array_ops import cast_like, in_plain_order, inner, summed
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.energies._gaussian.expert_heads import LOG_2_PI
from sklearn_ebm.energies._gaussian.latent_spaces import LatentSpace

#: Entries of many matrices, on and below the diagonal.
Symmetric: TypeAlias = dict[tuple[int, int], Array]


class Windows:
    """Gaussian components around the outputs of the decoder, for several rows.

    Parameters
    ----------
    space : LatentSpace
        The space of z.
    answers : array of shape (M, n_samples, n_points, n_outputs)
        Outputs of the decoder.
    scales : array of shape (M, n_outputs)
        σ of the noise.
    """

    def __init__(self, space: LatentSpace, answers: Array, scales: Array) -> None:
        self.space = space
        self.xp = xp = namespace_of(answers)
        answers = in_plain_order(xp, xp.permute_dims(answers, (3, 0, 1, 2)))
        self.means, tangents = space.windows(answers)
        self.scales = xp.permute_dims(scales, (1, 0))[:, :, None, None]
        self.tangents = [tangent / self.scales for tangent in tangents]
        gram = {
            (one, other): inner(self.tangents[one], self.tangents[other])
            for one in range(len(tangents))
            for other in range(one + 1)
        }
        for number in range(len(tangents)):
            gram[number, number] += 1
        self.inverse, self.log_determinant = _inverse(xp, gram, len(tangents))

    def levels(self) -> Array:
        """G at the outputs of the decoder, (M, n, z)."""
        xp, n_outputs = self.xp, self.means.shape[0]
        level = 0.5 * self.log_determinant
        level += xp.sum(xp.log(self.scales), axis=0) + 0.5 * n_outputs * LOG_2_PI
        level -= cast_like(xp, self.space.log_prior, level)
        return level

    def energies(self, answers: Array) -> Array:
        """G of answers (M or 1, n, m, q), as (M, n, m, z)."""
        xp = self.xp
        answers = xp.permute_dims(answers, (3, 0, 1, 2))
        residual = answers[..., None] - self.means[:, :, :, None, :]
        residual /= self.scales[..., None]
        tangent_part = [inner(tangent[:, :, :, None, :], residual) for tangent in self.tangents]
        inverse = {place: part[:, :, None, :] for place, part in self.inverse.items()}
        self.tangent_part = _product(inverse, tangent_part)
        self.residual = normal_part = residual
        for tangent, solved in zip(self.tangents, self.tangent_part, strict=True):
            normal_part = normal_part - tangent[:, :, :, None, :] * solved
        self.normal_part = normal_part
        # Equal to ‖e‖² − aᵀM⁻¹a, but without cancellation if the noise is small.
        result = inner(normal_part, normal_part)
        for solved in self.tangent_part:
            result += xp.square(solved)
        result *= 0.5
        result += self.levels()[:, :, None, :]
        return result

    def slopes(self, slope: Array) -> tuple[Array, Array]:
        """Derivatives in the outputs of the decoder (M, n, n_points, q) and in log σ (M, q).

        Parameters
        ----------
        slope : array of shape (M, n_samples, m, n_latents)
            Derivatives in G.
        """
        xp = self.xp
        pull = slope * self.normal_part
        total = summed(xp, slope, 2)
        in_scales = xp.sum(total, axis=(1, 2)) - xp.sum(pull * self.residual, axis=(2, 3, 4))
        in_tangents = _product(self.inverse, self.tangents)
        for place, (tangent, tangent_part) in enumerate(
            zip(self.tangents, self.tangent_part, strict=True)
        ):
            part = in_tangents[place]
            part *= total
            part -= summed(xp, pull * tangent_part, 3)
            in_scales -= xp.sum(part * tangent, axis=(2, 3))
            part /= self.scales
            in_tangents[place] = part
        in_middles = -summed(xp, pull, 3) / self.scales
        in_answers = self.space.pullback(in_middles, in_tangents)
        return xp.permute_dims(in_answers, (1, 2, 3, 0)), xp.permute_dims(in_scales, (1, 0))

    def quadratics(self) -> tuple[Array, Array, Array]:
        """Levels (n, M, z), means (n, M, z, q) and factors (n, M, z, q, q), in NumPy."""
        tangents = np.stack(self.tangents, axis=-1).transpose(2, 1, 3, 0, 4)
        covariance = tangents @ tangents.swapaxes(-1, -2) + np.eye(len(self.means))
        scales = self.scales.transpose(2, 1, 3, 0)[..., None]
        factors = np.linalg.cholesky(covariance) * scales
        return self.levels().swapaxes(0, 1), self.means.transpose(2, 1, 3, 0), factors


def _product(matrix: Symmetric, parts: list[Array]) -> list[Array]:
    """Products of symmetric matrices and vectors."""
    result = list[Array]()
    for row in range(len(parts)):
        total: Array = matrix[row, 0] * parts[0]
        for column in range(1, len(parts)):
            total += matrix[max(row, column), min(row, column)] * parts[column]
        result.append(total)
    return result


def _inverse(xp: Any, matrix: Symmetric, size: int) -> tuple[Symmetric, Array]:
    """Inverse and log det of positive definite matrices, by the sweep operator (Goodnight 1979).

    It needs few array operations, each for all matrices.
    """
    matrix, logs = dict(matrix), []
    for k in range(size):
        # A pivot of I + AᵀA is at least 1; rounding may decrease it if columns are similar.
        pivot = at_least(xp, matrix[k, k], 1.0) if k else matrix[k, k]
        logs.append(xp.log(pivot))
        column = [matrix[max(k, i), min(k, i)] for i in range(size)]
        for i in range(size):
            for j in range(i + 1):
                if k not in (i, j):
                    matrix[i, j] = matrix[i, j] - column[i] * column[j] / pivot
                elif i != j:
                    matrix[i, j] = matrix[i, j] / pivot
        matrix[k, k] = -1 / pivot
    return {place: -part for place, part in matrix.items()}, sum(logs[1:], start=logs[0])
