"""Estimates of log Z, with standard errors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.validation import share
from sklearn_ebm.samplers._weights import WeightSummary

#: Fewest effective draws with which a standard error describes the error.
FEWEST = 50.0

#: Largest shape of the tail of the weights: above it, a mean needs very many draws.
MOST_SHAPE = 0.7


class LogPartition(NamedTuple):
    """Estimates of log Z, one for each sample.

    Attributes
    ----------
    value : ndarray of shape (n_samples,)
        log Z(x) = log Σ or ∫ exp(−F(x, y)) dy, in nats; y in its own unit.
    standard_error : ndarray of shape (n_samples,)
        Standard error of the value; 0 if it is exact.
    ess : ndarray of shape (n_samples,)
        Effective number of draws; inf without draws.
    reliable : ndarray of bool of shape (n_samples,)
        Whether the standard error describes the error: there are at least 50 effective draws, and
        two proposals of different widths agree.
    """

    value: Array
    standard_error: Array
    ess: Array
    reliable: npt.NDArray[np.bool_]

    def interval(self, level: float = 0.95) -> Array:
        """Compute confidence intervals of log Z.

        Parameters
        ----------
        level : float, default=0.95
            Probability with which an interval contains log Z.

        Returns
        -------
        ndarray of shape (n_samples, 2)
            Lower and upper limits; NaN where the estimate is not reliable.
        """
        share("level", level)
        degrees = np.where(np.isfinite(self.ess), np.maximum(self.ess - 1, 1), 1e9)
        half = student.ppf((1 + level) / 2, degrees) * self.standard_error
        both = np.stack([self.value - half, self.value + half], axis=1)
        return np.where(self.reliable[:, None], both, np.nan)


def weighed(summary: WeightSummary) -> LogPartition:
    """Return the estimate of importance weights, which is reliable if their tail is not heavy."""
    value, error, ess, shape = summary
    return LogPartition(value, error, ess, (ess >= FEWEST) & (shape < MOST_SHAPE))
