"""The case likelihood: densities on the sets that papers report."""

import numpy as np

from .data import PUBLISHED, real_names, splits_of
from .energies import of_energy, title
from .fits import coverage_off, mean_and_error, median_seconds, pit_off, scored, spread_coverage
from .published import METHODS, NLL, RMSE, UNBOUNDED, published
from .readme import NEW_ROWS, readme_tables
from .rivals import NGBOOST, QUANTILES, rivals_on

CASE = "likelihood"


def likelihood(options, report):
    """Are the densities as good as those that papers report on the same splits?"""
    for name in real_names(PUBLISHED, options):
        splits = splits_of(name, options)
        if not splits:
            continue
        n_rows = f"{len(splits[0].y)} training and {len(splits[0].y_test)} test rows"
        print(f"{name}: {n_rows}, {len(splits)} splits; mean ± standard error over splits")
        one_set(name, splits, options, report)
    if options.readme:
        print(f"\n{readme_tables(report.runs, options.energies)}")


def one_set(name, splits, options, report):
    """All contenders and what papers report, then the figures of each of our energies."""
    rivals = rivals_on(splits, (NGBOOST, QUANTILES), options)
    ours = {energy: [scored(split, options, energy) for split in splits]
            for energy in options.energies}  # fmt: skip
    for contender, fits in rivals.items():
        line(name, contender, fits, report)
    if name in UNBOUNDED:
        print("  NLL left out: y takes few values, so that the likelihood is unbounded")
    for method in METHODS:
        theirs = {"nll": published(NLL, name, method), "rmse": published(RMSE, name, method)}
        theirs = {key: value for key, value in theirs.items() if value is not None}
        if theirs:
            report.run(CASE, name, f"published: {method}", None, **theirs)
    for energy, fits in ours.items():
        line(name, title(energy), fits, report)
        figures_of_one(name, energy, splits, fits, rivals, report)


def line(name, contender, fits, report):
    """One contender's figures."""
    columns = with_errors(figures_of(name, fits))
    columns |= {f"cover {level:.0%}": level + off for level, off in coverage_off(fits).items()}
    columns |= {f"spread {level:.0%}": share for level, share in spread_coverage(fits).items()}
    if name not in UNBOUNDED and fits[0].nll is not None:
        columns["worst row"] = float(max(fit.nll.max() for fit in fits))
    report.run(CASE, name, contender, median_seconds(fits), **columns, **{"PIT off": pit_off(fits)})


def figures_of(name, fits, rows=None):
    """Means over splits and their errors, of all test rows or of some of each split."""
    rows = rows or [slice(None)] * len(fits)
    pairs = list(zip(fits, rows, strict=True))
    figures = {}
    if name not in UNBOUNDED and fits[0].nll is not None:
        figures["nll"] = mean_and_error([fit.nll[kept].mean() for fit, kept in pairs])
    figures["rmse"] = mean_and_error([np.sqrt(fit.squared[kept].mean()) for fit, kept in pairs])
    figures["crps"] = mean_and_error([fit.crps[kept].mean() for fit, kept in pairs])
    return figures


def figures_of_one(name, energy, splits, fits, rivals, report):
    """The figures of one of our energies."""
    figures = figures_of(name, fits)

    def show(measure, value, note=""):
        report.figure(CASE, name, of_energy(energy, measure), value, note)

    def mean(measure, figure):
        show(measure, figure[0], f"± {figure[1]:.2g}, {len(splits)} splits")

    if "nll" in figures:
        mean("NLL", figures["nll"])
    if name.startswith("protein"):
        figure = without_repeated(name, energy, splits, fits, report)["nll"]
        mean("NLL of test rows not met in training", figure)
    mean("RMSE of the mean", figures["rmse"])
    mean("CRPS", figures["crps"])
    for rival in (NGBOOST, QUANTILES):
        show(f"CRPS over that of {rival}", *crps_ratio(figures, name, rivals.get(rival)))
    spread = spread_coverage(fits)
    for level, off in coverage_off(fits).items():
        chance = np.sqrt(level * (1 - level) / sum(len(split.y_test) for split in splits))
        note = f"{level + off:.1%}; answers spread {spread[level]:.1%}; chance ± {chance:.1%}"
        show(f"cover of {level:.0%} off by", abs(off), note)
    show("distribution of the PIT off by", pit_off(fits), noise_of_pit(fits))
    below_bound(fits, show)


def crps_ratio(figures, name, rival_fits):
    """Our CRPS over a rival's, and a note; None where the rival was not measured."""
    if rival_fits is None:
        return (None,)
    theirs = figures_of(name, rival_fits)["crps"][0]
    return figures["crps"][0] / theirs, f"theirs {theirs:.3g}"


def noise_of_pit(fits):
    """What chance alone would exceed once in twenty times, if rows were independent."""
    n_answers = sum(fit.pit.size for fit in fits)
    return f"chance: {1.36 / np.sqrt(n_answers):.2g}"


def below_bound(fits, show):
    """No held-out row may be less likely than the energy states, where it states something."""
    if any(fit.least is None for fit in fits):
        return
    count = sum(int((-fit.nll < fit.least).sum()) for fit in fits)
    least = min(fit.least for fit in fits)
    show("test rows below the stated bound", count, f"bound {least:.3g} nats")


def without_repeated(name, energy, splits, fits, report):
    """The same densities on the test rows that do not occur in the training rows."""
    new = [~split.repeated() for split in splits]
    figures = figures_of(name, fits, new)
    share = 1 - np.mean([rows.mean() for rows in new])
    print(f"  {share:.1%} of the test rows occur in the training rows")
    report.run(CASE, name, f"{title(energy)}{NEW_ROWS}", None, **with_errors(figures))
    return figures


def with_errors(figures):
    """Columns of a line: each mean, and its standard error."""
    columns = {}
    for key, (mean, error) in figures.items():
        columns |= {key: mean, f"{key} ±": error}
    return columns
