"""Data of a predicted distribution on one fold that a report contains."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_ebm.compare.density_scores import law_of
from sklearn_ebm.compare.folds import Fold
from sklearn_ebm.compare.quantile_distribution import NoDensityError
from sklearn_ebm.compare.report.kept_classes import curve
from sklearn_ebm.distributions.base import ConditionalDistribution
from sklearn_ebm.estimators.regressor import LatentEBMRegressor
from sklearn_ebm.metrics import interval_contains, probability_integral_transform

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
# Two central intervals and the median.
MARKS = (0.05, 0.25, 0.5, 0.75, 0.95)
# Answers at equal steps of y show the tails, those at equal steps of probability the peaks.
EQUAL_STEPS, EQUAL_PROBABILITIES = 61, 60
TAIL = 0.002


@dataclass(frozen=True)
class KeepDensities:
    """Called with a fitted estimator and its fold: what its distribution says of some rows.

    Attributes
    ----------
    rows : ndarray of int
        Positions in the test part.
    shown : ndarray of int
        Those whose densities are drawn.
    """

    rows: np.ndarray
    shown: np.ndarray

    def __call__(self, estimator: Any, fold: Fold) -> dict[str, Any]:
        """Return F(answer) of each row, which intervals hold it, and the densities to draw.

        Returns
        -------
        kept : dict
            "pit", the distribution function at the answer, of shape (n_samples,); "held" of shape
            (levels, n), whether the central interval of each level holds it; "shown", a list with
            one dict for each row shown; "energies", whether it has any; "curve", a list of
            (iteration, objective).
        """
        kept: dict[str, Any] = {"pit": np.empty(0), "held": np.empty((len(LEVELS), 0), dtype=bool)}
        if len(self.rows):
            distribution, y = law_of(estimator, fold.X_test[self.rows]), fold.y_test[self.rows]
            held = np.stack([interval_contains(y, distribution, level=level) for level in LEVELS])
            kept = {"pit": probability_integral_transform(y, distribution), "held": held}
        kept["energies"] = isinstance(estimator, LatentEBMRegressor)
        kept["shown"] = []
        if len(self.shown):
            kept["shown"] = drawn(law_of(estimator, fold.X_test[self.shown]))
        kept["curve"] = curve(vars(estimator).get("loss_curve_", ()))
        return kept


def drawn(distribution: ConditionalDistribution) -> list[dict[str, Any]]:
    """Return for each row its quantiles at `MARKS`, and its density at some answers, if it has one.

    Examples
    --------
    >>> from sklearn_ebm.distributions import GaussianMixture
    >>> (row,) = drawn(GaussianMixture([[1.0]], [[5.0]], [[2.0]]))
    >>> round(row["marks"][2], 6), round(max(row["density"]), 4)
    (5.0, 0.1995)
    """
    marks = distribution.quantiles(MARKS)
    inner = distribution.quantiles(np.linspace(TAIL, 1 - TAIL, EQUAL_PROBABILITIES))
    even = np.linspace(inner[:, 0], inner[:, -1], EQUAL_STEPS, axis=1)
    answers = np.sort(np.concatenate([inner, even], axis=1), axis=1)
    density = None
    with suppress(NoDensityError):
        density = distribution.pdf(answers)
    return [
        {
            "marks": marks[j].tolist(),
            "answers": [] if density is None else answers[j].tolist(),
            "density": [] if density is None else density[j].tolist(),
        }
        for j in range(len(marks))
    ]
