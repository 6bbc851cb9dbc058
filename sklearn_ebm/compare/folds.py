"""One fold of a comparison: prepared rows, and the scores of one estimator."""

import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import threadpoolctl
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score
from sklearn.pipeline import Pipeline

from sklearn_ebm.compare.scoreboard import Score, Scoreboard
from sklearn_ebm.metrics import brier_score, expected_calibration_error
from sklearn_ebm.metrics.probabilities import N_BINS

_PREDICT_SECONDS = 0.2  # repeat predictions up to this time, at most five times
_PREDICT_REPEATS = 5
FIT_SECONDS = "seconds of fit alone, on one thread, without preparing the data"

# Scores in the order of the table.
OF_CLASSES = Scoreboard(
    {
        "accuracy": Score("accuracy", 3, "fraction of rows classified correctly"),
        "balanced_accuracy": Score(
            "bal. acc.",
            3,
            "balanced accuracy: mean over classes of the fraction classified correctly",
        ),
        "auc": Score(
            "AUC",
            3,
            "area under the ROC curve; with several classes the mean of each class "
            "against the rest",
        ),
        "log_loss": Score("log-loss", 4, "mean of -log p(label), in nats"),
        "brier": Score(
            "Brier", 3, "mean over rows of the sum over all classes of (p - truth)^2, from 0 to 2"
        ),
        "ece": Score(
            "ECE",
            3,
            f"expected calibration error of the top class, {N_BINS} bins of equal width",
        ),
        "fit_seconds": Score("fit s", 3, FIT_SECONDS),
        "predict_microseconds": Score(
            "predict µs", 2, "time of predict per row, on one thread, all test rows at once"
        ),
    },
    ranked_by=("log_loss",),
)
# Scores that are shown only if some classes are rare.
OF_RARE_CLASSES = ("balanced_accuracy", "auc")


def fit_seconds(estimator: Any, fold: "Fold") -> float:
    """Fit an estimator on a fold's training part and return the seconds."""
    start = time.perf_counter()
    estimator.fit(fold.X_train, fold.y_train)
    return time.perf_counter() - start


def class_scores(estimator: Any, fold: "Fold") -> dict[str, float]:
    """Fit a classifier on a fold's training part and score it on its test part."""
    seconds_of_fit = fit_seconds(estimator, fold)
    probabilities = np.asarray(estimator.predict_proba(fold.X_test), dtype=np.float64)
    predicted = estimator.predict(fold.X_test)
    seconds: list[float] = []
    while len(seconds) < _PREDICT_REPEATS and sum(seconds) < _PREDICT_SECONDS:
        start = time.perf_counter()
        estimator.predict(fold.X_test)
        seconds.append(time.perf_counter() - start)
    y, codes = fold.y_test, np.arange(probabilities.shape[1])
    return {
        "accuracy": float(np.mean(predicted == y)),
        "balanced_accuracy": float(balanced_accuracy_score(y, predicted)),
        "auc": _auc(y, probabilities),
        "log_loss": float(log_loss(y, probabilities, labels=codes)),
        "brier": brier_score(y, probabilities, labels=codes),
        "ece": expected_calibration_error(y, probabilities, labels=codes),
        "fit_seconds": seconds_of_fit,
        "predict_microseconds": 1e6 * float(np.median(seconds)) / len(y),
    }


def _auc(y: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean over classes of the area under the ROC curve of a class and the rest."""
    classes = range(1, 2) if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    return float(np.mean([roc_auc_score(y == k, probabilities[:, k]) for k in classes]))


class Fold(NamedTuple):
    """Prepared training and test rows of one fold, and its scores.

    `keep` is called with the fitted estimator and the fold, and returns data for a report; it is
    None if there is no report.
    """

    X_train: Any
    X_test: Any
    y_train: np.ndarray
    y_test: np.ndarray
    score: Callable[[Any, "Fold"], dict[str, float]] = class_scores
    keep: Callable[[Any, "Fold"], dict[str, Any]] | None = None


class Outcome(NamedTuple):
    """Result of an estimator on one fold: its scores, or the error if it failed.

    `kept` is the result of `Fold.keep`; None if there is none or if it failed.
    """

    scores: dict[str, float] | None
    error: str
    warnings: tuple[str, ...]
    kept: dict[str, Any] | None = None


def final_step(estimator: Any) -> Any:
    """Return the last step of a pipeline; other estimators unchanged."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def measure(estimator: Any, fold: Fold) -> Outcome:
    """Fit a clone of an estimator on a fold's training part and score it on its test part.

    Everything runs on one thread, so that times depend on the models rather than on parallelism or
    on other load of the machine.
    """
    with threadpoolctl.threadpool_limits(1), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            fitted = clone(estimator)
            scores, error = fold.score(fitted, fold), ""
        except Exception as failure:  # errors of one contender must not stop the others
            scores, error = None, f"{type(failure).__name__}: {_one_line(failure)}"
        if any("interrupted" in str(each.message) for each in caught):
            raise KeyboardInterrupt  # an estimator that keeps what it has learned has swallowed it
        kept, why_nothing = _kept(fitted, fold) if scores is not None else (None, "")
    kinds = dict.fromkeys(f"{each.category.__name__}: {_one_line(each.message)}" for each in caught)
    return Outcome(scores, error, (*kinds, *filter(None, [why_nothing])), kept)


def _kept(fitted: Any, fold: Fold) -> tuple[dict[str, Any] | None, str]:
    """Return data for a report, or the error if that fails, which does not affect the scores."""
    if fold.keep is None:
        return None, ""
    try:
        return fold.keep(fitted, fold), ""
    except Exception as failure:
        return None, f"no curves in the report, {type(failure).__name__}: {_one_line(failure)}"


def _one_line(message: Any) -> str:
    line = (str(message).strip().splitlines() or ["no message"])[0]
    return line if len(line) <= 160 else line[:157] + "..."
