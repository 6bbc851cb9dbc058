"""Checks of settings, of estimators and of their parts, and of weights: one sentence each."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.utils.validation import validate_data

from sklearn_ebm._utils.arrays import canonical_rows


def checked_rows(estimator: Any, X: Any, y: Any = "no_validation", **checks: Any) -> Any:
    """Return rows, and labels where there are some, as the classifiers take them; or raise.

    The one entry for rows that users give. float32 stays float32, anything else becomes float64;
    sparse rows are CSR in their canonical form, and what was given is never changed.

    Parameters
    ----------
    estimator : estimator
        Whose features are checked, or stored with ``reset=True``.
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
    """Sparse rows in canonical form, all else as it is.

    Before the numbers change their type: of two entries of a boolean matrix in one place the sum
    is True, and not 2.
    """
    return canonical_rows(X) if sparse.issparse(X) and X.ndim == 2 else X


# Where weights are all below, their quotients and the penalty in their unit leave float64.
SMALLEST = 1e-300

# No count of anything is larger than an index can be.
MOST = int(np.iinfo(np.intp).max)


def as_number(value: Any) -> float:
    """Return a real number as a float; NaN for what is none, or is too large for a float."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return float("nan")
    try:
        return float(value)
    except OverflowError:
        return float("nan")


def switch(name: str, value: Any, *, of: str = "") -> bool:
    """Return a boolean, of Python or NumPy, or raise ValueError: "False" as text is true."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{_named(name, value, of)} must be True or False.")
    return bool(value)


def positive_number(name: str, value: Any, *, of: str = "", infinite: bool = False) -> float:
    """Return a positive number, finite unless told otherwise, or raise ValueError.

    The sentence names the part `of` which it is a setting.
    """
    found = as_number(value)
    if not found > 0 or (np.isinf(found) and not infinite):
        kind = "a positive number or inf" if infinite else "a positive finite number"
        raise ValueError(f"{_named(name, value, of)} must be {kind}.")
    return found


def positive_integer(name: str, value: Any, *, of: str = "", least: int = 1) -> int:
    """Return a whole number, positive unless told otherwise, or raise ValueError."""
    if not isinstance(value, Integral) or isinstance(value, bool) or int(value) < least:
        raise ValueError(f"{_named(name, value, of)} must be a whole number of at least {least}.")
    if int(value) > MOST:
        raise ValueError(f"{_named(name, value, of)} must be a whole number of at most {MOST}.")
    return int(value)


def share(name: str, value: Any, *, of: str = "", zero: bool = False) -> float:
    """Return a number between 0 and 1, without both ends or with zero, or raise ValueError."""
    found = as_number(value)
    if not 0 <= found < 1 or (found == 0 and not zero):
        kind = "from 0 to below 1" if zero else "between 0 and 1"
        raise ValueError(f"{_named(name, value, of)} must be a number {kind}.")
    return found


def n_workers(name: str, value: Any) -> int | None:
    """Return None or how many jobs, negative ones as joblib counts them, or raise ValueError."""
    if value is None:
        return None
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or not 0 < abs(int(value)) <= MOST:
        raise ValueError(
            f"{name}={value!r} must be None or a whole number other than 0; -1 means all cores."
        )
    return int(value)


def loudness(name: str, value: Any) -> int:
    """Return how much is said, a boolean or a whole number of at least 0; else raise."""
    if isinstance(value, bool | np.bool_):
        return int(value)
    return positive_integer(name, value, least=0)


def _named(name: str, value: Any, of: str) -> str:
    return f"{name}={value!r} of {of}" if of else f"{name}={value!r}"


def optional_whole_number(name: str, value: Any) -> int | None:
    """Return None, a whole number that is not negative, or raise ValueError."""
    return None if value is None else positive_integer(name, value, least=0)


def optional_positive_number(name: str, value: Any) -> float | None:
    """Return None, a positive finite number, or raise ValueError."""
    return None if value is None else positive_number(name, value)


def level(name: str, value: Any, automatic: float, *, of: str = "") -> float:
    """Return a finite number that is not negative, or what ``"auto"`` stands for; else raise."""
    if isinstance(value, str) and value == "auto":
        return automatic
    found = as_number(value)
    if not 0 <= found < np.inf:
        raise ValueError(f"{_named(name, value, of)} must be 'auto' or a finite number, 0 or more.")
    return found


def row_weights(
    sample_weight: Any, n_rows: int, name: str = "sample_weight"
) -> npt.NDArray[np.float64]:
    """One float64 weight for each row; negative, infinite, or all zero ones raise ValueError."""
    if sample_weight is None:
        return np.broadcast_to(np.float64(1.0), n_rows)  # a view of one number
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
            f"sample_weight.shape == {weight.shape}, expected ({n_rows},): one weight for each row."
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
