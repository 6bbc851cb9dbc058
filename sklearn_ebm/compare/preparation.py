"""Preparation of a raw table for linear models and for trees, as the first step of a pipeline."""

from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from sklearn_ebm.compare.column_reader import ColumnReader
from sklearn_ebm.compare.columns import DataError

_MIN_FREQUENCY = 5  # categories with fewer training rows share one column
# Largest number of components of a column of text. A quarter of the rows is below the number of
# rows of every fold.
_MAX_COMPONENTS, _ROWS_PER_COMPONENT = 30, 4
_DENSE_LIMIT = 100_000_000  # entries, of 8 bytes, of a dense copy of sparse data


def linear(X: Any) -> Pipeline:
    """Return an unfitted pipeline from raw features to standardised numbers.

    Parameters
    ----------
    X : data frame, ndarray or sparse matrix of shape (n_samples, n_features)
        Features like those it will be fitted on. An array of numbers needs neither pandas nor
        skrub.

    Returns
    -------
    pipeline : Pipeline
        Numbers are standardised, with the median for missing values and a column that marks them.
        Categories are one-hot encoded, the rare ones together. Text becomes standardised
        components of its groups of letters; dates become their time and the phases of month, week
        and day. The result is an array of float64; a sparse matrix is scaled only, and stays CSR.

    Raises
    ------
    DataError
        If X is a data frame and skrub is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0], [2.0], [np.nan]])
    >>> linear(X).fit(X[:2]).transform(X).ravel()
    array([-1.,  1.,  0.])
    """
    if scipy.sparse.issparse(X):
        return make_pipeline(StandardScaler(with_mean=False))  # centring would remove the zeros
    # Columns without values in the training rows are kept as zeros.
    imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    numbers = make_pipeline(imputer, StandardScaler())
    if _is_numeric(X):
        return numbers
    encoder = OneHotEncoder(
        min_frequency=_MIN_FREQUENCY, handle_unknown="infrequent_if_exist", sparse_output=False
    )
    text, dates = _of_text_and_dates(X, periodic_encoding="circular")
    text = make_pipeline(text, StandardScaler())
    dates = make_pipeline(dates, clone(imputer), StandardScaler())
    as_array = FunctionTransformer(
        np.asarray, kw_args={"dtype": np.float64}, feature_names_out="one-to-one"
    )
    return make_pipeline(ColumnReader(), _by_kind(numbers, encoder, text, dates), as_array)


def linear_dense(X: Any) -> Pipeline:
    """Return the pipeline of `linear`, for estimators that take no sparse matrices."""
    if not scipy.sparse.issparse(X):
        return linear(X)
    return make_pipeline(*linear(X), FunctionTransformer(dense, accept_sparse=True))


def trees(X: Any) -> Pipeline:
    """Return an unfitted pipeline from raw features to what estimators with trees take.

    Parameters
    ----------
    X : data frame, ndarray or sparse matrix of shape (n_samples, n_features)
        As in `linear`.

    Returns
    -------
    pipeline : Pipeline
        Numbers stay as they are, including NaN, and sparse matrices become dense. Of a data frame,
        the result is a data frame. Categories have the dtype "category" with whole numbers as
        categories, so the frame converts to an array of float as well; text and dates become
        numbers.

    Raises
    ------
    DataError
        If X is a data frame and skrub is not installed.

    Examples
    --------
    >>> import pandas
    >>> X = pandas.DataFrame({"size": ["S", "M", None, "S"]})
    >>> trees(X).fit_transform(X).astype(float).to_numpy().ravel()
    array([ 1.,  0., nan,  1.])
    """
    if scipy.sparse.issparse(X):
        return make_pipeline(FunctionTransformer(dense, accept_sparse=True))
    if _is_numeric(X):
        return make_pipeline(FunctionTransformer(feature_names_out="one-to-one"))
    text, dates = _of_text_and_dates(X)
    codes = FunctionTransformer(_codes, feature_names_out="one-to-one")
    encoder = _by_kind("passthrough", codes, text, dates).set_output(transform="pandas")
    return make_pipeline(ColumnReader(), encoder)


def dense(X: Any) -> np.ndarray:
    """Return sparse rows as an array, and arrays unchanged; a MemoryError if it is too large."""
    if not scipy.sparse.issparse(X):
        return X
    if X.shape[0] * X.shape[1] > _DENSE_LIMIT:
        raise MemoryError("It takes dense arrays only, and this sparse data is too large.")
    return X.toarray()


def _is_numeric(X: Any) -> bool:
    return isinstance(X, np.ndarray) and X.dtype.kind in "iufb"


def _of_text_and_dates(X: Any, **of_dates: Any) -> tuple[Any, Any]:
    """Return encoders of columns of text and of dates."""
    try:
        from skrub import ApplyToCols, DatetimeEncoder, StringEncoder
    except ImportError:
        raise DataError('A data frame needs skrub: pip install "sklearn_ebm[compare]"') from None
    n_components = max(1, min(_MAX_COMPONENTS, len(X) // _ROWS_PER_COMPONENT))
    text = StringEncoder(n_components=n_components, random_state=0)
    return ApplyToCols(text), ApplyToCols(DatetimeEncoder(add_weekday=True, **of_dates))


def _by_kind(number: Any, category: Any, text: Any, date: Any) -> ColumnTransformer:
    """Return an encoder of columns by their dtypes, which `ColumnReader` gives."""
    steps = [
        ("number", number, make_column_selector(dtype_include="number")),
        ("category", category, make_column_selector(dtype_include="category")),
        ("text", text, make_column_selector(dtype_include=["object", "string"])),
        ("date", date, make_column_selector(dtype_include="datetime")),
    ]
    return ColumnTransformer(steps, sparse_threshold=0)


def _codes(frame: Any) -> Any:
    """Rename the categories of each column to 0, 1, ..."""
    return frame.apply(
        lambda column: column.cat.rename_categories(range(len(column.cat.categories)))
    )
