"""The case speed: fits, gradient steps, densities and memory, against the clock and the scales."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from linear_cases.clock import PAUSE

from sklearn_ebm import LatentEBMRegressor
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.solvers import Adam

from . import torch_mixture
from .data import real_names, splits_of
from .energies import of_energy, title
from .fits import fitted, median_seconds, scores_of, seconds_of_fit
from .rivals import NGBOOST, ROUNDS, ngboost

CASE, PROTEIN = "speed", "protein-tertiary-structure"
SETS = ("concrete", "kin8nm", PROTEIN)
PASSES = 2  # of one timing of gradient steps
ROWS = 10_000
COUNTING = "memory"  # timed besides what `--energies` names


def speed(options, report):
    """How long do fits, gradient steps and densities take, and how much memory?"""
    energies = list(options.energies)
    if COUNTING not in energies:
        energies.append(COUNTING)
    for name in real_names(SETS, options):
        for split in splits_of(name, options)[:1]:
            print(f"{name}: {len(split.y)} training rows")
            fits(split, energies, options, report)
            if name == PROTEIN or options.data is None:
                steps(split, options, report)
                for energy in energies:
                    memory(split, energy, options, report)


def fits(split, energies, options, report):
    """Whole fits, ours and NGBoost's in turn, and the densities of the last of ours."""
    seconds, models, rival = {energy: [] for energy in energies}, {}, []
    with_rival = split.name == PROTEIN or options.data is None
    for _ in range(options.repeats):
        for energy in energies:
            models[energy], spent = fitted(split, options, energy)
            seconds[energy].append(spent)
        rival += [ngboost(split, options)] if with_rival else []
    measured = bool(rival) and None not in rival
    if measured:
        line(split, NGBOOST, median_seconds(rival), rival[0], report)
    for energy in energies:
        ours = float(np.median(seconds[energy]))
        line(split, title(energy), ours, scores_of(split, models[energy], ours), report)
        report.figure(CASE, split.name, of_energy(energy, "seconds of a fit"), ours)
        if with_rival:
            ratio = median_seconds(rival) / ours if measured else None
            measure = f"a fit, times faster than NGBoost, {ROUNDS} rounds"
            report.figure(CASE, split.name, of_energy(energy, measure), ratio)
        densities(split, energy, models[energy], options, report)


def line(split, contender, seconds, scores, report):
    report.run(CASE, split.name, contender, seconds, nll=float(scores.nll.mean()),
               rmse=scores.rmse)  # fmt: skip


def densities(split, energy, model, options, report):
    """`log_prob` of many rows."""
    X, y = np.resize(split.X, (ROWS, split.X.shape[1])), np.resize(split.y, ROWS)
    seconds = []
    for _ in range(max(options.repeats, 5)):
        time.sleep(PAUSE)
        start = time.perf_counter()
        model.log_prob(X, y)
        seconds.append(time.perf_counter() - start)
    measure = of_energy(energy, f"seconds of log_prob of {ROWS:,} rows")
    report.figure(CASE, split.name, measure, float(np.median(seconds)))


def memory(split, energy, options, report):
    """The largest size of a process that fits once and takes densities."""
    found = probed(split, energy, options)
    columns = {f"{step}_GB": size / 1e9 for step, size in found.items()}
    report.run(CASE, split.name, f"{title(energy)}, memory", None, **columns)
    peak = max(found.values()) / 1e9
    report.figure(CASE, split.name, of_energy(energy, "gigabytes of the process, at most"), peak)


def probed(split, energy, options):
    """Bytes before the fit, after it, and after `log_prob`, as a process of its own tells."""
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.npz"
        np.savez(rows, X=split.X, y=split.y)
        command = [sys.executable, "-m", "regression_cases.memory_probe", str(rows), energy]
        here = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(
            [*command, str(ROWS)], env=here, capture_output=True, text=True, check=True
        )
    return json.loads(done.stdout.splitlines()[-1])


def steps(split, options, report):
    """One gradient step of experts: as many members, the same layers, batches and noise."""
    passes = 1 if options.quick else PASSES
    model, _ = fitted(split, options, "experts", max_iter=1)
    energy = model.energy_
    rows, answers = energy._standardize_rows(split.X), energy._standardize_answers(split.y[:, None])
    beside_torch = torch_mixture.torch_is_there(options.cores)
    seconds = {"LatentEBMRegressor": []} | ({"PyTorch": []} if beside_torch else {})
    start = energy.start(Rows(split.X, split.y[:, None], np.ones(len(split.y))), 1,
                         np.random.RandomState(0))  # fmt: skip
    for _ in range(options.repeats):
        seconds["LatentEBMRegressor"].append(seconds_of_steps(split, passes))
        if beside_torch:
            time.sleep(PAUSE)
            seconds["PyTorch"].append(
                torch_mixture.seconds_of_steps(energy, start, rows, answers[:, 0], passes)
            )
    medians = {contender: float(np.median(times)) for contender, times in seconds.items()}
    for contender, median in medians.items():
        report.run(CASE, split.name, f"{contender}, a gradient step", median)
    ratio = medians["PyTorch"] / medians["LatentEBMRegressor"] if beside_torch else None
    report.figure(CASE, split.name, "a gradient step, times faster than PyTorch", ratio)


def seconds_of_steps(split, passes):
    """Seconds of one of our steps: what more passes add to a fit of one pass."""
    solver = Adam(
        torch_mixture.LEARNING_RATE, torch_mixture.BATCH, weight_decay=torch_mixture.DECAY
    )
    seconds = []
    for max_iter in (1, 1 + passes):
        model = LatentEBMRegressor(
            "experts", solver=solver, early_stopping=False, max_iter=max_iter, random_state=0
        )
        seconds.append(seconds_of_fit(model, split))
    return (seconds[1] - seconds[0]) / (passes * -(-len(split.y) // torch_mixture.BATCH))
