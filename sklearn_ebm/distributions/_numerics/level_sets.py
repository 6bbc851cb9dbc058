"""Level sets {y: p(y) ≥ τ} of a scalar density: probability, ends, and τ of a probability."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm.distributions._numerics.cubics import Cubics, cubics_of
from sklearn_ebm.distributions._numerics.profile import Profile, pad_rows, profile_of
from sklearn_ebm.distributions._numerics.protocol import ResolvedDensity
from sklearn_ebm.distributions._numerics.quadrature import unit_rule
from sklearn_ebm.distributions._numerics.roots import find_roots, find_roots_by_slopes

#: Number of points of the quadrature of exp(cubic) in a cell.
N_POINTS = 4
#: Lowest threshold of log p, relative to its maximum.
LOWEST = -1e4

Mask = npt.NDArray[np.bool_]


class Crossed(NamedTuple):
    """Cells in which log p crosses a level, j of them.

    Attributes
    ----------
    which : ndarray of shape (j,)
        Index into the requested rows, sorted.
    row, cell : ndarray of shape (j,)
        Row and cell of the profile.
    enters : ndarray of bool of shape (j,)
        Whether the set begins in the cell, rather than ends.
    above : ndarray of bool of shape (r, g)
        Mask of the nodes in the set.
    """

    which: Index
    row: Index
    cell: Index
    enters: Mask
    above: Mask

    def total(self, below: Array) -> Array:
        """Probability of each set, from the distribution function at each crossing."""
        signed = np.where(self.enters, -below, below)
        total = np.bincount(self.which, signed, minlength=len(self.above))
        # A set that contains the last node extends to infinity.
        return np.clip(total + self.above[:, -1], 0.0, 1.0)


class LevelSets:
    """Level sets of the rows of a density, for any number of thresholds.

    Between two nodes log p is approximated by a cubic, which follows from values and slopes at the
    nodes. The exact search starts from this approximation, and needs two or three evaluations.

    Parameters
    ----------
    density : ResolvedDensity
        The densities; their profile is computed once.
    """

    def __init__(self, density: ResolvedDensity) -> None:
        self.density = density
        self.profile: Profile = profile_of(density)

    @cached_property
    def near_masses(self) -> Array:
        """Approximate probabilities of the cells, (n, g − 1), which sum to 1."""
        nodes, heights, slopes, *_ = self.profile
        cubic = cubics_of(nodes, heights, slopes)
        masses = _integral(cubic, np.ones(cubic[0].shape), np.diff(nodes, axis=1))
        return masses / masses.sum(axis=1, keepdims=True)

    @cached_property
    def _near_cumulative(self) -> Array:
        """Approximate distribution function at the nodes."""
        return np.cumsum(np.pad(self.near_masses, ((0, 0), (1, 0))), axis=1)

    def _crossed(self, log_level: Array, rows: Index) -> Crossed:
        above = self.profile.log_density[rows] >= log_level[:, None]
        which, cells = np.nonzero(above[:, 1:] != above[:, :-1])
        return Crossed(which, rows[which], cells, above[which, cells + 1], above)

    def _ends(self, crossed: Crossed) -> tuple[Array, Array]:
        """Ends of the cells."""
        nodes = self.profile.nodes
        return nodes[crossed.row, crossed.cell], nodes[crossed.row, crossed.cell + 1]

    def _cubics(self, crossed: Crossed) -> Cubics:
        """Coefficients of the cubic for log p in each cell."""
        both = crossed.row[:, None], crossed.cell[:, None] + np.arange(2)
        parts = (array[both] for array in self.profile[:3])
        return Cubics(*(c[:, 0] for c in cubics_of(*parts)))

    def _near_parts(self, crossed: Crossed, level: Array) -> tuple[Array, Array]:
        """Position of each crossing in its cell, from 0 to 1, and slope there, by the cubic."""
        low, high = self._ends(crossed)
        first, linear, square, cube = self._cubics(crossed)
        first = first - level

        def cubic(part: Array, i: Index) -> tuple[Array, Array]:
            value = first[i] + part * (linear[i] + part * (square[i] + part * cube[i]))
            return value, linear[i] + part * (2 * square[i] + 3 * part * cube[i])

        with np.errstate(all="ignore"):
            line = np.nan_to_num(-first / (linear + square + cube), nan=0.5)
            zeros = np.zeros(len(first))
            part = find_roots_by_slopes(
                cubic, zeros, zeros + 1, crossed.enters, line, tolerance=1e-6, max_iterations=20
            )
            slope = cubic(part, np.arange(len(first)))[1] / (high - low)
        return np.where(np.isfinite(part), part, 0.5), slope

    def _crossings(
        self, log_level: Array, rows: Index, tolerance: float = 1e-13
    ) -> tuple[Crossed, Array, Array]:
        """Points at which log p of some rows crosses a level, and approximate slopes there."""
        crossed = self._crossed(log_level, rows)
        level = log_level[crossed.which]
        low, high = self._ends(crossed)
        part, slope = self._near_parts(crossed, level)

        def over(x: Array, index: Index) -> tuple[Array, Array]:
            height, slope = self.density._of_pairs("_log_prob_and_slope", x, crossed.row[index])
            return height - level[index], slope

        start = low + part * (high - low)
        points = find_roots_by_slopes(over, low, high, crossed.enters, start, tolerance=tolerance)
        return crossed, points, slope

    def mass(self, log_level: Array, rows: Index) -> Array:
        """Compute P(log p(Y) ≥ level) of some rows, with an error of 1e-10 of a cell.

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
        """Probability, and its approximate derivative in the level, −Σ exp(level)/abs(slope)."""
        crossed, points, slope = self._crossings(log_level, rows, tolerance=1e-10)
        total = crossed.total(self.density._of_pairs("_cdf", points, crossed.row))
        with np.errstate(all="ignore"):
            widths = np.bincount(crossed.which, 1 / np.abs(slope), minlength=len(rows))
            return total, -np.exp(log_level) * widths

    def _near_mass(self, log_level: Array, rows: Index) -> Array:
        """Approximate probability, from the cubics alone."""
        crossed = self._crossed(log_level, rows)
        part, _ = self._near_parts(crossed, log_level[crossed.which])
        row, cell = crossed.row, crossed.cell
        low, high = self._ends(crossed)
        mass = _integral(self._cubics(crossed), part, high - low)
        below = self._near_cumulative[row, cell] + np.fmin(mass, self.near_masses[row, cell])
        return crossed.total(below)

    def threshold(self, level: float) -> Array:
        """Compute log τ with P(p(Y) ≥ τ) = level, of shape (n_samples,)."""
        near_low, near_high = self._enclose(level)
        rows = np.arange(len(near_low))

        def near_missing(log_level: Array, index: Index) -> Array:
            return level - self._near_mass(log_level, index)

        def missing(log_level: Array, index: Index) -> tuple[Array, Array]:
            mass, slope = self._mass_and_slope(log_level, index)
            return level - mass, -slope

        at_low, at_high = near_missing(near_low, rows), near_missing(near_high, rows)
        start = find_roots(
            near_missing, near_low, near_high, at_low, at_high, enough=1e-5, tolerance=1e-6
        )
        # The approximation may be wrong, so the exact search allows all heights.
        heights = self.profile.log_density
        highest = heights.max(axis=1)
        low = np.maximum(heights.min(axis=1), highest + LOWEST)
        rising = np.ones(len(rows), dtype=bool)
        return find_roots_by_slopes(
            missing, low, highest, rising, start, enough=1e-9, tolerance=0.0, near_slopes=True
        )

    def _enclose(self, level: float) -> tuple[Array, Array]:
        """Bounds of the approximate threshold, from the probabilities of the cells.

        The cells whose lower ends are above the first bound have at least the probability `level`;
        those whose upper ends are above the second bound have less.
        """
        heights, masses = self.profile.log_density, self.near_masses
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
        """Compute the intervals of {y: log p(y) ≥ level}, (n_samples, r, 2), padded with NaN."""
        n_rows = len(log_level)
        crossed, points, _ = self._crossings(log_level, np.arange(n_rows))
        which, enters, above = crossed.which, crossed.enters, crossed.above
        nodes = self.profile.nodes
        sides = []
        for mine, edge in ((enters, 0), (~enters, -1)):
            # A set that contains the outermost node begins or ends there; the rest is negligible.
            outer = np.flatnonzero(above[:, edge])
            rows = np.concatenate([which[mine], outer])
            ends = np.concatenate([points[mine], nodes[outer, edge]])
            order = np.lexsort((ends, rows))
            sides.append(pad_rows(rows[order], ends[order], n_rows))
        return np.stack(sides, axis=2)


def _integral(cubic: Cubics, part: Array, width: Array) -> Array:
    """∫ exp(cubic) over the first part of cells, by quadrature; 0 instead of NaN or infinity."""
    points, weights = unit_rule(N_POINTS)
    total = np.zeros(part.shape)
    with np.errstate(all="ignore"):
        for point, weight in zip(points, weights, strict=True):
            total += weight * np.exp(cubic(part * point))
        total *= part * width
    return np.nan_to_num(total, nan=0.0, posinf=0.0)
