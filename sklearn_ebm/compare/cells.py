"""Cells of a table: their words, and the numbers, dates and truths that words stand for."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

# Words that stand for a missing value, as in pandas, and words that may be classes nevertheless.
EMPTY = frozenset(
    "|?|-|--|---|–|—|.|<NA>|#N/A|#N/A N/A|#NA|#DIV/0!|#REF!|#VALUE!|#NUM!|1.#IND|-1.#IND|1.#QNAN|"
    "-1.#QNAN".split("|")
)
MAYBE_EMPTY = frozenset("na n/a n.a. nan -nan null none".split())
TRUTHS = dict.fromkeys("yes ja oui sí si true y t j".split(), 1.0) | dict.fromkeys(
    "no nein non false n f".split(), 0.0
)
MONEY = frozenset("$ € £ ¥ ₹ USD EUR GBP CHF JPY".split())

# A number with signs, a currency before it and a unit after it: "−$1,234.50", "61.3 °C", "5e3 m²".
_NUMBER = re.compile(
    r"(?P<sign>[-+−]?)\s*(?P<money>[$€£¥₹]|USD|EUR|GBP|CHF|JPY)?\s*(?P<minus>[-+−]?)"
    r"(?P<digits>\d[\d.,'’ ]*\d|\d|[.,]\d+)(?P<power>[eE][-+]?\d+)?"
    r"\s*(?P<unit>(?:[^\W\d_]|[%‰°'/$€£¥₹])(?:[^\d;:]|(?<=m)[23]){0,12})?"
)
_WHOLE = re.compile(r"\d+|\d{1,3}([.,'’ ])\d{3}(?:\1\d{3})*")
THOUSANDS = re.compile(r"\d([.,'’ ])\d{3}(?!\d)")
# One mark before three digits is of decimals or of thousands: 1,234.
AMBIGUOUS = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")
# A whole number with leading zeros is a name, such as a postcode.
CODE = re.compile(r"[+-]?0\d+")
_DIGITS = re.compile(r"(\D*\d){3}")
_ENOUGH_VOTES = 100
_OTHER = {",": ".", ".": ","}

# Of formats that suit equally many cells the first is used, so the day comes before the month.
_DATES = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y", "%m/%d/%Y", "%m-%d-%Y",
    "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%d. %B %Y",
    "%b %d, %Y", "%B %d, %Y",
)  # fmt: skip
_TIMES = (
    "", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", "T%H:%M", "T%H:%M:%S", "T%H:%M:%S.%f",
    "T%H:%M:%S%z", "T%H:%M:%S.%f%z", " %H:%M:%S%z", " %I:%M %p", " %I:%M:%S %p",
)  # fmt: skip
NEARLY_ALL = 0.9  # share of the cells of a column that must be dates, or numbers


class Words(NamedTuple):
    """The distinct words of cells, and the index of the word of each cell; −1 if it is missing."""

    words: list[str]
    codes: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """Number of cells of each word."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.words))

    def spread(self, values: Any, missing: Any) -> np.ndarray:
        """Return the value of the word of each cell."""
        return np.append(values, missing)[self.codes]


def words_of(values: np.ndarray, *, keep_na: bool = False) -> Words:
    """Return the words of cells of any type, without stray blanks; NA and such only if asked for.

    Examples
    --------
    >>> words_of(np.array(["Pro", "Pro ", "--", None, 7.0], dtype=object))
    Words(words=['Pro', '7'], codes=array([ 0,  0, -1, -1,  1]))
    """
    cells = [cell if type(cell) is str else written(cell) for cell in values.tolist()]
    words = {cell: " ".join(cell.split()) for cell in dict.fromkeys(cells)}
    is_missing = EMPTY.__contains__ if keep_na else is_empty
    present = dict.fromkeys(word for word in words.values() if not is_missing(word))
    index = {word: i for i, word in enumerate(present)}
    places = {cell: index.get(word, -1) for cell, word in words.items()}
    return Words(list(index), np.array([places[cell] for cell in cells], dtype=np.int64))


