"""Rows of a regression: their weights, and rows that are there several times.

Weights are relative: weights that are all equal have no effect. Numbers of rows are those of
`distinct`, each counted as often as its weight is times the mean weight.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.repeated import groups_of_equal_rows
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies._bank.folds import has_levels

# Steps of equal probability that candidate answers are taken from.
STEPS = 101


def relative(rows: Rows) -> Rows:
    """The same with weights of mean 1, whatever their unit."""
    weight = rows.weight / rows.weight.max()
    return rows._replace(weight=weight / weight.mean())


def distinct(rows: Rows) -> Rows:
    """Rows that are there several times as one, in which their weights come together.

    So no copy of a row is held out while another one is learned from. Where levels return, an
    answer that several of them give is expected to come again: such rows are no copies, but for
    a factor that all rows have in common. If all rows are equal they stay: one alone cannot be
    held out.

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
    """Rows at equal steps of probability, weights honoured; None for several outputs."""
    if rows.y.shape[1] > 1:
        return None
    answers, place = np.unique(rows.y[:, 0], return_inverse=True)
    share = np.cumsum(np.bincount(place, rows.weight / rows.weight.max()))
    # A step may be a whole number of rows but for rounding.
    steps = np.linspace(0, 1, STEPS) * share[-1] * (1 - 1e-12)
    result: Array = answers[np.unique(np.searchsorted(share, steps))]
    return result


def come_again(rows: Rows) -> npt.NDArray[np.bool_]:
    """Which of these rows, all different, may come again without being copied."""
    answer = groups_of_equal_rows(rows.y)
    several: npt.NDArray[np.bool_] = np.bincount(answer)[answer] > 1
    return several & has_levels(rows.X)


def n_copied(rows: Rows, other: Rows) -> int:
    """How many different rows are copies of those of another."""
    there = np.column_stack([other.X, other.y])
    here = np.column_stack([rows.X.astype(other.X.dtype, copy=False), rows.y])
    group = groups_of_equal_rows(np.concatenate([there, here]))
    first = np.unique(group[: len(there)], return_index=True)[1]
    copies = group[first][~come_again(other.take(first))]
    return len(np.intersect1d(group[len(there) :], copies))
