"""Batches of lower Cholesky factors."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.distributions.base import finite_array


def check_factors(
    means: Any, factors: Any, shape: tuple[int, int]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Validate means (n, K, q) and lower triangular factors (n, K, q, q).

    Raises
    ------
    ValueError
        If the shapes do not match, an entry is not finite, an entry above the diagonal is not 0, or
        a diagonal entry is not positive.
    """
    outputs = np.shape(means)[-1:]
    if np.ndim(means) != 3 or outputs == (0,):
        raise ValueError(f"means.shape == {np.shape(means)}, expected (n, K, q).")
    centres = finite_array("means", means, (*shape, *outputs))
    lower = finite_array("factors", factors, (*shape, *outputs, *outputs))
    if np.triu(lower, 1).any():
        raise ValueError("factors has entries above the diagonal; Cholesky factors are lower.")
    if not (np.diagonal(lower, axis1=2, axis2=3) > 0).all():
        raise ValueError("factors has entries on the diagonal that are not positive.")
    return centres, lower


def log_determinants(factors: Array) -> Array:
    """log det L, of shape (n_samples, K)."""
    return np.log(np.diagonal(factors, axis1=2, axis2=3)).sum(axis=2)


def squared_distances(y: Array, means: Array, factors: Array) -> Array:
    """‖L⁻¹(y − μ)‖², (K, r, c), for answers (r, c, q) and the components of their rows.

    Forward substitution, output by output, for all components and answers at once.
    """
    solved: list[Array] = []
    total: Array = np.zeros(())
    with np.errstate(over="ignore", invalid="ignore"):
        for i in range(y.shape[2]):
            left = y[:, :, i] - means[:, :, i].T[:, :, None]
            for j, z in enumerate(solved):
                left -= factors[:, :, i, j].T[:, :, None] * z
            left /= factors[:, :, i, i].T[:, :, None]
            solved.append(left)
            total = total + np.square(left)
    return total


def precisions(factors: Array) -> Array:
    """(L Lᵀ)⁻¹, of the shape of L."""
    inverse = np.linalg.inv(factors)
    return np.swapaxes(inverse, -1, -2) @ inverse
