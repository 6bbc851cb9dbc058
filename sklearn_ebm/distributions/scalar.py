"""Distributions of a one-dimensional target, with numerical methods for any smooth density."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_random_state

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.tiles import CACHED_NUMBERS, row_blocks, tiles
from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.distributions._numerics.integrals import (
    crps_of_block,
    entropy_of_block,
    moments_of_block,
)
from sklearn_ebm.distributions._numerics.level_sets import LevelSets
from sklearn_ebm.distributions._numerics.modes import merge_maxima
from sklearn_ebm.distributions._numerics.profile import global_mode
from sklearn_ebm.distributions._numerics.quadrature import POINTS_PER_CELL
from sklearn_ebm.distributions._numerics.quantiles import ppf_of_block
from sklearn_ebm.distributions.base import (
    ConditionalDistribution,
    Modes,
    coverage,
    in_place,
    join_rows,
    share,
)


class ScalarDistribution(ConditionalDistribution):
    """Base class of conditional distributions of a one-dimensional target.

    A subclass writes `_log_prob`, `_cdf` and `_knots`, and names its arrays with one entry for each
    row in `_fields`; `_log_prob_and_slope` and everything with a closed form it may write as well.
    """

    #: Number of temporary entries for the evaluation at one answer.
    _depth: int = 1

    @abstractmethod
    def _log_prob(self, y: Array) -> Array:
        """log p at y (n, m), of shape (n_samples, m)."""

    @abstractmethod
    def _cdf(self, y: Array) -> Array:
        """P(Y ≤ y) at y (n, m), of shape (n_samples, m)."""

    @abstractmethod
    def _knots(self) -> Array:
        """Sorted points (n, g) that resolve the density.

        Between two neighbours log p is smooth and has at most one extremum; beyond the first and
        the last lies less than 1e-12 of the mass. A point may occur more than once.
        """

    def _cell_ends(self, finest: float = 2.0) -> Array:
        """Sorted ends of cells, (n, c), in which a quadrature with 8 points is accurate.

        Cells of a mixture are at most `finest` times as wide as the components in them.
        """
        return self._knots()

    def _log_prob_and_slope(self, y: Array) -> tuple[Array, Array]:
        """log p and d log p / dy at y (n, m), by default by central differences."""
        knots = self._knots()
        after = np.empty(y.shape, dtype=np.intp)
        for rows, columns in tiles(y.shape, knots.shape[1]):
            after[rows, columns] = (knots[rows].T[:, :, None] <= y[rows, columns]).sum(axis=0)
        after = np.clip(after, 1, knots.shape[1] - 1)
        width = np.take_along_axis(knots, after, axis=1)
        width -= np.take_along_axis(knots, after - 1, axis=1)
        step = np.maximum(1e-4 * width, 4 * np.spacing(np.abs(y)))
        forth, back = y + step, y - step
        return self._log_prob(y), (self._log_prob(forth) - self._log_prob(back)) / (forth - back)

    def _support(self) -> tuple[Array, Array]:
        """Ends of the support, (n,) each."""
        return np.full(self.n_rows, -np.inf), np.full(self.n_rows, np.inf)

    def _of_pairs(self, method: str, y: Array, rows: Index) -> Array:
        """Apply a method to one answer y (j,) of each of the rows (j,), in blocks.

        The result has the shape (j,), or (2, j) if the method returns two arrays.
        """
        pieces = list(row_blocks(len(y), self._depth, CACHED_NUMBERS // 4)) or [slice(0, 0)]
        results = [getattr(self[rows[some]], method)(y[some, None]) for some in pieces]
        return np.concatenate([np.asarray(result)[..., 0] for result in results], axis=-1)

    @property
    def _width(self) -> int:
        """Approximate number of temporary entries for one row with all of its knots."""
        # This allows a few arrays over components and some dozens over knots in the cache.
        return 16 * (self._depth + self[:64]._knots().shape[1])

    def _columns(self, y: npt.ArrayLike) -> tuple[Array, tuple[int, ...]]:
        """Return the answers as an array (n, m), and the shape of the result."""
        array = np.asarray(y, dtype=np.float64)
        if array.ndim == 0:
            array = np.full(self.n_rows, float(array))
        if array.ndim not in (1, 2) or len(array) != self.n_rows:
            raise ValueError(
                f"y.shape == {array.shape}, expected ({self.n_rows},) for one answer of each row, "
                f"({self.n_rows}, m) for m of each, or a scalar."
            )
        return array if array.ndim == 2 else array[:, None], array.shape

    def log_prob(self, y: npt.ArrayLike) -> Array:
        """Compute the log-density log p(y | x) in nats.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, m), or float
            One answer for each sample, m answers for each sample, or one answer for all samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, m)
        """
        columns, shape = self._columns(y)
        return self._log_prob(columns).reshape(shape)

    def cdf(self, y: npt.ArrayLike) -> Array:
        """Compute the distribution function F(y) = P(Y ≤ y | x).

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, m), or float
            One answer for each sample, m answers for each sample, or one answer for all samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, m)
        """
        columns, shape = self._columns(y)
        return self._cdf(columns).reshape(shape)

    def ppf(self, q: npt.ArrayLike) -> Array:
        """Compute the inverse of the distribution function, the quantile F⁻¹(q).

        Parameters
        ----------
        q : float or array-like of shape (m,)
            Probabilities between 0 and 1; 0 and 1 give the limits of the support.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, m)

        Raises
        ------
        ValueError
            If q is not between 0 and 1, or has more than one axis.
        """
        wanted = np.asarray(q, dtype=np.float64)
        if wanted.ndim > 1:
            raise ValueError(f"q.shape == {wanted.shape}, expected a number or (m,).")
        if not ((wanted >= 0) & (wanted <= 1)).all():
            raise ValueError("q has entries outside [0, 1]; probabilities lie between 0 and 1.")
        grid = np.broadcast_to(wanted.reshape(1, -1), (self.n_rows, wanted.size))
        return self._ppf(grid).reshape(self.n_rows, *wanted.shape)

    def _ppf(self, q: Array) -> Array:
        """F⁻¹ at q (n, m), with different probabilities for each row."""
        width = max(self._width, self._depth * q.shape[1])
        return self._in_blocks(ppf_of_block, width, q)

    def quantiles(self, probabilities: npt.ArrayLike) -> Array:
        """Compute quantiles, which never cross, not even by rounding.

        Parameters
        ----------
        probabilities : float or array-like of shape (m,)
            Probabilities between 0 and 1, in any order.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, m)
            Quantiles. If `probabilities` is a number, the last axis is omitted, as in
            `numpy.quantile`.
        """
        wanted = np.asarray(probabilities, dtype=np.float64)
        if wanted.ndim == 0:
            return self.ppf(wanted)
        if wanted.ndim != 1:
            raise ValueError(
                f"probabilities.shape == {wanted.shape}, expected one number or (m,) of them."
            )
        order = np.argsort(wanted, kind="stable")
        result = np.empty((self.n_rows, len(wanted)))
        result[:, order] = np.maximum.accumulate(self.ppf(wanted[order]), axis=1)
        return result

    def median(self) -> Array:
        """Compute the median, of shape (n_samples,)."""
        return self.ppf(0.5)

    def interval(self, level: float) -> Array:
        """Compute the central interval [F⁻¹((1 − level)/2), F⁻¹((1 + level)/2)].

        Parameters
        ----------
        level : float
            Probability of the interval or region, above 0 and at most 1; 1 gives (−∞, ∞).

        Returns
        -------
        ndarray of shape (n_samples, 2)
        """
        outside = (1 - coverage("level", level)) / 2
        return self.quantiles([outside, 1 - outside])

    def region(self, level: float) -> Array:
        """Compute the smallest set of probability `level`, {y: p(y | x) ≥ τ}.

        Parameters
        ----------
        level : float
            Probability of the interval or region, above 0 and at most 1; 1 gives (−∞, ∞).

        Returns
        -------
        ndarray of shape (n_samples, n_intervals, 2)
            The intervals of each sample from left to right, padded with NaN.

        References
        ----------
        Hyndman, "Computing and Graphing Highest Density Regions", The American Statistician 50
        (1996) 120-126. :doi:`10.1080/00031305.1996.10474359`
        """
        if coverage("level", level) == 1:
            return np.tile([-np.inf, np.inf], (self.n_rows, 1, 1))
        return self._in_blocks(lambda part: part._region_of_block(level), self._width)

    def _region_of_block(self, level: float) -> Array:
        sets = LevelSets(self)
        # Near the level 0, rounding must not raise the threshold above the peak.
        highest = sets.profile.log_density.max(axis=1)
        return sets.intervals(np.minimum(sets.threshold(level), highest))

    def region_threshold(self, level: float) -> Array:
        """Compute log τ of the region {y: p(y | x) ≥ τ}, of shape (n_samples,).

        Parameters
        ----------
        level : float
            Probability of the region, above 0 and at most 1.

        Returns
        -------
        ndarray of shape (n_samples,)
            −∞ for ``level=1``.
        """
        if coverage("level", level) == 1:
            return np.full(self.n_rows, -np.inf)
        return self._in_blocks(lambda part: LevelSets(part).threshold(level), self._width)

    def density_rank(self, y: npt.ArrayLike) -> Array:
        """Compute P(p(Y | x) > p(y | x)): 0 at the mode, close to 1 if the density is low.

        y lies in ``region(level)`` if its rank is at most `level`. If y is drawn from the
        distribution, the rank is uniform between 0 and 1.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, m), or float
            One answer for each sample, m answers for each sample, or one answer for all samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, m)
        """
        columns, shape = self._columns(y)
        width = max(self._width, columns.shape[1])
        return self._in_blocks(type(self)._ranks_of_block, width, columns).reshape(shape)

    def _ranks_of_block(self, y: Array) -> Array:
        sets, rows = LevelSets(self), np.arange(self.n_rows)
        heights = self._log_prob(y)
        ranks = np.empty_like(y)
        for column in range(y.shape[1]):
            ranks[:, column] = sets.mass(heights[:, column], rows)
        ranks[np.isnan(heights)] = np.nan
        return ranks

    def mode(self) -> Array:
        """Compute the global mode argmax_y p(y | x), of shape (n_samples,)."""
        return self._in_blocks(global_mode, self._width)

    def modes(self, min_probability: float = 0.05, min_depth: float = 0.2) -> Modes:
        """Compute the local maxima of the density and their probabilities.

        The probability of a maximum is the probability mass between the minima on both sides.

        Parameters
        ----------
        min_probability : float, default=0.05
            A maximum of lower probability is merged with the next maximum behind the higher of its
            two minima.
        min_depth : float, default=0.2
            Two neighbouring maxima are merged if the minimum between them is above 1 − `min_depth`
            times the lower maximum. Two equal Gaussians remain separate if their means differ by
            at least 2.7 standard deviations.

        Returns
        -------
        Modes
            Answers and probabilities of shape (n_samples, n_modes), by decreasing probability and
            padded with NaN and 0. Each sample has at least one mode, and its probabilities sum to
            1.
        """
        least = share("min_probability", min_probability)
        depth = share("min_depth", min_depth)
        blocks, order = self._parts(self._width)
        parts = [merge_maxima(self[rows], least, depth) for rows in blocks]
        if not parts:
            return Modes(np.empty((0, 1)), np.empty((0, 1)))
        answers = join_rows([part.answers for part in parts])
        probabilities = join_rows([part.probabilities for part in parts])
        probabilities = np.where(np.isnan(answers), 0.0, probabilities)
        if order is not None:
            answers, probabilities = in_place(answers, order), in_place(probabilities, order)
        return Modes(answers, probabilities)

    def mean(self) -> Array:
        """Compute the mean E[y | x] = ∫ y p(y) dy, of shape (n_samples,)."""
        return self._in_blocks(
            lambda part: moments_of_block(part)[0], self._width * POINTS_PER_CELL
        )

    def var(self) -> Array:
        """Compute the variance ∫ (y − E y)² p(y) dy, of shape (n_samples,)."""
        return self._in_blocks(
            lambda part: moments_of_block(part)[1], self._width * POINTS_PER_CELL
        )

    def entropy(self) -> Array:
        """Compute the entropy −∫ p log p dy in nats, of shape (n_samples,)."""
        return self._in_blocks(entropy_of_block, self._width)

    def crps(self, y: npt.ArrayLike) -> Array:
        """Compute the continuous ranked probability score ∫ (F(t) − 1[y ≤ t])² dt.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, m), or float
            One answer for each sample, m answers for each sample, or one answer for all samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, m)

        References
        ----------
        Gneiting, Raftery, "Strictly Proper Scoring Rules, Prediction, and Estimation", Journal of
        the American Statistical Association 102 (2007) 359-378.
        :doi:`10.1198/016214506000001437`
        """
        columns, shape = self._columns(y)
        width = self._width * POINTS_PER_CELL
        return self._in_blocks(crps_of_block, width, columns).reshape(shape)

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Array:
        """Draw answers by inversion of the distribution function.

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
        return self._ppf(check_random_state(random_state).uniform(size=(self.n_rows, n_samples)))
