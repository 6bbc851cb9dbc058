"""Newton's method with conjugate gradients inside."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sklearn_ebm._objective import Objective
from sklearn_ebm._params import Array
from sklearn_ebm.solvers.base import Result, Solver
from sklearn_ebm.solvers.line_search import line_search


class Newton(Solver):
    """Truncated Newton: the Newton equation is solved by conjugate gradients, to a falling residual.

    Works in the same units as `LBFGS` and stops by the same rule. Where the loss is not convex, a
    direction of negative curvature ends the inner solve and the step so far is taken.

    Parameters
    ----------
    max_inner : int, default=200
        Largest number of Hessian products in one Newton step.

    References
    ----------
    Nash, "A survey of truncated-Newton methods", Journal of Computational and Applied Mathematics
    124 (2000) 45-59. :doi:`10.1016/S0377-0427(00)00426-X`

    Examples
    --------
    >>> from sklearn_ebm.solvers import Newton
    >>> Newton(max_inner=50)
    Newton(max_inner=50)
    """

    needs_curvature = True

    def __init__(self, max_inner: int = 200) -> None:
        self.max_inner = max_inner

    def minimize(
        self,
        objective: Objective,
        start: Array,
        *,
        tol: float,
        max_iter: int,
        rng: np.random.RandomState,
    ) -> Result:
        """Minimise from `start`; see `Solver`."""
        scale = objective.scale()

        def evaluate(v: Array) -> tuple[float, Array]:
            value, gradient = objective.evaluate(scale * v)
            return value, scale * gradient

        v = start / scale
        value, gradient = evaluate(v)
        curve = [value]
        first = float(np.linalg.norm(gradient))
        converged, message = False, "max_iter was reached"
        for _ in range(max_iter):
            size = float(np.linalg.norm(gradient))
            if 0.5 * size**2 <= tol * abs(value):
                converged, message = True, "the expected decrease is below tol"
                break
            hessian = objective.hessian_product(scale * v)
            direction = _conjugate_gradients(
                lambda p, product=hessian: scale * product(scale * p),  # type: ignore[misc]
                -gradient,
                residual=min(0.5, np.sqrt(size / first)) * size,
                max_products=self.max_inner,
            )
            step = line_search(evaluate, v, value, gradient, direction, objective.noise)
            if step is None:
                converged, message = True, "rounding hides any further decrease"
                break
            v, value, gradient = step
            curve.append(value)
        return Result(scale * v, value, len(curve) - 1, converged, message, curve)


def _conjugate_gradients(
    product: Callable[[Array], Array], target: Array, residual: float, max_products: int
) -> Array:
    """Solve H x = target to the given residual; stop at negative curvature."""
    x = np.zeros_like(target)
    left = target.copy()
    direction = left.copy()
    square = float(left @ left)
    for _ in range(max_products):
        bent = product(direction)
        curvature = float(direction @ bent)
        if curvature <= 1e-14 * float(direction @ direction):
            return x if np.any(x) else target
        length = square / curvature
        x += length * direction
        left -= length * bent
        previous, square = square, float(left @ left)
        if square <= residual**2:
            break
        direction = left + (square / previous) * direction
    return x
