"""The ranked table of a comparison and its rows."""

import csv
import html
import json
import math
import os
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

from scipy.stats import t as student_t

from sklearn_ebm.compare.columns import DataError
from sklearn_ebm.compare.folds import OF_CLASSES
from sklearn_ebm.compare.scoreboard import Scoreboard

# Probability of the two-sided interval outside of which a difference is not a tie.
_CONFIDENCE = 0.95
# Columns that are listed by name, of each kind, if nothing else is to be said of them.
_MOST_NAMES = 12
_MOST_DIGITS = 12
_ORDER = "target, number, yes/no, category, date, text, left out"


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
    origin : {"package", "baseline", "floor"}
        Whether the model is one of this package, another one, or one that ignores the features.

    Examples
    --------
    >>> row = Row("mine", "Mine()", ({"accuracy": 0.5}, {"accuracy": 0.75}))
    >>> row.mean("accuracy"), row.se("accuracy")
    (0.625, 0.125)
    """

    model: str
    settings: str
    folds: tuple[dict[str, float], ...] = ()
    warnings: tuple[str, ...] = ()
    error: str = ""
    scoreboard: Scoreboard = OF_CLASSES
    origin: str = "package"

    def values(self, score: str) -> list[float]:
        """Return a score in each fold, without folds that do not have it."""
        return [fold[score] for fold in self.folds if score in fold]

    def mean(self, score: str) -> float:
        """Return the mean of a score over the folds, NaN if the estimator does not support it."""
        values = self.values(score)
        return statistics.fmean(values) if values else math.nan

    def se(self, score: str) -> float:
        """Return the standard error of the mean, as if folds were independent."""
        values = self.values(score)
        return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan

    def cell(self, score: str, with_se: bool = True) -> str:
        """Return a score as it is printed in the table: mean ± standard error."""
        if not self.folds:
            return "failed" if score == next(iter(self.scoreboard.scores)) else ""
        if math.isnan(self.mean(score)):
            return "–"
        digits = self.scoreboard.scores[score].digits
        mean = decimal(self.mean(score), digits)
        return f"{mean} ± {decimal(self.se(score), digits)}" if with_se else mean


def decimal(value: float, digits: int) -> str:
    """Return a number with decimals, or with three significant digits if that is far shorter.

    Examples
    --------
    >>> decimal(0.25, 3), decimal(1.5e30, 2)
    ('0.250', '1.5e+30')
    """
    text = f"{value:.{digits}f}"
    return text if len(text) <= _MOST_DIGITS else f"{value:.3g}"


@dataclass
class ComparisonTable:
    """Scores of estimators in the same cross-validation, ranked by the first score that all have.

    Attributes
    ----------
    rows : list of Row
        Rows in the order in which they finished.
    about : dict
        Description of the data, the folds, the preparation and the versions.
    scoreboard : Scoreboard
        The scores, and those that can determine the rank.
    fit : callable or None
        Function of the name of a model that returns its pipeline, fitted to all rows.

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
    fit: Callable[[str], Any] | None = field(default=None, repr=False, compare=False)

    @property
    def ranked_by(self) -> str:
        """Name of the first ranking score that all finished models have."""
        *first, last = self.scoreboard.ranked_by
        finished = [row for row in self.rows if row.folds]
        complete = (
            name
            for name in first
            if all(len(row.values(name)) == len(row.folds) for row in finished)
        )
        return next(complete, last)

    def ranked(self) -> list[Row]:
        """Return the rows by rank, the best first and failed rows last."""
        return sorted(
            self.rows, key=lambda row: (not row.folds, row.folds and row.mean(self.ranked_by))
        )

    def difference(self, row: Row, other: Row) -> tuple[float, float]:
        """Return the mean difference of the ranking score over the folds, and its standard error.

        The differences are paired, fold by fold. Training parts overlap, hence the variance of
        their mean is taken as (1/k + 1/(k − 1)) times their variance, for k folds (Nadeau and
        Bengio, 2003, :doi:`10.1023/A:1024068626366`).
        """
        pairs = zip(row.values(self.ranked_by), other.values(self.ranked_by), strict=True)
        differences = [one - two for one, two in pairs]
        k = len(differences)
        spread = statistics.stdev(differences) if k > 1 else math.nan
        return statistics.fmean(differences), spread * math.sqrt(1 / k + 1 / max(k - 1, 1))

    def tied(self, row: Row) -> bool:
        """Return whether a row's difference from the best is within its 95 % interval."""
        best = self.ranked()[0]
        if row is best or not row.folds:
            return False
        mean, error = self.difference(row, best)
        return bool(mean <= student_t.ppf((1 + _CONFIDENCE) / 2, len(row.folds) - 1) * error)

    def headline(self) -> str:
        """Return one sentence: what won, and by how much.

        The best model is compared with the best of the other side: models of this package with
        others, and vice versa.
        """
        finished = [row for row in self.ranked() if row.folds]
        if not finished:
            return "No model could be fitted."
        best, *others = finished
        score = self.scoreboard.scores[self.ranked_by]
        text = f"{best.model} has the lowest {score.heading}, {best.cell(self.ranked_by)}"
        if not others:
            return f"{text}."
        ours = best.origin == "package"
        sides = [row for row in others if (row.origin == "package") != ours]
        real = [row for row in sides if row.origin != "floor"]
        other = (real or sides or others)[0]
        of = " of this package" if other.origin == "package" else " outside this package"
        mean, error = self.difference(other, best)
        gap = f"{decimal(mean, score.digits)} ± {decimal(error, score.digits)}"
        text += f": {gap} below {other.model}, the best{of if sides else ' of the others'}"
        return (
            f"{text}; the difference is within its uncertainty." if self.tied(other) else f"{text}."
        )

    def pipeline(self, model: str) -> Any:
        """Return a model's pipeline, fitted to all rows of the table, that takes raw tables.

        Parameters
        ----------
        model : str
            Name of a model of the table, such as ``"kernel + nll"``.

        Raises
        ------
        DataError
            If there is no such model.
        """
        if self.fit is None:
            raise DataError("This table was made without data; `compare` returns one with data.")
        return self.fit(model)

    @property
    def best(self) -> str:
        """Name of the model with the first rank."""
        best = next((row for row in self.ranked() if row.folds), None)
        if best is None:
            raise DataError("No model could be fitted; the notes of the table give the reasons.")
        return best.model

    @property
    def best_pipeline(self) -> Any:
        """The pipeline of the model with the first rank, fitted to all rows of the table."""
        return self.pipeline(self.best)

    def records(self) -> list[dict[str, Any]]:
        """Return the ranked rows as flat dictionaries, one value per cell."""
        return [
            {
                "rank": rank if row.folds else None,
                "tied": self.tied(row),
                "model": row.model,
                **{
                    f"{score}_{name}": value if math.isfinite(value) else None
                    for score in self.scoreboard.scores
                    for name, value in [("mean", row.mean(score)), ("se", row.se(score))]
                },
                "warnings": "; ".join(row.warnings),
                "error": row.error,
                "settings": row.settings,
            }
            for rank, row in enumerate(self.ranked(), 1)
        ]

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the ranked rows, one line each, as CSV."""
        records = self.records()

        def write(file: TextIO) -> None:
            writer = csv.DictWriter(file, list(records[0]) if records else [], lineterminator="\n")
            writer.writeheader()
            writer.writerows(records)

        replace_file(path, write)

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write `about`, the ranked rows and their scores in every fold as JSON."""
        rows = [
            record | {"warnings": list(row.warnings), "folds": list(row.folds)}
            for record, row in zip(self.records(), self.ranked(), strict=True)
        ]
        content = {"about": self.about, "ranked_by": self.ranked_by, "rows": rows}
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

    @property
    def title(self) -> str:
        """Description of the data, and of the numbers, in two lines."""
        lines = [self.about.get("title"), f"mean ± standard error, {self.order}"]
        return "\n".join(filter(None, lines))

    @property
    def order(self) -> str:
        """Description of the order of the rows."""
        heading = self.scoreboard.scores[self.ranked_by].heading
        why = " because some models have no NLL," if self.ranked_by == "crps" else ""
        return f"ranked by {heading},{why} lowest first"

    def notes(self) -> list[str]:
        """Return notes: ties, columns, omitted rows, warnings and errors."""
        tied = [row.model for row in self.ranked() if self.tied(row)]
        notes = []
        if tied:
            level = f"{_CONFIDENCE:.0%}".replace("%", " %")
            notes = [f"= the difference from {self.best} is within its {level} interval"]
        notes += columns_by_kind(self.about.get("columns", ()))
        notes += self.about.get("data", {}).get("notes", ())
        for row in self.ranked():
            notes += [f"{row.model}: {warning}" for warning in row.warnings]
            notes += [f"{row.model} failed: {row.error}"] if row.error else []
        return notes

    def _cells(self, scores: list[str], with_se: bool = True) -> list[list[str]]:
        lines = [["", "model", *(self.scoreboard.scores[score].heading for score in scores)]]
        for rank, row in enumerate(self.ranked(), 1):
            place = f"{rank}{'=' if self.tied(row) else ' '}" if row.folds else "-"
            lines.append([place, row.model, *(row.cell(score, with_se) for score in scores)])
        return lines

    def text(self, width: int | None = None) -> str:
        """Return the table as text of at most `width` columns, if that is possible.

        Standard errors are left out first, then scores from the right, but never the ranking one.
        """
        scores = list(self.scoreboard.scores)
        sizes = [(len(scores), True), *((count, False) for count in range(len(scores), 0, -1))]
        for count, with_se in sizes:
            shown = sorted(scores, key=self.ranked_by.__ne__)[:count]
            shown = [score for score in scores if score in shown]
            lines = _aligned(self._cells(shown, with_se))
            if width is None or max(map(len, lines)) <= width:
                break
        hidden = [self.scoreboard.scores[score].heading for score in scores if score not in shown]
        hidden += [] if with_se else ["standard errors"]
        note = [f"not shown for lack of width: {', '.join(hidden)}"] if hidden else []
        notes = [f"note: {each}" for each in [*note, *self.notes()]]
        return "\n".join([self.title, *lines, *notes])

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        head, *cells = self._cells(list(self.scoreboard.scores))
        lines = [[f"<th>{heading}</th>" for heading in head]]
        lines += [[f"<td>{html.escape(text)}</td>" for text in texts] for texts in cells]
        body = "".join(f"<tr>{''.join(line)}</tr>" for line in lines)
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self.notes())
        return f"<table><caption>{html.escape(self.title)}</caption>{body}</table><ul>{notes}</ul>"


