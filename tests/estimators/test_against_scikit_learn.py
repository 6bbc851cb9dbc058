"""Same objective, same answer as the estimators that everybody knows, and an honest gap."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_iris, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sklearn_ebm import EBMClassifier
from sklearn_ebm._utils.arrays import correct_mask
from sklearn_ebm.learning import temperature_path as _path
from sklearn_ebm.learning.compatibility import suitable_losses
from sklearn_ebm.losses import LOSSES, Hinge

CONVEX = [
    name
    for name in suitable_losses("linear")
    if LOSSES[name]().traits.convex
    and not LOSSES[name]().traits.online  # an online rule minimises nothing
]


def binary():
    return make_classification(150, 6, n_informative=4, flip_y=0.1, random_state=0)


def multinomial():
    X, y = load_iris(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    kept = np.r_[0:50, 50:90, 100:120]  # unequal classes, so that "balanced" does something
    return X[kept], y[kept]


# LinearSVC of old versions counts its iterations from memory it never wrote, and warns at random.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Liblinear failed:sklearn.exceptions.ConvergenceWarning"
)

PROBLEMS = {"binary": binary, "multinomial": multinomial}


@pytest.fixture(params=[True, False], ids=["polished", "rough"])
def polished(request, monkeypatch):
    """Small problems are polished to rounding; the solvers and the gap must be right without."""
    if not request.param:
        monkeypatch.setattr(_path, "POLISHED_ENTRIES", 0)
    return request.param


@pytest.fixture
def rough(monkeypatch):
    monkeypatch.setattr(_path, "POLISHED_ENTRIES", 0)


def weights(n_rows):
    return np.random.default_rng(1).uniform(0.2, 3.0, n_rows)


def objective(clf, X, y, *, weight=1.0, C=1.0):
    """Σᵢ wᵢ ℓᵢ + ‖W‖²/(2C) from the fitted parameters, written out anew."""
    params = {name: value.astype(np.float64) for name, value in clf.params_.items()}
    energies = -(X @ params["coef"].T + params.get("intercept", 0.0))
    answer = np.searchsorted(clf.classes_, y)
    value, _ = clf.loss_(energies, correct_mask(answer, len(clf.classes_)))
    twice = 2 if len(clf.classes_) == 2 else 1
    return np.sum(weight * value) + twice * np.sum(params["coef"] ** 2) / (2 * C)


def svm_objective(svm, X, y, *, C=1.0, intercept=True):
    """The same objective of the hinge at a LinearSVC's coefficients; the intercept is free."""
    scores = X @ svm.coef_.T + (svm.intercept_ if intercept else 0.0)
    if scores.shape[1] == 1:
        scores = np.hstack([-scores / 2, scores / 2])
    answer = np.searchsorted(svm.classes_, y)
    value, _ = Hinge()(-scores, correct_mask(answer, scores.shape[1]))
    return value.sum() + np.sum(svm.coef_**2) / (2 * C)


def centred(model):
    coef, intercept = np.array(model.coef_), np.array(model.intercept_)
    if len(coef) > 1:
        coef, intercept = coef - coef.mean(axis=0), intercept - intercept.mean()
    return coef, intercept


def assert_same_model(clf, reference, rtol=1e-4):
    for ours, theirs in zip(centred(clf), centred(reference), strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol * np.abs(theirs).max())


def reference(X, y, weight=None, **settings):
    settings = {"tol": 1e-10, "max_iter": 10_000, "solver": "newton-cholesky"} | settings
    return LogisticRegression(**settings).fit(X, y, weight)


@pytest.mark.parametrize("C", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix, sparse.csc_array])
def test_nll_is_logistic_regression(problem, weighted, C, container, polished):
    X, y = PROBLEMS[problem]()
    weight = weights(len(y)) if weighted else None
    clf = EBMClassifier(C=C, tol=1e-12).fit(container(X), y, weight)
    expected = reference(X, y, weight, C=C)
    assert_same_model(clf, expected)
    np.testing.assert_allclose(clf.predict_proba(X), expected.predict_proba(X), atol=1e-6)
    np.testing.assert_allclose(
        clf.decision_function(X) - clf.decision_function(X).mean(axis=-1, keepdims=True),
        expected.decision_function(X) - expected.decision_function(X).mean(axis=-1, keepdims=True),
        rtol=1e-4,
        atol=1e-4 * np.abs(expected.decision_function(X)).max(),
    )


@pytest.mark.parametrize("problem", PROBLEMS)
def test_nll_is_logistic_regression_with_its_default_solver(problem):
    X, y = PROBLEMS[problem]()
    assert_same_model(
        EBMClassifier(C=2.0, tol=1e-12).fit(X, y), reference(X, y, C=2.0, solver="lbfgs")
    )


@pytest.mark.parametrize("problem", PROBLEMS)
def test_nll_is_logistic_regression_without_an_intercept(problem):
    X, y = PROBLEMS[problem]()
    clf = EBMClassifier(fit_intercept=False, tol=1e-12).fit(X, y)
    assert_same_model(clf, reference(X, y, fit_intercept=False))
    assert not clf.intercept_.any()


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 1: 0.5}])
@pytest.mark.parametrize("weighted", [False, True])
def test_nll_is_logistic_regression_with_class_weights(problem, class_weight, weighted):
    X, y = PROBLEMS[problem]()
    if problem == "binary":
        kept = np.r_[np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:25]]
        X, y = X[kept], y[kept]
    weight = weights(len(y)) if weighted else None
    clf = EBMClassifier(class_weight=class_weight, tol=1e-12).fit(X, y, weight)
    expected = reference(X, y, weight, class_weight=class_weight)
    assert_same_model(clf, expected)
    plain = reference(X, y, weight)
    assert np.abs(expected.coef_ - plain.coef_).max() > 1e-2  # the weights do something


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_nll_is_logistic_regression_in_float32(problem, container):
    X, y = PROBLEMS[problem]()
    clf = EBMClassifier(tol=1e-6).fit(container(X.astype(np.float32)), y)
    assert clf.coef_.dtype == np.float32
    assert_same_model(clf, reference(X, y), rtol=5e-3)


