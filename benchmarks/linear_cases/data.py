"""The rows that the cases learn from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from sklearn import datasets
from sklearn.preprocessing import StandardScaler

QUICK_ROWS, QUICK_COLUMNS = 600, 30


@dataclass
class Problem:
    """One training problem with C = 1.

    Attributes
    ----------
    name : str
    X : ndarray (float64, C order) or CSR of shape (n_samples, n_features)
    y : ndarray of int of shape (n_samples,)
        Index of the class.
    loss : str
    """

    name: str
    X: Any
    y: np.ndarray
    loss: str = "nll"

    @property
    def n_classes(self):
        return int(self.y.max()) + 1

    def describe(self):
        kind = "sparse" if sparse.issparse(self.X) else "dense"
        n, d = self.X.shape
        return f"{self.name}: {n} rows, {d} columns, {self.n_classes} classes, {kind}, {self.loss}"


def problems(names, options, *, loss="nll", scaled=True, stand_ins=("digits",)):
    """The sets of a case; those of scikit-learn where no folder is given."""
    if options.data is None:
        print(f"No --data: {', '.join(names)} left out; stand-ins: {', '.join(stand_ins)}")
        names = [*stand_ins, *(name for name in names if name in SYNTHETIC)]
    elif options.sets:
        names = [name for name in names if name in options.sets.split(",")]
    for name in names:
        loaded = load(name, options.data)
        if loaded is None:
            print(f"{name} is not in the folder of --data: left out")
            continue
        X, y = loaded
        if options.quick:
            X, y = subsample(X, y)
        yield Problem(name, prepare(X, scaled), np.unique(y, return_inverse=True)[1], loss)


def load(name, folder):
    """X and y as stored; None where the file is not there."""
    if name in SYNTHETIC:
        return SYNTHETIC[name]()
    if name in EMBEDDED:
        return EMBEDDED[name]()
    files = Path(folder) / "classification"
    if (files / f"{name}.npz").exists():
        with np.load(files / f"{name}.npz") as stored:
            return stored["X"], stored["y"]
    if (files / f"{name}_counts_X.npz").exists():
        with np.load(files / f"{name}_labels.npz") as stored:
            return sparse.load_npz(files / f"{name}_counts_X.npz"), stored["y"]
    return None


def subsample(X, y):
    """A few rows and columns, for a first look."""
    rows = np.random.RandomState(0).permutation(X.shape[0])[:QUICK_ROWS]
    count = 20 * QUICK_COLUMNS if sparse.issparse(X) else QUICK_COLUMNS
    columns = np.random.RandomState(1).permutation(X.shape[1])[:count]
    return X[rows][:, columns], y[rows]


def prepare(X, scaled):
    """float64, row after row in memory; counts and raw columns as they come."""
    if sparse.issparse(X):
        return sparse.csr_matrix(X, dtype=np.float64)
    X = np.ascontiguousarray(X, dtype=np.float64)
    return np.ascontiguousarray(StandardScaler().fit_transform(X)) if scaled else X


def planted(n, d, k, seed=0, dtype=np.float64):
    """Normal rows, and labels drawn from a linear model of unit strength; every class occurs."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d), dtype=dtype)
    templates = (2 * rng.standard_normal((d, k)) / np.sqrt(d)).astype(dtype)
    y = np.empty(n, dtype=np.intp)
    block = max(1, 2**22 // k)
    for begin in range(0, n, block):
        scores = X[begin : begin + block] @ templates
        y[begin : begin + block] = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    y[: min(n, k)] = np.arange(min(n, k))
    return X, y


def six_decades():
    """20,000 rows of which the columns have scales from 1e-3 to 1e3."""
    X, y = planted(20_000, 40, 6)
    return X * np.logspace(-3, 3, X.shape[1]), y


def sparse_digits():
    X, y = datasets.load_digits(return_X_y=True)
    return sparse.csr_matrix(X), y


SYNTHETIC = {"six_decades": six_decades}
EMBEDDED = {
    "digits": lambda: datasets.load_digits(return_X_y=True),
    "wine": lambda: datasets.load_wine(return_X_y=True),
    "breast_cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
    "sparse_digits": sparse_digits,
}
