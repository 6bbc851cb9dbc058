"""Newton's method, with a factorised Hessian or with conjugate gradients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.solvers._line_search import line_search
from sklearn_ebm.solvers.base import STOPPED_BY_MONITOR, Iterate, Problem, Result, Solver
from sklearn_ebm.solvers.hessian import hessian_of, hessian_product, scale_of
from sklearn_ebm.solvers.objective import Objective


class Newton(Solver):
    """Newton's method, with a Cholesky factor of the Hessian or with conjugate gradients.

    It uses the scaled parameters and the stopping rule of `LBFGS`. With at most `dense_size`
    parameters, and if the energy can compute the Hessian, the Hessian is factorised, after the
    addition of a multiple of the identity that makes it positive definite. Otherwise the Newton
    equation is solved by conjugate gradients, to a residual that decreases with the gradient. If
    the loss is not convex, the iterations stop at the first direction of negative curvature, and
    the last approximate solution is used.

    Parameters
    ----------
    max_inner : int, default=200
        Largest number of products with the Hessian in one Newton step.
    dense_size : int, default=500
        Largest number of parameters for which the Hessian is computed.

    References
    ----------
    Nash, "A survey of truncated-Newton methods", Journal of Computational and Applied Mathematics
    124 (2000) 45-59. :doi:`10.1016/S0377-0427(00)00426-X`

    Examples
    --------
    >>> from sklearn_ebm.solvers import Newton
    >>> Newton(dense_size=0)
    Newton(dense_size=0)
    """

    needs_curvature = True

    def __init__(self, max_inner: int = 200, dense_size: int = 500) -> None:
        self.max_inner = max_inner
        self.dense_size = dense_size

    def minimize(self, problem: Problem) -> Result:
        """Minimise from the start; see ``Solver``.

        Parameters
        ----------
        problem : Problem
            Objective, start and stopping rules.

        Returns
        -------
        Result
            Parameters found, and how the search ended.
        """
        positive_integer("max_inner", self.max_inner, of="Newton")
        positive_integer("dense_size", self.dense_size, of="Newton", least=0)
        objective, start, tol, max_iter, _, monitor, _ = problem
        scale = scale_of(objective)

        n_evaluations = 0

        def evaluate(v: Array) -> tuple[float, Array]:
            nonlocal n_evaluations
            n_evaluations += 1
            value, gradient = objective.evaluate(scale * v)
            return value, scale * gradient

        v: Array = start / scale
        value, gradient = evaluate(v)
        curve = [value]
        first = float(np.linalg.norm(gradient))
        converged, limited_by_rounding, message = False, False, "max_iter was reached"
        for _ in range(max_iter):
            size = float(np.linalg.norm(gradient))
            if 0.5 * size**2 <= tol * abs(value):
                converged, message = True, "the expected decrease is below tol"
                break
            residual = min(0.5, np.sqrt(size / first)) * size
            direction = self._direction(objective, scale, v, gradient, residual)
            step = line_search(evaluate, v, value, gradient, direction, objective.noise)
            if step is None:
                converged = limited_by_rounding = True
                message = "a further decrease is below rounding"
                break
            v, value, gradient = step
            curve.append(value)
            if monitor is not None and monitor(
                Iterate(scale * v, value, gradient / scale, 0.5 * size**2, n_evaluations)
            ):
                converged, message = True, STOPPED_BY_MONITOR
                break
        return Result(
            scale * v,
            value,
            len(curve) - 1,
            converged,
            message,
            curve,
            limited_by_rounding,
            n_evaluations,
        )

    def _direction(
        self, objective: Objective, scale: Array, v: Array, gradient: Array, residual: float
    ) -> Array:
        if objective.layout.size <= self.dense_size:
            hessian = hessian_of(objective, scale * v)
            if hessian is not None and np.isfinite(hessian).all():
                ridge = max(1e-11, objective.noise)
                return _solve(scale[:, None] * hessian * scale, -gradient, ridge)
        product = hessian_product(objective, scale * v)
        return _conjugate_gradients(
            lambda p: scale * product(scale * p), -gradient, residual, self.max_inner
        )


def _solve(hessian: Array, target: Array, ridge: float) -> Array:
    """Solve H x = target, increasing a relative ridge until H has a Cholesky factor.

    H may be singular, because the objective may be constant under a common shift of all intercepts.
    """
    top = max(float(np.abs(hessian.diagonal()).max()), np.finfo(float).tiny)
    while np.isfinite(ridge):
        try:
            factor = cho_factor(hessian + ridge * top * np.eye(len(hessian)))
        except LinAlgError:
            ridge *= 100
        else:
            return cho_solve(factor, target)
    return target


def _conjugate_gradients(
    product: Callable[[Array], Array], target: Array, residual: float, max_products: int
) -> Array:
    """Solve H x = target up to a residual; stop at a direction of negative curvature."""
    x = np.zeros_like(target)
    left = target.copy()
    direction = left.copy()
    square = float(left @ left)
    for _ in range(max_products):
        image = product(direction)
        curvature = float(direction @ image)
        if curvature <= 1e-14 * float(direction @ direction):
            return x if np.any(x) else target
        length = square / curvature
        x += length * direction
        left -= length * image
        previous, square = square, float(left @ left)
        if square <= residual**2:
            break
        direction = left + (square / previous) * direction
    return x
