"""Where smooth losses start on sparse rows: templates that separate, at the scale that suits."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_ebm import EBMClassifier
from sklearn_ebm.energies import Linear
from sklearn_ebm.energies._linear.antisymmetric import Antisymmetric
from sklearn_ebm.learning import learn as _learning
from sklearn_ebm.learning.parametrization import conditioned_objective
from sklearn_ebm.learning.starts import separating as module
from sklearn_ebm.learning.starts.separating import SCALES, best_scale, separating_start
from sklearn_ebm.losses import NLL, Hinge
from sklearn_ebm.solvers.objective import Objective


def counts(n_rows=300, n_columns=600, k=4, seed=0):
    """Rows with few of many columns, some of which tell the classes apart."""
    rng = np.random.RandomState(seed)
    y = np.arange(n_rows) % k
    X = rng.poisson(0.02, size=(n_rows, n_columns)).astype(float)
    X[np.arange(n_rows), y * 20 + rng.randint(20, size=n_rows)] += rng.poisson(2, size=n_rows)
    return sparse.csr_matrix(X), y


def problem(X, y, loss=None, fit_intercept=True, weight=None):
    k = len(np.unique(y))
    loss, weight = loss or NLL(), np.ones(len(y)) if weight is None else weight
    plain = Objective(Linear(fit_intercept=fit_intercept), loss, X, y, weight, k, 1.0)
    standardized = plain.energy.templates.standardized(X, weight)
    if k == 2 and not loss.traits.fixes_level:
        standardized = Antisymmetric(standardized)
    return conditioned_objective(plain, standardized), standardized


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("beta", [0.1, 1.0, 10.0])
def test_the_start_is_far_below_zero_templates(k, beta, fit_intercept, monkeypatch):
    monkeypatch.setattr(module, "SIZE", 0)
    objective, standardized = problem(*counts(k=k), NLL(beta=beta), fit_intercept)
    w = separating_start(objective, standardized, 1.0)
    assert objective.value(w) < 0.75 * objective.value(np.zeros_like(w))


def test_the_start_is_the_same_each_time_whatever_the_storage():
    X, y = counts()
    first = separating_start(*problem(X, y), 1.0)
    np.testing.assert_array_equal(separating_start(*problem(X, y), 1.0), first)
    single = separating_start(*problem(X.astype(np.float32), y), 1.0)
    np.testing.assert_allclose(single, first, rtol=1e-5, atol=1e-6)


def test_the_scale_is_the_best_of_those_that_are_tried():
    objective, _ = problem(*counts(), weight=np.random.RandomState(0).uniform(1, 2, size=300))
    w = 0.3 * np.random.RandomState(1).normal(size=objective.layout.size)
    values = [objective.value(scale * w) for scale in SCALES]
    assert best_scale(objective, w) == SCALES[np.argmin(values)]
    assert best_scale(objective, 1e9 * w) == 0


@pytest.mark.parametrize("case", ["dense", "kinked", "few parameters", "no penalty", "a class"])
def test_there_is_no_start_where_it_does_not_suit(case):
    X, y = counts()
    objective, standardized = problem(
        X.toarray() if case == "dense" else X[:, :20] if case == "few parameters" else X,
        y,
        Hinge() if case == "kinked" else None,
    )
    if case == "a class":
        objective.y = np.zeros_like(y)
    assert (
        separating_start(objective, standardized, np.inf if case == "no penalty" else 1.0) is None
    )


@pytest.mark.parametrize("k", [2, 4])
def test_the_minimum_is_that_without_the_start(k, monkeypatch):
    X, y = counts(k=k, n_columns=1200)
    found = EBMClassifier(loss="nll", tol=1e-9).fit(X, y)
    monkeypatch.setattr(_learning, "separating_start", lambda *_: None)
    plain = EBMClassifier(loss="nll", tol=1e-9).fit(X, y)
    assert max(found.gap_, plain.gap_) <= 1e-8
    np.testing.assert_allclose(found.coef_, plain.coef_, atol=1e-3)


def test_the_start_spares_evaluations(monkeypatch):
    X, y = counts(n_columns=1200)
    found = EBMClassifier(loss="nll").fit(X, y)
    monkeypatch.setattr(_learning, "separating_start", lambda *_: None)
    assert found.n_evaluations_ < EBMClassifier(loss="nll").fit(X, y).n_evaluations_
