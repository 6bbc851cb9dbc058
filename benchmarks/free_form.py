"""Energies of any form: how close each loss and each way of drawing comes to exact densities.

    python benchmarks/free_form.py                      about an hour on one core
    python benchmarks/free_form.py --quick              to see that it works
    python benchmarks/free_form.py --sets fork --methods importance,snl

Likelihood: log p of the exact density minus that of the fit, on the same new samples; 0 is perfect.
Branches: the share of the main one of two branches, where the exact one is 0.80. A loss that only
sees the surroundings of answers learns the shapes of branches, but not their shares. Seconds: CPU
seconds of a fit.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from scipy.stats import lognorm, norm
from sklearn.exceptions import ConvergenceWarning

from sklearn_ebm import LatentEBMRegressor
from sklearn_ebm.datasets import make_fork, make_horn, make_inverse_sine
from sklearn_ebm.exceptions import SamplingWarning
from sklearn_ebm.losses.negatives import MCMC, Persistent, Quadrature

N_TRAIN, N_TEST, SEEDS = 4_000, 4_000, 3

# Inputs where both branches are separate, and what is above zero there is the main one.
BRANCHES = np.linspace(-2.6, -0.5, 43)[:, None]

SET_NAMES = ("two branches", "inverse sine", "fork", "horn")

# A grid of two outputs has many points, so it gets fewer passes.
PLANE = {"negatives": Quadrature(n_points=30, reach=4.0), "max_iter": 8}


class TwoBranches:
    """The problem of Gustafsson and others (2020): two branches below zero, one above."""

    def sample(self, n, seed):
        rng = np.random.RandomState(seed)
        x = rng.uniform(-3, 3, n)
        main, noise = rng.uniform(size=n) < 0.8, rng.normal(size=n)
        below = np.where(main, -np.sin(x) + 0.075 * noise, np.sin(x) + 0.15 * noise)
        return x[:, None], np.where(x < 0, below, np.exp(0.25 * noise))

    def log_prob(self, X, y):
        middle = np.sin(X[:, 0])
        parts = [np.log(0.8) + norm.logpdf(y, -middle, 0.075),
                 np.log(0.2) + norm.logpdf(y, middle, 0.15)]  # fmt: skip
        above = lognorm.logpdf(np.maximum(y, 1e-300), 0.25)
        return np.where(X[:, 0] < 0, np.logaddexp(*parts), above)

    def share(self, X):
        """Probability above zero."""
        middle = np.sin(X[:, 0])
        return 0.8 * norm.cdf(-middle / 0.075) + 0.2 * norm.cdf(middle / 0.15)


def two_branches(n, seed):
    truth = TwoBranches()
    return *truth.sample(n, seed), truth


def inverse_sine(n, seed):
    return make_inverse_sine(n, noise=0.08, random_state=seed, return_truth=True)


def fork(n, seed):
    return make_fork(n, random_state=seed, return_truth=True)


def horn(n, seed):
    return make_horn(n, noise=0.5, random_state=seed, return_truth=True)


SETS = dict(zip(SET_NAMES, (two_branches, inverse_sine, fork, horn), strict=True))


def methods():
    """Settings of the regressor for each method, by its name."""
    return {
        "importance": {},
        "quadrature": {"negatives": "quadrature"},
        "nce": {"loss": "nce"},
        "snl": {"loss": "snl"},
        "persistent": {"negatives": "persistent"},
        "persistent without jumps": {"negatives": Persistent(jump_every=None)},
        "mcmc with jumps": {"negatives": MCMC(jump_every=2)},
        "mcmc": {"negatives": "mcmc"},
        "score matching": {"loss": "score_matching"},
        "experts": {"energy": "experts"},
        "auto": {"energy": "auto"},
    }


def run(set_name, method, seed, n_train, n_test, max_iter):
    """Learn from new samples; log p of the exact density minus that of the fit, and seconds."""
    X, y, truth = SETS[set_name](n_train, seed)
    X_test, y_test, _ = SETS[set_name](n_test, 1_000 + seed)
    settings = {"energy": "joint", "random_state": seed} | methods()[method]
    if method == "quadrature" and set_name == "horn":
        settings |= PLANE
    if max_iter and method != "auto":
        settings["max_iter"] = max_iter
    start = time.process_time()
    reg = LatentEBMRegressor(**settings).fit(X, y)
    row = {"set": set_name, "method": method, "seed": seed, "seconds": time.process_time() - start}
    gap = truth.log_prob(X_test, y_test) - reg.log_prob(X_test, y_test)
    row |= {"gap": gap.mean(), "error": gap.std() / np.sqrt(len(gap))}
    if set_name == "two branches":
        row["share"] = (1 - reg.predict_distribution(BRANCHES).cdf(0.0)).tolist()
    return row


def of(rows, set_name, method):
    return [row for row in rows if (row["set"], row["method"]) == (set_name, method)]


def print_table(title, names, found, cell):
    """A table of methods and sets; `cell` turns the rows of both into text."""
    print(f"\n{title}\n{'':26s}" + "".join(f"{name:>24s}" for name in found))
    for method in names:
        cells = [cell(of(rows, name, method)) for name, rows in found.items()]
        print(f"{method:26s}" + "".join(f"{text:>24s}" for text in cells))


def gap_cell(rows):
    """Mean over seeds, its standard error from test samples, and the largest of the seeds."""
    gaps = [row["gap"] for row in rows]
    error = np.sqrt(np.square([row["error"] for row in rows]).sum()) / len(rows)
    return f"{np.mean(gaps):.3f} ± {error:.3f} ({max(gaps):.3f})"


def print_shares(rows, names):
    exact = TwoBranches().share(BRANCHES)
    print(f"\nShare of the main branch: mean, least and most over x; exact {exact.mean():.3f}")
    for method in names:
        shares = [row["share"] for row in of(rows, "two branches", method)]
        spread = f"{np.min(shares):.3f} to {np.max(shares):.3f}"
        print(f"{method:26s} {np.mean(shares):8.3f} {spread:>18s}")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", default=",".join(SET_NAMES))
    parser.add_argument("--methods", default=",".join(methods()))
    parser.add_argument("--seeds", type=int, default=SEEDS, help="numbers of training sets")
    parser.add_argument("--quick", action="store_true", help="few samples and passes")
    parser.add_argument("--json", type=Path, help="file for all rows")
    options = parser.parse_args(arguments)
    sizes = (300, 100, 2) if options.quick else (N_TRAIN, N_TEST, None)
    for category in (ConvergenceWarning, SamplingWarning):
        warnings.simplefilter("ignore", category)
    names = options.methods.split(",")
    rows = []
    for set_name in options.sets.split(","):
        for method in names:
            for seed in range(1 if options.quick else options.seeds):
                row = run(set_name, method, seed, *sizes)
                rows.append(row)
                print(f"{set_name}, {method}, seed {seed}: {row['gap']:.4f}, "
                      f"{row['seconds']:.1f} s", flush=True)  # fmt: skip
        if options.json:
            options.json.write_text(json.dumps(rows))
    found = {name: [row for row in rows if row["set"] == name] for name in options.sets.split(",")}
    print_table("Nats above the exact density, s.e. (largest of the seeds)", names, found, gap_cell)
    if "two branches" in found:
        print_shares(rows, names)
    print_table("CPU seconds of a fit", names, found,
                lambda part: f"{np.mean([row['seconds'] for row in part]):.1f}")  # fmt: skip


if __name__ == "__main__":
    main()
