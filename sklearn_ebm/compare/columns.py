"""Columns of a table: what the cells of each stand for, learned once and read again."""

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from sklearn_ebm.compare.cells import (
    GROUPS,
    MARKS,
    MAYBE_EMPTY,
    MONEY,
    TRUTHS,
    Words,
    date_format,
    dates,
    decimal_mark,
    is_ambiguous,
    is_code,
    numbers,
    words_of,
)

# Names of integer columns that number the rows; pandas calls a column without heading "Unnamed: 0".
_IDENTIFIER = re.compile(r"(^|[_\s.])(id|idx|index|key|rowid|uuid)$|^unnamed: \d+$", re.IGNORECASE)
_ENOUGH_VALUES = 20  # number of values needed to decide whether a column numbers the rows
_MANY_NUMBERS = 20  # with more different numbers than this, half of the cells may be words
_NEARLY_ALL = 0.9
_NEARLY_UNIQUE = 0.95
_GAPS = 3
_MAX_LEVELS = 100  # categories with more levels are text


class DataError(ValueError):
    """Error for unusable data or arguments; the message is one line with a solution."""

    def __init__(self, message: str):
        super().__init__(" ".join(message.split()))  # names from the data may contain line breaks


class ColumnNote(NamedTuple):
    """What was done with a column: its name, its kind, and details in words.

    The kinds are number, date, yes/no, category, text, left out, and target.
    """

    name: str
    kind: str
    note: str


def closest(name: str, known: Iterable[str]) -> str:
    """Return a hint with the known names closest to a misspelt one.

    Examples
    --------
    >>> closest("incom", ["age", "income"])
    'did you mean "income"?'
    >>> closest("zzz", ["age", "income"])
    ''
    """
    by_lower_case = {other.lower(): other for other in known}
    near = difflib.get_close_matches(name.lower(), by_lower_case, n=3, cutoff=0.6)
    # difflib does not match a part of a name, such as "svc" of "linearsvc".
    near = near or [other for other in by_lower_case if len(name) > 2 and name.lower() in other][:3]
    names = " or ".join(f'"{by_lower_case[other]}"' for other in near)
    return f"did you mean {names}?" if names else ""


@dataclass(frozen=True)
class Form:
    """What the cells of a column stand for, and how they are written.

    Attributes
    ----------
    kind, note : str
        As in `ColumnNote`.
    decimal, unit, dates : str
        Decimal mark and unit of numbers; format of dates.
    levels : tuple of str
        The categories.
    """

    kind: str
    note: str = ""
    decimal: str = "."
    unit: str = ""
    dates: str = ""
    levels: tuple[str, ...] = ()

    def read(self, values: np.ndarray) -> np.ndarray:
        """Return numbers, moments, codes of categories or text; cells of other kinds are missing.

        Parameters
        ----------
        values : ndarray of shape (n_samples,)
            From `array_of`.
        """
        if self.kind == "number" and values.dtype.kind == "f":
            return np.where(np.isfinite(values), values, np.nan)
        if self.kind == "date" and values.dtype.kind == "M":
            return values
        words, codes, *_ = words_of(values)
        if self.kind == "text":
            return np.array([*words, ""], dtype=object)[codes]
        if self.kind == "date":
            moments = dates(words, self.dates)
            left = np.flatnonzero(np.isnat(moments))
            moments[left] = dates([words[i] for i in left], "%Y-%m-%d")  # as written in memory
            return np.append(moments, np.datetime64("NaT"))[codes]
        if self.kind == "category":
            width = len(self.levels[0]) if any(map(is_code, self.levels)) else 0
            if width and values.dtype.kind == "f":  # pandas reads 007 as 7
                words = [word.zfill(width) for word in words]
            index = {level.casefold(): i for i, level in enumerate(self.levels)}
            read = np.array([index.get(word.casefold(), -1) for word in words], dtype=np.int64)
            return np.append(read, -1)[codes]
        if self.kind == "yes/no":
            truths = TRUTHS | {"1": 1.0, "0": 0.0}
            return np.array([*(truths.get(word.casefold(), np.nan) for word in words), np.nan])[
                codes
            ]
        read, units = numbers(words, self.decimal)
        read[[unit not in ("", self.unit) for unit in units]] = np.nan
        return np.append(read, np.nan)[codes]


