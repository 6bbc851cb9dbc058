"""One fold of a comparison: common preprocessing, and the scores of one estimator."""

import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
import threadpoolctl
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.metrics import log_loss
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from sklearn_ebm.compare.scoreboard import Score, Scoreboard
from sklearn_ebm.compare.tables import Table
from sklearn_ebm.metrics import brier_score, expected_calibration_error

# Categories with fewer training rows share one column.
MIN_FREQUENCY = 5
# HistGradientBoostingClassifier accepts at most 255 categories; all contenders get the same ones.
MAX_CATEGORIES = 255
# Largest number of entries, of 8 bytes, of a dense copy of sparse data.
_DENSE_LIMIT = 100_000_000
_SPARSE_BELOW = 0.3  # fraction of non-zeros; the default of ColumnTransformer
_PREDICT_SECONDS = 0.2  # repeat predictions up to this time, at most five times
_PREDICT_REPEATS = 5

# Scores in the order of the table: key in the files, heading, digits.
SCORES = {
    "accuracy": Score("accuracy", 3),
    "log_loss": Score("log-loss", 4),
    "brier": Score("Brier", 3),
    "ece": Score("ECE", 3),
    "fit_seconds": Score("fit s", 3),
    "predict_microseconds": Score("predict µs", 2),
}
OF_CLASSES = Scoreboard(SCORES, ranked_by=("log_loss",))


def class_scores(estimator: Any, fold: "Fold") -> dict[str, float]:
    """Fit a classifier on a fold's training part and score it on its test part."""
    start = time.perf_counter()
    estimator.fit(fold.X_train, fold.y_train)
    fit_seconds = time.perf_counter() - start
    probabilities = np.asarray(estimator.predict_proba(fold.X_test), dtype=np.float64)
    predicted = estimator.predict(fold.X_test)
    seconds: list[float] = []
    while len(seconds) < _PREDICT_REPEATS and sum(seconds) < _PREDICT_SECONDS:
        start = time.perf_counter()
        estimator.predict(fold.X_test)
        seconds.append(time.perf_counter() - start)
    y, codes = fold.y_test, np.arange(probabilities.shape[1])
    return {
        "accuracy": float(np.mean(predicted == y)),
        "log_loss": float(log_loss(y, probabilities, labels=codes)),
        "brier": brier_score(y, probabilities, labels=codes),
        "ece": expected_calibration_error(y, probabilities, labels=codes),
        "fit_seconds": fit_seconds,
        "predict_microseconds": 1e6 * float(np.median(seconds)) / len(y),
    }


class Fold(NamedTuple):
    """Preprocessed training and test rows of one fold, and its scores.

    `keep` is called with the fitted estimator and the fold, and returns data for a report; it is
    None if there is no report.
    """

    X_train: Any
    X_test: Any
    y_train: np.ndarray
    y_test: np.ndarray
    score: Callable[[Any, "Fold"], dict[str, float]] = class_scores
    keep: Callable[[Any, "Fold"], dict[str, Any]] | None = None


class Outcome(NamedTuple):
    """Result of an estimator on one fold: its scores, or the error if it failed.

    `kept` is the result of `Fold.keep`; None if there is none or if it failed.
    """

    scores: dict[str, float] | None
    error: str
    warnings: tuple[str, ...]
    kept: dict[str, Any] | None = None


def prepare(table: Table, train: np.ndarray, test: np.ndarray) -> Fold:
    """Impute, scale and one-hot encode a fold, with statistics of the training rows.

    Parameters
    ----------
    table : Table
    train, test : ndarray of int
        Indices of the rows.

    Returns
    -------
    fold : Fold
        Standardised numbers, with the median for missing values and an indicator column; one-hot
        encoded categories, with one column for rare and new ones. CSR if mostly zeros.

    Examples
    --------
    >>> from sklearn_ebm.compare.tables import make_table
    >>> table = make_table([[0.0, "a"], [2.0, "b"], [1.0, "a"]], [0, 1, 1])
    >>> prepare(table, [0, 1], [2]).X_test
    array([[0., 1.]])
    """
    if scipy.sparse.issparse(table.numbers):
        numbers = StandardScaler(with_mean=False)  # centring would remove the zeros
    else:
        # Columns without values in the training rows are kept as zeros.
        imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
        numbers = make_pipeline(imputer, StandardScaler())
    categories = OneHotEncoder(
        min_frequency=MIN_FREQUENCY,
        max_categories=MAX_CATEGORIES,
        handle_unknown="infrequent_if_exist",
    )
    train_parts, test_parts = [], []
    for encoder, columns in [(numbers, table.numbers), (categories, table.categories)]:
        if columns.shape[1]:
            train_parts.append(scipy.sparse.csr_matrix(encoder.fit_transform(columns[train])))
            test_parts.append(scipy.sparse.csr_matrix(encoder.transform(columns[test])))
    X_train = scipy.sparse.hstack(train_parts, format="csr")
    X_test = scipy.sparse.hstack(test_parts, format="csr")
    if X_train.nnz >= _SPARSE_BELOW * X_train.shape[0] * X_train.shape[1]:
        X_train, X_test = X_train.toarray(), X_test.toarray()
    return Fold(X_train, X_test, table.labels[train], table.labels[test])


