"""Data of a classifier on one fold that a report contains."""

from typing import Any

import numpy as np

from sklearn_ebm.compare.folds import Fold, final_step
from sklearn_ebm.estimators._class_predictions import ClassPredictions
from sklearn_ebm.metrics.probabilities import N_BINS

# Factors of β, from 1/8 to 8, with 1 in the middle.
MULTIPLIERS = tuple(2.0 ** (j / 4) for j in range(-12, 13))
# Probabilities are clipped as in the log-loss of scikit-learn.
SMALLEST = float(np.finfo(np.float64).eps)
# Largest number of points of a learning curve.
MOST_POINTS = 60


def kept_classes(estimator: Any, fold: Fold) -> dict[str, Any]:
    """Return the scores of all test rows over β, energy gaps and the learning curve.

    Parameters
    ----------
    estimator : classifier
        Fitted on the training rows of the fold.
    fold : Fold

    Returns
    -------
    kept : dict
        "scores" and "bins", see `over_beta`; "energies", whether the classifier has energies;
        "beta", "margin" and "gaps", see `energy_gaps`, or None; "curve", a list of (iteration,
        objective).
    """
    model = final_step(estimator)
    probabilities = np.asarray(estimator.predict_proba(fold.X_test), dtype=np.float64)
    scores, bins = over_beta(probabilities, fold.y_test)
    kept = {"scores": scores, "bins": bins, "curve": curve(vars(model).get("loss_curve_", ()))}
    if not isinstance(model, ClassPredictions):
        return kept | {"energies": False, "beta": None, "margin": None, "gaps": None}
    beta = float(model.beta_)
    # Logarithms, because probabilities underflow where gaps are large.
    gaps = energy_gaps(np.asarray(estimator.predict_log_proba(fold.X_test)), fold.y_test, beta)
    return kept | {"energies": True, "beta": beta, "margin": _margin(model), "gaps": gaps}


def over_beta(
    probabilities: np.ndarray, y: np.ndarray
) -> tuple[dict[str, list[float]], np.ndarray]:
    """Compute scores and calibration at multiples of β, from the probabilities at the fitted β.

    With the factor m, p becomes p^m / Σ p^m, which for energies is the Gibbs distribution at m β.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_classes)
    y : ndarray of int of shape (n_samples,)
        The column of the right class.

    Returns
    -------
    scores : dict of str to list of float
        "log_loss", "brier" and "ece" at each of `MULTIPLIERS`, as the comparison defines them.
    bins : ndarray of shape (n_multipliers, 15, 3)
        Sums over the rows of each bin of the ECE: their number, how many are classified correctly,
        and the probability of their predicted class.

    Examples
    --------
    The odds 4 to 1 become 2 to 1 at half the β, and the log-loss log(3/2).

    >>> scores, bins = over_beta(np.array([[0.8, 0.2]]), np.array([0]))
    >>> at_half, at_one = MULTIPLIERS.index(0.5), MULTIPLIERS.index(1.0)
    >>> round(scores["log_loss"][at_half], 4), round(scores["brier"][at_one], 4)
    (0.4055, 0.08)
    >>> bins[at_half].sum(axis=0).round(4).tolist()
    [1.0, 1.0, 0.6667]
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

    Examples
    --------
    >>> log_p = np.array([[0.0, -1.0, -3.0], [0.0, -3.0, -np.inf]])
    >>> energy_gaps(log_p, np.array([0, 1]), 0.5)
    array([ 2., -6.], dtype=float32)
    """
    rows, wrong = np.arange(len(y)), log_p.copy()
    wrong[rows, y] = -np.inf
    largest = np.finfo(np.float32).max
    gaps = (log_p[rows, y] - wrong.max(axis=1)) / beta
    return np.clip(gaps, -largest, largest).astype(np.float32)


def _margin(estimator: Any) -> float | None:
    margin = estimator.loss_.get_params(deep=False).get("margin")
    return float(margin) if margin is not None and np.ndim(margin) == 0 else None


def curve(values: Any) -> list[tuple[int, float]]:
    """Return at most 60 points of a curve, dense at its start, where it decreases most.

    Examples
    --------
    >>> curve([3.0, 2.0, np.inf])
    [(1, 3.0), (2, 2.0)]
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) == 0:
        return []
    at = np.unique(np.geomspace(1, len(values), MOST_POINTS).round().astype(np.intp))
    return [(int(j), float(values[j - 1])) for j in at if np.isfinite(values[j - 1])]