def array_of(column: Any) -> np.ndarray:
    """Return a pandas series as an array of float64, of datetime64[us] in UTC, or of objects."""
    kind = column.dtype.kind
    if kind in "iuf":
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    if kind == "m":
        return column.dt.total_seconds().to_numpy(dtype=np.float64)
    if kind == "M":
        moments = column.dt.tz_convert(None) if column.dt.tz is not None else column
        return moments.to_numpy().astype("datetime64[us]")
    return column.to_numpy(dtype=object)


def learn_form(name: str, values: np.ndarray, decimal: str = "", unit: str = "") -> Form:
    """Decide what the cells of a column stand for.

    Parameters
    ----------
    name : str
    values : ndarray of shape (n_samples,)
        From `array_of`.
    decimal : str
        Decimal mark of the other columns, if this one does not tell; empty if they do not either.
    unit : str
        Unit of the column from a row of units, for the note.

    Examples
    --------
    >>> learn_form("load", np.array(["48%", "68%", "--"], dtype=object)).note
    'unit % removed; "--" is missing'
    >>> learn_form("size", np.array(["S", "M", "s"], dtype=object)).kind
    'category'
    """
    notes, form = [f"in {unit}"] if unit else [], Form("left out", "no values")
    if values.dtype.kind in "fM":
        form = Form("number" if values.dtype.kind == "f" else "date")
        if values.dtype.kind == "f" and np.isinf(values).any():
            notes.append(f"{np.isinf(values).sum()} infinite became missing")
    else:
        words = words_of(values)
        if words.words:
            form = _truths(words) or numbers_form(words, decimal) or _dates(words) or _words(words)
        notes += [form.note, *(f'"{word}" is missing' for word in words.empty)]
    why = _why_useless(name, form.read(values)) if form.kind in ("number", "date", "yes/no") else ""
    if why:
        return Form("left out", why)
    return form if form.kind == "left out" else replace(form, note="; ".join(filter(None, notes)))


def _truths(words: Words) -> Form | None:
    spelt = {word.casefold() for word in words.words} - MAYBE_EMPTY
    truths = [TRUTHS.get(word) for word in spelt]
    is_pair = spelt and None not in truths and len(set(truths)) == len(truths)
    return Form("yes/no") if is_pair else None


def numbers_form(words: Words, decimal: str, *, with_codes: bool = False) -> Form | None:
    """Return the form of numbers with one unit; None if there are too many other words."""
    mark = decimal_mark(words.words) or decimal or "."
    values, units = numbers(words.words, mark)
    by_unit: Counter[str] = Counter()
    for unit, count in zip(units, words.counts.tolist(), strict=True):
        by_unit[unit] += count * (unit != "")
    unit = by_unit.most_common(1)[0][0] if by_unit else ""
    is_number = ~np.isnan(values) & [each in ("", unit) for each in units]
    others = np.flatnonzero(
        [word.casefold() not in MAYBE_EMPTY for word in words.words] & ~is_number
    )
    n_numbers, n_others = words.counts[is_number].sum(), words.counts[others].sum()
    enough = _NEARLY_ALL if is_number.sum() <= _MANY_NUMBERS else 0.5
    has_codes = not with_codes and any(map(is_code, words.words))
    if n_numbers == 0 or n_numbers < enough * (n_numbers + n_others) or has_codes:
        return None
    notes = [f"in {unit}" if unit in MONEY else f"unit {unit} removed"] if unit else []
    notes += _about_marks(words.words, mark, decimal)
    return Form("number", "; ".join([*notes, *_became_missing(words, others)]), mark, unit)


