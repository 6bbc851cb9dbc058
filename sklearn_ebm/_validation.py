"""Checks of settings, of estimators and of their parts, and of weights: one sentence each."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.utils.validation import validate_data

from sklearn_ebm._arrays import canonical_rows


def checked_rows(estimator: Any, X: Any, y: Any = "no_validation", **checks: Any) -> Any:
    """Return rows, and labels where there are some, as the classifiers take them; or raise.

    The one entry for rows that users give. float32 stays float32, anything else becomes float64;
    sparse rows are CSR in their canonical form, and what was given is never changed.

    Parameters
    ----------
    estimator : estimator
        Whose features are checked, or stored with ``reset=True``.
    X : array-like or sparse matrix of shape (n, d)
    y : array-like of shape (n,), optional
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


def positive_number(name: str, value: Any, *, of: str = "", infinite: bool = False) -> float:
    """Return a positive number, finite unless told otherwise, or raise ValueError.

    The sentence names the part `of` which it is a setting.
    """
    good = isinstance(value, Real) and not isinstance(value, bool) and float(value) > 0
    if not good or (np.isinf(float(value)) and not infinite):
        kind = "a positive number or inf" if infinite else "a positive finite number"
        raise ValueError(f"{_named(name, value, of)} must be {kind}.")
    return float(value)


def positive_integer(name: str, value: Any, *, of: str = "") -> int:
    """Return a positive whole number or raise ValueError."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{_named(name, value, of)} must be a whole number of at least 1.")
    return int(value)


def _named(name: str, value: Any, of: str) -> str:
    return f"{name}={value!r} of {of}" if of else f"{name}={value!r}"


def optional_positive_integer(name: str, value: Any) -> int | None:
    """Return None, a positive whole number, or raise ValueError."""
    return None if value is None else positive_integer(name, value)


def level(name: str, value: Any, automatic: float, *, of: str = "") -> float:
    """Return a finite number that is not negative, or what ``"auto"`` stands for; else raise."""
    if isinstance(value, str) and value == "auto":
        return automatic
    good = isinstance(value, Real) and not isinstance(value, bool) and 0 <= float(value) < np.inf
    if not good:
        raise ValueError(f"{_named(name, value, of)} must be 'auto' or a finite number, 0 or more.")
    return float(value)


def row_weights(
    sample_weight: Any, n_rows: int, name: str = "sample_weight"
) -> npt.NDArray[np.float64]:
    """One float64 weight for each row; negative, infinite, or all zero ones raise ValueError."""
    if sample_weight is None:
        return np.broadcast_to(np.float64(1.0), n_rows)  # a view of one number
    weight = np.array(sample_weight, dtype=np.float64)
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
    return weight
