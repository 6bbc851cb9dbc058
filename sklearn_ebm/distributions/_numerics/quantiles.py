"""Quantiles of scalar densities: a search for the cell between knots, then for the root in it."""

from __future__ import annotations

import numpy as np

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm.distributions._numerics.protocol import ResolvedDensity
from sklearn_ebm.distributions._numerics.roots import find_roots


def ppf_of_block(density: ResolvedDensity, q: Array) -> Array:
    """F⁻¹ at q (n, m), of shape (n_samples, m)."""
    inside = np.where((q > 0) & (q < 1), q, 0.5)
    low, high, at_low, at_high = _cell_of_probability(density, inside)
    rows = np.repeat(np.arange(density.n_rows), q.shape[1])
    target = inside.ravel()

    def excess(y: Array, index: Index) -> Array:
        return density._of_pairs("_cdf", y, rows[index]) - target[index]

    enough = 1e-12 * np.minimum(target, 1 - target)
    result = find_roots(
        excess, low.ravel(), high.ravel(), at_low.ravel(), at_high.ravel(), enough=enough
    ).reshape(q.shape)
    first, last = density._support()
    result = np.where(q == 0, first[:, None], result)
    return np.where(q == 1, last[:, None], result)


def _cell_of_probability(density: ResolvedDensity, q: Array) -> tuple[Array, Array, Array, Array]:
    """Neighbouring knots around F⁻¹(q), and F − q there, by bisection over the knots."""
    inner = density._knots()
    reach = 2 * (inner[:, -1:] - inner[:, :1])  # for the tails beyond the knots
    knots = np.concatenate([inner[:, :1] - reach, inner, inner[:, -1:] + reach], axis=1)
    first = np.zeros(q.shape, dtype=np.intp)
    last = np.full(q.shape, knots.shape[1] - 1, dtype=np.intp)
    at_first, at_last = -q, 1 - q
    while (last - first).max(initial=0) > 1:
        middle = (first + last) // 2
        value = density._cdf(np.take_along_axis(knots, middle, axis=1)) - q
        below = value < 0
        first, last = np.where(below, middle, first), np.where(below, last, middle)
        at_first, at_last = np.where(below, value, at_first), np.where(below, at_last, value)
    low, high = (np.take_along_axis(knots, end, axis=1) for end in (first, last))
    return low, high, at_first, at_last
