"""Fits of random problems: the certified gap is true, and every fit ends as it says it does.

Losses, objective and minimum are written out here anew, with nothing of the package: any point
gives an upper bound on the minimum, so the gap of a fit is at least what the best point found says.
"""

import time
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit, logsumexp, softmax
from sklearn.exceptions import ConvergenceWarning

from sklearn_ebm import EBMClassifier, _learning, _path
from sklearn_ebm.exceptions import CollapseWarning
from sklearn_ebm.losses import LOSSES
from sklearn_ebm.solvers.initial_matrices import choice

N_FAST, N_SLOW = 66, 330
LONGEST = 5.0  # seconds for a fit of no more than 120 rows

SMOOTH = [("nll", None), ("log", "all"), ("square_square", "all"), ("square_exp", "all")]
KINKED = [
    ("hinge", "hardest"), ("hinge", "all"), ("simple", "hardest"), ("simple", "all"),
    ("log", "hardest"), ("square_square", "hardest"), ("square_exp", "hardest"),
]  # fmt: skip

# What the engine does with problems too large for a test, forced upon small ones.
ROUTES = {
    "as it is": {},
    "not polished": {(_path, "POLISHED_ENTRIES"): 0},
    "many parameters": {(_path, "POLISHED_ENTRIES"): 0, (choice, "COUPLED_SIZE"): 0},
    "float32 first": {(_path, "POLISHED_ENTRIES"): 0, (_learning, "TWIN_SMALLEST"): 0},
    "both": {
        (_path, "POLISHED_ENTRIES"): 0,
        (choice, "COUPLED_SIZE"): 0,
        (_learning, "TWIN_SMALLEST"): 0,
    },
}


# The problems ------------------------------------------------------------------------------------