def written(cell: Any) -> str:
    """Return a cell as text: empty if it is missing, and without a fraction if it is whole."""
    try:
        if cell is None or cell != cell:  # only NaN and NaT differ from themselves
            return ""
    except TypeError:  # pandas.NA compares to nothing
        return ""
    except ValueError:  # an array, or a list of them
        return str(cell)
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def is_empty(word: str) -> bool:
    """Whether a word stands for a missing value."""
    return word in EMPTY or word.casefold() in MAYBE_EMPTY


def some_of(words: Sequence[str]) -> Sequence[str]:
    """Return some hundred words, from everywhere."""
    return words[:: max(1, len(words) // 200)]


def decimal_mark(words: Sequence[str]) -> str:
    """Return the decimal mark of numbers, decided over all words; empty if none of them tells.

    Examples
    --------
    >>> [decimal_mark(words) for words in (["1,234", "0,5"], ["1,234,567"], ["1,234"])]
    [',', '.', '']
    """
    votes: Counter[str] = Counter()
    for word in words:
        match = _NUMBER.fullmatch(word) if "," in word or "." in word else None
        digits = re.sub(r"[^\d.,]", "", match["digits"]) if match else ""
        marks = re.sub(r"\d", "", digits)
        if not marks or AMBIGUOUS.fullmatch(digits):
            continue
        is_grouped = len(marks) > 1 and len(set(marks)) == 1  # 1.234.567
        votes[_OTHER[marks[-1]] if is_grouped else marks[-1]] += 1
        if votes.total() >= _ENOUGH_VOTES:
            break
    return votes.most_common(1)[0][0] if votes else ""


def numbers(words: Sequence[str], decimal: str = ".") -> tuple[np.ndarray, list[str]]:
    """Return the numbers that words stand for, NaN for other words, and the unit of each.

    Examples
    --------
    >>> numbers(["$1,234.50", "−3", "45%", "M-09"])
    (array([1234.5,   -3. ,   45. ,    nan]), ['$', '', '%', ''])
    """
    values, units = np.full(len(words), np.nan), [""] * len(words)
    for i, word in enumerate(words):
        try:
            if decimal == "." and "_" not in word:  # Python also reads 1_0 as 10
                values[i] = float(word)
                continue
        except ValueError:
            pass
        match = _NUMBER.fullmatch(word)
        if match is None or (match["sign"] and match["minus"]):
            continue
        whole, mark, fraction = match["digits"].partition(decimal)
        grouped = _WHOLE.fullmatch(whole or "0")
        if grouped and grouped[1] != decimal and (fraction.isdigit() or not mark):
            size = float(re.sub(r"\D", "", whole) + "." + fraction + (match["power"] or "e0"))
            values[i] = -size if (match["sign"] or match["minus"]) in ("-", "−") else size
            units[i] = match["money"] or (match["unit"] or "").strip()
    return np.where(np.isinf(values), np.nan, values), units


def dates(words: Sequence[str], date_format: str) -> np.ndarray:
    """Return the moments, in UTC, of words of a date and perhaps a time; NaT for other words."""
    import pandas

    moments = np.full(len(words), np.datetime64("NaT"), dtype="datetime64[us]")
    cells = np.array(words, dtype=object)
    for time in _TIMES:
        left = np.flatnonzero(np.isnat(moments))
        if len(left):
            how = {"format": date_format + time, "errors": "coerce", "utc": True}
            moments[left] = pandas.to_datetime(cells[left], **how).tz_localize(None)
    return moments


def date_format(words: Sequence[str], counts: np.ndarray) -> tuple[str, bool, np.ndarray]:
    """Return the format of dates, decided over all cells; empty if too many words are no dates.

    The other results are whether another format suits as well, and which words are no dates.
    """
    first = some_of(words)
    if sum(_DIGITS.match(word) is not None for word in first) <= len(first) / 2:
        return "", False, np.array([])
    some = [each for each in _DATES if np.mean(~np.isnat(dates(first, each))) > 0.5]
    others = {each: np.isnat(dates(words, each)) for each in some}
    failures = [int(counts @ each) for each in others.values()]
    least = min(failures, default=counts.sum())
    if least > (1 - NEARLY_ALL) * counts.sum():
        return "", False, np.array([])
    best = some[failures.index(least)]
    return best, failures.count(least) > 1, others[best]
