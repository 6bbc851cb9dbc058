"""Mixtures of Gaussians over a scalar answer."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr
from sklearn.utils import check_random_state

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.tiles import CACHED_NUMBERS, row_blocks, tiles
from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.distributions._numerics.knots import march
from sklearn_ebm.distributions._numerics.quadrature import half_spread
from sklearn_ebm.distributions.base import (
    check_mixture_weights,
    finite_array,
    require_positive_scales,
)
from sklearn_ebm.distributions.scalar import ScalarDistribution

LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)
#: Densities that are larger, or smaller than 1 over it, are left to logarithms.
LARGEST = 1e250
#: From so many components and points of a row on, those far from each other are not paired.
MANY = 48
#: Neighbouring points, or twice as many, to all of which a component is near, or to none.
TOGETHER = 32
#: How far a component reaches, in scales.
NEARBY = 12.0
#: With more components, sums over pairs of them are left to quadrature.
MOST_PAIRED = 48
#: The widest cell at a bump, in its scales, for ∫ F(1 − F) to a relative error below 1e-8.
FINEST_CELL = 2.4
#: A component with less weight gets no knots of its own.
LEAST_WEIGHT = 1e-14


class GaussianMixture(ScalarDistribution):
    r"""p(y) = Σ_k w_k N(y; μ_k, s_k²), in closed form wherever there is one.

    Parameters
    ----------
    weights : array-like of shape (n, K)
        Probabilities of the components, summing to 1 in each row.
    means : array-like of shape (n, K)
        Means μ_k, in the unit of y.
    scales : array-like of shape (n, K)
        Standard deviations s_k > 0, in the unit of y.

    Raises
    ------
    ValueError
        If the shapes differ, a weight is negative, the weights of a row do not sum to 1 within
        1e-6, or a scale is not positive and finite.

    References
    ----------
    Bishop, "Mixture density networks", Aston University NCRG/94/004 (1994).
    Grimit, Gneiting, Berrocal, Johnson, "The continuous ranked probability score for circular
    variables and its application to mesoscale forecast ensemble verification", Quarterly Journal
    of the Royal Meteorological Society 132 (2006) 2925-2942. :doi:`10.1256/qj.05.235`

    Examples
    --------
    Two answers, ±3, are equally likely. The mean, 0, is none of them; the variance is 3² + 1:

    >>> import numpy as np
    >>> from sklearn_ebm.distributions import GaussianMixture
    >>> density = GaussianMixture([[0.5, 0.5]], [[-3.0, 3.0]], [[1.0, 1.0]])
    >>> density.mean(), density.var(), density.cdf(0.0)
    (array([0.]), array([10.]), array([0.5]))
    >>> density.modes().probabilities
    array([[0.5, 0.5]])
    >>> density.region(0.5).round(2)
    array([[[-3.67, -2.33],
            [ 2.33,  3.67]]])
    """

    _fields: ClassVar[tuple[str, ...]] = ("weights", "means", "scales", "_log_heights", "_extent")

    def __init__(self, weights: npt.ArrayLike, means: npt.ArrayLike, scales: npt.ArrayLike) -> None:
        self.weights = check_mixture_weights(weights)
        self.means = finite_array("means", means, self.weights.shape)
        self.scales = require_positive_scales(scales, self.weights.shape)
        with np.errstate(divide="ignore"):  # a weight of 0 has the height exp(−inf)
            self._log_heights = np.log(self.weights) - np.log(self.scales) - LOG_SQRT_2PI
        # Components up to the last that has weight: those that pad a row cost nothing.
        self._extent = self._depth - (self.weights[:, ::-1] > 0).argmax(axis=1)

    @property
    def _depth(self) -> int:  # type: ignore[override]
        return self.weights.shape[1]

    def _of_components(self, rows: slice, *arrays: Array) -> list[Array]:
        """Arrays (n, K) of a tile as (K', rows, 1): sums over components then run along memory."""
        extent = int(self._extent[rows].max(initial=1))
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
        share += self._of_components(rows, self._log_heights)[0]
        return np.exp(share, out=share)

    def _log_prob(self, y: Array) -> Array:
        return self._log_of_sums(y, with_slope=False)[0]

    def _log_prob_and_slope(self, y: Array) -> tuple[Array, Array]:
        """log p, and d log p/dy = −Σ r_k z_k/s_k with the responsibilities r and z = (y − μ)/s."""
        height, slope = self._log_of_sums(y, with_slope=True)
        return height, slope

    def _log_of_sums(self, y: Array, *, with_slope: bool) -> tuple[Array, Array]:
        total, slope = np.empty(y.shape), np.empty(y.shape if with_slope else (0, 0))
        local = self._depth >= MANY and y.shape[1] >= MANY and bool((y[:, 1:] >= y[:, :-1]).all())
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
        for rows, columns in tiles(y.shape, self._depth):
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
                share += self._log_heights[row, near, None]
                np.exp(share, out=share)
                total[row, columns] = share.sum(axis=0)
                if slope.size:
                    share *= away
                    slope[row, columns] = 2 * negative[row, near] @ share
        missing = np.exp(self._log_heights).sum(axis=1, keepdims=True) * np.exp(-0.5 * NEARBY**2)
        return np.maximum(1e11 * missing, 1 / LARGEST)

    def _far(self, y: Array, rows: Index, columns: Index) -> tuple[Array, Array]:
        """log p and its slope at entries of y where p itself is no floating-point number."""
        height, slope = np.empty(len(rows)), np.empty(len(rows))
        for some in row_blocks(len(rows), self._depth, CACHED_NUMBERS):
            row = rows[some]
            with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
                z = (y[row, columns[some], None] - self.means[row]) / self.scales[row]
                share = self._log_heights[row] - 0.5 * np.square(z)
                highest = share.max(axis=1, keepdims=True)
                np.copyto(highest, 0.0, where=highest == -np.inf)
                share = np.exp(share - highest)
                total = share.sum(axis=1)
                height[some] = np.log(total) + highest[:, 0]
                z /= self.scales[row]
                np.copyto(z, 0.0, where=share == 0)  # no share of an infinite slope
                slope[some] = -(z * share).sum(axis=1) / total
        return height, slope

    def _cdf(self, y: Array) -> Array:
        return self._tail(y, upper=False)

    def sf(self, y: npt.ArrayLike) -> Array:
        """1 − F(y), to full relative precision far above the density too.

        Parameters
        ----------
        y : array-like of shape (n,) or (n, m), or float

        Returns
        -------
        ndarray of shape (n,) or (n, m)
        """
        columns, shape = self._columns(y)
        return self._tail(columns, upper=True).reshape(shape)

    def _tail(self, y: Array, *, upper: bool) -> Array:
        """Probability above or below y (n, m): sums of positive numbers, so nothing cancels."""
        result = np.empty(y.shape)
        for rows, columns in tiles(y.shape, self._depth):
            z, _ = self._standardised(rows, y[rows, columns])
            if upper:
                np.negative(z, out=z)
            ndtr(z, out=z)
            z *= self._of_components(rows, self.weights)[0]
            result[rows, columns] = z.sum(axis=0)
        # The weights sum to 1 up to rounding, and so does this.
        return np.minimum(result, 1.0, out=result)

    def _row_order(self) -> Index | None:
        least, most = int(self._extent.min(initial=0)), int(self._extent.max(initial=0))
        return np.argsort(self._extent, kind="stable") if least < 0.9 * most else None

    def _knots(self) -> Array:
        return march(*self._bumps_that_count())

    def _cell_ends(self, finest: float = 2.0) -> Array:
        return march(*self._bumps_that_count(), finest=finest)

    def _bumps_that_count(self) -> tuple[Array, Array]:
        """Means and scales; in place of a component without weight, the heaviest one once more."""
        some = slice(0, int(self._extent.max(initial=1)))
        weights = self.weights[:, some]
        source = np.where(
            weights >= LEAST_WEIGHT, np.arange(some.stop), weights.argmax(axis=1)[:, None]
        )
        means, scales = (
            np.take_along_axis(a[:, some], source, axis=1) for a in (self.means, self.scales)
        )
        return means, scales

    def mean(self) -> Array:
        """Σ w_k μ_k, of shape (n,)."""
        return np.einsum("nk,nk->n", self.weights, self.means)

    def std(self) -> Array:
        """Root of Σ w_k (s_k² + (μ_k − E y)²), of shape (n,), without overflow of the squares."""
        away = self.means - self.mean()[:, None]
        unit = np.maximum(np.abs(away), self.scales).max(axis=1, keepdims=True)
        squares = (away / unit) ** 2 + (self.scales / unit) ** 2
        return unit[:, 0] * np.sqrt(np.einsum("nk,nk->n", self.weights, squares))

    def var(self) -> Array:
        """Σ w_k (s_k² + (μ_k − E y)²), of shape (n,)."""
        return self.std() ** 2

    def crps(self, y: npt.ArrayLike) -> Array:
        """Σ_k w_k A(y − μ_k, s_k) − ½ Σ_ij w_i w_j A(μ_i − μ_j, √(s_i² + s_j²)), in closed form.

        A(m, s) = 2sφ(m/s) + m(2Φ(m/s) − 1) is E|m + sZ| of a standard Gaussian Z. With more than
        48 components the second sum, which is ∫ F(1 − F), is a quadrature.

        Parameters
        ----------
        y : array-like of shape (n,) or (n, m), or float

        Returns
        -------
        ndarray of shape (n,) or (n, m)
        """
        columns, shape = self._columns(y)
        scores = np.empty(columns.shape)
        for rows, some in tiles(columns.shape, self._depth):
            away = columns[rows, some, None] - self.means[rows, None, :]
            distances = _mean_distance(away, self.scales[rows, None, :])
            scores[rows, some] = np.einsum("rck,rk->rc", distances, self.weights[rows])
        scores -= self._half_spread()[:, None]
        return scores.reshape(shape)

    def _half_spread(self) -> Array:
        """½ E|Y − Y'| of two independent draws."""
        if self._depth <= MOST_PAIRED:
            return self._in_blocks(type(self)._half_spread_of_pairs, self._depth**2)
        return self._in_blocks(type(self)._half_spread_of_cells, self._width)

    def _half_spread_of_pairs(self) -> Array:
        """Pairs i < j once, and A(0, √2 s) = 2s/√π."""
        i, j = np.triu_indices(self._depth, k=1)
        between = _mean_distance(
            self.means[:, i] - self.means[:, j], np.hypot(self.scales[:, i], self.scales[:, j])
        )
        result = np.einsum("np,np,np->n", between, self.weights[:, i], self.weights[:, j])
        result += np.einsum("nk,nk->n", self.weights**2, self.scales) / np.sqrt(np.pi)
        return result

    def _half_spread_of_cells(self) -> Array:
        """∫ F(1 − F), with F from the integrals of p over the cells and from their starts on."""
        return half_spread(*self._density_in_cells(FINEST_CELL))

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Array:
        """Draw answers: a component by its weight, then a Gaussian.

        Parameters
        ----------
        n_samples : int, default=1
            How many for each row.
        random_state : int, RandomState or None, default=None
            What `check_random_state` of scikit-learn takes.

        Returns
        -------
        ndarray of shape (n, n_samples)
        """
        positive_integer("n_samples", n_samples)
        rng = check_random_state(random_state)
        uniform = rng.uniform(size=(self.n_rows, n_samples))
        component = choose_components(self.weights, uniform)
        rows = np.arange(self.n_rows)[:, None]
        noise = rng.standard_normal(size=(self.n_rows, n_samples))
        return self.means[rows, component] + self.scales[rows, component] * noise


def choose_components(weights: Array, uniform: Array) -> npt.NDArray[np.intp]:
    """Components (n, n_samples) by the weights (n, K), from uniform numbers (n, n_samples)."""
    ends = np.cumsum(weights, axis=1)
    # The last component with any weight takes what rounding leaves.
    ends[ends >= ends[:, -1:]] = np.inf
    first = np.zeros(uniform.shape, dtype=np.intp)
    length = 1 << (weights.shape[1] - 1).bit_length()
    flat = ends.ravel()
    base = np.arange(0, ends.size, weights.shape[1])[:, None] - 1
    # Bisection over the ends of all rows at once: how many of them are not above the number.
    while length:
        beyond = first + length
        known = beyond <= weights.shape[1]
        value = flat[base + np.where(known, beyond, 1)]
        np.copyto(first, beyond, where=known & (value <= uniform))
        length //= 2
    return first


def _mean_distance(away: Array, scale: Array) -> Array:
    """A(m, s) = E|m + sZ| = 2sφ(m/s) + m(2Φ(m/s) − 1)."""
    with np.errstate(over="ignore"):
        z = away / scale
        density = np.exp(-0.5 * np.square(z))
    return scale * density * np.sqrt(2 / np.pi) + away * (2 * ndtr(z) - 1)
