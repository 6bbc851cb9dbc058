"""Piecewise cubics for log-densities, through values and slopes at nodes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import erfcx

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm.distributions._numerics.profile import pad_rows


class Cubics(NamedTuple):
    """Cubics c + t (l + t (s + t k)) with t from 0 to 1, one for each cell.

    Attributes
    ----------
    constant, linear, square, cube : ndarray
        Coefficients c, l, s and k, of the same shape.
    """

    constant: Array
    linear: Array
    square: Array
    cube: Array

    def __call__(self, t: Array | float) -> Array:
        """Compute the values at t."""
        return self.constant + t * (self.linear + t * (self.square + t * self.cube))

    def slopes(self, t: Array | float) -> Array:
        """Compute the derivatives in t."""
        return self.linear + t * (2 * self.square + 3 * t * self.cube)

    def turns(self) -> tuple[Array, Array]:
        """Compute the two points of slope 0; NaN if there are none."""
        with np.errstate(all="ignore"):
            discriminant = self.square**2 - 3 * self.cube * self.linear
            pivot = -(self.square + np.copysign(np.sqrt(discriminant), self.square))
            return pivot / (3 * self.cube), self.linear / pivot


def cubics_between(low: tuple[Array, Array], high: tuple[Array, Array], width: Array) -> Cubics:
    """Return the cubics of cells with the values and slopes at their lower and upper ends.

    Examples
    --------
    y³ on [0, 2] is 8t³ with t = y/2:

    >>> import numpy as np
    >>> ends = [
    ...     (np.array([value]), np.array([slope]))
    ...     for value, slope in ((0.0, 0.0), (8.0, 12.0))
    ... ]
    >>> cubics_between(*ends, np.array([2.0]))
    Cubics(constant=array([0.]), linear=array([0.]), square=array([0.]), cube=array([8.]))
    """
    with np.errstate(all="ignore"):
        first, last = low[1] * width, high[1] * width
        rise = high[0] - low[0]
        return Cubics(low[0], first, 3 * rise - 2 * first - last, first + last - 2 * rise)


def cubics_of(nodes: Array, heights: Array, slopes: Array) -> Cubics:
    """Return the cubics of all cells (n, g − 1) between the nodes (n, g) of each row."""
    low, high = ((heights[:, some], slopes[:, some]) for some in (slice(None, -1), slice(1, None)))
    return cubics_between(low, high, np.diff(nodes, axis=1))


def with_turns(nodes: Array, heights: Array, slopes: Array, *others: Array) -> list[Array]:
    """Add all extrema of the cubics to the nodes, which does not change the cubics.

    Parameters
    ----------
    nodes, heights, slopes : ndarray of shape (n_samples, g)
        Sorted nodes, whose last one may be repeated, and the values and slopes there.
    *others : ndarray of shape (n_samples, g)
        Numbers of the cell after each node, which its parts inherit.

    Returns
    -------
    list of ndarray of shape (n_samples, h)
        The arguments with the extrema.

    Examples
    --------
    −t² from −1 to 2 has its maximum at 0:

    >>> import numpy as np
    >>> arrays = with_turns(
    ...     np.array([[-1.0, 2.0]]), np.array([[-1.0, -4.0]]), np.array([[2.0, -4.0]])
    ... )
    >>> [array.tolist() for array in arrays]
    [[[-1.0, 0.0, 2.0]], [[-1.0, 0.0, -4.0]], [[2.0, 0.0, -4.0]]]
    """
    arrays = [nodes, heights, slopes, *others]
    cubics = cubics_of(nodes, heights, slopes)
    arrays = _with_points(arrays, cubics, *cubics.turns(), flat=True)
    # Between two extrema, another node shows whether the cubic rises or falls.
    nodes, heights, slopes = arrays[:3]
    between = np.where((slopes[:, 1:] == 0) & (slopes[:, :-1] == 0), 0.5, np.nan)
    return _with_points(arrays, cubics_of(nodes, heights, slopes), between, flat=False)


def _with_points(arrays: list[Array], cubics: Cubics, *parts: Array, flat: bool) -> list[Array]:
    """Add nodes at parts of the cells, from 0 to 1 or NaN; `flat` if the slope there is 0."""
    nodes, others = arrays[0], arrays[3:]
    width = np.diff(nodes, axis=1)
    added: list[list[Array]] = []
    for t in parts:
        with np.errstate(invalid="ignore"):
            points = nodes[:, :-1] + width * t
            place = np.nonzero((points > nodes[:, :-1]) & (points < nodes[:, 1:]))
        cubic, part = Cubics(*(array[place] for array in cubics)), t[place]
        slopes = np.zeros(len(part)) if flat else cubic.slopes(part) / width[place]
        values = [points[place], cubic(part), slopes, *(array[place] for array in others)]
        added.append([pad_rows(place[0], array, len(nodes)) for array in values])
    every = zip(arrays, *added, strict=True)
    return sorted_by_first([np.concatenate(same, axis=1) for same in every])


def sorted_by_first(arrays: list[Array]) -> list[Array]:
    """Sort the columns of each row by the first array; NaN there is last and becomes the last node.

    Columns that are NaN in all rows are removed.
    """
    nodes = arrays[0]
    order = np.argsort(nodes, axis=1, kind="stable")
    count = np.isfinite(nodes).sum(axis=1)
    most = int(count.max()) if len(count) else nodes.shape[1]
    position = np.minimum(np.arange(most), count[:, None] - 1)
    order = np.take_along_axis(order, position, axis=1)
    return [np.take_along_axis(array, order, axis=1) for array in arrays]


def last_cell(ends: Array, y: Array, row: Index, first: Index, last: Index) -> Index:
    """Index of the last of the sorted numbers ``ends[row, first:last]`` that is at most y.

    The bisection treats all answers at once. The result is `first` if all numbers are larger.
    """
    low, high = np.broadcast_to(first, y.shape).copy(), np.broadcast_to(last, y.shape).copy()
    while (high - low).max(initial=0) > 1:
        middle = (low + high) // 2
        below = ends[row, middle] <= y
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return low


def gaussian_tail(height: Array, slope: Array, bend: Array, distance: Array | float) -> Array:
    """∫ exp(h − s t − b t²/2) dt from a distance to infinity, for slopes s > 0 and b > 0.

    Examples
    --------
    With b = 10⁻¹⁴ the integrand is nearly exp(−t), whose integral from 1 is 1/e:

    >>> import numpy as np
    >>> gaussian_tail(np.array([0.0]), np.array([1.0]), np.array([1e-14]), 1.0).round(6)
    array([0.367879])
    """
    with np.errstate(over="ignore", under="ignore"):
        root = np.sqrt(2 * bend)
        end = height - distance * (slope + 0.5 * bend * distance)
        return np.exp(end) * np.sqrt(np.pi) / root * erfcx((slope + bend * distance) / root)
