"""The cases that count evaluations."""

import numpy as np
from sklearn.base import clone

from sklearn_ebm import EBMClassifier

from . import objectives
from .clock import evaluations, timed_fit
from .data import problems
from .fits import NLL_SETS
from .report import geometric_mean
from .sweep import long_run

TOL = 1e-4


def losses(options, report):
    """Log and square_square against nll, at the same certified gap."""
    for problem in problems(("letter", "satimage"), options):
        print(f"\n{problem.describe()}: fits to a certified gap of {TOL:g}")
        counts = {}
        for loss in ("nll", "log", "square_square", "hinge"):
            model = EBMClassifier(loss=loss, tol=TOL, random_state=0)
            seconds = timed_fit(model, problem.X, problem.y, options.limit)
            counts[loss] = np.inf if seconds is None else evaluations(model)
            shown = None if seconds is None else counts[loss]
            bound = "" if seconds is None else model.gap_
            report.run("losses", problem.name, loss, seconds, shown, certified=bound)
        for loss in ("log", "square_square", "hinge"):
            report.figure("losses", problem.name, f"evaluations of {loss} over those of nll",
                          counts[loss] / counts["nll"])  # fmt: skip


def certificate(options, report):
    """Evaluations of the certified stop beyond those that truly reach the gap."""
    for loss, names in (("nll", NLL_SETS), ("square_square", ("letter", "satimage"))):
        excess = []
        for problem in problems(names, options, loss=loss):
            print(f"\n{problem.describe()}")
            excess.append(one_certificate(problem, options, report))
        value = geometric_mean(1 + part for part in excess) - 1
        report.figure("certificate", "geometric mean", f"{loss}: evaluations too many, share",
                      value)  # fmt: skip


def one_certificate(problem, options, report):
    """Share of evaluations too many on one problem; prints what led to it."""
    best, _ = long_run(problem, options.limit)
    model = EBMClassifier(loss=problem.loss, tol=TOL, random_state=0)
    seconds = timed_fit(model, problem.X, problem.y, 2 * options.limit)
    if seconds is None:
        print("  the fit did not end in time")
        return float("nan")
    best = min(best, objectives.of_model(model, problem))
    true_gap = objectives.of_model(model, problem) / best - 1
    report.run("certificate", problem.name, problem.loss, seconds, evaluations(model), true_gap,
               certified=model.gap_)  # fmt: skip
    least = shortest(model, problem, best)
    value = evaluations(model) / evaluations(least) - 1
    on_curve = curve_excess(model, best) if problem.loss == "nll" else ""
    report.figure("certificate", problem.name, f"{problem.loss}: evaluations too many, share",
                  value, on_curve)  # fmt: skip
    return value


def curve_excess(model, best):
    """The same from the iterations, where the curve is that of the objective itself."""
    reached = np.flatnonzero(model.loss_curve_ <= best * (1 + TOL))
    if not len(reached) or reached[0] == 0:
        return ""
    return f"by iterations {len(model.loss_curve_) / (reached[0] + 1) - 1:.3g}"


def shortest(model, problem, best):
    """The fit with the fewest iterations that truly reaches the gap, by bisection of max_iter.

    Along a temperature path `loss_curve_` holds smooth objectives, which say nothing about the gap
    of the objective itself: so the path is cut short, and what comes out is measured.
    """
    too_few, enough = 0, model
    while enough.n_iter_ - too_few > 1:
        middle = (too_few + enough.n_iter_) // 2
        trial = clone(model).set_params(max_iter=middle)
        timed_fit(trial, problem.X, problem.y, np.inf)
        hit = objectives.of_model(trial, problem) <= best * (1 + TOL)
        # A cut path may report one iteration more than it was given.
        if hit and trial.n_iter_ < enough.n_iter_:
            enough = trial
        else:
            too_few = middle
    return enough
