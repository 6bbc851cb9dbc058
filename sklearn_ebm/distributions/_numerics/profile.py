"""Monotone pieces and extrema of a scalar density."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm._utils.tiles import row_blocks
from sklearn_ebm.distributions._numerics.protocol import ResolvedDensity
from sklearn_ebm.distributions._numerics.roots import find_roots

TINY = np.finfo(np.float64).tiny
#: Largest number of times that a cell is halved.
HALVINGS = 6
#: Largest sum of the slopes at both ends of a cell, relative to its mean slope, without halving.
MOST_BENDING = 2.5
#: Number of rows that are processed together.
ROWS_TOGETHER = 32
#: Slope, relative to the slopes at the ends of a cell, that counts as zero.
STEEPNESS_LEFT = 1e-11


class Profile(NamedTuple):
    """Points between which log p is monotone, and its extrema.

    Attributes
    ----------
    nodes : ndarray of shape (n_samples, g)
        The knots of the density and its extrema, sorted.
    log_density : ndarray of shape (n_samples, g)
        log p at the nodes.
    slope : ndarray of shape (n_samples, g)
        d log p / dy there; 0 at the extrema.
    peaks : ndarray of shape (n_samples, r)
        Local maxima from left to right, NaN-padded.
    valleys : ndarray of shape (n_samples, r − 1)
        The minima between them, NaN-padded.
    """

    nodes: Array
    log_density: Array
    slope: Array
    peaks: Array
    valleys: Array


class _Cells(NamedTuple):
    """Cells in which the slope of log p changes its sign, with the values at their ends."""

    rows: Index
    cells: Index
    low: Array
    high: Array
    rise: Array
    at_low: Array
    at_high: Array

    def those(self, chosen: npt.NDArray[np.bool_]) -> _Cells:
        """Return the cells of a mask."""
        rows, cells, *ends = self
        return _Cells(rows[chosen], cells[chosen], *(array[chosen] for array in ends))


def profile_of(density: ResolvedDensity) -> Profile:
    """Find the extrema of each row and insert them between its knots.

    A cell contains an extremum if the slope of log p changes its sign. The probability beyond the
    knots is negligible, so the density counts as rising before the first knot and as falling after
    the last one.
    """
    knots, log_density, slope = _refined(density)
    turning = _turning(knots, log_density, slope)
    extrema = pad_rows(turning.rows, _extrema(density, turning), len(knots))
    inserted = np.where(np.isnan(extrema), knots[:, -1:], extrema)
    nodes = np.concatenate([knots, inserted], axis=1)
    heights = np.concatenate([log_density, by_need(density, type(density)._log_prob, inserted)], 1)
    level = np.where(np.isnan(extrema), slope[:, -1:], 0.0)
    slopes = np.concatenate([slope, level], axis=1)
    order = np.argsort(nodes, axis=1, kind="stable")
    return Profile(
        np.take_along_axis(nodes, order, axis=1),
        np.take_along_axis(heights, order, axis=1),
        np.take_along_axis(slopes, order, axis=1),
        extrema[:, ::2],
        extrema[:, 1::2],
    )


def global_mode(density: ResolvedDensity) -> Array:
    """Compute argmax_y p(y) of each row; cells that cannot contain it are not searched.

    If log p is concave in a cell, it exceeds the values at the ends by at most the steeper slope
    times the width; twice as much is assumed.
    """
    knots, log_density, slope = _refined(density)
    best = log_density.argmax(axis=1)[:, None]
    points, heights = (np.take_along_axis(a, best, axis=1)[:, 0] for a in (knots, log_density))
    turning = _turning(knots, log_density, slope)
    rows, cells = turning.rows, turning.cells
    steepest = np.maximum(np.abs(turning.at_low), np.abs(turning.at_high))
    most = np.maximum(log_density[rows, cells], log_density[rows, cells + 1])
    most = most + 2 * steepest * (turning.high - turning.low)
    # Maxima and minima of a row alternate, beginning with a maximum.
    first = np.cumsum(np.bincount(rows, minlength=len(knots)))
    first = np.concatenate([[0], first[:-1]])
    peaks = (np.arange(len(rows)) - first[rows]) % 2 == 0
    turning = turning.those(peaks & (most >= heights[rows]))
    found = _extrema(density, turning)
    height = density._of_pairs("_log_prob", found, turning.rows)
    # Sorted by height, so that the highest of a row is written last.
    order = np.argsort(height, kind="stable")
    order = order[height[order] >= heights[turning.rows[order]]]
    points[turning.rows[order]] = found[order]
    return points


def _turning(knots: Array, log_density: Array, slope: Array) -> _Cells:
    rising = slope >= 0
    rising[:, 0], rising[:, -1] = True, False
    rows, cells = np.nonzero(rising[:, 1:] != rising[:, :-1])
    at_low, at_high = slope[rows, cells], slope[rows, cells + 1]
    # A slope of 0 counts as rising, because the extremum may be elsewhere if the slope jumps.
    at_low[at_low == 0], at_high[at_high == 0] = TINY, TINY
    # If the slope at an outermost knot has the other sign, the knot itself is the extremum.
    at_low[(cells == 0) & (at_low < 0)] = 0.0
    at_high[(cells == knots.shape[1] - 2) & (at_high > 0)] = 0.0
    low, high = knots[rows, cells], knots[rows, cells + 1]
    rise = log_density[rows, cells + 1] - log_density[rows, cells]
    return _Cells(rows, cells, low, high, rise, at_low, at_high)


def _extrema(density: ResolvedDensity, turning: _Cells) -> Array:
    """Points at which the slope is 0, one for each cell."""
    rows, _, low, high, rise, at_low, at_high = turning

    def slope_at(x: Array, index: Index) -> Array:
        return density._of_pairs("_log_prob_and_slope", x, rows[index])[1]

    width = high - low
    return find_roots(
        slope_at,
        low,
        high,
        at_low,
        at_high,
        enough=STEEPNESS_LEFT * np.minimum(np.abs(at_low), np.abs(at_high)),
        start=low + width * _turn(rise, at_low * width, at_high * width),
    )


def _turn(rise: Array, at_low: Array, at_high: Array) -> Array:
    """Extremum of the cubic in a cell of length 1, given its rise and slopes of opposite signs."""
    with np.errstate(all="ignore"):
        square = 3 * (at_low + at_high - 2 * rise)
        linear = 6 * rise - 4 * at_low - 2 * at_high
        root = np.sqrt(np.maximum(linear**2 - 4 * square * at_low, 0.0))
        pivot = -0.5 * (linear + np.copysign(root, linear))
        one, other = pivot / square, at_low / pivot
        turn = np.where((one >= 0) & (one <= 1), one, other)
    return np.where((turn >= 0) & (turn <= 1), turn, 0.5)


def _refined(density: ResolvedDensity) -> tuple[Array, Array, Array]:
    """Knots, log p and its slope there, with halved cells if they may contain two more extrema.

    If the slopes at the ends of a cell have the same sign, the cubic through values and slopes is
    monotone if the slopes sum to at most three times the mean slope; for a parabola the factor is
    2. If they sum to more than 2.5 times the mean slope, log p may not be monotone. A cell with an
    extremum may contain three, which cannot be seen from its ends, so it is halved once.
    """
    knots = density._knots()
    log_density, slope = by_need(density, type(density)._log_prob_and_slope, knots)
    for halving in range(HALVINGS):
        with np.errstate(invalid="ignore", over="ignore"):
            ends = slope[:, 1:] + slope[:, :-1]
            most = MOST_BENDING * np.diff(log_density, axis=1) * np.sign(ends)
            together = slope[:, 1:] * slope[:, :-1]
            # A slope of 0 counts as rising, as in `_turning`: a peak may lie exactly on a knot.
            rising = slope >= 0
            doubtful = (together > 0) | ((together == 0) & (rising[:, 1:] == rising[:, :-1]))
            doubtful &= np.abs(ends) * np.diff(knots, axis=1) > most
            if halving == 0:
                doubtful |= together < 0
        rows, cells = np.nonzero(doubtful)
        if not len(rows):
            break
        added = pad_rows(rows, (knots[rows, cells] + knots[rows, cells + 1]) / 2, len(knots))
        added = np.where(np.isnan(added), knots[:, -1:], added)
        new = (added, *by_need(density, type(density)._log_prob_and_slope, added))
        knots, log_density, slope = (
            np.concatenate(pair, axis=1)
            for pair in zip((knots, log_density, slope), new, strict=True)
        )
        order = np.argsort(knots, axis=1, kind="stable")
        knots, log_density, slope = (
            np.take_along_axis(array, order, axis=1) for array in (knots, log_density, slope)
        )
    return knots, log_density, slope


def by_need(density: ResolvedDensity, method: Callable[..., Any], points: Array) -> Array:
    """Apply a method to sorted points (n, g), whose last one may be repeated in a row.

    Rows with similar numbers of distinct points are processed together, so that repetitions cost
    little. The result has the shape (n, g), or (2, n, g) if the method returns two arrays.
    """
    n_rows, n_points = points.shape
    needed = np.minimum((points < points[:, -1:]).sum(axis=1) + 1, n_points)
    order = np.argsort(needed, kind="stable")
    result: Array | None = None
    for some in row_blocks(n_rows, 1, ROWS_TOGETHER):
        rows = order[some]
        most = int(needed[rows[-1]])
        part = np.asarray(method(density[rows], points[rows, :most]))
        if result is None:
            result = np.empty((*part.shape[:-2], n_rows, n_points))
        result[..., rows, :most] = part
        result[..., rows, most:] = part[..., -1:]
    return np.asarray(method(density, points)) if result is None else result


def pad_rows(rows: Index, values: Array, n_rows: int, fill: float = np.nan) -> Array:
    """Arrange values of sorted row indices as an array with one row for each index, padded.

    Examples
    --------
    >>> import numpy as np
    >>> pad_rows(np.array([0, 0, 2]), np.array([1.0, 2.0, 3.0]), 3)
    array([[ 1.,  2.],
           [nan, nan],
           [ 3., nan]])
    """
    counts = np.bincount(rows, minlength=n_rows)
    padded = np.full((n_rows, int(counts.max(initial=0))), fill)
    first = np.cumsum(counts) - counts
    padded[rows, np.arange(len(rows)) - first[rows]] = values
    return padded
