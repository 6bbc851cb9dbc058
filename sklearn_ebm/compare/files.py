"""Readers of files of a table: text, Excel and Parquet."""

import bz2
import csv
import gzip
import io
import lzma
import os
import warnings
import zipfile
from collections import Counter
from typing import Any

import numpy as np

from sklearn_ebm.compare.cells import EMPTY, decimal_mark, numbers
from sklearn_ebm.compare.columns import DataError, closest

_INSTALL = 'install it with: pip install "sklearn_ebm[compare]"'
_OPENERS: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_SHOWN_ROWS = 200  # rows that decide about the separator and a row of units


def read_frame(path: str | os.PathLike[str]) -> Any:
    """Read a text file, an Excel sheet or a Parquet file into a pandas data frame.

    Parameters
    ----------
    path : path
        The file. The end of its name tells the format: .parquet or .pq; .xlsx, .xls or .ods, of
        which the first sheet is read; text otherwise, also compressed as .gz, .bz2, .xz or .zip.
        Text is in UTF-8, UTF-16 or Windows-1252, with commas, semicolons, tabs or vertical bars
        between the cells.

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
    try:
        import pandas
    except ImportError:
        raise DataError(f"Reading a table needs pandas; {_INSTALL}") from None
    notes: list[str] = []
    decimal = ""
    try:
        if path.lower().endswith((".parquet", ".pq")):
            frame = pandas.read_parquet(path)
        elif path.lower().endswith((".xlsx", ".xlsm", ".xls", ".ods")):
            frame = pandas.read_excel(path, keep_default_na=False, na_values=[""])
        else:
            frame, decimal = _read_text(path, pandas, notes)
    except ImportError as error:  # pandas names the package
        raise DataError(f"{path} cannot be read: {_first_line(error)} {_INSTALL}") from error
    except pandas.errors.EmptyDataError:
        raise DataError(f"{path} is empty; it needs a header line and rows below it.") from None
    except pandas.errors.ParserWarning:
        raise DataError(f"{path} has rows with more cells than its header; fix them.") from None
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, lzma.LZMAError) as error:
        raise DataError(f"{path} cannot be read as a table: {_first_line(error)}") from error
    notes += [
        f'A column has no heading; it is called "{name}".'
        for name in map(str, frame.columns)
        if name.startswith("Unnamed: ")
    ]
    units = _units(frame)
    if units:
        frame = frame.iloc[1:].reset_index(drop=True)
        named = ", ".join(f"{name} in {unit}" for name, unit in units.items())
        notes.append(f"The row below the header holds units and was left out: {named}.")
    if len(frame) == 0:
        raise DataError(f"{path} has a header but no rows below it; there is nothing to compare.")
    frame.attrs.update(notes=notes, units=units, decimal=decimal)
    return frame


def _read_text(path: str, pandas: Any, notes: list[str]) -> tuple[Any, str]:
    """Return cells as text, and the decimal mark that goes with the separator."""
    text = _decoded(path, notes)
    separator, header = _separator(text)
    with warnings.catch_warnings():
        warnings.simplefilter("error", pandas.errors.ParserWarning)
        # Without `index_col`, pandas uses a first column without a heading as the index.
        frame = pandas.read_csv(
            io.StringIO(text), sep=separator, index_col=False, dtype=str, keep_default_na=False,
            na_values=[""], skipinitialspace=separator != "\t", low_memory=False,
        )  # fmt: skip
    for name, count in Counter(map(str.strip, header)).items():
        if count > 1 and name:
            called = [f'"{other}"' for other in frame.columns if _is_copy(other, name)]
            notes.append(
                f'{count} columns are named "{name}"; they are called {", ".join(called)}.'
            )
    return frame, "," if separator == ";" else ""


def _is_copy(other: str, name: str) -> bool:
    return other == name or (other.startswith(f"{name}.") and other[len(name) + 1 :].isdigit())


def _decoded(path: str, notes: list[str]) -> str:
    """Return the text of a file, which may be compressed."""
    if path.lower().endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            if len(names) != 1:
                raise ValueError(f"it holds {len(names)} files; keep one in it")
            content = archive.read(names[0])
    else:
        with _OPENERS.get(os.path.splitext(path)[1].lower(), open)(path, "rb") as file:
            content = file.read()
    encodings = {"utf-8-sig": "", "cp1252": "Windows-1252"}
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = {"utf-16": "UTF-16"}
    for encoding, called in encodings.items():
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        notes += [f"The text is not in UTF-8; it was read as {called}."] if called else []
        return text
    raise ValueError("it is no text; save it as CSV in UTF-8, or as Parquet")


def _separator(text: str) -> tuple[str, list[str]]:
    """Return the separator with which most lines have the cells of the header, and the header."""
    lines = text[: 2**20].splitlines()[:_SHOWN_ROWS]
    found = []
    for separator in ",;\t|":
        rows = [row for row in csv.reader(lines, delimiter=separator, skipinitialspace=True) if row]
        header = rows[0] if rows else []
        n_equal = sum(len(row) == len(header) for row in rows) if len(header) > 1 else 0
        found.append((n_equal, len(header), separator, header))
    return max(found, key=lambda one: one[:2])[2:]


def _units(frame: Any) -> dict[str, str]:
    """Return the units of numeric columns in the first row; none if it is a row like the others.

    It is a row of units if no numeric column has a number there, and at least two have a word, or
    one has while all other cells are empty.
    """
    if len(frame) < 3:
        return {}
    shown = frame.iloc[:_SHOWN_ROWS].to_numpy(dtype=object)
    units, n_filled = {}, 0
    for name, cells in zip(map(str, frame.columns), shown.T, strict=True):
        first, *rest = ["" if cell is None or cell != cell else str(cell).strip() for cell in cells]
        n_filled += first not in EMPTY
        words = [word for word in rest if word not in EMPTY]
        values, _ = numbers([first, *words], decimal_mark(words) or ".")
        if words and np.mean(np.isfinite(values[1:])) > 0.9 and first not in EMPTY:
            if np.isfinite(values[0]):
                return {}
            units[name.strip()] = first
    return units if len(units) > 1 or len(units) == n_filled else {}


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".") + "."
