"""Sets of classes that several benchmarks read."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits


def path_of(name, folder):
    """Where a set lies in the folder of `--data`."""
    return Path(folder) / "classification" / f"{name}.npz"


def problem(name, folder, n_rows):
    """Rows and labels of a set, shuffled by a fixed seed, and cut to so many rows if asked for.

    Without a folder they are scikit-learn's digits.
    """
    if folder is None:
        X, y = load_digits(return_X_y=True)
    else:
        with np.load(path_of(name, folder), allow_pickle=True) as arrays:
            X, y = arrays["X"].astype(np.float64), arrays["y"]
    order = np.random.RandomState(0).permutation(len(y))[:n_rows]
    return X[order], np.unique(y[order], return_inverse=True)[1]
