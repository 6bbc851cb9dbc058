"""Codes of representations as features of a linear energy, and energies as scores of anomalies.

    python benchmarks/features.py --data DIR            mnist_t10k, letter and satimage of DIR
    python benchmarks/features.py                       scikit-learn's digits

Features: accuracy and log-loss of `EBMClassifier` on held-out rows, on features alone and beside
the columns, at the same number of components for all. Anomalies: half of the classes are left out
of learning; the AUC says how well a score tells their rows from held-out rows of the other
classes. Columns are standardised on the learned rows; settings are defaults, or found without
labels.
"""

import argparse
import time
import warnings

import numpy as np
from classification_sets import path_of, problem
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.kernel_approximation import Nystroem
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_ebm import EBMClassifier
from sklearn_ebm.representation import REPRESENTATIONS
from sklearn_ebm.representation.code_features import CodeFeatures

SETS = ("mnist_t10k", "letter", "satimage")
HELD_OUT = 0.3


def present(names, folder):
    """The sets that are there; scikit-learn's digits where no folder is given."""
    if folder is None:
        return ["digits"]
    there = [name for name in names if path_of(name, folder).exists()]
    for name in names:
        if name not in there:
            print(f"{path_of(name, folder)} is not there: {name} is left out")
    return there


def split(X, y, seed, *others):
    """Learned, held-out and other rows, standardised on the learned ones; labels of the former."""
    X_train, X_test, *labels = train_test_split(
        X, y, test_size=HELD_OUT, random_state=seed, stratify=y
    )
    scaler = StandardScaler().fit(X_train)
    return [scaler.transform(rows) for rows in (X_train, X_test, *others)], labels


def beside(transformer):
    """The samples and what a transformer makes of them, side by side."""
    return FeatureUnion([("x", FunctionTransformer()), ("features", transformer)])


def features(n_components, shape):
    """Name and transformer of every contender."""
    yield "x", FunctionTransformer()
    yield "PCA", PCA(min(n_components, *shape), random_state=0)
    n_landmarks = min(n_components, shape[0])
    # Its features have squares that sum to 1, too little for the penalty of the energy.
    nystroem = make_pipeline(Nystroem(n_components=n_landmarks, random_state=0), StandardScaler())
    yield "Nystroem", nystroem
    yield "x + Nystroem", beside(nystroem)
    for name in REPRESENTATIONS:
        yield name, CodeFeatures(name, n_components, beside=False)
        yield f"x + {name}", CodeFeatures(name, n_components)


def compare_features(name, folder=None, n_rows=None, n_components=128, seeds=1):
    """Print and return accuracy, log-loss and CPU seconds of each kind of features."""
    X, y = problem(name, folder, n_rows)
    figures = {}
    for seed in range(seeds):
        (X_train, X_test), (y_train, y_test) = split(X, y, seed)
        for kind, transformer in features(n_components, X_train.shape):
            start = time.process_time()
            model = make_pipeline(transformer, EBMClassifier(tol=1e-3)).fit(X_train, y_train)
            seconds = time.process_time() - start
            p = model.predict_proba(X_test)
            accuracy = np.mean(model.classes_[p.argmax(axis=1)] == y_test)
            loss = log_loss(y_test, p, labels=model.classes_)
            figures.setdefault(kind, []).append((accuracy, loss, seconds))
    figures = {kind: np.mean(rows, axis=0) for kind, rows in figures.items()}
    print(f"\n{name}: {len(X)} rows, {X.shape[1]} features, {n_components} components")
    print("| features | accuracy | log-loss | CPU s of fit |\n|---|---:|---:|---:|")
    for kind, (accuracy, loss, seconds) in figures.items():
        print(f"| {kind} | {accuracy:.3f} | {loss:.4f} | {seconds:.2f} |")
    return figures


def anomaly_scores(X, n_components):
    """Name and function of every contender that was fitted to X; high where a row is unusual."""
    forest, density = (
        IsolationForest(random_state=0).fit(X),
        KernelDensity(bandwidth="scott").fit(X),
    )
    yield "IsolationForest", lambda rows: -forest.score_samples(rows)
    yield "KernelDensity", lambda rows: -density.score_samples(rows)
    # With as many components as features nothing would be left to score.
    pca = PCA(min(n_components, X.shape[1] // 2, len(X)), random_state=0).fit(X)
    yield "PCA", lambda rows: ((rows - pca.inverse_transform(pca.transform(rows))) ** 2).sum(axis=1)
    for name in REPRESENTATIONS:
        model = CodeFeatures(name, n_components).fit(X).representation_
        yield name, lambda rows, model=model: -model.score_samples(rows)


def compare_anomalies(name, folder=None, n_rows=None, n_components=128, seeds=1):
    """Print and return the AUC of each score, and its mean over choices of left-out classes."""
    X, y = problem(name, folder, n_rows)
    found = {}
    for seed in range(seeds):
        classes = np.random.RandomState(seed).permutation(np.unique(y))
        known = np.isin(y, classes[: len(classes) // 2])
        (X_train, X_test, unknown), _ = split(X[known], y[known], seed, X[~known])
        rows, truth = np.vstack([X_test, unknown]), np.repeat([0, 1], [len(X_test), len(unknown)])
        for kind, score in anomaly_scores(X_train, n_components):
            found.setdefault(kind, []).append(roc_auc_score(truth, score(rows)))
    print(f"\n{name}: half of the classes left out, {seeds} choices")
    print("| score | mean AUC | lowest |\n|---|---:|---:|")
    for kind, values in found.items():
        print(f"| {kind} | {np.mean(values):.3f} | {min(values):.3f} |")
    return found


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with classification/NAME.npz; default: digits")
    parser.add_argument("--sets", type=lambda text: text.split(","), default=SETS)
    parser.add_argument("--rows", type=int, default=5_000, help="so many of each set at most")
    parser.add_argument("--components", type=int, default=128)
    parser.add_argument("--seeds", type=int, default=3, help="splits, and choices of classes")
    options = parser.parse_args(arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in present(options.sets, options.data):
            for compare in (compare_features, compare_anomalies):
                compare(name, options.data, options.rows, options.components, options.seeds)


if __name__ == "__main__":
    main()
