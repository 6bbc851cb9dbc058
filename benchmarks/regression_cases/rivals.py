"""Distributions of others: NGBoost in its own Python, and what scikit-learn has."""

import json
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from linear_cases.clock import PAUSE
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from sklearn_ebm.compare.adapters import GaussianProcess, GaussianResiduals, Quantiles, gaussian

from .fits import scores_of_density, seconds_of_fit

NGBOOST, QUANTILES = "NGBoost", "quantile boosting"
BOOSTING, PROCESS = "boosting, Gaussian errors", "Gaussian process"
ROUNDS, QUICK_ROUNDS = 500, 5
QUICK_PROBABILITIES = (0.05, 0.25, 0.5, 0.75, 0.95)
FEW_ROWS = 10_000  # on which boosting is quicker with one thread than with several that wait
# Seconds of a Gaussian process grow with the cube of the rows.
PROCESS_ROWS, QUICK_PROCESS_ROWS = 1_250, 50


def ngboost(split, options):
    """NGBoost with its Gaussian distribution; None where it is not installed, which is said
    once."""
    if options.ngboost is None:
        return None
    script = Path(__file__).with_name("ngboost_fit.py")
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.npz"
        np.savez(rows, X=split.X, y=split.y, X_test=split.X_test)
        time.sleep(PAUSE)
        done = subprocess.run(
            [options.ngboost, str(script), str(rows), str(rounds)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode == 0:
        said = json.loads(done.stdout.splitlines()[-1])
        distribution = gaussian(said["loc"], np.array(said["scale"])[:, None])
        return scores_of_density(distribution, split, said["seconds"])
    reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
    print(f"  NGBoost not measured: {reason} (--ngboost names a Python that has it)")
    options.ngboost = None
    return None


def boosted(options, **settings):
    """Gradient boosting as scikit-learn has it by default."""
    if options.quick:
        settings["max_iter"] = QUICK_ROUNDS
    return HistGradientBoostingRegressor(random_state=0, **settings)


def quantile_boosting(split, options):
    """A boosting for each of 21 quantiles: a distribution function, and no density."""
    settings = {"probabilities": QUICK_PROBABILITIES} if options.quick else {}
    adapter = Quantiles(boosted(options, loss="quantile", quantile=0.5), **settings)
    return of_adapter(adapter, split)


def gaussian_boosting(split, options):
    """Boosting of the mean, with the standard deviation of its left-out errors for all rows."""
    return of_adapter(GaussianResiduals(boosted(options)), split)


def gaussian_process(split, options):
    """A Gaussian process with a length for each column; None for many rows."""
    if len(split.y) > PROCESS_ROWS:
        return None
    if options.quick:
        split = replace(split, X=split.X[:QUICK_PROCESS_ROWS], y=split.y[:QUICK_PROCESS_ROWS])
    return of_adapter(GaussianProcess(), split)


def of_adapter(adapter, split):
    with threadpool_limits(1 if len(split.y) <= FEW_ROWS else None):
        seconds = seconds_of_fit(adapter, split)
    return scores_of_density(adapter.distribution(split.X_test), split, seconds)


RIVALS = {
    NGBOOST: ngboost, QUANTILES: quantile_boosting, BOOSTING: gaussian_boosting,
    PROCESS: gaussian_process,
}  # fmt: skip


def rivals_on(splits, names, options):
    """Scores on all splits of those rivals that can be had; none is fitted twice in one run."""
    found = {}
    for rival in names:
        fits = [rival_on(split, rival, options) for split in splits]
        if None not in fits:
            found[rival] = fits
    return found


def rival_on(split, rival, options):
    key = (split.name, split.number, rival)
    if key not in options.fits:
        options.fits[key] = RIVALS[rival](split, options)
    return options.fits[key]
