"""Columns of a table: what the cells of each stand for, learned once and read again."""

import difflib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

import sklearn_ebm.compare.cells as cells
from sklearn_ebm.compare.cells import Words, is_empty, words_of

# Names of integer columns that number the rows; pandas calls a column without heading "Unnamed: 0".
_IDENTIFIER = re.compile(r"(^|[_\s.])(id|idx|index|key|rowid|uuid)$|^unnamed: \d+$", re.IGNORECASE)
_ENOUGH_VALUES = 20  # number of values needed to decide whether a column numbers the rows
_GAPS = 2.5  # rows of a fold are numbered with gaps, on average below this
_NEARLY_UNIQUE = 0.95  # share of distinct words above which they are names of rows
_FEW_WORDS = 20  # half of the cells of a column of numbers may be so many different words
_MARKS = {",": "commas", ".": "dots", " ": "blanks"}
_MAX_LEVELS = 100  # categories with more levels are text


class DataError(ValueError):
    """Error for unusable data or arguments; the message is one line with a solution."""

    def __init__(self, message: str):
        super().__init__(" ".join(message.split()))  # names from the data may contain line breaks


# Numbers from this size on count as infinite: their squares are.
INFINITE = 1e150


class ColumnNote(NamedTuple):
    """What was done with a column: its name, its kind, and details in words.

    The kinds are number, date, yes/no, category, text, left out, and target.
    """

    name: str
    kind: str
    note: str


def closest(name: str, known: Iterable[str]) -> str:
    """Return a hint, 'did you mean "income"?', with known names close to one; empty without any."""
    by_lower_case = {other.lower(): other for other in known}
    near = difflib.get_close_matches(name.lower(), by_lower_case, n=3, cutoff=0.6)
    # difflib does not match a part of a name, such as "svc" of "linearsvc".
    near = near or [other for other in by_lower_case if len(name) > 2 and name.lower() in other][:3]
    names = " or ".join(f'"{by_lower_case[other]}"' for other in near)
    return f"did you mean {names}?" if names else ""


@dataclass(frozen=True)
class Form:
    """How the cells of a column are read: kind and note as in `ColumnNote`, and what they need."""

    kind: str
    note: str = ""
    decimal: str = "."
    unit: str = ""
    dates: str = ""
    levels: tuple[str, ...] = ()
    width: int = 0  # of names of digits, such as 007, which pandas reads as 7

    def read(self, values: np.ndarray) -> np.ndarray:
        """Return numbers, moments, codes of categories or text; cells of other kinds are missing.

        Missing are NaN, NaT, the code −1, and the empty text. `values` come from `array_of`.
        """
        if self.kind == "number" and values.dtype.kind == "f":
            return np.where(np.abs(values) < INFINITE, values, np.nan)
        if self.kind == "date" and values.dtype.kind == "M":
            return values
        found = words_of(values)
        words = found.words
        if self.kind == "text":
            width = self.width * (values.dtype.kind == "f")
            return found.spread(np.array([word.zfill(width) for word in words], dtype=object), "")
        if self.kind == "date":
            return found.spread(cells.dates(words, self.dates), np.datetime64("NaT"))
        if self.kind == "category":
            width = self.width * (values.dtype.kind == "f")
            index = {level.casefold(): i for i, level in enumerate(self.levels)}
            codes = [index.get(word.casefold().zfill(width), -1) for word in words]
            return found.spread(codes, -1).astype(int)
        if self.kind == "yes/no":
            truths = cells.TRUTHS | {"1": 1.0, "0": 0.0}
            return found.spread([truths.get(word.casefold(), np.nan) for word in words], np.nan)
        read, units = cells.numbers(words, self.decimal)
        read[[unit not in ("", self.unit) for unit in units]] = np.nan
        return found.spread(read, np.nan)


def array_of(column: Any) -> np.ndarray:
    """Return a pandas series as an array of float64, of datetime64[us] in UTC, or of objects."""
    kind = column.dtype.kind
    if kind in "iuf":
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    if kind == "m":
        return column.dt.total_seconds().to_numpy(dtype=np.float64)
    if kind == "M":
        moments = column if column.dt.tz is None else column.dt.tz_convert(None)
        return moments.to_numpy().astype("datetime64[us]")
    return column.to_numpy(dtype=object)


def learn_form(
    name: str, values: np.ndarray, decimal: str = "", unit: str = "", is_category: bool = False
) -> Form:
    """Decide what the cells of a column, from `array_of`, stand for.

    `decimal` is the mark of the other columns, if this one does not tell, `unit` comes from a row
    of units, and `is_category` from a data frame whose column has the dtype "category".

    Examples
    --------
    >>> learn_form("load", np.array(["48%", "68%", "--"], dtype=object)).note
    'unit % removed; "--" is missing'
    >>> learn_form("size", np.array(["S", "M", "s"], dtype=object)).note
    '2 values; "S" is "s"'
    """
    notes = [f"in {unit}" if unit else ""]
    if values.dtype.kind == "f":
        n_infinite = (np.abs(values) >= INFINITE).sum()
        form = Form("number", f"became missing: infinite ({n_infinite})" if n_infinite else "")
    elif values.dtype.kind == "M":
        form = Form("date")
    else:
        words = words_of(values)
        typed = _truths(words) or numbers_form(words, decimal) or _dates(words)
        form = _words(words) if is_category or typed is None else typed
        texts = {cell.strip() for cell in values.tolist() if isinstance(cell, str)}
        notes += [f'"{mark}" is missing' for mark in sorted(filter(is_empty, texts - {""}))]
    if form.kind in ("number", "date", "yes/no"):
        why = _why_useless(name, form.read(values))
        form = Form("left out", why) if why else form
    if form.kind == "left out":
        return form
    return replace(form, note="; ".join(filter(None, [notes[0], form.note, *notes[1:]])))


