"""Does a step with drawn classes cost the same for any number of classes, and is the model as good?

Seconds of learning per sample for 500 to 50,000 classes, test log-loss beside the fit that compares
with all classes, and the bias and the noise of the gradient, for each way of drawing.

    python benchmarks/many_classes.py
    python benchmarks/many_classes.py --cases time,bias
    python benchmarks/many_classes.py --quick
"""

import argparse
import resource
import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from sklearn_ebm import EBMClassifier
from sklearn_ebm.energies import Linear
from sklearn_ebm.losses import NLL
from sklearn_ebm.losses.negatives import HardestSampled, InBatch, Sampled
from sklearn_ebm.solvers import Adam
from sklearn_ebm.solvers.objective import Objective
from sklearn_ebm.solvers.sampled_objective import SampledObjective

BATCH, RATE = 200, 0.03


def ways(n_negatives):
    """Every way of drawing, by name."""
    return {
        "uniform": Sampled(n_negatives, power=0.0),
        "root of frequency": Sampled(n_negatives),
        "frequency": Sampled(n_negatives, power=1.0),
        "hardest": HardestSampled(n_negatives, n_candidates=5 * n_negatives),
        "in batch": InBatch(),
    }


def problem(n_classes, n_features, n_rows, seed=0):
    """Rows of a linear energy with frequencies as of words, ∝ 1/(rank + 10)."""
    rng = np.random.default_rng(seed)
    coef = (3 * rng.normal(size=(n_classes, n_features)) / np.sqrt(n_features)).astype(np.float32)
    offset = -np.log(np.arange(n_classes) + 10.0).astype(np.float32)
    X = rng.normal(size=(n_rows, n_features)).astype(np.float32)
    y = np.empty(n_rows, dtype=int)
    for first in range(0, n_rows, 200):
        scores = X[first : first + 200] @ coef.T + offset
        y[first : first + 200] = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    return X, y


def log_loss(model, X, y):
    """Mean −log p of rows whose class has training rows."""
    known = np.isin(y, model.classes_)
    answer = np.searchsorted(model.classes_, y[known])
    log_p = model.predict_log_proba(X[known])
    return -float(log_p[np.arange(len(answer)), answer].mean())


def seconds(passes, X, y, **settings):
    """Seconds of a pass: those of a fit with more passes, minus those of one with fewer."""

    def fit(max_iter):
        began = time.perf_counter()
        EBMClassifier(solver=Adam(RATE, BATCH), max_iter=max_iter, **settings).fit(X, y)
        return time.perf_counter() - began

    return (fit(1 + passes) - fit(1)) / passes


