"""Adaptive grids on which a piecewise cubic agrees with the energy of a scalar answer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.tiles import row_blocks
from sklearn_ebm.distributions._numerics.cubics import sorted_by_first
from sklearn_ebm.distributions._numerics.profile import pad_rows
from sklearn_ebm.samplers.base import Surface

#: Number of points of the first grid, and of cells that widen it at one end.
FIRST_POINTS, WIDER_BY = 65, 16
#: Largest number of points of a row, of halvings, and of times that a grid is widened.
MOST_POINTS, MOST_HALVINGS, MOST_WIDENINGS = 1500, 30, 24
#: Depth below the maximum, in nats, beyond which log p need not be accurate.
DEEP = 25.0
#: Largest estimated error of log p in a cell at the maximum, in nats; a halved cell with this
#: error differed from the energy by 16 times as much at its middle.
TOLERANCE = 5e-5
#: Largest change of log p in a cell by the steeper of its slopes at the maximum, in nats, and its
#: increase for each nat of depth: quadrature with 8 points has a relative error of 1e-10 there.
STEEPEST, STEEPER = 6.0, 0.6
#: Energy of impossible answers above the lowest energy, in nats.
IMPOSSIBLE = 1e4
#: Largest probability beyond either end.
NEGLIGIBLE = 1e-13
#: Smallest width of a cell, as a part of the first grid.
NARROWEST = 1e-7
#: Number of rows whose grids are refined together, and whose energies are computed together.
ROWS_TOGETHER, ROWS_ASKED = 256, 32


class Grid(NamedTuple):
    """Energies on sorted points; the last point of a row is repeated as padding.

    Attributes
    ----------
    points : ndarray of shape (n_samples, g)
        Answers.
    energies, slopes : ndarray of shape (n_samples, g)
        Energies and their derivatives.
    errors : ndarray of shape (n_samples, g)
        Estimated error of the cubic in the cell after each point, in nats; inf if it is unknown.
    """

    points: Array
    energies: Array
    slopes: Array
    errors: Array


class GridBuilder:
    """A grid that grows where the cubic through values and slopes differs from the energy.

    Parameters
    ----------
    surface : Surface
        Energies of n samples with one output.
    low, high : ndarray of shape (n_samples,)
        Ends of the first grid.

    Raises
    ------
    ValueError
        If an energy is NaN or −inf, or if all energies of a sample on the first grid are +inf.
    """

    def __init__(self, surface: Surface, low: Array, high: Array) -> None:
        self.surface = surface
        self.narrowest = NARROWEST * (high - low)[:, None]
        #: Energy of impossible answers of each row.
        self.ceiling = np.full((len(low), 1), np.inf)
        points = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, FIRST_POINTS)
        energies, slopes = self.ask(points)
        lowest = np.where(np.isfinite(energies), energies, np.inf).min(axis=1, initial=np.inf)
        if (lowest == np.inf).any():
            raise ValueError(
                "All energies of a sample are infinite between low and high, so that no answer is "
                "possible; use limits that contain possible answers."
            )
        self.ceiling = lowest[:, None] + IMPOSSIBLE
        energies = np.where(energies == np.inf, self.ceiling, energies)
        self.grid = Grid(points, energies, slopes, np.full(points.shape, np.inf))

    def build(self) -> Grid:
        """Refine the grid, and widen it until the probability beyond its ends is negligible.

        Raises
        ------
        ValueError
            If the energy does not increase beyond the ends, so that there is no density.
        """
        for _ in range(MOST_WIDENINGS):
            self._refine()
            if not self._widened():
                return self.grid
        raise ValueError(
            "The energy does not increase far from the answers, so that exp(−energy) has no finite "
            "integral; add a term to it that grows with |y|, such as a multiple of y²."
        )

    def ask(self, points: Array) -> tuple[Array, Array]:
        """Energies and slopes at points padded with NaN; rows with similar counts together."""
        energies, slopes = np.full(points.shape, np.nan), np.full(points.shape, np.nan)
        counts = np.isfinite(points).sum(axis=1)
        order = np.argsort(counts, kind="stable")
        order = order[counts[order] > 0]
        for some in row_blocks(len(order), 1, ROWS_ASKED):
            rows = order[some]
            most = int(counts[rows[-1]])
            asked = points[rows, :most]
            known = np.isfinite(asked)
            answers = np.where(known, asked, asked[:, :1])
            energy, slope = self.surface[rows].energies_and_slopes(answers[:, :, None])
            slope = np.where(energy == np.inf, 0.0, slope[:, :, 0])
            if not ((energy > -np.inf) & np.isfinite(slope)).all():
                raise ValueError(
                    "Some energies or slopes are NaN or −inf, so that they define no density; an "
                    "energy must be a number, or +inf where an answer is impossible."
                )
            energy = np.where(energy == np.inf, self.ceiling[rows], energy)
            energies[rows, :most] = np.where(known, energy, np.nan)
            slopes[rows, :most] = np.where(known, slope, np.nan)
        return energies, slopes

    def _insert(self, *new: Array) -> None:
        """Insert points padded with NaN, and the energies, slopes and errors there."""
        pairs = zip(self._padded(), new, strict=True)
        self.grid = Grid(*sorted_by_first([np.concatenate(pair, axis=1) for pair in pairs]))

    def _padded(self) -> Grid:
        """The grid with NaN instead of the repetitions of the last point."""
        again = np.zeros(self.grid.points.shape, dtype=bool)
        again[:, 1:] = self.grid.points[:, 1:] <= self.grid.points[:, :-1]
        return Grid(*(np.where(again, np.nan, array) for array in self.grid))

    def _refine(self) -> None:
        """Halve the cells that contribute to the integral and are not accurate."""
        for _ in range(MOST_HALVINGS):
            rows, cells = np.nonzero(self._inaccurate())
            if not len(rows):
                break
            self._halve(rows, cells)

    def _inaccurate(self) -> Array:
        """Mask (n, g − 1) of the cells to halve."""
        points, energies, slopes, errors = self.grid
        width = np.diff(points, axis=1)
        lowest = energies.min(axis=1, keepdims=True)
        depth = np.minimum(energies[:, 1:], energies[:, :-1]) - lowest
        # Between two slopes that lead downwards the energy may be lower, at most by this.
        inward = np.minimum(-slopes[:, :-1], slopes[:, 1:])
        possible = np.maximum(depth - np.maximum(inward, 0.0) * width, 0.0)
        steepness = np.maximum(np.abs(slopes[:, :-1]), np.abs(slopes[:, 1:])) * width
        steep = steepness > STEEPEST + STEEPER * depth
        rough = errors[:, :-1] > TOLERANCE * np.exp(np.minimum(possible, DEEP) / 4)
        counts = (width > 0).sum(axis=1, keepdims=True)
        allowed = (width > self.narrowest) & (counts < MOST_POINTS)
        return (possible < DEEP) & (steep | rough) & allowed

    def _halve(self, rows: Index, cells: Index) -> None:
        """Add the middle of some cells, and estimate the errors of their halves.

        The difference of a cubic from a smooth function is t²(1 − t)²(a + b (t − ½)) in a cell: a
        follows from the value at the middle, and b from the slope. Halving divides a by 16 and b by
        32.
        """
        n_rows = len(self.grid.points)
        low, high = ([array[rows, cells + k] for array in self.grid[:3]] for k in (0, 1))
        width = high[0] - low[0]
        middle = 0.5 * (low[0] + high[0])
        points = pad_rows(rows, middle, n_rows)
        value = 0.5 * (low[1] + high[1]) + width / 8 * (low[2] - high[2])
        slope = 1.5 * (high[1] - low[1]) / width - 0.25 * (low[2] + high[2])
        energies, slopes = self.ask(points)
        place = np.isfinite(points)
        off = np.abs(energies[place] - value) / 16
        off += np.abs(slopes[place] - slope) * width * (0.14 / 32)
        self.grid.errors[rows, cells] = off
        self._insert(points, energies, slopes, pad_rows(rows, off, n_rows))

    def _widened(self) -> bool:
        """Widen the rows with probability beyond their ends by half; False if there are none."""
        points, energies, slopes, _ = self.grid
        first, last = points[:, 0], points[:, -1]
        density = np.exp(energies.min(axis=1, keepdims=True) - energies)
        total = (np.diff(points, axis=1) * (density[:, 1:] + density[:, :-1])).sum(axis=1) / 2
        parts = []
        for end, side, outward in ((0, -1, -slopes[:, 0]), (-1, 1, slopes[:, -1])):
            with np.errstate(divide="ignore", invalid="ignore"):
                beyond = np.where(outward > 0, density[:, end] / outward, np.inf)
            # Where answers are impossible the energy may be constant.
            beyond[density[:, end] < np.exp(-100)] = 0.0
            reach = np.where(beyond > NEGLIGIBLE * total, 0.5 * (last - first), np.nan)
            steps = side * np.arange(1, WIDER_BY + 1) / WIDER_BY
            parts.append(points[:, [end]] + reach[:, None] * steps)
        added = np.sort(np.concatenate(parts, axis=1), axis=1)  # NaN last
        if not np.isfinite(added).any():
            return False
        self._insert(added, *self.ask(added), np.full(added.shape, np.inf))
        return True