def _about_marks(words: Sequence[str], mark: str, decimal: str) -> list[str]:
    """Notes about decimal marks and marks of thousands."""
    notes = ["decimal commas"] if mark == "," and any("," in word for word in words) else []
    thousands = {m[1] for word in words for m in GROUPS.finditer(word)} - {mark}
    notes += [f"thousands {MARKS[each]} removed" for each in sorted(thousands)]
    doubtful = next((word for word in words if is_ambiguous(word)), "")
    if doubtful and not decimal_mark(words):
        why = "as in other columns" if decimal else "because no cell shows another meaning"
        notes.append(f'"{doubtful}" is {numbers([doubtful], mark)[0][0]:g}, {why}')
    return notes


def _dates(words: Words) -> Form | None:
    found, is_certain = date_format(words.words, words.counts)
    if not found:
        return None
    order = {"%d": "day first", "%m": "month first"}.get(found[:2], "")
    notes = [order if is_certain else f"{order}, because no date shows another order"]
    read = np.isnat(dates(words.words, found))
    return Form(
        "date", "; ".join([*notes, *_became_missing(words, np.flatnonzero(read))]), dates=found
    )


def _became_missing(words: Words, others: np.ndarray) -> list[str]:
    """Note about words that are not of the kind of their column, the most frequent ones first."""
    if not len(others):
        return []
    counts = words.counts[others]
    first = np.argsort(-counts, kind="stable")[:3]
    named = ", ".join(f'"{words.words[others[i]]}" ({counts[i]})' for i in first)
    more = ", …" if len(others) > 3 else ""
    cells = "1 word" if counts.sum() == 1 else f"{counts.sum()} words"
    return [f"{cells} became missing: {named}{more}"]


def _words(words: Words) -> Form:
    """Return the form of categories or text; words that differ by case only are one category."""
    spellings: dict[str, Counter[str]] = {}
    for word, count in zip(words.words, words.counts.tolist(), strict=True):
        spellings.setdefault(word.casefold(), Counter())[word] += count
    levels = tuple(sorted(spelt.most_common(1)[0][0] for spelt in spellings.values()))
    n_cells, n_words = int(words.counts.sum()), len(words.words)
    if len(levels) == 1 and n_cells == len(words.codes):
        return Form("left out", "the same value in every row")
    enough = n_cells >= _ENOUGH_VALUES
    if (
        enough
        and n_words > _NEARLY_UNIQUE * n_cells
        and sum(" " in w for w in levels) < n_words / 2
    ):
        nearly = "" if n_words == n_cells else "nearly "
        return Form("left out", f"a text id: {nearly}all values differ")
    if len(levels) > _MAX_LEVELS or (enough and len(levels) > n_cells / 2):
        return Form("text", f"{len(levels)} different values")
    notes = [f"{len(levels)} values"] + (["stray blanks removed"] if words.has_blanks else [])
    same = next((list(spelt) for spelt in spellings.values() if len(spelt) > 1), [])
    notes += [f'case does not count: "{same[0]}" is "{same[1]}"'] if same else []
    return Form("category", "; ".join(notes), levels=levels)


def _why_useless(name: str, values: np.ndarray) -> str:
    """Return the reason why numbers or dates say nothing; an empty string if there is none."""
    present = values[values == values]
    distinct = len(np.unique(present))
    if distinct <= 1:
        same = "the same value in every row" if len(present) == len(values) else ""
        return same if distinct else "no values"
    if values.dtype.kind != "f" or distinct < len(values) or distinct < _ENOUGH_VALUES:
        return ""
    low, high = values.min(), values.max()
    # The rows of a fold are numbered with gaps. Years may follow each other as well.
    is_dense = high - low < _GAPS * distinct and not (low >= 1800 and high <= 2100)
    is_whole = bool((values == np.round(values)).all())
    return "it numbers the rows" if is_whole and (is_dense or _IDENTIFIER.search(name)) else ""