def problem(seed):
    """Rows, labels, weights and settings, drawn from a seed."""
    rng = np.random.RandomState(seed)
    loss, contrast = (SMOOTH + KINKED)[seed % 11]
    k = int(rng.choice([2, 2, 3, 3, 4, 7, 20, 50]))
    n_rows, d = int(rng.choice([k, 2 * k, 60]) + rng.randint(1, 50)), int(rng.randint(1, 11))
    y = np.r_[np.arange(k), rng.randint(k, size=n_rows - k)]
    X = rng.normal(size=(n_rows, d)) + rng.choice([0.3, 5.0]) * rng.normal(size=(k, d))[y]
    shape = rng.choice(["plain", "rank-deficient", "offset", "constant column", "sparse"])
    if shape == "rank-deficient":
        X = np.hstack([X, X[:, :1], X @ rng.normal(size=(d, 2))])
    elif shape == "offset":
        X += 10.0 ** rng.randint(5)
    elif shape == "constant column":
        X[:, 0] = 0.1
    elif shape == "sparse":
        X = sparse.csr_array(X * (rng.uniform(size=X.shape) < 0.4))
    scales = 10.0 ** (rng.choice([0.0, 0.0, 8.0]) * rng.uniform(-1, 1, size=X.shape[1]))
    X = X.multiply(scales).tocsr() if shape == "sparse" else X * scales
    weight = rng.choice([0.0, 0.5, 1.0]) * rng.normal(size=n_rows)
    settings = {
        "loss": loss,
        "C": float(10.0 ** rng.uniform(-6, 6)),
        "tol": float(rng.choice([1e-4, 1e-4, 1e-2, 1e-6, 1e-8])),
        "fit_intercept": bool(rng.randint(4)),
        "max_iter": 300,
    }
    if contrast is not None:
        settings["loss"] = LOSSES[loss](contrast=contrast)
    return SimpleNamespace(
        X=X, y=y, k=k, weight=10.0**weight, settings=settings, loss=loss, contrast=contrast,
        route=list(ROUTES)[seed // 11 % len(ROUTES)], shape=str(shape),
    )  # fmt: skip


# The losses, written out -------------------------------------------------------------------------


def soft_part(u, temperature):
    """[u]⁺ and its slope, soft at a temperature."""
    if not temperature:
        return np.maximum(u, 0), (u > 0).astype(float)
    return temperature * np.logaddexp(0, u / temperature), expit(u / temperature)


def pair(name, right, wrong, temperature):
    """φ(F(y), F(ȳ)) at the default margin 1 and γ = 1, with its two slopes."""
    if name == "hinge":
        value, slope = soft_part(1 + right - wrong, temperature)
        return value, slope, -slope
    if name == "log":
        slope = expit(right - wrong)
        return np.logaddexp(0, right - wrong), slope, -slope
    if name == "simple":
        low, slope_low = soft_part(right, temperature)
        high, slope_high = soft_part(1 - wrong, temperature)
        return low + high, slope_low, -slope_high
    if name == "square_square":
        low, high = np.maximum(right, 0), np.maximum(1 - wrong, 0)
        return low**2 + high**2, 2 * low, -2 * high
    push = np.exp(-wrong)
    return right**2 + push, 2 * right, -push


def losses(name, contrast, energies, y, temperature):
    """Loss of each row and its slopes in the energies."""
    n_rows, k = energies.shape
    rows = np.arange(n_rows)
    if name == "nll":
        slope = -softmax(-energies, axis=1)
        slope[rows, y] += 1
        return energies[rows, y] + logsumexp(-energies, axis=1), slope
    right, others = energies[rows, y], np.arange(k) != y[:, None]
    wrong = energies[others].reshape(n_rows, k - 1)
    if contrast == "all":
        value, slope_right, slope_wrong = pair(name, right[:, None], wrong, temperature)
        value, slope_right = value.sum(axis=1), slope_right.sum(axis=1)
    else:
        if temperature:
            lowest = -temperature * logsumexp(-wrong / temperature, axis=1)
            share = softmax(-wrong / temperature, axis=1)
        else:
            lowest, share = wrong.min(axis=1), np.eye(k - 1)[wrong.argmin(axis=1)]
        value, slope_right, slope_lowest = pair(name, right, lowest, temperature)
        slope_wrong = slope_lowest[:, None] * share
    slope = np.empty_like(energies)
    slope[others], slope[rows, y] = slope_wrong.ravel(), slope_right
    return value, slope


class Problem:
    """f in units of columns of size one, as a function of one vector."""

    def __init__(self, case):
        X = case.X.toarray() if sparse.issparse(case.X) else case.X
        self.case, self.free = case, case.settings["fit_intercept"]
        self.mean = X.mean(axis=0) if self.free else np.zeros(X.shape[1])
        self.size = np.sqrt(((X - self.mean) ** 2).mean(axis=0))
        self.size[self.size <= 1e-12 * np.abs(X).max(axis=0)] = 1.0
        self.rows = (X - self.mean) / self.size
        self.penalty = (2 if case.k == 2 else 1) / case.settings["C"] / self.size**2

    def pack(self, clf):
        coef = clf.params_["coef"]
        return np.c_[coef * self.size, clf.params_.get("intercept", 0) + coef @ self.mean].ravel()

    def __call__(self, w, temperature=0.0):
        """Value and gradient."""
        case = self.case
        W = w.reshape(case.k, -1)
        energies = -(self.rows @ W[:, :-1].T) - self.free * W[:, -1]
        with np.errstate(all="ignore"):
            value, slope = losses(case.loss, case.contrast, energies, case.y, temperature)
            slope *= case.weight[:, None]
            gradient = np.c_[
                self.penalty * W[:, :-1] - slope.T @ self.rows, -self.free * slope.sum(axis=0)
            ]
            total = case.weight @ value + 0.5 * np.sum(self.penalty * W[:, :-1] ** 2)
        return total, gradient.ravel()

    def lowest(self, w):
        """The lowest value that SciPy finds from a point, through ever colder losses.

        In units of the penalty and a curvature of 1/4, as f's own are no good for it.
        """
        case, best = self.case, self(w)[0]
        smooth = (case.loss, case.contrast) in SMOOTH or case.k == 2 and case.loss in (
            "log", "square_square", "square_exp",
        )  # fmt: skip
        unit = np.r_[1 / np.sqrt(case.weight.sum() / 4 + self.penalty), 2 / case.weight.sum() ** 0.5]
        unit = np.tile(unit, case.k)
        for temperature in (0.0,) if smooth else (0.1, 1e-2, 1e-3, 1e-4, 1e-5):

            def scaled(v, temperature=temperature):
                value, gradient = self(v * unit, temperature)
                return value, gradient * unit

            found = minimize(
                scaled, w / unit, jac=True, method="L-BFGS-B",
                options={"maxiter": 100, "maxfun": 130, "ftol": 1e-15, "gtol": 1e-12, "maxcor": 30},
            )  # fmt: skip
            w = found.x * unit
            best = min(best, self(w)[0])
        return best


# What must hold ----------------------------------------------------------------------------------


def fit(case):
    """A fit and the warnings it gave."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        warnings.simplefilter("always", CollapseWarning)
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        clf = EBMClassifier(**case.settings)
        clf.fit(case.X, case.y, case.weight)
    return clf, {record.category for record in caught}


def check(seed, monkeypatch):
    """One problem: its fit ends in time, says how it ended, and its gap is true."""
    case = problem(seed)
    with monkeypatch.context() as patched:
        for (module, name), value in ROUTES[case.route].items():
            patched.setattr(module, name, value)
        started = time.process_time()
        clf, warned = fit(case)
        seconds = time.process_time() - started
    assert seconds < LONGEST
    assert np.isfinite(clf.coef_).all() and np.isfinite(clf.intercept_).all()
    probability = clf.predict_proba(case.X)
    assert np.isfinite(probability).all()
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-9)
    objective, w = Problem(case), None
    w = objective.pack(clf)
    value = objective(w)[0]
    assert np.isfinite(value)
    if ConvergenceWarning in warned:
        assert clf.gap_ is None or clf.gap_ > case.settings["tol"]
    else:
        assert clf.gap_ <= case.settings["tol"]
    best = min(value, objective.lowest(w), objective.lowest(np.zeros_like(w)))
    true = (value - best) / value if value else 0.0
    if clf.gap_ is not None:
        assert true <= clf.gap_ * (1 + 1e-6) + 1e-9
    return SimpleNamespace(seconds=seconds, warned=warned, gap=clf.gap_, true=true, case=case)
