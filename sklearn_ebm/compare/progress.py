"""Progress of a comparison on standard error."""

import sys
import time
from collections.abc import Generator
from shutil import get_terminal_size

from sklearn_ebm.compare.comparison import Comparison
from sklearn_ebm.compare.leaderboard import Row

# Part of the total cost from which the time that is left is estimated.
_ENOUGH = 0.05


def terminal_width() -> int | None:
    """Return the number of columns of standard output, None if it is not a terminal."""
    return get_terminal_size().columns if sys.stdout.isatty() else None


def watched(comparison: Comparison, quiet: bool = False) -> Generator[Row, None, None]:
    """Run a comparison and tell how far it is.

    A terminal gets one line that changes, anything else one line for each model.
    """
    if quiet:
        yield from comparison.run()
        return
    is_terminal = sys.stderr.isatty()
    contenders = comparison.contenders
    total = sum(contender.cost for contender in contenders)
    start, done = time.perf_counter(), 0.0

    def show(text: str, number: int) -> None:
        line = f"[{number:{len(str(len(contenders)))}}/{len(contenders)}] {text}"
        if is_terminal:
            columns = get_terminal_size().columns - 1
            print(f"\r{line[:columns]:{columns}}", end="", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)

    if is_terminal:
        show(contenders[0].model, 1)
    for number, row in enumerate(comparison.run(), 1):
        done += contenders[number - 1].cost
        seconds = time.perf_counter() - start
        left = ""
        if _ENOUGH * total <= done < total:
            left = f", about {duration((total - done) * seconds / done)} left"
        score = comparison.table.ranked_by
        heading = comparison.table.scoreboard.scores[score].heading
        result = f"{row.model}: {heading} {row.cell(score)}" if row.folds else f"{row.model} failed"
        if is_terminal and number < len(contenders):
            show(f"{contenders[number].model}{left}", number + 1)
        elif not is_terminal:
            show(f"{result}{left}", number)
        yield row
    if is_terminal:
        print("\r" + " " * (get_terminal_size().columns - 1) + "\r", end="", file=sys.stderr)


def duration(seconds: float) -> str:
    """Return a rough duration in words.

    Examples
    --------
    >>> duration(3.2), duration(74), duration(600)
    ('3 s', '70 s', '10 min')
    """
    if seconds < 10:
        return f"{max(seconds, 1):.0f} s"
    if seconds < 100:
        return f"{round(seconds, -1):.0f} s"
    return f"{seconds / 60:.0f} min"
