"""From a start to a certified minimum: stages of falling temperature, and when to stop.

A smooth loss has one stage. A loss with a kink or a minimum is replaced by `smoothed(T)`, which
lies above it; T falls from stage to stage, each started from the one before. A stage needs no more
accuracy than its own smoothing leaves room for: σ, what smoothing costs, is known at the end of a
stage, and that of the next is expected from it.

.. code-block:: none

    T ← 0.3 T,   σ ← 0.3^1.5 σ            expected of the next stage
    σ > tol f / 2:   solved until the solver expects to gain 0.02 σ
    else:            the last stage, until (f − bound)/f ≤ tol is certified
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

# The path starts at this share of the margin, cools by this factor from stage to stage, and no
# further than that share of its first temperature.
INITIAL_TEMPERATURE = 0.3
COOLING_FACTOR = 0.3
FINAL_TEMPERATURE = 1e-9

# What smoothing costs falls at least with this power of the temperature: in proportion to it for
# each answer in doubt, and answers in doubt become fewer.
SMOOTHING_POWER = 1.5

# A stage is solved to this share of what its smoothing is expected to cost, at most to
# `LARGEST_STAGE_TOL`; where the path has been lost, to the lower share.
STAGE_SHARE, CLOSE_SHARE = 0.02, 0.0005
LARGEST_STAGE_TOL = 1e-3

# Where a stage takes more iterations than this, Newton's method takes over, from so many stages
# before, if one of its steps takes no more than so many operations. With more parameters than
# `CHEAP_NEWTON` its steps cost as much as hundreds of others: it is left until the bound is stale.
PATIENCE = 150
WARMED_STAGES = 2
CHEAP_NEWTON, LARGEST_NEWTON = 1000, 2500
NEWTON_WORK = 2e10

# After so many iterations over all stages, fall back to LIBLINEAR.
FALLBACK_AFTER = 100

# Up to this many energies in all, each stage is polished to rounding by Newton's method: it costs
# next to nothing, and the answer then depends on the problem alone, not on the path to it, so that
# repeated rows and weights agree to many digits.
POLISHED_ENTRIES = 5_000
POLISHING_STEPS = 30

SETTLED = "a colder stage changes the objective by less than tol"

# A start near_minimum the minimum begins no colder than this share of the first temperature.
COLDEST_START = 1e-4

# float32 does not resolve temperatures below this share of the first one.
COLDEST_FLOAT32 = 1e-4


class TemperaturePath:
    """The way to the minimum of one objective.

    Parameters
    ----------
    objective : Objective
        With the loss that is to be minimised.
    solver : Solver
    tol : float
        Largest relative gap, (f − min f)/f.
    max_iter : int
        Largest number of iterations over all stages.
    rng : RandomState
    watch : TrainingMonitor or None, default=None
        Sees every iteration, and may end the whole path.

    Attributes
    ----------
    monitor : StageMonitor
        Evaluates iterations and points; keeps the best point and bound so far.
    fallback : callable or None
        What to turn to once after `FALLBACK_AFTER` iterations: takes the value, may show points to
        the monitor, and returns where to go on, or None.
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
        # Exact Newton steps are for where a solver that chooses for itself gets nowhere.
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
        """Return the way to the minimum of another loss on the same rows."""
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
                    continue  # it was interrupted for the question alone
            following = self._next_stage(stage, temperature, stage_tol, first)
            if following is None:
                break
            temperature, stage_tol = following
        if monitor.certifiable and not np.isfinite(monitor.bound):
            # It ended before a bound was looked for.
            monitor.certify(monitor.stage_loss, monitor.total.w)
        return monitor.total

    def _takes_no_stages(self, w: Array) -> bool:
        """Whether nothing was to be done, or it was done in one go."""
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
        """Temperature and tolerance of the next stage; None where rounding leaves none."""
        monitor = self.monitor
        if not stage.converged or monitor.standstill:
            if self._has_another_way:
                return self._another_way(temperature, tol, first)
            return temperature, tol
        no_bound = not np.isfinite(monitor.bound)
        cool = not self.smooth and (monitor.smoothing > monitor.room or no_bound)
        limited_by_rounding = stage.limited_by_rounding or tol < SMALLEST_TOL
        if temperature < FINAL_TEMPERATURE * first if cool else limited_by_rounding:
            monitor.total.message = "rounding hides any further decrease"
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
        known = monitor.bound
        best, chosen = np.inf, temperature
        while temperature > COLDEST_START * _first_temperature(self.loss):
            monitor.bound = -np.inf
            monitor.certify(self.loss.smoothed(temperature), w)
            if not monitor.error < best:
                break
            best, chosen = monitor.error, temperature
            temperature *= COOLING_FACTOR
        reached = monitor.total.value - best if np.isfinite(best) else -np.inf
        monitor.bound = max(known, reached)
        return chosen

    def _first_tolerance(self) -> float:
        if not self.monitor.certifiable:
            return 1e-3 * self.tol
        # The certificate ends a smooth stage; a loose start is enough for the others.
        return SMALLEST_TOL if self.smooth else max(0.1 * self.tol, LARGEST_STAGE_TOL)

    def _stage_tolerance(self, coolings: int, loosest: float) -> float:
        """How far to solve the stage that lies so many coolings ahead of the one before."""
        monitor = self.monitor
        monitor.smoothing *= COOLING_FACTOR ** (SMOOTHING_POWER * coolings)
        if monitor.certifiable and monitor.smoothing <= monitor.room:
            return SMALLEST_TOL
        share = self.stage_share * monitor.smoothing / max(abs(monitor.total.value), 1e-300)
        return min(max(share, 0.01 * self.tol), loosest)

    def _stage(
        self, temperature: float, w: Array, tol: float, first: float
    ) -> tuple[Array, Result]:
        """Minimise at one temperature and certify."""
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
            monitor.total.value = np.inf  # what was seen on the way depends on the way
        if polished is not None or not monitor.closed:
            # A stage of many steps, or of Newton's, is worth a bound that is no more than a bound.
            usual = self.solver.wants_standardized and self.stage_share == STAGE_SHARE
            monitor.certify(monitor.stage_loss, w, worth=self.tol if usual else np.inf)
        if not np.isfinite(monitor.bound):
            # Without a certificate, a path ends when cooling no longer changes the value.
            self.uncertified_change = abs(before - monitor.total.value)
        return w, stage

    @property
    def _stage_limit(self) -> int:
        """Iterations after which a stage is interrupted to try something else, or for good."""
        so_far = self.monitor.total.n_iter
        left = max(self.max_iter - so_far, 0)
        if self.fallback is not None:
            return min(left, max(FALLBACK_AFTER - so_far, 1))
        cheap = self.objective.layout.size <= CHEAP_NEWTON
        return min(left, PATIENCE) if self._affords_newton and cheap else left

    @property
    def _has_another_way(self) -> bool:
        """Whether there is something left to try where a stage gets nowhere."""
        return self._affords_newton or (self.temperature > 0 and self.stage_share == STAGE_SHARE)

    def _another_way(self, temperature: float, tol: float, first: float) -> tuple[float, float]:
        """Follow the path more closely from here on, by Newton's method if that is affordable.

        Where the curvature changes from step to step, pairs of old steps lead astray, the more so
        the further the last stage ended from its minimum. Returns temperature and tolerance of the
        stage to go on with: a warmer one, in which the minimum is soon found again.
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
        # Where there is a certificate, only it ends a path well.
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
    """The minimum of a stage to rounding, where that is cheap; elsewhere None."""
    entries = len(objective.y) * objective.n_answers
    curved = objective.loss.curvature is not None and objective.energy.traits.linear
    if not curved or entries > POLISHED_ENTRIES or objective.layout.size > CHEAP_NEWTON:
        return None
    problem = Problem(objective, w, tol=1e-25, max_iter=POLISHING_STEPS, rng=rng)
    return Newton().minimize(problem)


def _first_temperature(loss: Loss) -> float:
    """A share of the margin, where the loss has one, else of 1."""
    margin = float(np.max(getattr(loss, "margin", 1.0)))
    return INITIAL_TEMPERATURE * (margin if margin > 0 else 1.0)
