"""Sums over the components of Gaussian mixtures: densities, their slopes, and tails."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.tiles import CACHED_NUMBERS, row_blocks, tiles

#: Densities that are larger, or smaller than 1 over it, are left to logarithms.
LARGEST = 1e250
#: From so many components and points of a row on, those far from each other are not paired.
MANY = 48
#: Neighbouring points, or twice as many, to all of which a component is near, or to none.
TOGETHER = 32
#: How far a component reaches, in scales.
NEARBY = 12.0
#: A component with less weight gets no knots of its own.
LEAST_WEIGHT = 1e-14


class GaussianSums(NamedTuple):
    """The components of one mixture for each row, and sums over them.

    Attributes
    ----------
    weights, means, scales : ndarray of shape (n_samples, K)
    log_heights : ndarray of shape (n_samples, K)
        log of w_k/(s_k √(2π)).
    extent : ndarray of int of shape (n_samples,)
        Components up to the last that has weight: those that pad a row cost nothing.
    """

    weights: Array
    means: Array
    scales: Array
    log_heights: Array
    extent: Index

    @property
    def depth(self) -> int:
        """K."""
        return self.weights.shape[1]

    def log_density(self, y: Array, *, with_slope: bool) -> tuple[Array, Array]:
        """log p at y (n, m), and its slope if it is asked for; else an array without entries."""
        total, slope = np.empty(y.shape), np.empty(y.shape if with_slope else (0, 0))
        local = self.depth >= MANY and y.shape[1] >= MANY and bool((y[:, 1:] >= y[:, :-1]).all())
        fill = self._sums_nearby if local else self._sums
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            least = fill(y, total, slope)
            far = np.nonzero(~((total > least) & (total < LARGEST)))
            if with_slope:
                slope /= total
            height = np.log(total)
        if len(far[0]):
            exact = self._far(y, *far)
            height[far] = exact[0]
            if with_slope:
                slope[far] = exact[1]
        return height, slope

    def _sums(self, y: Array, total: Array, slope: Array) -> Array:
        """Fill in p and, if it has room, its slope; return the least p that can be relied on."""
        for rows, columns in tiles(y.shape, self.depth):
            z, scales = self._standardised(rows, y[rows, columns])
            share = self._bumps(rows, z)
            total[rows, columns] = share.sum(axis=0)
            if slope.size:
                z /= scales
                z *= share
                slope[rows, columns] = -z.sum(axis=0)
        return np.full((len(y), 1), 1 / LARGEST)

    def _sums_nearby(self, y: Array, total: Array, slope: Array) -> Array:
        """The same at sorted y, with the components only that are within 12 scales of some of them.

        What is left out has a density of at most Σ w_k/s_k exp(−12²/2)/√(2π).
        """
        reach = NEARBY * self.scales
        begin, end = self.means - reach, self.means + reach
        begin[self.weights == 0] = np.inf
        negative = -0.5 / self.scales**2
        together = min(max(TOGETHER, y.shape[1] // 12), 2 * TOGETHER)
        for row in range(len(y)):
            for start in range(0, y.shape[1], together):
                columns = slice(start, start + together)
                points = y[row, columns]
                near = ((begin[row] <= points[-1]) & (end[row] >= points[0])).nonzero()[0]
                away = points - self.means[row, near, None]
                share = away * away
                share *= negative[row, near, None]
                share += self.log_heights[row, near, None]
                np.exp(share, out=share)
                total[row, columns] = share.sum(axis=0)
                if slope.size:
                    share *= away
                    slope[row, columns] = 2 * negative[row, near] @ share
        missing = np.exp(self.log_heights).sum(axis=1, keepdims=True) * np.exp(-0.5 * NEARBY**2)
        return np.maximum(1e11 * missing, 1 / LARGEST)

    def _far(self, y: Array, rows: Index, columns: Index) -> tuple[Array, Array]:
        """log p and its slope at entries of y where p itself is no floating-point number."""
        height, slope = np.empty(len(rows)), np.empty(len(rows))
        for some in row_blocks(len(rows), self.depth, CACHED_NUMBERS):
            row = rows[some]
            with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
                z = (y[row, columns[some], None] - self.means[row]) / self.scales[row]
                share = self.log_heights[row] - 0.5 * np.square(z)
                highest = share.max(axis=1, keepdims=True)
                np.copyto(highest, 0.0, where=highest == -np.inf)
                share = np.exp(share - highest)
                total = share.sum(axis=1)
                height[some] = np.log(total) + highest[:, 0]
                z /= self.scales[row]
                np.copyto(z, 0.0, where=share == 0)  # no share of an infinite slope
                slope[some] = -(z * share).sum(axis=1) / total
        return height, slope

    def tail(self, y: Array, *, upper: bool) -> Array:
        """Probability above or below y (n, m): sums of positive numbers, so nothing cancels."""
        result = np.empty(y.shape)
        for rows, columns in tiles(y.shape, self.depth):
            z, _ = self._standardised(rows, y[rows, columns])
            if upper:
                np.negative(z, out=z)
            ndtr(z, out=z)
            z *= self._of_components(rows, self.weights)[0]
            result[rows, columns] = z.sum(axis=0)
        # The weights sum to 1 up to rounding, and so does this.
        return np.minimum(result, 1.0, out=result)

    def bumps_that_count(self) -> tuple[Array, Array]:
        """Means and scales; in place of a component without weight, the heaviest one once more."""
        some = slice(0, int(self.extent.max(initial=1)))
        weights = self.weights[:, some]
        source = np.where(
            weights >= LEAST_WEIGHT, np.arange(some.stop), weights.argmax(axis=1)[:, None]
        )
        means, scales = (
            np.take_along_axis(a[:, some], source, axis=1) for a in (self.means, self.scales)
        )
        return means, scales

    def _of_components(self, rows: slice, *arrays: Array) -> list[Array]:
        """Arrays (n, K) of a tile as (K', rows, 1): sums over components then run along memory."""
        extent = int(self.extent[rows].max(initial=1))
        return [array[rows, :extent].T[:, :, None] for array in arrays]

    def _standardised(self, rows: slice, y: Array) -> tuple[Array, Array]:
        """(y − μ)/s of a tile, (K', rows, columns), and the scales s, (K', rows, 1)."""
        means, scales = self._of_components(rows, self.means, self.scales)
        with np.errstate(over="ignore"):  # ±inf has density 0, and is on the right side
            z = y - means
            z /= scales
        return z, scales

    def _bumps(self, rows: slice, z: Array) -> Array:
        """Densities w_k N(y; μ_k, s_k²), (K', rows, columns), as far as they have numbers."""
        share = np.square(z)
        share *= -0.5
        share += self._of_components(rows, self.log_heights)[0]
        return np.exp(share, out=share)
