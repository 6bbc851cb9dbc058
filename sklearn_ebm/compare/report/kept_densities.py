"""Data of a predicted distribution on one fold that a report contains."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_ebm.compare.density_scores import predicted_distribution
from sklearn_ebm.compare.folds import Fold, final_step
from sklearn_ebm.compare.quantile_distribution import NoDensityError
from sklearn_ebm.compare.report.kept_classes import curve
from sklearn_ebm.distributions.base import ConditionalDistribution
from sklearn_ebm.estimators.regressor import LatentEBMRegressor
from sklearn_ebm.metrics import interval_contains, probability_integral_transform

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
# Probabilities of two central intervals and the median.
MARKS = (0.05, 0.25, 0.5, 0.75, 0.95)
# Answers at equal steps of y resolve the tails, answers at equal steps of probability the peaks.
EQUAL_STEPS, EQUAL_PROBABILITIES = 61, 60
TAIL = 0.002


@dataclass(frozen=True)
class KeepDensities:
    """Function of a fitted estimator and its fold that returns data of some rows for a report.

    Attributes
    ----------
    rows : ndarray of int
        Indices in the test part.
    shown : ndarray of int
        Indices of the rows with plots of densities.
    """

    rows: np.ndarray
    shown: np.ndarray

    def __call__(self, estimator: Any, fold: Fold) -> dict[str, Any]:
        """Return F(answer) of each row, the intervals that contain it, and densities to plot.

        Returns
        -------
        kept : dict
            "pit", the distribution function at the answer, of shape (n_samples,); "held" of shape
            (levels, n), whether the central interval of each level contains it; "shown", a list
            with a dict for each row in `shown`; "energies", whether the estimator has energies;
            "curve", a list of (iteration, objective).
        """
        kept: dict[str, Any] = {"pit": np.empty(0), "held": np.empty((len(LEVELS), 0), dtype=bool)}
        if len(self.rows):
            distribution, y = (
                predicted_distribution(estimator, fold.X_test[self.rows]),
                fold.y_test[self.rows],
            )
            held = np.stack([interval_contains(y, distribution, level=level) for level in LEVELS])
            kept = {"pit": probability_integral_transform(y, distribution), "held": held}
        kept["energies"] = isinstance(final_step(estimator), LatentEBMRegressor)
        kept["shown"] = []
        if len(self.shown):
            kept["shown"] = drawn(predicted_distribution(estimator, fold.X_test[self.shown]))
        kept["curve"] = curve(vars(final_step(estimator)).get("loss_curve_", ()))
        return kept


def drawn(distribution: ConditionalDistribution) -> list[dict[str, Any]]:
    """Return the quantiles of each row at `MARKS`, and its density, if any, at some answers.

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
