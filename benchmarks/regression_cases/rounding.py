"""Coverage where answers are rounded, and so take the same value again and again.

A law that knows this has spikes. An answer lies in the middle of its spike, which is inside of the
central interval or not as a whole: no law at all would hold half of such answers inside of its
middle half. Spreading each answer over its rounding, as Czado, Gneiting and Held (2009,
doi:10.1111/j.1541-0420.2009.01191.x) do for counts, tells a law that is too wide from one that has
spikes. For answers that are not rounded next to nothing changes.
"""

import numpy as np


def cells_of(known, y):
    """What may have been rounded to each answer: up to half-way to the next values, (n, 2).

    Parameters
    ----------
    known : ndarray of shape (m,)
        Answers of the training rows.
    y : ndarray of shape (n,)

    Examples
    --------
    >>> cells_of(np.array([1.0, 2.0, 4.0]), np.array([2.0, 3.0, 9.0]))
    array([[ 1.5,  2.5],
           [ 2.5,  3.5],
           [ 6.5, 11.5]])
    """
    values = np.unique(np.concatenate([known, y]))
    between = (values[1:] + values[:-1]) / 2
    if not len(between):
        return np.column_stack([y, y])
    # The first and the last value are as far from what they may have been on both sides.
    first, last = 2 * values[0] - between[0], 2 * values[-1] - between[-1]
    edges = np.concatenate([[first], between, [last]])
    place = np.searchsorted(values, y)
    return np.column_stack([edges[place], edges[place + 1]])


def spread_inside(spread, level):
    """The expected share of spread answers inside of the central interval of a level.

    Parameters
    ----------
    spread : ndarray of shape (n, 2)
        P(Y ≤ y | x) at the ends of the cell of each answer.
    level : float

    Examples
    --------
    The middle half of the probability holds the upper half of one cell, and all of the other:

    >>> spread_inside(np.array([[0.2, 0.3], [0.4, 0.4]]), 0.5)
    0.75
    """
    low, high = spread.T
    first, last = (1 - level) / 2, (1 + level) / 2
    overlap = np.clip(np.minimum(high, last) - np.maximum(low, first), 0, None)
    width = high - low
    inside = (first <= low) & (low <= last)
    share = np.divide(overlap, width, out=inside.astype(float), where=width > 0)
    return float(share.mean())
