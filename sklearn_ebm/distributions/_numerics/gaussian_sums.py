"""Sums over the components of Gaussian mixtures: densities, slopes and tail probabilities."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.tiles import CACHED_NUMBERS, row_blocks, tiles

#: Densities above this number or below its inverse are computed with logarithms.
LARGEST = 1e250
#: With at least this number of components and of points, distant pairs are omitted.
MANY = 48
#: Number of neighbouring points, or half of it, that share their list of nearby components.
TOGETHER = 32
#: Distance from the mean beyond which a component is omitted, in scales.
NEARBY = 12.0
#: Smallest weight of a component with its own knots.
LEAST_WEIGHT = 1e-14


class GaussianSums(NamedTuple):
    """Components of one mixture for each row, and sums over them.

    Attributes
    ----------
    weights, means, scales : ndarray of shape (n_samples, K)
    log_heights : ndarray of shape (n_samples, K)
        Logarithm of w_k/(s_k √(2π)).
    extent : ndarray of int of shape (n_samples,)
        Number of components up to the last one with positive weight; the others are padding.
    """

    weights: Array
    means: Array
    scales: Array
    log_heights: Array
    extent: Index

    @property
    def depth(self) -> int:
        """Number K of components, including padding."""
        return self.weights.shape[1]

    def log_density(self, y: Array, *, with_slope: bool) -> tuple[Array, Array]:
        """log p at y (n, m), and its slope; an empty array unless `with_slope`."""
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
        """Write p to `total` and p' to `slope`, unless it is empty; return the smallest exact p."""
        for rows, columns in tiles(y.shape, self.depth):
            z, scales = self._standardised(rows, y[rows, columns])
            share = self._densities(rows, z)
            total[rows, columns] = share.sum(axis=0)
            if slope.size:
                z /= scales
                z *= share
                slope[rows, columns] = -z.sum(axis=0)
        return np.full((len(y), 1), 1 / LARGEST)

    def _sums_nearby(self, y: Array, total: Array, slope: Array) -> Array:
        """Like `_sums`, at sorted y, with only the components within 12 scales of a point.

        The omitted density is at most Σ w_k/s_k exp(−12²/2)/√(2π).
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
        """log p and its slope at entries of y at which p overflows or underflows."""
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
                np.copyto(z, 0.0, where=share == 0)  # 0 · ∞ would be NaN
                slope[some] = -(z * share).sum(axis=1) / total
        return height, slope

    def tail(self, y: Array, *, upper: bool) -> Array:
        """Probability above or below y (n, m), a sum of positive numbers without cancellation."""
        result = np.empty(y.shape)
        for rows, columns in tiles(y.shape, self.depth):
            z, _ = self._standardised(rows, y[rows, columns])
            if upper:
                np.negative(z, out=z)
            ndtr(z, out=z)
            z *= self._of_components(rows, self.weights)[0]
            result[rows, columns] = z.sum(axis=0)
        # The weights sum to 1 up to rounding.
        return np.minimum(result, 1.0, out=result)

    def components_for_knots(self) -> tuple[Array, Array]:
        """Means and scales, with the heaviest component in place of components without weight."""
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
        """Arrays (n, K) of a tile, transposed to (K', rows, 1) for fast sums over components."""
        extent = int(self.extent[rows].max(initial=1))
        return [array[rows, :extent].T[:, :, None] for array in arrays]

    def _standardised(self, rows: slice, y: Array) -> tuple[Array, Array]:
        """(y − μ)/s of a tile, (K', rows, columns), and the scales s, (K', rows, 1)."""
        means, scales = self._of_components(rows, self.means, self.scales)
        with np.errstate(over="ignore"):  # y = ±inf gives the density 0
            z = y - means
            z /= scales
        return z, scales

    def _densities(self, rows: slice, z: Array) -> Array:
        """Densities w_k N(y; μ_k, s_k²), (K', rows, columns); they may overflow or underflow."""
        share = np.square(z)
        share *= -0.5
        share += self._of_components(rows, self.log_heights)[0]
        return np.exp(share, out=share)
