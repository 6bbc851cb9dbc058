"""The command line: ``python -m sklearn_ebm``."""

import argparse
import contextlib
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from shutil import get_terminal_size

from sklearn_ebm import __version__
from sklearn_ebm.compare import Comparison, export, regressors
from sklearn_ebm.compare.columns import DataError
from sklearn_ebm.compare.contenders import BASELINES
from sklearn_ebm.compare.demonstration import demonstrate
from sklearn_ebm.compare.files import read_frame
from sklearn_ebm.compare.help_texts import DESCRIPTION, EPILOG, FIRST, PROGRAM
from sklearn_ebm.compare.leaderboard import ComparisonTable
from sklearn_ebm.compare.progress import terminal_width, watched
from sklearn_ebm.compare.targets import TASKS
from sklearn_ebm.energies import ENERGIES
from sklearn_ebm.losses import LOSSES
from sklearn_ebm.representation import REPRESENTATIONS

# Options of the command that are those of `Comparison`.
_OPTIONS = (
    "task", "energies", "losses", "baselines", "representations", "cv", "n_jobs", "random_state",
    "max_rows", "drop",
)  # fmt: skip


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Help formatter that keeps line breaks, with at most 100 columns."""

    def __init__(self, prog: str):
        super().__init__(prog, max_help_position=28, width=min(100, get_terminal_size().columns))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        Command-line arguments without the name of the program; by default ``sys.argv[1:]``.

    Returns
    -------
    status : int
        0, or 1 if the data cannot be used, or 130 if the user stopped it.

    Raises
    ------
    SystemExit
        With status 2 for a wrong command line, and 0 after ``--help`` and ``--version``.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # a replaced stream may lack the method
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # "±" in an ASCII locale
    argv = sys.argv[1:] if argv is None else list(argv)
    try:
        if not argv:
            return demonstrate()
        arguments = _parse(argv)
        arguments.command = shlex.join([*PROGRAM.split(), *argv])
        return _compare(arguments)
    except DataError as error:
        return _complain(str(error))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _complain(message: str) -> int:
    print(f"sklearn_ebm: error: {message}", file=sys.stderr)
    return 1


def _parse(argv: list[str]) -> argparse.Namespace:
    """Return the options of the command."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description=FIRST + DESCRIPTION,
        epilog=f"`{PROGRAM} compare --help` lists the options.",
        formatter_class=_Formatter,
    )
    parser.add_argument("--version", action="version", version=f"sklearn_ebm {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    compare = commands.add_parser(
        "compare",
        help="compare models on a table, and get the best one",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=_Formatter,
    )
    _add_options(compare)
    return parser.parse_args(argv)


def _add_options(parser: argparse.ArgumentParser) -> None:
    """Add all options of a comparison, in the order of the help."""
    for add_some in (_add_data, _add_models, _add_settings, _add_output):
        add_some(parser.add_argument)


def _add_data(add: Callable[..., object]) -> None:
    add(
        "data",
        metavar="DATA",
        help="a table with a header: CSV (.csv or .tsv, also as .gz, .bz2, .xz or .zip), Excel "
        "(.xlsx) or Parquet (.parquet, .pq)",
    )
    add("-t", "--target", metavar="COLUMN", required=True, help="the column to predict")
    add(
        "--task",
        choices=TASKS,
        default="auto",
        help="type of the target; default: auto, which treats numbers with "
        "fractions, and integers with many distinct values, as a regression target",
    )
    add(
        "--drop",
        metavar="COLUMN",
        action="append",
        default=[],
        help="omit a column; may be repeated",
    )


def _add_models(add: Callable[..., object]) -> None:
    names = {"metavar": "NAME[,NAME...]", "type": _names}
    add(
        "--energies",
        **names,
        help=f"energies of EBMClassifier, of {', '.join(ENERGIES)}, each with all compatible "
        "losses; default: linear, and every other one with nll unless losses are given. For a "
        f"regression, of {', '.join(regressors.ENERGIES)}, each with nll; default: "
        f"{', '.join(regressors.SUGGESTED)}, or experts if losses are given",
    )
    add(
        "--losses",
        **names,
        help=f"losses of EBMClassifier, or none; default: all compatible of {', '.join(LOSSES)}. "
        f"For a regression, of {', '.join(regressors.suitable_losses('experts'))}; default: nll",
    )
    add(
        "--baselines",
        **names,
        help=f"models to compare with, or none, of {', '.join(BASELINES)}. For a regression, of "
        f"{', '.join(regressors.BASELINES)}; default: those that are installed and not too slow",
    )
    add(
        "--representations",
        **names,
        nargs="?",
        const=True,
        default=False,
        help="also the linear energy on codes of representations, with nll or those of --losses "
        f"that suit it, of {', '.join(REPRESENTATIONS)}; without names: all; put "
        "DATA first then; default: none",
    )


def _add_settings(add: Callable[..., object]) -> None:
    add("--cv", metavar="N", type=_at_least(2), default=5, help="number of folds; default: 5")
    add(
        "-j",
        "--n-jobs",
        metavar="N",
        type=_n_jobs,
        default=-1,
        help="folds that run in parallel, each on one thread; -1 is one per core; times are "
        "most accurate with 1; default: -1",
    )
    add(
        "--random-state",
        metavar="N",
        type=_at_least(0),
        default=0,
        help="seed of folds, drawn rows and estimators; default: 0",
    )
    add(
        "--max-rows",
        metavar="N",
        type=_at_least(1),
        help="compare on about N rows, drawn at random, stratified for classes; default: all rows",
    )


