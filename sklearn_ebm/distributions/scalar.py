"""Densities of one number: everything from log p, the distribution function, and some knots."""

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
    """p(y | x) of a scalar y, by numerics that work for any smooth density.

    A subclass writes `_log_prob`, `_cdf` and `_knots`, and names its arrays with one entry for each
    row in `_fields`; `_log_prob_and_slope` and everything with a closed form it may write as well.
    """

    #: Numbers that one evaluation at one answer takes.
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
        """Sorted points (n, c) between which a quadrature with 8 points is exact enough.

        A cell may take `finest` times the width of the bumps in it, if the density knows them.
        """
        return self._knots()

    def _log_prob_and_slope(self, y: Array) -> tuple[Array, Array]:
        """log p and d log p / dy at y (n, m); here by central differences in the cell of y."""
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
        """A method at single answers y (j,) of rows (j,), in pieces that stay in a cache.

        Of shape (j,), or (2, j) if the method returns two arrays.
        """
        pieces = list(row_blocks(len(y), self._depth, CACHED_NUMBERS // 4)) or [slice(0, 0)]
        results = [getattr(self[rows[some]], method)(y[some, None]) for some in pieces]
        return np.concatenate([np.asarray(result)[..., 0] for result in results], axis=-1)

    @property
    def _width(self) -> int:
        """Numbers that working on a row at all of its knots takes, roughly."""
        # A few arrays over the components and some dozens over the knots, which then fit a cache.
        return 16 * (self._depth + self[:64]._knots().shape[1])

    def _columns(self, y: npt.ArrayLike) -> tuple[Array, tuple[int, ...]]:
        """The answers as (n, m), and the shape of the result."""
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
        """log p(y | x), in nats.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, m), or float
            One answer for each row, m candidates for each row, or one answer for all rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n, m)
        """
        columns, shape = self._columns(y)
        return self._log_prob(columns).reshape(shape)

    def cdf(self, y: npt.ArrayLike) -> Array:
        """F(y) = P(Y ≤ y | x).

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, m), or float

        Returns
        -------
        ndarray of shape (n_samples,) or (n, m)
        """
        columns, shape = self._columns(y)
        return self._cdf(columns).reshape(shape)

    def ppf(self, q: npt.ArrayLike) -> Array:
        """F⁻¹(q): the answer below which lies the part q of the probability.

        Parameters
        ----------
        q : float or array-like of shape (m,)
            Between 0 and 1; 0 and 1 give the ends of the support.

        Returns
        -------
        ndarray of shape (n_samples,) or (n, m)

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
        """F⁻¹ at q (n, m), one set of probabilities for each row."""
        width = max(self._width, self._depth * q.shape[1])
        return self._in_blocks(ppf_of_block, width, q)

    def quantiles(self, probabilities: npt.ArrayLike) -> Array:
        """F⁻¹ at several probabilities, which never cross, not even by rounding.

        Parameters
        ----------
        probabilities : float or array-like of shape (m,)
            In any order.

        Returns
        -------
        ndarray of shape (n_samples,) or (n, m)
            As of `numpy.quantile`, a number takes no axis of its own.
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
        """F⁻¹(1/2), of shape (n_samples,)."""
        return self.ppf(0.5)

    def interval(self, level: float) -> Array:
        """The central interval [F⁻¹((1 − level)/2), F⁻¹((1 + level)/2)].

        Parameters
        ----------
        level : float
            Its probability, above 0; 1 is all answers, from −∞ to ∞.

        Returns
        -------
        ndarray of shape (n_samples, 2)
        """
        outside = (1 - coverage("level", level)) / 2
        return self.quantiles([outside, 1 - outside])

    def region(self, level: float) -> Array:
        """{y: p(y | x) ≥ τ} with probability `level`: the shortest set that has it.

        Parameters
        ----------
        level : float
            Its probability, above 0; 1 is all answers, from −∞ to ∞.

        Returns
        -------
        ndarray of shape (n_samples, r, 2)
            The intervals of each row from left to right, padded with NaN where a row has fewer
            than r.

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
        # At a level near 0 rounding must not lift the threshold above the peak.
        highest = sets.profile.log_density.max(axis=1)
        return sets.intervals(np.minimum(sets.threshold(level), highest))

    def region_threshold(self, level: float) -> Array:
        """log τ of the region {y: p(y | x) ≥ τ} with probability `level`, (n_samples,)."""
        if coverage("level", level) == 1:
            return np.full(self.n_rows, -np.inf)
        return self._in_blocks(lambda part: LevelSets(part).threshold(level), self._width)

    def density_rank(self, y: npt.ArrayLike) -> Array:
        """P(p(Y | x) > p(y | x)): 0 at the mode, near 1 where the density is low.

        y lies in ``region(level)`` where its rank is at most `level`. Of true answers under the
        true density the rank is uniform between 0 and 1.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, m), or float

        Returns
        -------
        ndarray of shape (n_samples,) or (n, m)
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
        """argmax_y p(y | x), the highest of all maxima, of shape (n_samples,)."""
        return self._in_blocks(global_mode, self._width)

    def modes(self, min_probability: float = 0.05, min_depth: float = 0.2) -> Modes:
        """Local maxima of the density, each with the probability between the minima around it.

        Parameters
        ----------
        min_probability : float, default=0.05
            A maximum with less is merged with its neighbour across the higher minimum.
        min_depth : float, default=0.2
            So is one between which and a neighbour the density falls by less than this share of the
            lower of the two: a ripple. Two equal Gaussians need to be 2.7 standard deviations
            apart.

        Returns
        -------
        Modes
            Answers (n, r), NaN-padded, and probabilities (n, r), 0-padded, by falling probability.
            Each row has at least one, and its probabilities sum to 1.
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
        """E[y | x] = ∫ y p(y) dy, of shape (n_samples,)."""
        return self._in_blocks(
            lambda part: moments_of_block(part)[0], self._width * POINTS_PER_CELL
        )

    def var(self) -> Array:
        """∫ (y − E y)² p(y) dy, of shape (n_samples,)."""
        return self._in_blocks(
            lambda part: moments_of_block(part)[1], self._width * POINTS_PER_CELL
        )

    def entropy(self) -> Array:
        """−∫ p log p dy, in nats, of shape (n_samples,)."""
        return self._in_blocks(entropy_of_block, self._width)

    def crps(self, y: npt.ArrayLike) -> Array:
        """∫ (F(t) − 1[y ≤ t])² dt, in the unit of y: the score of a whole density; low is good.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, m), or float

        Returns
        -------
        ndarray of shape (n_samples,) or (n, m)

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
        """Draw answers, F⁻¹ of uniform numbers.

        Parameters
        ----------
        n_samples : int, default=1
            How many for each row.
        random_state : int, RandomState or None, default=None
            What `check_random_state` of scikit-learn takes.

        Returns
        -------
        ndarray of shape (n_samples, n_samples)
        """
        positive_integer("n_samples", n_samples)
        return self._ppf(check_random_state(random_state).uniform(size=(self.n_rows, n_samples)))
