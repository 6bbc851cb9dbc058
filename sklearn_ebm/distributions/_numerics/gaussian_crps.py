"""Mean absolute differences of Gaussians, which determine the CRPS of a mixture."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.tiles import tiles


def mean_distances(y: Array, weights: Array, means: Array, scales: Array) -> Array:
    """Σ_k w_k E|y − Y_k| for answers y (n, m) and components (n, K), of shape (n, m)."""
    result = np.empty(y.shape)
    for rows, some in tiles(y.shape, weights.shape[1]):
        away = y[rows, some, None] - means[rows, None, :]
        distances = mean_distance(away, scales[rows, None, :])
        result[rows, some] = np.einsum("rck,rk->rc", distances, weights[rows])
    return result


def half_spread_of_pairs(weights: Array, means: Array, scales: Array) -> Array:
    """½ E|Y − Y'| of two independent draws, (n_samples,), from all pairs of components (n, K).

    The sum is over pairs i < j, and over single components with A(0, √2 s) = 2s/√π.

    Examples
    --------
    For a single Gaussian the result is s/√π:

    >>> one = np.ones((1, 1))
    >>> half_spread_of_pairs(one, one, one).round(6), round(float(1 / np.sqrt(np.pi)), 6)
    (array([0.56419]), 0.56419)
    """
    i, j = np.triu_indices(weights.shape[1], k=1)
    between = mean_distance(means[:, i] - means[:, j], np.hypot(scales[:, i], scales[:, j]))
    result = np.einsum("np,np,np->n", between, weights[:, i], weights[:, j])
    result += np.einsum("nk,nk->n", weights**2, scales) / np.sqrt(np.pi)
    return result


def mean_distance(away: Array, scale: Array) -> Array:
    """A(m, s) = E|m + sZ| = 2sφ(m/s) + m(2Φ(m/s) − 1)."""
    with np.errstate(over="ignore"):
        z = away / scale
        density = np.exp(-0.5 * np.square(z))
    return scale * density * np.sqrt(2 / np.pi) + away * (2 * ndtr(z) - 1)
