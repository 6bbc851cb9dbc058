"""The figures with their verdicts as a Markdown table, for the documentation."""

from pathlib import Path

from .report import bars_of

HEAD = ("case", "what", "measured", "must / aim", "reached")


def write_table(path, targets):
    """Write the rows of `Report.targets`."""
    Path(path).write_text(markdown(targets), encoding="utf-8")


def markdown(targets):
    """One line for each figure; a note, such as that a ratio is a lower bound, behind the verdict.

    >>> row = {"case": "nll", "subject": "letter", "measure": "times faster", "value": 2.5}
    >>> row |= {"must": 2, "aim": 3, "at_most": False, "verdict": "reached", "note": ""}
    >>> print(markdown([row]).splitlines()[-1])
    | nll | letter: times faster | 2.5 | ≥2/≥3 | reached |
    """
    lines = [HEAD, ("---", "---", "---:", "---", "---"), *map(cells, targets)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cells(row):
    value = "—" if row["value"] is None else f"{row['value']:.3g}"
    note = f"({row['note']})" if row["note"] else ""
    verdict = " ".join(part for part in (row["verdict"], note) if part)
    what = f"{row['subject']}: {row['measure']}"
    texts = (row["case"], what, value, bars_of(row), verdict)
    return tuple(text.replace("|", "\\|") for text in texts)
