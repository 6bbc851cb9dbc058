"""The figures as a Markdown table, for the documentation."""

from pathlib import Path

HEAD = ("case", "what", "measured", "note")


def write_table(path, figures):
    """Write the rows of `Report.figures`."""
    Path(path).write_text(markdown(figures), encoding="utf-8")


def markdown(figures):
    """One line for each figure, with its note, such as that a ratio is a lower bound.

    >>> row = {"case": "nll", "subject": "letter", "measure": "times faster", "value": 2.5}
    >>> print(markdown([row | {"note": "lbfgs"}]).splitlines()[-1])
    | nll | letter: times faster | 2.5 | lbfgs |
    """
    lines = [HEAD, ("---", "---", "---:", "---"), *map(cells, figures)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cells(row):
    value = "—" if row["value"] is None else f"{row['value']:.3g}"
    texts = (row["case"], f"{row['subject']}: {row['measure']}", value, row["note"])
    return tuple(text.replace("|", "\\|") for text in texts)
