"""Normalised upper envelopes of Gaussians for a one-dimensional target."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.tiles import tiles
from sklearn_ebm.distributions._numerics.knots import adaptive_knots
from sklearn_ebm.distributions._numerics.upper_envelope import upper_envelope
from sklearn_ebm.distributions.base import finite_array, matrix_shape, require_positive_scales
from sklearn_ebm.distributions.scalar import ScalarDistribution

LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)


class GaussianEnvelope(ScalarDistribution):
    r"""p(y) = max_k exp(h_k − ((y − μ_k)/s_k)²/2) / Z, with Z in closed form.

    The Gibbs density of the energy F(y) = min_k E_k(y): a minimum over K values of a latent
    variable whose energies E_k are parabolas in y. Between two breakpoints, where parabolas cross,
    the density is a piece of one Gaussian, so that Z, the distribution function, the mean and the
    variance are sums over pieces.

    Parameters
    ----------
    log_heights : array-like of shape (n_samples, K)
        Logarithms h_k of the heights of the components, in nats; only differences matter.
    means : array-like of shape (n_samples, K)
        Means μ_k of the components, in the unit of y.
    scales : array-like of shape (n_samples, K)
        Standard deviations s_k > 0 of the components, in the unit of y.

    Raises
    ------
    ValueError
        If the shapes differ, an entry is not finite, or a scale is not positive.

    See Also
    --------
    GaussianMixture : Sum over k instead of the maximum.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "Energy-Based Models", in *Predicting Structured Data*
    (2007), section 1.3. :doi:`10.7551/mitpress/7443.003.0014`

    Examples
    --------
    Components with means ±1 cross at 0, and each contributes √(2π) Φ(1) to Z:

    >>> import numpy as np
    >>> from sklearn_ebm.distributions.gaussian_envelope import GaussianEnvelope
    >>> density = GaussianEnvelope([[0.0, 0.0]], [[-1.0, 1.0]], [[1.0, 1.0]])
    >>> density.log_partition().round(4), density.cdf(0.0), density.mean().round(12) + 0.0
    (array([1.4393]), array([0.5]), array([0.]))
    """

    _fields: ClassVar[tuple[str, ...]] = (
        "log_heights", "means", "scales", "_edges", "_winners", "_cumulative", "_log_partition"
    )  # fmt: skip

    def __init__(
        self, log_heights: npt.ArrayLike, means: npt.ArrayLike, scales: npt.ArrayLike
    ) -> None:
        shape = matrix_shape("log_heights", log_heights)
        self.log_heights = finite_array("log_heights", log_heights, shape)
        self.means = finite_array("means", means, shape)
        self.scales = require_positive_scales(scales, shape)
        # Pieces of the envelope: ends (n, S + 1) from −inf to inf, and their components (n, S).
        self._edges, self._winners = upper_envelope(self.log_heights, self.means, self.scales)
        log_masses = self._of_winners(self._log_masses())
        highest = log_masses.max(axis=1, keepdims=True)
        pieces = np.exp(log_masses - highest) * _between(*self._ends())
        total = pieces.sum(axis=1)
        self._log_partition = highest[:, 0] + np.log(total)
        self._cumulative = np.zeros(self._edges.shape)
        np.cumsum(pieces / total[:, None], axis=1, out=self._cumulative[:, 1:])

    def _log_masses(self) -> Array:
        """log ∫ exp(h_k − ((y − μ_k)/s_k)²/2) dy for each component."""
        return self.log_heights + np.log(self.scales) + LOG_SQRT_2PI

    def _of_winners(self, array: Array) -> Array:
        return np.take_along_axis(array, self._winners, axis=1)

    def _ends(self) -> tuple[Array, Array]:
        """Lower and upper ends (y − μ)/s of the pieces, (n, S) each."""
        means, scales = self._of_winners(self.means), self._of_winners(self.scales)
        with np.errstate(over="ignore"):
            low, high = (
                (edge - means) / scales for edge in (self._edges[:, :-1], self._edges[:, 1:])
            )
        # φ(z) underflows beyond 40; the limit makes z φ(z) equal 0 instead of ∞·0.
        return np.clip(low, -40, 40), np.clip(high, -40, 40)

    @property
    def _depth(self) -> int:  # type: ignore[override]
        return max(self.means.shape[1], self._edges.shape[1])

    def log_partition(self) -> Array:
        """Compute log Z = log ∫ max_k exp(h_k − ((y − μ_k)/s_k)²/2) dy, of shape (n_samples,)."""
        return self._log_partition.copy()

    def _log_components(self, rows: slice, y: Array) -> tuple[Array, Array]:
        """Logarithms of the components, and (y − μ)/s, of a tile: (K, rows, columns)."""
        with np.errstate(over="ignore"):
            z = y - self.means[rows].T[:, :, None]
            z /= self.scales[rows].T[:, :, None]
            return self.log_heights[rows].T[:, :, None] - 0.5 * np.square(z), z

    def _log_prob(self, y: Array) -> Array:
        result = np.empty(y.shape)
        for rows, columns in tiles(y.shape, self._depth):
            log_components, _ = self._log_components(rows, y[rows, columns])
            result[rows, columns] = log_components.max(axis=0)
        return result - self._log_partition[:, None]

    def _log_prob_and_slope(self, y: Array) -> tuple[Array, Array]:
        """log p and its slope −z_k/s_k for the highest component k; at a kink, of either side."""
        height, slope = np.empty(y.shape), np.empty(y.shape)
        for rows, columns in tiles(y.shape, self._depth):
            log_components, z = self._log_components(rows, y[rows, columns])
            z /= -self.scales[rows].T[:, :, None]
            highest = log_components.argmax(axis=0)[None]
            height[rows, columns] = np.take_along_axis(log_components, highest, axis=0)[0]
            slope[rows, columns] = np.take_along_axis(z, highest, axis=0)[0]
        return height - self._log_partition[:, None], slope

    def _cdf(self, y: Array) -> Array:
        result = np.empty(y.shape)
        masses = np.exp(self._log_masses() - self._log_partition[:, None])
        for rows, columns in tiles(y.shape, self._depth):
            answers = y[rows, columns]
            inner = self._edges[rows, 1:-1].T[:, :, None]
            piece = (inner < answers).sum(axis=0)
            row = np.arange(rows.start, rows.stop)[:, None]
            winner = self._winners[row, piece]
            mean, scale = self.means[row, winner], self.scales[row, winner]
            with np.errstate(over="ignore"):
                low = (self._edges[row, piece] - mean) / scale
                part = _between(low, (answers - mean) / scale)
            result[rows, columns] = self._cumulative[row, piece] + masses[row, winner] * part
        result = np.clip(result, 0.0, 1.0)
        result[np.isnan(y)] = np.nan
        return result

    def _knots(self) -> Array:
        # Components that are nowhere the highest need no knots; the first winner replaces them.
        wins = np.zeros(self.means.shape, dtype=bool)
        np.put_along_axis(wins, self._winners, True, axis=1)
        source = np.where(wins, np.arange(self.means.shape[1]), self._winners[:, :1])
        means, scales = (
            np.take_along_axis(array, source, axis=1) for array in (self.means, self.scales)
        )
        knots = adaptive_knots(means, scales)
        kinks = np.clip(self._edges[:, 1:-1], knots[:, :1], knots[:, -1:])
        return np.sort(np.concatenate([knots, kinks, means], axis=1), axis=1)

    def mean(self) -> Array:
        """Compute the mean, of shape (n_samples,)."""
        probabilities, first, _ = self._piece_moments()
        means, scales = self._of_winners(self.means), self._of_winners(self.scales)
        # Relative to a centre, to avoid cancellation far from 0.
        centre = self.mode()
        away = probabilities * (means - centre[:, None]) + scales * first
        return centre + away.sum(axis=1)

    def var(self) -> Array:
        """Compute the variance, of shape (n_samples,)."""
        probabilities, first, second = self._piece_moments()
        scales = self._of_winners(self.scales)
        away = self._of_winners(self.means) - self.mean()[:, None]
        return (probabilities * away**2 + 2 * away * scales * first + scales**2 * second).sum(
            axis=1
        )

    def _piece_moments(self) -> tuple[Array, Array, Array]:
        """∫ z^j p dy of each piece for j = 0, 1, 2, with z = (y − μ)/s of its component."""
        low, high = self._ends()
        mass = np.exp(self._of_winners(self._log_masses()) - self._log_partition[:, None])
        zeroth = _between(low, high)
        at_low, at_high = (np.exp(-0.5 * z**2 - LOG_SQRT_2PI) for z in (low, high))
        second = zeroth + low * at_low - high * at_high
        return mass * zeroth, mass * (at_low - at_high), mass * second

    def mode(self) -> Array:
        """Compute the mode, the mean of the highest component, of shape (n_samples,)."""
        highest = self.log_heights.argmax(axis=1)[:, None]
        return np.take_along_axis(self.means, highest, axis=1)[:, 0]


def _between(low: Array, high: Array) -> Array:
    """Φ(high) − Φ(low), from the upper tails if both are positive."""
    upper = low > 0
    below = ndtr(np.where(upper, -high, low))
    return ndtr(np.where(upper, -low, high)) - below
