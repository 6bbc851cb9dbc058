"""The case speed: fits, gradient steps and densities against the clock."""

import json
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from linear_cases.clock import PAUSE

from sklearn_ebm import LatentEBMRegressor
from sklearn_ebm.solvers import Adam

from . import torch_mixture
from .data import real_names, splits_of
from .fits import fitted, scores_of

PROTEIN = "protein-tertiary-structure"
ROUNDS, QUICK_ROUNDS = 500, 5
PASSES = 2  # of one timing of gradient steps
ROWS = 10_000

FIT, NGBOOST, STEP, LOG_PROB = 180.0, 3.0, 1.0, 0.2


def speed(options, report):
    """How long do a fit, a gradient step and densities take, beside NGBoost and PyTorch?"""
    for name in real_names([PROTEIN], options):
        for split in splits_of(name, options)[:1]:
            split.official = options.data is not None and not options.quick
            print(f"{name}: {len(split.y)} training rows")
            model = fits(split, options, report)
            steps(split, model, options, report)
            densities(split, model, options, report)


def fits(split, options, report):
    """Whole fits, ours and NGBoost's in turn."""
    contenders = {"LatentEBMRegressor": [], "NGBoost": []}
    for _ in range(options.repeats):
        model, seconds = fitted(split, options)
        scores = scores_of(split, model, seconds)
        ours = {"seconds": seconds, "nll": float(scores.nll.mean()), "rmse": scores.rmse}
        contenders["LatentEBMRegressor"].append(ours)
        rival = ngboost(split, options)
        if rival is not None:
            contenders["NGBoost"].append(rival)
    medians = {}
    for contender, runs in contenders.items():
        if runs:
            seconds = medians[contender] = float(np.median([run.pop("seconds") for run in runs]))
            report.run("speed", split.name, contender, seconds, **runs[0])
    official, ours = split.official, medians["LatentEBMRegressor"]
    report.target(
        "speed", split.name, "seconds of a fit", ours, FIT, at_most=True, official=official
    )
    measure = f"a fit, times faster than NGBoost, {ROUNDS} rounds"
    ratio = medians["NGBoost"] / ours if "NGBoost" in medians else None
    report.target("speed", split.name, measure, ratio, NGBOOST, official=official or ratio is None)
    return model


def ngboost(split, options):
    """Seconds and scores of NGBoost; None where it is not installed."""
    script = Path(__file__).with_name("ngboost_fit.py")
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.npz"
        np.savez(rows, X=split.X, y=split.y, X_test=split.X_test, y_test=split.y_test)
        time.sleep(PAUSE)
        done = subprocess.run(
            [options.ngboost, str(script), str(rows), str(rounds)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1])
    reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
    print(f"  NGBoost not measured: {reason} (--ngboost names a Python that has it)")
    return None


def steps(split, model, options, report):
    """One gradient step: as many members and experts, the same layers, batches and noise."""
    passes = 1 if options.quick else PASSES
    energy = model.energy_
    rows, answers = energy.represented(split.X), energy.represented_answers(split.y[:, None])
    beside_torch = torch_mixture.torch_is_there(options.cores)
    seconds = {"LatentEBMRegressor": []} | ({"PyTorch": []} if beside_torch else {})
    start = energy.start(split.X, split.y[:, None], np.ones(len(split.y)), 1,
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
        report.run("speed", split.name, f"{contender}, a gradient step", median)
    ratio = medians["PyTorch"] / medians["LatentEBMRegressor"] if beside_torch else None
    report.target(
        "speed", split.name, "a gradient step, times faster than PyTorch", ratio, STEP,
        official=split.official or ratio is None,
    )  # fmt: skip


def seconds_of_steps(split, passes):
    """Seconds of one of our steps: what more passes add to a fit of one pass."""
    solver = Adam(
        torch_mixture.LEARNING_RATE, torch_mixture.BATCH, weight_decay=torch_mixture.DECAY
    )
    seconds = []
    for max_iter in (1, 1 + passes):
        model = LatentEBMRegressor(solver=solver, early_stopping=False, max_iter=max_iter)
        time.sleep(PAUSE)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            start = time.perf_counter()
            model.fit(split.X, split.y)
            seconds.append(time.perf_counter() - start)
    return (seconds[1] - seconds[0]) / (passes * -(-len(split.y) // torch_mixture.BATCH))


def densities(split, model, options, report):
    """`log_prob` of many rows."""
    X, y = np.resize(split.X, (ROWS, split.X.shape[1])), np.resize(split.y, ROWS)
    seconds = []
    for _ in range(max(options.repeats, 5)):
        time.sleep(PAUSE)
        start = time.perf_counter()
        model.log_prob(X, y)
        seconds.append(time.perf_counter() - start)
    report.target(
        "speed", split.name, f"seconds of log_prob of {ROWS:,} rows", float(np.median(seconds)),
        LOG_PROB, at_most=True, official=split.official,
    )  # fmt: skip
