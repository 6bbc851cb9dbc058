"""The case growth: seconds against rows, columns and classes, on a log-log plot."""

from functools import partial

import numpy as np

from sklearn_ebm import EBMClassifier

from .clock import evaluations, timed_fit
from .data import Problem, planted
from .speed import evaluating, objective_of, seconds_of_calls

ITERATIONS = 10
AXES = {
    "n": [(n, 50, 10) for n in (1000, 3162, 10_000, 31_623, 100_000, 316_228, 1_000_000)],
    "d": [(5000, d, 10) for d in (10, 30, 100, 300, 1000, 2000)],
    "k": [(20_000, 50, k) for k in (2, 6, 20, 60, 200, 600, 2000, 10_000)],
}
MEASURES = ("evaluation", f"{ITERATIONS} iterations", "fit to tol=1e-4")


def growth(options, report):
    """Slopes over the upper half of the sizes, and over all."""
    for axis, shapes in AXES.items():
        if options.quick:
            shapes = [shape for shape in shapes if np.prod(shape) <= 2e7][:4]
        print(f"\nGrowth with {axis}")
        points = {measure: [] for measure in MEASURES}
        for shape in shapes:
            size = shape["ndk".index(axis)]
            for measure, seconds in one_shape(shape, options, report, points).items():
                if seconds is not None:
                    points[measure].append((size, seconds))
        slopes(axis, points, report)


def one_shape(shape, options, report, points):
    """Seconds of each measure; None where it did not end in time, now or at a smaller size."""
    problem = Problem("x".join(map(str, shape)), *planted(*shape))
    objective, w = objective_of(problem)
    calls = {MEASURES[0]: partial(evaluating, objective, w)}
    seconds = seconds_of_calls(calls, 3, options.cores)
    report.run("growth", problem.name, f"{problem.name}, {MEASURES[0]}", seconds[MEASURES[0]])
    for measure, settings in ((MEASURES[1], {"max_iter": ITERATIONS}), (MEASURES[2], {})):
        if points[measure] and points[measure][-1][1] > options.limit:
            continue
        model = EBMClassifier(**settings, random_state=0)
        seconds[measure] = timed_fit(model, problem.X, problem.y, 4 * options.limit)
        count = None if seconds[measure] is None else evaluations(model)
        report.run("growth", problem.name, f"{problem.name}, {measure}", seconds[measure], count)
    return seconds


def slopes(axis, points, report):
    for measure, pairs in points.items():
        if len(pairs) < 3:
            continue
        size, seconds = np.log(np.array(pairs).T)
        upper = slice(len(size) // 2 - 1, None)
        slope, last = (np.polyfit(size[part], seconds[part], 1)[0] for part in (slice(None), upper))
        report.curve("growth", f"growth with {axis}", measure, *np.exp([size, seconds]))
        report.figure("growth", axis, f"{measure}: slope", last, f"{slope:.2f} over all sizes")
