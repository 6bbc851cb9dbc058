"""Gaussian mixtures for targets with several columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.tiles import row_blocks, tiles
from sklearn_ebm.distributions._numerics.cholesky import (
    check_factors,
    log_determinants,
    squared_distances,
)
from sklearn_ebm.distributions._numerics.mean_shift import mean_shift, merge
from sklearn_ebm.distributions.base import Modes, check_mixture_weights, join_rows, share
from sklearn_ebm.distributions.gaussian_mixture import (
    LOG_SQRT_2PI,
    GaussianMixture,
    choose_components,
)
from sklearn_ebm.distributions.vector import VectorDistribution

#: Number of starts of `mode`: the means with the highest density.
MOST_STARTS = 8


class VectorGaussianMixture(VectorDistribution):
    r"""Mixtures of Gaussians of a target with q outputs, one for each sample.

    p(y) = Σ_k w_k N(y; μ_k, L_k L_kᵀ).

    Parameters
    ----------
    weights : array-like of shape (n_samples, K)
        Mixing weights of the components, summing to 1 for each sample.
    means : array-like of shape (n_samples, K, n_outputs)
        Means μ_k, in the units of y.
    factors : array-like of shape (n_samples, K, n_outputs, n_outputs)
        Lower Cholesky factors L_k of the covariances, in the units of y.

    Raises
    ------
    ValueError
        If the shapes do not match, the weights of a row do not sum to 1 within 1e-6, or a factor is
        not lower triangular with a positive diagonal.

    See Also
    --------
    GaussianMixture : One-dimensional mixture, with more quantities in closed form.

    References
    ----------
    Bishop, "Mixture density networks", Aston University NCRG/94/004 (1994).

    Examples
    --------
    One Gaussian with L = [[2, 0], [1, 1]] has the covariance [[4, 2], [2, 2]]:

    >>> import numpy as np
    >>> from sklearn_ebm.distributions import VectorGaussianMixture
    >>> factors = np.array([[[[2.0, 0.0], [1.0, 1.0]]]])
    >>> density = VectorGaussianMixture([[1.0]], [[[0.0, 3.0]]], factors)
    >>> density.covariance()
    array([[[4., 2.],
            [2., 2.]]])
    >>> density.log_prob([[0.0, 3.0]]) + np.log(2 * np.pi * 2)
    array([0.])
    """

    _fields: ClassVar[tuple[str, ...]] = ("weights", "means", "factors", "_log_heights")

    def __init__(
        self, weights: npt.ArrayLike, means: npt.ArrayLike, factors: npt.ArrayLike
    ) -> None:
        self.weights = check_mixture_weights(weights)
        shape = (self.weights.shape[0], self.weights.shape[1])
        self.means, self.factors = check_factors(means, factors, shape)
        with np.errstate(divide="ignore"):  # a weight of 0 has the height exp(−inf)
            self._log_heights = np.log(self.weights) - log_determinants(self.factors)
        self._log_heights -= self.n_outputs * LOG_SQRT_2PI

    @property
    def n_outputs(self) -> int:
        """Number of outputs q."""
        return self.means.shape[2]

    @property
    def _depth(self) -> int:
        return self.means.shape[1] * self.n_outputs

    def _log_components(self, rows: slice, y: Array) -> Array:
        """log w_k N(y; μ_k, L_k L_kᵀ) of a tile, (K, rows, columns)."""
        result = squared_distances(y, self.means[rows], self.factors[rows])
        result *= -0.5
        result += self._log_heights[rows].T[:, :, None]
        return result

    def _log_prob(self, y: Array) -> Array:
        result = np.empty(y.shape[:2])
        for rows, columns in tiles(y.shape[:2], self._depth):
            logs = self._log_components(rows, y[rows, columns])
            highest = logs.max(axis=0)
            np.copyto(highest, 0.0, where=highest == -np.inf)
            logs -= highest
            with np.errstate(divide="ignore"):
                result[rows, columns] = np.log(np.exp(logs, out=logs).sum(axis=0)) + highest
        return result

    def _responsibilities(self, y: Array) -> Array:
        """P(component k | y) at y (n, m, q), of shape (n_samples, m, K)."""
        result = np.empty((*y.shape[:2], self.weights.shape[1]))
        for rows, columns in tiles(y.shape[:2], self._depth):
            logs = self._log_components(rows, y[rows, columns])
            logs -= logs.max(axis=0)
            np.exp(logs, out=logs)
            logs /= logs.sum(axis=0)
            result[rows, columns] = logs.transpose(1, 2, 0)
        return result

    def _draw(self, n_samples: int, rng: np.random.RandomState, *, shared: bool) -> Array:
        n_draws = 1 if shared else self.n_rows
        uniform = rng.uniform(size=(n_draws, n_samples))
        noise = rng.standard_normal(size=(n_draws, n_samples, self.n_outputs))

        def block(part: VectorGaussianMixture, u: Array, z: Array) -> Array:
            component = choose_components(
                part.weights, np.broadcast_to(u, (part.n_rows, n_samples))
            )
            row = np.arange(part.n_rows)[:, None]
            turned = np.einsum(
                "nsij,nsj->nsi",
                part.factors[row, component],
                np.broadcast_to(z, (part.n_rows, *z.shape[1:])),
            )
            return part.means[row, component] + turned

        width = n_samples * self.n_outputs**2
        if shared:
            return self._in_blocks(lambda part: block(part, uniform, noise), width)
        return self._in_blocks(block, width, uniform, noise)

    def marginal(self, output: int) -> GaussianMixture:
        """Compute the marginal distribution of one output.

        Parameters
        ----------
        output : int
            Index of the output.

        Returns
        -------
        GaussianMixture
            The marginal distribution of each sample.
        """
        scales = np.linalg.norm(self.factors[:, :, output], axis=2)
        return GaussianMixture(self.weights, self.means[:, :, output], scales)

    def _of_outputs(self, method: Callable[[GaussianMixture, int], Array]) -> Array:
        """Apply a method to each marginal distribution, and stack the results along axis 1."""
        return np.stack(
            [method(self.marginal(output), output) for output in range(self.n_outputs)], axis=1
        )

    def mean(self) -> Array:
        """Compute the mean Σ w_k μ_k, of shape (n_samples, n_outputs)."""
        return np.einsum("nk,nki->ni", self.weights, self.means)

    def covariance(self) -> Array:
        """Compute the covariances Σ w_k (L_k L_kᵀ + (μ_k − E y)(μ_k − E y)ᵀ) of the outputs."""
        away = self.means - self.mean()[:, None]
        within = np.einsum("nk,nkia,nkja->nij", self.weights, self.factors, self.factors)
        return within + np.einsum("nk,nki,nkj->nij", self.weights, away, away)

    def var(self) -> Array:
        """Compute the variance of each output, of shape (n_samples, n_outputs)."""
        return self._of_outputs(lambda marginal, _: marginal.var())

    def std(self) -> Array:
        """Compute the standard deviation of each output, of shape (n_samples, n_outputs)."""
        return self._of_outputs(lambda marginal, _: marginal.std())

    def median(self) -> Array:
        """Compute the median of each output, of shape (n_samples, n_outputs)."""
        return self._of_outputs(lambda marginal, _: marginal.median())

    def quantiles(self, probabilities: npt.ArrayLike) -> Array:
        """Compute quantiles of each output.

        Parameters
        ----------
        probabilities : float or array-like of shape (m,)
            Probabilities between 0 and 1.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs) or (n_samples, n_outputs, m)
            Quantiles. If `probabilities` is a number, the last axis is omitted, as in
            `numpy.quantile`.
        """
        return self._of_outputs(lambda marginal, _: marginal.quantiles(probabilities))

    def marginal_cdf(self, y: npt.ArrayLike) -> Array:
        """Compute the marginal distribution functions P(Y_j ≤ y_j | x), inverse to `quantiles`.

        Parameters
        ----------
        y : array-like of shape (n_samples, n_outputs) or (n_samples, m, n_outputs)
            One answer for each sample, or m answers for each sample.

        Returns
        -------
        ndarray of the shape of y
        """
        answers, shape = self._candidates(y)
        parts = [self.marginal(j).cdf(answers[..., j]) for j in range(self.n_outputs)]
        return np.stack(parts, axis=-1).reshape(*shape, self.n_outputs)

    def interval(self, level: float) -> Array:
        """Compute the central interval of each output, of shape (n_samples, n_outputs, 2)."""
        return self._of_outputs(lambda marginal, _: marginal.interval(level))

    def crps(self, y: npt.ArrayLike) -> Array:
        """Compute the continuous ranked probability score of each output, in its unit.

        Parameters
        ----------
        y : array-like of shape (n_samples, n_outputs) or (n_samples, m, n_outputs)
            One answer for each sample, or m answers for each sample.

        Returns
        -------
        ndarray of the shape of y

        See Also
        --------
        energy_score : Joint score of all outputs.
        """
        answers, shape = self._candidates(y)
        scores = self._of_outputs(lambda marginal, output: marginal.crps(answers[:, :, output]))
        return np.moveaxis(scores, 1, 2).reshape(*shape, self.n_outputs)

    def mode(self) -> Array:
        """Compute the global mode of the density, of shape (n_samples, n_outputs).

        It is found by ascent from the component means with the highest density.
        """
        return self._in_blocks(type(self)._mode_of_block, self._climb_width)

    @property
    def _climb_width(self) -> int:
        return self.weights.shape[1] * self._depth

    def _mode_of_block(self) -> Array:
        row = np.arange(self.n_rows)[:, None]
        starts = np.argsort(-self._log_prob(self.means), axis=1)[:, :MOST_STARTS]
        points, _ = mean_shift(self, self.means[row, starts])
        return points[row[:, 0], self._log_prob(points).argmax(axis=1)]

    def modes(self, min_probability: float = 0.05) -> Modes:
        """Compute the local maxima of the density by ascent from the means of all components.

        Parameters
        ----------
        min_probability : float, default=0.05
            A maximum of lower probability is merged with the nearest maximum of sufficient
            probability, or with the most likely one if there is none.

        Returns
        -------
        Modes
            Answers of shape (n_samples, n_modes, n_outputs), padded with NaN, and probabilities of
            shape (n_samples, n_modes), padded with 0, by decreasing probability. The probability of
            a maximum is the total weight of the components whose ascent ends within a tenth of the
            local standard deviation of it.
        """
        least = share("min_probability", min_probability)
        parts = []
        for rows in row_blocks(self.n_rows, self._climb_width):
            part = self[rows]
            points, metrics = mean_shift(part, part.means)
            heights = part._log_prob(points)
            parts.append(merge(points, metrics, heights, part.weights, least))
        if not parts:
            return Modes(np.empty((0, 1, self.n_outputs)), np.empty((0, 1)))
        probabilities = join_rows([part.probabilities for part in parts])
        answers = join_rows([part.answers for part in parts])
        return Modes(answers, np.where(np.isnan(probabilities), 0.0, probabilities))
