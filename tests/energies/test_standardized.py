"""The linear energy in units of standardised columns: the same energies, other parameters."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_ebm.energies import Linear
from sklearn_ebm.energies._linear.standardized import Standardized
from sklearn_ebm.losses.curvature import Curvature

K, D, N = 3, 4, 30
SETTINGS = [
    (as_sparse, fit_intercept) for as_sparse in (False, True) for fit_intercept in (False, True)
]


def rows(as_sparse=False, seed=0, offset=5.0):
    rng = np.random.RandomState(seed)
    X = (rng.normal(size=(N, D)) + offset) * [1e-3, 1.0, 7.0, 1e4]
    if as_sparse:
        X = sparse.csr_array(X * (rng.uniform(size=X.shape) < 0.5))
    return X, rng.uniform(0.2, 3, size=N)


def dense(X):
    return X.toarray() if sparse.issparse(X) else X


def energy_of(as_sparse, fit_intercept):
    X, weight = rows(as_sparse)
    return X, weight, Linear(fit_intercept=fit_intercept).templates.standardized(X, weight)


def features(energy, X):
    """φ by its formula."""
    plain = (dense(X) - energy.mean) / energy.deviation
    return np.hstack([plain, np.ones((len(plain), 1))]) if energy.fit_intercept else plain


def templates(energy, seed=1):
    shape = energy.shapes(D, K)["coef"]
    return {"coef": np.random.RandomState(seed).normal(size=shape)}


@pytest.mark.parametrize("as_sparse, fit_intercept", SETTINGS)
def test_features_are_standardised(as_sparse, fit_intercept):
    X, weight, energy = energy_of(as_sparse, fit_intercept)
    found = energy.templates.features(X)
    assert sparse.issparse(found) == as_sparse
    expected = features(energy, X)
    np.testing.assert_allclose(dense(found), expected, rtol=1e-12, atol=1e-12)
    share = weight / weight.sum()
    np.testing.assert_allclose(share @ expected**2, 1.0, rtol=1e-12)
    if fit_intercept and not as_sparse:
        np.testing.assert_allclose(share @ expected[:, :-1], 0.0, atol=1e-12)
    else:
        assert not energy.mean.any()


@pytest.mark.parametrize("as_sparse, fit_intercept", SETTINGS)
def test_the_energies_are_those_of_the_formula_and_of_linear(as_sparse, fit_intercept):
    X, _, energy = energy_of(as_sparse, fit_intercept)
    params = templates(energy)
    found = energy.linearize(params, X).energies
    np.testing.assert_allclose(found, -features(energy, X) @ params["coef"].T, rtol=1e-10)
    linear = Linear(fit_intercept=fit_intercept)
    plain = energy.to_params(params)
    assert {name: value.shape for name, value in plain.items()} == linear.shapes(D, K)
    np.testing.assert_allclose(linear.linearize(plain, X).energies, found, rtol=1e-10)
    back = energy.from_params(plain)
    np.testing.assert_allclose(back["coef"], params["coef"], rtol=1e-10)


@pytest.mark.parametrize("as_sparse, fit_intercept", SETTINGS)
def test_the_penalty_is_that_of_the_columns_as_they_are(as_sparse, fit_intercept):
    _, _, energy = energy_of(as_sparse, fit_intercept)
    params = templates(energy)
    factor = energy.penalty_factor(K)["coef"]
    found = np.sum(factor * params["coef"] ** 2)
    expected = np.sum(energy.to_params(params)["coef"] ** 2)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert (factor[:, D:] == 0).all() and (factor[:, :D] > 0).all()


@pytest.mark.parametrize("as_sparse, fit_intercept", SETTINGS)
def test_the_pullback_is_the_transpose_of_central_differences(as_sparse, fit_intercept):
    X, _, energy = energy_of(as_sparse, fit_intercept)
    params, slope = templates(energy), np.random.RandomState(2).normal(size=(N, K))
    line = energy.linearize(params, X)
    found = line.pullback(slope)["coef"]
    numeric = np.empty_like(found)
    for place in np.ndindex(*found.shape):
        step = np.zeros_like(found)
        step[place] = 1e-3
        ends = [energy.linearize({"coef": params["coef"] + s * step}, X).energies for s in (1, -1)]
        numeric[place] = np.sum(slope * (ends[0] - ends[1])) / 2e-3
    np.testing.assert_allclose(found, numeric, rtol=1e-6, atol=1e-6)
    direction = templates(energy, seed=3)
    along = np.sum(line.pushforward(direction) * slope)
    np.testing.assert_allclose(along, np.sum(direction["coef"] * found), rtol=1e-10)


@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_an_offset_costs_no_more_than_its_own_rounding(offset):
    X, weight = rows(offset=0.0)
    moved = X / X.std(axis=0) + offset
    energy = Linear().templates.standardized(moved, weight)
    params = templates(energy)
    exact = -features(energy, moved) @ params["coef"].T
    found = energy.linearize(params, moved).energies
    np.testing.assert_allclose(found, exact, atol=(1 + offset) * 1e-14)


@pytest.mark.parametrize("as_sparse, fit_intercept", SETTINGS)
def test_sums_of_products_of_features(as_sparse, fit_intercept):
    X, weight, energy = energy_of(as_sparse, fit_intercept)
    phi = features(energy, X)
    gram = (phi.T * weight) @ phi
    np.testing.assert_allclose(energy.templates.gram(X, weight), gram, rtol=1e-10, atol=1e-10)
    rng = np.random.RandomState(4)
    bend = Curvature(
        rng.uniform(size=(N, K)),
        ((1.0, rng.normal(size=(N, K))), (-0.5, rng.normal(size=(N, K)))),
    )
    per_row = bend.matrices()
    expected = np.einsum("i,icd,ij,il->cjdl", weight, per_row, phi, phi)
    size = K * phi.shape[1]
    np.testing.assert_allclose(
        energy.templates.normal_matrix(X, bend, weight),
        expected.reshape(size, size),
        rtol=1e-9,
        atol=1e-9,
    )
    share = weight[:, None] * bend.diagonals()
    found = energy.templates.curvature_diagonal(X, share)["coef"]
    np.testing.assert_allclose(found, share.T @ phi**2, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(
        found.ravel(), expected.reshape(size, size).diagonal(), rtol=1e-9, atol=1e-9
    )


def test_the_normal_matrix_of_linear_is_that_of_its_columns():
    X, weight = rows()
    bend = Curvature(np.random.RandomState(0).uniform(size=(N, K)))
    found = Linear().templates.normal_matrix(X, bend, weight)
    phi = np.hstack([X, np.ones((N, 1))])
    for answer in range(K):
        block = (phi.T * (weight * bend.diagonal[:, answer])) @ phi
        coef = slice(answer * D, (answer + 1) * D)
        place = [*range(coef.start, coef.stop), K * D + answer]
        np.testing.assert_allclose(found[np.ix_(place, place)], block, rtol=1e-10)


# The twin in float32 -----------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("as_sparse, fit_intercept", SETTINGS)
def test_the_twin_has_the_same_energies_to_float32(as_sparse, fit_intercept, offset):
    X, weight = rows(as_sparse, offset=offset)
    energy = Linear(fit_intercept=fit_intercept).templates.standardized(X, weight)
    other, narrow = energy.standardized_rows(X)
    assert narrow.dtype == np.float32
    assert other.shapes(narrow.shape[1], K) == energy.shapes(D, K)
    params = templates(energy)
    wide = energy.linearize(params, X)
    twin = other.linearize(params, narrow)
    assert twin.energies.dtype == np.float32
    exact = -features(energy, X) @ params["coef"].T
    np.testing.assert_allclose(twin.energies, exact, atol=1e-5 * np.abs(exact).max())
    slope = np.random.RandomState(2).normal(size=(N, K))
    expected = wide.pullback(slope)["coef"]
    found = twin.pullback(slope.astype(np.float32))["coef"]
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    if as_sparse:
        assert np.shares_memory(narrow.indices, X.indices)


def test_sparse_rows_that_float32_cannot_hold_have_no_twin():
    X, weight = rows(as_sparse=True)
    assert Linear().templates.standardized(X, weight).standardized_rows(X) is not None
    huge = X * 1e16
    assert Linear().templates.standardized(huge, weight).standardized_rows(huge) is None
    narrow = X.astype(np.float32)
    assert Linear().templates.standardized(narrow, weight).standardized_rows(narrow)[1] is narrow


def test_rows_are_neither_changed_nor_copied():
    for as_sparse in (False, True):
        X, weight = rows(as_sparse)
        before = X.copy()
        energy = Standardized.of(X, weight, True)
        params = templates(energy)
        line = energy.linearize(params, X)
        line.pullback(line.energies)
        energy.templates.gram(X, weight)
        energy.standardized_rows(X)
        np.testing.assert_array_equal(dense(X), dense(before))
