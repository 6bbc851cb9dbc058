"""Cells of a table: their words, and the numbers, dates and truths that words stand for."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

# Words that always stand for a missing value, and words that do among numbers and dates. Among
# other words the latter are text: NA may be North America.
EMPTY = frozenset(
    "|?|-|--|---|–|—|.|<NA>|#N/A|#N/A N/A|#NA|#DIV/0!|#REF!|#VALUE!|#NUM!|1.#IND|-1.#IND|1.#QNAN|"
    "-1.#QNAN".split("|")
)
MAYBE_EMPTY = frozenset("na|n/a|n.a.|nan|-nan|null|none".split("|"))

TRUTHS = {
    "yes": 1.0, "no": 0.0, "ja": 1.0, "nein": 0.0, "oui": 1.0, "non": 0.0, "sí": 1.0, "si": 1.0,
    "true": 1.0, "false": 0.0, "y": 1.0, "n": 0.0, "t": 1.0, "f": 0.0, "j": 1.0,
}  # fmt: skip

MONEY = frozenset("$ € £ ¥ ₹ USD EUR GBP CHF JPY".split())
MARKS = {",": "commas", ".": "dots", "'": "apostrophes", "’": "apostrophes", " ": "blanks"}
GROUPS = re.compile(r"\d([.,'’ ])\d{3}(?!\d)")

# A number with signs, a currency before it and a unit after it: "−$1,234.50", "61.3 °C", "5e3 m²".
_NUMBER = re.compile(
    r"(?P<sign>[-+−]?)\s*(?P<money>[$€£¥₹]|USD|EUR|GBP|CHF|JPY)?\s*(?P<minus>[-+−]?)"
    r"(?P<digits>\d[\d.,'’ ]*\d|\d|[.,]\d+)(?P<power>[eE][-+]?\d+)?"
    r"\s*(?P<unit>[^\s\d.,;:+\-−(][^\d;:]{0,11}[\d²³]?)?"
)
_WHOLE = re.compile(r"\d+|\d{1,3}([.,'’ ])\d{3}(?:\1\d{3})*")
_AMBIGUOUS = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")
_OTHER = {",": ".", ".": ","}
_CODE = re.compile(r"[+-]?0\d+")
_ENOUGH_VOTES = 100
_NEARLY_ALL = 0.9  # share of the cells that must be dates

# Of formats that suit equally many cells the first is used, so the day comes before the month.
DATE_FORMATS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y", "%m/%d/%Y", "%m-%d-%Y",
    "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%b %d, %Y",
    "%B %d, %Y", "%d. %B %Y",
)  # fmt: skip
_TIMES = (
    "", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", "T%H:%M", "T%H:%M:%S", "T%H:%M:%S.%f",
    "T%H:%M:%S%z", "T%H:%M:%S.%f%z", " %H:%M:%S%z", " %I:%M %p", " %I:%M:%S %p",
)  # fmt: skip


class Words(NamedTuple):
    """Distinct words of cells, without stray blanks, and where they occur.

    Attributes
    ----------
    words : list of str
    codes : ndarray of shape (n_samples,), int
        Index of the word of each cell; −1 if it is missing.
    empty : list of str
        The words met that stand for a missing value.
    has_blanks : bool
        Whether some words differ by blanks only.
    """

    words: list[str]
    codes: np.ndarray
    empty: list[str]
    has_blanks: bool

    @property
    def counts(self) -> np.ndarray:
        """Number of cells of each word."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.words))


def words_of(values: np.ndarray) -> Words:
    """Return the words of cells of any type; whole numbers are written without a fraction.

    Examples
    --------
    >>> words_of(np.array(["Pro", "Pro ", "--", None, 7.0], dtype=object))[:3]
    (['Pro', '7'], array([ 0,  0, -1, -1,  1]), ['--'])
    """
    index: dict[str, int] = {}
    cells = [cell if type(cell) is str else _written(cell) for cell in values.tolist()]
    codes = np.array([index.setdefault(cell, len(index)) for cell in cells], dtype=np.int64)
    stripped = [" ".join(cell.split()) for cell in index]
    place: dict[str, int] = {}
    places = [-1 if word in EMPTY else place.setdefault(word, len(place)) for word in stripped]
    empty = sorted(EMPTY.intersection(stripped) - {""})
    has_blanks = len(places) - places.count(-1) > len(place)
    return Words(list(place), np.array(places, dtype=np.int64)[codes], empty, has_blanks)


