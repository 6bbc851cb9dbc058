"""Upper envelope of parabolas."""

from __future__ import annotations

import numpy as np

from sklearn_ebm._utils.parameters import Array, Index

#: Distance from the outermost means, in scales, at which the search begins and ends.
FAR = 40.0
#: Crossings whose distance is a smaller part of their size, or of a scale, are one point.
SAME_POINT = 1e-12
#: A discriminant below this part of its terms counts as 0.
TOUCHING = 1e-15


def upper_envelope(heights: Array, means: Array, scales: Array) -> tuple[Array, Index]:
    """Compute breakpoints and highest parabolas of max_k h_k − ((y − μ_k)/s_k)²/2.

    The algorithm goes from left to right, from the highest parabola to the one that first crosses
    it. Two parabolas cross at most twice, so the highest of K parabolas changes at most 2K − 2
    times, and each change costs K evaluations instead of the K² roots of all pairs.

    Parameters
    ----------
    heights, means, scales : ndarray of shape (n_samples, K)
        h_k in nats; μ_k and s_k in the unit of y.

    Returns
    -------
    edges : ndarray of shape (n_samples, S + 1)
        Sorted ends of the pieces, from −inf to inf; rows with fewer than S pieces end with empty
        pieces at inf.
    winners : ndarray of shape (n_samples, S)
        Index of the highest parabola of each piece.

    Examples
    --------
    Of two parabolas with the mean 0, one is higher by 3/2 and has half the scale. They cross where
    3/2 − 4y²/2 = −y²/2, at ±1:

    >>> import numpy as np
    >>> edges, winners = upper_envelope(
    ...     np.array([[0.0, 1.5]]), np.zeros((1, 2)), np.array([[1.0, 0.5]])
    ... )
    >>> edges, winners
    (array([[-inf,  -1.,   1.,  inf]]), array([[0, 1, 0]]))
    """
    n_rows, n_parabolas = means.shape
    x = (means - FAR * scales).min(axis=1)
    values = _values(x, heights, means, scales)
    winner = values.argmax(axis=1)
    edges, winners = [np.full(n_rows, -np.inf)], [winner]
    active = np.arange(n_rows)
    # Rounding may add a change if three parabolas meet, so the number of steps is limited.
    for _ in range(4 * n_parabolas):
        parts = heights[active], means[active], scales[active]
        where, overtaker = _first_to_overtake(x[active], winners[-1][active], *parts)
        found = np.isfinite(where)
        active, where, overtaker = active[found], where[found], overtaker[found]
        if not len(active):
            break
        x[active] = where
        edge, winner = np.full(n_rows, np.inf), winners[-1].copy()
        edge[active], winner[active] = where, overtaker
        edges.append(edge)
        winners.append(winner)
    edges.append(np.full(n_rows, np.inf))
    return np.stack(edges, axis=1), np.stack(winners, axis=1)


def _values(x: Array, heights: Array, means: Array, scales: Array) -> Array:
    with np.errstate(over="ignore"):
        return heights - 0.5 * np.square((x[:, None] - means) / scales)


def _first_to_overtake(
    x: Array, winner: Index, heights: Array, means: Array, scales: Array
) -> tuple[Array, Index]:
    """First point beyond x at which another parabola crosses the highest, or inf, and its index.

    In t = (y − μ)/s of the winner, with ρ = s/s_j, δ = (μ − μ_j)/s_j and H = h_j − h, parabola j
    is above it by ½(1 − ρ²)t² − ρδt + H − ½δ². The discriminant is δ² − 2H(1 − ρ²). Parabola j
    becomes higher at the larger root if it is wider, and at the smaller root otherwise.
    """
    rows = np.arange(len(x))
    height, mean, scale = (array[rows, winner, None] for array in (heights, means, scales))
    with np.errstate(all="ignore"):
        ratio, shift, higher = scale / scales, (mean - means) / scales, heights - height
        open_up = (1 - ratio) * (1 + ratio)
        square, twice = shift**2, 2 * higher * open_up
        root = np.sqrt(square - twice)
        # Parabolas that only touch do not cross.
        root[square - twice <= TOUCHING * (square + np.abs(twice))] = np.nan
        product = ratio * shift
        # A sum of numbers of the same sign, from which both roots follow without cancellation.
        pivot = product + np.copysign(root, product)
        one, other = pivot / open_up, (2 * higher - shift**2) / pivot
        upward = np.where(open_up >= 0, np.fmax(one, other), np.fmin(one, other))
        candidates = mean + scale * upward
    # Nearly equal parabolas may cross where both densities underflow, which is ignored.
    last = (means + FAR * scales).max(axis=1, keepdims=True)
    candidates[~((candidates > x[:, None]) & (candidates < last))] = np.inf
    # If three parabolas meet in a point, one that is already higher may have no root to the right.
    # It must be higher by more than the rounding of x, which a narrow parabola amplifies.
    values = _values(x, heights, means, scales)
    with np.errstate(over="ignore"):
        steepness = np.abs(x[:, None] - means) / scales / scales
    now = values[rows, winner, None]
    rounding = 8 * np.spacing(np.abs(x))[:, None] * (steepness + steepness[rows, winner, None])
    above = values - now > 1e-11 * (1 + np.abs(now)) + rounding
    at_once = np.where(values == values.max(axis=1)[:, None], x[:, None], np.inf)
    candidates = np.where(above, at_once, candidates)
    candidates[rows, winner] = np.inf
    overtaker = _highest_after(candidates, means, scales)
    return candidates[rows, overtaker], overtaker


def _highest_after(crossings: Array, means: Array, scales: Array) -> Index:
    """Index of the first crossing, (n_samples,); of several, that of the highest parabola after it.

    Parabolas that cross in one point, but for rounding, have the same value there. The steepest of
    them is the highest after it, and of equally steep ones the widest.
    """
    first = crossings.min(axis=1, keepdims=True)
    with np.errstate(all="ignore"):
        tied = crossings <= first + SAME_POINT * (np.abs(first) + scales)
        slope = np.where(tied, (means - first) / scales / scales, -np.inf)
        steepest = slope.max(axis=1, keepdims=True)
        equal = slope >= steepest - SAME_POINT * (np.abs(steepest) + 1 / scales)
    return np.where(tied & equal, scales, -1.0).argmax(axis=1)
