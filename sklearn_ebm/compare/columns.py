"""Types of the columns of a table: numbers, categories, dates, and uninformative columns."""

import datetime
import decimal
import difflib
import numbers
import re
import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

# Names of integer columns that number the rows; pandas reads a saved index as "unnamed: 0".
_IDENTIFIER = re.compile(r"(^|[_\s.])(id|idx|index|key|rowid|uuid)$|^unnamed: \d+$", re.IGNORECASE)
_NUMBERS = (numbers.Real, decimal.Decimal)
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?")
# Number of values needed to decide whether a column numbers the rows or is free text.
ENOUGH_VALUES = 20
# Fraction of distinct values above which a text column is uninformative.
FREE_TEXT = 0.8


class DataError(ValueError):
    """Error for unusable data or arguments; the message is one line with a solution."""

    def __init__(self, message: str):
        super().__init__(" ".join(message.split()))  # names from the data may contain line breaks


class RawColumn(NamedTuple):
    """Original column: name, values of any type, and mask of missing values."""

    name: str
    values: np.ndarray
    missing: np.ndarray

    def take(self, rows: np.ndarray) -> "RawColumn":
        """Return the column with the selected rows."""
        return RawColumn(self.name, self.values[rows], self.missing[rows])


class Column(NamedTuple):
    """Typed column: numbers (NaN if missing) or codes of categories (0 if missing)."""

    name: str
    values: np.ndarray
    is_category: bool


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


def raw_columns(X: Any) -> list[RawColumn]:
    """Return the columns of a data frame (pandas or polars) or of a two-dimensional array.

    Raises
    ------
    DataError
        If X is neither.

    Examples
    --------
    >>> [column.name for column in raw_columns([[1, "a"], [2, None]])]
    ['x0', 'x1']
    """
    pandas, polars = sys.modules.get("pandas"), sys.modules.get("polars")
    if pandas is not None and isinstance(X, pandas.DataFrame):
        return [raw_column(X.iloc[:, j], str(name)) for j, name in enumerate(X.columns)]
    if polars is not None and isinstance(X, polars.DataFrame):
        return [raw_column(X[name], name) for name in X.columns]
    array = _as_array(X)
    if array.ndim != 2:
        raise DataError(
            f"X has {array.ndim} dimension(s); give a data frame or an array with one row per "
            "example and one column per feature."
        )
    return [raw_column(array[:, j], f"x{j}") for j in range(array.shape[1])]


def raw_column(values: Any, name: str) -> RawColumn:
    """Return one column from a series (pandas or polars) or a one-dimensional array-like."""
    pandas, polars = sys.modules.get("pandas"), sys.modules.get("polars")
    if pandas is not None and isinstance(values, pandas.Series):
        return RawColumn(name, values.to_numpy(), values.isna().to_numpy())
    if polars is not None and isinstance(values, polars.Series):
        array, missing = values.to_numpy(), values.is_null().to_numpy()
    else:
        array = _as_array(values)
        missing = np.zeros(array.shape, dtype=bool)
        if array.dtype.kind == "O":
            flat = [value is None for value in array.ravel()]
            missing |= np.array(flat, dtype=bool).reshape(array.shape)
    # Only NaN and NaT differ from themselves.
    return RawColumn(name, array, missing | (array != array).astype(bool))


def _as_array(values: Any) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind not in "US" or isinstance(values, np.ndarray):
        return array
    # NumPy converts mixed lists to text: [1, "a"] to ["1", "a"], and None to "None".
    return np.asarray(values, dtype=object)


def typed_columns(column: RawColumn) -> list[Column]:
    """Convert a column to typed columns: one, or several for dates.

    Parameters
    ----------
    column : RawColumn

    Returns
    -------
    columns : list of Column
        Numbers are kept; text, booleans and categories become codes 1, 2, ... in the order of their
        text; dates become days since 1970, hour of day, month and day of the week, unless these are
        constant.

    Raises
    ------
    DataError
        If a numeric column contains infinite values, or a text column is free text.

    Examples
    --------
    >>> typed_columns(raw_column(["b", None, "a"], "letter"))[0].values.tolist()
    [2, 0, 1]
    """
    name, values, missing = as_typed(column)
    if values.dtype.kind == "M":
        return _date_columns(name, values, missing)
    if values.dtype.kind != "f":
        return [_category(name, values, missing)]
    if np.isinf(values).any():
        raise DataError(
            f'Column "{name}" holds infinite values; replace them with numbers, or leave those '
            "cells empty."
        )
    return [Column(name, values, is_category=False)]