def _written(cell: Any) -> str:
    """Return a cell that is no text as text, and a missing one as the empty text."""
    try:
        if cell is None or cell != cell:  # only NaN and NaT differ from themselves
            return ""
    except TypeError:  # pandas.NA compares to nothing
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def is_code(word: str) -> bool:
    """Whether a word is a whole number with leading zeros, so that it is a name: a postcode."""
    return _CODE.fullmatch(word) is not None


def is_ambiguous(digits: str) -> bool:
    """Whether a mark may be of decimals or of thousands: there is one, before three digits."""
    return _AMBIGUOUS.fullmatch(digits) is not None


def decimal_mark(words: Sequence[str]) -> str:
    """Return the decimal mark of numbers, decided over all words; empty if none of them tells.

    Examples
    --------
    >>> (
    ...     decimal_mark(["1,234", "0,5"]),
    ...     decimal_mark(["1,234", "2,345,678"]),
    ...     decimal_mark(["1.234"]),
    ... )
    (',', '.', '')
    """
    votes: Counter[str] = Counter()
    for word in words:
        if "." not in word and "," not in word:
            continue
        match = _NUMBER.fullmatch(word)
        digits = re.sub(r"[^\d.,]", "", match["digits"]) if match else ""
        marks = re.sub(r"\d", "", digits)
        if not marks or is_ambiguous(digits):
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
                number = float(word)
                values[i] = number if np.isfinite(number) else np.nan
                continue
        except ValueError:
            pass
        match = _NUMBER.fullmatch(word)
        if match is None or (match["sign"] and match["minus"]):
            continue
        whole, mark, fraction = match["digits"].partition(decimal)
        grouped = _WHOLE.fullmatch(whole or "0")
        if grouped is None or grouped[1] == decimal or not (fraction.isdigit() or not mark):
            continue
        size = float(re.sub(r"\D", "", whole or "0") + "." + fraction + (match["power"] or ""))
        values[i] = -size if (match["sign"] or match["minus"]) in ("-", "−") else size
        units[i] = match["money"] or (match["unit"] or "").strip()
    return values, units


def dates(words: Sequence[str], date_format: str) -> np.ndarray:
    """Return the moments, without time zone, that words of a date and perhaps a time stand for.

    Examples
    --------
    >>> dates(["14/05/2023 15:10", "2/5/2023", "soon"], "%d/%m/%Y").astype("datetime64[m]")
    array(['2023-05-14T15:10', '2023-05-02T00:00',              'NaT'],
          dtype='datetime64[m]')
    """
    import pandas

    moments = np.full(len(words), np.datetime64("NaT"), dtype="datetime64[us]")
    cells = np.array(words, dtype=object)
    for time in _TIMES:
        left = np.flatnonzero(np.isnat(moments))
        if len(left):
            how = {"format": date_format + time, "errors": "coerce", "utc": True}
            moments[left] = pandas.to_datetime(cells[left], **how).tz_localize(None)
    return moments


def date_format(words: Sequence[str], counts: np.ndarray) -> tuple[str, bool]:
    """Return the format of a column of dates, by all of its cells, and whether they are certain.

    The format is empty if the words are no dates. It is uncertain if the day may be the month.
    """
    first = words[:50]
    if sum(sum(map(str.isdigit, word)) >= 3 for word in first) <= _NEARLY_ALL * len(first):
        return "", True
    some = [each for each in DATE_FORMATS if not np.isnat(dates(first, each)).all()]
    suits = {each: float(counts @ ~np.isnat(dates(words, each))) for each in some}
    best = max(suits, key=lambda each: suits[each], default="")
    if not best or suits[best] < _NEARLY_ALL * counts.sum():
        return "", True
    return best, sum(suit == suits[best] for suit in suits.values()) == 1
