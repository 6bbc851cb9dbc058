"""The sets {y: p(y) ≥ τ} of a scalar density: their mass, their ends, and τ for a given mass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sklearn_ebm._params import Array, Index
from sklearn_ebm.distributions.profile import Profile, pad_rows, profile_of
from sklearn_ebm.distributions.roots import find_roots

if TYPE_CHECKING:
    from sklearn_ebm.distributions.scalar import ScalarDistribution

Mask = npt.NDArray[np.bool_]


class LevelSets:
    """Level sets of the rows of a density, for as many thresholds as one likes.

    Parameters
    ----------
    density : ScalarDistribution
        The densities; their profile is worked out once.
    """

    def __init__(self, density: ScalarDistribution) -> None:
        self.density = density
        self.profile: Profile = profile_of(density)

    def _crossings(
        self, log_level: Array, rows: Index, tolerance: float = 1e-13
    ) -> tuple[Index, Array, Mask, Mask]:
        """Where log p of some rows crosses a level.

        Returns
        -------
        which, points, enters, above
            The entry of `rows` that each crossing belongs to, in order; where it is; whether the
            set begins there; and which nodes are in the set.
        """
        nodes, heights = self.profile.nodes, self.profile.log_density
        above = heights[rows] >= log_level[:, None]
        which, cells = np.nonzero(above[:, 1:] != above[:, :-1])
        row, level = rows[which], log_level[which]

        def over(x: Array, index: Index) -> Array:
            return self.density[row[index]]._logpdf(x[:, None])[:, 0] - level[index]

        at_low, at_high = heights[row, cells] - level, heights[row, cells + 1] - level
        low, high = nodes[row, cells], nodes[row, cells + 1]
        points = find_roots(over, low, high, at_low, at_high, tolerance=tolerance)
        return which, points, above[which, cells + 1], above

    def mass(self, log_level: Array, rows: Index) -> Array:
        """P(log p(Y) ≥ level) of some rows, to 1e-10 of the mass of a cell.

        Parameters
        ----------
        log_level : ndarray of shape (j,)
        rows : ndarray of shape (j,)

        Returns
        -------
        ndarray of shape (j,)
        """
        which, points, enters, above = self._crossings(log_level, rows, tolerance=1e-10)
        below = self.density[rows[which]]._cdf(points[:, None])[:, 0]
        total = np.bincount(which, np.where(enters, -below, below), minlength=len(rows))
        # A set that holds the last node ends at infinity.
        return np.clip(total + above[:, -1], 0.0, 1.0)

    def threshold(self, level: float) -> Array:
        """Log τ with P(p(Y) ≥ τ) = level, of shape (n,)."""
        low, high = self._enclose(level)
        rows = np.arange(len(low))

        def missing(log_level: Array, index: Index) -> Array:
            return level - self.mass(log_level, index)

        at_low, at_high = missing(low, rows), missing(high, rows)
        return find_roots(missing, low, high, at_low, at_high, enough=1e-9)

    def _enclose(self, level: float) -> tuple[Array, Array]:
        """Heights of nodes between which the threshold lies, from the masses of the cells.

        Of the cells sorted by their lower ends, as many as hold the level lie above the first
        height; of those sorted by their upper ends, fewer than hold it reach above the second.
        """
        nodes, heights = self.profile.nodes, self.profile.log_density
        masses = np.diff(self.density._cdf(nodes), axis=1)
        ends = []
        for pick in (np.minimum, np.maximum):
            edge = pick(heights[:, 1:], heights[:, :-1])
            order = np.argsort(-edge, axis=1)
            held = np.cumsum(np.take_along_axis(masses, order, axis=1), axis=1)
            last = np.minimum((held < level).sum(axis=1), edge.shape[1] - 1)
            chosen = np.take_along_axis(order, last[:, None], axis=1)
            ends.append(np.take_along_axis(edge, chosen, axis=1)[:, 0])
        return ends[0], ends[1]

    def intervals(self, log_level: Array) -> Array:
        """The intervals of {y: log p(y) ≥ level}, of shape (n, r, 2), NaN-padded."""
        n_rows = len(log_level)
        which, points, enters, above = self._crossings(log_level, np.arange(n_rows))
        nodes = self.profile.nodes
        sides = []
        for mine, edge in ((enters, 0), (~enters, -1)):
            # A set that holds the outermost node begins or ends there: no mass lies beyond.
            outer = np.flatnonzero(above[:, edge])
            rows = np.concatenate([which[mine], outer])
            ends = np.concatenate([points[mine], nodes[outer, edge]])
            order = np.lexsort((ends, rows))
            sides.append(pad_rows(rows[order], ends[order], n_rows))
        return np.stack(sides, axis=2)
