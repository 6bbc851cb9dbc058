"""The timing: the best setting of each contender, in turn, and the ratios to ours.

Contenders that reached the gap run `repeats` times, interleaved; rivals much slower than the
fastest in the sweep keep their seconds from there, and the table says so by `repeats 1`.
"""

import gc
from statistics import median

import numpy as np
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from .clock import timed_fit
from .contenders import CERTIFIED, LBFGS, OURS, RIVAL, SINGLE

WORTH_TIMING = 2.0  # rivals this much slower than the fastest are not timed again


def timed(sweep, target):
    """Median seconds, repeats and BLAS threads of each contender that reached the gap."""
    chosen = sweep.fastest(target)
    rivals = [run.seconds for run in chosen.values() if run.contender.role == RIVAL]
    bar = WORTH_TIMING * min(rivals, default=np.inf)
    entries = []
    for name, run in chosen.items():
        if run.seconds <= bar or name in (LBFGS, SINGLE) or run.contender.role == OURS:
            entries += [(name, run, count) for count in sweep.thread_counts(run.contender)]
    once = {name: (run.seconds, 1, run.threads) for name, run in chosen.items()}
    return once | interleaved(sweep, entries)


def interleaved(sweep, entries):
    seconds = {(name, threads): [] for name, _, threads in entries}
    for repeat in range(sweep.options.repeats):
        for name, run, threads in entries:
            if repeat and (name, threads) in slower_half(seconds):
                continue
            contender = run.contender
            model = clone(contender.estimator).set_params(**contender.setting(run.setting))
            rows = sweep.rows(contender.dtype)
            gc.collect()
            with threadpool_limits(threads):
                taken = timed_fit(model, rows, sweep.problem.y, np.inf)
            seconds[name, threads].append(taken)
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


def spent_in_vain(sweep, name):
    """Seconds of the longest run of a contender: what it takes at least to reach the gap."""
    return max(run.seconds for run in sweep.of(name))


def ratios(sweep, medians):
    """Seconds of others over ours, with a note; bounds where others did not reach the gap."""
    names = {role: [c.name for c in sweep.contenders if c.role == role] for role in (OURS, RIVAL)}
    mine = min((medians[name][0] for name in names[OURS] if name in medians), default=None)
    stopped = medians[CERTIFIED][0] if CERTIFIED in medians else None
    winner = fastest_rival(sweep, medians, names[RIVAL])

    def ratio(name, by):
        if by is None:
            return 0.0, "ours did not reach the gap"
        if name in medians:
            return medians[name][0] / by, name
        return spent_in_vain(sweep, name) / by, f"at least: {name} did not reach the gap"

    result = {"the fastest rival": ratio(winner, mine), "certified stop": ratio(winner, stopped)}
    present = {contender.name for contender in sweep.contenders}
    return result | {name: ratio(name, mine) for name in (LBFGS, SINGLE) if name in present}


def fastest_rival(sweep, medians, rivals):
    """The one that reached the gap first or, where none did, that might have been the first to."""
    reached = [name for name in rivals if name in medians]
    if reached:
        return min(reached, key=lambda name: medians[name][0])
    hopeful = [name for name in rivals if name not in sweep.limited_by_rounding]
    choose = min if hopeful else max
    return choose(hopeful or rivals, key=lambda name: spent_in_vain(sweep, name))
