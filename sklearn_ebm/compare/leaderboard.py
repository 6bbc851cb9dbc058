"""The ranked table of a comparison and its rows."""

import csv
import html
import json
import math
import os
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TextIO

from sklearn_ebm.compare.folds import OF_CLASSES
from sklearn_ebm.compare.scoreboard import Scoreboard


@dataclass(frozen=True)
class Row:
    """Row of one estimator in the table.

    Attributes
    ----------
    model : str
        Name of the estimator.
    settings : str
        The estimator with all its parameters.
    folds : tuple of dict
        Scores of each fold by their names in ``scoreboard``, without scores that the estimator does
        not support; empty if it failed.
    warnings : tuple of str
        Warnings of the fits, and the number of folds in which they occurred.
    error : str
        Reason of a failure; empty if there was none.
    scoreboard : Scoreboard
        The scores and their format.

    Examples
    --------
    >>> row = Row("mine", "Mine()", ({"accuracy": 0.5}, {"accuracy": 0.75}))
    >>> row.mean("accuracy"), round(row.sd("accuracy"), 4)
    (0.625, 0.1768)
    """

    model: str
    settings: str
    folds: tuple[dict[str, float], ...] = ()
    warnings: tuple[str, ...] = ()
    error: str = ""
    scoreboard: Scoreboard = OF_CLASSES

    def _values(self, score: str) -> list[float]:
        return [fold[score] for fold in self.folds if score in fold]

    def mean(self, score: str) -> float:
        """Return the mean of a score over the folds, NaN if the estimator does not support it."""
        values = self._values(score)
        return statistics.fmean(values) if values else math.nan

    def sd(self, score: str) -> float:
        """Return the sample standard deviation of a score over the folds."""
        values = self._values(score)
        return statistics.stdev(values) if len(values) > 1 else math.nan

    def se(self, score: str) -> float:
        """Return the standard error of the mean, as if folds were independent."""
        return self.sd(score) / math.sqrt(len(self._values(score)) or math.nan)

    def spread(self, score: str) -> float:
        """Return the number after ±: `sd` or `se`, depending on the scoreboard."""
        return self.sd(score) if self.scoreboard.spread == "sd" else self.se(score)

    def cell(self, score: str) -> str:
        """Return a score as it is printed in the table: mean ± spread."""
        if not self.folds:
            return "failed" if score == self.scoreboard.ranked_by[0] else ""
        if math.isnan(self.mean(score)):
            return "–"
        digits = self.scoreboard.scores[score].digits
        return f"{self.mean(score):.{digits}f} ± {self.spread(score):.{digits}f}"

    def rank(self) -> tuple[Any, ...]:
        """Return the key by which rows are sorted; failed rows come last."""
        means = {score: self.mean(score) for score in self.scoreboard.ranked_by}
        return not self.folds, *self.scoreboard.rank_of(means)


@dataclass
class ComparisonTable:
    """Scores of estimators in the same cross-validation, ranked by log-loss or NLL.

    Attributes
    ----------
    rows : list of Row
        Rows in the order in which they finished.
    about : dict
        Description of the data, the folds, the preprocessing and the versions.
    scoreboard : Scoreboard
        The scores, and the one that determines the rank.

    Examples
    --------
    >>> scores = dict.fromkeys(OF_CLASSES.scores, 0.25)
    >>> table = ComparisonTable(
    ...     [Row("a", "A()", (scores, scores)), Row("b", "B()", error="No.")]
    ... )
    >>> [row.model for row in table.ranked()]
    ['a', 'b']
    >>> table.records()[0]["log_loss_mean"]
    0.25
    """

    rows: list[Row] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)
    scoreboard: Scoreboard = OF_CLASSES

    @property
    def _headings(self) -> list[str]:
        return ["", "model", *(score.heading for score in self.scoreboard.scores.values())]

    def ranked(self) -> list[Row]:
        """Return the rows by rank, the best first and failed rows last."""
        return sorted(self.rows, key=Row.rank)

    def records(self) -> list[dict[str, Any]]:
        """Return the ranked rows as flat dictionaries, one value per cell."""
        return [
            {
                "rank": rank if row.folds else None,
                "model": row.model,
                **{
                    f"{score}_{name}": value if math.isfinite(value) else None
                    for score in self.scoreboard.scores
                    for name, value in [
                        ("mean", row.mean(score)),
                        (self.scoreboard.spread, row.spread(score)),
                    ]
                },
                "warnings": "; ".join(row.warnings),
                "error": row.error,
                "settings": row.settings,
            }
            for rank, row in enumerate(self.ranked(), 1)
        ]

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the ranked rows, one line each, as CSV."""
        parts = ("mean", self.scoreboard.spread)
        scores = [f"{score}_{part}" for score in self.scoreboard.scores for part in parts]
        columns = ["rank", "model", *scores]
        columns += ["warnings", "error", "settings"]

        def write(file: TextIO) -> None:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.records())

        replace_file(path, write)

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write `about`, the ranked rows and their scores in every fold as JSON."""
        rows = [
            record | {"warnings": list(row.warnings), "folds": list(row.folds)}
            for record, row in zip(self.records(), self.ranked(), strict=True)
        ]
        content = {"about": self.about, "rows": rows}
        replace_file(path, lambda file: file.write(json.dumps(content, indent=2) + "\n"))

    def to_pandas(self) -> Any:
        """Return the ranked rows as a pandas data frame.

        Raises
        ------
        ImportError
            If pandas is not installed; the message says how to install it.
        """
        try:
            import pandas
        except ImportError:
            raise ImportError(
                "A data frame needs pandas; install it with: pip install "
                '"sklearn_ebm[compare]", or use records(), which needs nothing.'
            ) from None
        return pandas.DataFrame(self.records())

    def notes(self) -> list[str]:
        """Return notes: omitted rows and columns, warnings and errors."""
        notes = list(self.about.get("data", {}).get("notes", ()))
        for row in self.ranked():
            notes += [f"{row.model}: {warning}" for warning in row.warnings]
            notes += [f"{row.model} failed: {row.error}"] if row.error else []
        return notes

    def __str__(self) -> str:
        cells = [self._headings]
        for rank, row in enumerate(self.ranked(), 1):
            place = str(rank) if row.folds else "-"
            cells.append([place, row.model, *(row.cell(score) for score in self.scoreboard.scores)])
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = []
        for line in cells:
            padded = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
            padded[1] = line[1].ljust(widths[1])
            lines.append("  ".join(padded).rstrip())
        lines.insert(1, "-" * max(map(len, lines)))
        title = [self.about["title"]] if "title" in self.about else []
        return "\n".join([*title, *lines, *(f"note: {note}" for note in self.notes())])

    def _repr_html_(self) -> str:
        lines = [[f"<th>{heading}</th>" for heading in self._headings]]
        for rank, row in enumerate(self.ranked(), 1):
            texts = [str(rank), row.model, *(row.cell(score) for score in self.scoreboard.scores)]
            lines.append([f"<td>{html.escape(text)}</td>" for text in texts])
        body = "".join(f"<tr>{''.join(line)}</tr>" for line in lines)
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self.notes())
        title = html.escape(self.about.get("title", ""))
        return f"<table><caption>{title}</caption>{body}</table><ul>{notes}</ul>"


def replace_file(path: str | os.PathLike[str], write: Callable[[TextIO], Any]) -> None:
    """Write a file atomically: if writing fails, an existing file is unchanged."""
    partial = f"{os.fspath(path)}.partial"
    with open(partial, "w", encoding="utf-8", newline="") as file:
        write(file)
    os.replace(partial, path)
