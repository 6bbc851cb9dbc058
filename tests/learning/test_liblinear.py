"""The start from liblinear: parameters, and the dual point that comes with them."""

import itertools
import warnings

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize

from sklearn_ebm import EBMClassifier
from sklearn_ebm.energies import Linear
from sklearn_ebm.learning import temperature_path as _path
from sklearn_ebm.learning.duality_gap import certify
from sklearn_ebm.learning.starts import liblinear as module
from sklearn_ebm.learning.starts.liblinear import Liblinear, tilted
from sklearn_ebm.losses import NLL, Hinge
from sklearn_ebm.solvers.objective import Objective

# LinearSVC of old versions counts its iterations from memory it never wrote, and warns at random.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Liblinear failed:sklearn.exceptions.ConvergenceWarning"
)


def texts(n_rows=600, n_columns=3000, k=5, seed=0):
    """Rows of counts with few words that tell the classes apart: sparse, wide, separable."""
    rng = np.random.RandomState(seed)
    y = rng.permutation(np.arange(n_rows) % k)
    topic = rng.dirichlet(np.full(n_columns, 0.05), size=k)
    common = rng.dirichlet(np.full(n_columns, 0.5))
    lengths = rng.randint(20, 200, size=n_rows)
    X = np.array([
        rng.multinomial(length, 0.8 * common + 0.2 * topic[answer])
        for length, answer in zip(lengths, y, strict=True)
    ])  # fmt: skip
    return sparse.csr_matrix(X.astype(float)), y


@pytest.fixture
def small(monkeypatch):
    """liblinear for problems of any size and as close as it gets, noisy or not."""
    monkeypatch.setattr(module, "SIZE", 0)
    monkeypatch.setattr(module, "SEPARABLE", np.inf)


# Tilting -----------------------------------------------------------------------------------------


def shares(seed, n_rows=30, k=4):
    rng = np.random.RandomState(seed)
    share = rng.dirichlet(np.full(k, 0.3), size=n_rows)
    share[rng.uniform(size=share.shape) < 0.3] = 0
    share[:, 0] += share.sum(axis=1) == 0
    share /= share.sum(axis=1, keepdims=True)
    share[:5] = np.eye(k)[rng.randint(k, size=5)]
    return share, 10.0 ** rng.uniform(-1, 1, size=n_rows)


@pytest.mark.parametrize("seed", range(10))
def test_a_tilt_gives_the_sums_that_are_asked_for(seed):
    share, weight = shares(seed)
    u = np.random.RandomState(seed).normal(size=share.shape[1])
    expected = share * np.exp(u)
    expected /= expected.sum(axis=1, keepdims=True)
    found = tilted(share, weight, weight @ expected)
    np.testing.assert_allclose(weight @ found, weight @ expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found, expected, atol=1e-7)  # there is only one such tilt
    np.testing.assert_array_equal(found[share == 0], 0)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)


def test_a_tilt_is_the_nearest_point_with_these_sums():
    """In relative entropy Σᵢ wᵢ KL(p'ᵢ, pᵢ), against SciPy's search over all such points."""
    rng = np.random.RandomState(0)
    share, weight, total = rng.dirichlet(np.ones(3), 4), np.array([1.0, 2, 1, 0.5]), [1.7, 1.3, 1.5]

    def distance(p):
        p = p.reshape(share.shape)
        return np.sum(weight[:, None] * p * np.log(p / share))

    constraints = [
        {"type": "eq", "fun": lambda p: p.reshape(4, 3).sum(axis=1) - 1},
        {"type": "eq", "fun": lambda p: (weight @ p.reshape(4, 3) - total)[:2]},
    ]
    best = minimize(
        distance, share.ravel(), method="SLSQP", bounds=[(1e-9, 1)] * 12, constraints=constraints,
        options={"ftol": 1e-14, "maxiter": 500},
    )  # fmt: skip
    found = tilted(share, weight, np.array(total))
    np.testing.assert_allclose(found.ravel(), best.x, atol=1e-5)


