"""Fits of random problems: the certified gap is true, and every fit ends as it says it does.

Losses, objective and minimum are written out here anew, with nothing of the package: any point
gives an upper bound on the minimum, so the gap of a fit is at least what the best point found says.
"""

import time
import warnings
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit, logsumexp, softmax
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from sklearn_ebm import EBMClassifier
from sklearn_ebm.exceptions import CollapseWarning
from sklearn_ebm.learning import parametrization, stage_monitor
from sklearn_ebm.learning import temperature_path as _path
from sklearn_ebm.losses import LOSSES
from sklearn_ebm.solvers.preconditioners import choice

N_SEEDS = 330
# Each loss with two of the routes.
SOME = [seed for seed in range(66) if (seed % 11 + seed // 11) % 3 == 0]
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
    "float32 first": {(_path, "POLISHED_ENTRIES"): 0, (parametrization, "FLOAT32_SMALLEST"): 0},
    "both": {
        (_path, "POLISHED_ENTRIES"): 0,
        (choice, "COUPLED_SIZE"): 0,
        (parametrization, "FLOAT32_SMALLEST"): 0,
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
        "max_iter": 200,
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
        right = np.broadcast_to(right[:, None], wrong.shape)
        value, slope_right, slope_wrong = pair(name, right, wrong, temperature)
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
        smooth = (case.loss, case.contrast) in SMOOTH
        self.kinked = not (smooth or (case.k == 2 and case.loss not in ("hinge", "simple")))
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

        In units of the penalty and a curvature of 1/4: f's own are no good for it.
        """
        case, best = self.case, self(w)[0]
        total = case.weight.sum()
        unit = np.append(1 / np.sqrt(total / 4 + self.penalty), 2 / np.sqrt(total))
        unit = np.tile(unit, case.k)
        for temperature in (1e-2, 1e-4) if self.kinked else (0.0,):

            def scaled(v, temperature=temperature):
                value, gradient = self(v * unit, temperature)
                return value, gradient * unit

            found = minimize(
                scaled, w / unit, jac=True, method="L-BFGS-B",
                options={"maxiter": 60, "maxfun": 80, "ftol": 1e-15, "gtol": 1e-12, "maxcor": 30},
            )  # fmt: skip
            w = found.x * unit
            best = min(best, self(w)[0])
        return best


# What must hold ----------------------------------------------------------------------------------


def fit(case, **changes):
    """A fit and the warnings it gave."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        warnings.simplefilter("always", CollapseWarning)
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        clf = EBMClassifier(**(case.settings | changes)).fit(case.X, case.y, case.weight)
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
    gap, tol = clf.gap_, case.settings["tol"]
    if ConvergenceWarning in warned:
        assert gap is None or gap > tol
    else:
        assert gap <= tol

    f = Problem(case)
    w = f.pack(clf)
    value = f(w)[0]
    other = fit(case, solver="newton", tol=1e-9, max_iter=40)[0]
    best = min(value, f.lowest(w), f(f.pack(other))[0])
    if not f.kinked:
        best = min(best, f.lowest(np.zeros_like(w)))
    true = (value - best) / value
    assert gap is None or true <= gap * (1 + 1e-6) + 1e-9
    return SimpleNamespace(gap=gap, true=true, seconds=seconds, converged=not warned, case=case)


@pytest.mark.parametrize(
    "seeds",
    [
        SOME,
        pytest.param([s for s in range(N_SEEDS) if s not in SOME], marks=pytest.mark.slow),
    ],
    ids=["some", "others"],
)
def test_the_gap_of_random_fits_is_true(seeds, monkeypatch):
    wrong, found = [], []
    for seed in seeds:
        try:
            found.append(check(seed, monkeypatch))
        except Exception as error:  # all of them, not the first: they have much in common
            wrong.append(f"{seed}: {type(error).__name__}: {error}\n    {problem(seed)}")
    assert not wrong, f"{len(wrong)} of {len(seeds)} seeds:\n" + "\n".join(wrong)
    # Gaps that say nothing, or that meet a minimum to rounding, are true but test nothing.
    # A fit that warned may have none, where rounding left no bound.
    gaps = [fit for fit in found if fit.gap is not None]
    assert len(gaps) > 0.98 * len(seeds)
    telling = [fit for fit in gaps if fit.gap < 0.5 and fit.true > 0.05 * fit.gap]
    assert len(telling) > 0.2 * len(seeds)
    closed = [fit for fit in gaps if fit.gap <= fit.case.settings["tol"]]
    assert len(closed) > 0.6 * len(seeds)


def test_the_losses_written_out_are_those_of_the_package():
    """Otherwise the problems above would be others than those that were fitted."""
    rng = np.random.RandomState(0)
    for name, contrast in SMOOTH + KINKED:
        energies, y = rng.normal(size=(30, 4)), rng.randint(4, size=30)
        loss = LOSSES[name](**({"contrast": contrast} if contrast else {}))
        for temperature in (0.0, 0.3):
            part = loss.smoothed(temperature) if temperature else loss
            value, slope = part(energies, np.arange(4) == y[:, None])
            expected = losses(name, contrast, energies, y, temperature)
            np.testing.assert_allclose(value, expected[0], rtol=1e-12)
            np.testing.assert_allclose(slope, expected[1], rtol=1e-9, atol=1e-12)


def test_every_convex_loss_is_here():
    names = {
        (name, contrast)
        for name in LOSSES
        if LOSSES[name]().traits.convex
        and not LOSSES[name]().traits.online
        and not LOSSES[name]().traits.needs_nonnegative
        for contrast in (("hardest", "all") if LOSSES.accepts(name, "contrast") else (None,))
    }
    assert names == set(SMOOTH + KINKED)


@pytest.mark.parametrize("loss", ["nll", "hinge", "square_square"])
def test_a_bound_that_is_too_high_would_be_found(loss, monkeypatch):
    """The net has no holes: with 1 % added to the bound, the gap is no longer true."""
    from sklearn_ebm.learning.duality_gap import certify

    def boast(*arguments, **options):
        found = certify(*arguments)
        boasted = min(found.bound + 0.01 * found.value, found.value)
        return found._replace(bound=boasted)

    monkeypatch.setattr(stage_monitor, "certify", boast)
    monkeypatch.setattr(_path, "POLISHED_ENTRIES", 0)
    cases = (problem(seed) for seed in range(500))
    suited = (case for case in cases if case.loss == loss and 0.01 < case.settings["C"] < 100)
    found = []
    for case in islice(suited, 5):  # some end so close that even this is not too much
        case.settings["tol"] = 1e-2
        clf = fit(case)[0]
        f = Problem(case)
        w = f.pack(clf)
        found.append((f(w)[0] - f.lowest(w)) / f(w)[0] > clf.gap_ * (1 + 1e-6) + 1e-9)
    assert any(found)


# Where many rows tie ------------------------------------------------------------------------------


def test_whole_numbers_that_tie_are_certified(monkeypatch):
    """Digits as they are: quasi-Newton steps alone once ended at gaps of 0.9."""
    monkeypatch.setattr(_path, "POLISHED_ENTRIES", 0)
    X, y = load_digits(return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        clf = EBMClassifier(loss="simple").fit(X[:400], y[:400])
    assert clf.gap_ <= 1e-4


def test_a_tighter_tolerance_never_ends_higher(monkeypatch):
    monkeypatch.setattr(_path, "POLISHED_ENTRIES", 0)
    X, y = load_digits(n_class=6, return_X_y=True)
    X, y = X[:200], y[:200]
    values = []
    for tol in (1e-1, 1e-2, 1e-4):
        clf = EBMClassifier(loss="simple", tol=tol).fit(X, y)
        energies = -(X @ clf.coef_.T) - clf.intercept_
        value, _ = losses("simple", "hardest", energies, y, 0.0)
        values.append(value.sum() + 0.5 * np.sum(clf.coef_**2))
        assert clf.gap_ <= tol
    assert np.diff(values).max() <= 1e-4 * values[-1]


def test_a_path_that_cannot_afford_newton_is_followed_more_closely(monkeypatch):
    """The bound of a warmer stage, solved closely, is far better than one that stalled."""
    monkeypatch.setattr(_path, "POLISHED_ENTRIES", 0)
    monkeypatch.setattr(_path, "LARGEST_NEWTON", 0)
    monkeypatch.setattr(stage_monitor, "MOST_STALE", 30)
    X, y = load_digits(n_class=6, return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        clf = EBMClassifier(loss="simple", max_iter=600).fit(X[:300], y[:300])
        monkeypatch.setattr(_path, "CLOSE_SHARE", _path.STAGE_SHARE)
        loose = EBMClassifier(loss="simple", max_iter=600).fit(X[:300], y[:300])
    assert clf.gap_ < max(0.5 * loose.gap_, 1e-4)
