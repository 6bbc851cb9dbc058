"""The two-loop recursion of L-BFGS with any initial matrix."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from scipy.linalg.blas import daxpy

from sklearn_ebm._utils.parameters import Array

# For arrays of at least this size, BLAS's daxpy takes half the time of a product and a sum.
LONG = 10_000


class Pairs(deque[tuple[Array, Array, float]]):
    """The latest steps s and changes y of the gradient, each with 1/⟨s, y⟩."""

    def add(self, moved: Array, change: Array) -> None:
        """Store a pair if its curvature ⟨s, y⟩ is positive."""
        product = float(moved @ change)
        with np.errstate(over="ignore", under="ignore", divide="ignore"):
            inverse = float(np.float64(1.0) / product) if product > 0 else np.inf
        length = float(np.linalg.norm(moved)) * float(np.linalg.norm(change))
        if np.isfinite(inverse) and product > 1e-14 * length:
            self.append((moved, change, inverse))


def two_loop(gradient: Array, pairs: Pairs, initial: Callable[[Array], Array]) -> Array:
    """Multiply the gradient by the L-BFGS approximation of the inverse Hessian.

    The initial matrix H₀ is scaled by ⟨s, y⟩/⟨y, H₀y⟩ with the latest pair of a step s and a change
    y of the gradient.

    Parameters
    ----------
    gradient : ndarray of shape (size,)
        Gradient of the objective.
    pairs : Pairs
        Pairs from the oldest to the latest.
    initial : callable
        H₀, a function gradient -> step.

    Returns
    -------
    ndarray of shape (size,)
        The negative of the quasi-Newton step.

    References
    ----------
    Nocedal, "Updating quasi-Newton matrices with limited storage", Mathematics of Computation 35
    (1980) 773-782. :doi:`10.1090/S0025-5718-1980-0572855-7`

    Examples
    --------
    A step of 1 changed the gradient by 4, so the curvature is 4, and the step to the minimum from
    a gradient of 8 is 8/4 = 2. In the orthogonal direction H₀, scaled to ¼, gives the step 4/4 = 1:

    >>> pairs = Pairs()
    >>> pairs.add(np.array([1.0, 0.0]), np.array([4.0, 0.0]))
    >>> two_loop(np.array([8.0, 4.0]), pairs, lambda gradient: gradient)
    array([2., 1.])
    """
    left = gradient.copy()
    factors = []
    for moved, change, inverse in reversed(pairs):
        factor = inverse * float(moved @ left)
        factors.append(factor)
        left = _plus(left, -factor, change)
    result = initial(left)
    if pairs:
        _, change, inverse = pairs[-1]
        product = float(change @ initial(change))
        if product > 0:
            result = result / (inverse * product)
    for (moved, change, inverse), factor in zip(pairs, reversed(factors), strict=True):
        result = _plus(result, factor - inverse * float(change @ result), moved)
    return result


def _plus(total: Array, factor: float, vector: Array) -> Array:
    """Add factor · vector to the total, in place."""
    if len(total) >= LONG:
        return daxpy(vector, total, a=factor)
    total += factor * vector
    return total
