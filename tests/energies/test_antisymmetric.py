"""One template for two answers: the same energies, the same minimum, half of the parameters."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_ebm import EBMClassifier
from sklearn_ebm.energies import Linear
from sklearn_ebm.energies._linear.antisymmetric import Antisymmetric
from sklearn_ebm.learning.duality_gap import certify
from sklearn_ebm.learning.parametrization import conditioned_objective
from sklearn_ebm.losses import LOSSES, NLL
from sklearn_ebm.solvers.hessian import hessian_of, hessian_product, scale_of
from sklearn_ebm.solvers.objective import Objective
from sklearn_ebm.solvers.preconditioners import Coupled, Diagonal, Kronecker, kronecker, model_of

N, D = 60, 4
SETTINGS = [
    (as_sparse, fit_intercept) for as_sparse in (False, True) for fit_intercept in (False, True)
]
SEEING_DIFFERENCES = [
    name
    for name, loss in LOSSES.items()
    if not (loss().traits.fixes_level or loss().traits.online or loss().traits.needs_nonnegative)
]


def rows(as_sparse=False, seed=0, n=N):
    rng = np.random.RandomState(seed)
    X = (rng.normal(size=(n, D)) + 0.5) * [0.1, 1.0, 7.0, 30.0]
    y = (X[:, 0] * 8 + X[:, 1] + rng.logistic(size=n) > 1).astype(int)
    if as_sparse:
        X = sparse.csr_array(X * (rng.uniform(size=X.shape) < 0.6))
    return X, y, rng.uniform(0.2, 3, size=n)


def both(as_sparse=False, fit_intercept=True, loss=None, penalty=0.7):
    """The sum in the parameters of one template, and that in those of two."""
    X, y, weight = rows(as_sparse)
    plain = Objective(Linear(fit_intercept), loss or NLL(), X, y, weight, 2, penalty)
    energy = plain.energy.templates.standardized(X, weight)
    return conditioned_objective(plain, Antisymmetric(energy)), conditioned_objective(plain, energy)


def point(objective, seed=1):
    return np.random.RandomState(seed).normal(size=objective.layout.size)


def in_two(one, two, w):
    """A point of one template as one of two."""
    params = one.energy.to_params(one.layout.unpack(w))
    return two.layout.pack(two.energy.from_params(params))


@pytest.mark.parametrize("as_sparse, fit_intercept", SETTINGS)
def test_the_sum_is_that_of_two_templates_penalty_included(as_sparse, fit_intercept):
    one, two = both(as_sparse, fit_intercept)
    w = point(one)
    assert 2 * one.layout.size == two.layout.size
    value, _ = one.evaluate(w)
    np.testing.assert_allclose(value, two.value(in_two(one, two, w)), rtol=1e-12)
    np.testing.assert_allclose(one.value(w), value, rtol=1e-14)
    back = one.energy.from_params(one.energy.to_params(one.layout.unpack(w)))
    np.testing.assert_allclose(one.layout.pack(back), w, rtol=1e-12)


@pytest.mark.parametrize("as_sparse, fit_intercept", SETTINGS)
def test_energies_are_opposite_and_those_of_linear(as_sparse, fit_intercept):
    one, _ = both(as_sparse, fit_intercept)
    params = one.layout.unpack(point(one))
    found = one.energy.linearize(params, one.X).energies
    np.testing.assert_array_equal(found[:, 0], -found[:, 1])
    plain = Linear(fit_intercept).linearize(one.energy.to_params(params), one.X).energies
    np.testing.assert_allclose(found, plain, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("as_sparse, fit_intercept", SETTINGS)
@pytest.mark.parametrize("loss", [NLL(beta=2.0), LOSSES["log"]()], ids=str)
def test_gradient_and_hessian_are_differences_of_values(as_sparse, fit_intercept, loss):
    one, _ = both(as_sparse, fit_intercept, loss)
    w = point(one)
    gradient, matrix = one.evaluate(w)[1], hessian_of(one, w)
    for number, unit in enumerate(np.eye(len(w))):
        step = 1e-5 * unit
        slope = (one.value(w + step) - one.value(w - step)) / 2e-5
        np.testing.assert_allclose(gradient[number], slope, rtol=1e-6, atol=1e-7)
        change = (one.evaluate(w + step)[1] - one.evaluate(w - step)[1]) / 2e-5
        np.testing.assert_allclose(matrix[number], change, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(hessian_product(one, w)(unit), matrix[number], rtol=1e-9)


def test_the_curvature_of_two_energies_folds_into_one_number():
    # Both probabilities are 1/2, so B = [[1, −1], [−1, 1]]/4 and b = 1/4 + 2/4 + 1/4 = 1.
    bend = NLL().curvature(np.zeros((1, 2)), np.array([[True, False]]))
    one, _ = both()
    assert one.energy.templates.template_curvature(bend).diagonal.tolist() == [[1.0]]


@pytest.mark.parametrize("as_sparse, fit_intercept", SETTINGS)
def test_initial_matrices_know_the_one_template(as_sparse, fit_intercept):
    one, _ = both(as_sparse, fit_intercept)
    w, gradient = point(one), point(one, 2)
    rng = np.random.RandomState(0)
    assert type(model_of(one, rng)).__name__ == "CoupledModel"
    matrix = hessian_of(one, w)
    np.testing.assert_allclose(
        Coupled(one, w, rng)(gradient), np.linalg.solve(matrix, gradient), rtol=1e-3
    )
    np.testing.assert_allclose(Diagonal(one, w)(gradient), gradient / matrix.diagonal(), rtol=1e-9)
    # Where all rows bend alike, as they do at zero, the product is all of it.
    zero = np.zeros_like(w)
    exact = np.linalg.solve(hessian_of(one, zero), gradient)
    np.testing.assert_allclose(Kronecker(one, zero)(gradient), exact, rtol=1e-5)


def test_a_twin_in_float32_has_the_same_parameters(monkeypatch):
    monkeypatch.setattr("sklearn_ebm.learning.parametrization.FLOAT32_SMALLEST", 1)
    for settings in SETTINGS:
        one, _ = both(*settings)
        w = point(one)
        assert one.float32_copy.X.dtype == np.float32
        np.testing.assert_allclose(one.float32_copy.evaluate(w)[0], one.evaluate(w)[0], rtol=1e-5)
        np.testing.assert_allclose(
            one.float32_copy.evaluate(w)[1], one.evaluate(w)[1], rtol=1e-3, atol=1e-3
        )


@pytest.mark.parametrize("as_sparse, fit_intercept", SETTINGS)
@pytest.mark.parametrize("loss", ["nll", "hinge", "log", "square_square"])
def test_a_fit_finds_the_minimum_over_two_templates(as_sparse, fit_intercept, loss):
    X, y, weight = rows(as_sparse)
    loss = loss if loss in SEEING_DIFFERENCES else "nll"
    settings = {"loss": loss, "fit_intercept": fit_intercept, "tol": 1e-7, "C": 0.3}
    found = EBMClassifier(**settings).fit(X, y, weight)
    other = EBMClassifier(solver="lbfgs", max_iter=20_000, **settings).fit(X, y, weight)
    np.testing.assert_allclose(found.loss_curve_[-1], other.loss_curve_[-1], rtol=1e-4)
    np.testing.assert_allclose(found.energies(X), other.energies(X), rtol=1e-2, atol=2e-3)
    np.testing.assert_allclose(found.params_["coef"].sum(axis=0), 0, atol=1e-12)


@pytest.mark.parametrize("as_sparse, fit_intercept", SETTINGS)
def test_a_fit_without_a_penalty(as_sparse, fit_intercept):
    X, y, weight = rows(as_sparse, n=300)
    found = EBMClassifier(C=np.inf, fit_intercept=fit_intercept).fit(X, y, weight)
    plain = Objective(Linear(fit_intercept), NLL(), X, y, weight, 2, 0.0)
    _, gradient = plain.evaluate(plain.layout.pack(found.params_))
    assert np.abs(gradient * scale_of(plain)).max() < 1e-3


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("loss", SEEING_DIFFERENCES)
def test_the_bound_never_exceeds_the_minimum(loss, fit_intercept):
    loss = LOSSES[loss]()
    if not loss.traits.convex or loss.conjugate is None:
        pytest.skip("no certificate")
    one, two = both(fit_intercept=fit_intercept, loss=loss.smoothed(1e-3))
    exact = one.with_loss(loss)
    X, y, weight = rows()
    clf = EBMClassifier(loss=loss, energy=Linear(fit_intercept), tol=1e-7, C=2 / 0.7)
    params = clf.fit(X, y, weight).params_
    best = one.layout.pack(one.energy.from_params(params))
    least = exact.value(best)
    np.testing.assert_allclose(least, two.with_loss(loss).value(in_two(one, two, best)), rtol=1e-9)
    for seed in range(20):
        w = best + 10.0 ** -(seed % 5) * point(one, seed)
        value, bound, _ = certify(exact, one.loss, w)
        assert bound <= least * (1 + 1e-6) <= value * (1 + 2e-6)


def test_columns_that_are_rare_in_a_sample_of_the_rows_keep_their_curvature(monkeypatch):
    rng = np.random.RandomState(0)
    X = np.vstack([rng.normal(size=(4000, 3)), np.zeros((2, 3))])
    X = np.hstack([X, np.zeros((len(X), 1))])
    X[7, 3] = 1.0  # one row in 4,002, very likely not among those drawn
    y = (X[:, 0] + rng.logistic(size=len(X)) > 0).astype(int)
    plain = Objective(Linear(), NLL(), X, y, np.ones(len(y)), 2, 1e-6)
    one = conditioned_objective(
        plain, Antisymmetric(plain.energy.templates.standardized(X, plain.weight))
    )
    monkeypatch.setattr(kronecker, "FEWEST_DRAWN", 200)
    zero, gradient = np.zeros(one.layout.size), point(one)
    found = Kronecker(one, zero, np.random.RandomState(0))(gradient)
    assert len(_drawn_rows(one)) < len(y) / 10
    expected = np.linalg.solve(hessian_of(one, zero), gradient)
    np.testing.assert_allclose(found, expected, rtol=0.5)
    np.testing.assert_allclose(found[3], expected[3], rtol=0.05)


def _drawn_rows(objective):
    """Rows that the Gram matrix of a sample is made of, by watching."""
    seen = []
    templates = objective.energy.templates.inner
    gram = templates.gram
    templates.gram = lambda X, weight: (seen.extend(X), gram(X, weight))[1]
    Kronecker(objective, np.zeros(objective.layout.size), np.random.RandomState(0))
    del templates.gram
    return seen
