"""Kernel energies beside SVC, with and without calibrated probabilities.

Each contender chooses C from the same grid on the same 5,000 of the first fold's training rows, a
quarter held out, by its own log-loss (SVC without probabilities: by accuracy), and is then timed
and scored on every fold.
"""

import argparse
import os
import time
import warnings
from pathlib import Path

import numpy as np
from classification_sets import problem
from linear_cases.report import Report
from sklearn.calibration import CalibratedClassifierCV
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_ebm import EBMClassifier
from sklearn_ebm.energies import Kernel

CORES = 2
TUNING_ROWS = 5000
CS = (1.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
SETS = ("letter", "satimage", "mnist_t10k")
# The certified gap at which a fit ends: closer ones make neither accuracy nor log-loss on held-out
# rows better. The default, 1e-4, takes part once, with rows in float64.
TOLERANCE, DEFAULT = 0.1, 1e-4

RIVAL = "SVC, calibrated"
EXACT = "SVC"
# Numbers of features on each set.
FEATURES = {"letter": (1000, 1500), "satimage": (500,), "mnist_t10k": (1000,)}


def ours(n_components, C, tol=TOLERANCE):
    return EBMClassifier(energy=Kernel(n_components=n_components), C=C, tol=tol, random_state=0)


class InFloat64:
    """A model that gets its rows in float64."""

    def __init__(self, model):
        self.model = model

    def fit(self, X, y):
        self.model.fit(X.astype(np.float64), y)
        return self

    def predict_proba(self, X):
        return self.model.predict_proba(X.astype(np.float64))


def contenders(name):
    for n_components in FEATURES[name]:
        yield f"EBM kernel, {n_components} features", lambda C, m=n_components: ours(m, C)
    first = FEATURES[name][0]
    yield (
        f"EBM kernel, {first} features, float64, tol 1e-4",
        lambda C: InFloat64(ours(first, C, DEFAULT)),
    )
    yield EXACT, lambda C: SVC(C=C, cache_size=1000)
    # Its five inner fits may use both cores.
    yield (
        RIVAL,
        lambda C: CalibratedClassifierCV(SVC(C=C, cache_size=1000), ensemble=False, n_jobs=CORES),
    )


def measured(model, X, y, X_test, y_test):
    """Accuracy, log-loss, seconds to fit and to predict, probabilities included."""
    began = time.perf_counter()
    model.fit(X, y)
    fitted = time.perf_counter()
    if not hasattr(model, "predict_proba"):
        answers, loss = model.predict(X_test), np.nan
    else:
        probabilities = model.predict_proba(X_test)
        answers, loss = probabilities.argmax(axis=1), log_loss(y_test, probabilities)
    ended = time.perf_counter()
    return accuracy_score(y_test, answers), loss, fitted - began, ended - fitted


def chosen(make, X, y):
    """The C of the least held-out log-loss, or of the highest accuracy without probabilities.

    On so many rows at most that the grid takes minutes, not hours.
    """
    share = min(1.0, TUNING_ROWS / len(y))
    rows = train_test_split(X, y, train_size=0.75 * share, test_size=0.25 * share, stratify=y,
                            random_state=0)  # fmt: skip
    found = {}
    for C in CS:
        accuracy, loss, *_ = measured(make(C), rows[0], rows[2], rows[1], rows[3])
        found[C] = -accuracy if np.isnan(loss) else loss
    return min(found, key=found.get)


def race(name, options, report):
    """All contenders on the same folds, interleaved fold by fold."""
    X, y = problem(name, options.data, options.rows)
    print(f"\n{name}: {len(y)} rows, {X.shape[1]} columns, {y.max() + 1} classes")
    splits = list(StratifiedKFold(options.folds, shuffle=True, random_state=0).split(X, y))
    makers, strengths, rows = dict(contenders(name)), {}, {}
    for number, (kept, held_out) in enumerate(splits):
        scaler = StandardScaler().fit(X[kept])
        # float32 for all: SVC converts it, which takes next to no time.
        known = scaler.transform(X[kept]).astype(np.float32)
        new = scaler.transform(X[held_out]).astype(np.float32)
        for model, make in makers.items():
            if number == 0:
                strengths[model] = chosen(make, known, y[kept])
            result = measured(make(strengths[model]), known, y[kept], new, y[held_out])
            rows.setdefault(model, []).append(result)
    table = {model: np.array(each) for model, each in rows.items()}
    for model, each in table.items():
        accuracy, loss, *_ = each.mean(axis=0)
        fit, predict = np.median(each[:, 2:], axis=0)
        report.run(
            "kernel", name, model, float(fit + predict), fit=float(fit), predict=float(predict),
            accuracy=f"{accuracy:.4f}", log_loss="—" if np.isnan(loss) else f"{loss:.4f}",
            C=strengths[model],
        )  # fmt: skip
    beside_svc(name, table, report)


def beside_svc(name, table, report):
    """Ours beside SVC, plain and calibrated."""
    rival, exact = table[RIVAL], table[EXACT]
    for n_components in FEATURES[name]:
        mine = table[f"EBM kernel, {n_components} features"]
        label = f"{n_components} features: "
        below = 100 * float((exact[:, 0] - mine[:, 0]).mean())
        ratio = float(np.median(rival[:, 2:].sum(axis=1) / mine[:, 2:].sum(axis=1)))
        report.figure("kernel", name, f"{label}points of accuracy below SVC", below)
        report.figure("kernel", name, f"{label}times faster than calibrated SVC", ratio)
        report.figure("kernel", name, f"{label}log-loss / that of calibrated SVC",
                      float(mine[:, 1].mean() / rival[:, 1].mean()))  # fmt: skip


def markdown(report):
    """The table of the guide."""
    lines = [
        "| set | model | C | accuracy | log-loss | fit s | predict s |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {run['subject']} | {run['contender']} | {run['C']:g} | {run['accuracy']} | "
        f"{run['log_loss']} | {run['fit']:.2f} | {run['predict']:.2f} |"
        for run in report.runs
    ]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with classification/NAME.npz; default: digits")
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--rows", type=int, help="only so many rows of each set")
    parser.add_argument("--json", help="write every row there")
    parser.add_argument("--table", help="write the table in Markdown there")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    report = Report()
    for name in options.sets.split(","):
        race(name, options, report)
    report.summary()
    if options.json:
        report.write(options.json, vars(options))
    if options.table:
        Path(options.table).write_text(markdown(report), encoding="utf-8")


if __name__ == "__main__":
    main()
