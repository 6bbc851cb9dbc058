"""Interpretation of the cells of a text file: numbers, booleans, text and missing values."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from sklearn_ebm.compare.columns import ENOUGH_VALUES, FREE_TEXT, ISO_DATE

# Cells that are always missing values: empty ones, and codes that only programs write.
EMPTY = ["", "?", "<NA>", "#N/A", "#N/A N/A", "#NA", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"]

# Cells that are missing values among numbers. Among words they are text: NA may be North America.
MAYBE_EMPTY = frozenset({"NA", "N/A", "n/a", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "None"})

_TRUTHS = {
    spelling: truth
    for truth in (True, False)
    for spelling in (str(truth), str(truth).lower(), str(truth).upper())
}
_LEADING_ZERO = re.compile(r"[+-]?0\d+")


def typed_cells(column: Any, pandas: Any) -> Any:
    """Convert a text column, a pandas series, to the type of its cells.

    Examples
    --------
    >>> import pandas
    >>> typed_cells(pandas.Series(["NA", "EU", None]), pandas).tolist()
    ['NA', 'EU', None]
    >>> typed_cells(pandas.Series(["NA", "2", None]), pandas).tolist()
    [nan, 2.0, nan]
    >>> typed_cells(pandas.Series(["01", "1", "01"]), pandas).tolist()
    ['01', '1', '01']
    """
    codes, distinct = pandas.factorize(column)
    words = [str(word) for word in distinct]
    meaning = _meanings(words, int((codes >= 0).sum()), pandas)
    is_number = not any(isinstance(value, str | bool) for value in meaning.values())
    nothing = np.nan if is_number else None
    values = [meaning.get(word, nothing) for word in words]
    if (codes < 0).any():
        values.append(nothing)  # the code of an empty cell, -1, is the last
    dtype = None if is_number else object
    return pandas.Series(np.array(values, dtype=dtype)[codes], dtype=dtype)


def _meanings(words: Sequence[str], n_cells: int, pandas: Any) -> dict[str, Any]:
    """Return the meaning of each word; words that are not in the result are missing values."""
    plain = [word for word in words if word not in MAYBE_EMPTY]
    if all(word in _TRUTHS for word in plain):
        return {word: _TRUTHS[word] for word in plain}
    try:
        numbers = np.asarray(pandas.to_numeric(np.array(plain, dtype=object))).tolist()
    except (TypeError, ValueError):
        is_date = all(ISO_DATE.fullmatch(word) for word in plain)
        return {word: word for word in (plain if is_date else words)}
    # Codes such as postcodes are categories. If nearly all differ, numbers are more informative.
    few = n_cells < ENOUGH_VALUES or len(plain) <= FREE_TEXT * n_cells
    is_code = few and any(_LEADING_ZERO.fullmatch(word) for word in plain)
    return dict(zip(plain, plain if is_code else numbers, strict=True))
