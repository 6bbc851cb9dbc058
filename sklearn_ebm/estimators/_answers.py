"""The target of a regressor, as rows of samples with answers."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.validation import row_weights

# Squares of answers in units of some of them must be floats.
LARGEST_ANSWER = 1e153


def refuse_sparse(name: str, y: Any) -> None:
    """Raise TypeError if a target is sparse."""
    if sparse.issparse(y):
        raise TypeError(f"{name} is sparse, but answers are dense numbers; use {name}.toarray().")


def answer_rows(X: Array, y: Array, sample_weight: Any, name: str = "sample_weight") -> Rows:
    """Samples of positive weight, with answers as (n, q) in float64."""
    weight = row_weights(sample_weight, len(y), name)
    y = y.reshape(len(y), -1).astype(np.float64)
    used = weight > 0
    rows = Rows(X, y, weight)
    rows = rows if used.all() else rows.take(np.flatnonzero(used))
    largest = np.abs(rows.y).max()
    if largest > LARGEST_ANSWER:
        raise ValueError(
            f"y holds numbers of size {largest:.3g}, and the squares of numbers above "
            f"{LARGEST_ANSWER:g} overflow; divide the answers by a number of their size."
        )
    return rows
