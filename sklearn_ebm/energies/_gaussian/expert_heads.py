r"""Energies of Gaussian experts, computed from the outputs of a network, and their derivatives.

.. code-block:: none

    u      = (e + B e)/σ,   e = y − μ,   B strictly lower triangular
    G      = ½ ‖u‖² + Σ log σ + (q/2) log 2π − log π
    σ²     = floor² + exp(2 s)
    π      = softmax(a)

The outputs of the network are a (K), μ (K q), s (K q) and, for a full covariance, the entries of B
below the diagonal. The latter are limited to ±`MAX_COUPLING`, which bounds the scale in every
direction from below.

The first axes of arrays are experts and outputs, which are few; the last is the row, so that array
operations are vectorised over rows.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np

from sklearn_ebm._utils.array_api import at_most, in_place, namespace_of
from sklearn_ebm._utils.array_ops import cast_like, in_plain_order, one_minus, summed, times_mask
from sklearn_ebm._utils.parameters import Array

LOG_2_PI = float(np.log(2 * np.pi))

# Largest logarithm of a scale, in standard deviations, and largest entry of B.
WIDEST = 2.0
MAX_COUPLING = 5.0


class Heads(NamedTuple):
    """Layout of the outputs of the network.

    Attributes
    ----------
    n_experts, n_outputs : int
        Numbers K of experts and q of outputs.
    full : bool
        Whether covariance matrices are full instead of diagonal.
    """

    n_experts: int
    n_outputs: int
    full: bool

    @property
    def n_pairs(self) -> int:
        """Number of entries of B below the diagonal."""
        return self.n_outputs * (self.n_outputs - 1) // 2 if self.full else 0

    @property
    def width(self) -> int:
        """Number of outputs of the network, K (1 + 2q + pairs)."""
        return self.n_experts * (1 + 2 * self.n_outputs + self.n_pairs)

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Row and column of the entries of B below the diagonal, row by row."""
        places = range(self.n_outputs if self.full else 0)
        return sorted((row, column) for column, row in combinations(places, 2))

    def split(self, values: Array) -> tuple[Array, Array, Array, Array]:
        """Split values (width, ...) into a (K, ...), μ and s (K, q, ...), and pairs (K, p, ...).

        In NumPy these are views.
        """
        k, q, rest = self.n_experts, self.n_outputs, values.shape[1:]
        xp = namespace_of(values)
        first, second, last = k, k * (1 + q), k * (1 + 2 * q)
        return (
            values[:first, ...],
            xp.reshape(values[first:second, ...], (k, q, *rest)),
            xp.reshape(values[second:last, ...], (k, q, *rest)),
            xp.reshape(values[last:, ...], (k, self.n_pairs, *rest)),
        )

    def join(self, *parts: Array) -> Array:
        """Join such parts to values (width, ...)."""
        xp = namespace_of(*parts)
        rest = parts[0].shape[1:]
        result: Array = xp.concat([xp.reshape(part, (-1, *rest)) for part in parts])
        return result

    def start_bias(self, n_members: int, rng: np.random.RandomState) -> Array:
        """Initial outputs: experts with means spread over the range of the answers."""
        values = np.zeros((self.width, n_members))
        _, means, raw, _ = self.split(values)
        spread = (np.arange(self.n_experts) + 0.5) / self.n_experts * 2 - 1
        for output in range(self.n_outputs):
            for member in range(n_members):
                means[:, output, member] = rng.permutation(spread) if output else spread
        raw[...] = np.log(0.7)
        return np.ascontiguousarray(values.T)


