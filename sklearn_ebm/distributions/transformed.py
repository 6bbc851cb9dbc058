"""Distributions of a target whose monotone transform has a known distribution."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm.distributions._numerics.profile import by_need
from sklearn_ebm.distributions._numerics.quadrature import (
    POINTS_PER_CELL,
    cell_quadrature,
    moments_of,
)
from sklearn_ebm.distributions._numerics.signed_log import SignedLog
from sklearn_ebm.distributions.base import Modes
from sklearn_ebm.distributions.scalar import ScalarDistribution

#: Moments are computed between the quantiles at this probability and one minus it.
TRIMMED = 5e-4


class TransformedDistribution(ScalarDistribution):
    r"""Distribution of y with the density p(y) = p_t(t(y)) t'(y), where p_t is the density of t(y).

    Quantiles, modes and regions of t(y) are transformed back, so modes and regions do not depend on
    the slope of t. Mean and variance exclude a probability of 0.05 % in each tail, in which they
    would be determined by the transform alone.

    Parameters
    ----------
    inner : ScalarDistribution
        Distributions p_t of the transformed target, one for each sample.
    transform : SignedLog
        The transform t.

    Examples
    --------
    If log(1 + y) is Gaussian with the mean 5, the median of y is e⁵ − 1:

    >>> from sklearn_ebm.distributions import GaussianMixture
    >>> from sklearn_ebm.distributions._numerics.signed_log import SignedLog
    >>> from sklearn_ebm.distributions.transformed import TransformedDistribution
    >>> inner = GaussianMixture([[1.0]], [[5.0]], [[0.5]])
    >>> density = TransformedDistribution(inner, SignedLog(0.0, 1.0, 0.0, 0.0, 1e6))
    >>> density.median().round(2), density.mode().round(2)
    (array([147.41]), array([147.41]))
    >>> density.mean().round(0)  # nearly e^(5 + 0.5²/2) − 1 = 167.2
    array([167.])
    """

    _fields: ClassVar[tuple[str, ...]] = ("inner",)

    def __init__(self, inner: ScalarDistribution, transform: SignedLog) -> None:
        self.inner = inner
        self.transform = transform

    @property
    def _depth(self) -> int:  # type: ignore[override]
        return self.inner._depth

    def _row_order(self) -> Index | None:
        return self.inner._row_order()

    def _with_grid(self, points: Array) -> Array:
        """Knots (n, g) of t, with additional points at which the slope of the transform changes."""
        grid = self.transform.grid()
        every = np.broadcast_to(grid, (len(points), len(grid)))
        return np.sort(np.concatenate([points, every], axis=1), axis=1)

    def _knots(self) -> Array:
        return self.transform.inverse(self._with_grid(self.inner._knots()))

    def _log_prob(self, y: Array) -> Array:
        result: Array = self.inner._log_prob(self.transform(y)) + self.transform.log_slope(y)
        return result

    def _cdf(self, y: Array) -> Array:
        return self.inner._cdf(self.transform(y))

    def _ppf(self, q: Array) -> Array:
        return self.transform.inverse(self.inner._ppf(q))

    def mode(self) -> Array:
        """Compute the mode of t(y), transformed back, of shape (n_samples,)."""
        return self.transform.inverse(self.inner.mode())

    def modes(self, min_probability: float = 0.05, min_depth: float = 0.2) -> Modes:
        """Compute the modes of t(y), transformed back, and their probabilities.

        Parameters
        ----------
        min_probability : float, default=0.05
            As in ``ScalarDistribution.modes``, for t(y).
        min_depth : float, default=0.2
            As in ``ScalarDistribution.modes``, for t(y).

        Returns
        -------
        Modes
            Answers and probabilities.
        """
        inner = self.inner.modes(min_probability, min_depth)
        return inner._replace(answers=self.transform.inverse(inner.answers))

    def region(self, level: float) -> Array:
        """Compute {y: p_t(t(y)) ≥ τ} with probability `level`, the smallest such set of t(y).

        Parameters
        ----------
        level : float
            Probability of the region.

        Returns
        -------
        ndarray of shape (n_samples, n_intervals, 2)
            The intervals of each sample from left to right, padded with NaN.
        """
        return self.transform.inverse(self.inner.region(level))

    def region_threshold(self, level: float) -> Array:
        """Compute log τ of the region {y: p_t(t(y)) ≥ τ}, of shape (n_samples,)."""
        return self.inner.region_threshold(level)

    def density_rank(self, y: npt.ArrayLike) -> Array:
        """Compute P(p_t(t(Y)) > p_t(t(y))): ``region(level)`` contains y if it is at most `level`.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, m), or float
            One answer for each sample, m answers for each sample, or one answer for all samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, m)
        """
        return self.inner.density_rank(self.transform(np.asarray(y, dtype=np.float64)))

    def _masses(self, knots: Array) -> tuple[Array, Array]:
        """Quadrature points y, (n, j), and their probabilities."""
        points, weights = cell_quadrature(knots)
        mass = weights * np.exp(by_need(self.inner, type(self.inner)._log_prob, points))
        return self.transform.inverse(points), mass

    def mean(self) -> Array:
        """Compute the mean between two extreme quantiles, of shape (n_samples,)."""
        return self._in_blocks(lambda part: part._moments()[0], self._width * POINTS_PER_CELL)

    def var(self) -> Array:
        """Compute the variance between two extreme quantiles, of shape (n_samples,)."""
        return self._in_blocks(lambda part: part._moments()[1], self._width * POINTS_PER_CELL)

    def _moments(self) -> tuple[Array, Array]:
        ends = self.inner._ppf(np.broadcast_to([TRIMMED, 1 - TRIMMED], (self.n_rows, 2)))
        knots = np.clip(self._with_grid(self.inner._knots()), ends[:, :1], ends[:, 1:])
        answers, mass = self._masses(np.concatenate([ends[:, :1], knots, ends[:, 1:]], axis=1))
        return moments_of(answers, mass / mass.sum(axis=1, keepdims=True))

    def entropy(self) -> Array:
        """Compute the entropy of t(y) minus the mean of log t'(y), in nats, (n_samples,)."""
        return self._in_blocks(type(self)._entropy_of_block, self._width)

    def _entropy_of_block(self) -> Array:
        answers, mass = self._masses(self._with_grid(self.inner._knots()))
        return self.inner.entropy() - (mass * self.transform.log_slope(answers)).sum(axis=1)

    def crps(self, y: npt.ArrayLike) -> Array:
        """Compute the continuous ranked probability score ∫ (F(s) − 1[y ≤ s])² ds.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, m), or float
            One answer for each sample, m answers for each sample, or one answer for all samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, m)
        """
        columns, shape = self._columns(y)
        width = self._width * POINTS_PER_CELL
        return self._in_blocks(type(self)._crps_of_block, width, columns).reshape(shape)

    def _crps_of_block(self, y: Array) -> Array:
        knots = self._with_grid(self.inner._knots())
        scores = np.empty_like(y)
        for column in range(y.shape[1]):
            answer = self.transform(y[:, [column]])
            points, weights = cell_quadrature(np.sort(np.concatenate([knots, answer], axis=1)))
            off = self.inner._cdf(points) - (points >= answer)
            length = np.exp(-self.transform.log_slope(self.transform.inverse(points)))
            scores[:, column] = (weights * length * off**2).sum(axis=1)
        return scores
