"""Are linear energies trained faster than by any rival, and are the certificates tight?

Every figure that the project claims about the speed of linear energies comes from this command. It
prints seconds, evaluations, and ratios to rivals.

    python benchmarks/linear.py --data ../shared/data --plot pictures --json linear.json
    python benchmarks/linear.py --data ../shared/data --table linear.md
    python benchmarks/linear.py --data ../shared/data --cases nll,hinge
    python benchmarks/linear.py --quick
"""

import argparse
import os
import time
import warnings

from linear_cases.counts import certificate, losses
from linear_cases.fits import binary, hinge, nll, sparse, unscaled
from linear_cases.growth import growth
from linear_cases.memory import memory
from linear_cases.report import Report
from linear_cases.speed import evaluation, predict
from linear_cases.table import write_table
from linear_cases.tuning import cv
from threadpoolctl import threadpool_limits

CASES = {
    case.__name__: case
    for case in (
        nll, unscaled, binary, sparse, hinge, losses, certificate, evaluation, predict, cv, growth,
        memory,
    )
}  # fmt: skip


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", help="folder with classification/*.npz (default: sets of scikit-learn)")
    add("--cases", default=",".join(CASES), help=f"with commas, of: {', '.join(CASES)}")
    add("--sets", help="names, with commas: of the real sets, these only (default: all)")
    add("--repeats", type=int, default=5, help="timed runs of each contender (default: 5)")
    add("--limit", type=float, default=60.0, help="seconds that one fit may take (default: 60)")
    add("--cores", type=int, default=2, help="for every contender (default: 2)")
    add("--cv-betas", type=int, default=1, help="β of each (margin, C) that GridSearchCV times, of"
        " 10; the rest is extrapolated (default: 1)")  # fmt: skip
    add("--plot", metavar="FOLDER", help="draw time-against-gap curves there (matplotlib)")
    add("--json", metavar="FILE", help="write all rows there, after each case")
    add("--table", metavar="FILE", help="write the figures there as Markdown, after each case")
    add("--quick", action="store_true", help="small subsamples, short limits")
    options = parser.parse_args()
    options.sweep_repeats = 1 if options.quick else 3
    if options.quick:
        options.limit, options.repeats = min(options.limit, 0.5), min(options.repeats, 2)
    unknown = set(options.cases.split(",")) - set(CASES)
    if unknown:
        parser.error(f"unknown cases: {', '.join(sorted(unknown))}; known: {', '.join(CASES)}")
    return options


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
    settings = {
        name: value
        for name, value in vars(options).items()
        if name not in ("data", "json", "table")
    }
    # Races and timed calls try each number of BLAS threads; the other cases keep this one.
    with threadpool_limits(options.cores):
        for name in options.cases.split(","):
            start = time.perf_counter()
            print(f"\n=== {name}: {CASES[name].__doc__.splitlines()[0]}", flush=True)
            CASES[name](options, report)
            print(f"=== {name} took {time.perf_counter() - start:.0f} s", flush=True)
            if options.json:
                report.write(options.json, settings)
            if options.table:
                write_table(options.table, report.figures)
    report.summary()
    if options.plot:
        from linear_cases.figures import draw

        print("\nDrawn:", ", ".join(str(path) for path in draw(report, options.plot)))


if __name__ == "__main__":
    main()
