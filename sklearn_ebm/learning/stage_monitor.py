"""The best point and bound of a path, and the end of its stages."""

from __future__ import annotations

from collections import deque

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.learning.duality_gap import certifiable, certify
from sklearn_ebm.learning.monitor import TrainingMonitor
from sklearn_ebm.losses import Loss
from sklearn_ebm.solvers.base import Iterate, Monitor, Result
from sklearn_ebm.solvers.objective import Objective

# A stage is the last one if its smoothing error is at most this fraction of the allowed gap.
LAST_SHARE = 0.5

# Relative gap below which rounding dominates; it counts as converged for any smaller tol.
SMALLEST_GAP = 1e-8

# Tolerance of a stage that only the certificate ends.
SMALLEST_TOL = 1e-24

# Cost of a certificate in evaluations, and factor by which the estimate of the gap must decrease
# after a failed one before the next.
CERTIFICATE_EVALUATIONS = 2
RETRY = 0.5

# A fit ends if the estimate of the gap has not decreased by PROGRESS for MOST_STALE iterations.
PROGRESS = 0.9
MOST_STALE = 200

# An energy that is not linear in the parameters has no bound. A stage then ends after this number
# of iterations that each lower the objective by less than tol, relative.
SLOW_ITERATIONS = 10
SLOW = f"{SLOW_ITERATIONS} iterations lowered the objective by less than tol each"

CERTIFIED = "the certified gap is below tol"


class StageMonitor:
    """Best point and lower bound of an objective, and stopping rules of a stage.

    Parameters
    ----------
    objective : Objective
        The objective, with the original loss.
    tol : float
        Largest relative gap, (f − min f)/f.
    watch : TrainingMonitor
        Called after every iteration; it may end the path.

    Attributes
    ----------
    total : Result
        The best point, with the iterations and evaluations of all stages.
    bound : float
        The best lower bound on the minimum; −inf if there is none.
    smoothing : float
        Smoothing error at the last certified point, or its expected value.
    certifiable : bool
        Whether a bound can be computed.
    stage_loss : Loss
        The loss of the stage, smoothed or not.
    stale : int
        Number of iterations of the stage since the estimate of the gap has decreased.
    """

    def __init__(self, objective: Objective, tol: float, watch: TrainingMonitor) -> None:
        self.objective, self.tol, self.watch = objective, tol, watch
        self.certifiable = certifiable(objective)
        tied = objective.penalty > 0
        self._per_penalty = np.where(tied, 1 / np.where(tied, objective.penalty, 1.0), 0.0)
        self.total = Result(np.empty(0), np.inf, 0, False, "max_iter was reached")
        self.bound = -np.inf
        self.smoothing = 0.0
        self.stage_loss = objective.loss
        self._attempted = np.inf
        self._closest, self.stale = np.inf, 0
        self._latest: deque[float] = deque(maxlen=SLOW_ITERATIONS)

    @property
    def error(self) -> float:
        """Best value minus best bound."""
        return self.total.value - self.bound

    @property
    def gap(self) -> float | None:
        """Certified bound on (f − min f)/f."""
        if not np.isfinite(self.bound) or not self.total.value:
            return None
        return max(self.error, 0.0) / abs(self.total.value)

    @property
    def standing(self) -> tuple[float, float, float]:
        """Best value, relative gap, and relative smoothing error of the last slopes."""
        value = max(abs(self.total.value), 1e-300)
        return value, self.error / value, self.smoothing / value

    @property
    def closed(self) -> bool:
        """Whether the certified gap is within tol."""
        return bool(np.isfinite(self.bound) and self.error <= self.tol * abs(self.total.value))

    def consider(self, w: Array, slopes: Array) -> bool:
        """Certify a point by slopes (n, k) of the loss; return whether the gap is within tol."""
        self.certify(slopes, w)
        if self.closed:
            self.total.curve.append(self.total.value)
            self.total.converged, self.total.message = True, CERTIFIED
        return self.closed

    @property
    def room(self) -> float:
        """Largest smoothing error of the last stage."""
        return LAST_SHARE * self.tol * abs(self.total.value)

    @property
    def standstill(self) -> str | None:
        """Message if the bound no longer improves, else None."""
        if self.stale < MOST_STALE:
            return None
        return f"the bound has not improved for {MOST_STALE} iterations"

    @property
    def is_slow(self) -> bool:
        """Whether the latest iterations made almost no progress."""
        if len(self._latest) < SLOW_ITERATIONS:
            return False
        decrease = self._latest[0] - self._latest[-1]
        return decrease <= (SLOW_ITERATIONS - 1) * self.tol * abs(self._latest[-1])

    def begin(self, tol: float) -> Monitor:
        """Return the monitor of a new stage, which may end it early."""
        self._attempted, self._closest, self.stale = np.inf, np.inf, 0
        self._latest.clear()
        ends = self._certified if tol <= SMALLEST_TOL else None
        if not self.objective.energy.traits.linear:
            ends = self._slow

        def stop(iterate: Iterate) -> bool:
            return self.watch(iterate) or (ends is not None and ends(iterate))

        return stop

    def add(self, stage: Result) -> None:
        """Add the iterations of a stage, and store the memory of the solver."""
        self.total.memory = stage.memory
        self.total.curve += stage.curve
        self.total.n_iter += stage.n_iter
        self.total.n_evaluations += stage.n_evaluations

    def certify(self, slopes_of: Loss | Array, w: Array, worth: float = np.inf) -> None:
        """Update the best value and the bound with a point.

        The bound is not computed if the smoothing error exceeds `worth`, relative to the value.
        """
        value, bound, self.smoothing = certify(self.objective, slopes_of, w, worth=worth)
        spared = self.certifiable and self.smoothing > worth * abs(value)
        self.total.n_evaluations += 1 if spared else CERTIFICATE_EVALUATIONS
        # A bound above the value is caused by rounding and is ignored.
        if bound <= value + SMALLEST_GAP * abs(value):
            self.bound = max(self.bound, bound)
        if value < self.total.value:
            self.total.w, self.total.value = w, value

    def _slow(self, iterate: Iterate) -> bool:
        """Whether a stage ends, because the latest iterations made almost no iterate."""
        self._latest.append(iterate.value)
        return self.is_slow

    def _certified(self, iterate: Iterate) -> bool:
        """Whether a stage ends; a certificate is computed only if the gap may be within tol."""
        if not self.certifiable:
            return False
        estimate = 0.5 * float(iterate.gradient @ (self._per_penalty * iterate.gradient))
        self.stale = 0 if estimate < PROGRESS * self._closest else self.stale + 1
        self._closest = min(self._closest, estimate)
        if self.stale >= MOST_STALE:
            return True
        allowed = self.tol * abs(iterate.value)
        room = max(allowed - self.smoothing, 0.1 * allowed)
        if not estimate <= min(room, RETRY * self._attempted):
            return False
        self._attempted = estimate
        self.certify(self.stage_loss, iterate.w)
        # With a larger smoothing error the stage cannot close the gap.
        return self.closed or self.smoothing > allowed
