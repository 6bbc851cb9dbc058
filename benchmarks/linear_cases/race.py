"""The race: which setting of each contender reaches the gap soonest, and how long that takes.

1. f* is the least objective that anybody finds: a long run of our own, that run polished, and
   every run of the sweep. The certified gap of the long run says how far off it can be.
2. Sweep: each contender alone climbs its ladder of settings until its true relative gap
   (f − f*)/f* is small enough, its time is up, or the ladder ends; two bisections between the last
   miss and the first hit follow.
3. Timing: the fastest setting of each contender that reached the gap is run `repeats` times, in
   turn with all others.

Everybody runs with one BLAS thread and with one on each core, and the better of the two counts:
which one that is depends on the solver, the sizes and what else the machine does.
"""

import gc
from dataclasses import dataclass
from statistics import median

import numpy as np
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from sklearn_ebm import EBMClassifier

from . import objectives
from .clock import evaluations, timed_fit
from .contenders import LBFGS, OURS, RIVAL, SINGLE

LADDER_LIMITS = 3  # a whole ladder may take this many times the limit of one fit
CHEAP_SECONDS = 1.0  # settings quicker than that are repeated in the sweep, too
WORTH_TIMING = 2.0  # rivals this much slower than the fastest are not timed again
PICTURE_GAP = 1e-6


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


