"""Readers of CSV and Parquet files."""

import csv
import os
import warnings
from typing import Any

from sklearn_ebm.compare.cells import EMPTY, typed_cells
from sklearn_ebm.compare.columns import DataError, closest

_INSTALL = 'install it with: pip install "sklearn_ebm[compare]"'


def read_frame(path: str | os.PathLike[str]) -> Any:
    """Read a CSV (.csv, .tsv, also compressed) or Parquet file into a pandas data frame.

    Parameters
    ----------
    path : path
        The file: Parquet if its name ends in .parquet or .pq, text otherwise. The header line
        decides between comma, semicolon and tab. Empty cells and `?` are missing values; so are
        `NA`, `nan`, `null`, `None` in columns that contain no other words. Integers with leading
        zeros are text, so that `01` and `1` are different.

    Returns
    -------
    frame : pandas.DataFrame

    Raises
    ------
    DataError
        If the file does not exist, is unreadable or has no rows, or if pandas is not installed.
    """
    path = os.fspath(path)
    if os.path.isdir(path):
        raise DataError(f"{path} is a folder; give one CSV or Parquet file in it.")
    if not os.path.exists(path):
        folder = os.path.dirname(path) or "."
        others = os.listdir(folder) if os.path.isdir(folder) else []
        hint = closest(os.path.basename(path), others) or "check the path."
        raise DataError(f"There is no file {path}; {hint}")
    try:
        import pandas
    except ImportError:
        raise DataError(f"Reading a table needs pandas; {_INSTALL}") from None
    is_parquet = path.lower().endswith((".parquet", ".pq"))
    frame = (_read_parquet if is_parquet else _read_text)(path, pandas)
    if len(frame) == 0:
        raise DataError(f"{path} has a header but no rows below it; there is nothing to compare.")
    return frame


def _read_parquet(path: str, pandas: Any) -> Any:
    try:
        return pandas.read_parquet(path)
    except ImportError:
        raise DataError(f"Reading Parquet needs pyarrow; {_INSTALL}") from None
    except (ValueError, OSError) as error:  # pyarrow's own errors derive from these two
        raise DataError(f"{path} cannot be read as Parquet: {_first_line(error)}") from error


def _read_text(path: str, pandas: Any) -> Any:
    # Cells are read as text; the type of each column is determined later.
    options: dict[str, Any] = {
        "dtype": str, "keep_default_na": False, "na_values": EMPTY, "skipinitialspace": True,
        "low_memory": False,
    }  # fmt: skip
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            # Without `index_col`, pandas uses a first column without a heading as the index.
            cells = pandas.read_csv(path, sep=_separator(path, pandas), index_col=False, **options)
    except pandas.errors.EmptyDataError:
        raise DataError(f"{path} is empty; it needs a header line and rows below it.") from None
    except UnicodeDecodeError:
        raise DataError(
            f"{path} is not text in UTF-8; save it as CSV in UTF-8, or as Parquet."
        ) from None
    except pandas.errors.ParserWarning:
        raise DataError(f"{path} has rows with more cells than its header; fix them.") from None
    except (ValueError, OSError, EOFError) as error:  # a ParserError is a ValueError
        raise DataError(f"{path} cannot be read as a table: {_first_line(error)}") from error
    typed = [typed_cells(cells.iloc[:, j], pandas) for j in range(cells.shape[1])]
    frame = pandas.DataFrame(dict(enumerate(typed)), index=cells.index)
    return frame.set_axis(cells.columns, axis=1)


def _separator(path: str, pandas: Any) -> str:
    """Return the separator that the header line uses: comma, tab or semicolon.

    pandas can detect it only with its slow parser, and may choose a letter if a table has a single
    column.
    """
    header = pandas.read_csv(path, sep="\0", header=None, nrows=1, quoting=csv.QUOTE_NONE)
    return max(",\t;", key=str(header.iloc[0, 0]).count)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".") + "."
