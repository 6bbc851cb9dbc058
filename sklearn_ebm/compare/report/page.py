"""The page: names escaped, numbers as JSON, style and script written into it."""

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
    """Return the text of a file that comes with the package."""
    return _RESOURCES.joinpath(name).read_text(encoding="utf-8")


def filled(template: str, values: dict[str, str]) -> str:
    """Return a template with ``{{name}}`` replaced, in one pass, so that no value is a template.

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
        What `content` returned.
    command : str
        The command line, if one asked for the comparison.
    dated : bool
        Whether the page says when the comparison began.
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
    r"""Return JSON that can stand in a script element: no "<" that could end it.

    Examples
    --------
    >>> json_text({"a": "</script>"})
    '{"a":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return text.translate({ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&"})


def _hash(text: str) -> str:
    """Return what the page's security policy names a script by: no other script may run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def leaderboard(table: ComparisonTable) -> str:
    """Return the ranked table; each cell says the number that it is sorted by."""
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
    """Return what was compared, and how, as names and texts."""
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
