"""Data of a fitted estimator on one fold that a report contains."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from sklearn_ebm.compare.density_scores import predicted_distribution
from sklearn_ebm.compare.folds import Fold, final_step
from sklearn_ebm.compare.tables import Table
from sklearn_ebm.distributions.base import ConditionalDistribution
from sklearn_ebm.distributions.quantiles import NoDensityError
from sklearn_ebm.estimators._class_predictions import ClassPredictions
from sklearn_ebm.estimators.regressor import LatentEBMRegressor
from sklearn_ebm.metrics import probability_integral_transform
from sklearn_ebm.metrics.probabilities import N_BINS

# Factors of β, from 1/8 to 8, with 1 in the middle.
MULTIPLIERS = tuple(2.0 ** (j / 4) for j in range(-12, 13))
# Probabilities are clipped as in the log-loss of scikit-learn.
SMALLEST = float(np.finfo(np.float64).eps)
MOST_POINTS = 60  # of a learning curve
LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
N_PIT_BARS = 20  # of the histogram of the distribution functions at the answers
N_SHOWN = 6  # rows with plots of densities
MARKS = (0.05, 0.25, 0.5, 0.75, 0.95)  # probabilities of two central intervals and the median
# Answers at equal steps of y resolve the tails, answers at equal steps of probability the peaks.
EQUAL_STEPS, EQUAL_PROBABILITIES = 61, 60
TAIL = 0.002


def keeper(data: Table, test: np.ndarray) -> Callable[[Any, Fold], dict[str, Any]]:
    """Return the function of a fitted estimator and its fold that computes data for a report.

    The indices in the table of the test rows of the fold are `test`.
    """
    if data.classes:
        return kept_classes
    places = np.flatnonzero(np.isin(test, shown_rows(data.labels)))
    return partial(kept_densities, shown={int(place): int(test[place]) for place in places})


def kept_classes(estimator: Any, fold: Fold) -> dict[str, Any]:
    """Return the scores of all test rows over β, energy gaps and the learning curve.

    Beside "scores" and "bins", see `over_beta`, there are "energies", whether the classifier has
    energies; "beta", "margin" and "gaps", see `energy_gaps`, or None; and "curve".
    """
    model = final_step(estimator)
    probabilities = np.asarray(estimator.predict_proba(fold.X_test), dtype=np.float64)
    scores, bins = over_beta(probabilities, fold.y_test)
    kept = {"scores": scores, "bins": bins, "curve": curve(vars(model).get("loss_curve_", ()))}
    if not isinstance(model, ClassPredictions):
        return kept | {"energies": False, "beta": None, "margin": None, "gaps": None}
    beta, margin = float(model.beta_), vars(model)["loss_"].get_params(deep=False).get("margin")
    # Logarithms, because probabilities underflow where gaps are large.
    gaps = energy_gaps(np.asarray(estimator.predict_log_proba(fold.X_test)), fold.y_test, beta)
    margin = float(margin) if margin is not None and np.ndim(margin) == 0 else None
    return kept | {"energies": True, "beta": beta, "margin": margin, "gaps": gaps}


def over_beta(
    probabilities: np.ndarray, y: np.ndarray
) -> tuple[dict[str, list[float]], np.ndarray]:
    """Compute scores and calibration at `MULTIPLIERS` of β, from probabilities at the fitted β.

    With the factor m, p becomes p^m / Σ p^m, which for energies is the Gibbs distribution at m β.
    The scores are those of the comparison. The bins of the ECE, of shape (n_multipliers, 15, 3),
    hold sums over their rows: 1, whether it is classified correctly, and the probability of its
    predicted class.

    Examples
    --------
    The odds 4 to 1 become 2 to 1 at half the β, and the log-loss log(3/2).

    >>> scores, bins = over_beta(np.array([[0.8, 0.2]]), np.array([0]))
    >>> at_half = MULTIPLIERS.index(0.5)
    >>> round(scores["log_loss"][at_half], 4), bins[at_half].sum(axis=0).round(4).tolist()
    (0.4055, [1.0, 1.0, 0.6667])
    """
    rows, total = np.arange(len(y)), probabilities.sum(axis=1)
    hit = probabilities.argmax(axis=1) == y
    scores: dict[str, list[float]] = {"log_loss": [], "brier": [], "ece": []}
    bins = np.empty((len(MULTIPLIERS), N_BINS, 3))
    for factor, sums in zip(MULTIPLIERS, bins, strict=True):
        p = probabilities**factor
        p *= (total / p.sum(axis=1))[:, None]  # at the factor 1 p stays what it is, to the last bit
        confidence = p.max(axis=1)
        place = np.clip(np.ceil(confidence * N_BINS).astype(int) - 1, 0, N_BINS - 1)
        for j, each in enumerate((np.ones(len(y)), hit, confidence)):
            sums[:, j] = np.bincount(place, weights=each, minlength=N_BINS)
        differences = np.bincount(place, weights=hit - confidence)
        scores["ece"].append(float(np.abs(differences).sum() / len(y)))
        right = np.clip(p[rows, y], SMALLEST, 1 - SMALLEST)
        scores["log_loss"].append(float(-np.log(right).mean()))
        p[rows, y] -= 1
        scores["brier"].append(float((p**2).sum(axis=1).mean()))
    return scores, bins


def energy_gaps(log_p: np.ndarray, y: np.ndarray, beta: float) -> np.ndarray:
    """Return F(wrong) − F(right) of each row, for the wrong class of lowest energy.

    Infinite gaps, of classes without training rows, become the largest numbers of float32.
    """
    rows, wrong = np.arange(len(y)), log_p.copy()
    wrong[rows, y] = -np.inf
    largest = np.finfo(np.float32).max
    gaps = (log_p[rows, y] - wrong.max(axis=1)) / beta
    return np.clip(gaps, -largest, largest).astype(np.float32)


def curve(values: Any) -> list[tuple[int, float]]:
    """Return (iteration, objective) of at most 60 points, dense at the start of the curve."""
    values = np.asarray(values, dtype=np.float64)
    if len(values) == 0:
        return []
    at = np.unique(np.geomspace(1, len(values), MOST_POINTS).round().astype(np.intp))
    return [(int(j), float(values[j - 1])) for j in at if np.isfinite(values[j - 1])]


def shown_rows(answers: np.ndarray) -> np.ndarray:
    """Return the rows with plots of densities, at equally spaced ranks of their answers."""
    n_shown = min(N_SHOWN, len(answers))
    middles = (np.arange(n_shown) + 0.5) / n_shown * len(answers)
    return np.argsort(answers, kind="stable")[middles.astype(np.intp)]


def kept_densities(estimator: Any, fold: Fold, shown: dict[int, int]) -> dict[str, Any]:
    """Return the calibration of all test rows, densities of some, and the learning curve.

    The keys of `shown` are places of rows in the test part, the values their indices in the table.
    The result has "pit", how often the distribution function at the answer lies in each of 20 bins;
    "coverage" at each of `LEVELS`; "shown", the result of `drawn` by the index of the row;
    "energies", whether the estimator has energies; and "curve".
    """
    distribution, model = predicted_distribution(estimator, fold.X_test), final_step(estimator)
    pit = probability_integral_transform(fold.y_test, distribution)
    rows = drawn(distribution[list(shown)]) if shown else []
    return {
        "pit": np.histogram(np.clip(pit, 0, 1), N_PIT_BARS, (0, 1))[0],
        "coverage": coverage(fold.y_test, distribution),
        "shown": dict(zip(shown.values(), rows, strict=True)),
        "energies": isinstance(model, LatentEBMRegressor),
        "curve": curve(vars(model).get("loss_curve_", ())),
    }


def coverage(y: np.ndarray, distribution: ConditionalDistribution) -> list[float]:
    """Return the fraction of answers in the central interval of each of `LEVELS`.

    An answer lies in it if F(y) ≥ (1 − level)/2 and F(t) ≤ (1 + level)/2 for all t < y. Unlike the
    limits of all intervals, the distribution function is cheap. Both conditions have a tolerance of
    1e-9, because answers are often equal to a limit if F is given by quantiles.
    """
    half = np.array(LEVELS)[:, None] / 2 + 1e-9
    above = probability_integral_transform(y, distribution) - 0.5
    below = probability_integral_transform(np.nextafter(y, -np.inf), distribution) - 0.5
    return ((above >= -half) & (below <= half)).mean(axis=1).tolist()


def drawn(distribution: ConditionalDistribution) -> list[dict[str, list[float]]]:
    """Return the quantiles of each row at `MARKS`, and its density, if any, at some answers."""
    marks = distribution.quantiles(MARKS).tolist()
    inner = distribution.quantiles(np.linspace(TAIL, 1 - TAIL, EQUAL_PROBABILITIES))
    even = np.linspace(inner[:, 0], inner[:, -1], EQUAL_STEPS, axis=1)
    answers = np.sort(np.concatenate([inner, even], axis=1), axis=1)
    lines: list[Any] = [([], [])] * len(marks)
    with suppress(NoDensityError):
        density = distribution.pdf(answers)
        lines = list(zip(answers.tolist(), density.tolist(), strict=True))
    return [
        {"marks": at, "answers": line[0], "density": line[1]}
        for at, line in zip(marks, lines, strict=True)
    ]
