"""Are the densities of LatentEBMRegressor as good, as fast and as honest as they should be?

It prints NLL, RMSE, CRPS, coverage and seconds of the estimator with default settings, those of
rivals and of published tables.

    python benchmarks/regression.py --data ../shared/data
    python benchmarks/regression.py --data ../shared/data --cases likelihood --sets yacht,concrete
    python benchmarks/regression.py --data ../shared/data --energies experts --cases likelihood
    python benchmarks/regression.py --data ../shared/data --cases pareto --figures pictures
    python benchmarks/regression.py --data ../shared/data --cases speed --ngboost other/bin/python
    python benchmarks/regression.py --quick
"""

import argparse
import os
import sys
import time
import warnings

from linear_cases.report import Report, version
from linear_cases.table import write_table
from regression_cases.ablation import ablation
from regression_cases.calibration import calibration
from regression_cases.conformal import conformal
from regression_cases.data import QUICK_SPLITS
from regression_cases.energies import DEFAULT, known_energies
from regression_cases.likelihood import likelihood
from regression_cases.one_to_many import one_to_many
from regression_cases.pareto import pareto
from regression_cases.speed import speed
from regression_cases.unused import unused
from threadpoolctl import threadpool_limits

CASES = {
    case.__name__: case
    for case in (
        likelihood, ablation, pareto, unused, one_to_many, speed, calibration, conformal,
    )
}  # fmt: skip
NOT_WRITTEN = ("data", "json", "table", "ngboost", "fits", "figures", "readme")


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", help="folder with regression/*.npz (default: diabetes of scikit-learn)")
    add("--cases", default=",".join(CASES), help=f"with commas, of: {', '.join(CASES)}")
    add("--energies", default=DEFAULT, help=f"with commas, of: {', '.join(known_energies())} "
        f"({DEFAULT} is what the estimator takes by itself); the first is compared with the others "
        "in the cases pareto and unused")  # fmt: skip
    add("--sets", help="names, with commas: these only (default: all)")
    add("--splits", type=int, help="of each set, at most (default: all that there are; 1 of a "
        "generated set; 3 in the cases ablation and pareto; 100 in conformal)")  # fmt: skip
    add("--repeats", type=int, default=3, help="timed runs of each contender (default: 3)")
    add("--cores", type=int, default=2, help="for every contender (default: 2)")
    add("--ngboost", metavar="PYTHON", default=sys.executable, help="a Python that has NGBoost, "
        "which may need an older scikit-learn (default: this one)")  # fmt: skip
    add("--json", metavar="FILE", help="write all rows there, after each case")
    add("--table", metavar="FILE", help="write the figures there as Markdown, after each case")
    add("--figures", metavar="FOLDER", help="draw the case pareto there (matplotlib)")
    add("--readme", action="store_true", help="print the tables of the case likelihood in Markdown")
    add("--quick", action="store_true", help="few rows, few passes")
    options = parser.parse_args()
    options.fits = {}
    options.cases, options.energies = options.cases.split(","), options.energies.split(",")
    if options.quick:
        options.repeats = min(options.repeats, 2)
        options.splits = min(options.splits or QUICK_SPLITS, QUICK_SPLITS)
    refuse_unknown(parser, "cases", options.cases, CASES)
    refuse_unknown(parser, "energies", options.energies, known_energies())
    return options


def refuse_unknown(parser, kind, names, known):
    unknown = set(names) - set(known)
    if unknown:
        parser.error(f"unknown {kind}: {', '.join(sorted(unknown))}; known: {', '.join(known)}")


def keep_to_cores(count):
    """Tie the process, and with it every thread pool of every contender, to a few cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def main():
    """Run the cases, then print all figures in one table."""
    options = parse()
    keep_to_cores(options.cores)
    warnings.simplefilter("ignore")  # convergence of fits that are cut short on purpose
    report = Report()
    settings = {name: value for name, value in vars(options).items() if name not in NOT_WRITTEN}
    settings["torch"] = version("torch")
    with threadpool_limits(options.cores):
        for name in options.cases:
            start = time.perf_counter()
            print(f"\n=== {name}: {CASES[name].__doc__.splitlines()[0]}", flush=True)
            CASES[name](options, report)
            print(f"=== {name} took {time.perf_counter() - start:.0f} s", flush=True)
            if options.json:
                report.write(options.json, settings)
            if options.table:
                write_table(options.table, report.figures)
    report.summary()


if __name__ == "__main__":
    main()
