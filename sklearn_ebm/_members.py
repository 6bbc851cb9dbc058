"""Rows of members: which ones each learns from, and what those it has not seen say of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sklearn_ebm._params import Array, Index, Params
from sklearn_ebm._widths import Unseen, fitted_widths, likeliest_beta, sharper_together
from sklearn_ebm.energies.latent import LatentEnergy

# Members that leave out the same rows.
GROUP = 2

# Held-out rows that choose widths, at most, of each group.
ROWS_FOR_WIDTHS = 500


class Answers(NamedTuple):
    """What learning sees of the data: features, answers (n, q), weights."""

    X: Array
    y: Array
    weight: npt.NDArray[np.float64]

    def take(self, rows: Index) -> Answers:
        """Return some of the rows."""
        return Answers(self.X[rows], self.y[rows], self.weight[rows])


def member_rows(
    n_rows: int, n_members: int, fraction: float | None, rng: np.random.RandomState
) -> tuple[Index, Index | None]:
    """Rows that each member learns from, and those that it leaves out.

    Two members leave out the same part, so that it says how good their average is. Parts are
    neighbours on a circle of shuffled rows: they do not overlap as long as there are enough rows.

    Returns
    -------
    kept : ndarray of int of shape (M, r)
        In an order of its own for each member.
    held_out : ndarray of int of shape (M, h), or None

    Examples
    --------
    >>> kept, held_out = member_rows(6, 4, 0.3, np.random.RandomState(0))
    >>> kept.shape, held_out.tolist()
    ((4, 4), [[5, 2], [5, 2], [1, 3], [1, 3]])
    """
    order = rng.permutation(n_rows)
    if fraction is None:
        return np.stack([rng.permutation(n_rows) for _ in range(n_members)]), None
    n_out = int(np.clip(np.ceil(fraction * n_rows), 1, n_rows - 1))
    turned = [np.roll(order, -(member // GROUP) * n_out) for member in range(n_members)]
    kept = np.stack([rng.permutation(circle[n_out:]) for circle in turned])
    return kept, np.stack([circle[:n_out] for circle in turned])


class Held(NamedTuple):
    """Rows that learning, or some members, have not seen.

    Attributes
    ----------
    rows : Answers
        Of which members leave out some.
    left_out : ndarray of int of shape (M, h), or None
        Which ones each member leaves out.
    validation : Answers or None
        Rows that nobody learns from.
    """

    rows: Answers
    left_out: Index | None
    validation: Answers | None


def unseen_rows(energy: LatentEnergy, params: Params, held: Held, group: int) -> list[Unseen]:
    """Rows that nobody has seen, with all members; or those that groups of members left out."""
    if held.validation is not None:
        some = held.validation
        return [Unseen(energy.known(params, some.X), some.y, some.weight)]
    if held.left_out is None:
        return []
    pieces = []
    for first in range(0, energy.n_members - group + 1, group):
        some = held.rows.take(held.left_out[first, :ROWS_FOR_WIDTHS])
        members = [*range(first, first + group)]
        pieces.append(Unseen(energy.known(params, some.X, members), some.y, some.weight))
    return pieces


def widened(energy: LatentEnergy, params: Params, held: Held) -> LatentEnergy:
    """The energy with the widths that suit rows which it has not seen."""
    units, group = energy.units, min(GROUP, energy.n_members)
    assert units is not None
    pieces, sharper = unseen_rows(energy, params, held, group), 1.0
    if not pieces:
        return energy
    if held.validation is None and group > 1:
        ones = unseen_rows(energy, params, held, 1)
        sharper = sharper_together(
            likeliest_beta(ones, units), likeliest_beta(pieces, units), energy.n_members
        )
    return energy.widened(fitted_widths(pieces, units, energy.narrowest, sharper))
