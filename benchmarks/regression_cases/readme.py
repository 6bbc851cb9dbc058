"""The figures of the case likelihood beside those of papers, in Markdown, for the documentation."""

from .energies import title
from .fits import LEVELS
from .published import METHODS, NLL, RMSE, SOURCES
from .rivals import NGBOOST, QUANTILES

NEW_ROWS = ", test rows met in training left out"

PROTOCOL = (
    "Means over the splits of Hernández-Lobato and Adams (2015) that were run, ± the standard error"
    " over them; a tenth of the rows is for the test. Default settings throughout, chosen by rows"
    " left out of training rows; splits overlap. Published figures are means over all 20 splits (5"
    " of protein); NGBoost and deep evidential regression drew random splits of their own. The"
    " lowest of each line is bold."
)


def readme_tables(runs, energies):
    """NLL and RMSE beside published ones, CRPS beside rivals that were run here, and the rest.

    Parameters
    ----------
    runs : list of dict
        Of the report.
    energies : list of str
    """
    ours = [title(energy) for energy in energies]
    runs = [run for run in runs if run["case"] == "likelihood"]
    names = list(dict.fromkeys(run["subject"] for run in runs))
    here = (*ours, NGBOOST, QUANTILES)
    papers = "\n".join(f"- {method}: {SOURCES[method]}" for method in METHODS)
    parts = [
        table("NLL", (*ours, *METHODS), names, measured(runs, "nll", ours) | printed(NLL, names)),
        table("RMSE", (*ours, *METHODS), names,
              measured(runs, "rmse", ours) | printed(RMSE, names)),
        table("CRPS", here, names, measured(runs, "crps", here)),
        table("seconds of a fit", here, names, measured(runs, "seconds", here)),
        *[
            table(f"cover of {level:.0%} intervals{spreading}", here, names,
                  measured(runs, f"{kind} {level:.0%}", here), bold=False)
            for level in LEVELS
            for kind, spreading in (("cover", ""), ("spread", ", rounded answers spread"))
        ],
        PROTOCOL,
        f"Sources:\n\n{papers}",
    ]  # fmt: skip
    return "\n\n".join(parts)


def measured(runs, key, contenders):
    """Value and standard error by set and contender; sets without known rows are lines as well."""
    return {
        line_and_column(run, contender): (run[key], run.get(f"{key} ±"))
        for run in runs
        for contender in contenders
        if run["contender"] in (contender, contender + NEW_ROWS) and run.get(key) is not None
    }


def line_and_column(run, contender):
    return run["subject"] + run["contender"].removeprefix(contender), contender


def printed(figures, names):
    """What papers report, in the same form."""
    return {
        (name, method): (value, None)
        for name in names
        for method, value in zip(METHODS, figures.get(name, ()), strict=False)
        if value is not None
    }


def table(head, columns, names, cells, bold=True):
    """One line for each set that has a cell."""
    columns = [column for column in columns if any(key[1] == column for key in cells)]
    lines = [line for name in names for line in (name, name + NEW_ROWS)
             if any(key[0] == line for key in cells)]  # fmt: skip
    rows = [(head, *columns), ("---", *["---:"] * len(columns))]
    rows += [(line, *texts(line, columns, cells, bold)) for line in lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def texts(line, columns, cells, bold):
    """The cells of a line; the lowest is bold."""
    found = [cells.get((line, column)) for column in columns]
    lowest = min(cell[0] for cell in found if cell)
    return [
        "–" if cell is None else f"**{text(*cell)}**" if bold and cell[0] == lowest else text(*cell)
        for cell in found
    ]


def text(value, error):
    """Two or three decimals, with a minus sign as it is set; no error that rounds to nothing.

    >>> text(-0.7312, 0.081), text(12.345, None), text(0.0672, 0.0004)
    ('−0.73 ± 0.08', '12.3', '0.067')
    """
    decimals = 1 if abs(value) >= 10 else 2 if abs(value) >= 0.1 else 3
    shown = f"{value:.{decimals}f}".replace("-", "−")
    spread = f"{error or 0.0:.{decimals}f}"
    return f"{shown} ± {spread}" if float(spread) else shown
