"""Conformal calibration of intervals and regions."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.distributions.base import ConditionalDistribution
from sklearn_ebm.exceptions import CalibrationWarning

# Scores above this number count as 1.
CERTAIN = 1 - 1e-9


class Conformal(NamedTuple):
    """Levels of a density that have a requested coverage.

    For each held-out row, the score is the smallest level whose set contains the right answer: for
    intervals s = |2 P(Y ≤ y | x) − 1|, for regions the probability of all answers of higher
    density. A level α becomes the ⌈(m + 1) α⌉-th smallest score of m rows. If rows are
    exchangeable, the set then contains a new answer with a probability of at least α, and of at
    most α + 1/(m + 1) if no scores are equal.

    Attributes
    ----------
    of_intervals, of_regions : ndarray of shape (m, n_outputs) and (m, 1)
        Sorted scores.

    References
    ----------
    Chernozhukov, Wüthrich, Zhu, "Distributional conformal prediction", PNAS 118 (2021).
    :doi:`10.1073/pnas.2107794118`

    Izbicki, Shimizu, Stern, "CD-split and HPD-split: efficient conformal regions in high
    dimensions", JMLR 23 (2022) 1-32.

    Examples
    --------
    With scores 0.1, ..., 0.9 the level 0.5 becomes the fifth of nine; 0.95 would need a tenth:

    >>> scores = np.linspace(0.1, 0.9, 9)[:, None]
    >>> conformal = Conformal(scores, scores)
    >>> conformal.level_of_regions(0.5), conformal.level_of_regions(0.95)
    (0.5, 1.0)
    """

    of_intervals: Array
    of_regions: Array

    @property
    def n_rows(self) -> int:
        """Number m of calibration rows."""
        return len(self.of_regions)

    def levels_of_intervals(self, level: float) -> Array:
        """Calibrated level of each output, (q,); 1 if no finite interval has the coverage."""
        return np.array([_calibrated(scores, level) for scores in self.of_intervals.T])

    def level_of_regions(self, level: float) -> float:
        """Calibrated level; 1 if no finite region has the coverage."""
        return _calibrated(self.of_regions[:, 0], level)

    def warn_if_infinite(self, level: float, calibrated: float) -> None:
        """Warn if a level below 1 has become 1, and explain why."""
        if level == 1 or calibrated < 1:
            return
        m = self.n_rows
        why = "too many calibration rows have answers far outside of their distributions"
        if _rank(m, level) > m:
            why = (
                f"{m} calibration rows allow levels up to {m / (m + 1):.3g}, and this level needs "
                f"{int(np.ceil(level / (1 - level) - 1e-9))}"
            )
        warnings.warn(
            f"level={level:g} gives unbounded sets: {why}; raise validation_fraction, fit on more "
            "rows, or lower the level.",
            CalibrationWarning,
            stacklevel=3,
        )


def _calibrated(scores: Array, level: float) -> float:
    rank = _rank(len(scores), level)
    if rank > len(scores):
        return 1.0
    score = float(scores[max(rank, 1) - 1])
    # Such a score is 1 up to rounding, so the answer may be arbitrarily far away.
    return 1.0 if score > CERTAIN else score


def _rank(n_rows: int, level: float) -> int:
    # (m + 1) α may be a whole number up to rounding.
    return int(np.ceil((n_rows + 1) * level - 1e-9))


def conformal_of(density: ConditionalDistribution, y: Array) -> Conformal:
    """Compute conformal scores of held-out rows.

    Parameters
    ----------
    density : ConditionalDistribution
        Predicted distributions of m rows.
    y : ndarray of shape (m, n_outputs)
        Right answers of these rows.
    """
    if y.shape[1] == 1:
        below, rank = density.cdf(y[:, 0])[:, None], density.density_rank(y[:, 0])  # type: ignore[attr-defined]
    else:
        below, rank = density.marginal_cdf(y), density.density_rank(y)  # type: ignore[attr-defined]
    return Conformal(np.sort(np.abs(2 * below - 1), axis=0), np.sort(rank)[:, None])