def test_nll_at_beta_is_logistic_regression_in_other_units():
    """With β the energies are measured in units of 1/β: W β = W' and C β² = C'."""
    X, y = multinomial()
    clf = EBMClassifier(beta=4.0, tol=1e-12).fit(X, y)
    # Σ −log p(y; βF) / β + ‖W‖²/2, times β: Σ −log p + ‖βW‖²/(2β).
    expected = reference(X, y, C=4.0)
    np.testing.assert_allclose(4.0 * centred(clf)[0], centred(expected)[0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(clf.predict_proba(X), expected.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
def test_multiclass_hinge_is_no_worse_than_crammer_singer(C, polished):
    X, y = multinomial()
    settings = {"fit_intercept": False, "C": C}
    clf = EBMClassifier(loss="hinge", tol=1e-6, **settings).fit(X, y)
    svm = LinearSVC(
        multi_class="crammer_singer", tol=1e-8, max_iter=10**6, random_state=0, **settings
    ).fit(X, y)
    theirs = svm_objective(svm, X, y, C=C, intercept=False)
    assert objective(clf, X, y, C=C) == pytest.approx(theirs, rel=1e-4)


@pytest.mark.parametrize("C", [0.01, 1.0, 10.0])
def test_multiclass_hinge_with_intercept_is_no_worse_than_crammer_singer(C):
    """liblinear penalises the intercept; a large intercept_scaling makes that harmless."""
    X, y = multinomial()
    clf = EBMClassifier(loss="hinge", C=C, tol=1e-6).fit(X, y)
    svm = LinearSVC(
        multi_class="crammer_singer", C=C, tol=1e-8, max_iter=10**6, random_state=0
    ).fit(X, y)
    assert objective(clf, X, y, C=C) <= svm_objective(svm, X, y, C=C) * (1 + 1e-4)


@pytest.mark.parametrize("C", [0.01, 1.0, 10.0])
def test_binary_hinge_is_the_hinge_of_linear_svc(C, polished):
    X, y = binary()
    settings = {"fit_intercept": False, "C": C}
    clf = EBMClassifier(loss="hinge", tol=1e-6, **settings).fit(X, y)
    svm = LinearSVC(
        loss="hinge", dual=True, tol=1e-8, max_iter=10**6, random_state=0, **settings
    ).fit(X, y)
    theirs = svm_objective(svm, X, y, C=C, intercept=False)
    assert objective(clf, X, y, C=C) == pytest.approx(theirs, rel=1e-4)
    np.testing.assert_allclose(clf.coef_, svm.coef_, rtol=0.02, atol=0.02 * abs(svm.coef_).max())


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("loss", CONVEX)
def test_the_certified_gap_is_no_smaller_than_the_true_gap(
    loss, problem, fit_intercept, weighted, rough
):
    X, y = PROBLEMS[problem]()
    weight = weights(len(y)) if weighted else np.ones(len(y))
    settings = {"loss": loss, "fit_intercept": fit_intercept}
    rough = EBMClassifier(tol=0.1, **settings).fit(X, y, weight)
    exact = EBMClassifier(tol=1e-8, **settings).fit(X, y, weight)
    values = [objective(clf, X, y, weight=weight) for clf in (rough, exact)]
    assert 0 <= exact.gap_ <= 1e-8
    assert rough.gap_ <= 0.1
    assert (values[0] - values[1]) / values[0] <= rough.gap_ + 1e-9


def test_the_gap_is_certified_against_an_independent_minimum(rough):
    X, y = multinomial()
    clf = EBMClassifier(tol=0.05).fit(X, y)
    best = EBMClassifier().set_params(max_iter=1)  # only a holder of parameters
    found = reference(X, y)
    best.classes_, best.loss_ = found.classes_, clf.loss_
    best.params_ = {"coef": found.coef_, "intercept": found.intercept_}
    value, least = objective(clf, X, y), objective(best, X, y)
    assert 1e-9 < (value - least) / value <= clf.gap_ <= 0.05


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("loss", CONVEX)
def test_newton_and_lbfgs_learn_the_same_energies(loss, problem, rough):
    X, y = PROBLEMS[problem]()
    tol = 1e-9 if LOSSES[loss]().is_smooth(3) else 1e-7
    first, second = (
        EBMClassifier(loss=loss, solver=solver, tol=tol).fit(X, y) for solver in ("newton", "lbfgs")
    )
    assert objective(first, X, y) == pytest.approx(objective(second, X, y), rel=2 * tol)
    shift = 0.0 if first.loss_.traits.fixes_level else 1.0
    energies = [
        clf.energies(X) - shift * clf.energies(X).mean(axis=1, keepdims=True)
        for clf in (first, second)
    ]
    np.testing.assert_allclose(*energies, atol=2e-3 * np.abs(energies[0]).max())
