"""The two-loop recursion of L-BFGS, over any initial matrix."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from scipy.linalg.blas import daxpy

from sklearn_ebm._utils.parameters import Array

# From so many numbers on, a product that is written down before it is added takes twice as long.
LONG = 10_000


class Pairs(deque[tuple[Array, Array, float]]):
    """The latest steps s and changes y of the gradient, each with 1/⟨s, y⟩."""

    def add(self, moved: Array, change: Array) -> None:
        """Keep a pair whose curvature is positive; forget any other."""
        product = float(moved @ change)
        with np.errstate(over="ignore", under="ignore", divide="ignore"):
            inverse = float(np.float64(1.0) / product) if product > 0 else np.inf
        length = float(np.linalg.norm(moved)) * float(np.linalg.norm(change))
        if np.isfinite(inverse) and product > 1e-14 * length:
            self.append((moved, change, inverse))


def two_loop(gradient: Array, pairs: Pairs, initial: Callable[[Array], Array]) -> Array:
    """The inverse Hessian that initial matrix and pairs describe, times the gradient.

    The initial matrix is scaled so that it maps the latest change to a step of the right length,
    by ⟨s, y⟩/⟨y, H₀y⟩.

    Parameters
    ----------
    gradient : ndarray of shape (size,)
    pairs : Pairs
        From the oldest to the latest.
    initial : callable
        H₀: gradient -> step.

    Returns
    -------
    ndarray of shape (size,)

    References
    ----------
    Nocedal, "Updating quasi-Newton matrices with limited storage", Mathematics of Computation 35
    (1980) 773-782. :doi:`10.1090/S0025-5718-1980-0572855-7`

    Examples
    --------
    A step of 1 changed the gradient by 4, so the curvature is 4, and the step to the minimum from
    a gradient of 8 is 8/4 = 2. Across that direction only the scale is known, ¼ too:

    >>> pairs = Pairs()
    >>> pairs.add(np.array([1.0, 0.0]), np.array([4.0, 0.0]))
    >>> two_loop(np.array([8.0, 4.0]), pairs, lambda gradient: gradient)
    array([2., 1.])
    """
    left = gradient.copy()
    shares = []
    for moved, change, inverse in reversed(pairs):
        share = inverse * float(moved @ left)
        shares.append(share)
        left = _plus(left, -share, change)
    result = initial(left)
    if pairs:
        _, change, inverse = pairs[-1]
        bent = float(change @ initial(change))
        if bent > 0:
            result = result / (inverse * bent)
    for (moved, change, inverse), share in zip(pairs, reversed(shares), strict=True):
        result = _plus(result, share - inverse * float(change @ result), moved)
    return result


def _plus(total: Array, factor: float, vector: Array) -> Array:
    """Total + factor · vector, in place."""
    if len(total) >= LONG:
        return daxpy(vector, total, a=factor)
    total += factor * vector
    return total