class Gaussians:
    """Gaussian experts for several rows.

    Parameters
    ----------
    heads : Heads
        Layout of the outputs of the network.
    values : array of shape (M, n_samples, width)
        Outputs of the network.
    floor : ndarray of shape (n_outputs,)
        Smallest scales.

    Attributes
    ----------
    log_prior : array of shape (K, M, n_samples)
        log π.
    means, scales : array of shape (K, n_outputs, M, n_samples)
        μ and σ.
    """

    def __init__(self, heads: Heads, values: Array, floor: Array) -> None:
        self.heads = heads
        self.xp = xp = namespace_of(values)
        values = in_plain_order(xp, xp.permute_dims(values, (2, 0, 1)))
        logits, self.means, raw, pairs = heads.split(values)
        shifted = logits - xp.max(logits, axis=0)
        self.prior = xp.exp(shifted)
        total = summed(xp, self.prior, 0)
        self.prior = self.prior / total
        self.log_prior = shifted - xp.log(total)
        variance = at_most(xp, raw, WIDEST) * 2
        variance = in_place(xp, "exp", variance)
        total = variance + cast_like(xp, np.square(floor)[:, None, None], values)
        variance /= total
        # The learned fraction of the variance, which is ∂ log σ/∂s.
        self.share = times_mask(xp, variance, raw < WIDEST)
        self.scales = in_place(xp, "sqrt", total)
        self.coupling = xp.tanh(pairs / MAX_COUPLING) if heads.full else None

    def quadratics(self) -> tuple[Array, Array, Array]:
        """Levels (n, M, K), means (n, M, K, q) and factors (n, M, K, q, q), in NumPy."""
        levels, means = self.levels().transpose(2, 1, 0), self.means.transpose(3, 2, 0, 1)
        return levels, means, self._factors()

    def _factors(self) -> Array:
        """Return (I + B)⁻¹ diag σ, lower factors of the covariance matrices."""
        scales = self.scales.transpose(3, 2, 0, 1)
        if self.coupling is None:
            return scales[..., None] * np.eye(self.heads.n_outputs)
        mixing = np.zeros((*scales.shape, self.heads.n_outputs), dtype=scales.dtype)
        mixing += np.eye(self.heads.n_outputs, dtype=scales.dtype)
        for place, (row, column) in enumerate(self.heads.pairs):
            mixing[..., row, column] = MAX_COUPLING * self.coupling[:, place].transpose(2, 1, 0)
        return np.tril(np.linalg.inv(mixing)) * scales[..., None, :]

    def levels(self) -> Array:
        """G at y = μ, (K, M, n)."""
        level = summed(self.xp, self.xp.log(self.scales), 1) - self.log_prior
        level += 0.5 * self.heads.n_outputs * LOG_2_PI
        return level

    def energies(self, answers: Array) -> Array:
        """G of answers (M or 1, n, m, q), as (M, n, m, K)."""
        xp = self.xp
        answers = in_plain_order(xp, xp.permute_dims(answers, (3, 0, 1, 2)))
        self.residual = answers - self.means[..., None]
        self.unit = self._coupled(self.residual) / self.scales[..., None]
        result = summed(xp, xp.square(self.unit), 1)
        result *= 0.5
        result += self.levels()[..., None]
        return xp.permute_dims(result, (1, 2, 3, 0))

    def _coupled(self, residual: Array) -> Array:
        """(I + B) e of e (K, q, M, n, m)."""
        if self.coupling is None:
            return residual
        result = [residual[:, output, ...] for output in range(self.heads.n_outputs)]
        for place, (row, column) in enumerate(self.heads.pairs):
            factor = MAX_COUPLING * self.coupling[:, place, ..., None]
            result[row] = result[row] + factor * residual[:, column, ...]
        return self.xp.stack(result, axis=1)

    def _coupled_back(self, slope: Array) -> Array:
        """(I + B)ᵀ of slopes (K, q, M, n)."""
        if self.coupling is None:
            return slope
        result = [slope[:, output, ...] for output in range(self.heads.n_outputs)]
        for place, (row, column) in enumerate(self.heads.pairs):
            factor = MAX_COUPLING * self.coupling[:, place, ...]
            result[column] = result[column] + factor * slope[:, row, ...]
        return self.xp.stack(result, axis=1)

    def slopes(self, slope: Array) -> Array:
        """Derivatives in the outputs of the network (M, n, width), from those in G (M, n, m, K)."""
        xp = self.xp
        slope = in_plain_order(xp, xp.permute_dims(slope, (3, 0, 1, 2)))
        total = summed(xp, slope, -1)
        in_logits = self.prior * summed(xp, total, 0)
        in_logits -= total
        pull = slope[:, None, ...] * self.unit
        in_raw = total[:, None, ...] - summed(xp, pull * self.unit, -1)
        in_raw *= self.share
        pull /= self.scales[..., None]
        parts = [in_logits, -self._coupled_back(summed(xp, pull, -1)), in_raw]
        if self.coupling is not None:
            in_pairs = [
                summed(xp, pull[:, row, ...] * self.residual[:, column, ...], -1)
                for row, column in self.heads.pairs
            ]
            stacked = xp.stack(in_pairs, axis=1)
            stacked *= one_minus(xp, xp.square(self.coupling))
            parts.append(stacked)
        return xp.permute_dims(self.heads.join(*parts), (1, 2, 0))