def _add_output(add: Callable[..., object]) -> None:
    add(
        "-o",
        "--out",
        metavar="PATH",
        help="save the table as PATH.csv and PATH.json or, if PATH is a folder, as "
        "comparison.csv and comparison.json in it; default: not saved",
    )
    add(
        "--report",
        metavar="FILE",
        help="write a self-contained HTML report with the table, the settings, and "
        "plots for held-out rows; if FILE is a folder, as report.html in it; "
        "default: not written",
    )
    add(
        "--save",
        metavar="FILE",
        help="save the pipeline of the best model, fitted to all rows, which predicts from a raw "
        "table: .skops with skops if it is installed, otherwise with joblib; default: not saved",
    )
    add("--code", action="store_true", help="print the lines of Python that build that pipeline")
    add(
        "--model",
        metavar="NAME",
        help='the model of --save and --code, such as "kernel + nll"; default: the best',
    )
    add("-q", "--quiet", action="store_true", help="show no progress, only the final table")
    add("--version", action="version", version=f"sklearn_ebm {__version__}")


def _names(text: str) -> list[str]:
    return [] if text == "none" else [name.strip() for name in text.split(",") if name.strip()]


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least {least}")
        return int(text)

    return number


def _n_jobs(text: str) -> int:
    if not text.removeprefix("-").isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number of folds, or -1 for all cores")
    return int(text)


def _compare(arguments: argparse.Namespace) -> int:
    stem, report = _stem(arguments.out), _path(arguments.report, "report.html", "--report")
    arguments.save = _path(arguments.save, "model.skops", "--save")
    comparison = Comparison(
        read_frame(arguments.data),
        arguments.target,
        source=os.path.basename(arguments.data),
        for_report=report is not None,
        **{name: getattr(arguments, name) for name in _OPTIONS},
    )
    if arguments.model is not None:
        comparison.unfitted(arguments.model)  # an unknown name is told before the run
    status = 0
    try:
        for _ in watched(comparison, arguments.quiet):
            with contextlib.suppress(OSError):  # the last save below reports the error
                _save(comparison.table, stem)
    except KeyboardInterrupt:
        status = 130
    status = _finish(comparison, stem, status)
    if comparison.table.rows:
        if report is not None:
            status = max(status, _write_report(comparison, report, arguments.command))
        if not status:
            status = _hand_out(comparison, arguments)
        elif arguments.save or arguments.code:
            print("no model was saved or printed, as the run did not end", file=sys.stderr)
    return status


def _hand_out(comparison: Comparison, arguments: argparse.Namespace) -> int:
    """Save the pipeline and print its code, if they are asked for."""
    if not arguments.save and not arguments.code:
        return 0
    table = comparison.table
    model = arguments.model or table.best
    if any(row.model == model and row.origin == "floor" for row in table.rows):
        print(f"{model} ignores the features: its answer is the same for all rows", file=sys.stderr)
    if arguments.save:
        pipeline = table.pipeline(model)
        try:
            message = export.save(pipeline, arguments.save)
        except OSError as error:
            return _complain(f"The model cannot be saved as {arguments.save}: {error}.")
        print(f"{model}, fitted to all rows: {message}", file=sys.stderr)
    if arguments.code:
        given = [f"read_frame({arguments.data!r})", repr(arguments.target)]
        given += [f"task={arguments.task!r}"] if arguments.task != "auto" else []
        given += [f"drop={arguments.drop!r}"] if arguments.drop else []
        given += [f"cv={arguments.cv}"] if comparison.data.rare else []
        reading = f"make_table({', '.join(given)})"
        print(f"\n{comparison.code(model, reading)}")
    return 0


def _write_report(comparison: Comparison, path: str, command: str) -> int:
    try:
        comparison.report(path, command=command)
    except OSError as error:
        return _complain(f"The report cannot be saved as {path}: {error}.")
    print(f"saved {path}", file=sys.stderr)
    return 0


def _finish(comparison: Comparison, stem: str | None, status: int) -> int:
    table, n_models = comparison.table, len(comparison.contenders)
    if status:
        print(f"stopped after {len(table.rows)} of {n_models} models", file=sys.stderr)
    if not table.rows:
        return status
    print(table.text(terminal_width()), flush=True)
    print(f"\n{table.headline()}", flush=True)
    try:
        _save(table, stem)
    except OSError as error:
        return _complain(f"The table cannot be saved as {stem}.csv and {stem}.json: {error}.")
    if stem:
        print(f"saved {stem}.csv and {stem}.json", file=sys.stderr)
    return status


def _stem(out: str | None) -> str | None:
    """Return the path of the results without extension, and create its folder."""
    path = _path(out, "comparison", "--out")
    return path and path.removesuffix(".csv").removesuffix(".json")


def _path(path: str | None, name: str, option: str) -> str | None:
    """Return the path of a file, which has a name of its own in a folder; create the folder."""
    if path is None:
        return None
    if os.path.isdir(path) or path.endswith(("/", os.sep)):
        path = os.path.join(path, name)
    _make_folder_of(path, option)
    return path


def _make_folder_of(path: str, option: str) -> None:
    folder = os.path.dirname(path) or "."
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise DataError(f"The folder {folder} cannot be made: {error.strerror}.") from error
    if not os.access(folder, os.W_OK):
        raise DataError(f"The folder {folder} cannot be written to; give another {option}.")


def _save(table: ComparisonTable, stem: str | None) -> None:
    if stem:
        table.to_csv(f"{stem}.csv")
        table.to_json(f"{stem}.json")