def columns_by_kind(columns: Iterable[Mapping[str, str]]) -> list[str]:
    """Return one line for each kind of column, with the names and what was done with them.

    Examples
    --------
    >>> price = {"name": "price", "kind": "number", "note": "in dollars"}
    >>> columns_by_kind([price, {"name": "id", "kind": "left out", "note": "an id"}])
    ['columns, number: price (in dollars)', 'columns, left out: id (an id)']
    """
    kinds: dict[str, list[str]] = {}
    for each in columns:
        text = f"{each['name']} ({each['note']})" if each["note"] else each["name"]
        kinds.setdefault(each["kind"], []).append(text)
    lines = []
    for kind, texts in sorted(kinds.items(), key=lambda item: _ORDER.find(item[0])):
        plain = [text for text in texts if not text.endswith(")")]
        if len(plain) > _MOST_NAMES:  # long lists of names, such as those of pixels
            hidden = set(plain[_MOST_NAMES - 1 : -1])
            texts = [text for text in texts if text not in hidden]
            texts.append(f"and {len(hidden)} more")
        lines.append(f"columns, {kind}: {', '.join(texts)}")
    return lines


def _aligned(cells: list[list[str]]) -> list[str]:
    """Return lines of padded cells, with a rule below the first."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for line in cells:
        padded = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
        padded[1] = line[1].ljust(widths[1])
        lines.append("  ".join(padded).rstrip())
    lines.insert(1, "-" * max(map(len, lines)))
    return lines


def replace_file(path: str | os.PathLike[str], write: Callable[[TextIO], Any]) -> None:
    """Write a file atomically: if writing fails, an existing file is unchanged."""
    partial = f"{os.fspath(path)}.partial"
    with open(partial, "w", encoding="utf-8", newline="") as file:
        write(file)
    os.replace(partial, path)
