"""Bands of prediction regions over x, which join, split and end with the regions."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from sklearn_ebm._utils.parameters import Array


class Bands(NamedTuple):
    """The p pieces of bands between neighbouring values of x.

    Attributes
    ----------
    x : ndarray of shape (p, 2)
        Start and end of each piece.
    low, high : ndarray of shape (p, 2)
        Lower and upper limits of each piece at its start and end.
    """

    x: Array
    low: Array
    high: Array

    @property
    def polygons(self) -> Array:
        """Corners (p, 4, 2)."""
        x = np.column_stack([self.x, self.x[:, ::-1]])
        return np.stack([x, np.column_stack([self.low, self.high[:, ::-1]])], axis=-1)

    @property
    def edges(self) -> Array:
        """Lower and upper edges as segments (2p, 2, 2)."""
        return np.concatenate(
            [np.stack([self.x, self.low], axis=-1), np.stack([self.x, self.high], axis=-1)]
        )


def bands_of(x: Array, regions: Array, limits: tuple[float, float]) -> Bands:
    """Join the intervals of neighbouring values of x.

    If two neighbours have the same number of intervals, and their intervals match, bands connect
    them linearly. Otherwise a branch begins or ends, and each interval extends half way.

    Parameters
    ----------
    x : ndarray of shape (n_samples,)
        Increasing values of x.
    regions : ndarray of shape (n_samples, r, 2)
        Disjoint intervals, padded with NaN.
    limits : tuple of float
        Limits to which intervals are clipped, because calibrated regions may be infinite.

    Returns
    -------
    Bands

    Examples
    --------
    An interval that moves, and then splits:

    >>> regions = np.array(
    ...     [[[0, 2], [np.nan] * 2], [[1, 3], [np.nan] * 2], [[1, 2], [4, 5]]]
    ... )
    >>> bands = bands_of(np.arange(3.0), regions, (-9, 9))
    >>> bands.x.tolist()
    [[0.0, 1.0], [1.0, 1.5], [1.5, 2.0], [1.5, 2.0]]
    >>> bands.low.tolist()
    [[0.0, 1.0], [1.0, 1.0], [1.0, 1.0], [4.0, 4.0]]
    """
    pieces: list[tuple[float, float, float, float, float, float]] = []
    cut = np.clip(regions, *limits)  # NaN stays NaN
    intervals = [sorted(map(tuple, row[~np.isnan(row[:, 0])].tolist())) for row in cut]
    for i in range(len(x) - 1):
        here, there = intervals[i], intervals[i + 1]
        if _partners(here, there):
            pieces += [
                (x[i], x[i + 1], a[0], b[0], a[1], b[1]) for a, b in zip(here, there, strict=True)
            ]
        else:
            middle = (x[i] + x[i + 1]) / 2
            pieces += [(x[i], middle, low, low, high, high) for low, high in here]
            pieces += [(middle, x[i + 1], low, low, high, high) for low, high in there]
    table = np.array(pieces, dtype=np.float64).reshape(-1, 6)
    return Bands(table[:, 0:2], table[:, 2:4], table[:, 4:6])


def _partners(here: list[tuple[float, ...]], there: list[tuple[float, ...]]) -> bool:
    """Whether each interval continues in the interval nearest to it.

    On a steep narrow branch, neighbouring intervals do not overlap; they belong to the same branch
    if they move by less than the distance to the next interval.
    """
    if len(here) != len(there):
        return False
    if len(here) == 1:
        return True
    gaps = [b[0] - a[1] for row in (here, there) for a, b in pairwise(row)]
    moves = [max(abs(a[0] - b[0]), abs(a[1] - b[1])) for a, b in zip(here, there, strict=True)]
    overlaps = all(a[0] <= b[1] and b[0] <= a[1] for a, b in zip(here, there, strict=True))
    return overlaps or max(moves) <= min(gaps)


def cell_edges(x: Array) -> Array:
    """Edges (n + 1,) of cells around points (n,), half way between neighbouring points.

    Examples
    --------
    >>> cell_edges(np.array([0.0, 1.0, 3.0]))
    array([-0.5,  0.5,  2. ,  4. ])
    """
    inner = (x[1:] + x[:-1]) / 2
    return np.concatenate([[2 * x[0] - inner[0]], inner, [2 * x[-1] - inner[-1]]])
