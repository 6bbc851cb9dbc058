"""The cases that time single calls: one evaluation, one prediction."""

import time
import warnings
from contextlib import contextmanager, nullcontext
from functools import partial
from statistics import median

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from sklearn_ebm import EBMClassifier
from sklearn_ebm._utils.threads import Workers
from sklearn_ebm.energies import ENERGIES
from sklearn_ebm.losses import LOSSES
from sklearn_ebm.solvers.objective import Objective

from .data import Problem, planted, problems
from .report import geometric_mean

SHORTEST = 0.05  # seconds: quicker calls are repeated within one measurement
SHAPES = ((100_000, 100, 10), (200_000, 50, 2), (20_000, 784, 10), (100_000, 16, 26))


def seconds_of_calls(calls, repeats, cores):
    """Median seconds of calls, made in turn, each with its better number of threads.

    BLAS has one thread or one on each core, set before the clock starts. A call is a context that
    gives a function without arguments, so that threads of its own are started before the clock.
    """
    seconds = {(name, threads): [] for name in calls for threads in sorted({1, cores})}
    number = {}
    for repeat in range(repeats + 1):
        for (name, threads), taken in seconds.items():
            with threadpool_limits(threads), calls[name]() as call:
                call()
                if not repeat:
                    once = seconds_each(call, 1)
                    number[name, threads] = max(1, int(SHORTEST / max(once, 1e-6)))
                    continue
                taken.append(seconds_each(call, number[name, threads]))
    return {name: min(median(seconds[name, threads]) for threads in {1, cores}) for name in calls}


def seconds_each(call, number):
    start = time.perf_counter()
    for _ in range(number):
        call()
    return (time.perf_counter() - start) / number


def objective_of(problem, dtype=np.float64):
    """What a fit evaluates, and a point where it is neither flat nor extreme."""
    weight, k = np.ones(len(problem.y)), problem.n_classes
    penalty = 2.0 if k == 2 else 1.0
    X = problem.X.astype(dtype)
    objective = Objective(
        ENERGIES.resolve("linear"), LOSSES.resolve(problem.loss), X, problem.y, weight, k, penalty
    )
    return objective, 0.1 * np.random.default_rng(0).standard_normal(objective.layout.size)


@contextmanager
def evaluating(objective, w):
    """One evaluation by the workers of a fit: in as many threads as BLAS is allowed."""
    with Workers() as workers:
        objective.workers = workers.map
        yield lambda: objective.evaluate(w)


def products(X, k):
    """The two matrix products that no evaluation can do without: scores, and gradient."""
    rng = np.random.default_rng(0)
    W = rng.standard_normal((k, X.shape[1])).astype(X.dtype)
    S = rng.standard_normal((k, X.shape[0])).astype(X.dtype)

    def call():
        W @ X.T
        S @ X

    return call


def evaluation(options, report):
    """One evaluation of value and gradient against the two products in it."""
    named = list(problems(("letter", "satimage", "mnist_t10k"), options))
    size = (10_000, 50, 10) if options.quick else (200_000, 50, 10)
    named.append(Problem("200000x50x10", *planted(*size)))
    ratios = {"float64": [], "float32": []}
    for problem in named:
        print(f"\n{problem.describe()}: seconds of one evaluation and of its two products")
        for dtype in ratios:
            ratio = one_evaluation(problem, dtype, options, report)
            ratios[dtype].append(ratio)
    for dtype, values in ratios.items():
        report.figure("evaluation", "geometric mean", f"{dtype}: evaluation over its products",
                      geometric_mean(values))  # fmt: skip


def one_evaluation(problem, dtype, options, report):
    objective, w = objective_of(problem, dtype)
    bare = products(objective.X, problem.n_classes)

    calls = {
        "products": partial(nullcontext, bare),
        "evaluation": partial(evaluating, objective, w),
    }
    seconds = seconds_of_calls(calls, options.repeats, options.cores)
    for name, taken in seconds.items():
        report.run("evaluation", problem.name, f"{dtype} {name}", taken)
    ratio = seconds["evaluation"] / seconds["products"]
    report.figure("evaluation", problem.name, f"{dtype}: evaluation over its products", ratio)
    return ratio


def predict(options, report):
    """predict_proba with equal coefficients, float64 and float32 rows."""
    for dtype in ("float64", "float32"):
        ratios = []
        for n, d, k in SHAPES:
            shape = (n // 50, d, k) if options.quick else (n, d, k)
            name = "x".join(map(str, shape))
            print(f"\npredict_proba, {name} classes, {dtype}")
            ratios.append(one_prediction(name, shape, dtype, options, report))
            report.figure("predict", name, f"{dtype}: times faster than LogisticRegression",
                          ratios[-1])  # fmt: skip
        report.figure("predict", "geometric mean", f"{dtype}: times faster",
                      geometric_mean(ratios))  # fmt: skip


def one_prediction(name, shape, dtype, options, report):
    X, y = planted(*shape, dtype=np.dtype(dtype))
    rows = slice(0, 2000)  # every class occurs in the first rows
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = EBMClassifier(max_iter=20, tol=1e-2, random_state=0).fit(X[rows], y[rows])
        theirs = LogisticRegression(max_iter=1).fit(X[rows], y[rows])
    theirs.coef_, theirs.intercept_ = ours.coef_, ours.intercept_
    models = {"LogisticRegression": theirs, "EBMClassifier": ours}
    difference = np.abs(ours.predict_proba(X) - theirs.predict_proba(X)).max()
    calls = {
        key: partial(nullcontext, partial(model.predict_proba, X)) for key, model in models.items()
    }
    seconds = seconds_of_calls(calls, options.repeats, options.cores)
    for key, taken in seconds.items():
        report.run("predict", name, f"{key}, {dtype}", taken, difference=float(difference))
    return seconds["LogisticRegression"] / seconds["EBMClassifier"]
