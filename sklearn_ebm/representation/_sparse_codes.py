"""The energies of sparse codes as functions of the codes, with certificates."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array, issparse, vstack

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm.inference.descent import Descended
from sklearn_ebm.inference.splitting import QuadraticProblem

# Samples whose codes are computed together, by one thread.
ROWS_TOGETHER = 256


class SparseCodes(QuadraticProblem):
    """E(x, z) = ½‖x − Dᵀz‖² + α‖z‖₁ for some samples, in terms of D Dᵀ and x Dᵀ."""

    def __init__(
        self, X: Array, dictionary: Array, gram: Array | None, alpha: float, positive: bool,
        lipschitz: float = np.nan,
    ) -> None:  # fmt: skip
        self.dictionary, self.gram, self.lipschitz = dictionary, gram, lipschitz
        self.alpha, self.positive = alpha, positive
        self.linear = X @ dictionary.T
        self.scale = 0.5 * np.einsum("nd,nd->n", X, X)

    def gradient(self, z: Array, rows: Index) -> Array:
        """Dᵀ-products of z minus those of x."""
        gradient: Array
        if self.gram is None:  # it would be larger than D
            gradient = (z @ self.dictionary) @ self.dictionary.T
        else:
            gradient = z @ self.gram
        gradient -= self.linear if len(rows) == len(self.linear) else self.linear[rows]
        return gradient

    def proximal(self, z: Array, step: float) -> Array:
        """Soft threshold at α/L."""
        threshold = z.dtype.type(self.alpha * step)
        if self.positive:
            return np.maximum(z - threshold, 0)
        return z - np.clip(z, -threshold, threshold)

    def certificate(self, z: Array, gradient: Array, rows: Index) -> tuple[Array, Array]:
        """Energies, and their distance from the best dual point in the direction of the residual.

        With the residual r = x − Dᵀz, every s ≥ 0 with s max_j |(D r)_j| ≤ α gives the lower bound
        ½‖x‖² − ½‖x − s r‖² of the minimum.
        """
        correlation = self.linear[rows]
        explained = np.einsum("nk,nk->n", z, correlation)
        squares = np.maximum(
            2 * self.scale[rows] - explained + np.einsum("nk,nk->n", z, gradient), 0
        )
        energies = 0.5 * squares + self.alpha * np.abs(z).sum(axis=1)
        aligned = 2 * self.scale[rows] - explained  # ⟨x, r⟩
        largest = (-gradient if self.positive else np.abs(gradient)).max(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            best = np.where(squares > 0, aligned / squares, 0.0)
            limit = np.where(largest > 0, self.alpha / largest, np.inf)
        s = np.clip(best, 0.0, limit)
        dual = s * aligned - 0.5 * s**2 * squares
        return energies, np.maximum(energies - dual, 0)


def joined(parts: list[Descended]) -> Descended:
    """One result for the samples of all parts."""
    values, energies, gaps, n_iter = zip(*parts, strict=True)
    codes = csr_array(vstack(values)) if issparse(values[0]) else np.concatenate(values)
    return Descended(codes, np.concatenate(energies), np.concatenate(gaps), max(n_iter))
