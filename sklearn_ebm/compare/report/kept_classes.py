"""Data of a classifier on one fold that a report contains."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_ebm.compare.folds import Fold
from sklearn_ebm.estimators._class_predictions import ClassPredictions

# e^(−745) is the least float64 above zero.
FURTHEST = 745.0
# Points of a curve of learning.
MOST_POINTS = 60


@dataclass(frozen=True)
class KeepClasses:
    """Called with a fitted classifier and its fold: what it says of some rows, and how it learned.

    Attributes
    ----------
    rows : ndarray of int
        Positions in the test part.
    """

    rows: np.ndarray

    def __call__(self, estimator: Any, fold: Fold) -> dict[str, Any]:
        """Return the distances, β and its margin, and the curve of learning.

        Returns
        -------
        kept : dict
            "distances" of shape (n_samples, n_classes): log p of the likeliest class less log p of
            each, which is β (F(x, y) − min F) where there are energies; "energies", whether there
            are; "beta" and "margin", None where there is none; "curve", a list of (iteration,
            objective).
        """
        energies = isinstance(estimator, ClassPredictions)
        return {
            "distances": distances(estimator, fold.X_test[self.rows]),
            "energies": energies,
            "beta": float(estimator.beta_) if energies else None,
            "margin": _margin(estimator) if energies else None,
            "curve": curve(vars(estimator).get("loss_curve_", ())),
        }


def distances(estimator: Any, X: Any) -> np.ndarray:
    """Return max log p − log p of each class, of shape (n_samples, n_classes), at most 745."""
    if X.shape[0] == 0:
        return np.empty((0, len(estimator.classes_)))
    if isinstance(estimator, ClassPredictions):
        log_p = np.asarray(estimator.predict_log_proba(X), dtype=np.float64)
    else:
        with np.errstate(divide="ignore"):
            log_p = np.log(np.asarray(estimator.predict_proba(X), dtype=np.float64))
    return np.minimum(log_p.max(axis=1, keepdims=True) - log_p, FURTHEST)


def _margin(estimator: Any) -> float | None:
    margin = estimator.loss_.get_params(deep=False).get("margin")
    return float(margin) if margin is not None and np.ndim(margin) == 0 else None


def curve(values: Any) -> list[tuple[int, float]]:
    """Return at most 60 points of a curve, dense at its start, where it falls.

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
