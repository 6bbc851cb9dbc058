"""Scores of predicted distributions, quantiles, intervals and class probabilities.

As in scikit-learn, the first argument is the true target. The second is the prediction of an
estimator, or a conditional distribution of `sklearn_ebm.distributions`. Scorers are for
``scoring=`` of ``GridSearchCV`` and ``cross_validate``; the estimator may be a pipeline or
a search.
"""

from sklearn_ebm.metrics.densities import (
    crps,
    negative_log_likelihood,
    probability_integral_transform,
)
from sklearn_ebm.metrics.intervals import (
    interval_contains,
    interval_coverage,
    interval_width,
    pinball_loss,
)
from sklearn_ebm.metrics.probabilities import brier_score, expected_calibration_error
from sklearn_ebm.metrics.scorers import (
    CoverageScorer,
    CRPSScorer,
    LogLikelihoodScorer,
    PinballScorer,
)

#: Mean log-likelihood of held-out answers, a `LogLikelihoodScorer`.
log_likelihood_scorer = LogLikelihoodScorer()

#: Minus the mean CRPS of held-out answers, a `CRPSScorer`.
crps_scorer = CRPSScorer()

__all__ = [
    "CRPSScorer",
    "CoverageScorer",
    "LogLikelihoodScorer",
    "PinballScorer",
    "brier_score",
    "crps",
    "crps_scorer",
    "expected_calibration_error",
    "interval_contains",
    "interval_coverage",
    "interval_width",
    "log_likelihood_scorer",
    "negative_log_likelihood",
    "pinball_loss",
    "probability_integral_transform",
]
