"""Rows in blocks, masks of right answers, and column norms that cannot overflow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

# A block of energies of this many numbers stays in the cache of one core (1 MiB in float64).
BLOCK_ENTRIES = 131_072


def row_slices(n_rows: int, n_answers: int) -> Iterator[slice]:
    """Slices over the rows, each small enough that its energies stay in cache."""
    size = int(np.clip(BLOCK_ENTRIES // max(n_answers, 1), 512, 8192))
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))


def correct_mask(y: npt.NDArray[np.intp], n_answers: int) -> npt.NDArray[np.bool_]:
    """Return the (n, k) mask of right answers, in the memory order of the energies.

    Energies of one answer lie side by side (Fortran order), because reductions over the few
    answers are then vectorised over the many rows.
    """
    return (np.arange(n_answers)[:, None] == y[None, :]).T


def column_norms(X: Any, weight: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Weighted norm of each column, √Σᵢ wᵢ xᵢⱼ², computed without overflow or a copy of X."""
    n_rows, n_columns = X.shape
    largest = np.zeros(n_columns)
    total = np.zeros(n_columns)
    blocks = list(row_slices(n_rows, n_columns))
    for rows in blocks:
        block = abs(X[rows])
        top = block.max(axis=0)
        np.maximum(largest, top.toarray().ravel() if sparse.issparse(top) else top, out=largest)
    unit = np.where(largest > 0, largest, 1.0)
    for rows in blocks:
        block = X[rows]
        if sparse.issparse(block):
            block = block.astype(np.float64)
            scaled = block.multiply(1.0 / unit).tocsr()
            total += np.asarray(scaled.power(2).T @ weight[rows]).ravel()
        else:
            scaled = block / unit
            total += weight[rows] @ (scaled * scaled)
    return unit * np.sqrt(total)
