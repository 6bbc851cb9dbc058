"""One run of a solver, watched: callbacks, early stopping and interrupts."""

from __future__ import annotations

from sklearn_ebm.learning.monitor import TrainingMonitor
from sklearn_ebm.solvers.base import Problem, Result, Solver


def search(solver: Solver, problem: Problem, watch: TrainingMonitor) -> Result:
    """Run a solver; return its result, the best one for held-out rows, or an interrupted one.

    Parameters
    ----------
    solver : Solver
        The solver.
    problem : Problem
        The problem; its monitor is `watch`.
    watch : TrainingMonitor
        Called after every iteration; it may end the search.

    Returns
    -------
    Result
        Parameters, and how the search ended.
    """
    try:
        result = solver.minimize(problem._replace(monitor=watch))
    except KeyboardInterrupt:
        kept = watch.interrupted()
        if kept is None:
            raise
        result = kept
    if watch.message is not None:
        result.message = watch.message
    if watch.patience is not None and watch.best is not None:
        result.w = watch.best
        # Early stopping counts as convergence.
        result.converged = result.converged or watch.stopped
    return result
