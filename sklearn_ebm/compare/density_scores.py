"""Scores of predicted distributions on one fold: likelihood, CRPS, coverage and error."""

from contextlib import suppress
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from sklearn_ebm.compare.folds import FIT_SECONDS, Fold, fit_seconds
from sklearn_ebm.compare.scoreboard import Score, Scoreboard
from sklearn_ebm.distributions.base import ConditionalDistribution
from sklearn_ebm.distributions.quantiles import NoDensityError
from sklearn_ebm.estimators.regressor import LatentEBMRegressor
from sklearn_ebm.metrics import crps, interval_coverage, negative_log_likelihood

OF_DISTRIBUTIONS = Scoreboard(
    {
        "nll": Score(
            "NLL", 3, "mean of -log p(target), in nats, of a density in 1/(unit of the target)"
        ),
        "crps": Score(
            "CRPS", 3, "mean continuous ranked probability score, in the unit of the target"
        ),
        "coverage_50": Score(
            "cover 50 %", 3, "fraction of rows in the central interval of probability 0.5"
        ),
        "coverage_90": Score(
            "cover 90 %", 3, "fraction of rows in the central interval of probability 0.9"
        ),
        "rmse": Score("RMSE", 3, "root mean squared error of the mean of the distribution"),
        "fit_seconds": Score("fit s", 2, FIT_SECONDS),
    },
    ranked_by=("nll", "crps"),
)


def scores_of_distribution(estimator: Any, fold: Fold) -> dict[str, float]:
    """Fit an estimator on a fold's training part and score its distribution on the test part.

    There is no `nll` if the distribution has no density. A score that is infinite or NaN raises
    ValueError.
    """
    scores = {"fit_seconds": fit_seconds(estimator, fold)}
    distribution, y = predicted_distribution(estimator, fold.X_test), fold.y_test
    with suppress(NoDensityError):
        scores["nll"] = negative_log_likelihood(y, distribution)
    scores["crps"] = crps(y, distribution)
    for level in (50, 90):
        scores[f"coverage_{level}"] = interval_coverage(y, distribution, level=level / 100)
    scores["rmse"] = float(np.sqrt(np.mean((distribution.mean() - y) ** 2)))
    for name, score in scores.items():
        if not np.isfinite(score):
            raise ValueError(f"The score {name} is {score}.")
    return scores


def predicted_distribution(estimator: Any, X: Any) -> ConditionalDistribution:
    """Return the predicted distribution of each row."""
    if isinstance(estimator, Pipeline):
        return predicted_distribution(estimator[-1], estimator[:-1].transform(X))
    if isinstance(estimator, LatentEBMRegressor):
        return estimator.predict_distribution(X)
    return estimator.distribution(X)
