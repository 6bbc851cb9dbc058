"""One fit on one split, and the scores of its densities on the test rows."""

import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from linear_cases.clock import PAUSE

from sklearn_ebm import LatentEBMRegressor

LEVELS = (0.5, 0.9)
KINDS = ("interval", "region")
QUICK_PASSES = 5


@dataclass(eq=False)
class Scores:
    """What was measured; arrays hold one entry for each test row, or for each row and answer.

    Attributes
    ----------
    seconds : float
        Of the fit.
    nll, squared, crps : ndarray
        −log p(y | x); squared errors of the mean; continuous ranked probability scores.
    pit : ndarray
        P(Y ≤ y | x), of each answer.
    inside : dict
        Of "interval" or "region" and a level: whether the answer lies inside.
    model : LatentEBMRegressor or None
        Kept for generated sets.
    n_calibrating : int
        Rows that choose the levels of conformal calibration, if it is asked for.
    """

    seconds: float
    nll: Any
    squared: Any
    crps: Any
    pit: Any
    inside: Any
    model: Any
    n_calibrating: int

    @property
    def rmse(self):
        return float(np.sqrt(self.squared.mean()))


def fitted(split, options, **settings):
    """The estimator with default settings, and the seconds of its fit."""
    if options.quick:
        settings = {"max_iter": QUICK_PASSES} | settings
    model = LatentEBMRegressor(split.energy, **settings)
    time.sleep(PAUSE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few answers; fits that are cut short on purpose
        start = time.perf_counter()
        model.fit(split.X, split.y)
        return model, time.perf_counter() - start


def scored(split, options, **settings):
    """Fit, and score on the test rows; the same fit is never made twice in one run."""
    key = (split.name, split.number, *sorted(settings.items()))
    if key not in options.fits:
        options.fits[key] = scores_of(split, *fitted(split, options, **settings))
    return options.fits[key]


def scores_of(split, model, seconds):
    law, y = model.predict_distribution(split.X_test), split.y_test
    return Scores(
        seconds, -law.logpdf(y), (law.mean() - y) ** 2, law.crps(y), below(law, y),
        inside_of(model, split.X_test, y), model if split.truth else None,
        n_calibrating(model, split),
    )  # fmt: skip


def n_calibrating(model, split):
    """How many rows of a split choose the levels of conformal calibration."""
    return int(np.ceil(model.validation_fraction * len(split.y)))


def below(law, y):
    """P(Y ≤ y | x) of each answer."""
    if y.ndim == 1:
        return law.cdf(y)
    answers = range(y.shape[1])
    return np.column_stack([law.marginal(answer).cdf(y[:, answer]) for answer in answers])


def inside_of(model, X, y, levels=LEVELS):
    """Whether answers lie in the intervals and in the regions of each level."""
    inside = {}
    for level in levels:
        ends = model.predict_interval(X, level)
        inside["interval", level] = (ends[..., 0] <= y) & (y <= ends[..., 1])
        region = model.predict_region(X, level)
        if y.ndim == 1:
            held = (region[..., 0] <= y[:, None]) & (y[:, None] <= region[..., 1])
            inside["region", level] = held.any(axis=1)
        else:
            inside["region", level] = region.contains(y)
    return inside


def mean_and_error(values):
    """Mean over splits and its standard error; 0 for a single split."""
    values = np.asarray(values, dtype=float)
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return float(values.mean()), float(error)
