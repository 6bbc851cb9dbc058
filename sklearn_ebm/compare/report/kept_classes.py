"""Data of a classifier on one fold that a report contains."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_ebm.compare.folds import Fold, final_step
from sklearn_ebm.estimators._class_predictions import ClassPredictions

# e^(−745) is the smallest positive float64.
FURTHEST = 745.0
# Largest number of points of a learning curve.
MOST_POINTS = 60


@dataclass(frozen=True)
class KeepClasses:
    """Function of a fitted classifier and its fold that returns data of some rows for a report.

    Attributes
    ----------
    rows : ndarray of int
        Indices in the test part.
    """

    rows: np.ndarray

    def __call__(self, estimator: Any, fold: Fold) -> dict[str, Any]:
        """Return distances, β, margin and learning curve.

        Returns
        -------
        kept : dict
            "distances" of shape (n_samples, n_classes): log p of the likeliest class minus log p of
            each class, which for energies is β (F(x, y) − min F); "energies", whether the
            classifier has energies; "beta" and "margin", or None; "curve", a list of (iteration,
            objective).
        """
        model = final_step(estimator)
        energies = isinstance(model, ClassPredictions)
        return {
            "distances": distances(estimator, fold.X_test[self.rows]),
            "energies": energies,
            "beta": float(model.beta_) if energies else None,
            "margin": _margin(model) if energies else None,
            "curve": curve(vars(model).get("loss_curve_", ())),
        }


def distances(estimator: Any, X: Any) -> np.ndarray:
    """Return max log p − log p of each class, of shape (n_samples, n_classes), at most 745."""
    if X.shape[0] == 0:
        return np.empty((0, len(estimator.classes_)))
    if isinstance(final_step(estimator), ClassPredictions):
        log_p = np.asarray(estimator.predict_log_proba(X), dtype=np.float64)
    else:
        with np.errstate(divide="ignore"):
            log_p = np.log(np.asarray(estimator.predict_proba(X), dtype=np.float64))
    return np.minimum(log_p.max(axis=1, keepdims=True) - log_p, FURTHEST)


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
