"""Gauss-Legendre quadrature in the cells between knots."""

from __future__ import annotations

from functools import cache

import numpy as np

from sklearn_ebm._utils.parameters import Array

#: Number of points in each cell; the rule is exact for polynomials of degree 15.
POINTS_PER_CELL = 8


@cache
def unit_rule(n_points: int) -> tuple[Array, Array]:
    """Points and weights of the Gauss-Legendre rule on [0, 1]."""
    points, weights = np.polynomial.legendre.leggauss(n_points)
    return (points + 1) / 2, weights / 2


def cell_quadrature(knots: Array, n_points: int = POINTS_PER_CELL) -> tuple[Array, Array]:
    """Points and weights of the composite Gauss-Legendre rule.

    Parameters
    ----------
    knots : ndarray of shape (n_samples, g)
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
    unit, share = unit_rule(n_points)
    width = np.diff(knots, axis=1)[:, :, None]
    shape = (len(knots), (knots.shape[1] - 1) * n_points)
    return (knots[:, :-1, None] + width * unit).reshape(shape), (width * share).reshape(shape)


def moments_of(points: Array, mass: Array) -> tuple[Array, Array]:
    """Mean and variance, (n,) each, of points (n, j) with probabilities that sum to 1.

    Examples
    --------
    The points 1 and 3 with the probability ½ each have the mean 2 and the variance 1:

    >>> import numpy as np
    >>> moments_of(np.array([[1.0, 3.0]]), np.array([[0.5, 0.5]]))
    (array([2.]), array([1.]))
    """
    centre = points[:, [points.shape[1] // 2]]
    mean = centre[:, 0] + (mass * (points - centre)).sum(axis=1)
    return mean, (mass * (points - mean[:, None]) ** 2).sum(axis=1)


@cache
def _partial_rule(n_points: int) -> Array:
    """Weights (n, n) of the integrals from 0 to each point on [0, 1], exact below degree n."""
    points, _ = unit_rule(n_points)
    lagrange = np.polynomial.legendre.legvander(2 * points - 1, n_points - 1)
    # ∫ P_k from −1 to t is (P_{k+1}(t) − P_{k−1}(t))/(2k + 1), and dx = dt/2 on [0, 1].
    higher = np.polynomial.legendre.legvander(2 * points - 1, n_points)
    integrals = np.empty((n_points, n_points))
    integrals[:, 0] = points
    for k in range(1, n_points):
        integrals[:, k] = (higher[:, k + 1] - higher[:, k - 1]) / (2 * (2 * k + 1))
    return np.linalg.solve(lagrange.T, integrals.T).T


def half_spread(density: Array, width: Array) -> Array:
    """½ E|Y − Y'| = ∫ F(1 − F) of two independent draws, from a density at quadrature points.

    Parameters
    ----------
    density : ndarray of shape (n_samples, c, j)
        Density at the j Gauss-Legendre points of each of c adjacent cells.
    width : ndarray of shape (n_samples, c)
        Lengths of the cells.

    Returns
    -------
    ndarray of shape (n_samples,)

    Examples
    --------
    The uniform density on [0, 1], in two cells; ∫ t(1 − t) = 1/6:

    >>> import numpy as np
    >>> half_spread(np.ones((1, 2, 4)), np.full((1, 2), 0.5)).round(12)
    array([0.16666667])
    """
    n_points = density.shape[2]
    _, share = unit_rule(n_points)
    masses = (density @ share) * width
    below = np.cumsum(masses, axis=1) - masses
    inside = (density @ _partial_rule(n_points).T) * width[:, :, None]
    cumulative = below[:, :, None] + inside
    # 1 − F, relative to the numerical total instead of 1.
    above = masses.sum(axis=1)[:, None, None] - cumulative
    spread: Array = ((cumulative * above) @ share * width).sum(axis=1)
    return spread
