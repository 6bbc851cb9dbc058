"""Few prototypes for each class, learned: beside what as many stored points do without learning."""

import argparse
import time
import warnings

import numpy as np
from classification_sets import problem
from sklearn.cluster import KMeans
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.preprocessing import StandardScaler

from sklearn_ebm import EBMClassifier
from sklearn_ebm.energies import Prototypes

METRICS = ("euclidean", "diagonal", "full")
LOSSES = ("nll", "hinge", "square_square", "lvq2")
PER_CLASS = 3


class Stored:
    """The nearest of three points a class: rows drawn at random, or centres of K-means."""

    def __init__(self, centres):
        self.centres = centres

    def fit(self, X, y):
        points = []
        for label in np.unique(y):
            rows = X[y == label]
            if self.centres:
                machine = KMeans(PER_CLASS, n_init=1, random_state=0).fit(rows)
                points.append(machine.cluster_centers_)
            else:
                drawn = np.random.RandomState(label).choice(len(rows), PER_CLASS, replace=False)
                points.append(rows[drawn])
        labels = np.repeat(np.unique(y), PER_CLASS)
        self.machine = KNeighborsClassifier(1).fit(np.vstack(points), labels)
        return self

    def predict(self, X):
        return self.machine.predict(X)


def contenders(metrics):
    yield "NearestCentroid", NearestCentroid
    yield "1-NN of 3 rows a class", lambda: Stored(centres=False)
    yield "1-NN of 3 centres a class", lambda: Stored(centres=True)
    for metric in metrics:
        for loss in LOSSES:
            energy = Prototypes(n_prototypes=PER_CLASS, metric=metric)
            yield (
                f"{metric}, {loss}",
                lambda energy=energy, loss=loss: EBMClassifier(
                    energy, loss, beta="auto", random_state=0
                ),
            )


def measured(make, X, y, folds):
    """Means over folds: accuracy, log-loss, seconds to fit, seconds to predict, iterations."""
    rows = []
    for learn, held_out in folds:
        scaler = StandardScaler().fit(X[learn])
        known, new = scaler.transform(X[learn]), scaler.transform(X[held_out])
        started = time.perf_counter()
        model = make().fit(known, y[learn])
        fitted = time.perf_counter()
        accuracy = accuracy_score(y[held_out], model.predict(new))
        predicted = time.perf_counter()
        loss, iterations = float("nan"), float("nan")
        if isinstance(model, EBMClassifier):
            loss = log_loss(y[held_out], model.predict_proba(new), labels=model.classes_)
            iterations = model.n_iter_
        rows.append((accuracy, loss, fitted - started, predicted - fitted, iterations))
    return np.mean(rows, axis=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="folder with classification/NAME.npz; else digits")
    parser.add_argument("--sets", default="satimage,letter")
    parser.add_argument("--metrics", default=",".join(METRICS))
    parser.add_argument("--rows", type=int, help="so many rows of each set at most")
    parser.add_argument("--folds", type=int, default=5)
    settings = parser.parse_args()
    names = settings.sets.split(",") if settings.data else ["digits"]
    warnings.simplefilter("ignore")
    for name in names:
        X, y = problem(name, settings.data, settings.rows)
        print(f"\n{name}: {X.shape[0]} rows, {X.shape[1]} columns, {len(np.unique(y))} classes")
        print("| model | accuracy | log-loss | fit s | predict s | iterations |")
        print("|---|---|---|---|---|---|")
        folds = list(StratifiedKFold(settings.folds, shuffle=True, random_state=0).split(X, y))
        for label, make in contenders(settings.metrics.split(",")):
            accuracy, loss, fit, predict, steps = measured(make, X, y, folds)
            print(
                f"| {label} | {accuracy:.4f} | {loss:.3f} | {fit:.2f} | {predict:.4f} "
                f"| {steps:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