class Race:
    """All contenders on one problem."""

    def __init__(self, problem, contenders, options, finest):
        self.problem, self.contenders, self.options = problem, contenders, options
        self.finest = min(finest, PICTURE_GAP) if options.plot else finest
        self.runs = []
        self.best, self.best_gap = long_run(problem, options.limit)
        self._copies, self._threads = {}, {}

    def rows(self, dtype):
        """X in the dtype of a contender; float64 is X itself."""
        dtype = np.dtype(dtype)
        if dtype == self.problem.X.dtype:
            return self.problem.X
        return self._copies.setdefault(dtype, self.problem.X.astype(dtype))

    def sweep(self, targets):
        for contender in self.contenders:
            self._warm_up(contender)
            self._climb(contender)
            for target in targets:
                self._refine(contender, target)
        values = [run.value for run in self.runs if run.value is not None]
        self.best = min([self.best, *values])

    def _warm_up(self, contender):
        """A fit of a few rows, so that nobody pays for imports and thread pools."""
        order = np.argsort(self.problem.y, kind="stable")
        rows = order[:: max(1, len(order) // 200)]
        model = clone(contender.estimator).set_params(max_iter=3)
        timed_fit(model, self.rows(contender.dtype)[rows], self.problem.y[rows], 60.0)

    def _climb(self, contender):
        spent, before, growth = 0.0, None, 1.0
        for setting in contender.ladder:
            limit = self.options.limit
            if contender.deaf and before and before.seconds * growth > limit:
                return
            run = self._run(contender, setting)
            growth = max(1.0, run.seconds / before.seconds) if before else 1.0
            before = run
            spent += run.seconds
            if run.value is None or spent > LADDER_LIMITS * limit:
                return
            if run.gap(self.best) <= self.finest:
                return

    def _refine(self, contender, target):
        for _ in range(2):
            mine = [run for run in self.runs if run.contender is contender]
            hits = [run for run in mine if run.gap(self.best) <= target]
            if not hits or len(contender.ladder) == 1:
                return
            hit = min(hits, key=lambda run: run.seconds)
            ordered = sorted(
                mine, key=lambda run: run.setting, reverse=contender.parameter == "tol"
            )
            looser = ordered[max(ordered.index(hit) - 1, 0)]
            middle = np.sqrt(looser.setting * hit.setting)
            middle = int(middle) if contender.parameter == "max_iter" else middle
            if middle in (looser.setting, hit.setting):
                return
            self._run(contender, middle)

    def _run(self, contender, setting):
        """Median seconds of one setting, with the better number of BLAS threads."""
        before = self._threads.setdefault(contender.name, {})
        counts = sorted({1, self.options.cores})
        if len(before) == len(counts) and max(before.values()) > CHEAP_SECONDS:
            counts = [min(before, key=before.get)]
        run = Run(contender, setting, self.options.limit)
        for threads in counts:
            seconds, model = self._repeated(contender, setting, threads)
            before[threads] = before.get(threads, 0.0) + seconds
            if model is not None and (run.value is None or seconds < run.seconds):
                run = Run(contender, setting, seconds, *self._judge(model), threads)
        self.runs.append(run)
        return run

    def _repeated(self, contender, setting, threads):
        seconds = []
        while not seconds or (
            len(seconds) < self.options.sweep_repeats and sum(seconds) < CHEAP_SECONDS
        ):
            model = clone(contender.estimator).set_params(**contender.setting(setting))
            rows = self.rows(contender.dtype)
            with threadpool_limits(threads):
                taken = timed_fit(model, rows, self.problem.y, self.options.limit)
            if taken is None:
                return self.options.limit, None
            seconds.append(taken)
        return median(seconds), model

    def _judge(self, model):
        value = objectives.of_model(model, self.problem)
        return value, evaluations(model), getattr(model, "gap_", None)

    def fastest(self, target):
        """The fastest run of each contender that reached the gap."""
        chosen = {}
        for run in self.runs:
            name = run.contender.name
            better = name not in chosen or run.seconds < chosen[name].seconds
            if run.gap(self.best) <= target and better:
                chosen[name] = run
        return chosen

    def spent_in_vain(self, name):
        """Seconds of the longest run of a contender: what it takes at least to reach the gap."""
        return max(run.seconds for run in self.runs if run.contender.name == name)

    def time(self, target):
        """Median seconds and number of repeats for each contender that reached the gap."""
        chosen = self.fastest(target)
        rivals = [run.seconds for run in chosen.values() if run.contender.role == RIVAL]
        bar = WORTH_TIMING * min(rivals, default=np.inf)
        entries = []
        for name, run in chosen.items():
            if run.seconds <= bar or name in (LBFGS, SINGLE) or run.contender.role == OURS:
                entries += [(name, run, count) for count in sorted({1, self.options.cores})]
        timed = self._interleaved(entries)
        once = {name: (run.seconds, 1, run.threads) for name, run in chosen.items()}
        return once | timed

    def _interleaved(self, entries):
        seconds = {(name, threads): [] for name, _, threads in entries}
        for repeat in range(self.options.repeats):
            for name, run, threads in entries:
                if repeat and (name, threads) in slower_half(seconds):
                    continue
                contender = run.contender
                model = clone(contender.estimator).set_params(**contender.setting(run.setting))
                gc.collect()
                with threadpool_limits(threads):
                    fit = timed_fit(model, self.rows(contender.dtype), self.problem.y, np.inf)
                seconds[name, threads].append(fit)
        return best_of_threads(seconds)


def slower_half(seconds):
    """Contender and threads whose first run was slower by a fifth with this number of threads."""
    first = {key: taken[0] for key, taken in seconds.items() if taken}
    fastest = {}
    for (name, _), taken in first.items():
        fastest[name] = min(taken, fastest.get(name, np.inf))
    return {key for key, taken in first.items() if taken > 1.2 * fastest[key[0]]}


def best_of_threads(seconds):
    best = {}
    for (name, threads), taken in seconds.items():
        figure = (median(taken), len(taken), threads)
        if name not in best or figure[0] < best[name][0]:
            best[name] = figure
    return best


def long_run(problem, limit):
    """Least objective of long runs of our own, and its certified relative gap."""
    best, certified, coef = np.inf, None, None
    for tol in (1e-4, 1e-6, 1e-8) if problem.loss == "nll" else (1e-3, 1e-5):
        model = EBMClassifier(loss=problem.loss, tol=tol, max_iter=10**6)
        if timed_fit(model, problem.X, problem.y, 2 * limit) is None:
            break
        value = objectives.of_model(model, problem)
        if value < best:
            best, certified, coef = value, model.gap_, (model.coef_, model.intercept_)
    if coef is not None and problem.loss == "nll":
        best = min(best, objectives.polished(problem, *coef))
    return best, certified