def _truths(words: Words) -> Form | None:
    spelt = {word.casefold() for word in words.words}
    truths = [cells.TRUTHS.get(word) for word in spelt]
    is_pair = None not in truths and len(set(truths)) == len(truths)
    return Form("yes/no") if is_pair else None


def numbers_form(words: Words, decimal: str, *, with_codes: bool = False) -> Form | None:
    """Return the form of numbers with one unit; None if too many words are no such numbers.

    Whole numbers with leading zeros are numbers only `with_codes`.
    """
    own = cells.decimal_mark(words.words)
    mark = own or decimal or "."
    if np.isnan(cells.numbers(cells.some_of(words.words), mark)[0]).all():
        return None
    values, units = cells.numbers(words.words, mark)
    weights: Counter[str] = Counter()
    for unit, count in zip(units, words.counts.tolist(), strict=True):
        weights[unit] += count * (unit != "")
    unit = weights.most_common(1)[0][0]
    is_number = ~np.isnan(values) & [each in ("", unit) for each in units]
    others = np.flatnonzero(~is_number)
    n_numbers, n_others = words.counts[is_number].sum(), words.counts[others].sum()
    share = 0.5 if len(others) <= _FEW_WORDS < is_number.sum() else cells.NEARLY_ALL
    has_codes = any(map(cells.CODE.fullmatch, words.words)) and not with_codes
    if has_codes or n_numbers <= share * (n_numbers + n_others):
        return None
    joined = "\n".join(words.words)
    marks = set(cells.THOUSANDS.findall(joined)) - {mark}
    doubtful = next(filter(cells.AMBIGUOUS.fullmatch, words.words), "") if not own else ""
    why = "as other columns show" if decimal else "for no cell shows otherwise"
    notes = [
        (f"in {unit}" if unit in cells.MONEY else f"unit {unit} removed") if unit else "",
        "decimal commas" if mark == "," and "," in joined else "",
        *(f"thousands {_MARKS.get(each, 'marks')} removed" for each in sorted(marks)),
        f'"{doubtful}" is {cells.numbers([doubtful], mark)[0][0]:g}, {why}' if doubtful else "",
        _became_missing(words, others),
    ]
    return Form("number", "; ".join(filter(None, notes)), decimal=mark, unit=unit)


def _dates(words: Words) -> Form | None:
    found, is_open, others = cells.date_format(words.words, words.counts)
    order = {"%d": "day first", "%Y": "year first"}.get(found[:2], "month first")
    order += ", as no date shows otherwise" * is_open
    notes = [order, _became_missing(words, np.flatnonzero(others))]
    return Form("date", "; ".join(filter(None, notes)), dates=found) if found else None


def _became_missing(words: Words, others: np.ndarray) -> str:
    """Return a note about words of another kind, the most frequent ones first."""
    counts = words.counts[others]
    first = np.argsort(-counts, kind="stable")[:3]
    named = ", ".join(f'"{words.words[others[i]]}" ({counts[i]})' for i in first)
    more = ", …" if len(others) > 3 else ""
    return f"became missing: {named}{more}" if named else ""


def _words(words: Words) -> Form:
    """Return the form of categories or text; words that differ by case only are one category."""
    n_cells, n_words = int(words.counts.sum()), len(words.words)
    folded = [word.casefold() for word in words.words]
    n_levels, enough = len(set(folded)), n_cells >= _ENOUGH_VALUES
    if n_levels == 1 and n_cells == len(words.codes):
        return Form("left out", "the same value in every row")
    is_one_word = sum(" " in word for word in words.words) < n_words / 2
    if enough and is_one_word and n_words > _NEARLY_UNIQUE * n_cells:
        nearly = "" if n_words == n_cells else "nearly "
        return Form("left out", f"a text id: {nearly}all values differ")
    widths = {len(word) for word in words.words}
    is_code = len(widths) == 1 and any(map(cells.CODE.fullmatch, words.words))
    width = widths.pop() if is_code else 0
    if n_levels > _MAX_LEVELS or (enough and n_levels > n_cells / 2):
        return Form("text", f"{n_levels} different values", width=width)
    spellings: dict[str, Counter[str]] = {level: Counter() for level in folded}
    for level, word, count in zip(folded, words.words, words.counts.tolist(), strict=True):
        spellings[level][word] += count
    levels = tuple(sorted(spelt.most_common(1)[0][0] for spelt in spellings.values()))
    same = next((list(spelt) for spelt in spellings.values() if len(spelt) > 1), [])
    note = f'; "{same[0]}" is "{same[1]}"' if same else ""
    return Form("category", f"{n_levels} values{note}", levels=levels, width=width)


def _why_useless(name: str, values: np.ndarray) -> str:
    """Return the reason why numbers or dates say nothing; empty if there is none."""
    present = values[values == values]
    distinct = len(np.unique(present))
    if not distinct:
        return "no values"
    if distinct == 1 and len(present) == len(values):
        return "the same value in every row"
    if values.dtype.kind != "f" or distinct < max(len(values), _ENOUGH_VALUES):
        return ""
    low, high = values.min(), values.max()
    # Years may follow each other as well.
    is_dense = high - low < _GAPS * distinct and not (low >= 1800 and high <= 2100)
    is_dense = is_dense and len(np.unique(np.sign(np.diff(values)))) == 1  # rows in their order
    is_whole = bool((values == np.round(values)).all())
    return "it numbers the rows" if is_whole and (is_dense or _IDENTIFIER.search(name)) else ""
