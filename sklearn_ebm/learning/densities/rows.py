"""Sample weights and duplicates of the rows of a regression.

Only relative weights matter. Numbers of rows are counted after the removal of duplicates by
`distinct`, with each row weighted by its weight relative to the mean.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.repeated import groups_of_equal_rows
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies._bank.folds import has_levels

# Number of quantiles of `steps_of_probability`.
STEPS = 101


def relative(rows: Rows) -> Rows:
    """Divide weights by their mean."""
    weight = rows.weight / rows.weight.max()
    return rows._replace(weight=weight / weight.mean())


def distinct(rows: Rows) -> Rows:
    """Merge duplicate rows, and add their weights.

    Otherwise a row could be held out while a copy of it is used for learning. If the rows are
    levels, equal answers in different rows are expected, so such rows are not duplicates, except
    for a common factor of all numbers of repetitions. If all rows are equal, they are not merged,
    because a single row cannot be held out.

    Examples
    --------
    >>> X, y = np.array([[1.0], [2.0], [1.0]]), np.array([[5.0], [6.0], [5.0]])
    >>> rows = distinct(Rows(X, y, np.ones(3)))
    >>> rows.X.ravel(), rows.y.ravel(), rows.weight
    (array([1., 2.]), array([5., 6.]), array([2., 1.]))
    """
    group = groups_of_equal_rows(np.column_stack([rows.X, rows.y]))
    _, first, count = np.unique(group, return_index=True, return_counts=True)
    if len(first) in (1, len(group)):
        return rows
    expected = come_again(rows.take(first))
    times = np.where(expected, count // np.gcd.reduce(count), 1)
    weight = np.bincount(group, rows.weight / rows.weight.max()) / times
    order = np.argsort(group, kind="stable")
    number = np.empty_like(group)
    number[order] = np.arange(len(group)) - (np.cumsum(count) - count)[group[order]]
    kept = np.flatnonzero(number < times[group])
    return rows.take(kept)._replace(weight=weight[group[kept]])


def steps_of_probability(rows: Rows) -> Array | None:
    """Weighted quantiles of the answers at equal steps; None for several outputs."""
    if rows.y.shape[1] > 1:
        return None
    answers, place = np.unique(rows.y[:, 0], return_inverse=True)
    share = np.cumsum(np.bincount(place, rows.weight / rows.weight.max()))
    # The factor prevents that rounding moves a step to the next row.
    steps = np.linspace(0, 1, STEPS) * share[-1] * (1 - 1e-12)
    result: Array = answers[np.unique(np.searchsorted(share, steps))]
    return result


def come_again(rows: Rows) -> npt.NDArray[np.bool_]:
    """Mask of the rows, all distinct, that may occur again without being copies."""
    answer = groups_of_equal_rows(rows.y)
    several: npt.NDArray[np.bool_] = np.bincount(answer)[answer] > 1
    return several & has_levels(rows.X)


def n_copied(rows: Rows, other: Rows) -> int:
    """Number of distinct rows that are copies of other rows."""
    there = np.column_stack([other.X, other.y])
    here = np.column_stack([rows.X.astype(other.X.dtype, copy=False), rows.y])
    group = groups_of_equal_rows(np.concatenate([there, here]))
    first = np.unique(group[: len(there)], return_index=True)[1]
    copies = group[first][~come_again(other.take(first))]
    return len(np.intersect1d(group[len(there) :], copies))
