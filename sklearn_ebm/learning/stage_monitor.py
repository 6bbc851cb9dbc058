"""The best point and bound of a path so far, and when one of its stages is over."""

from __future__ import annotations

from collections import deque

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.learning.duality_gap import certifiable, certify
from sklearn_ebm.learning.monitor import TrainingMonitor
from sklearn_ebm.losses import Loss
from sklearn_ebm.solvers.base import Iterate, Monitor, Result
from sklearn_ebm.solvers.objective import Objective

# The stage in which smoothing takes no more than this share of the allowed gap is the last one.
LAST_SHARE = 0.5

# A certified gap this small is not improved upon, whatever tol asks for.
SMALLEST_GAP = 1e-8

# A stage of this tolerance is ended by the certificate alone.
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

CERTIFIED = "the certified gap is below tol"


class StageMonitor:
    """What is known of the minimum of one objective, and what ends a stage on the way to it.

    Parameters
    ----------
    objective : Objective
        With the loss that is to be minimised.
    tol : float
        Largest relative gap, (f − min f)/f.
    watch : TrainingMonitor
        Sees every iteration, and may end the whole path.

    Attributes
    ----------
    total : Result
        The best point, and what was spent on all stages.
    bound : float
        The best lower bound on the minimum; −inf where there is none.
    smoothing : float
        What smoothing costs at the last point that was certified, or is expected to cost.
    certifiable : bool
        Whether there can be a bound.
    stage_loss : Loss
        The loss of the stage, smoothed or not.
    stale : int
        Iterations of the stage since the estimate of the gap has fallen.
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
        self.certify(slopes, w)
        if self.closed:
            self.total.curve.append(self.total.value)
            self.total.converged, self.total.message = True, CERTIFIED
        return self.closed

    @property
    def room(self) -> float:
        """What smoothing may cost in the last stage."""
        return LAST_SHARE * self.tol * abs(self.total.value)

    @property
    def standstill(self) -> str | None:
        """That the bound no longer comes closer, in words; None while it does."""
        if self.stale < MOST_STALE:
            return None
        return f"the bound has not come closer for {MOST_STALE} iterations"

    @property
    def is_slow(self) -> bool:
        """Whether the latest iterations brought next to nothing."""
        if len(self._latest) < SLOW_ITERATIONS:
            return False
        brought = self._latest[0] - self._latest[-1]
        return brought <= (SLOW_ITERATIONS - 1) * self.tol * abs(self._latest[-1])

    def begin(self, tol: float) -> Monitor:
        """Who looks at the iterations of a new stage: who watches, and what ends it early."""
        self._attempted, self._closest, self.stale = np.inf, np.inf, 0
        self._latest.clear()
        ends = self._certified if tol <= SMALLEST_TOL else None
        if not self.objective.energy.traits.linear:
            ends = self._slow

        def look(iterate: Iterate) -> bool:
            return self.watch(iterate) or (ends is not None and ends(iterate))

        return look

    def add(self, stage: Result) -> None:
        """Take into account what a stage took, and what the solver remembers."""
        self.total.memory = stage.memory
        self.total.curve += stage.curve
        self.total.n_iter += stage.n_iter
        self.total.n_evaluations += stage.n_evaluations

    def certify(self, slopes_of: Loss | Array, w: Array, worth: float = np.inf) -> None:
        """Take a point into account: its value, and the bound that its slopes give.

        A bound is not looked for where smoothing costs more than a share of the value.
        """
        value, bound, self.smoothing = certify(self.objective, slopes_of, w, worth=worth)
        spared = self.certifiable and self.smoothing > worth * abs(value)
        self.total.n_evaluations += 1 if spared else CERTIFICATE_EVALUATIONS
        # A bound above the value that it bounds is rounding, and no bound.
        if bound <= value + SMALLEST_GAP * abs(value):
            self.bound = max(self.bound, bound)
        if value < self.total.value:
            self.total.w, self.total.value = w, value

    def _slow(self, iterate: Iterate) -> bool:
        """Whether a stage is over, because the latest iterations brought next to nothing."""
        self._latest.append(iterate.value)
        return self.is_slow

    def _certified(self, iterate: Iterate) -> bool:
        """Whether a stage is over; asks the certificate only where the gap may be closed."""
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
        # A stage whose smoothing leaves no room cannot close the gap: cool first.
        return self.closed or self.smoothing > allowed
