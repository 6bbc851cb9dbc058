"""Checks of solvers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sklearn_ebm._utils.arrays import correct_mask
from sklearn_ebm.checks.base import ANSWERS, demand, demand_close, run_checks
from sklearn_ebm.energies import Linear
from sklearn_ebm.losses import NLL, Perceptron
from sklearn_ebm.solvers.base import Problem, Result, Solver
from sklearn_ebm.solvers.hessian import scale_of
from sklearn_ebm.solvers.objective import Objective


def check_solver(solver: Solver) -> None:
    """Check that a solver meets the requirements of `sklearn_ebm.solvers.base.Solver`.

    It is run on small problems with a linear energy: the negative log-likelihood, or the perceptron
    on separable rows if it is `online`.

    Parameters
    ----------
    solver : Solver
        The solver to check.

    Raises
    ------
    AssertionError
        At the first violated requirement; the message states the solver, the
        requirement and the observed values.

    Examples
    --------
    >>> from sklearn_ebm.checks.solvers import check_solver
    >>> from sklearn_ebm.solvers import LBFGS
    >>> check_solver(LBFGS(memory=5))
    """
    demand(isinstance(solver, Solver), solver, "a solver must inherit from Solver", "it does not")
    run_checks(SOLVER_CHECKS, solver, solver_cases)


def solver_cases(solver: Solver) -> Iterator[tuple[Objective]]:
    """Yield small problems with columns of different scales; separable for an online solver."""
    for n_answers in ANSWERS:
        rng = np.random.RandomState(n_answers)
        y = np.arange(60) % n_answers
        noise, weight = rng.normal(size=(60, 4)), rng.uniform(0.5, 2.0, size=60)
        if solver.online:
            X = np.hstack([0.1 * noise, correct_mask(y, n_answers)])
            yield (Objective(Linear(), Perceptron(), X, y, weight, n_answers, 0.0),)
        else:
            X = noise * [0.1, 1.0, 1.0, 30.0]
            yield (Objective(Linear(), NLL(), X, y, weight, n_answers, 1.0),)


def check_result(solver: Solver, objective: Objective) -> None:
    """The result is consistent, repeatable, near the minimum, and no worse than the start."""
    start = 0.1 * np.random.RandomState(0).normal(size=objective.layout.size)
    before = start.copy()

    def run(max_iter: int) -> Result:
        rng = np.random.RandomState(0)
        return solver.minimize(Problem(objective, start, tol=1e-10, max_iter=max_iter, rng=rng))

    result = run(1000)
    demand(np.array_equal(before, start), solver, "start must stay as it is", "it is changed")
    demand(np.array_equal(result.w, run(1000).w), solver, "the same rng must give the same w",
            "it gives another")  # fmt: skip
    demand(result.converged, solver, "an easy problem must converge", result.message)
    value = objective.value(result.w)
    promise = "value must be the objective at w"
    demand_close(result.value, value, 1.0 + abs(value), solver, promise, "the first", 1e-12)
    promise = "curve must hold the objective at the start and after each iteration"
    found = f"it has {len(result.curve)} entries after {result.n_iter} iterations"
    demand(len(result.curve) == result.n_iter + 1, solver, promise, found)
    at_start = objective.value(start)
    demand_close(result.curve[0], at_start, 1 + at_start, solver, promise, "at the start")
    _check_end(solver, objective, result, at_start)
    short = run(1)
    promise = "max_iter must bound the iterations"
    demand(short.n_iter <= 1, solver, promise, f"max_iter=1 gives {short.n_iter}")


def _check_end(solver: Solver, objective: Objective, result: Result, at_start: float) -> None:
    """The final value is as low as the kind of solver requires."""
    value = objective.value(result.w)
    if solver.online:
        demand(value == 0, solver, "separable rows must be separated", f"the loss is {value:.3g}")
    elif solver.stochastic:  # it ends by its own schedule, near a minimum
        promise = "the objective must fall to a fraction of that at the start"
        demand(value <= 0.5 * at_start, solver, promise, f"{value / at_start:.3g} of it is left")
    else:
        rises = max(np.diff(result.curve), default=0.0)
        promise = "the objective must not rise"
        demand(rises <= 1e-12 * at_start, solver, promise, f"it rises by {rises:.3g}")
        _, gradient = objective.evaluate(result.w)
        left = 0.5 * float(np.sum((gradient * scale_of(objective)) ** 2))
        promise = "at the end the expected decrease must be below tol · f"
        demand(left <= 1e-9 * value, solver, promise, f"it is {left:.3g}")


def check_monitor(solver: Solver, objective: Objective) -> None:
    """A monitor that returns True ends the search; the memory of an earlier search is accepted."""
    start = 0.1 * np.random.RandomState(0).normal(size=objective.layout.size)
    rng = np.random.RandomState(0)
    problem = Problem(objective, start, tol=1e-10, max_iter=1000, rng=rng)
    first = solver.minimize(problem)
    again = problem._replace(
        rng=np.random.RandomState(0), monitor=lambda progress: True, memory=first.memory
    )
    stopped = solver.minimize(again)
    promise = "a monitor that returns True must end the search, converged"
    found = f"it made {stopped.n_iter} iterations"
    demand(stopped.converged and stopped.n_iter <= 1, solver, promise, found)


SOLVER_CHECKS = (check_result, check_monitor)
