"""Coverage where answers are rounded, and so take the same value again and again.

A distribution that knows this has spikes. An answer lies in the middle of its spike, which is
inside of the central interval or not as a whole: the right distribution itself would not hold half
of such answers inside of its middle half. Spreading each answer over its rounding, as Czado,
Gneiting and Held (2009, doi:10.1111/j.1541-0420.2009.01191.x) do for counts, tells a distribution
that is too wide from one that has spikes. Where steps are small beside the distribution, next to
nothing changes.
"""

import numpy as np


def cells_of(known, y):
    """What may have been rounded to each answer: half a step to both sides, (n, 2).

    A step is the least distance of two answers of the training rows.

    Parameters
    ----------
    known : ndarray of shape (m,)
        Answers of the training rows.
    y : ndarray of shape (n_samples,)

    Examples
    --------
    >>> cells_of(np.array([1.0, 2.0, 2.0, 4.0]), np.array([2.0, 9.0]))
    array([[1.5, 2.5],
           [8.5, 9.5]])
    """
    steps = np.diff(np.unique(known))
    half = steps.min() / 2 if len(steps) else 0.0
    return np.column_stack([y - half, y + half])


def spread_inside(spread, level):
    """The expected share of spread answers inside of the central interval of a level.

    Parameters
    ----------
    spread : ndarray of shape (n_samples, 2)
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
