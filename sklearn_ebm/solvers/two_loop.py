"""The two-loop recursion of L-BFGS, over any initial matrix."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from sklearn_ebm._params import Array


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

    References
    ----------
    Nocedal, "Updating quasi-Newton matrices with limited storage", Mathematics of Computation 35
    (1980) 773-782. :doi:`10.1090/S0025-5718-1980-0572855-7`
    """
    left = gradient.copy()
    shares = []
    for moved, change, inverse in reversed(pairs):
        share = inverse * float(moved @ left)
        shares.append(share)
        left -= share * change
    result = initial(left)
    if pairs:
        _, change, inverse = pairs[-1]
        bent = float(change @ initial(change))
        if bent > 0:
            result = result * (1.0 / (inverse * bent))
    for (moved, change, inverse), share in zip(pairs, reversed(shares), strict=True):
        result += (share - inverse * float(change @ result)) * moved
    return result
