"""Validation of rows, sample weights, and parameters of estimators and parts."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.utils.validation import validate_data

from sklearn_ebm._utils.arrays import canonical_rows


def checked_rows(estimator: Any, X: Any, y: Any = "no_validation", **checks: Any) -> Any:
    """Validate the rows, and the labels if there are any, that a user passes to a classifier.

    float32 is kept, other dtypes become float64, and sparse rows become canonical CSR. The given
    arrays are never changed.

    Parameters
    ----------
    estimator : estimator
        Estimator whose number and names of features are checked, or stored with ``reset=True``.
    X : array-like or sparse matrix of shape (n_samples, n_features)
    y : array-like of shape (n_samples,), optional
    **checks
        Further keywords of scikit-learn's ``validate_data``.

    Returns
    -------
    X, or X and y
    """
    return validate_data(
        estimator, canonical(X), y, accept_sparse="csr", dtype=[np.float64, np.float32], **checks
    )


def canonical(X: Any) -> Any:
    """Convert sparse rows to canonical form; return other values unchanged.

    It precedes a change of the dtype, because the sum of duplicate entries of a boolean matrix is
    True, not 2.
    """
    return canonical_rows(X) if sparse.issparse(X) and X.ndim == 2 else X


# If all weights are below this number, quotients of weights may overflow float64.
SMALLEST = 1e-300

# Largest valid integer of a parameter.
MOST = int(np.iinfo(np.intp).max)


def as_number(value: Any) -> float:
    """Return a real number as a float; NaN if it is not a number or too large for a float."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return float("nan")
    try:
        return float(value)
    except OverflowError:
        return float("nan")


def switch(name: str, value: Any, *, of: str = "") -> bool:
    """Return a boolean of Python or NumPy, or raise ValueError, for example for "False"."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{_named(name, value, of)} must be True or False.")
    return bool(value)


def positive_number(name: str, value: Any, *, of: str = "", infinite: bool = False) -> float:
    """Return a positive number, finite unless `infinite`, or raise ValueError.

    The message names the class `of` the parameter.
    """
    found = as_number(value)
    if not found > 0 or (np.isinf(found) and not infinite):
        kind = "a positive number or inf" if infinite else "a positive finite number"
        raise ValueError(f"{_named(name, value, of)} must be {kind}.")
    return found


def positive_integer(name: str, value: Any, *, of: str = "", least: int = 1) -> int:
    """Return an integer of at least `least`, or raise ValueError."""
    if not isinstance(value, Integral) or isinstance(value, bool) or int(value) < least:
        raise ValueError(f"{_named(name, value, of)} must be a whole number of at least {least}.")
    if int(value) > MOST:
        raise ValueError(f"{_named(name, value, of)} must be a whole number of at most {MOST}.")
    return int(value)


def share(name: str, value: Any, *, of: str = "", zero: bool = False) -> float:
    """Return a number above 0, or from 0 if `zero`, and below 1; or raise ValueError."""
    found = as_number(value)
    if not 0 <= found < 1 or (found == 0 and not zero):
        kind = "from 0 to below 1" if zero else "between 0 and 1"
        raise ValueError(f"{_named(name, value, of)} must be a number {kind}.")
    return found


def n_workers(name: str, value: Any) -> int | None:
    """Return None or the number of jobs, negative as in joblib; or raise ValueError."""
    if value is None:
        return None
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or not 0 < abs(int(value)) <= MOST:
        raise ValueError(
            f"{name}={value!r} must be None or a whole number other than 0; -1 means all cores."
        )
    return int(value)


def verbosity(name: str, value: Any) -> int:
    """Return ``verbose`` as an integer of at least 0, or raise ValueError."""
    if isinstance(value, bool | np.bool_):
        return int(value)
    return positive_integer(name, value, least=0)


def _named(name: str, value: Any, of: str) -> str:
    return f"{name}={value!r} of {of}" if of else f"{name}={value!r}"


def optional_whole_number(name: str, value: Any) -> int | None:
    """Return None or an integer of at least 0; raise ValueError otherwise."""
    return None if value is None else positive_integer(name, value, least=0)


def optional_positive_number(name: str, value: Any) -> float | None:
    """Return None or a positive finite number; raise ValueError otherwise."""
    return None if value is None else positive_number(name, value)


def level(name: str, value: Any, automatic: float, *, of: str = "") -> float:
    """Return a nonnegative finite number, `automatic` for ``"auto"``, or raise ValueError."""
    if isinstance(value, str) and value == "auto":
        return automatic
    found = as_number(value)
    if not 0 <= found < np.inf:
        raise ValueError(f"{_named(name, value, of)} must be 'auto' or a finite number, 0 or more.")
    return found


def row_weights(
    sample_weight: Any, n_rows: int, name: str = "sample_weight"
) -> npt.NDArray[np.float64]:
    """Return a float64 weight for each row; raise ValueError for invalid or all-zero weights."""
    if sample_weight is None:
        return np.broadcast_to(np.float64(1.0), n_rows)  # a view of a single number
    try:
        weight = np.array(sample_weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be a number, or one for each row: {error}.") from error
    if weight.ndim == 0:
        weight = np.full(n_rows, float(weight))
    if weight.ndim != 1:
        raise ValueError("Sample weights must be 1D array or scalar.")
    if len(weight) != n_rows:
        raise ValueError(
            f"{name}.shape == {weight.shape}, expected ({n_rows},): one weight for each row."
        )
    if not np.isfinite(weight).all():
        raise ValueError(f"{name} contains NaN or infinity; weights must be finite.")
    if (weight < 0).any():
        raise ValueError(f"{name} has negative entries; weights must be zero or positive.")
    if not weight.any():
        raise ValueError(
            f"Sample weights are all zero: at least one {name} must be a positive number."
        )
    if weight.max() < SMALLEST:
        raise ValueError(
            f"{name} is at most {weight.max():.2g}, below the range that can be computed with; "
            "multiply all weights by the same large number."
        )
    return weight