def time_case(args):
    """Seconds per sample, the same d, m and batch size for every number of classes."""
    n_rows, n_features = (4_000, 16) if args.quick else (50_000, 128)
    numbers = (50, 500) if args.quick else (500, 5_000, 50_000)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, n_features)).astype(np.float32)
    print(f"\ntime: {n_rows} rows, {n_features} features, batches of {BATCH}, 100 negatives")
    print(f"{'classes':>8} {'µs per sample':>14} {'all classes':>12}")
    found = {}
    for n_classes in numbers:
        y = np.concatenate([np.arange(n_classes), rng.integers(n_classes, size=n_rows - n_classes)])
        runs = [seconds(3, X, y, negatives="sampled") for _ in range(args.repeats)]
        found[n_classes] = 1e6 * np.median(runs) / n_rows
        full = "" if n_classes > 500 else f"{1e6 * seconds(1, X, y) / n_rows:.1f}"
        print(f"{n_classes:8} {found[n_classes]:14.1f} {full:>12}", flush=True)
    print(f"most classes over fewest: {found[numbers[-1]] / found[numbers[0]]:.3f}")
    began = time.perf_counter()
    model = EBMClassifier(max_iter=1, negatives="sampled").fit(X, y)
    print(f"a fit of one pass: {time.perf_counter() - began:.1f} s")
    for method in ("predict", "predict_proba"):
        began = time.perf_counter()
        getattr(model, method)(X[:2_000])
        print(f"{method} of 2,000 rows: {time.perf_counter() - began:.1f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"largest memory of the process: {peak:.2f} GiB")


def quality_case(args):
    """Test log-loss beside the fit with all classes."""
    k, d, n_rows, passes = (50, 8, 2_000, 10) if args.quick else (1_000, 32, 40_000, 30)
    X, y = problem(k, d, n_rows + 10_000)
    train, test = slice(0, n_rows), slice(n_rows, None)
    print(f"\nquality: {k} classes, {d} features, {n_rows} rows, C={args.C:g}, {passes} passes")
    began = time.perf_counter()
    full = EBMClassifier(C=args.C, tol=1e-3).fit(X[train], y[train])
    least = log_loss(full, X[test], y[test])
    print(f"all classes: log-loss {least:.4f}, {time.perf_counter() - began:.1f} s")
    print(f"{'draws':>18} {'negatives':>9} {'log-loss':>9} {'ratio':>7} {'seconds':>8}")
    for n_negatives in (10, 100) if args.quick else (10, 50, 100, 500):
        for name, part in ways(n_negatives).items():
            if name == "in batch" and n_negatives != 10:
                continue
            began = time.perf_counter()
            model = EBMClassifier(
                C=args.C, negatives=part, solver=Adam(RATE, BATCH), max_iter=passes
            ).fit(X[train], y[train])
            spent, loss = time.perf_counter() - began, log_loss(model, X[test], y[test])
            number = "" if name == "in batch" else n_negatives
            figures = f"{loss:9.4f} {loss / least:7.4f} {spent:8.1f}"
            print(f"{name:>18} {number:>9} {figures}", flush=True)
            if name == "root of frequency" and n_negatives == 100:
                default = loss / least
    print(f"log-loss of the default over all classes: {default:.3f}")


def bias_case(args):
    """Bias and noise of the gradient, relative to its length.

    The gradient of a pass has no noise of batches, so that only the draws make it differ.
    """
    k, d, n_rows, n_passes = (50, 8, 1_000, 5) if args.quick else (1_000, 32, 10_000, 20)
    X, y = problem(k, d, n_rows)
    model = EBMClassifier(negatives="sampled", max_iter=5).fit(X, y)
    y = np.searchsorted(model.classes_, y)
    k = len(model.classes_)
    rows = (X.astype(np.float64), y, np.ones(n_rows), k, 0.0)
    exact = Objective(Linear(), NLL(), *rows)
    w = exact.layout.pack(model.params_)
    gradient = exact.evaluate(w)[1] / n_rows
    length = np.linalg.norm(gradient)
    print(f"\nbias: {k} classes, batches of {BATCH}, after five passes; relative to the gradient")
    print(f"{'draws':>18} {'negatives':>9} {'bias':>8} {'noise of a pass':>16}")
    for n_negatives in (10, 50, 100, 500):
        for name, part in ways(n_negatives).items():
            if name == "in batch" and n_negatives != 10:
                continue
            means = gradients(part, rows, w, n_passes)
            noise = means.var(axis=0, ddof=1).sum()
            bias = np.square(means.mean(axis=0) - gradient).sum() - noise / n_passes
            number = "" if name == "in batch" else n_negatives
            relative = np.sqrt([max(bias, 0.0), noise]) / length
            print(f"{name:>18} {number:>9} {relative[0]:8.4f} {relative[1]:16.4f}", flush=True)


def gradients(part, rows, w, n_passes):
    """Gradient of the mean loss, estimated by each of several passes."""
    frequency = np.bincount(rows[1]).astype(float)
    objective = SampledObjective(Linear(), NLL(), *rows, negatives=part, frequency=frequency)
    params, rng, draws = objective.layout.unpack(w), np.random.default_rng(0), objective.draws()
    total = np.zeros((n_passes, len(w)))
    for sums in total:
        draws.reorder(rng)
        views = objective.layout.unpack(sums)
        batches = np.array_split(rng.permutation(len(rows[1])), len(rows[1]) // BATCH)
        for batch in batches:
            _, found = objective.on_drawn(params, batch, objective.energy, draws, rng)
            for name, value in found.params.items():
                views[name][found.classes] += value * len(batch) / len(rows[1])
    return total


CASES = {"time": time_case, "quality": quality_case, "bias": bias_case}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", default=",".join(CASES), help="which of time, quality, bias")
    parser.add_argument("--repeats", type=int, default=3, help="fits whose median is taken")
    parser.add_argument("--C", type=float, default=0.1, help="inverse penalty of `quality`")
    parser.add_argument("--quick", action="store_true", help="few rows, to see that it runs")
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.filterwarnings("ignore", message="The number of unique classes")
    with threadpool_limits(1):
        for name in args.cases.split(","):
            CASES[name](args)


if __name__ == "__main__":
    main()
