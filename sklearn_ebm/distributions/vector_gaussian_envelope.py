"""Normalised upper envelopes of Gaussians for targets with several columns."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.tiles import row_blocks, tiles
from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.distributions._numerics.cholesky import check_factors, log_determinants, precisions
from sklearn_ebm.distributions._numerics.mean_shift import merge
from sklearn_ebm.distributions.base import (
    Modes,
    finite_array,
    join_rows,
    matrix_shape,
    share,
)
from sklearn_ebm.distributions.gaussian_mixture import LOG_SQRT_2PI
from sklearn_ebm.distributions.vector import (
    N_SAMPLES,
    Estimate,
    VectorDistribution,
    probabilities_of,
)
from sklearn_ebm.distributions.vector_gaussian_mixture import VectorGaussianMixture


class VectorGaussianEnvelope(VectorDistribution):
    r"""p(y) = max_k exp(h_k − ‖L_k⁻¹(y − μ_k)‖²/2) / Z over answers of q numbers.

    The Gibbs density of a minimum over K values of a latent variable whose energies are quadratic
    in y. The sum of the components instead of their maximum is a Gaussian mixture with a known
    integral; Z is that integral times E[max/sum] under the mixture, which is between 1/K and 1
    and is estimated from seeded draws. Draws from p are draws from the mixture that are accepted
    with the probability max/sum.

    Parameters
    ----------
    log_heights : array-like of shape (n_samples, K)
        Logarithms h_k of the heights of the components, in nats; only differences matter.
    means : array-like of shape (n_samples, K, n_outputs)
        Means μ_k of the components, in the units of y.
    factors : array-like of shape (n_samples, K, n_outputs, n_outputs)
        Lower triangular L_k with a positive diagonal, in the units of y.
    n_samples : int, default=1000
        Number of draws for each sample, for Z and other quantities without a closed form.
    random_state : int, default=0
        Seed of the draws. All samples use the same random numbers.

    Raises
    ------
    ValueError
        If the shapes do not match, an entry is not finite, or a factor is not lower triangular with
        a positive diagonal.

    See Also
    --------
    GaussianEnvelope : One-dimensional envelope, in closed form.

    References
    ----------
    LeCun, Chopra, Hadsell, Ranzato, Huang, "Energy-Based Models", in *Predicting Structured Data*
    (2007), section 1.3. :doi:`10.7551/mitpress/7443.003.0014`

    Examples
    --------
    With two equal components, Z = 2π is exact for any draws:

    >>> import numpy as np
    >>> from sklearn_ebm.distributions.vector_gaussian_envelope import (
    ...     VectorGaussianEnvelope,
    ... )
    >>> density = VectorGaussianEnvelope(
    ...     np.zeros((1, 2)), np.zeros((1, 2, 2)), np.tile(np.eye(2), (1, 2, 1, 1))
    ... )
    >>> value, standard_error = density.log_partition()
    >>> np.exp(value).round(4), standard_error.round(4)
    (array([6.2832]), array([0.]))
    """

    _fields: ClassVar[tuple[str, ...]] = (
        "log_heights", "mixture", "_log_total", "_log_share", "_share_error"
    )  # fmt: skip

    def __init__(
        self,
        log_heights: npt.ArrayLike,
        means: npt.ArrayLike,
        factors: npt.ArrayLike,
        n_samples: int = N_SAMPLES,
        random_state: int = 0,
    ) -> None:
        shape = matrix_shape("log_heights", log_heights)
        self.log_heights = finite_array("log_heights", log_heights, shape)
        centres, lower = check_factors(means, factors, shape)
        self.n_samples = positive_integer("n_samples", n_samples)
        self.random_state = random_state
        masses = self.log_heights + log_determinants(lower) + centres.shape[2] * LOG_SQRT_2PI
        highest = masses.max(axis=1, keepdims=True)
        masses = np.exp(masses - highest)
        total = masses.sum(axis=1, keepdims=True)
        #: Mixture of the components, from which proposals are drawn.
        self.mixture = VectorGaussianMixture(masses / total, centres, lower)
        self._log_total = (highest + np.log(total))[:, 0]
        # 1 until E[max/sum] is computed.
        self._log_share = np.zeros(shape[0])
        self._share_error = np.zeros(shape[0])
        self._estimate_share()

    def _estimate_share(self) -> None:
        """E[max/sum] under the mixture, and the standard error of its logarithm."""

        def block(part: VectorGaussianEnvelope) -> Array:
            samples = part.mixture.seeded_sample(part.n_samples, part.random_state)
            part_of_sum = np.exp(part._log_highest(samples)[0] - part.mixture._log_prob(samples))
            return np.stack([part_of_sum.mean(axis=1), part_of_sum.std(axis=1)], axis=1)

        mean, deviation = self._in_blocks(block, self._width).T
        self._log_share = np.log(mean)
        self._share_error = deviation / mean / np.sqrt(self.n_samples)

    @property
    def n_outputs(self) -> int:
        """Number of outputs q."""
        return self.mixture.n_outputs

    @property
    def _width(self) -> int:
        return self.n_samples * self.n_outputs

    def _log_highest(self, y: Array) -> tuple[Array, Index]:
        """Logarithm and index of the highest weighted Gaussian of the mixture at y (n, m, q)."""
        height = np.empty(y.shape[:2])
        which = np.empty(y.shape[:2], dtype=np.intp)
        for rows, columns in tiles(y.shape[:2], self.mixture._depth):
            logs = self.mixture._log_components(rows, y[rows, columns])
            height[rows, columns] = logs.max(axis=0)
            which[rows, columns] = logs.argmax(axis=0)
        return height, which

    def _log_prob(self, y: Array) -> Array:
        return self._log_highest(y)[0] - self._log_share[:, None]

    def log_partition(self) -> Estimate:
        """Estimate log Z = log ∫ max_k exp(h_k − ‖L_k⁻¹(y − μ_k)‖²/2) dy.

        Returns
        -------
        Estimate
            Value and standard error of shape (n_samples,), in nats. The error is 0 for K = 1.
        """
        return Estimate(self._log_total + self._log_share, self._share_error.copy())

    def _draw(self, n_samples: int, rng: np.random.RandomState, *, shared: bool) -> Array:
        """Draw from the mixture until `n_samples` draws of each row are accepted."""
        samples = np.empty((self.n_rows, n_samples, self.n_outputs))
        filled = np.zeros(self.n_rows, dtype=np.intp)
        rows = np.arange(self.n_rows)
        while len(rows):
            part = self[rows]
            proposed = part.mixture._draw(n_samples, rng, shared=shared)
            uniform = rng.uniform(size=(1 if shared else len(rows), n_samples))
            chance = np.exp(part._log_highest(proposed)[0] - part.mixture._log_prob(proposed))
            accepted = uniform < chance
            place = filled[rows, None] + np.cumsum(accepted, axis=1) - 1
            row, column = np.nonzero(accepted & (place < n_samples))
            samples[rows[row], place[row, column]] = proposed[row, column]
            filled[rows] += accepted.sum(axis=1)
            rows = rows[filled[rows] < n_samples]
        return samples

    def _of_samples(self, function: Any) -> Array:
        """Apply a function to seeded draws (n, n_samples, q), block by block."""
        return self._in_blocks(
            lambda part: function(part.seeded_sample(part.n_samples, part.random_state)),
            self._width,
        )

    def mean(self) -> Array:
        """Estimate the mean from seeded draws, with the standard error std()/√n_samples."""
        return self._of_samples(lambda samples: samples.mean(axis=1))

    def var(self) -> Array:
        """Estimate the variance of each output, of shape (n_samples, n_outputs)."""
        return self._of_samples(lambda samples: samples.var(axis=1))

    def median(self) -> Array:
        """Estimate the median of each output, of shape (n_samples, n_outputs)."""
        return self.quantiles([0.5])[:, :, 0]

    def quantiles(self, probabilities: npt.ArrayLike) -> Array:
        """Estimate quantiles of each output from seeded draws.

        Parameters
        ----------
        probabilities : float or array-like of shape (m,)
            Probabilities between 0 and 1; 0 and 1 give −inf and inf.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs) or (n_samples, n_outputs, m)
            Quantiles. If `probabilities` is a number, the last axis is omitted, as in
            `numpy.quantile`.
        """
        wanted = probabilities_of(probabilities)
        if wanted.ndim == 0:
            return self.quantiles(wanted[None])[..., 0]
        result = self._of_samples(
            lambda samples: np.moveaxis(np.quantile(samples, wanted, axis=1), 0, 2)
        )
        result[:, :, wanted == 0] = -np.inf
        result[:, :, wanted == 1] = np.inf
        return result

    def marginal_cdf(self, y: npt.ArrayLike) -> Array:
        """Estimate the marginal distribution functions P(Y_j ≤ y_j | x), inverse to `quantiles`.

        Parameters
        ----------
        y : array-like of shape (n_samples, n_outputs) or (n_samples, m, n_outputs)
            One answer for each sample, or m answers for each sample.

        Returns
        -------
        ndarray of the shape of y
        """
        answers, shape = self._candidates(y)

        def block(part: VectorGaussianEnvelope, some: Array) -> Array:
            samples = np.sort(part.seeded_sample(part.n_samples, part.random_state), axis=1)
            below = np.linspace(0, 1, part.n_samples)
            result = np.empty(some.shape)
            for row, output in np.ndindex(part.n_rows, part.n_outputs):
                result[row, :, output] = np.interp(
                    some[row, :, output], samples[row, :, output], below
                )
            return result

        return self._in_blocks(block, self._width, answers).reshape(*shape, self.n_outputs)

    def crps(self, y: npt.ArrayLike) -> Array:
        """Estimate the CRPS E|Y − y| − ½ E|Y − Y'| of each output, in its unit.

        Parameters
        ----------
        y : array-like of shape (n_samples, n_outputs) or (n_samples, m, n_outputs)
            One answer for each sample, or m answers for each sample.

        Returns
        -------
        ndarray of the shape of y
        """
        answers, shape = self._candidates(y)

        def block(part: VectorGaussianEnvelope, some: Array) -> Array:
            samples = np.sort(part.seeded_sample(part.n_samples, part.random_state), axis=1)
            # Σ_ij |y_i − y_j| = 2 Σ_i (2i − n − 1) y_i for sorted numbers, over n(n − 1) pairs.
            n = samples.shape[1]
            ranks = 2 * np.arange(1, n + 1) - n - 1
            spread = np.einsum("s,nsq->nq", ranks, samples) / (n * max(n - 1, 1))
            scores = np.empty(some.shape)
            for column in range(some.shape[1]):
                scores[:, column] = np.abs(samples - some[:, [column]]).mean(axis=1) - spread
            return scores

        return self._in_blocks(block, self._width, answers).reshape(*shape, self.n_outputs)

    def mode(self) -> Array:
        """Compute the mode, the mean of the highest component, (n_samples, n_outputs)."""
        return self.mixture.means[np.arange(self.n_rows), self.log_heights.argmax(axis=1)]

    def modes(self, min_probability: float = 0.05) -> Modes:
        """Compute the local maxima: means of components that are highest at their own mean.

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
            a maximum is the fraction of seeded draws at which its component is the highest, or a
            component that is covered at its mean by a chain of components that leads to it.
        """
        least = share("min_probability", min_probability)
        parts = [self[rows]._modes_of_block(least) for rows in row_blocks(self.n_rows, self._width)]
        if not parts:
            return Modes(np.empty((0, 1, self.n_outputs)), np.empty((0, 1)))
        probabilities = join_rows([part.probabilities for part in parts])
        answers = join_rows([part.answers for part in parts])
        return Modes(answers, np.where(np.isnan(probabilities), 0.0, probabilities))

    def _modes_of_block(self, min_probability: float) -> Modes:
        row = np.arange(self.n_rows)[:, None]
        n_components = self.log_heights.shape[1]
        _, winners = self._log_highest(self.seeded_sample(self.n_samples, self.random_state))
        flat = (winners + n_components * row).ravel()
        counts = np.bincount(flat, minlength=n_components * self.n_rows)
        shares = counts.reshape(self.n_rows, n_components) / self.n_samples
        # Go from each mean to the mean of the highest component there, until nothing changes.
        _, end = self._log_highest(self.mixture.means)
        for _ in range(n_components):
            end = end[row, end]
        points, metrics = self.mixture.means[row, end], precisions(self.mixture.factors)[row, end]
        return merge(points, metrics, self.log_heights[row, end], shares, min_probability)
