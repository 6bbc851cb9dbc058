"""Splits of the sets, real and generated."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_diabetes

from sklearn_ebm.datasets import ONE_TO_MANY

PUBLISHED = (
    "yacht", "energy", "concrete", "kin8nm", "protein-tertiary-structure", "wine-quality-red",
)  # fmt: skip
BRANCHED = "speedflow_lane3"
VECTORS = ("horn", "ellipse")
SCALARS = tuple(name for name in ONE_TO_MANY if name not in VECTORS)
STAND_IN = "diabetes"

GENERATED_ROWS, RANDOM_SPLITS, TEST_SHARE = 4_000, 10, 0.1
QUICK_ROWS, QUICK_TEST_ROWS, QUICK_SPLITS = 300, 100, 2

# Seeds of fresh test rows of a generated set lie this far from those of its training rows.
FRESH = 1_000


@dataclass(eq=False)
class Split:
    """Rows to learn from, and test rows.

    Attributes
    ----------
    name : str
        Of the set.
    number : int
    X, y, X_test, y_test : ndarray
    truth : Truth or None
        The exact distribution of a generated set.
    """

    name: str
    number: int
    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    truth: Any = None

    def repeated(self):
        """Which test rows, with their answers, occur in the training rows as well."""
        known = {row.tobytes() for row in np.column_stack([self.X, self.y])}
        rows = np.column_stack([self.X_test, self.y_test])
        return np.array([row.tobytes() in known for row in rows])


def wanted(names, options):
    """Those of the names that `--sets` leaves in."""
    return [name for name in names if not options.sets or name in options.sets.split(",")]


def real_names(names, options):
    """Wanted real sets; a set of scikit-learn where no folder is given."""
    if options.data is not None:
        return wanted(names, options)
    print(f"No --data: {', '.join(names)} left out; stand-in: {STAND_IN}")
    return [STAND_IN]


def splits_of(name, options):
    """The splits of a set, as many as `--splits` asks for; none if the set is not there."""
    if name in ONE_TO_MANY:
        splits = generated_splits(name, options)
    else:
        splits = real_splits(name, options)
    return [part(split) for split in splits] if options.quick else splits


def generated_splits(name, options):
    """Fresh rows for each split: as many for the test as to learn from; one unless asked."""
    splits = []
    for number in range(options.splits or 1):
        X, y, truth = ONE_TO_MANY[name](GENERATED_ROWS, random_state=number, return_truth=True)
        X_test, y_test = ONE_TO_MANY[name](GENERATED_ROWS, random_state=FRESH + number)
        splits.append(Split(name, number, X, y, X_test, y_test, truth))
    return splits


def stored(name, folder):
    """X, y and the test rows of each split, or None for these; None if the set is not there."""
    if name == STAND_IN:
        return (*load_diabetes(return_X_y=True), None)
    file = Path(folder) / "regression" / f"{name}.npz" if folder else None
    if file is None or not file.exists():
        print(f"{name} is not in the folder of --data: left out")
        return None
    with np.load(file) as arrays:
        tests = arrays["test_idx"] if "test_idx" in arrays else None
        return arrays["X"].astype(float), arrays["y"].astype(float).ravel(), tests


def real_splits(name, options):
    """The splits that come with a set, or random ones, always the same."""
    found = stored(name, options.data)
    if found is None:
        return []
    X, y, tests = found
    if tests is None:
        tests = [random_test(len(y), seed) for seed in range(RANDOM_SPLITS)]
    asked = tests[: options.splits]
    return [split_at(name, number, X, y, test) for number, test in enumerate(asked)]


def random_test(n_rows, seed):
    """A tenth of the rows."""
    return np.random.RandomState(seed).permutation(n_rows)[: round(TEST_SHARE * n_rows)]


def split_at(name, number, X, y, test):
    """Test rows, and all the others to learn from."""
    kept = np.setdiff1d(np.arange(len(y)), test)
    return Split(name, number, X[kept], y[kept], X[test], y[test])


def part(split):
    """A few rows of a split, for a first look."""
    return Split(
        split.name, split.number, split.X[:QUICK_ROWS], split.y[:QUICK_ROWS],
        split.X_test[:QUICK_TEST_ROWS], split.y_test[:QUICK_TEST_ROWS], split.truth,
    )  # fmt: skip
