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

from collections import deque
from collections.abc import Callable

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.learning.duality_gap import certifiable, certify
from sklearn_ebm.learning.monitor import Watch
from sklearn_ebm.losses import Loss
from sklearn_ebm.solvers import Newton, Solver
from sklearn_ebm.solvers.base import Monitor, Progress, Result
from sklearn_ebm.solvers.objective import Objective

# The path starts at this share of the margin, cools by this factor from stage to stage, and no
# further than that share of its first temperature.
WARMEST = 0.3
COOLING = 0.3
COLDEST = 1e-9

# What smoothing costs falls at least with this power of the temperature: in proportion to it for
# each answer in doubt, and answers in doubt become fewer.
SMOOTHING_POWER = 1.5

# A stage is solved to this share of what its smoothing is expected to cost, at most to `LOOSEST`;
# where the path has been lost, to the lower share.
STAGE_SHARE, CLOSE_SHARE = 0.02, 0.0005
LOOSEST = 1e-3

# The stage in which smoothing takes no more than this share of the allowed gap is the last one.
LAST_SHARE = 0.5

# A certified gap this small is not improved upon, whatever tol asks for.
FINEST = 1e-8
SMALLEST_TOL = 1e-24

# A certificate costs about as much as this many evaluations. One that fails is not tried again
# before the estimate of the gap has fallen by the factor.
CERTIFICATE_EVALUATIONS = 2
RETRY = 0.5

# Where the estimate of the gap has not fallen by this factor for so many iterations, a fit ends.
PROGRESS = 0.9
MOST_STALE = 200

# Where the energy bends, and no bound says how far it is to a minimum, a stage is over when so many
# iterations have brought less than tol each: what is left takes hundreds of them, and the next hill
# may hide more than that.
SLOW_ITERATIONS = 10
SLOW = f"{SLOW_ITERATIONS} iterations brought less than tol each"

# Where a stage takes more iterations than this, Newton's method takes over, from so many stages
# before, if one of its steps takes no more than so many operations. With more parameters than
# `CHEAP_NEWTON` its steps cost as much as hundreds of others: it is left until the bound is stale.
PATIENCE = 150
WARMED_STAGES = 2
CHEAP_NEWTON, LARGEST_NEWTON = 1000, 2500
NEWTON_WORK = 2e10

# After so many iterations over all stages, whoever may know better is asked.
RESCUE = 100

# Up to this many energies in all, each stage is polished to rounding by Newton's method: it costs
# next to nothing, and the answer then depends on the problem alone, not on the path to it, so that
# repeated rows and weights agree to many digits.
POLISHED_ENTRIES = 5_000
POLISHING_STEPS = 30

CERTIFIED = "the certified gap is below tol"
SETTLED = "a colder stage changes the objective by less than tol"

# A start near the minimum begins no colder than this share of the first temperature.
COLDEST_START = 1e-4

# float32 does not resolve temperatures below this share of the first one.
COLDEST_SINGLE = 1e-4


