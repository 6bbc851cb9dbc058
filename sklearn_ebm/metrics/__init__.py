"""Scores of predicted distributions, quantiles, intervals, class probabilities, and energies.

As in scikit-learn, the first argument is the true target. The second is the prediction of an
estimator, or a conditional distribution of `sklearn_ebm.distributions`. Scorers are for
``scoring=`` of ``GridSearchCV`` and ``cross_validate``; the estimator may be a pipeline or
a search.
"""

from sklearn_ebm.metrics.collapse import collapse_ratio
from sklearn_ebm.metrics.densities import (
    crps,
    negative_log_likelihood,
    probability_integral_transform,
)
from sklearn_ebm.metrics.intervals import interval_contains as interval_contains
from sklearn_ebm.metrics.intervals import interval_coverage, interval_width, pinball_loss
from sklearn_ebm.metrics.probabilities import brier_score, expected_calibration_error
from sklearn_ebm.metrics.scorers import (
    _CRPSScorer,
    _LogLikelihoodScorer,
    coverage_scorer,
    pinball_scorer,
)

#: Scorer: the mean log-likelihood of held-out answers, in nats.
log_likelihood_scorer = _LogLikelihoodScorer()

#: Scorer: minus the mean CRPS of held-out answers, in the unit of y.
crps_scorer = _CRPSScorer()

__all__ = [
    "brier_score",
    "collapse_ratio",
    "coverage_scorer",
    "crps",
    "crps_scorer",
    "expected_calibration_error",
    "interval_coverage",
    "interval_width",
    "log_likelihood_scorer",
    "negative_log_likelihood",
    "pinball_loss",
    "pinball_scorer",
    "probability_integral_transform",
]
