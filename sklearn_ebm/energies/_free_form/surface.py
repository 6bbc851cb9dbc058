"""Energies of samples as functions of y alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.tiles import row_blocks
from sklearn_ebm.energies.base import Linearization
from sklearn_ebm.samplers.base import Surface

# Temporary numbers of a block of samples: the batches of learning are one block.
BLOCK = 1 << 20

#: Standardised samples (n, d) and answers (n, m, q) -> their energies.
Pairs: TypeAlias = Callable[[Array, Array], Linearization]


class PairSurface(Surface):
    """Energies βF(x, y) of samples as functions of answers in their own units.

    Parameters
    ----------
    pairs : callable
        Function from standardised samples and answers to their energies.
    X : ndarray of shape (n_samples, n_features)
        Standardised samples.
    origin, unit : ndarray of shape (n_outputs,)
        Mean and standard deviation of the answers.
    beta : float
        Inverse temperature β.
    width : int
        Number of temporary values for each answer, which limits the size of blocks.
    """

    def __init__(
        self, pairs: Pairs, X: Array, origin: Array, unit: Array, beta: float, width: int
    ) -> None:
        self.pairs = pairs
        self.X = X
        self.origin = origin
        self.unit = unit
        self.beta = beta
        self.width = width

    @property
    def n_rows(self) -> int:  # type: ignore[override]
        """Number of samples."""
        return len(self.X)

    @property
    def n_outputs(self) -> int:  # type: ignore[override]
        """Number of outputs."""
        return len(self.unit)

    def __getitem__(self, rows: Any) -> PairSurface:
        """Select samples."""
        return PairSurface(self.pairs, self.X[rows], self.origin, self.unit, self.beta, self.width)

    def energies(self, y: Array) -> Array:
        """Compute energies (n, m) of answers (n, m, q)."""
        result = np.empty(y.shape[:2], dtype=y.dtype)
        for rows, line in self._blocks(y):
            result[rows] = line.energies
        result *= self.beta
        return result

    def energies_and_slopes(self, y: Array) -> tuple[Array, Array]:
        """Compute energies (n, m) of answers (n, m, q), and their derivatives in y."""
        energies, slopes = np.empty(y.shape[:2], dtype=y.dtype), np.empty_like(y)
        for rows, line in self._blocks(y):
            energies[rows] = line.energies
            assert line.answer_slopes is not None
            slopes[rows] = line.answer_slopes()
        energies *= self.beta
        slopes *= self.beta / self.unit
        return energies, slopes

    def _blocks(self, y: Array) -> Any:
        """Yield blocks of samples, and the energies of their answers."""
        answers = (y - self.origin) / self.unit
        for rows in row_blocks(len(y), self.width * max(y.shape[1], 1), BLOCK):
            with np.errstate(over="ignore", invalid="ignore", under="ignore"):
                yield rows, self.pairs(self.X[rows], answers[rows])
