"""The first step of a pipeline from a raw table: typed columns."""

import sys
from collections import Counter
from typing import Any, Self

import numpy as np
import sklearn
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from sklearn_ebm._utils.html_repr import Documented
from sklearn_ebm._utils.scipy_flag import import_test_helpers
from sklearn_ebm.compare.cells import decimal_mark, words_of
from sklearn_ebm.compare.columns import ColumnNote, DataError, array_of, closest, learn_form

if sklearn.__version__.startswith("1.6."):  # before skrub, also where a saved pipeline is loaded
    import_test_helpers()

_SAMPLE = 1000  # cells of other columns that show the decimal mark of a table


class ColumnReader(Documented, TransformerMixin, BaseEstimator):
    """Turns a raw table into numbers, dates, truths, categories and text, and omits the rest.

    What a column holds, and how it is written, is decided by all of its cells in `fit`: decimal
    commas, thousands, currencies and units of numbers, the order of day and month. `transform`
    reads each row by itself; cells that are written differently become missing values.

    Attributes
    ----------
    columns_ : list of ColumnNote
        The name of each column, its kind, and what was done with it.
    forms_ : dict of str to Form
        How the cells of each column are read, without the columns that are left out.
    feature_names_in_ : ndarray of shape (n_features,), object
        Names of the columns.
    n_features_in_ : int
        Number of columns.

    Examples
    --------
    >>> import pandas
    >>> from sklearn_ebm.compare.column_reader import ColumnReader
    >>> raw = pandas.DataFrame({"pay": ["$1,200", "$950", "-"]})
    >>> raw["vip"] = ["yes", "no", "yes"]
    >>> reader = ColumnReader().fit(raw)
    >>> print(*reader.columns_[0], sep=", ")
    pay, number, in $; thousands commas removed; "-" is missing
    >>> reader.transform(raw).iloc[0].tolist()
    [1200.0, 1.0]
    """

    def fit(self, X: Any, y: Any = None) -> Self:
        """Decide what the cells of each column stand for.

        Parameters
        ----------
        X : data frame (pandas or polars) or array-like of shape (n_samples, n_features)
            Cells of any type, such as the text of a file.
        y : object
            Not used.

        Raises
        ------
        DataError
            If no column is left.
        """
        frame = as_frame(X)
        decimal, units = usual_decimal(frame), frame.attrs.get("units", {})
        forms = {
            name: learn_form(
                name,
                array_of(column),
                decimal,
                units.get(name, ""),
                str(column.dtype) == "category",
            )
            for name, column in frame.items()
        }
        columns = [ColumnNote(name, form.kind, form.note) for name, form in forms.items()]
        forms = {name: form for name, form in forms.items() if form.kind != "left out"}
        if not columns:
            raise DataError("The table has no columns besides the target.")
        if not forms:
            whys = "; ".join(f'"{name}": {note}' for name, _, note in columns[:12])
            raise DataError(f"No column is left to learn from. Left out: {whys}.")
        self.columns_, self.forms_ = columns, forms
        self.feature_names_in_ = np.array(frame.columns, dtype=object)
        self.n_features_in_ = len(columns)
        return self

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.categorical = tags.input_tags.allow_nan = True
        return tags

    def transform(self, X: Any) -> Any:
        """Return the typed columns.

        Parameters
        ----------
        X : data frame (pandas or polars) or array-like of shape (n_samples, n_features)
            Columns in any order; those that were not there in `fit` are ignored, and one that is
            missing is a DataError.

        Returns
        -------
        frame : pandas.DataFrame
            Numbers and truths as float64, with NaN for missing values; dates as datetime64;
            categories; text as objects, empty if missing.
        """
        check_is_fitted(self)
        import pandas

        frame = as_frame(X)
        read = {}
        for name, form in self.forms_.items():
            values = form.read(array_of(frame[column_of(name, frame.columns, "column")]))
            if form.kind == "category":
                values = pandas.Categorical.from_codes(values, categories=form.levels)
            read[name] = values
        return pandas.DataFrame(read, index=frame.index)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns that `transform` returns.

        Parameters
        ----------
        input_features : object
            Not used.
        """
        check_is_fitted(self)
        return np.array(list(self.forms_), dtype=object)


def as_frame(X: Any) -> Any:
    """Return a table as a pandas data frame with different names, without stray blanks.

    The columns of an array are called x0, x1, and so on.
    """
    try:
        import pandas
    except ImportError:
        raise DataError('A table needs pandas: pip install "sklearn_ebm[compare]"') from None
    polars = sys.modules.get("polars")
    if polars is not None and isinstance(X, polars.DataFrame):
        X = X.to_pandas()
    if not isinstance(X, pandas.DataFrame):
        if issparse(X):
            raise DataError("A sparse matrix has numbers only and needs no ColumnReader.")
        if np.ndim(X) != 2:
            raise DataError(
                f"X has {np.ndim(X)} dimension(s); give a data frame or an array with one row per "
                "sample and one column per feature."
            )
        rows = list(X) if isinstance(X, list | tuple) else np.asarray(X)
        return pandas.DataFrame(rows).add_prefix("x")
    names = pandas.Series([str(name).strip() for name in X.columns], dtype=object)
    while names.duplicated().any():  # they become "Fe", "Fe.1", as pandas makes them from a file
        numbered = names + "." + names.groupby(names).cumcount().astype(str)
        names = names.where(~names.duplicated(), numbered)
    return X.set_axis(names.tolist(), axis=1)


def usual_decimal(frame: Any) -> str:
    """Return the decimal mark of most columns of text; empty if none of them tells."""
    arrays = (array_of(frame[name].iloc[:_SAMPLE]) for name in frame.columns)
    marks = (decimal_mark(words_of(array).words) for array in arrays if array.dtype == "O")
    votes = Counter(mark for mark in marks if mark).most_common(1)
    return votes[0][0] if votes else frame.attrs.get("decimal", "")


def column_of(name: str, names: Any, role: str) -> str:
    """Return the name of a column without stray blanks; an error if there is none."""
    if str(name).strip() in names:
        return str(name).strip()
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    hint = closest(str(name), names) or f"the columns are {shown}."
    raise DataError(f'There is no {role} "{name}"; {hint}')
