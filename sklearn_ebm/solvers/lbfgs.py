"""L-BFGS in scaled parameters."""

from __future__ import annotations

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.solvers._line_search import line_search
from sklearn_ebm.solvers._two_loop import Pairs, two_loop
from sklearn_ebm.solvers.base import STOPPED_BY_MONITOR, Iterate, Problem, Result, Solver
from sklearn_ebm.solvers.hessian import scale_of


class LBFGS(Solver):
    """Limited-memory BFGS (L-BFGS) in scaled parameters.

    It minimises the objective f over v = w / s, where w are the parameters and s are scales that
    make the second derivative of f in each parameter about 1. It stops when ½‖∇_v f‖², the decrease
    expected of a Newton step with the identity as Hessian, is below ``tol * |f|``, or when a
    further decrease is below rounding.

    Parameters
    ----------
    memory : int, default=20
        Number of pairs of a step and a change of the gradient that are stored.

    References
    ----------
    Liu, Nocedal, "On the limited memory BFGS method for large scale optimization", Mathematical
    Programming 45 (1989) 503-528. :doi:`10.1007/BF01589116`

    Examples
    --------
    >>> from sklearn_ebm.solvers import LBFGS
    >>> LBFGS(memory=10)
    LBFGS(memory=10)
    """

    def __init__(self, memory: int = 20) -> None:
        self.memory = memory

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
        positive_integer("memory", self.memory, of="LBFGS")
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
        pairs = Pairs(maxlen=self.memory)
        converged, limited_by_rounding, message = False, False, "max_iter was reached"
        for _ in range(max_iter):
            if 0.5 * float(gradient @ gradient) <= tol * abs(value):
                converged, message = True, "the expected decrease is below tol"
                break
            direction = -two_loop(gradient, pairs, np.copy)
            step = line_search(evaluate, v, value, gradient, direction, objective.noise)
            if step is None and pairs:
                pairs.clear()  # retry with the gradient, as the pairs may be out of date
                step = line_search(evaluate, v, value, gradient, -gradient, objective.noise)
            if step is None:
                converged = limited_by_rounding = True
                message = "a further decrease is below rounding"
                break
            moved, change = step.point - v, step.gradient - gradient
            if float(moved @ change) > 1e-12 * float(change @ change):
                pairs.append((moved, change, 1.0 / float(moved @ change)))
            v, value, gradient = step
            curve.append(value)
            if monitor is not None and monitor(
                Iterate(
                    scale * v,
                    value,
                    gradient / scale,
                    0.5 * float(gradient @ gradient),
                    n_evaluations,
                )
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