def test_a_tilt_that_zeros_forbid_stays_in_the_simplex():
    share = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.2, 0.8, 0.0]])
    found = tilted(share, np.ones(3), np.array([1.0, 1.0, 1.0]))
    assert np.isfinite(found).all() and (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)


# The dual point ----------------------------------------------------------------------------------


def last(objective, fit_intercept, tol=1e-6):
    """The last start, and the certificate of its slopes."""
    C = 1 / objective.penalty.max() * (2 if objective.n_answers == 2 else 1)
    liblinear = Liblinear(objective, fit_intercept, C, tol)
    assert liblinear.suits
    while True:
        start = liblinear.start()
        w = objective.layout.pack(start.params)
        found = certify(objective, start.slopes, w)
        gap = (found.value - found.bound) / found.value
        part = found.smoothing / found.value
        if gap <= tol or not liblinear.tighten(found.value, gap, part):
            return start, w, found


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("k", [2, 3, 6])
def test_its_bound_is_true_and_close(make_objective, small, k, fit_intercept):
    gaps = []
    for separable, weighted in itertools.product([False, True], [False, True]):
        margin = 0.2 if separable == weighted else 1.0
        objective = make_objective(
            Hinge(margin=margin), n_answers=k, n_features=6, as_sparse=True, weighted=weighted,
            separable=separable, fit_intercept=fit_intercept, penalty=0.5,
        )  # fmt: skip
        _, w, found = last(objective, fit_intercept)
        newton = EBMClassifier(
            loss=Hinge(margin=margin), C=(2 if k == 2 else 1) / 0.5, tol=1e-7, solver="newton",
            fit_intercept=fit_intercept,
        ).fit(objective.X, objective.y, objective.weight)  # fmt: skip
        known = newton.params_
        best = objective.value(objective.layout.pack({name: known[name] for name in known}))
        assert found.value == pytest.approx(objective.value(w))
        assert found.bound <= best * (1 + 1e-9)
        gaps.append((found.value - found.bound) / found.value)
    # These are not the rows that it is good at: for two answers, 1,000 passes are not enough.
    assert k == 2 or np.median(gaps) < 1e-3


@pytest.mark.parametrize("k", [2, 4])
def test_its_slopes_are_in_the_domain_and_give_the_templates(make_objective, small, k):
    objective = make_objective(
        Hinge(), n_answers=k, n_features=5, as_sparse=True, fit_intercept=False
    )
    start, w, _ = last(objective, False)
    right = np.arange(k) == objective.y[:, None]
    assert (start.slopes[right] >= 0).all() and (start.slopes[right] <= 1 + 1e-12).all()
    assert (start.slopes[~right] <= 0).all()
    np.testing.assert_allclose(start.slopes.sum(axis=1), 0, atol=1e-12)
    pulled = objective.energy.linearize(start.params, objective.X).pullback(
        start.slopes * objective.weight[:, None]
    )
    templates = -objective.layout.pack(pulled) / objective.penalty
    np.testing.assert_allclose(templates, w, rtol=1e-6, atol=1e-7)


def test_given_slopes_count_as_those_of_a_loss(make_objective):
    objective = make_objective(Hinge(), fit_intercept=True)
    w = np.random.RandomState(0).normal(size=objective.layout.size)
    soft = objective.loss.smoothed(0.3)
    energies = objective.energy.linearize(objective.layout.unpack(w), objective.X).energies
    slopes = soft(energies, np.arange(3) == objective.y[:, None])[1]
    kept = slopes.copy()
    np.testing.assert_allclose(certify(objective, slopes, w), certify(objective, soft, w))
    np.testing.assert_array_equal(slopes, kept)


# Where it is used --------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("k", [2, 5])
@pytest.mark.parametrize("tol", [1e-3, 1e-5])
def test_wide_sparse_rows_that_can_be_separated_end_certified(k, fit_intercept, weighted, tol):
    X, y = texts(k=k)
    weight = np.random.RandomState(1).uniform(0.1, 4.0, size=len(y)) if weighted else None
    settings = {"loss": "hinge", "tol": tol, "fit_intercept": fit_intercept}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf = EBMClassifier(**settings).fit(X, y, weight)
        again = EBMClassifier(**settings).fit(X, y, weight)
    assert 0 <= clf.gap_ <= tol
    np.testing.assert_array_equal(clf.coef_, again.coef_)
    assert np.isfinite(clf.loss_curve_).all() and len(clf.loss_curve_) == clf.n_iter_ + 1


