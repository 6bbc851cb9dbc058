"""Data of a predicted distribution on one fold that a report contains."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from sklearn_ebm.compare.density_scores import predicted_distribution
from sklearn_ebm.compare.folds import Fold, final_step
from sklearn_ebm.compare.report.kept_classes import curve
from sklearn_ebm.distributions.base import ConditionalDistribution
from sklearn_ebm.distributions.quantiles import NoDensityError
from sklearn_ebm.estimators.regressor import LatentEBMRegressor
from sklearn_ebm.metrics import probability_integral_transform

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
# Number of bars of the histogram of the distribution functions at the answers.
N_BARS = 20
# Number of rows with plots of densities.
N_SHOWN = 6
# Probabilities of two central intervals and the median.
MARKS = (0.05, 0.25, 0.5, 0.75, 0.95)
# Answers at equal steps of y resolve the tails, answers at equal steps of probability the peaks.
EQUAL_STEPS, EQUAL_PROBABILITIES = 61, 60
TAIL = 0.002


def shown_rows(answers: np.ndarray) -> np.ndarray:
    """Return the rows with plots of densities, at equally spaced ranks of their answers.

    Examples
    --------
    >>> shown_rows(np.array([5.0, 1.0, 3.0])).tolist()
    [1, 2, 0]
    """
    n_shown = min(N_SHOWN, len(answers))
    middles = (np.arange(n_shown) + 0.5) / n_shown * len(answers)
    return np.argsort(answers, kind="stable")[middles.astype(np.intp)]


def kept_densities(estimator: Any, fold: Fold, shown: Mapping[int, int]) -> dict[str, Any]:
    """Return the calibration of all test rows, densities of some, and the learning curve.

    Parameters
    ----------
    estimator : estimator for `scores_of_distribution`
        Fitted on the training rows of the fold.
    fold : Fold
    shown : mapping of int to int
        Places in the test part of the rows with plots of densities, and their indices in the table.

    Returns
    -------
    kept : dict
        "pit", how often the distribution function at the answer lies in each of 20 bins; "coverage"
        at each of `LEVELS`; "shown", the result of `drawn` by the index of the row; "energies",
        whether the estimator has energies; "curve", a list of (iteration, objective).
    """
    distribution, model = predicted_distribution(estimator, fold.X_test), final_step(estimator)
    pit = probability_integral_transform(fold.y_test, distribution)
    rows = drawn(distribution[list(shown)]) if shown else []
    return {
        "pit": np.histogram(np.clip(pit, 0, 1), N_BARS, (0, 1))[0],
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

    Examples
    --------
    >>> from sklearn_ebm.distributions import GaussianMixture
    >>> standard = GaussianMixture([[1.0]] * 2, [[0.0]] * 2, [[1.0]] * 2)
    >>> coverage(np.array([0.0, 1.0]), standard)[4:8]
    [0.5, 0.5, 1.0, 1.0]
    """
    half = np.array(LEVELS)[:, None] / 2 + 1e-9
    above = probability_integral_transform(y, distribution) - 0.5
    below = probability_integral_transform(np.nextafter(y, -np.inf), distribution) - 0.5
    return ((above >= -half) & (below <= half)).mean(axis=1).tolist()


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
