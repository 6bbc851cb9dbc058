"""Rows of members: which ones each learns from, and what those it has not seen say of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Array, Index, Params
from sklearn_ebm._utils.repeated import groups_of_equal_rows
from sklearn_ebm.energies._bank.folds import WeightedRows, has_levels
from sklearn_ebm.energies.latent import LatentEnergy
from sklearn_ebm.learning.densities.widths import (
    HeldOutMixture,
    fitted_widths,
    likeliest_beta,
    sharper_together,
)

# Members that leave out the same rows.
GROUP = 2

# Held-out rows that choose widths, at most, of each group.
ROWS_FOR_WIDTHS = 500

# Steps of equal probability that candidate answers are taken from.
STEPS = 101


class Answers(WeightedRows):
    """What learning sees of the data: features, answers (n, q), weights.

    Weights are relative: all equal ones are none. What counts rows counts those of `distinct`, each
    as often as its weight is times the mean weight.
    """

    def relative(self) -> Answers:
        """The same with weights of mean 1, whatever their unit."""
        weight = self.weight / self.weight.max()
        return self._replace(weight=weight / weight.mean())

    def distinct(self) -> Answers:
        """Rows that are there several times as one, in which their weights come together.

        So no copy of a row is held out while another one is learned from. Where levels return, an
        answer that several of them give is expected to come again: such rows are no copies, but for
        a factor that all rows have in common. If all rows are equal they stay: one alone cannot be
        held out.

        Examples
        --------
        >>> X, y = np.array([[1.0], [2.0], [1.0]]), np.array([[5.0], [6.0], [5.0]])
        >>> rows = Answers(X, y, np.ones(3)).distinct()
        >>> rows.X.ravel(), rows.y.ravel(), rows.weight
        (array([1., 2.]), array([5., 6.]), array([2., 1.]))
        """
        group = groups_of_equal_rows(np.column_stack([self.X, self.y]))
        _, first, count = np.unique(group, return_index=True, return_counts=True)
        if len(first) in (1, len(group)):
            return self
        expected = self.take(first).come_again()
        times = np.where(expected, count // np.gcd.reduce(count), 1)
        weight = np.bincount(group, self.weight / self.weight.max()) / times
        order = np.argsort(group, kind="stable")
        number = np.empty_like(group)
        number[order] = np.arange(len(group)) - (np.cumsum(count) - count)[group[order]]
        kept = np.flatnonzero(number < times[group])
        return self.take(kept)._replace(weight=weight[group[kept]])

    def steps_of_probability(self) -> Array | None:
        """Answers at equal steps of probability, weights honoured; None for several outputs."""
        if self.y.shape[1] > 1:
            return None
        answers, place = np.unique(self.y[:, 0], return_inverse=True)
        share = np.cumsum(np.bincount(place, self.weight / self.weight.max()))
        # A step may be a whole number of rows but for rounding.
        steps = np.linspace(0, 1, STEPS) * share[-1] * (1 - 1e-12)
        result: Array = answers[np.unique(np.searchsorted(share, steps))]
        return result

    def come_again(self) -> npt.NDArray[np.bool_]:
        """Which of these rows, all different, may come again without being copied."""
        answer = groups_of_equal_rows(self.y)
        several: npt.NDArray[np.bool_] = np.bincount(answer)[answer] > 1
        return several & has_levels(self.X)

    def n_copied(self, other: Answers) -> int:
        """How many different rows are copies of those of another."""
        there = np.column_stack([other.X, other.y])
        here = np.column_stack([self.X.astype(other.X.dtype, copy=False), self.y])
        group = groups_of_equal_rows(np.concatenate([there, here]))
        first = np.unique(group[: len(there)], return_index=True)[1]
        copies = group[first][~other.take(first).come_again()]
        return len(np.intersect1d(group[len(there) :], copies))


#: (rows, members, generator) -> rows that each member learns from, and those that it leaves out.
Division: TypeAlias = Callable[[int, int, np.random.RandomState], tuple[Index, Index | None]]


def member_rows(
    n_rows: int,
    n_members: int,
    rng: np.random.RandomState,
    fraction: float | None,
    group: Index | None = None,
) -> tuple[Index, Index | None]:
    """Rows that each member learns from, and those that it leaves out.

    Two members leave out the same part, so that it says how good their average is. Parts are
    neighbours on a circle of shuffled rows: they do not overlap as long as there are enough rows.
    Where groups make some of them smaller, these are filled up with rows of their own once more.

    Parameters
    ----------
    n_rows, n_members : int
    rng : RandomState
    fraction : float or None
        Share of the rows that each leaves out; None for none.
    group : ndarray of int of shape (n_samples,), default=None
        Rows of one group, two or more of them, are left out together.

    Returns
    -------
    kept : ndarray of int of shape (M, r)
        In an order of its own for each member.
    held_out : ndarray of int of shape (M, h), or None

    Examples
    --------
    >>> kept, held_out = member_rows(6, 4, np.random.RandomState(0), 0.3)
    >>> kept.shape, held_out.tolist()
    ((4, 4), [[5, 2], [5, 2], [1, 3], [1, 3]])
    """
    order = rng.permutation(n_rows)
    if fraction is None:
        return np.stack([rng.permutation(n_rows) for _ in range(n_members)]), None
    n_out = int(np.clip(np.ceil(fraction * n_rows), 1, n_rows - 1))
    parts = [
        _left_out(order, np.arange(n_rows) if group is None else group, member // GROUP, n_out)
        for member in range(n_members)
    ]
    most_kept, most_out = (max(map(len, part)) for part in zip(*parts, strict=True))
    kept = np.stack([rng.permutation(np.resize(rows, most_kept)) for rows, _ in parts])
    return kept, np.stack([np.resize(rows, most_out) for _, rows in parts])


def _left_out(order: Index, group: Index, part: int, size: int) -> tuple[Index, Index]:
    """The rows beside some part of a circle, and those in it: groups whose middle lies there."""
    _, first, number, count = np.unique(
        group[order], return_index=True, return_inverse=True, return_counts=True
    )
    # Groups lie side by side, where the first row of each is.
    place = np.argsort(np.argsort(first))[number]
    ends = np.cumsum(count[np.argsort(first)])
    middle = (ends - 0.5 * count[np.argsort(first)])[place]
    away = (middle - part * size) % len(order)
    turned = np.argsort(away, kind="stable")
    away = away[turned]
    # One group at least on each side.
    n_out = np.clip((away < size).sum(), (away == away[0]).sum(), (away < away[-1]).sum())
    circle = order[turned]
    return circle[n_out:], circle[:n_out]


def fold_rows(
    n_rows: int, n_members: int, rng: np.random.RandomState, of_row: Index
) -> tuple[Index, Index]:
    """Rows that each member learns from, where two members leave out each fold.

    Folds that have fewer rows than the largest, and the rows beside folds that have more than the
    smallest, are filled up with some of their own once more.

    Examples
    --------
    >>> kept, held_out = fold_rows(3, 4, np.random.RandomState(0), np.array([0, 1, 0]))
    >>> kept.shape, held_out.tolist()
    ((4, 2), [[0, 2], [0, 2], [1, 1], [1, 1]])
    """
    folds = [np.flatnonzero(of_row == member // GROUP) for member in range(n_members)]
    others = [np.flatnonzero(of_row != member // GROUP) for member in range(n_members)]
    most_out, most_kept = max(map(len, folds)), max(map(len, others))
    kept = [rng.permutation(np.resize(rng.permutation(rows), most_kept)) for rows in others]
    return np.stack(kept), np.stack([np.resize(rows, most_out) for rows in folds])


class HeldOutRows(NamedTuple):
    """Rows that learning, or some members, have not seen.

    Attributes
    ----------
    rows : Answers
        Of which members leave out some.
    left_out : ndarray of int of shape (M, h), or None
        Which ones each member leaves out.
    validation : Answers or None
        Held-out rows.
    """

    rows: Answers
    left_out: Index | None
    validation: Answers | None

    def of_members(self) -> tuple[Answers, Index]:
        """Rows, and the places of those that each member has not seen, (M or 1, h)."""
        if self.validation is not None:
            return self.validation, np.arange(len(self.validation.y))[None]
        assert self.left_out is not None
        return self.rows, self.left_out


def unseen_rows(
    energy: LatentEnergy, params: Params, held: HeldOutRows, group: int
) -> list[HeldOutMixture]:
    """Held-out rows, with all members; or those that groups of members left out."""
    if held.validation is not None:
        some = held.validation
        return [HeldOutMixture(energy._quadratics(params, some.X), some.y, some.weight)]
    if held.left_out is None:
        return []
    pieces = []
    for first in range(0, energy.n_members - group + 1, group):
        some = held.rows.take(held.left_out[first, :ROWS_FOR_WIDTHS])
        members = [*range(first, first + group)]
        pieces.append(
            HeldOutMixture(energy._quadratics(params, some.X, members), some.y, some.weight)
        )
    return pieces


def widened(energy: LatentEnergy, params: Params, held: HeldOutRows) -> LatentEnergy:
    """The energy with the widths that suit rows which it has not seen."""
    assert energy._units is not None
    pieces = unseen_rows(energy, params, held, min(GROUP, energy.n_members))
    if not pieces:
        return energy
    sharper = sharper_than_groups(energy, params, held, pieces)
    return energy._widened(fitted_widths(pieces, energy._units, energy._smallest_scale, sharper))


def sharper_than_groups(
    energy: LatentEnergy, params: Params, held: HeldOutRows, pieces: Sequence[HeldOutMixture]
) -> float:
    """Return how many times sharper all members together should be than a group of them."""
    assert energy._units is not None
    if held.validation is not None or energy.n_members < GROUP:
        return 1.0
    ones = unseen_rows(energy, params, held, 1)
    of_one, of_group = (likeliest_beta(some, energy._units) for some in (ones, pieces))
    return sharper_together(of_one, of_group, energy.n_members)
