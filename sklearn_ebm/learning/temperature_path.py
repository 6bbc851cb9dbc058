"""Minimisation of an objective in stages of decreasing temperature, up to a certified gap.

A smooth loss has one stage. A loss with a kink or a minimum is replaced by `smoothed(T)`, an upper
bound. T decreases from stage to stage, and each stage starts from the result of the previous one. A
stage is solved no more accurately than its smoothing error σ, the difference between smoothed and
original objective. σ is computed at the end of a stage and extrapolated to the next.

.. code-block:: none

    T ← 0.3 T,   σ ← 0.3^1.5 σ            expected of the next stage
    σ > tol f / 2:   stop if the solver expects to gain less than 0.02 σ
    else:            the last stage; stop if (f − bound)/f ≤ tol is certified
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.learning.monitor import TrainingMonitor
from sklearn_ebm.learning.stage_monitor import (
    CERTIFIED,
    SLOW,
    SMALLEST_GAP,
    SMALLEST_TOL,
    StageMonitor,
)
from sklearn_ebm.losses import Loss
from sklearn_ebm.solvers import Newton
from sklearn_ebm.solvers.base import Problem, Result, Solver
from sklearn_ebm.solvers.objective import Objective

# First temperature relative to the margin, factor between stages, and last temperature relative to
# the first.
INITIAL_TEMPERATURE = 0.3
COOLING_FACTOR = 0.3
FINAL_TEMPERATURE = 1e-9

# The smoothing error decreases at least with this power of the temperature: it is proportional to T
# for each undecided answer, and their number decreases as well.
SMOOTHING_POWER = 1.5

# A stage is solved to STAGE_SHARE of its expected smoothing error, with a tolerance of at most
# LARGEST_STAGE_TOL; if an earlier stage made no progress, to CLOSE_SHARE.
STAGE_SHARE, CLOSE_SHARE = 0.02, 0.0005
LARGEST_STAGE_TOL = 1e-3

# If a stage takes more than PATIENCE iterations, Newton's method continues from WARMED_STAGES
# stages before, if a Newton step takes at most NEWTON_WORK operations. With more than CHEAP_NEWTON
# parameters it is used only when the bound no longer improves, as a step costs as much as hundreds
# of others.
PATIENCE = 150
WARMED_STAGES = 2
CHEAP_NEWTON, LARGEST_NEWTON = 1000, 2500
NEWTON_WORK = 2e10

# Number of iterations over all stages after which LIBLINEAR is used.
FALLBACK_AFTER = 100

# Up to this number of energies (rows times answers), Newton's method solves each stage to rounding.
# It costs little, and makes the result independent of the path, so that repeated rows and sample
# weights agree to many digits.
POLISHED_ENTRIES = 5_000
POLISHING_STEPS = 30

SETTLED = "a colder stage changes the objective by less than tol"

# Lowest temperature, relative to the first, at which a path from near the minimum starts.
COLDEST_START = 1e-4

# Lowest temperature, relative to the first, that float32 resolves.
COLDEST_FLOAT32 = 1e-4


class TemperaturePath:
    """Minimisation of an objective in stages of decreasing temperature.

    Parameters
    ----------
    objective : Objective
        The objective, with the original loss.
    solver : Solver
        Solver of each stage.
    tol : float
        Largest relative gap, (f − min f)/f.
    max_iter : int
        Largest number of iterations over all stages.
    rng : RandomState
        Source of random numbers.
    watch : TrainingMonitor or None, default=None
        Called after every iteration; it may end the path.

    Attributes
    ----------
    monitor : StageMonitor
        Evaluates iterations and points, and stores the best point and bound.
    fallback : callable or None
        Called once, after `FALLBACK_AFTER` iterations, with the value. It may pass points to the
        monitor, and returns the point from which to continue, or None.
    """

    def __init__(
        self,
        objective: Objective,
        solver: Solver,
        tol: float,
        max_iter: int,
        rng: np.random.RandomState,
        watch: TrainingMonitor | None = None,
    ) -> None:
        self.objective = objective
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.rng = rng
        self.watch = watch or TrainingMonitor()
        self.fallback: Callable[[float], Array | None] | None = None
        self.loss = objective.loss
        self.smooth = self.loss.is_smooth(objective.n_answers)
        self.monitor = StageMonitor(objective, tol, self.watch)
        # Newton steps may replace a preconditioned solver that makes no progress.
        n_rows, size = len(objective.y), objective.layout.size
        curved = self.loss.curvature is not None and objective.energy.traits.linear
        self._affords_newton = (
            solver.wants_standardized
            and curved
            and size <= LARGEST_NEWTON
            and n_rows * size**2 <= NEWTON_WORK
        )
        self.temperature, self.stage_share = 0.0, STAGE_SHARE
        self.uncertified_change = np.inf

    def with_loss(self, loss: Loss) -> TemperaturePath:
        """Return the path for another loss on the same rows."""
        other = self.objective.with_loss(loss)
        return TemperaturePath(other, self.solver, self.tol, self.max_iter, self.rng, self.watch)

    def minimize(self, w: Array, *, warm: bool = False, near_minimum: bool = False) -> Result:
        """Follow the path from `w`.

        Parameters
        ----------
        w : ndarray of shape (size,)
            Start of the path.
        warm : bool, default=False
            Whether `w` is the minimum of a similar problem, such as an earlier fit; the first stage
            is then omitted.
        near_minimum : bool, default=False
            Whether `w` is close to the minimum; the path then starts at the temperature at which
            the bound from `w` is tightest.

        Returns
        -------
        Result
            The best point found.
        """
        monitor = self.monitor
        if self._takes_no_stages(w) or monitor.closed:
            return monitor.total
        temperature = first = 0.0 if self.smooth else _first_temperature(self.loss)
        if near_minimum and temperature and monitor.certifiable:
            temperature = self._temperature_of(w, temperature)
        elif warm:
            temperature *= COOLING_FACTOR
        stage_tol = self._first_tolerance()
        while True:
            w, stage = self._stage(temperature, w, stage_tol, first)
            if self._ended(stage):
                break
            if self.fallback is not None and monitor.total.n_iter >= FALLBACK_AFTER:
                fallback, self.fallback = self.fallback, None
                found = fallback(monitor.total.value)
                if monitor.closed:
                    break
                if found is not None:
                    w, temperature = found, self._temperature_of(found, temperature)
                    continue
                if not stage.converged:
                    continue  # it was interrupted only for the fallback
            following = self._next_stage(stage, temperature, stage_tol, first)
            if following is None:
                break
            temperature, stage_tol = following
        if monitor.certifiable and not np.isfinite(monitor.bound):
            # No bound has been computed yet.
            monitor.certify(monitor.stage_loss, monitor.total.w)
        return monitor.total

    def _takes_no_stages(self, w: Array) -> bool:
        """Whether there is nothing to do, or a solver without stages has done it."""
        if not self.max_iter:
            value = self.objective.value(w)
            self.monitor.total.w, self.monitor.total.value = w, value
            self.monitor.total.curve = [value]
            return True
        if not (self.loss.traits.online or self.solver.stochastic):
            return False
        problem = Problem(self.objective, w, self.tol, self.max_iter, self.rng, self.watch)
        self.monitor.total = self.solver.minimize(problem)
        return True

    def _next_stage(
        self, stage: Result, temperature: float, tol: float, first: float
    ) -> tuple[float, float] | None:
        """Temperature and tolerance of the next stage; None if rounding prevents progress."""
        monitor = self.monitor
        if not stage.converged or monitor.standstill:
            if self._has_another_way:
                return self._another_way(temperature, tol, first)
            return temperature, tol
        no_bound = not np.isfinite(monitor.bound)
        cool = not self.smooth and (monitor.smoothing > monitor.room or no_bound)
        limited_by_rounding = stage.limited_by_rounding or tol < SMALLEST_TOL
        if temperature < FINAL_TEMPERATURE * first if cool else limited_by_rounding:
            monitor.total.message = "a further decrease is below rounding"
            monitor.total.converged = monitor.error <= SMALLEST_GAP * abs(monitor.total.value)
            return None
        if cool:
            return temperature * COOLING_FACTOR, self._stage_tolerance(1, tol)
        return temperature, tol * 0.1

    def _temperature_of(self, w: Array, temperature: float) -> float:
        """Return the temperature at which the bound from a point is tightest.

        For a point near the minimum this is a low temperature.
        """
        monitor = self.monitor
        bound = monitor.bound
        best, chosen = np.inf, temperature
        while temperature > COLDEST_START * _first_temperature(self.loss):
            monitor.bound = -np.inf
            monitor.certify(self.loss.smoothed(temperature), w)
            if not monitor.error < best:
                break
            best, chosen = monitor.error, temperature
            temperature *= COOLING_FACTOR
        reached = monitor.total.value - best if np.isfinite(best) else -np.inf
        monitor.bound = max(bound, reached)
        return chosen

    def _first_tolerance(self) -> float:
        if not self.monitor.certifiable:
            return 1e-3 * self.tol
        # The certificate ends a smooth stage; the first of several stages may be inaccurate.
        return SMALLEST_TOL if self.smooth else max(0.1 * self.tol, LARGEST_STAGE_TOL)

    def _stage_tolerance(self, coolings: int, loosest: float) -> float:
        """Tolerance of a stage, given the number of temperature steps from the previous one."""
        monitor = self.monitor
        monitor.smoothing *= COOLING_FACTOR ** (SMOOTHING_POWER * coolings)
        if monitor.certifiable and monitor.smoothing <= monitor.room:
            return SMALLEST_TOL
        share = self.stage_share * monitor.smoothing / max(abs(monitor.total.value), 1e-300)
        return min(max(share, 0.01 * self.tol), loosest)

    def _stage(
        self, temperature: float, w: Array, tol: float, first: float
    ) -> tuple[Array, Result]:
        """Minimise at one temperature, and compute a bound."""
        monitor = self.monitor
        if temperature != self.temperature:
            self.temperature = temperature
            monitor.stage_loss = self.loss.smoothed(temperature) if temperature else self.loss
        objective = self.objective.with_loss(monitor.stage_loss)
        if temperature and temperature < COLDEST_FLOAT32 * first:
            objective = objective.exact()
        problem = Problem(
            objective, w, tol, self._stage_limit, self.rng, monitor.begin(tol), monitor.total.memory
        )
        stage = self.solver.minimize(problem)
        if monitor.is_slow and not self.watch.stopped:
            stage.message = SLOW
        monitor.add(stage)
        before = monitor.total.value
        w = stage.w
        polished = None if self.watch.stopped else _polish(objective, w, self.rng)
        if polished is not None:
            w = polished.w
            monitor.total.n_evaluations += polished.n_evaluations
            monitor.total.value = np.inf  # only the polished point depends on the problem alone
        if polished is not None or not monitor.closed:
            # After a long stage or a Newton step, a bound is computed even if it closes no gap.
            usual = self.solver.wants_standardized and self.stage_share == STAGE_SHARE
            monitor.certify(monitor.stage_loss, w, worth=self.tol if usual else np.inf)
        if not np.isfinite(monitor.bound):
            # Without a bound, the path ends when a lower temperature no longer changes the value.
            self.uncertified_change = abs(before - monitor.total.value)
        return w, stage

    @property
    def _stage_limit(self) -> int:
        """Number of iterations after which a stage is interrupted."""
        so_far = self.monitor.total.n_iter
        left = max(self.max_iter - so_far, 0)
        if self.fallback is not None:
            return min(left, max(FALLBACK_AFTER - so_far, 1))
        cheap = self.objective.layout.size <= CHEAP_NEWTON
        return min(left, PATIENCE) if self._affords_newton and cheap else left

    @property
    def _has_another_way(self) -> bool:
        """Whether there is another method to try if a stage makes no progress."""
        return self._affords_newton or (self.temperature > 0 and self.stage_share == STAGE_SHARE)

    def _another_way(self, temperature: float, tol: float, first: float) -> tuple[float, float]:
        """Switch to Newton's method if it is cheap enough, else to smaller stage tolerances.

        If the curvature changes from step to step, pairs of earlier steps mislead L-BFGS, in
        particular if the last stage ended far from its minimum. Returns temperature and tolerance
        of a warmer stage to continue from, whose minimum is found quickly.
        """
        if self._affords_newton:
            self.solver = Newton(dense_size=LARGEST_NEWTON)
            self._affords_newton = False
        else:
            self.stage_share = CLOSE_SHARE
        if not temperature:
            return temperature, tol
        warmer = min(temperature * COOLING_FACTOR**-WARMED_STAGES, first)
        return warmer, self._stage_tolerance(-WARMED_STAGES, LARGEST_STAGE_TOL)

    def _ended(self, stage: Result) -> bool:
        monitor, total = self.monitor, self.monitor.total
        if self.watch.stopped:
            total.converged, total.message = True, stage.message
            return True
        if not (stage.converged or monitor.closed):
            total.message = stage.message
            return total.n_iter >= self.max_iter or stage.n_iter == 0
        if monitor.standstill and not (monitor.closed or self._has_another_way):
            total.message = monitor.standstill
            return True
        # If a certificate is possible, the path converges only with it.
        settled = not monitor.certifiable and (
            self.smooth or self.uncertified_change <= self.tol * abs(total.value)
        )
        if monitor.closed or settled:
            total.converged = True
            total.message = CERTIFIED if monitor.closed else stage.message
            if settled and not self.smooth:
                total.message = SETTLED
            return True
        return False


def _polish(objective: Objective, w: Array, rng: np.random.RandomState) -> Result | None:
    """Minimise a stage up to rounding; None if that is expensive or impossible."""
    entries = len(objective.y) * objective.n_answers
    curved = objective.loss.curvature is not None and objective.energy.traits.linear
    if not curved or entries > POLISHED_ENTRIES or objective.layout.size > CHEAP_NEWTON:
        return None
    problem = Problem(objective, w, tol=1e-25, max_iter=POLISHING_STEPS, rng=rng)
    return Newton().minimize(problem)


def _first_temperature(loss: Loss) -> float:
    """First temperature: a fraction of the margin, or of 1 for a loss without a margin."""
    margin = float(np.max(getattr(loss, "margin", 1.0)))
    return INITIAL_TEMPERATURE * (margin if margin > 0 else 1.0)
