"""Energies: every promise at every example, and numbers computed by hand."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_ebm import EBMClassifier, checks
from sklearn_ebm.checks.energies import energy_cases
from sklearn_ebm.energies import ENERGIES, Linear

X = np.array([[3.0, 1.0], [0.0, -2.0]])
PARAMS = {
    "coef": np.array([[1.0, 2.0], [0.0, -1.0], [4.0, 0.0]]),
    "intercept": np.array([0.5, 0, -1]),
}


@pytest.mark.parametrize("check", checks.energies.ENERGY_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", ENERGIES)
def test_promises(name, check):
    for example in ENERGIES[name].examples:
        energy = ENERGIES[name](**example)
        for case in energy_cases(energy):
            check(*case)


@pytest.mark.parametrize("check", checks.base.PART_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", ENERGIES)
def test_promises_of_every_part(name, check):
    check(ENERGIES[name]())


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csr_array])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_linear_by_hand(dtype, kind):
    # first row: −(3 + 2) − 0.5, −(−1) − 0, −12 + 1; second: −(−4) − 0.5, −2 − 0, 0 + 1
    expected = [[-5.5, 1, -11], [3.5, -2, 1]]
    line = Linear().linearize(PARAMS, kind(X.astype(dtype)))
    np.testing.assert_array_equal(line.energies, expected)
    assert line.energies.dtype == dtype
    # −Σᵢ gᵢ xᵢ and −Σᵢ gᵢ, answer by answer
    gradient = line.pullback(np.array([[1.0, -1, 0], [2, 0, -2]], dtype=dtype))
    np.testing.assert_array_equal(gradient["coef"], [[-3, 3], [3, 1], [0, -4]])
    np.testing.assert_array_equal(gradient["intercept"], [-3, 1, 2])
    np.testing.assert_array_equal(line.pushforward(PARAMS), expected)


def test_linear_without_intercept():
    energy = Linear(fit_intercept=False)
    assert dict(energy.shapes(2, 3)) == {"coef": (3, 2)}
    energies = energy.linearize({"coef": PARAMS["coef"]}, X).energies
    np.testing.assert_array_equal(energies, [[-5, 1, -12], [4, -2, 0]])


def test_curvature_scale_by_hand():
    """√(2·3² + 0.5·0²), √(2·1² + 0.5·2²) and √2.5."""
    scale = Linear()._curvature_scale(X, np.array([2.0, 0.5]), 3)
    np.testing.assert_allclose(scale["coef"], [[np.sqrt(18), 2.0]] * 3)
    np.testing.assert_allclose(scale["intercept"], [np.sqrt(2.5)] * 3)


def test_fitted_attributes_have_the_signs_and_shapes_of_scikit_learn():
    three = Linear().fitted_attributes(PARAMS, 3)
    np.testing.assert_array_equal(three["coef_"], PARAMS["coef"])
    np.testing.assert_array_equal(three["intercept_"], PARAMS["intercept"])
    two = {name: value[:2] for name, value in PARAMS.items()}
    fitted = Linear().fitted_attributes(two, 2)
    np.testing.assert_array_equal(fitted["coef_"], [[-1, -3]])
    np.testing.assert_array_equal(fitted["intercept_"], [-0.5])
    without = Linear(fit_intercept=False).fitted_attributes({"coef": two["coef"]}, 2)
    np.testing.assert_array_equal(without["intercept_"], [0])


def test_integer_rows_are_taken_as_float64():
    line = Linear().linearize(PARAMS, X.astype(np.int64))
    assert line.energies.dtype == np.float64
    np.testing.assert_array_equal(line.energies, Linear().linearize(PARAMS, X).energies)


class TenTimes(Linear):
    """Another energy than the one that it inherits from."""

    def linearize(self, params, X):
        return super().linearize(params, 10.0 * X)


def test_a_subclass_with_energies_of_its_own_is_learnt_as_it_is():
    rng = np.random.RandomState(0)
    y = np.arange(80) % 2
    X = rng.normal(size=(80, 3)) + 0.2 * rng.normal(size=(2, 3))[y]
    assert TenTimes().templates.standardized(X, np.ones(80)) is None
    clf = EBMClassifier(energy=TenTimes(), tol=1e-8).fit(X, y)
    plain = EBMClassifier(tol=1e-8, C=100.0).fit(X, y)  # ten times the weights cost a hundredfold
    np.testing.assert_allclose(clf.energies(X), plain.energies(X), atol=1e-3)
    np.testing.assert_array_equal(clf.predict(X), clf.classes_[clf.energies(X).argmin(axis=1)])