def test_a_start_that_does_not_close_the_gap_is_gone_on_from(monkeypatch):
    monkeypatch.setattr(module, "ATTEMPTS", 1)
    monkeypatch.setattr(module, "CONSTANT", 1e-3)  # intercepts are held back
    X, y = texts(n_rows=100, k=3)
    clf = EBMClassifier(loss="hinge", tol=1e-3).fit(X, y)
    assert clf.n_iter_ > 0 and clf.gap_ <= 1e-3


def test_close_fits_are_for_rows_that_can_be_separated():
    X, y = texts(n_rows=60, n_columns=500, k=3)
    objective = Objective(Linear(), Hinge(), X, y, np.ones(60), 3, 1.0)
    for value, tolerance, attempts in ((0.05, 1e-6, 3), (0.5, module.NOISY_TOLERANCE, 1)):
        liblinear = Liblinear(objective, True, 1.0, 1e-6)
        assert liblinear.tighten(60 * value, 1.0, 1.0)  # a look is always followed by a fit
        assert (liblinear.tolerance, liblinear.attempts) == (tolerance, attempts)
        assert liblinear.tighten(60 * value, 0.1, 0.1) == (attempts > 1)


def test_liblinear_is_left_out_where_it_is_not_at_home():
    X, y = texts(n_rows=60, n_columns=500, k=3)

    def suits(X=X, y=y, loss=None, C=1.0):
        loss = Hinge() if loss is None else loss
        objective = Objective(Linear(), loss, X, y, np.ones(len(y)), 3, 1 / C)
        return Liblinear(objective, True, C, 1e-2).suits

    assert suits()
    assert suits(X.toarray())
    assert not suits(X[:, :100])  # few parameters
    assert not suits(loss=NLL())
    assert not suits(C=1e6)
    assert not suits(y=y % 2)  # a class without rows
    assert not suits(sparse.csr_matrix(X.shape))


def test_dense_rows_turn_to_it_late_and_only_where_few_are_undecided():
    X, y = texts(n_rows=60, n_columns=500, k=3)
    objective = Objective(Linear(), Hinge(), X.toarray(), y, np.ones(60), 3, 1.0)
    liblinear = Liblinear(objective, True, 1.0, 1e-6)
    assert not liblinear.starts and not liblinear.as_fallback(0.5 * 60)
    assert liblinear.as_fallback(0.05 * 60)
    assert (liblinear.looked, liblinear.tolerance) == (True, 5e-7)


@pytest.mark.parametrize("noise", [0.0, 0.4])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_a_dense_fit_that_takes_long_is_closed_by_it(monkeypatch, fit_intercept, noise):
    monkeypatch.setattr(_path, "FALLBACK_AFTER", 3)
    asked, turned = [], []
    start, another = Liblinear.start, _path.TemperaturePath._another_way
    monkeypatch.setattr(Liblinear, "start", lambda self: asked.append(1) or start(self))
    monkeypatch.setattr(
        _path.TemperaturePath, "_another_way", lambda *given: turned.append(1) or another(*given)
    )
    X, y = texts(n_rows=300, n_columns=400, k=4)
    rng = np.random.RandomState(0)
    y = np.where(rng.uniform(size=300) < noise, rng.randint(4, size=300), y)
    settings = {"loss": "hinge", "tol": 1e-4, "fit_intercept": fit_intercept, "C": 0.3}
    clf = EBMClassifier(**settings).fit(X.toarray(), y)
    assert 0 <= clf.gap_ <= 1e-4
    assert len(clf.loss_curve_) >= 3
    # Where it declines, the path goes on as it would have without the question.
    assert not turned
    monkeypatch.setattr(_path, "FALLBACK_AFTER", 10**9)
    alone = EBMClassifier(**settings).fit(X.toarray(), y)
    np.testing.assert_allclose(clf.energies(X), alone.energies(X), atol=0.05)
    assert len(asked) in (0, 1)
