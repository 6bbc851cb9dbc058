"""HTML page of a report, with style, script and numbers (as JSON) included."""

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

from sklearn_ebm.compare.leaderboard import ComparisonTable, Row

DOCUMENTATION = "https://sklearn-ebm.readthedocs.io/en/stable/guide/compare.html"


def resource(name: str) -> str:
    """Return the text of a file of the package."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def filled(template: str, values: dict[str, str]) -> str:
    """Replace ``{{name}}`` in a template, in one pass, so that values are not replaced."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)


def page(
    table: ComparisonTable, content: dict[str, Any], *, command: str = "", dated: bool = True
) -> str:
    """Return the HTML of a report, with the command line of the comparison and when it began."""
    task, about = content["task"], table.about
    style, script = resource("report.css"), resource("report.js") + resource(f"{task}.js")
    notes, columns, scores = table.notes(), about["columns"], table.scoreboard.scores
    what_was_done = _definitions(
        (each["name"], ": ".join(filter(None, (each["kind"], each["note"])))) for each in columns
    )
    return filled(
        resource("template.html"),
        {
            "style": style,
            "script": script,
            "style_hash": _hash(style),
            "script_hash": _hash(script),
            "source": html.escape(about["data"]["source"]),
            "headline": html.escape(table.headline()),
            "summary": html.escape(about["title"].partition("\n")[0]),
            "leaderboard": leaderboard(table),
            "order": html.escape(table.order),
            "notes": _section(f"Notes ({len(notes)})", _list(notes), is_wide=True),
            "scores": _definitions(
                (score.heading, about["scores"][name]) for name, score in scores.items()
            ),
            "settings": _definitions((row.model, row.settings) for row in table.ranked()),
            "columns": _section(f"What was done with each column ({len(columns)})", what_was_done),
            "charts": resource(f"{task}.html"),
            "about": _definitions(_compared(about, command, dated)),
            "documentation": DOCUMENTATION,
            "data": json_text(content),
        },
    )


def json_text(content: Any) -> str:
    r"""Return JSON with ``\u003c`` for "<", which could end a script element."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return text.translate({ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&"})


def _hash(text: str) -> str:
    """Return the hash of a script for the content security policy of the page."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def leaderboard(table: ComparisonTable) -> str:
    """Return the ranked table as HTML; each cell contains its sort key."""
    scores = table.scoreboard.scores
    headings = ["rank", "model", *(score.heading for score in scores.values())]
    head = "".join(
        f'<th scope="col" aria-sort="{"none" if j else "ascending"}"><button type="button">'
        f'{html.escape(name)}<span class="arrow" aria-hidden="true"></span></button></th>'
        for j, name in enumerate(headings)
    )
    body = "".join(_line(rank, row, table) for rank, row in enumerate(table.ranked(), 1))
    return (
        '<table id="leaderboard"><caption class="hidden">Scores of every model, the best first; a '
        f"heading sorts by its column.</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def _line(rank: int, row: Row, table: ComparisonTable) -> str:
    place = f"{rank}{' =' * table.tied(row)}" if row.folds else "–"
    # A long name such as HistGradientBoostingClassifier may break before a capital letter.
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "<wbr>", html.escape(row.model))
    cells = [f'<td data-value="{rank}">{place}</td>', f'<th scope="row">{name}</th>']
    for score in table.scoreboard.scores:
        mean = row.mean(score)
        value = "" if mean != mean else repr(float(mean))
        shown = re.sub("( ± .*)", r'<span class="error">\1</span>', html.escape(row.cell(score)))
        cells.append(f'<td data-score="{score}" data-value="{value}">{shown}</td>')
    return f"<tr>{''.join(cells)}</tr>"


def _compared(about: dict[str, Any], command: str, dated: bool) -> list[tuple[str, str]]:
    """Return names and texts that describe the comparison."""
    data, settings = about["data"], about["settings"]
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    drawn = settings["max_rows"]
    rows = f"{data['rows']:,}" + ("" if drawn is None else f", drawn with max_rows={drawn}")
    entries = [
        ("data", data["source"]),
        ("rows", rows),
        ("target", _target(data)),
        ("folds", f"{settings['cv']}, the same for all models"),
        ("random state", str(settings["random_state"])),
        ("preparation", "; ".join(f"{who}: {how}" for who, how in about["preparation"].items())),
        ("versions", versions),
        ("machine", f"{about['machine']['system']}, {about['machine']['cpus']} CPUs"),
        ("begun", about["started"] if dated else ""),
        ("command", command),
    ]
    return [(name, text) for name, text in entries if text]


def _target(data: dict[str, Any], most: int = 40) -> str:
    if "target" in data:
        target = data["target"]
        return f"{target['name']}, from {target['least']:g} to {target['greatest']:g}"
    classes = [f"{name} ({n} rows)" for name, n in data["classes"].items()]
    more = f" and {len(classes) - most} more" if len(classes) > most else ""
    return f"{len(classes)} classes: {', '.join(classes[:most])}{more}"


def _section(title: str, body: str, is_wide: bool = False) -> str:
    """Return a folded section, or nothing without a body; wide screens open it if `is_wide`."""
    start = '<details class="wide">' if is_wide else "<details>"
    text = f"{start}<summary><h2>{html.escape(title)}</h2></summary>{body}</details>"
    return text if body else ""


def _definitions(entries: Iterable[tuple[str, str]]) -> str:
    lines = "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd></div>"
        for name, text in entries
    )
    return f"<dl>{lines}</dl>" if lines else ""


def _list(texts: list[str]) -> str:
    lines = "".join(f"<li>{html.escape(text)}</li>" for text in texts)
    return f'<ul class="small">{lines}</ul>' if lines else ""