def as_typed(column: RawColumn) -> RawColumn:
    """Convert numbers to float64 and dates to datetime64; return other columns unchanged.

    Examples
    --------
    >>> as_typed(raw_column([1, None], "x")).values
    array([ 1., nan])
    """
    name, values, missing = column
    present = values[~missing]
    kinds = {type(value) for value in present} if values.dtype.kind == "O" else set()
    if values.dtype.kind == "m":
        return RawColumn(name, values / np.timedelta64(1, "s"), missing)  # a duration in seconds
    is_bool = values.dtype.kind == "b" or (kinds and kinds <= {bool, np.bool_})
    if values.dtype.kind in "iuf" or (
        kinds and not is_bool and all(issubclass(kind, _NUMBERS) for kind in kinds)
    ):
        number = np.full(len(values), np.nan)
        number[~missing] = present.astype(np.float64)
        return RawColumn(name, number, missing)
    dates = None if is_bool else _dates(present, kinds)
    if dates is None:
        return column
    values = np.full(len(values), np.datetime64("NaT"), dtype="datetime64[s]")
    values[~missing] = dates
    return RawColumn(name, values, missing)


def _dates(present: np.ndarray, kinds: set[type]) -> np.ndarray | None:
    """Return dates if all values are date objects or ISO text; None otherwise."""
    if present.dtype.kind == "M":
        return present.astype("datetime64[s]")
    if kinds and all(issubclass(kind, datetime.date) for kind in kinds):
        return np.array([_without_zone(value) for value in present], dtype="datetime64[s]")
    if (
        not len(present)
        or not kinds <= {str}
        or not all(ISO_DATE.fullmatch(str(value)) for value in present)
    ):
        return None
    try:
        return present.astype(str).astype("datetime64[s]")
    except ValueError:  # an invalid date, such as 2024-13-01
        return None


def _without_zone(moment: datetime.date) -> datetime.date:
    if isinstance(moment, datetime.datetime) and moment.tzinfo is not None:
        return moment.astimezone(datetime.UTC).replace(tzinfo=None)
    return moment


def _category(name: str, values: np.ndarray, missing: np.ndarray) -> Column:
    text = np.array([str(value) for value in values[~missing]])
    distinct, codes = np.unique(text, return_inverse=True)
    if len(text) >= ENOUGH_VALUES and len(distinct) > FREE_TEXT * len(text):
        raise DataError(
            f'Column "{name}" looks like free text: {len(distinct)} of its {len(text)} values are '
            f'different; leave it out with --drop (in Python drop=["{name}"]), or turn it into '
            "numbers or a few categories first."
        )
    all_codes = np.zeros(len(values), dtype=np.int32)
    all_codes[~missing] = codes + 1
    return Column(name, all_codes, is_category=True)


def _date_columns(name: str, dates: np.ndarray, missing: np.ndarray) -> list[Column]:
    seconds = dates.astype("datetime64[s]").astype(np.int64)
    days = seconds // 86400
    month = dates.astype("datetime64[M]").astype(np.int64) % 12
    weekday = (days + 3) % 7  # the first of January 1970 was a Thursday
    hour = (seconds % 86400) / 3600
    columns = []
    for part, values, is_category in [
        ("days", days, False),
        ("hour", hour, False),
        ("month", month, True),
        ("weekday", weekday, True),
    ]:
        if len(np.unique(values[~missing])) > 1:
            typed = np.where(missing, 0, values + 1) if is_category else values.astype(np.float64)
            if not is_category:
                typed[missing] = np.nan
            columns.append(Column(f"{name} ({part})", typed, is_category))
    return columns


def why_useless(column: RawColumn) -> str:
    """Return the reason why a column is uninformative; an empty string if there is none.

    Examples
    --------
    >>> why_useless(raw_column([3, 3, 3], "x"))
    'the same value in every row'
    >>> why_useless(raw_column([3, None, 3], "x"))
    ''
    """
    name, values, missing = as_typed(column)
    if missing.all():
        return "no values"
    present = values[~missing]
    distinct = len(set(present.tolist())) if present.dtype.kind == "O" else len(np.unique(present))
    if distinct == 1 and not missing.any():
        return "the same value in every row"
    if values.dtype.kind == "f" and distinct == len(values) >= ENOUGH_VALUES:
        whole = bool((values == np.round(values)).all())
        consecutive = values.max() - values.min() == len(values) - 1
        if whole and (consecutive or _IDENTIFIER.search(name)):
            return "it numbers the rows"
    return ""
