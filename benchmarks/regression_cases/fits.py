"""One fit on one split, and the scores of its densities on the test rows."""

import time
import warnings
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from linear_cases.clock import PAUSE
from scipy.stats import kstest

from sklearn_ebm import LatentEBMRegressor
from sklearn_ebm.distributions.quantiles import NoDensityError
from sklearn_ebm.metrics import interval_contains, probability_integral_transform

from .energies import DEFAULT, energies_for, settings_of
from .rounding import cells_of, spread_inside

LEVELS = (0.5, 0.9)
KINDS = ("interval", "region")
QUICK = {"max_iter": 5, "time_budget": 0.5}


@dataclass(eq=False)
class Scores:
    """What was measured; arrays hold one entry for each test row, or for each row and answer.

    Attributes
    ----------
    seconds : float
        Of the fit.
    nll, squared, crps : ndarray
        −log p(y | x), None for a distribution without density; squared errors of the mean;
        continuous ranked probability scores.
    pit : ndarray
        P(Y ≤ y | x), of each answer.
    spread : ndarray of shape (n_samples, 2) or None
        The same at both ends of what each answer may have been rounded from.
    inside : dict
        Of "interval" or "region" and a level: whether the answer lies inside.
    model : LatentEBMRegressor or None
        Kept for generated sets in the case one_to_many.
    n_calibrating : int
        Rows that choose the levels of conformal calibration, if it is asked for.
    least : float or None
        What the energy states that no log-density falls below, in nats.
    """

    seconds: float
    nll: Any
    squared: Any
    crps: Any
    pit: Any
    inside: Any
    spread: Any = None
    model: Any = None
    n_calibrating: int = 0
    least: Any = None

    @property
    def rmse(self):
        return float(np.sqrt(self.squared.mean()))


def fitted(split, options, energy=DEFAULT, **settings):
    """The estimator with an energy and default settings, and the seconds of its fit."""
    first = QUICK if options.quick else {}
    model = LatentEBMRegressor(**first | settings_of(energy) | {"random_state": 0} | settings)
    return model, seconds_of_fit(model, split)


def seconds_of_fit(model, split):
    time.sleep(PAUSE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few answers; fits that are cut short on purpose
        start = time.perf_counter()
        model.fit(split.X, split.y)
        return time.perf_counter() - start


def scored(split, options, energy=DEFAULT, **settings):
    """Fit, and score on the test rows; the same fit is never made twice in one run."""
    key = (split.name, split.number, energy, *sorted(settings.items()))
    if key not in options.fits:
        # Regions take long, and one case only asks for them.
        kinds = KINDS if "calibration" in options.cases else KINDS[:1]
        model, seconds = fitted(split, options, energy, **settings)
        scores = options.fits[key] = scores_of(split, model, seconds, kinds)
        if keeps_model(split, energy, options):
            scores.model = model
    return options.fits[key]


def keeps_model(split, energy, options):
    """Only where modes will be asked for, as a bank of densities takes much memory."""
    asked = "one_to_many" in options.cases and energy in energies_for(split.name, options)
    return asked and split.truth is not None


def scores_of(split, model, seconds, kinds=KINDS[:1]):
    scores = scores_of_density(model.predict_distribution(split.X_test), split, seconds)
    scores.inside = inside_of(model, split.X_test, split.y_test, LEVELS, kinds)
    scores.n_calibrating = n_calibrating(model, split)
    scores.least = getattr(model.energy_, "least_log_density", None)
    return scores


def scores_of_density(distribution, split, seconds):
    """Scores of the distributions of the test rows, whoever says them."""
    y, nll, inside, spread = split.y_test, None, {}, None
    with suppress(NoDensityError):
        nll = -distribution.log_prob(y)
    if y.ndim == 1:
        for level in LEVELS:
            inside["interval", level] = interval_contains(y, distribution, level=level)
        spread = np.column_stack([distribution.cdf(end) for end in cells_of(split.y, y).T])
    squared = (distribution.mean() - y) ** 2
    pit = probability_integral_transform(y, distribution)
    return Scores(seconds, nll, squared, distribution.crps(y), pit, inside, spread)


def n_calibrating(model, split):
    """How many rows of a split choose the levels of conformal calibration."""
    return int(np.ceil(model.validation_fraction * len(split.y)))


def inside_of(model, X, y, levels=LEVELS, kinds=KINDS):
    """Whether answers lie in the intervals and in the regions of each level."""
    said = {"interval": model.predict_interval, "region": model.predict_region}
    return {
        (kind, level): interval_contains(y, said[kind](X, level))
        for level in levels
        for kind in kinds
    }


def mean_and_error(values):
    """Mean over splits and its standard error; 0 for a single split."""
    values = np.asarray(values, dtype=float)
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return float(values.mean()), float(error)


def median_seconds(fits):
    return float(np.median([fit.seconds for fit in fits]))


def coverage_off(fits):
    """How far the share of answers inside is from each level of intervals, over all splits."""
    return {
        level: float(np.concatenate([fit.inside["interval", level] for fit in fits]).mean() - level)
        for level in LEVELS
    }


def spread_coverage(fits):
    """The share of answers inside of intervals, over all splits, if rounded answers are spread."""
    spread = np.concatenate([fit.spread for fit in fits])
    return {level: spread_inside(spread, level) for level in LEVELS}


def pit_off(fits):
    """The largest deviation of the distribution of P(Y ≤ y | x) from the uniform one."""
    values = np.concatenate([fit.pit.ravel() for fit in fits])
    return float(kstest(values, "uniform").statistic)
