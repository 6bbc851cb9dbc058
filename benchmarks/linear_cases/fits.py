"""The cases that race fits to a true relative gap."""

from .contenders import (
    CERTIFIED,
    LBFGS,
    OURS,
    RIVAL,
    SINGLE,
    hinge_contenders,
    likelihood_contenders,
)
from .data import problems
from .race import Race
from .report import geometric_mean

NLL_SETS = ("letter", "satimage", "shuttle", "mnist_t10k")
LIKELIHOOD_GAP = 1e-4
HINGE_GAPS = (1e-3, 1e-4)


def nll(options, report):
    """Dense and standardised: the likelihood against every solver."""
    ratios = [
        raced(problem, likelihood_contenders, options, report, "nll", LIKELIHOOD_GAP,
              fastest=(2, 3))
        for problem in problems(NLL_SETS, options)
    ]  # fmt: skip
    official = all(ratio["official"] for ratio in ratios)
    for against, must, aim in (("lbfgs", 6, 15), ("the fastest rival", 3, 5)):
        mean(report, "nll", ratios, against, must, aim, official)
    mean(report, "nll", ratios, SINGLE, None, None, official)


def unscaled(options, report):
    """Columns as they come: does it converge, and how fast?"""
    names = ("satimage", "letter", "spambase", "six_decades")
    ratios = [
        raced(problem, likelihood_contenders, options, report, "unscaled", LIKELIHOOD_GAP,
              fastest=(2, 5))
        for problem in problems(names, options, scaled=False, stand_ins=("wine",))
    ]  # fmt: skip
    mean(report, "unscaled", ratios, "the fastest rival", 2, 5)


def binary(options, report):
    """Two classes."""
    for problem in problems(("adult",), options, stand_ins=("breast_cancer",)):
        raced(problem, likelihood_contenders, options, report, "binary", LIKELIHOOD_GAP,
              fastest=(0.8, 1.3))  # fmt: skip


def sparse(options, report):
    """Sparse counts."""
    for problem in problems(("r8",), options, stand_ins=("sparse_digits",)):
        raced(problem, likelihood_contenders, options, report, "sparse", LIKELIHOOD_GAP,
              fastest=(1, 1.3), lbfgs=(1.5, 2.5))  # fmt: skip


def hinge(options, report):
    """Multiclass hinge against LinearSVC; two classes for information."""
    bars = {"letter": (4, 10), "satimage": (4, 10), "r8": (0.5, 1), "mnist_t10k": (0.5, 1)}
    names = (*bars, "adult")
    for problem in problems(names, options, loss="hinge", stand_ins=("digits", "breast_cancer")):
        raced(problem, hinge_contenders, options, report, "hinge", *HINGE_GAPS,
              fastest=bars.get(problem.name, (None, None)))  # fmt: skip


def raced(problem, contenders, options, report, case, *targets, fastest, lbfgs=(None, None)):
    """Race one problem; print its runs and ratios, and return the ratios at the last target."""
    print(f"\n{problem.describe()}")
    race = Race(problem, contenders(problem), options, min(targets))
    race.sweep(targets)
    certified = "none" if race.best_gap is None else f"{race.best_gap:.1e}"
    print(f"  f* = {race.best:.8g}, certified within {certified} of the minimum")
    curves(race, case, report)
    ratios = {}
    for target in targets:
        print(f"  seconds to a true relative gap of {target:g}; evaluations or iterations; gap")
        medians = race.time(target)
        show(race, target, medians, case, report)
        ratios = compare(race, medians)
        judge(problem, ratios, report, case, target, fastest, lbfgs)
    return ratios | {"official": problem.official}


def show(race, target, medians, case, report):
    chosen = race.fastest(target)
    for contender in race.contenders:
        name, run = contender.name, chosen.get(contender.name)
        if run is None:
            mine = [run for run in race.runs if run.contender is contender]
            gap = min((run.gap(race.best) for run in mine), default=None)
            note = {"note": f"not reached in {race.spent_in_vain(name):.1f} s; best gap shown"}
            report.run(case, race.problem.name, name, None, gap=gap, target=target, **note)
            continue
        seconds, repeats, threads = medians[name]
        extra = {contender.parameter: run.setting, "repeats": repeats, "threads": threads}
        if run.certified is not None:
            extra["certified"] = run.certified
        gap = run.gap(race.best)
        report.run(case, race.problem.name, name, seconds, run.evaluations, gap, target=target,
                   role=contender.role, **extra)  # fmt: skip


def compare(race, medians):
    """Seconds of others over ours; bounds for those that did not reach the gap are marked."""
    names = {
        role: [contender.name for contender in race.contenders if contender.role == role]
        for role in (OURS, RIVAL)
    }
    mine = min((medians[name][0] for name in names[OURS] if name in medians), default=None)

    def ratio(name, by=mine):
        if by is None:
            return 0.0, "ours did not reach the gap"
        if name in medians:
            return medians[name][0] / by, ""
        return race.spent_in_vain(name) / by, "at least: not reached"

    reached = [name for name in names[RIVAL] if name in medians]
    winner = min(reached or names[RIVAL], key=lambda name: ratio(name)[0])
    result = {"the fastest rival": (ratio(winner)[0], ratio(winner)[1] or winner)}
    result |= {name: ratio(name) for name in (LBFGS, SINGLE) if name in known(race)}
    stopped = medians[CERTIFIED][0] if CERTIFIED in medians else None
    result["certified stop"] = ratio(winner, stopped)
    return result


def known(race):
    return {contender.name for contender in race.contenders}


def judge(problem, ratios, report, case, target, fastest, lbfgs):
    bars = {"the fastest rival": fastest, LBFGS: lbfgs}
    for against, (value, note) in ratios.items():
        must, aim = bars.get(against, (None, None))
        measure = f"gap {target:g}: times faster than {against}"
        if against == "certified stop":
            measure = f"gap {target:g}: the same for our certified stop at 1e-4"
        report.target(case, problem.name, measure, value, must, aim, official=problem.official,
                      note=note)  # fmt: skip


def mean(report, case, ratios, against, must, aim, official=None):
    if not ratios or any(against not in ratio for ratio in ratios):
        return
    values = [ratio[against] for ratio in ratios]
    official = all(ratio["official"] for ratio in ratios) if official is None else official
    bounds = sum("at least" in note for _, note in values)
    note = f"{bounds} of {len(values)} are lower bounds" if bounds else ""
    report.target(case, "geometric mean", f"times faster than {against}",
                  geometric_mean(value for value, _ in values), must, aim, official=official,
                  note=note)  # fmt: skip


def curves(race, case, report):
    """Seconds against the true gap, for the picture."""
    for contender in race.contenders:
        mine = [run for run in race.runs if run.contender is contender and run.value is not None]
        points = sorted((run.seconds, max(run.gap(race.best), 1e-12)) for run in mine)
        if contender.name != CERTIFIED and points:
            report.curve(case, race.problem.name, contender.name, *zip(*points, strict=True))
