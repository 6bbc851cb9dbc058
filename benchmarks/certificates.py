"""Are certified gaps close to the true ones, and does a tighter tolerance never end higher?

Draws random problems for each convex loss: few and many classes, rows and columns, columns in
units of six decades, small whole numbers that tie, weights, C from 0.01 to 1000. Each is learned at
the default tolerance and at a loose one. The true minimum is the least value that those fits
and a very tight one find. A second implementation of the objective, in NumPy, judges all of them.

    python benchmarks/certificates.py
    python benchmarks/certificates.py --problems 22 --list
"""

import argparse
import time
import warnings
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from sklearn_ebm import EBMClassifier
from sklearn_ebm.losses import LOSSES

TOL, LOOSE, TIGHT = 1e-4, 1e-2, 1e-8

# A reported gap is good if it is within `tol`, or at most so many times the true one.
FACTOR = 20

KINDS = [("nll", None)] + [
    (name, contrast)
    for name in ("hinge", "log", "simple", "square_square", "square_exp")
    for contrast in ("hardest", "all")
]


class Problem(NamedTuple):
    """Rows, labels, weights and the settings of a fit."""

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    loss: str
    contrast: str | None
    C: float
    fit_intercept: bool
    columns: str

    @property
    def name(self):
        """The loss and its contrast."""
        return self.loss + ("" if self.contrast is None else f" {self.contrast}")

    def fit(self, tol, **settings):
        """An estimator fitted to the problem, and whether it warned."""
        chosen = {} if self.contrast is None else {"contrast": self.contrast}
        clf = EBMClassifier(
            loss=LOSSES[self.loss](**chosen), C=self.C, tol=tol,
            fit_intercept=self.fit_intercept, **settings, random_state=0,
        )  # fmt: skip
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            clf.fit(self.X, self.y, self.weight)
        return clf, bool(caught)

    def objective(self, clf):
        """Weighted losses plus the penalty, at the parameters of a fitted estimator."""
        coef, k = clf.params_["coef"], len(clf.classes_)
        energies = -(self.X @ coef.T) - clf.params_.get("intercept", 0.0)
        penalty = (2 if k == 2 else 1) / self.C
        losses = row_losses(self.loss, self.contrast, energies, self.y)
        return float(self.weight @ losses + 0.5 * penalty * np.sum(coef**2))


def problem(seed, most_rows=1000):
    """Return the problem of a seed; the losses take turns."""
    rng = np.random.RandomState(seed)
    loss, contrast = KINDS[seed % len(KINDS)]
    k, d = int(rng.randint(2, 7)), int(rng.choice([1, 2, 4, 10, 30, 60]))
    n = int(10 ** rng.uniform(1.5, np.log10(most_rows)))
    y = np.r_[np.arange(k), rng.randint(k, size=n - k)]
    X = rng.normal(size=(n, d)) + rng.choice([0.0, 0.5, 3.0]) * rng.normal(size=(k, d))[y]
    columns = str(rng.choice(["plain", "units", "whole numbers", "few values"]))
    if columns == "units":
        X *= 10.0 ** rng.uniform(-3, 3, size=d)
    elif columns == "whole numbers":
        X = np.round(4 * X).clip(-16, 16)
    elif columns == "few values":
        X = (X > 0).astype(float)
    weight = [np.ones(n), rng.randint(1, 4, size=n), 10 ** rng.normal(size=n)][rng.randint(3)]
    C, fit_intercept = float(10 ** rng.uniform(-2, 3)), bool(rng.randint(4))
    return Problem(X, y, weight.astype(float), loss, contrast, C, fit_intercept, columns)


def row_losses(loss, contrast, energies, y):
    """Loss of each row, at margin 1 and γ = 1."""
    rows = np.arange(len(y))
    right, others = energies[rows, y][:, None], np.arange(energies.shape[1]) != y[:, None]
    if loss == "nll":
        return right[:, 0] + logsumexp(-energies, axis=1)
    wrong = energies[others].reshape(len(y), -1)
    if contrast == "hardest":
        wrong = wrong.min(axis=1, keepdims=True)
    values = {
        "hinge": lambda: np.maximum(1 + right - wrong, 0),
        "log": lambda: np.logaddexp(0, right - wrong),
        "simple": lambda: np.maximum(right, 0) + np.maximum(1 - wrong, 0),
        "square_square": lambda: np.maximum(right, 0) ** 2 + np.maximum(1 - wrong, 0) ** 2,
        "square_exp": lambda: right**2 + np.exp(-wrong),
    }[loss]()
    return values.sum(axis=1)


class Figures(NamedTuple):
    """What came of one problem."""

    gap: float
    true: float
    worse: float  # relative rise of the objective from the loose tolerance to the default one
    false: bool  # whether the bound lies above the least value that was found
    warned: bool
    seconds: float

    @property
    def bad(self):
        """Whether the gap is neither within the tolerance nor close to the true one."""
        return self.gap > max(TOL, FACTOR * self.true)


def measure(case):
    """Fit a problem at several tolerances and compare."""
    start = time.process_time()
    clf, warned = case.fit(TOL)
    seconds = time.process_time() - start
    value, loose = case.objective(clf), case.objective(case.fit(LOOSE)[0])
    close = case.objective(case.fit(TIGHT, max_iter=5000)[0])
    least = min(value, loose, close)
    gap = np.inf if clf.gap_ is None else clf.gap_
    true = (value - least) / value
    return Figures(gap, true, (value - loose) / loose, true > gap + 1e-9, warned, seconds)


def main():
    """Print one line for each loss, and one for all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problems", type=int, default=200, help="how many (default: 200)")
    parser.add_argument("--list", action="store_true", help="print each gap that is bad, too")
    options = parser.parse_args()
    found = {}
    for seed in range(options.problems):
        case = problem(seed)
        figures = measure(case)
        found.setdefault(case.name, []).append(figures)
        if options.list and (figures.bad or figures.worse > 0 or figures.false or figures.warned):
            (n, d), k = case.X.shape, len(set(case.y))
            print(
                f"{seed}: {case.name}, {n} rows × {d} columns ({case.columns}), {k} classes, "
                f"C={case.C:.3g}, intercept {case.fit_intercept}: gap {figures.gap:.1e}, "
                f"true {figures.true:.1e}, higher by {figures.worse:.1e}, "
                f"warned {figures.warned}, {figures.seconds:.1f} s",
                flush=True,
            )
    found["all"] = [figures for each in found.values() for figures in each]
    print(f"{'loss':<22}problems  above tol  bad gaps  false  tighter is higher  largest  seconds")
    for name, each in found.items():
        print(
            f"{name:<22}{len(each):8d}  {sum(f.gap > TOL for f in each):9d}  "
            f"{sum(f.bad for f in each):8d}  {sum(f.false for f in each):5d}  "
            f"{sum(f.worse > TOL for f in each):17d}  {max(f.gap for f in each):7.1e}  "
            f"{sum(f.seconds for f in each):7.1f}"
        )


if __name__ == "__main__":
    main()
