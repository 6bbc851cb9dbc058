"""The sweep: which setting of each contender reaches the gap soonest.

1. f* is the least objective that anybody finds: a long run of our own, that run polished, and
   every run of the sweep. Certified gaps bound how far off it can be.
2. Each contender alone climbs its ladder of settings until its true relative gap (f − f*)/f* is
   small enough, its time is up, or the ladder ends; two bisections between the last miss and the
   first hit follow. A rival (other than lbfgs, of which the ratio is quoted) is also given up when
   it takes `HOPELESS` times as long as another rival took to reach the gap.

Everybody runs with one BLAS thread and with one on each core, and the better of the two counts:
which one that is depends on the solver, the sizes and what else the machine does. (Solvers in
compiled code of their own, which call no threads, run with one.)
"""

from dataclasses import dataclass
from statistics import median

import numpy as np
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from sklearn_ebm import EBMClassifier

from . import objectives
from .clock import evaluations, timed_fit
from .contenders import LBFGS, OURS, RIVAL

LADDER_LIMITS = 3  # a whole ladder may take this many times the limit of one fit
CHEAP_SECONDS = 1.0  # settings quicker than that are repeated
HOPELESS, HOPELESS_SECONDS = 20.0, 5.0
PICTURE = 100.0  # pictures show gaps this much smaller than the smallest target
ROUNDING = 1e-9


@dataclass
class Run:
    """One setting of one contender. `value` is None where the fit did not end in time."""

    contender: object
    setting: float
    seconds: float
    value: float | None = None
    evaluations: int | None = None
    certified: float | None = None
    threads: int | None = None

    def gap(self, best):
        return np.inf if self.value is None else (self.value - best) / abs(best)


