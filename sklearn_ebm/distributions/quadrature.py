"""Gauss-Legendre quadrature in the cells between knots."""

from __future__ import annotations

from functools import cache

import numpy as np

from sklearn_ebm._params import Array

#: Points in each cell: exact for polynomials of degree 15 in it.
POINTS_PER_CELL = 8


@cache
def _rule(n_points: int) -> tuple[Array, Array]:
    """Points and weights on [0, 1]."""
    points, weights = np.polynomial.legendre.leggauss(n_points)
    return (points + 1) / 2, weights / 2


def cell_quadrature(knots: Array, n_points: int = POINTS_PER_CELL) -> tuple[Array, Array]:
    """Points and weights of a composite rule.

    Parameters
    ----------
    knots : ndarray of shape (n, g)
        Sorted ends of the cells.
    n_points : int, default=POINTS_PER_CELL
        Points in each cell.

    Returns
    -------
    points, weights : ndarray of shape (n, (g − 1) n_points)

    Examples
    --------
    The integral of t³ from 0 to 2 is 4:

    >>> import numpy as np
    >>> points, weights = cell_quadrature(np.array([[0.0, 0.5, 2.0]]))
    >>> (weights * points**3).sum(axis=1)
    array([4.])
    """
    unit, share = _rule(n_points)
    width = np.diff(knots, axis=1)[:, :, None]
    shape = (len(knots), (knots.shape[1] - 1) * n_points)
    return (knots[:, :-1, None] + width * unit).reshape(shape), (width * share).reshape(shape)
