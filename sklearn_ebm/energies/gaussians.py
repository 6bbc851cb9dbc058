r"""Energies of Gaussian experts, and their slopes, from what the heads of a network say.

.. code-block:: none

    u      = (e + B e)/σ,   e = y − μ,   B strictly lower triangular
    G      = ½ ‖u‖² + Σ log σ + (q/2) log 2π − log π
    σ²     = floor² + exp(2 s)
    π      = softmax(a)

The heads give a (K), μ (K q), s (K q) and, for a full covariance, the entries of B below the
diagonal, each limited to ±`STEEPEST`, so that no direction is narrower than a share of the floor.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sklearn_ebm._params import Array

LOG_2_PI = float(np.log(2 * np.pi))

# Logarithms of scales beyond this, in units, are held there; and entries of B.
WIDEST = 2.0
STEEPEST = 5.0


class Heads(NamedTuple):
    """How many numbers the heads give, and what they are.

    Attributes
    ----------
    n_experts, n_outputs : int
        K and q.
    full : bool
        Whether covariances have more than a diagonal.
    """

    n_experts: int
    n_outputs: int
    full: bool

    @property
    def n_pairs(self) -> int:
        """Entries of B below the diagonal."""
        return self.n_outputs * (self.n_outputs - 1) // 2 if self.full else 0

    @property
    def width(self) -> int:
        """K (1 + 2q + pairs)."""
        return self.n_experts * (1 + 2 * self.n_outputs + self.n_pairs)

    def split(self, values: Array) -> tuple[Array, Array, Array, Array]:
        """Views of a (..., K), μ and s (..., K, q), and the pairs (..., K, p)."""
        k, q, p = self.n_experts, self.n_outputs, self.n_pairs
        bounds = np.cumsum([k, k * q, k * q])
        logits, means, raw, pairs = np.split(values, bounds, axis=-1)
        lead = values.shape[:-1]
        return (
            logits, means.reshape(*lead, k, q), raw.reshape(*lead, k, q),
            pairs.reshape(*lead, k, p),
        )  # fmt: skip

    def start_bias(self, n_members: int, rng: np.random.RandomState) -> Array:
        """Heads before learning: experts side by side over the range of the answers."""
        values = np.zeros((n_members, self.width))
        _, means, raw, _ = self.split(values)
        spread = (np.arange(self.n_experts) + 0.5) / self.n_experts * 2 - 1
        for output in range(self.n_outputs):
            for member in range(n_members):
                means[member, :, output] = rng.permutation(spread) if output else spread
        raw[...] = np.log(0.7)
        return values


class Gaussians:
    """Experts of some rows.

    Parameters
    ----------
    heads : Heads
    values : ndarray of shape (M, n, width)
        What the heads say.
    floor : ndarray of shape (q,)
        The narrowest scales.

    Attributes
    ----------
    log_prior : ndarray of shape (M, n, K)
        log π.
    means, scales : ndarray of shape (M, n, K, q)
        μ and σ.
    """

    def __init__(self, heads: Heads, values: Array, floor: Array) -> None:
        self.heads = heads
        logits, self.means, raw, pairs = heads.split(values)
        top = logits.max(axis=-1, keepdims=True)
        shifted = logits - top
        self.log_prior = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        self.raw = raw
        variance = np.exp(2 * np.minimum(raw, WIDEST))
        self.share = variance.copy()  # of the variance that is learnt: ∂ log σ/∂s
        variance += np.square(floor).astype(values.dtype)
        self.share /= variance
        self.share *= raw < WIDEST
        self.scales = np.sqrt(variance, out=variance)
        self.bend = np.tanh(pairs / STEEPEST) if heads.full else None

    def mixing(self) -> Array | None:
        """I + B as (M, n, K, q, q); None for a diagonal covariance."""
        if self.bend is None:
            return None
        q = self.heads.n_outputs
        matrix = np.zeros((*self.bend.shape[:-1], q, q), dtype=self.bend.dtype)
        matrix[..., range(q), range(q)] = 1
        rows, columns = np.tril_indices(q, -1)
        matrix[..., rows, columns] = STEEPEST * self.bend
        return matrix

    def factors(self) -> Array:
        """Return (I + B)⁻¹ diag σ as (M, n, K, q, q): lower factors of the covariances."""
        mixing = self.mixing()
        if mixing is None:
            return self.scales[..., None] * np.eye(self.heads.n_outputs)
        return np.tril(np.linalg.inv(mixing)) * self.scales[..., None, :]

    def levels(self) -> Array:
        """G at y = μ, (M, n, K)."""
        level: Array = np.log(self.scales).sum(axis=-1)
        level += 0.5 * self.heads.n_outputs * LOG_2_PI
        level -= self.log_prior
        return level

    def energies(self, answers: Array) -> Array:
        """G of answers (M or 1, n, m, q), as (M, n, m, K)."""
        self.apart = answers[:, :, :, None, :] - self.means[:, :, None]
        self.mixed = self.mixing()
        unit = self.apart
        if self.mixed is not None:
            unit = np.einsum("anmkj,ankij->anmki", unit, self.mixed)
        self.unit = unit / self.scales[:, :, None]
        result = np.square(self.unit).sum(axis=-1)
        result *= 0.5
        result += self.levels()[:, :, None]
        return result

    def slopes(self, slope: Array) -> Array:
        """Slopes in what the heads say, (M, n, width), from slopes in G, (M, n, m, K)."""
        result = np.empty((*slope.shape[:2], self.heads.width), dtype=slope.dtype)
        logits, means, raw, pairs = self.heads.split(result)
        total = slope.sum(axis=2)
        np.multiply(np.exp(self.log_prior), total.sum(axis=-1, keepdims=True), out=logits)
        logits -= total
        pull = slope[..., None] * self.unit
        raw[...] = total[..., None]
        raw -= (pull * self.unit).sum(axis=2)
        raw *= self.share
        pull /= self.scales[:, :, None]
        if self.mixed is None:
            means[...] = -pull.sum(axis=2)
            return result
        means[...] = -np.einsum("anmki,ankij->ankj", pull, self.mixed)
        rows, columns = np.tril_indices(self.heads.n_outputs, -1)
        pairs[...] = (pull[..., rows] * self.apart[..., columns]).sum(axis=2)
        assert self.bend is not None
        pairs *= 1 - np.square(self.bend)
        return result