class Path:
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
    watch : Watch or None, default=None
        Sees every iteration, and may end the whole path.

    Attributes
    ----------
    rescue : callable or None
        What to turn to once after `RESCUE` iterations: takes the value, may `consider` points, and
        returns where to go on, or None.
    gap : float or None
        The certified gap at the end; None where there is no certificate.
    """

    def __init__(
        self,
        objective: Objective,
        solver: Solver,
        tol: float,
        max_iter: int,
        rng: np.random.RandomState,
        watch: Watch | None = None,
    ) -> None:
        self.objective = objective
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.rng = rng
        self.watch = watch or Watch()
        self.rescue: Callable[[float], Array | None] | None = None
        self.loss = objective.loss
        self.smooth = self.loss.is_smooth(objective.n_answers)
        self.certifiable = certifiable(objective)
        tied = objective.penalty > 0
        self.per_penalty = np.where(tied, 1 / np.where(tied, objective.penalty, 1.0), 0.0)
        # Exact Newton steps are for where a solver that chooses for itself gets nowhere.
        n_rows, size = len(objective.y), objective.layout.size
        curved = self.loss.curvature is not None and objective.energy.linear
        self._affords_newton = (
            solver.conditions
            and curved
            and size <= LARGEST_NEWTON
            and n_rows * size**2 <= NEWTON_WORK
        )
        self.total = Result(np.empty(0), np.inf, 0, False, "max_iter was reached")
        self.bound = -np.inf
        self.smoothing = 0.0
        self.attempted = np.inf
        self.closest, self.stale = np.inf, 0
        self.latest: deque[float] = deque(maxlen=SLOW_ITERATIONS)
        self.temperature, self.stage_share = 0.0, STAGE_SHARE
        self.stage_loss = self.loss

    def with_loss(self, loss: Loss) -> Path:
        """Return the way to the minimum of another loss on the same rows."""
        other = self.objective.with_loss(loss)
        return Path(other, self.solver, self.tol, self.max_iter, self.rng, self.watch)

    @property
    def error(self) -> float:
        """Best value less best bound."""
        return self.total.value - self.bound

    @property
    def gap(self) -> float | None:
        """Certified bound on (f − min f)/f."""
        if not np.isfinite(self.bound) or not self.total.value:
            return None
        return max(self.error, 0.0) / abs(self.total.value)

    @property
    def standing(self) -> tuple[float, float, float]:
        """Best value, its relative gap, and the part of it that the last slopes cost."""
        value = max(abs(self.total.value), 1e-300)
        return value, self.error / value, self.smoothing / value

    @property
    def closed(self) -> bool:
        """Whether the certified gap is within tol."""
        return bool(np.isfinite(self.bound) and self.error <= self.tol * abs(self.total.value))

    def consider(self, w: Array, slopes: Array) -> bool:
        """Whether a point is good enough, by slopes (n, k) that prove it; it counts if not."""
        self._certify(slopes, w)
        if self.closed:
            self.total.curve.append(self.total.value)
            self.total.converged, self.total.message = True, CERTIFIED
        return self.closed

    def minimize(self, w: Array, *, warm: bool = False, near: bool = False) -> Result:
        """Follow the path from `w`.

        A warm start, the minimum of something similar, spares the first stage; one that is near
        the minimum begins where its own bound is tightest; one that is there is the answer.
        """
        if not self.max_iter:
            self.total.w, self.total.value = w, self.objective.value(w)
            self.total.curve = [self.total.value]
            return self.total
        if self.loss.online or self.solver.stochastic:
            self.total = self.solver.minimize(
                self.objective, w, tol=self.tol, max_iter=self.max_iter, rng=self.rng,
                monitor=self.watch,
            )  # fmt: skip
            return self.total
        if self.closed:
            return self.total
        temperature = first = 0.0 if self.smooth else _first_temperature(self.loss)
        if near and temperature and self.certifiable:
            temperature = self._temperature_of(w, temperature)
        elif warm:
            temperature *= COOLING
        stage_tol = self._first_tolerance()
        while True:
            w, stage = self._stage(temperature, w, stage_tol, first)
            if self._ended(stage):
                break
            if self.rescue is not None and self.total.n_iter >= RESCUE:
                rescue, self.rescue = self.rescue, None
                found = rescue(self.total.value)
                if self.closed:
                    break
                if found is not None:
                    w, temperature = found, self._temperature_of(found, temperature)
                    continue
                if not stage.converged:
                    continue  # it was interrupted for the question alone
            if not stage.converged or self.stale >= MOST_STALE:
                if self._has_another_way:
                    temperature, stage_tol = self._another_way(temperature, stage_tol, first)
                continue
            cool = not self.smooth and (self.smoothing > self._room or not np.isfinite(self.bound))
            exhausted = stage.exhausted or stage_tol < SMALLEST_TOL
            if temperature < COLDEST * first if cool else exhausted:
                self.total.message = "rounding hides any further decrease"
                self.total.converged = self.error <= FINEST * abs(self.total.value)
                break
            if cool:
                temperature *= COOLING
                stage_tol = self._stage_tolerance(1, stage_tol)
            else:
                stage_tol *= 0.1
        if self.certifiable and not np.isfinite(self.bound):
            self._certify(self.stage_loss, self.total.w)  # it ended before a bound was looked for
        return self.total

    def _temperature_of(self, w: Array, temperature: float) -> float:
        """The temperature at which a point is closest to its own bound.

        A point near the minimum is nearer to that of a cold path than to that of a warm one.
        """
        known = self.bound
        best, chosen = np.inf, temperature
        while temperature > COLDEST_START * _first_temperature(self.loss):
            self.bound = -np.inf
            self._certify(self.loss.smoothed(temperature), w)
            if not self.error < best:
                break
            best, chosen = self.error, temperature
            temperature *= COOLING
        self.bound = max(known, self.total.value - best if np.isfinite(best) else -np.inf)
        return chosen

    def _first_tolerance(self) -> float:
        if not self.certifiable:
            return 1e-3 * self.tol
        # The certificate ends a smooth stage; a loose start is enough for the others.
        return SMALLEST_TOL if self.smooth else max(0.1 * self.tol, LOOSEST)

    @property
    def _room(self) -> float:
        """What smoothing may cost in the last stage."""
        return LAST_SHARE * self.tol * abs(self.total.value)

    def _stage_tolerance(self, coolings: int, loosest: float) -> float:
        """How far to solve the stage that lies so many coolings ahead of the one before."""
        self.smoothing *= COOLING ** (SMOOTHING_POWER * coolings)
        if self.certifiable and self.smoothing <= self._room:
            return SMALLEST_TOL
        share = self.stage_share * self.smoothing / max(abs(self.total.value), 1e-300)
        return min(max(share, 0.01 * self.tol), loosest)

    def _stage(
        self, temperature: float, w: Array, tol: float, first: float
    ) -> tuple[Array, Result]:
        """Minimise at one temperature and certify."""
        if temperature != self.temperature:
            self.temperature = temperature
            self.stage_loss = self.loss.smoothed(temperature) if temperature else self.loss
        loss = self.stage_loss
        objective = self.objective.with_loss(loss)
        if temperature and temperature < COLDEST_SINGLE * first:
            objective = objective.exact()
        self.attempted, self.closest, self.stale = np.inf, np.inf, 0
        self.latest.clear()
        stage = self.solver.minimize(
            objective,
            w,
            tol=tol,
            max_iter=min(self._iterations_left, self._patience),
            rng=self.rng,
            monitor=self._monitor(tol),
            memory=self.total.memory,
        )
        if self._is_slow() and not self.watch.stopped:
            stage.message = SLOW
        self.total.memory = stage.memory
        self.total.curve += stage.curve
        self.total.n_iter += stage.n_iter
        self.total.n_evaluations += stage.n_evaluations
        before = self.total.value
        w = stage.w
        polished = None if self.watch.stopped else _polish(objective, w, self.rng)
        if polished is not None:
            w = polished.w
            self.total.n_evaluations += polished.n_evaluations
            self.total.value = np.inf  # what was seen on the way depends on the way
        if polished is not None or not self.closed:
            # A stage of many steps, or of Newton's, is worth a bound that is no more than a bound.
            usual = self.solver.conditions and self.stage_share == STAGE_SHARE
            self._certify(loss, w, worth=self.tol if usual else np.inf)
        if not np.isfinite(self.bound):
            # Without a certificate, a path ends when cooling no longer changes the value.
            self.uncertified_change = abs(before - self.total.value)
        return w, stage

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
        warmer = min(temperature * COOLING**-WARMED_STAGES, first)
        return warmer, self._stage_tolerance(-WARMED_STAGES, LOOSEST)

    @property
    def _patience(self) -> int:
        """Iterations after which a stage is interrupted to try something else."""
        if self.rescue is not None:
            return max(RESCUE - self.total.n_iter, 1)
        cheap = self.objective.layout.size <= CHEAP_NEWTON
        return PATIENCE if self._affords_newton and cheap else self.max_iter

    @property
    def _iterations_left(self) -> int:
        return max(self.max_iter - self.total.n_iter, 0)

    def _ended(self, stage: Result) -> bool:
        total = self.total
        if self.watch.stopped:
            total.converged, total.message = True, stage.message
            return True
        if not (stage.converged or self.closed):
            total.message = stage.message
            return self._iterations_left == 0 or stage.n_iter == 0
        if self.stale >= MOST_STALE and not (self.closed or self._has_another_way):
            total.message = f"the bound has not come closer for {MOST_STALE} iterations"
            return True
        # Where there is a certificate, only it ends a path well.
        settled = not self.certifiable and (
            self.smooth or self.uncertified_change <= self.tol * abs(total.value)
        )
        if self.closed or settled:
            total.converged = True
            total.message = CERTIFIED if self.closed else stage.message
            if settled and not self.smooth:
                total.message = SETTLED
            return True
        return False

    def _slow(self, progress: Progress) -> bool:
        """Whether a stage is over, because the latest iterations brought next to nothing."""
        self.latest.append(progress.value)
        return self._is_slow()

    def _is_slow(self) -> bool:
        if len(self.latest) < SLOW_ITERATIONS:
            return False
        brought = self.latest[0] - self.latest[-1]
        return brought <= (SLOW_ITERATIONS - 1) * self.tol * abs(self.latest[-1])

    def _certified(self, progress: Progress) -> bool:
        """Whether a stage is over; asks the certificate only where the gap may be closed."""
        if not self.certifiable:
            return False
        estimate = 0.5 * float(progress.gradient @ (self.per_penalty * progress.gradient))
        self.stale = 0 if estimate < PROGRESS * self.closest else self.stale + 1
        self.closest = min(self.closest, estimate)
        if self.stale >= MOST_STALE:
            return True
        allowed = self.tol * abs(progress.value)
        room = max(allowed - self.smoothing, 0.1 * allowed)
        if not estimate <= min(room, RETRY * self.attempted):
            return False
        self.attempted = estimate
        self._certify(self.stage_loss, progress.w)
        # A stage whose smoothing leaves no room cannot close the gap: cool first.
        return self.closed or self.smoothing > allowed

    def _monitor(self, tol: float) -> Monitor:
        """Who looks at the iterations of a stage: whoever watches, and what ends a stage early."""
        ends = self._certified if tol <= SMALLEST_TOL else None
        if not self.objective.energy.linear:
            ends = self._slow

        def look(progress: Progress) -> bool:
            return self.watch(progress) or (ends is not None and ends(progress))

        return look

    def _certify(self, slopes_of: Loss | Array, w: Array, worth: float = np.inf) -> None:
        """Take a point into account: its value, and the bound that its slopes give.

        A bound is not looked for where smoothing costs more than a share of the value.
        """
        value, bound, self.smoothing = certify(self.objective, slopes_of, w, worth=worth)
        spared = self.certifiable and self.smoothing > worth * abs(value)
        self.total.n_evaluations += 1 if spared else CERTIFICATE_EVALUATIONS
        # A bound above the value that it bounds is rounding, and no bound.
        if bound <= value + FINEST * abs(value):
            self.bound = max(self.bound, bound)
        if value < self.total.value:
            self.total.w, self.total.value = w, value


def _polish(objective: Objective, w: Array, rng: np.random.RandomState) -> Result | None:
    """The minimum of a stage to rounding, where that is cheap; elsewhere None."""
    entries = len(objective.y) * objective.n_answers
    curved = objective.loss.curvature is not None and objective.energy.linear
    if not curved or entries > POLISHED_ENTRIES or objective.layout.size > CHEAP_NEWTON:
        return None
    return Newton().minimize(objective, w, tol=1e-25, max_iter=POLISHING_STEPS, rng=rng)


def _first_temperature(loss: Loss) -> float:
    """A share of the margin, where the loss has one, else of 1."""
    margin = float(np.max(getattr(loss, "margin", 1.0)))
    return WARMEST * (margin if margin > 0 else 1.0)
