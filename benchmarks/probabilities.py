"""Are the probabilities of margin losses as good as those of the likelihood?

Fits each contender on the same two thirds of the rows, in turn, and prints held-out log-loss,
accuracy and median fit seconds, with ratios to EBMClassifier(loss="nll").

    python benchmarks/probabilities.py --data ../shared/data --losses hinge,log --repeats 3
"""

import argparse
import time
import warnings
from pathlib import Path
from statistics import median

import numpy as np
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sklearn_ebm import EBMClassifier


def data_sets(folder):
    """Name, X and y of each set; scikit-learn's digits where no folder is given."""
    if folder is None:
        yield "digits", *load_digits(return_X_y=True)
        return
    for name in ("satimage", "letter"):
        path = Path(folder) / "classification" / f"{name}.npz"
        if not path.exists():
            print(f"{path} is not there: {name} is left out")
            continue
        with np.load(path) as stored:
            yield name, stored["X"].astype(np.float64), stored["y"]


def contenders(losses):
    """The reference first."""
    models = {
        "EBM nll": EBMClassifier(random_state=0),
        "LogisticRegression": LogisticRegression(max_iter=1000),
    }
    models["LinearSVC (calibrated)"] = CalibratedClassifierCV(LinearSVC(max_iter=5000), cv=3)
    for loss in losses:
        models[f"EBM {loss}, beta=1"] = EBMClassifier(loss=loss, random_state=0)
        models[f"EBM {loss}, beta='auto'"] = EBMClassifier(loss=loss, beta="auto", random_state=0)
    return models


def measure(models, X, y, repeats):
    """Held-out log-loss, accuracy and median fit seconds of each model, the fits interleaved."""
    X, X_test, y, y_test = train_test_split(X, y, test_size=1 / 3, random_state=0, stratify=y)
    scaler = StandardScaler().fit(X)
    X, X_test = scaler.transform(X), scaler.transform(X_test)
    seconds = {name: [] for name in models}
    scores = {}
    for _ in range(repeats):
        for name, model in models.items():
            model = clone(model)
            start = time.perf_counter()
            model.fit(X, y)
            seconds[name].append(time.perf_counter() - start)
            probability = model.predict_proba(X_test)
            scores[name] = log_loss(y_test, probability), model.score(X_test, y_test)
    return {name: (*scores[name], median(seconds[name])) for name in models}


def main():
    """Print one table for each set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with classification/*.npz (default: digits)")
    parser.add_argument("--losses", default="hinge", help="names, with commas (default: hinge)")
    parser.add_argument("--repeats", type=int, default=3, help="fits of each (default: 3)")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # convergence of the rivals at their default settings
    for name, X, y in data_sets(arguments.data):
        rows = measure(contenders(arguments.losses.split(",")), X, y, arguments.repeats)
        reference = rows["EBM nll"]
        print(f"\n{name}: {X.shape[0]} rows, {X.shape[1]} columns, {len(np.unique(y))} classes")
        print(f"{'':28s}{'log-loss':>10s}{'ratio':>8s}{'accuracy':>10s}{'fit s':>9s}{'ratio':>8s}")
        for model, (loss, accuracy, seconds) in rows.items():
            print(
                f"{model:28s}{loss:10.4f}{loss / reference[0]:8.3f}{accuracy:10.4f}"
                f"{seconds:9.3f}{seconds / reference[2]:8.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