def prepare_dense(table: Table, train: np.ndarray, test: np.ndarray) -> Fold:
    """Like `prepare`, for estimators that do not accept sparse rows.

    See `prepare_for_trees` for parameters, result and errors.
    """
    fold = prepare(table, train, test)
    return fold._replace(X_train=_dense(fold.X_train), X_test=_dense(fold.X_test))


def _dense(numbers: Any) -> np.ndarray:
    if not scipy.sparse.issparse(numbers):
        return numbers
    if numbers.shape[0] * numbers.shape[1] > _DENSE_LIMIT:
        raise MemoryError("It takes dense arrays only, and this sparse data is too large.")
    return numbers.toarray()


def prepare_for_trees(table: Table, train: np.ndarray, test: np.ndarray) -> Fold:
    """Keep numbers unchanged, including NaN, and encode categories as integers, for trees.

    See `prepare` for parameters and result; the categorical columns are the last ones.

    Raises
    ------
    MemoryError
        If sparse data would take too much memory as a dense array.
    """
    numbers = _dense(table.numbers)
    if not table.category_names:
        return Fold(numbers[train], numbers[test], table.labels[train], table.labels[test])
    encoder = OrdinalEncoder(
        min_frequency=MIN_FREQUENCY,
        max_categories=MAX_CATEGORIES - 1,  # one code is for rare categories
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
    )
    codes = encoder.fit_transform(table.categories[train])
    return Fold(
        np.hstack([numbers[train], codes]),
        np.hstack([numbers[test], encoder.transform(table.categories[test])]),
        table.labels[train],
        table.labels[test],
    )


def final_step(estimator: Any) -> Any:
    """Return the last step of a pipeline; other estimators unchanged."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def measure(estimator: Any, fold: Fold) -> Outcome:
    """Fit a clone of an estimator on a fold's training part and score it on its test part.

    Parameters
    ----------
    estimator : classifier with `predict_proba`, or estimator for `scores_of_distribution`
    fold : Fold

    Returns
    -------
    outcome : Outcome
        Wall-clock times of `fit`, and of `predict` for all test rows, as the median of repetitions
        divided by the number of rows. A single thread is used, so that times depend on the models
        rather than on parallelism or on other load of the machine.
    """
    with threadpoolctl.threadpool_limits(1), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            fitted = clone(estimator)
            scores, error = fold.score(fitted, fold), ""
        except Exception as failure:  # errors of one contender must not stop the others
            scores, error = None, f"{type(failure).__name__}: {_one_line(failure)}"
        kept, why_nothing = _kept(fitted, fold) if scores is not None else (None, "")
    kinds = dict.fromkeys(f"{each.category.__name__}: {_one_line(each.message)}" for each in caught)
    return Outcome(scores, error, (*kinds, *filter(None, [why_nothing])), kept)


def _kept(fitted: Any, fold: Fold) -> tuple[dict[str, Any] | None, str]:
    """Return data for a report, or the error if that fails, which does not affect the scores."""
    if fold.keep is None:
        return None, ""
    try:
        return fold.keep(fitted, fold), ""
    except Exception as failure:
        return None, f"no curves in the report, {type(failure).__name__}: {_one_line(failure)}"


def _one_line(message: Any) -> str:
    line = (str(message).strip().splitlines() or ["no message"])[0]
    return line if len(line) <= 160 else line[:157] + "..."