class Sweep:
    """All contenders on one problem, and every run of theirs.

    Attributes
    ----------
    best : float
        f*.
    bound : float
        The largest lower bound on f that a certificate gave; −inf where there is none.
    runs : list of Run
    exhausted : set of str
        Names of contenders whose ladder ended before the gap was reached: they never reach it.
    """

    def __init__(self, problem, contenders, options, targets):
        self.problem, self.contenders, self.options = problem, contenders, options
        self.targets = targets
        self.finest = min(targets) / (PICTURE if options.plot else 1.0)
        self.runs, self.limited_by_rounding = [], set()
        self.best, self.bound = long_run(problem, options.limit)
        self._copies, self._threads = {}, {}

    def run_all(self):
        for contender in self.contenders:
            self._warm_up(contender)
            self._climb(contender)
            for target in self.targets:
                self._refine(contender, target)
        for run in self.runs:
            if run.value is not None:
                self.best = min(self.best, run.value)
                if run.certified is not None:
                    self.bound = max(self.bound, run.value * (1 - run.certified))

    def rows(self, dtype):
        """X in the dtype of a contender; float64 is X itself."""
        if np.dtype(dtype) == self.problem.X.dtype:
            return self.problem.X
        if dtype not in self._copies:
            self._copies[dtype] = self.problem.X.astype(dtype)
        return self._copies[dtype]

    def thread_counts(self, contender):
        return [1] if contender.deaf else sorted({1, self.options.cores})

    def of(self, name):
        return [run for run in self.runs if run.contender.name == name]

    def fastest(self, target):
        """The fastest run of each contender that reached the gap."""
        chosen = {}
        for run in sorted(self.runs, key=lambda run: run.seconds):
            if run.gap(self.best) <= target:
                chosen.setdefault(run.contender.name, run)
        return chosen

    def _warm_up(self, contender):
        """A fit of a few rows, so that nobody pays for imports and thread pools."""
        order = np.argsort(self.problem.y, kind="stable")
        rows = order[:: max(1, len(order) // 200)]
        model = clone(contender.estimator).set_params(max_iter=3)
        timed_fit(model, self.rows(contender.dtype)[rows], self.problem.y[rows], 60.0)

    def _limit(self, contender):
        """Seconds that one fit of a contender may take."""
        if contender.role == OURS or contender.name == LBFGS:
            return self.options.limit
        hits = self.fastest(min(self.targets)).values()
        rivals = [run.seconds for run in hits if run.contender.role == RIVAL]
        hopeless = max(HOPELESS_SECONDS, HOPELESS * min(rivals, default=np.inf))
        return min(self.options.limit, hopeless)

    def _climb(self, contender):
        spent, before, growth, limit = 0.0, None, 1.0, self._limit(contender)
        for setting in contender.ladder:
            if contender.deaf and before and before.seconds * growth > limit:
                return
            run = self._run(contender, setting, limit)
            growth = max(1.0, run.seconds / before.seconds) if before else 1.0
            before = run
            spent += run.seconds
            if run.value is None or spent > LADDER_LIMITS * limit:
                return
            if run.gap(self.best) <= self.finest:
                return
        self.limited_by_rounding.add(contender.name)

    def _refine(self, contender, target):
        downwards = contender.parameter == "tol"
        for _ in range(2):
            hit = self.fastest(target).get(contender.name)
            if hit is None or len(contender.ladder) == 1:
                return
            mine = sorted(self.of(contender.name), key=lambda run: run.setting, reverse=downwards)
            looser = mine[max(mine.index(hit) - 1, 0)]
            middle = np.sqrt(looser.setting * hit.setting)
            middle = middle if downwards else int(middle)
            if middle in (looser.setting, hit.setting):
                return
            self._run(contender, middle, self.options.limit)

    def _run(self, contender, setting, limit):
        """Median seconds of one setting, with the better number of BLAS threads."""
        before = self._threads.setdefault(contender.name, {})
        counts = self.thread_counts(contender)
        if len(before) == len(counts) and max(before.values()) > CHEAP_SECONDS:
            counts = [min(before, key=before.get)]
        run = Run(contender, setting, limit)
        for threads in counts:
            seconds, model = self._repeated(contender, setting, threads, limit)
            before[threads] = before.get(threads, 0.0) + seconds
            if model is not None and (run.value is None or seconds < run.seconds):
                run = Run(contender, setting, seconds, *self._judge(model), threads)
        self.runs.append(run)
        return run

    def _repeated(self, contender, setting, threads, limit):
        seconds, repeats = [], self.options.sweep_repeats
        while not seconds or (len(seconds) < repeats and sum(seconds) < CHEAP_SECONDS):
            model = clone(contender.estimator).set_params(**contender.setting(setting))
            rows = self.rows(contender.dtype)
            with threadpool_limits(threads):
                taken = timed_fit(model, rows, self.problem.y, limit)
            if taken is None:
                return limit, None
            seconds.append(taken)
        return median(seconds), model

    def _judge(self, model):
        value = objectives.of_model(model, self.problem)
        return value, evaluations(model), getattr(model, "gap_", None)


def long_run(problem, limit):
    """Least objective of long runs of our own, and the lower bound that their certificates give."""
    best, bound, coef = np.inf, -np.inf, None
    for tol in (1e-4, 1e-6, 1e-8) if problem.loss == "nll" else (1e-3, 1e-5):
        model = EBMClassifier(loss=problem.loss, tol=tol, max_iter=10**6, random_state=0)
        if timed_fit(model, problem.X, problem.y, 2 * limit) is None:
            break
        value = objectives.of_model(model, problem)
        if model.gap_ is not None:
            bound = max(bound, value * (1 - model.gap_))
        if value < best:
            best, coef = value, (model.coef_, model.intercept_)
    if coef is not None and problem.loss == "nll":
        best = min(best, objectives.polished(problem, *coef))
    return best, bound


def certainty(best, bound):
    """In words: how far f* can be from the minimum, or that a certificate is false."""
    if not np.isfinite(bound):
        return "no certificate"
    gap = (best - bound) / abs(best)
    if gap < -ROUNDING:
        return f"A CERTIFICATE IS FALSE: it puts the minimum {-gap:.1e} above f*"
    return f"certified within {max(gap, 0.0):.1e} of the minimum"
