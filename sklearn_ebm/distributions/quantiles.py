"""Distributions that are defined by a set of quantiles, without a density."""

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from sklearn_ebm.distributions.scalar import ScalarDistribution


class NoDensityError(NotImplementedError):
    """Error that a distribution has no density."""


class QuantileDistribution(ScalarDistribution):
    """Distribution whose distribution function is linear between given quantiles.

    The probability beyond the outermost quantiles is concentrated at them. Methods that need a
    density raise an error: the derivative of the distribution function is infinite if quantiles
    coincide, as they often do for trees, and zero beyond the outermost quantiles.

    Parameters
    ----------
    probabilities : array-like of shape (m,)
        Probabilities of the quantiles, increasing, between 0 and 1.
    values : array-like of shape (n_samples, m)
        Quantiles of each sample; crossing quantiles are sorted.

    Examples
    --------
    >>> distribution = QuantileDistribution([0.25, 0.5, 0.75], [[1.0, 2.0, 4.0]])
    >>> (
    ...     distribution.mean(),
    ...     distribution.cdf([[0.0, 1.0, 3.0, 4.0]]),
    ...     distribution.interval(0.5),
    ... )
    (array([2.375]), array([[0.   , 0.25 , 0.625, 1.   ]]), array([[1., 4.]]))
    """

    _fields: ClassVar[tuple[str, ...]] = ("values",)

    def __init__(self, probabilities: npt.ArrayLike, values: npt.ArrayLike) -> None:
        self.probabilities = np.asarray(probabilities, dtype=np.float64)
        # Sorting brings crossing quantiles closer to the true ones (Chernozhukov et al., 2010).
        self.values = np.sort(np.asarray(values, dtype=np.float64), axis=1)

    def _log_prob(self, y: np.ndarray) -> np.ndarray:
        raise NoDensityError("Quantiles give no density.")

    def _knots(self) -> np.ndarray:
        return self.values

    def _support(self) -> tuple[np.ndarray, np.ndarray]:
        return self.values[:, 0], self.values[:, -1]

    def _cdf(self, y: np.ndarray) -> np.ndarray:
        count = (self.values[:, :, None] <= y[:, None, :]).sum(axis=1)
        result = np.empty(y.shape)
        m = len(self.probabilities)
        before, after = np.clip(count - 1, 0, m - 1), np.clip(count, 0, m - 1)
        low = np.take_along_axis(self.values, before, axis=1)
        width = np.take_along_axis(self.values, after, axis=1) - low
        part = np.divide(y - low, width, out=np.zeros_like(result), where=width > 0)
        rise = self.probabilities[after] - self.probabilities[before]
        result[...] = self.probabilities[before] + rise * part
        result[count == 0], result[count == m] = 0.0, 1.0
        return result

    def _ppf(self, q: np.ndarray) -> np.ndarray:
        known = self.probabilities
        wanted = np.clip(q, known[0], known[-1])
        after = np.clip(np.searchsorted(known, wanted), 1, len(known) - 1)
        part = (wanted - known[after - 1]) / (known[after] - known[after - 1])
        low = np.take_along_axis(self.values, after - 1, axis=1)
        high = np.take_along_axis(self.values, after, axis=1)
        return low + part * (high - low)

    def _pieces(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ends and probabilities of the intervals on which F is linear, and of the end points."""
        padded = np.concatenate([self.values[:, :1], self.values, self.values[:, -1:]], axis=1)
        masses = np.diff(np.concatenate([[0.0], self.probabilities, [1.0]]))
        return padded[:, :-1], padded[:, 1:], masses

    def mean(self) -> np.ndarray:
        """Compute the mean ∫ y dF(y), of shape (n_samples,)."""
        low, high, mass = self._pieces()
        return (low + high) @ mass / 2

    def var(self) -> np.ndarray:
        """Compute the variance ∫ (y − E y)² dF(y), of shape (n_samples,)."""
        low, high, mass = self._pieces()
        low, high = low - self.mean()[:, None], high - self.mean()[:, None]
        return (low**2 + low * high + high**2) @ mass / 3

    def crps(self, y: npt.ArrayLike) -> np.ndarray:
        """Compute the CRPS ∫ (F(t) − 1[y ≤ t])² dt in closed form, for F linear between quantiles.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, m), or float
            One answer for each sample, m answers for each sample, or one answer for all samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, m)
        """
        columns, shape = self._columns(y)
        scores = np.empty(columns.shape)
        low, high = self.values[:, :-1], self.values[:, 1:]
        first, last = self.probabilities[:-1], self.probabilities[1:]
        for column in range(columns.shape[1]):
            answer = columns[:, [column]]
            at = np.clip(answer, low, high)
            width = high - low
            part = np.divide(at - low, width, out=np.zeros_like(width), where=width > 0)
            there = first + part * (last - first)
            score = (at - low) * _mean_square(first, there)
            score += (high - at) * _mean_square(there - 1, last - 1)
            beyond = np.abs(answer - np.clip(answer, low[:, :1], high[:, -1:]))
            scores[:, column] = score.sum(axis=1) + beyond[:, 0]
        return scores.reshape(shape)


def _mean_square(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Mean of the square of a linear function, given its values at both ends."""
    return (first**2 + first * last + last**2) / 3
