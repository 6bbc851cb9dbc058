"""Gaussian mixtures for a one-dimensional target."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_random_state

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.distributions._numerics.gaussian_crps import (
    half_spread_of_pairs,
    mean_distances,
)
from sklearn_ebm.distributions._numerics.gaussian_sums import GaussianSums
from sklearn_ebm.distributions._numerics.integrals import density_in_cells
from sklearn_ebm.distributions._numerics.knots import adaptive_knots
from sklearn_ebm.distributions._numerics.quadrature import half_spread
from sklearn_ebm.distributions.base import (
    check_mixture_weights,
    finite_array,
    require_positive_scales,
)
from sklearn_ebm.distributions.scalar import ScalarDistribution

LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)
#: With more components, quadrature replaces sums over pairs of components.
MOST_PAIRED = 48
#: Largest cell, in scales of a component, for a relative error of ∫ F(1 − F) below 1e-8.
FINEST_CELL = 2.4


class GaussianMixture(ScalarDistribution):
    r"""Mixtures of Gaussians of a scalar target, one for each sample.

    p(y) = Σ_k w_k N(y; μ_k, s_k²), with closed forms where they exist.

    Parameters
    ----------
    weights : array-like of shape (n_samples, K)
        Mixing weights of the components, summing to 1 for each sample.
    means : array-like of shape (n_samples, K)
        Means μ_k, in the unit of y.
    scales : array-like of shape (n_samples, K)
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
        # Number of components up to the last one with positive weight; the others are padding.
        self._extent = self._depth - (self.weights[:, ::-1] > 0).argmax(axis=1)

    @property
    def _depth(self) -> int:  # type: ignore[override]
        return self.weights.shape[1]

    @property
    def _sums(self) -> GaussianSums:
        """Sums over the components; computed on demand, so that pickles contain only the arrays."""
        return GaussianSums(self.weights, self.means, self.scales, self._log_heights, self._extent)

    def _log_prob(self, y: Array) -> Array:
        return self._sums.log_density(y, with_slope=False)[0]

    def _log_prob_and_slope(self, y: Array) -> tuple[Array, Array]:
        """log p, and d log p/dy = −Σ r_k z_k/s_k with the responsibilities r and z = (y − μ)/s."""
        return self._sums.log_density(y, with_slope=True)

    def _cdf(self, y: Array) -> Array:
        return self._sums.tail(y, upper=False)

    def sf(self, y: npt.ArrayLike) -> Array:
        """Compute the survival function P(Y > y), to full relative precision in the upper tail.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, m), or float
            One answer for each sample, m answers for each sample, or one answer for all samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, m)
        """
        columns, shape = self._columns(y)
        return self._sums.tail(columns, upper=True).reshape(shape)

    def _row_order(self) -> Index | None:
        least, most = int(self._extent.min(initial=0)), int(self._extent.max(initial=0))
        return np.argsort(self._extent, kind="stable") if least < 0.9 * most else None

    def _knots(self) -> Array:
        return adaptive_knots(*self._sums.components_for_knots())

    def _cell_ends(self, finest: float = 2.0) -> Array:
        return adaptive_knots(*self._sums.components_for_knots(), finest=finest)

    def mean(self) -> Array:
        """Compute the mean Σ w_k μ_k, of shape (n_samples,)."""
        return np.einsum("nk,nk->n", self.weights, self.means)

    def std(self) -> Array:
        """Standard deviation √Σ w_k (s_k² + (μ_k − E y)²), (n_samples,), without overflow."""
        away = self.means - self.mean()[:, None]
        unit = np.maximum(np.abs(away), self.scales).max(axis=1, keepdims=True)
        squares = (away / unit) ** 2 + (self.scales / unit) ** 2
        return unit[:, 0] * np.sqrt(np.einsum("nk,nk->n", self.weights, squares))

    def var(self) -> Array:
        """Compute the variance Σ w_k (s_k² + (μ_k − E y)²), of shape (n_samples,)."""
        return self.std() ** 2

    def crps(self, y: npt.ArrayLike) -> Array:
        """Compute the continuous ranked probability score in closed form.

        Σ_k w_k A(y − μ_k, s_k) − ½ Σ_ij w_i w_j A(μ_i − μ_j, √(s_i² + s_j²)), where
        A(m, s) = 2sφ(m/s) + m(2Φ(m/s) − 1) is E|m + sZ| of a standard Gaussian Z. With more than
        48 components the second sum, which is ∫ F(1 − F), is a quadrature.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, m), or float
            One answer for each sample, m answers for each sample, or one answer for all samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, m)
        """
        columns, shape = self._columns(y)
        scores = mean_distances(columns, self.weights, self.means, self.scales)
        if self._depth <= MOST_PAIRED:
            spread = self._in_blocks(
                lambda part: half_spread_of_pairs(part.weights, part.means, part.scales),
                self._depth**2,
            )
        else:  # ∫ F(1 − F), with F from the integrals of p over the cells and from their starts on
            spread = self._in_blocks(
                lambda part: half_spread(*density_in_cells(part, FINEST_CELL)), self._width
            )
        scores -= spread[:, None]
        return scores.reshape(shape)

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Array:
        """Draw answers from the mixture.

        Parameters
        ----------
        n_samples : int, default=1
            Number of draws from each distribution.
        random_state : int, RandomState or None, default=None
            Determines the random numbers. Pass an int for reproducible draws.

        Returns
        -------
        ndarray of shape (n_distributions, n_samples)
        """
        positive_integer("n_samples", n_samples)
        rng = check_random_state(random_state)
        uniform = rng.uniform(size=(self.n_rows, n_samples))
        component = choose_components(self.weights, uniform)
        rows = np.arange(self.n_rows)[:, None]
        noise = rng.standard_normal(size=(self.n_rows, n_samples))
        return self.means[rows, component] + self.scales[rows, component] * noise


def choose_components(weights: Array, uniform: Array) -> npt.NDArray[np.intp]:
    """Draw components (n, n_samples) with weights (n, K), given uniform numbers."""
    ends = np.cumsum(weights, axis=1)
    # The last component with positive weight absorbs rounding errors.
    ends[ends >= ends[:, -1:]] = np.inf
    first = np.zeros(uniform.shape, dtype=np.intp)
    length = 1 << (weights.shape[1] - 1).bit_length()
    flat = ends.ravel()
    base = np.arange(0, ends.size, weights.shape[1])[:, None] - 1
    # Bisection for all rows at once: the number of cumulative weights that are not above u.
    while length:
        beyond = first + length
        known = beyond <= weights.shape[1]
        value = flat[base + np.where(known, beyond, 1)]
        np.copyto(first, beyond, where=known & (value <= uniform))
        length //= 2
    return first
