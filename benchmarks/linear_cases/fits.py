"""The cases that race fits to a true relative gap."""

from .contenders import CERTIFIED, SINGLE, hinge_contenders, likelihood_contenders
from .data import problems
from .race import ratios as ratios_of
from .race import spent_in_vain, timed
from .report import geometric_mean
from .sweep import Sweep, certainty

NLL_SETS = ("letter", "satimage", "shuttle", "mnist_t10k")
LIKELIHOOD_GAP = 1e-4
HINGE_GAPS = (1e-3, 1e-4)


def nll(options, report):
    """Dense and standardised: the likelihood against every solver."""
    ratios = [
        raced(problem, likelihood_contenders, options, report, "nll", LIKELIHOOD_GAP)
        for problem in problems(NLL_SETS, options)
    ]
    for against in ("lbfgs", "the fastest rival", SINGLE):
        mean(report, "nll", ratios, against)


def unscaled(options, report):
    """Columns as they come: does it converge, and how fast?"""
    names = ("satimage", "letter", "spambase", "six_decades")
    ratios = [
        raced(problem, likelihood_contenders, options, report, "unscaled", LIKELIHOOD_GAP)
        for problem in problems(names, options, scaled=False, stand_ins=("wine",))
    ]
    mean(report, "unscaled", ratios, "the fastest rival")


def binary(options, report):
    """Two classes."""
    for problem in problems(("adult",), options, stand_ins=("breast_cancer",)):
        raced(problem, likelihood_contenders, options, report, "binary", LIKELIHOOD_GAP)


def sparse(options, report):
    """Sparse counts."""
    for problem in problems(("r8",), options, stand_ins=("sparse_digits",)):
        raced(problem, likelihood_contenders, options, report, "sparse", LIKELIHOOD_GAP)


def hinge(options, report):
    """Multiclass hinge against LinearSVC; two classes for information."""
    names = ("letter", "satimage", "r8", "mnist_t10k", "adult")
    for problem in problems(names, options, loss="hinge", stand_ins=("digits", "breast_cancer")):
        raced(problem, hinge_contenders, options, report, "hinge", *HINGE_GAPS)


def raced(problem, contenders, options, report, case, *targets):
    """Race one problem; print its runs and ratios, and return the ratios at the last target."""
    print(f"\n{problem.describe()}")
    sweep = Sweep(problem, contenders(problem), options, targets)
    sweep.run_all()
    print(f"  f* = {sweep.best:.8g}, {certainty(sweep.best, sweep.bound)}")
    curves(sweep, case, report)
    found = {}
    for target in targets:
        print(f"  seconds to a true relative gap of {target:g}; evaluations or iterations; gap")
        medians = timed(sweep, target)
        show(sweep, target, medians, case, report)
        found = ratios_of(sweep, medians)
        show_ratios(problem, found, report, case, target)
    return found


def show(sweep, target, medians, case, report):
    """One line for each contender."""
    chosen, subject = sweep.fastest(target), sweep.problem.name
    for contender in sweep.contenders:
        name, run = contender.name, chosen.get(contender.name)
        more = {"target": target, "role": contender.role}
        if run is None:
            gap = min(run.gap(sweep.best) for run in sweep.of(name))
            spent = spent_in_vain(sweep, name)
            more["note"] = f"not reached in {spent:.1f} s: best gap"
            report.run(case, subject, name, None, gap=gap, **more)
            continue
        seconds, repeats, threads = medians[name]
        more |= {contender.parameter: run.setting, "repeats": repeats, "threads": threads}
        more["certified"] = "" if run.certified is None else run.certified
        report.run(case, subject, name, seconds, run.evaluations, run.gap(sweep.best), **more)


def show_ratios(problem, ratios, report, case, target):
    for against, (value, note) in ratios.items():
        measure = f"gap {target:g}: times faster than {against}"
        if against == "certified stop":
            measure = f"gap {target:g}: the same for our certified stop at 1e-4"
        report.figure(case, problem.name, measure, value, note)


def mean(report, case, ratios, against):
    if not ratios or any(against not in ratio for ratio in ratios):
        return
    values = [ratio[against] for ratio in ratios]
    bounds = sum(note.startswith("at least") for _, note in values)
    note = f"{bounds} of {len(values)} are lower bounds" if bounds else ""
    report.figure(case, "geometric mean", f"times faster than {against}",
                  geometric_mean(value for value, _ in values), note)  # fmt: skip


def curves(sweep, case, report):
    """Seconds against the true gap, for the picture."""
    for contender in sweep.contenders:
        mine = [run for run in sweep.of(contender.name) if run.value is not None]
        points = sorted((run.seconds, max(run.gap(sweep.best), 1e-12)) for run in mine)
        if contender.name != CERTIFIED and points:
            report.curve(case, sweep.problem.name, contender.name, *zip(*points, strict=True))
