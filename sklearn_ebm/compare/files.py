"""Readers of files of a table: text, Excel and Parquet."""

import csv
import os
import warnings
from collections import Counter
from typing import Any

import numpy as np

from sklearn_ebm.compare.cells import decimal_mark, is_empty, numbers, written
from sklearn_ebm.compare.columns import DataError, closest

_INSTALL = 'install it with: pip install "sklearn_ebm[compare]"'
_ENCODINGS = {"utf-8-sig": "", "utf-16": "UTF-16", "cp1252": "Windows-1252"}
_SHOWN_ROWS = 200  # rows that decide about the separator and a row of units
# Words of a first row that are missing values and no units.
_NO_UNITS = {"unknown", "missing", "none", "nil", "tbd"}


def read_frame(path: str | os.PathLike[str]) -> Any:
    """Read a text file, an Excel sheet or a Parquet file into a pandas data frame.

    Parameters
    ----------
    path : path
        The file. The end of its name tells the format: .parquet or .pq; .xlsx, .xls or .ods, of
        which the first sheet is read; text otherwise, also compressed. Text is in UTF-8, UTF-16 or
        Windows-1252, with commas, semicolons, tabs or vertical bars between the cells.

    Returns
    -------
    frame : pandas.DataFrame
        Cells of a text file stay text, and empty cells are missing. Equal headings differ as
        pandas makes them: "Fe", "Fe.1". A row of units below the header is left out.
        `frame.attrs` has ``"notes"`` about this, the ``"units"``, and the ``"decimal"`` mark that
        goes with the separator.

    Raises
    ------
    DataError
        If the file does not exist, is unreadable or has no rows, or if a package is missing.
    """
    path = os.fspath(path)
    if os.path.isdir(path):
        raise DataError(f"{path} is a folder; give one file in it.")
    if not os.path.exists(path):
        folder = os.path.dirname(path) or "."
        others = os.listdir(folder) if os.path.isdir(folder) else []
        hint = closest(os.path.basename(path), others) or "check the path."
        raise DataError(f"There is no file {path}; {hint}")
    frame = _read(path)
    notes, decimal = frame.attrs.get("notes", []), frame.attrs.get("decimal", "")
    unnamed = [f'"{name}"' for name in map(str, frame.columns) if name.startswith("Unnamed: ")]
    notes += [f"Columns without a heading are called {', '.join(unnamed)}."] if unnamed else []
    units = _units(frame)
    if units:
        frame = frame.iloc[1:].reset_index(drop=True)
        named = ", ".join(f"{name} in {unit}" for name, unit in units.items())
        notes.append(f"The row below the header holds units and was left out: {named}.")
    if len(frame) == 0:
        raise DataError(f"{path} has a header but no rows below it; there is nothing to compare.")
    frame.attrs.update(notes=notes, units=units, decimal=decimal)
    return frame


def _read(path: str) -> Any:
    try:
        import pandas
    except ImportError:
        raise DataError(f"Reading a table needs pandas; {_INSTALL}") from None
    try:
        if path.lower().endswith((".parquet", ".pq")):
            frame = pandas.read_parquet(path)
            return frame.reset_index() if frame.index.name is not None else frame
        if path.lower().endswith((".xlsx", ".xlsm", ".xls", ".ods")):
            return pandas.read_excel(path, keep_default_na=False, na_values=[""])
        return _read_text(path, pandas)
    except ImportError as error:  # its message names the package
        raise DataError(f"{path} cannot be read: {_first_line(error)} {_INSTALL}") from error
    except pandas.errors.EmptyDataError:
        raise DataError(f"{path} is empty; it needs a header line and rows below it.") from None
    except pandas.errors.ParserWarning:
        raise DataError(f"{path} has rows with more cells than its header; fix them.") from None
    except Exception as error:  # of a broken file, each reader and decompressor raises its own
        raise DataError(f"{path} cannot be read as a table: {_first_line(error)}") from error


def _read_text(path: str, pandas: Any) -> Any:
    """Return cells as text, with notes, and the decimal mark that goes with the separator."""
    for encoding, called in _ENCODINGS.items():
        try:
            options = {"dtype": str, "encoding": encoding, "keep_default_na": False}
            lines = pandas.read_csv(
                path, sep="\0", header=None, nrows=_SHOWN_ROWS, quoting=csv.QUOTE_NONE, **options
            )
            shown = lines[0].tolist()
            skipped = int(str(shown[0]).lower().startswith("sep="))  # a line for Excel
            separator, header = _separator(shown[skipped:])
            with warnings.catch_warnings():
                warnings.simplefilter("error", pandas.errors.ParserWarning)
                # Without `index_col`, pandas uses a first column without a heading as the index.
                frame = pandas.read_csv(
                    path, sep=separator, index_col=False, na_values=[""], low_memory=False,
                    skiprows=skipped, skipinitialspace=separator != "\t", **options,
                )  # fmt: skip
        except UnicodeError:
            continue
        notes = [f"The text is not in UTF-8; it was read as {called}."] if called else []
        equal = [f'"{name}"' for name, count in Counter(header).items() if name and count > 1]
        if equal:
            names = ", ".join(equal)
            notes.append(f"Equal headings have numbers now, the second .1 and so on: {names}.")
        frame.attrs.update(notes=notes, decimal="," if separator == ";" else "")
        return frame
    raise ValueError("it is no text; save it as CSV in UTF-8, or as Parquet")


def _separator(lines: list[str]) -> tuple[str, list[str]]:
    """Return the separator with which most lines have the cells of the header, and the header."""
    found = []
    for separator in ",;\t|":
        rows = list(csv.reader(lines, delimiter=separator, skipinitialspace=True))
        n_equal = sum(len(row) == len(rows[0]) for row in rows) if len(rows[0]) > 1 else 0
        found.append((n_equal, len(rows[0]), separator, rows[0]))
    return max(found, key=lambda one: one[:2])[2:]


def _units(frame: Any) -> dict[str, str]:
    """Return the units of numeric columns in the first row; none if it is a row like the others.

    It is a row of units if no numeric column has a number there, and most other cells are empty.
    """
    units, n_filled = {}, 0
    for name, column in frame.iloc[:_SHOWN_ROWS].items() if len(frame) else ():
        first, *rest = (" ".join(written(cell).split()) for cell in column.tolist())
        words = [word for word in rest if not is_empty(word)]
        values = numbers([first, *words], decimal_mark(words) or ".")[0]
        n_filled += not is_empty(first)
        if not is_empty(first) and np.mean([False, *np.isfinite(values[1:])]) > 0.5:
            if np.isfinite(values[0]):
                return {}
            units[str(name).strip()] = first
    if _NO_UNITS & {unit.casefold() for unit in units.values()}:
        return {}
    return units if len(units) == n_filled or 1 < len(units) > n_filled / 2 else {}


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or repr(error)).splitlines()[0].rstrip(".") + "."
