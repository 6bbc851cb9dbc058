"""The sets {y: p(y) ≥ τ} of a scalar density: their mass, their ends, and τ for a given mass."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from sklearn_ebm._params import Array, Index
from sklearn_ebm.distributions.profile import Profile, pad_rows, profile_of
from sklearn_ebm.distributions.roots import find_roots, find_roots_by_slopes

if TYPE_CHECKING:
    from sklearn_ebm.distributions.scalar import ScalarDistribution

Mask = npt.NDArray[np.bool_]


class Crossed(NamedTuple):
    """Cells in which log p crosses a level, j of them.

    Attributes
    ----------
    which : ndarray of shape (j,)
        The entry of the rows that were asked about, in order.
    row, cell : ndarray of shape (j,)
        Where it is among the nodes of the profile.
    enters : ndarray of bool of shape (j,)
        Whether the set begins there.
    above : ndarray of bool of shape (r, g)
        Which nodes of the rows are in the set.
    """

    which: Index
    row: Index
    cell: Index
    enters: Mask
    above: Mask

    def total(self, below: Array) -> Array:
        """Mass of the sets, from the mass below each crossing."""
        signed = np.where(self.enters, -below, below)
        total = np.bincount(self.which, signed, minlength=len(self.above))
        # A set that holds the last node ends at infinity.
        return np.clip(total + self.above[:, -1], 0.0, 1.0)


class LevelSets:
    """Level sets of the rows of a density, for as many thresholds as one likes.

    Between two nodes log p is near a cubic, and the distribution function near a polynomial of
    degree five, both known from the nodes. What they say is where the search for the exact answer
    starts: the density itself is then asked two or three times.

    Parameters
    ----------
    density : ScalarDistribution
        The densities; their profile is worked out once.
    """

    def __init__(self, density: ScalarDistribution) -> None:
        self.density = density
        self.profile: Profile = profile_of(density)

    @cached_property
    def cumulative(self) -> Array:
        """The distribution function at the nodes."""
        return self.density._cdf(self.profile.nodes)

    def _crossed(self, log_level: Array, rows: Index) -> Crossed:
        above = self.profile.log_density[rows] >= log_level[:, None]
        which, cells = np.nonzero(above[:, 1:] != above[:, :-1])
        return Crossed(which, rows[which], cells, above[which, cells + 1], above)

    def _ends(self, crossed: Crossed) -> tuple[Array, Array]:
        """Ends of the cells."""
        nodes = self.profile.nodes
        return nodes[crossed.row, crossed.cell], nodes[crossed.row, crossed.cell + 1]

    def _near_parts(self, crossed: Crossed, level: Array) -> tuple[Array, Array]:
        """Which part of its cell lies before each crossing, by the cubic, and the slope there."""
        low, high = self._ends(crossed)
        width = high - low
        _, heights, slopes, *_ = self.profile
        row, cell = crossed.row, crossed.cell
        first, last = heights[row, cell] - level, heights[row, cell + 1] - level
        at_first, at_last = slopes[row, cell] * width, slopes[row, cell + 1] * width
        rise = last - first
        square, cube = 3 * rise - 2 * at_first - at_last, at_first + at_last - 2 * rise

        def cubic(part: Array, i: Index) -> tuple[Array, Array]:
            value = first[i] + part * (at_first[i] + part * (square[i] + part * cube[i]))
            return value, at_first[i] + part * (2 * square[i] + 3 * part * cube[i])

        with np.errstate(all="ignore"):
            line = np.nan_to_num(-first / rise, nan=0.5)
            zeros = np.zeros(len(row))
            part = find_roots_by_slopes(
                cubic, zeros, zeros + 1, crossed.enters, line, tolerance=1e-9, max_iterations=40
            )
            slope = cubic(part, np.arange(len(row)))[1] / width
        return np.where(np.isfinite(part), part, 0.5), slope

    def _crossings(
        self, log_level: Array, rows: Index, tolerance: float = 1e-13
    ) -> tuple[Crossed, Array, Array]:
        """Where log p of some rows crosses a level, and its slope there, nearly."""
        crossed = self._crossed(log_level, rows)
        level = log_level[crossed.which]
        low, high = self._ends(crossed)
        part, slope = self._near_parts(crossed, level)

        def over(x: Array, index: Index) -> tuple[Array, Array]:
            height, slope = self.density._of_pairs("_logpdf_and_slope", x, crossed.row[index])
            return height - level[index], slope

        start = low + part * (high - low)
        points = find_roots_by_slopes(over, low, high, crossed.enters, start, tolerance=tolerance)
        return crossed, points, slope

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
        return self._mass_and_slope(log_level, rows)[0]

    def _mass_and_slope(self, log_level: Array, rows: Index) -> tuple[Array, Array]:
        """The mass, and its derivative by the level, −Σ exp(level)/|slope|, nearly."""
        crossed, points, slope = self._crossings(log_level, rows, tolerance=1e-10)
        total = crossed.total(self.density._of_pairs("_cdf", points, crossed.row))
        with np.errstate(all="ignore"):
            widths = np.bincount(crossed.which, 1 / np.abs(slope), minlength=len(rows))
            return total, -np.exp(log_level) * widths

    def _near_mass(self, log_level: Array, rows: Index) -> Array:
        """The mass, by polynomials of degree five between the nodes."""
        crossed = self._crossed(log_level, rows)
        part, _ = self._near_parts(crossed, log_level[crossed.which])
        row, cell = crossed.row, crossed.cell
        low, high = self._ends(crossed)
        width = high - low
        with np.errstate(all="ignore"):
            ends = []
            for node in (cell, cell + 1):
                first = width * np.exp(self.profile.log_density[row, node])
                second = width * first * self.profile.slope[row, node]
                ends.append((self.cumulative[row, node], first, second))
            below = np.clip(_quintic(part, *ends), ends[0][0], ends[1][0])
        return crossed.total(np.where(np.isnan(below), ends[0][0], below))

    def threshold(self, level: float) -> Array:
        """Log τ with P(p(Y) ≥ τ) = level, of shape (n,)."""
        low, high = self._enclose(level)
        rows = np.arange(len(low))

        def near_missing(log_level: Array, index: Index) -> Array:
            return level - self._near_mass(log_level, index)

        def missing(log_level: Array, index: Index) -> tuple[Array, Array]:
            mass, slope = self._mass_and_slope(log_level, index)
            return level - mass, -slope

        at_low, at_high = near_missing(low, rows), near_missing(high, rows)
        start = find_roots(near_missing, low, high, at_low, at_high, enough=1e-9, tolerance=1e-9)
        rising = np.ones(len(low), dtype=bool)
        return find_roots_by_slopes(missing, low, high, rising, start, enough=1e-9)

    def _enclose(self, level: float) -> tuple[Array, Array]:
        """Heights of nodes between which the threshold lies, from the masses of the cells.

        Of the cells sorted by their lower ends, as many as hold the level lie above the first
        height; of those sorted by their upper ends, fewer than hold it reach above the second.
        """
        heights, masses = self.profile.log_density, np.diff(self.cumulative, axis=1)
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
        crossed, points, _ = self._crossings(log_level, np.arange(n_rows))
        which, enters, above = crossed.which, crossed.enters, crossed.above
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


def _quintic(
    part: Array, low: tuple[Array, Array, Array], high: tuple[Array, Array, Array]
) -> Array:
    """The polynomial of degree five on [0, 1] with these values and derivatives at its ends."""
    rest = high[0] - low[0] - low[1] - low[2] / 2
    slope = high[1] - low[1] - low[2]
    bend = high[2] - low[2]
    third = 10 * rest - 4 * slope + bend / 2
    fourth = -15 * rest + 7 * slope - bend
    fifth = 6 * rest - 3 * slope + bend / 2
    return low[0] + part * (
        low[1] + part * (low[2] / 2 + part * (third + part * (fourth + part * fifth)))
    )
