"""Integrals over scalar densities: moments, entropy, CRPS."""

from __future__ import annotations

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.distributions._numerics.profile import by_need
from sklearn_ebm.distributions._numerics.protocol import ResolvedDensity
from sklearn_ebm.distributions._numerics.quadrature import (
    POINTS_PER_CELL,
    cell_quadrature,
    moments_of,
    unit_rule,
)


def moments_of_block(density: ResolvedDensity) -> tuple[Array, Array]:
    """Mean and variance, (n,) each."""
    points, weights = cell_quadrature(density._knots())
    return moments_of(points, weights * np.exp(density._log_prob(points)))


def entropy_of_block(density: ResolvedDensity) -> Array:
    """−∫ p log p dy, of shape (n_samples,)."""
    inside, width = density_in_cells(density)
    # p log p is 0 if p is 0, although log p is −∞.
    height = np.log(np.where(inside > 0, inside, 1.0))
    return -((inside * height) @ unit_rule(POINTS_PER_CELL)[1] * width).sum(axis=1)


def density_in_cells(density: ResolvedDensity, finest: float = 2.0) -> tuple[Array, Array]:
    """p at the quadrature points of c cells, (n, c, 8), and the lengths of the cells, (n, c)."""
    ends = density._cell_ends(finest)
    points, _ = cell_quadrature(ends)
    inside = np.exp(by_need(density, type(density)._log_prob, points))
    return inside.reshape(len(ends), ends.shape[1] - 1, POINTS_PER_CELL), np.diff(ends, axis=1)


def crps_of_block(density: ResolvedDensity, y: Array) -> Array:
    """∫ (F(t) − 1[y ≤ t])² dt at y (n, m), of shape (n_samples, m)."""
    knots = density._knots()
    scores = np.empty_like(y)
    for column in range(y.shape[1]):
        answer = y[:, [column]]
        points, weights = cell_quadrature(np.sort(np.concatenate([knots, answer], axis=1)))
        off = density._cdf(points) - (points >= answer)
        scores[:, column] = (weights * off**2).sum(axis=1)
    return scores
