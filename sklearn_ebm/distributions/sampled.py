"""Distributions of targets with several columns that are known by their energies alone."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_random_state

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.tiles import row_blocks, tiles
from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.distributions._numerics.descent import descend, spread_starts
from sklearn_ebm.distributions._numerics.mean_shift import merge
from sklearn_ebm.distributions._numerics.refresh import jumped, random_moves, shifted
from sklearn_ebm.distributions._numerics.weighted import WeightedDraws, sorted_draws
from sklearn_ebm.distributions.base import Modes, coverage, join_rows, share
from sklearn_ebm.distributions.gaussian_mixture import choose_components
from sklearn_ebm.distributions.vector import (
    N_SAMPLES,
    VectorDistribution,
    VectorRegion,
    probabilities_of,
)
from sklearn_ebm.exceptions import SamplingWarning
from sklearn_ebm.samplers._weights import WeightSummary, summarize
from sklearn_ebm.samplers.base import Proposal, Surface
from sklearn_ebm.samplers.partition import FEWEST, LogPartition, weighed

#: Fraction of samples with fewer effective draws that is accepted without a warning.
FEW_ROWS = 0.05
#: Number of descents to minima of the energy for each sample, and of those to the lowest.
N_STARTS, N_LOWEST = 24, 8
#: Smallest scale of an output, as a part of the standard deviation of the proposal.
LEAST_SCALE = 0.1
#: Distance, in standard deviations of an output, within which two minima are the same.
SAME_MODE = 1e-3
#: Numbers of a layer of a network for each answer, for which tiles of answers are made.
LAYER = 16


class SampledDensity(VectorDistribution):
    r"""Gibbs distributions p(y) = exp(−F(y))/Z of q outputs, by weighted draws of a proposal.

    .. code-block:: none

        Z ≈ (1/S) Σ_s w_s,    w_s = exp(−F(y_s))/q(y_s),    y_s ~ q

    Moments, quantiles and scores are those of the weighted draws; they are determined by
    `random_state` and use the same random numbers for every sample. Other draws are weighted draws
    that have been chosen in proportion to their weights, followed by moves that leave p
    invariant: jumps to draws of the proposal, and Langevin steps. A mode in which the proposal has
    no draws is missed, and no weight tells.

    Parameters
    ----------
    surface : Surface
        Energies F of n samples, at β = 1.
    proposal : Proposal
        Normalised densities q with tails that are not thinner than those of p, such as a
        `VectorGaussianMixture`, one for each sample.
    n_samples : int, default=1000
        Number S of weighted draws for each sample.
    random_state : int, default=0
        Seed of the weighted draws.

    Raises
    ------
    ValueError
        If the numbers of samples differ, or energies of draws are NaN, −inf, or +inf for all draws
        of a sample.

    Warns
    -----
    SamplingWarning
        If the effective number of draws is below 50 for more than 5 % of the samples.

    See Also
    --------
    VectorGaussianMixture : Distribution in closed form.

    References
    ----------
    Robert, Casella, *Monte Carlo Statistical Methods* (2004), chapter 3.
    :doi:`10.1007/978-1-4757-4145-2`

    Vehtari, Simpson, Gelman, Yao, Gabry, "Pareto smoothed importance sampling", Journal of Machine
    Learning Research 25 (2024) 1-58. :arxiv:`1507.02646`

    Examples
    --------
    If the proposal equals p, all weights are Z = e³ and the error is 0:

    >>> import numpy as np
    >>> from sklearn_ebm.distributions import VectorGaussianMixture
    >>> from sklearn_ebm.distributions.sampled import SampledDensity
    >>> from sklearn_ebm.samplers.base import Surface
    >>> class Round(Surface):
    ...     n_rows, n_outputs = 1, 2
    ...
    ...     def energies(self, y):
    ...         return (y**2).sum(axis=2) / 2 + np.log(2 * np.pi) - 3
    ...
    ...     def energies_and_slopes(self, y):
    ...         return self.energies(y), y
    ...
    ...     def __getitem__(self, rows):
    ...         return self
    >>> proposal = VectorGaussianMixture(
    ...     [[1.0]], np.zeros((1, 1, 2)), np.eye(2)[None, None]
    ... )
    >>> density = SampledDensity(Round(), proposal)
    >>> density.log_partition().value, density.log_partition().ess
    (array([3.]), array([1000.]))
    >>> density.log_prob([[0.0, 0.0]]) + np.log(2 * np.pi)
    array([0.])
    """

    _fields: ClassVar[tuple[str, ...]] = (
        "surface", "proposal", "_log_weights", "_log_partition", "_error", "_ess", "_shape"
    )  # fmt: skip

    def __init__(
        self,
        surface: Surface,
        proposal: Proposal,
        n_samples: int = N_SAMPLES,
        random_state: int = 0,
    ) -> None:
        if surface.n_rows != proposal.n_rows:
            raise ValueError(
                f"The surface has {surface.n_rows} samples and the proposal {proposal.n_rows}; "
                "both must belong to the same samples."
            )
        self.surface = surface
        self.proposal = proposal
        self.n_samples = positive_integer("n_samples", n_samples)
        self.random_state = _seed(random_state)
        shape = (surface.n_rows, self.n_samples)
        self._log_weights: Array = np.empty(shape)
        empty: Array = np.empty(shape[0])
        self._log_partition = self._error = self._ess = self._shape = empty
        for rows in row_blocks(shape[0], self._width):
            self._log_weights[rows] = self[rows]._weigh()
        self._check_weights()
        self._integrate()

    def _weigh(self) -> Array:
        """log w of the weighted draws of a block."""
        draws = self._pool()
        return self._log_weight(draws)

    def _log_weight(self, y: Array) -> Array:
        """log w = −F − log q."""
        return -self._energies(y) - self.proposal._log_prob(y)

    def _check_weights(self) -> None:
        weights = self._log_weights
        if np.isnan(weights).any() or (weights == np.inf).any():
            raise ValueError(
                "Some energies are NaN or −inf, so that they define no density; an energy must be "
                "a number, or +inf where an answer is impossible."
            )
        if (weights == -np.inf).all(axis=1).any():
            raise ValueError(
                "All draws of the proposal are impossible for a sample: their energies are +inf; "
                "use a proposal that covers possible answers."
            )

    def _integrate(self) -> None:
        """Estimate log Z, and warn of many samples with few effective draws."""
        self._log_partition, self._error, self._ess, self._shape = summarize(self._log_weights)
        n_unreliable = int((self._ess < FEWEST).sum())
        if n_unreliable > FEW_ROWS * self.n_rows:
            warnings.warn(
                f"The effective number of draws is below {FEWEST:.0f} for {n_unreliable} of "
                f"{self.n_rows} samples, so that their densities are inaccurate and the standard "
                "errors too small; raise n_samples, or use a proposal closer to the distribution "
                "(for a regressor, raise n_components of the energy).",
                SamplingWarning,
                stacklevel=3,
            )

    @property
    def n_rows(self) -> int:
        """Number of distributions."""
        return self.surface.n_rows

    @property
    def n_outputs(self) -> int:
        """Number of outputs q."""
        return self.surface.n_outputs

    def log_partition(self) -> LogPartition:
        """Return the estimate of log Z, with its standard error and the effective number of draws.

        It does not show modes that no draw has reached; `sklearn_ebm.inference.log_partition` does.

        Returns
        -------
        LogPartition
            Estimates of shape (n_samples,).
        """
        parts = (self._log_partition, self._error, self._ess, self._shape)
        return weighed(WeightSummary(*(part.copy() for part in parts)))

    def log_prob_error(self) -> Array:
        """Estimate the standard error of log p, that of log Z, of shape (n_samples,), in nats."""
        return self._error.copy()

    @property
    def _width(self) -> int:
        return 4 * self.n_samples * self.n_outputs

    def _pool(self) -> Array:
        """The weighted draws, (n, S, q)."""
        rng = np.random.RandomState(self.random_state)
        return self.proposal._draw(self.n_samples, rng, shared=True)

    def _weights(self) -> Array:
        """Weights (n, S), which sum to 1."""
        weights = np.exp(
            self._log_weights - self._log_weights.max(axis=1, initial=-np.inf)[:, None]
        )
        weights /= weights.sum(axis=1, keepdims=True)
        return weights

    def _energies(self, y: Array) -> Array:
        result = np.empty(y.shape[:2])
        for rows, columns in tiles(y.shape[:2], LAYER * self.n_outputs):
            result[rows, columns] = self.surface[rows].energies(y[rows, columns])
        return result

    def _energies_and_slopes(self, y: Array) -> tuple[Array, Array]:
        energies, slopes = np.empty(y.shape[:2]), np.empty(y.shape)
        for rows, columns in tiles(y.shape[:2], LAYER * self.n_outputs):
            part = self.surface[rows].energies_and_slopes(y[rows, columns])
            energies[rows, columns], slopes[rows, columns] = part
        return energies, slopes

    def _log_prob(self, y: Array) -> Array:
        known = np.asarray(np.isfinite(y).all(axis=2))
        energies = self._energies(np.where(known[..., None], y, 0.0))
        result = -energies - self._log_partition[:, None]
        missing = np.isnan(y).any(axis=2)
        return np.where(known, result, np.where(missing, np.nan, -np.inf))

    def _draw(self, n_samples: int, rng: np.random.RandomState, *, shared: bool) -> Array:
        """Choose weighted draws in proportion to their weights, and move them."""
        n_draws = 1 if shared else self.n_rows
        uniform = rng.uniform(size=(n_draws, n_samples))

        def propose() -> Array:
            return self.proposal._draw(n_samples, rng, shared=shared)

        moves = random_moves(propose, (n_draws, n_samples, self.n_outputs), rng)
        pool, weights = self._pool(), self._weights()
        chosen = choose_components(weights, np.broadcast_to(uniform, (self.n_rows, n_samples)))
        answers = np.take_along_axis(pool, chosen[:, :, None], axis=1)
        log_weights = np.take_along_axis(self._log_weights, chosen, axis=1)
        answers = jumped(answers, log_weights, self._log_weight, moves)
        return shifted(answers, self._energies_and_slopes, self._scales(pool, weights), moves)

    def _scales(self, pool: Array, weights: Array) -> Array:
        """Standard deviations of the outputs; not too small if few draws have all the weight."""
        mean = np.einsum("ns,nsq->nq", weights, pool)
        variance = np.einsum("ns,nsq->nq", weights, np.square(pool - mean[:, None]))
        least = LEAST_SCALE * pool.std(axis=1)
        scales: Array = np.maximum(np.sqrt(variance), np.where(least > 0, least, 1.0))
        return scales

    def _of_pool(self, function: Callable[[Array, Array], Array]) -> Array:
        """Apply a function to the weighted draws and their weights, block by block."""
        return self._in_blocks(lambda part: function(part._pool(), part._weights()), self._width)

    def mean(self) -> Array:
        """Estimate the mean Σ w y, with the standard error std()/√ess, (n_samples, n_outputs)."""
        return self._of_pool(lambda pool, weights: np.einsum("ns,nsq->nq", weights, pool))

    def var(self) -> Array:
        """Estimate the variance of each output, of shape (n_samples, n_outputs)."""

        def variance(pool: Array, weights: Array) -> Array:
            away = pool - np.einsum("ns,nsq->nq", weights, pool)[:, None]
            return np.einsum("ns,nsq->nq", weights, np.square(away))

        return self._of_pool(variance)

    def _of_sorted(
        self, function: Callable[[WeightedDraws, Array], Array], *arrays: Array
    ) -> Array:
        """Apply a function to the sorted weighted draws and to arrays, block by block."""
        return self._in_blocks(
            lambda part, *some: function(sorted_draws(part._pool(), part._weights()), *some),
            self._width,
            *arrays,
        )

    def median(self) -> Array:
        """Estimate the median of each output, of shape (n_samples, n_outputs)."""
        return self.quantiles(0.5)

    def quantiles(self, probabilities: npt.ArrayLike) -> Array:
        """Estimate quantiles of each output from the weighted draws.

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
        several = np.atleast_1d(wanted)
        result = self._in_blocks(
            lambda part: sorted_draws(part._pool(), part._weights()).quantiles(several),
            self._width,
        )
        result[:, :, several == 0] = -np.inf
        result[:, :, several == 1] = np.inf
        return result if wanted.ndim else result[..., 0]

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
        return self._of_sorted(WeightedDraws.cdf, answers).reshape(*shape, self.n_outputs)

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
        return self._of_sorted(WeightedDraws.crps, answers).reshape(*shape, self.n_outputs)

    def _heights(self, n_samples: int, seed: int) -> tuple[Array, Array, Array]:
        """Log p of weighted draws from high to low, their weights, and the cumulative weights."""
        part = self
        if (n_samples, seed) != (self.n_samples, self.random_state):
            part = copy.copy(self)
            part.n_samples, part.random_state = n_samples, seed
            part._log_weights = part._weigh()
        weights = part._weights()
        heights = part._log_weights + self.proposal._log_prob(part._pool())
        heights -= self._log_partition[:, None]
        order = np.argsort(-heights, axis=1)
        weights = np.take_along_axis(weights, order, axis=1)
        return np.take_along_axis(heights, order, axis=1), weights, np.cumsum(weights, axis=1)

    def entropy(self, n_samples: int = N_SAMPLES, random_state: Any = 0) -> Array:
        """Estimate the entropy −E log p in nats from weighted draws of the proposal.

        Parameters
        ----------
        n_samples : int, default=1000
            Number of weighted draws for each sample.
        random_state : int, RandomState or None, default=0
            Seed of the draws.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        positive_integer("n_samples", n_samples)
        seed = _seed(random_state)

        def block(part: SampledDensity) -> Array:
            heights, weights, _ = part._heights(n_samples, seed)
            return -np.where(weights > 0, weights * heights, 0.0).sum(axis=1)

        return self._in_blocks(block, 4 * n_samples * self.n_outputs)

    def region(
        self, level: float, n_samples: int = N_SAMPLES, random_state: Any = 0
    ) -> VectorRegion:
        """Estimate the smallest region of probability `level` from weighted draws.

        Parameters
        ----------
        level : float
            Probability of the region, above 0 and at most 1; 1 gives all values of y.
        n_samples : int, default=1000
            Number of weighted draws for each sample.
        random_state : int, RandomState or None, default=0
            Seed of the draws.

        Returns
        -------
        VectorRegion
            Region with the attribute `log_threshold`, log τ, and the method `contains`. It contains
            y if ``density_rank(y, n_samples, random_state)`` is at most `level`.
        """
        positive_integer("n_samples", n_samples)
        seed = _seed(random_state)
        if coverage("level", level) == 1:
            return VectorRegion(np.full(self.n_rows, -np.inf), self)

        def block(part: SampledDensity) -> Array:
            heights, _, inside = part._heights(n_samples, seed)
            last = np.minimum((inside <= level).sum(axis=1), n_samples - 1)
            return heights[np.arange(part.n_rows), last]

        return VectorRegion(self._in_blocks(block, 4 * n_samples * self.n_outputs), self)

    def density_rank(
        self, y: npt.ArrayLike, n_samples: int = N_SAMPLES, random_state: Any = 0
    ) -> Array:
        """Estimate P(p(Y | x) > p(y | x)) from weighted draws: 0 at the mode, else up to 1.

        Parameters
        ----------
        y : array-like of shape (n_samples, n_outputs) or (n_samples, m, n_outputs)
            One answer for each sample, or m answers for each sample.
        n_samples : int, default=1000
            Number of weighted draws for each sample.
        random_state : int, RandomState or None, default=0
            Seed of the draws.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, m)
        """
        positive_integer("n_samples", n_samples)
        seed = _seed(random_state)
        answers, shape = self._candidates(y)

        def block(part: SampledDensity, some: Array) -> Array:
            heights, _, inside = part._heights(n_samples, seed)
            below = np.pad(inside, ((0, 0), (1, 0)))
            own, row = part._log_prob(some), np.arange(part.n_rows)
            ranks = np.empty(own.shape)
            for column in range(own.shape[1]):
                ranks[:, column] = below[row, (heights > own[:, [column]]).sum(axis=1)]
            ranks[np.isnan(own)] = np.nan
            return np.minimum(ranks, 1.0)

        width = 4 * n_samples * self.n_outputs
        return self._in_blocks(block, width, answers).reshape(shape)

    def _starts(self) -> tuple[Array, Array, Array, Array]:
        """Starts of descents (n, s, q), log p there, their weights, and the scales of the outputs.

        The weight of a start is that of the draws to which it is the nearest.
        """
        pool, weights = self._pool(), self._weights()
        scales = self._scales(pool, weights)
        heights = self._log_weights + self.proposal._log_prob(pool)
        chosen, nearest = spread_starts(pool / scales[:, None], heights, weights, N_STARTS)
        flat = nearest + N_STARTS * np.arange(self.n_rows)[:, None]
        total = np.bincount(flat.ravel(), weights.ravel(), N_STARTS * self.n_rows)
        shares: Array = total.astype(np.float64).reshape(self.n_rows, N_STARTS)
        starts = np.take_along_axis(pool, chosen[:, :, None], axis=1)
        return starts, np.take_along_axis(heights, chosen, axis=1), shares, scales

    def mode(self) -> Array:
        """Compute the global mode by descent of the energy from the most likely of 24 draws.

        The draws are far from each other; 8 of them are starts.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
        """
        return self._in_blocks(type(self)._mode_of_block, self._width)

    def _mode_of_block(self) -> Array:
        starts, heights, _, scales = self._starts()
        likeliest = np.argsort(-heights, axis=1, kind="stable")[:, :N_LOWEST, None]
        starts = np.take_along_axis(starts, likeliest, axis=1)
        points, energies = descend(self.surface, starts, scales)
        return points[np.arange(self.n_rows), energies.argmin(axis=1)]

    def modes(self, min_probability: float = 0.05) -> Modes:
        """Compute local maxima of the density, by descent of the energy from 24 weighted draws.

        The draws are far from each other, beginning with the most likely one.

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
            a maximum is the total weight of the draws whose nearest start leads to it.
        """
        least = share("min_probability", min_probability)
        parts = [self[rows]._modes_of_block(least) for rows in row_blocks(self.n_rows, self._width)]
        if not parts:
            return Modes(np.empty((0, 1, self.n_outputs)), np.empty((0, 1)))
        probabilities = join_rows([part.probabilities for part in parts])
        answers = join_rows([part.answers for part in parts])
        return Modes(answers, np.where(np.isnan(probabilities), 0.0, probabilities))

    def _modes_of_block(self, min_probability: float) -> Modes:
        starts, _, shares, scales = self._starts()
        points, energies = descend(self.surface, starts, scales)
        # `merge` regards points within a tenth of the unit of the metric as one.
        precision = np.square(0.1 / (SAME_MODE * scales))
        metric = precision[:, :, None] * np.eye(self.n_outputs)
        metrics = np.broadcast_to(metric[:, None], (*points.shape, self.n_outputs))
        return merge(points, metrics, -energies, shares, min_probability)


def _seed(random_state: Any) -> int:
    """Return a seed that gives the same draws in every block of rows."""
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
