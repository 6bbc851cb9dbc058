"""The density of a scalar answer whose transform has a known density."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from sklearn_ebm._params import Array, Index
from sklearn_ebm.distributions.profile import by_need
from sklearn_ebm.distributions.quadrature import cell_quadrature
from sklearn_ebm.distributions.scalar import ScalarDistribution
from sklearn_ebm.distributions.signed_log import SignedLog


class TransformedDistribution(ScalarDistribution):
    r"""p(y) = p_t(t(y)) t'(y), with the density p_t of the transformed answer.

    Quantiles are those of the transformed answer, taken back; integrals are over t.

    Parameters
    ----------
    inner : ScalarDistribution
        p_t, one density for each row.
    transform : SignedLog
        t.

    Examples
    --------
    A Gaussian of log(1 + y), and so, far from 0, nearly a log-normal y: its median is e⁵ − 1.

    >>> from sklearn_ebm.distributions import GaussianMixture, SignedLog, TransformedDistribution
    >>> inner = GaussianMixture([[1.0]], [[5.0]], [[0.5]])
    >>> density = TransformedDistribution(inner, SignedLog(0.0, 1.0, 0.0, 0.0, 1e6))
    >>> density.median().round(2)
    array([147.41])
    >>> density.mean().round(1)  # e^(5 + 0.5²/2) − 1
    array([167.2])
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
        """Points (n, g) of t, with those between which the slope of t changes little."""
        grid = self.transform.grid()
        return np.sort(
            np.concatenate([points, np.broadcast_to(grid, (len(points), len(grid)))], axis=1),
            axis=1,
        )

    def _knots(self) -> Array:
        return self.transform.inverse(self._with_grid(self.inner._knots()))

    def _cell_ends(self, finest: float = 2.0) -> Array:
        return self.transform.inverse(self._with_grid(self.inner._cell_ends(finest)))

    def _logpdf(self, y: Array) -> Array:
        result: Array = self.inner._logpdf(self.transform(y)) + self.transform.log_slope(y)
        return result

    def _logpdf_and_slope(self, y: Array) -> tuple[Array, Array]:
        height, slope = self.inner._logpdf_and_slope(self.transform(y))
        log_slope = self.transform.log_slope(y)
        return height + log_slope, slope * np.exp(log_slope) + self.transform.bend(y)

    def _cdf(self, y: Array) -> Array:
        return self.inner._cdf(self.transform(y))

    def _ppf(self, q: Array) -> Array:
        return self.transform.inverse(self.inner._ppf(q))

    def _masses(self) -> tuple[Array, Array]:
        """Answers (n, j) and the probability that each stands for."""
        points, weights = cell_quadrature(self._with_grid(self.inner._knots()))
        mass = weights * np.exp(by_need(self.inner, type(self.inner)._logpdf, points))
        return self.transform.inverse(points), mass

    def _moments(self) -> tuple[Array, Array]:
        answers, mass = self._masses()
        centre = answers[:, [answers.shape[1] // 2]]
        mean = centre[:, 0] + (mass * (answers - centre)).sum(axis=1)
        return mean, (mass * (answers - mean[:, None]) ** 2).sum(axis=1)

    def _entropy_of_block(self) -> Array:
        answers, mass = self._masses()
        return self.inner.entropy() - (mass * self.transform.log_slope(answers)).sum(axis=1)

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
