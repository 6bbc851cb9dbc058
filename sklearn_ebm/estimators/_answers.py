"""Targets of a regressor: rows of samples with answers, and values that are too many or too few."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.validation import row_weights

# Answers with fewer values than this, and than a fifth of the rows, are few.
FEW_VALUES, FEW_SHARE = 30, 0.2

# A value is an atom where it holds such a part of the rows, and so many of them: at a floor of e⁻⁷
# standard deviations a tenth gains half a nat of the mean likelihood, more than good fits differ
# by.
ATOM_SHARE, ATOM_ROWS = 0.1, 5

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


def unbounded(rows: Rows) -> str | None:
    """Describe repeated values of y that make the likelihood unbounded; None if there are none."""
    n_rows = len(rows.y)
    for column in rows.y.T:
        values, place, count = np.unique(column, return_inverse=True, return_counts=True)
        if len(values) < min(FEW_VALUES, max(FEW_SHARE * n_rows, 2)):
            return f"y takes {len(values)} different values in {n_rows} rows"
        share = np.bincount(place, rows.weight / rows.weight.sum())
        if (atoms := (share >= ATOM_SHARE) & (count >= ATOM_ROWS)).any():
            atom = int(np.argmax(np.where(atoms, share, 0)))
            return f"y is {values[atom]:g} in {share[atom]:.0%} of the rows"
    return None
