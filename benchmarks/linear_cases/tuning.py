"""The case cv: tuning margin, C and β along warm starts against a grid search."""

import time
import warnings
from itertools import product

import numpy as np
from sklearn.model_selection import GridSearchCV, ParameterGrid

import sklearn_ebm

from .data import problems

MARGINS, CS = (0.5, 1.0, 2.0), tuple(np.logspace(-2, 2, 5))
BETAS = tuple(np.logspace(-1, 1, 10))
FOLDS, SCORING = 5, "neg_log_loss"


def cv(options, report):
    """EBMClassifierCV and GridSearchCV over the same grid, folds and score, one process each."""
    grid = {"margin": MARGINS, "C": CS, "beta": BETAS}
    grid = {name: values[:2] for name, values in grid.items()} if options.quick else grid
    for problem in problems(("letter",), options, loss="hinge"):
        print(f"\n{problem.describe()}: {len(ParameterGrid(grid))} candidates, {FOLDS} folds")
        mine, model = ours(problem, grid)
        if model is not None:
            report.run("cv", problem.name, "EBMClassifierCV", mine, best=float(best_score(model)))
        theirs, note = grid_search(problem, grid, options, report)
        report.figure("cv", problem.name, "times faster than GridSearchCV", theirs / mine, note)


def ours(problem, grid):
    """Seconds and the fitted model; nan where the class does not exist yet."""
    tuner = getattr(sklearn_ebm, "EBMClassifierCV", None)
    if tuner is None:
        print("  this version has no EBMClassifierCV")
        return float("nan"), None
    model = tuner(losses=("hinge",), margins=grid["margin"], betas=grid["beta"], Cs=list(grid["C"]),
                  cv=FOLDS, scoring=SCORING, n_jobs=None)  # fmt: skip
    return seconds_of_fit(model, problem), model


def best_score(model):
    """Best mean score over the folds, where `cv_results_` has it."""
    return np.max(model.cv_results_["mean_test_score"])


def grid_search(problem, grid, options, report):
    """Seconds of the whole grid search, extrapolated from a random subset of its candidates.

    The subset has the same share of every (margin, C), because the β of the hinge changes the
    probabilities alone: candidates that differ in β cost the same.
    """
    rng = np.random.RandomState(0)
    few = min(options.cv_betas, len(grid["beta"]))
    subset = [
        {"margin": [margin], "C": [C], "beta": list(rng.choice(grid["beta"], few, replace=False))}
        for margin, C in product(grid["margin"], grid["C"])
    ]
    candidates, all_candidates = len(ParameterGrid(subset)), len(ParameterGrid(grid))
    search = GridSearchCV(
        sklearn_ebm.EBMClassifier(loss="hinge"), subset, scoring=SCORING, cv=FOLDS
    )
    seconds = seconds_of_fit(search, problem)
    refit = search.refit_time_
    whole = (seconds - refit) * all_candidates / candidates + refit
    report.run("cv", problem.name, f"GridSearchCV, {candidates} candidates", seconds,
               best=float(search.best_score_))  # fmt: skip
    note = f"extrapolated from {candidates} random candidates of {all_candidates}"
    note = "" if candidates == all_candidates else note
    report.run("cv", problem.name, f"GridSearchCV, {all_candidates} candidates", whole, note=note)
    return whole, note


def seconds_of_fit(model, problem):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        model.fit(problem.X, problem.y)
    return time.perf_counter() - start
