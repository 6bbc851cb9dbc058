"""Training rows and held-out rows of the members of an ensemble."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from sklearn_ebm._utils.parameters import Index, Params
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies.latent import LatentEnergy
from sklearn_ebm.learning.densities.widths import (
    HeldOutMixture,
    fitted_widths,
    likeliest_beta,
    sharper_together,
)

# Number of members that leave out the same rows.
GROUP = 2

# Largest number of held-out rows of each group for the fit of the widths.
ROWS_FOR_WIDTHS = 500


#: (n_rows, n_members, generator) -> training rows and held-out rows of each member.
Division: TypeAlias = Callable[[int, int, np.random.RandomState], tuple[Index, Index | None]]


def member_rows(
    n_rows: int,
    n_members: int,
    rng: np.random.RandomState,
    fraction: float | None,
    group: Index | None = None,
) -> tuple[Index, Index | None]:
    """Select training rows and held-out rows of each member.

    Two members leave out the same rows, on which their average can be evaluated. The held-out rows
    of different pairs are adjacent on a circle of shuffled rows, so they do not overlap if there
    are enough rows. If groups make some selections smaller, rows of these are repeated.

    Parameters
    ----------
    n_rows, n_members : int
        Numbers of rows and of members.
    rng : RandomState
        Source of random numbers.
    fraction : float or None
        Fraction of the rows that each member leaves out; None leaves out no rows.
    group : ndarray of int of shape (n_samples,), default=None
        Rows with the same value are held out together.

    Returns
    -------
    kept : ndarray of int of shape (M, r)
        Training rows, in a different order for each member.
    held_out : ndarray of int of shape (M, h), or None
        Held-out rows of each member.

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
    """Rows outside and inside a part of the circle; a group is inside if its middle is."""
    _, first, number, count = np.unique(
        group[order], return_index=True, return_inverse=True, return_counts=True
    )
    # Rows of a group are adjacent, at the position of its first row.
    place = np.argsort(np.argsort(first))[number]
    ends = np.cumsum(count[np.argsort(first)])
    middle = (ends - 0.5 * count[np.argsort(first)])[place]
    away = (middle - part * size) % len(order)
    rotated = np.argsort(away, kind="stable")
    away = away[rotated]
    # At least one group on each side.
    n_out = np.clip((away < size).sum(), (away == away[0]).sum(), (away < away[-1]).sum())
    circle = order[rotated]
    return circle[n_out:], circle[:n_out]


def fold_rows(
    n_rows: int, n_members: int, rng: np.random.RandomState, of_row: Index
) -> tuple[Index, Index]:
    """Select training rows and held-out rows of each member, if two members leave out each fold.

    Rows are repeated so that all members have the same number of training rows, and the same number
    of held-out rows.

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
    """Held-out rows of the ensemble, or of its members.

    Attributes
    ----------
    rows : Rows
        Rows of which each member leaves out a part.
    left_out : ndarray of int of shape (M, h), or None
        Indices of the rows that each member leaves out.
    validation : Rows or None
        Rows that are held out from all members.
    """

    rows: Rows
    left_out: Index | None
    validation: Rows | None

    def of_members(self) -> tuple[Rows, Index]:
        """Rows, and indices of the held-out rows of each member, (M or 1, h)."""
        if self.validation is not None:
            return self.validation, np.arange(len(self.validation.y))[None]
        assert self.left_out is not None
        return self.rows, self.left_out


def unseen_rows(
    energy: LatentEnergy, params: Params, held: HeldOutRows, group: int
) -> list[HeldOutMixture]:
    """Held-out rows with the energies of all members, or of the members that left them out."""
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
    """Return the energy with widths that are fitted to held-out rows."""
    assert energy._units is not None
    pieces = unseen_rows(energy, params, held, min(GROUP, energy.n_members))
    if not pieces:
        return energy
    sharper = sharper_than_groups(energy, params, held, pieces)
    return energy._widened(fitted_widths(pieces, energy._units, energy._smallest_scale, sharper))


def sharper_than_groups(
    energy: LatentEnergy, params: Params, held: HeldOutRows, pieces: Sequence[HeldOutMixture]
) -> float:
    """Return the factor of β of all members, relative to a group of members."""
    assert energy._units is not None
    if held.validation is not None or energy.n_members < GROUP:
        return 1.0
    ones = unseen_rows(energy, params, held, 1)
    of_one, of_group = (likeliest_beta(some, energy._units) for some in (ones, pieces))
    return sharper_together(of_one, of_group, energy.n_members)
