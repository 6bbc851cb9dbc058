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
_RESOURCES = files("sklearn_ebm.compare.report")


def resource(name: str) -> str:
    """Return the text of a file of the package."""
    return _RESOURCES.joinpath(name).read_text(encoding="utf-8")


def filled(template: str, values: dict[str, str]) -> str:
    """Replace ``{{name}}`` in a template, in one pass, so that values are not replaced.

    Examples
    --------
    >>> filled("<b>{{a}}</b>{{b}}", {"a": "{{b}}", "b": "x"})
    '<b>{{b}}</b>x'
    """
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)


def page(
    table: ComparisonTable, content: dict[str, Any], *, command: str = "", dated: bool = True
) -> str:
    """Return the HTML of a report.

    Parameters
    ----------
    table : ComparisonTable
    content : dict
        Result of `content`.
    command : str
        The command line of the comparison, if any.
    dated : bool
        Whether the page shows when the comparison began.
    """
    task = content["task"]
    style, script = resource("report.css"), resource("report.js") + resource(f"{task}.js")
    about = table.about
    return filled(
        resource("template.html"),
        {
            "style": style,
            "script": script,
            "style_hash": _hash(style),
            "script_hash": _hash(script),
            "source": html.escape(about["data"]["source"]),
            "task": task,
            "summary": html.escape(about["title"].partition("\n")[0]),
            "leaderboard": leaderboard(table),
            "scores": _definitions(
                (table.scoreboard.scores[name].heading, meaning)
                for name, meaning in about["scores"].items()
            ),
            "spread": html.escape(f"{about['spread']}; {table.scoreboard.title}."),
            "notes": _list(table.notes()),
            "settings": _definitions((row.model, row.settings) for row in table.ranked()),
            "about": _definitions(_compared(about, command, dated)),
            "charts": filled(resource(f"{task}.html"), {"rows": _kept_rows(content["rows"])}),
            "documentation": DOCUMENTATION,
            "data": json_text(content),
        },
    )


def json_text(content: Any) -> str:
    r"""Return JSON without "<", which could end a script element.

    Examples
    --------
    >>> json_text({"a": "</script>"})
    '{"a":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return text.translate({ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&"})


def _hash(text: str) -> str:
    """Return the hash of a script for the content security policy of the page."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def leaderboard(table: ComparisonTable) -> str:
    """Return the ranked table as HTML; each cell contains its sort key."""
    scores = table.scoreboard.scores
    headings = ["rank", "model", *(score.heading for score in scores.values())]
    ranked = table.ranked()
    head = "".join(_heading(name, sorted_by=j == 0) for j, name in enumerate(headings))
    body = "".join(_line(rank, row, table) for rank, row in enumerate(ranked, 1))
    return (
        '<table id="leaderboard" role="table"><caption class="hidden">Scores of every model, '
        'the best first; a heading sorts by its column.</caption><thead role="rowgroup">'
        f'<tr role="row">{head}</tr></thead><tbody role="rowgroup">{body}</tbody></table>'
    )


def _heading(name: str, sorted_by: bool) -> str:
    order = "ascending" if sorted_by else "none"
    return (
        f'<th scope="col" role="columnheader" aria-sort="{order}">'
        f'<button type="button">{html.escape(name)}<span class="arrow" aria-hidden="true"></span>'
        "</button></th>"
    )


def _line(rank: int, row: Row, table: ComparisonTable) -> str:
    place = str(rank) if row.folds else "–"
    cells = [
        f'<td role="cell" data-label="rank" data-value="{rank}">{place}</td>',
        f'<th scope="row" role="rowheader" data-label="model">{html.escape(row.model)}</th>',
    ]
    for name, score in table.scoreboard.scores.items():
        mean, label = row.mean(name), html.escape(score.heading)
        value = "" if mean != mean else repr(float(mean))
        number, _, spread = row.cell(name).partition(" ± ")
        shown = html.escape(number) + (f' <span class="spread">± {spread}</span>' if spread else "")
        cells.append(f'<td role="cell" data-label="{label}" data-value="{value}">{shown}</td>')
    return f'<tr role="row">{"".join(cells)}</tr>'


def _compared(about: dict[str, Any], command: str, dated: bool) -> list[tuple[str, str]]:
    """Return names and texts that describe the comparison."""
    data, settings = about["data"], about["settings"]
    numeric, categorical = data["numeric_columns"], data["categorical_columns"]
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    machine = f"{about['machine']['system']}, {about['machine']['cpus']} CPUs"
    drawn = settings["max_rows"]
    rows = f"{data['rows']:,}" + ("" if drawn is None else f", drawn with max_rows={drawn}")
    entries = [
        ("data", data["source"]),
        ("rows", rows),
        ("numeric columns", _named(numeric)),
        ("categorical columns", _named(categorical)),
        ("target", _target(data)),
        ("folds", f"{settings['cv']}, the same for all models"),
        ("random state", str(settings["random_state"])),
        ("preparation", "; ".join(f"{who}: {how}" for who, how in about["preparation"].items())),
        ("versions", versions),
        ("machine", machine),
    ]
    entries += [("begun", about["started"])] if dated else []
    return entries + ([("command", command)] if command else [])


def _named(columns: list[str], most: int = 40) -> str:
    shown = ", ".join(columns[:most])
    more = f" and {len(columns) - most} more" if len(columns) > most else ""
    return f"{len(columns)}: {shown}{more}" if columns else "none"


def _target(data: dict[str, Any]) -> str:
    if "target" in data:
        target = data["target"]
        return f"{target['name']}, from {target['least']:g} to {target['greatest']:g}"
    classes = data["classes"]
    return _named([f"{name} ({n} rows)" for name, n in classes.items()]).replace(
        ":", " classes:", 1
    )


def _kept_rows(rows: dict[str, int]) -> str:
    if rows["kept"] == rows["of"]:
        return f"Drawn from all {rows['of']:,} rows, each in the fold that held it out."
    return (
        f"Drawn from {rows['kept']:,} of the {rows['of']:,} rows, each in the fold that held it "
        "out; the others were left out to keep this file small. The table above is of all rows."
    )


def _definitions(entries: Iterable[tuple[str, str]]) -> str:
    lines = (
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd></div>"
        for name, text in entries
    )
    return f"<dl>{''.join(lines)}</dl>"


def _list(texts: list[str]) -> str:
    if not texts:
        return ""
    return f'<ul class="notes">{"".join(f"<li>{html.escape(text)}</li>" for text in texts)}</ul>'
