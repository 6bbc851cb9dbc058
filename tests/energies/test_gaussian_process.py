"""The Gaussian process: its slope, what it says of folds left out, weights, and new rows."""

import pickle

import numpy as np
import pytest
from scipy.linalg import solve_triangular
from scipy.optimize import check_grad
from scipy.spatial.distance import cdist
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, Matern
from sklearn.utils.estimator_checks import check_estimator

from sklearn_ebm.energies._bank.gaussian_process import (
    SMOOTHNESS,
    SOLVED_AT_A_TIME,
    Covariance,
    GaussianProcess,
    InputWarping,
    _distances,
    _similarities,
    _solved_in_place,
    matern,
    negative_log_posterior,
)


def rows_of(n=40, d=3, seed=0):
    rng = np.random.RandomState(seed)
    X = rng.gamma(2.0, size=(n, d))
    y = np.log1p(X[:, 0]) + np.sin(X[:, -1]) + 0.1 * rng.normal(size=n)
    return X, (y - y.mean()) / y.std(), rng.uniform(0.5, 2.0, size=n)


@pytest.fixture(scope="module")
def fitted():
    X, y, weight = rows_of()
    return X, y, weight, GaussianProcess(random_state=0).fit(X, y, weight)


def refitted(process, X, y, weight):
    """The same scales, conditioned on other rows."""
    return pickle.loads(pickle.dumps(process)).condition(X, y, weight)


@pytest.mark.parametrize("seed", range(3))
def test_slope_of_the_surprise_against_differences(seed):
    X, y, weight = rows_of()
    theta = 0.3 * np.random.RandomState(seed).normal(size=4 * len(SMOOTHNESS) + 3 + 2)
    arguments = X, y, weight, InputWarping.of(X)
    error = check_grad(
        lambda theta: negative_log_posterior(theta, *arguments)[0],
        lambda theta: negative_log_posterior(theta, *arguments)[1],
        theta,
    )
    assert error < 1e-4 * np.linalg.norm(negative_log_posterior(theta, *arguments)[1])


@pytest.mark.parametrize("smoothness", [1.5, 2.5])
def test_similarities_are_those_of_the_search(smoothness):
    left, right = rows_of(30)[0], rows_of(50, seed=1)[0]
    expected = matern(cdist(left, right), smoothness)[0]
    np.testing.assert_allclose(_similarities(left, right, smoothness), expected, atol=1e-12)
    np.testing.assert_allclose(_distances(left, right), cdist(left, right), atol=1e-6)


@pytest.mark.parametrize("n", [1, SOLVED_AT_A_TIME, 2 * SOLVED_AT_A_TIME + 5])
def test_triangular_systems_are_solved_by_blocks(n):
    rng = np.random.RandomState(0)
    factor = np.asfortranarray(np.tril(rng.normal(size=(n, n))) / np.sqrt(n) + 2 * np.eye(n))
    right = rng.normal(size=(n, 7))
    expected = solve_triangular(factor, right, lower=True)
    np.testing.assert_allclose(
        _solved_in_place(factor, right.copy()), expected, rtol=1e-9, atol=1e-9
    )


def test_covariance_is_that_of_sklearn():
    X, _, _ = rows_of()
    amplitude, length = np.array([0.5, 0.7, 1.1]), np.arange(1.0, 10.0).reshape(3, 3)
    of = Covariance(amplitude, length, np.zeros(3), 0.3, 0.1)
    kernel = ConstantKernel(0.3**2) * DotProduct(sigma_0=1e-9) + ConstantKernel(1.0)
    for a, scales, smoothness in zip(amplitude, length, SMOOTHNESS, strict=True):
        kernel += ConstantKernel(a**2) * Matern(scales, nu=smoothness)
    np.testing.assert_allclose(of.between(X, X[:5]), kernel(X, X[:5]), rtol=1e-6)
    np.testing.assert_allclose(of.variance(X), kernel.diag(X))


def test_prediction_is_that_of_sklearn(fitted):
    X, y, weight, process = fitted
    of = process.covariance_
    rows, new = process.curve_(X, of.warping), process.curve_(X[:7] + 0.1, of.warping)
    kernel = ConstantKernel(of.slope**2) * DotProduct(sigma_0=1e-9) + ConstantKernel(1.0)
    for a, scales, smoothness in zip(of.amplitude, of.length, SMOOTHNESS, strict=True):
        kernel += ConstantKernel(a**2) * Matern(scales, nu=smoothness)
    theirs = GaussianProcessRegressor(kernel, alpha=of.noise**2 / weight, optimizer=None)
    mean, deviation = theirs.fit(rows, y).predict(new, return_std=True)
    ours = process.predict(X[:7] + 0.1, return_std=True)
    np.testing.assert_allclose(ours[0], mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ours[1] ** 2, deviation**2 + of.noise**2, rtol=1e-4)


def test_out_of_fold_is_conditioning_on_the_other_folds(fitted):
    X, y, weight, process = fitted
    of_row = np.arange(len(y)) % 4
    mean, deviation = process.out_of_fold(of_row)
    for fold in range(4):
        seen = of_row != fold
        other = refitted(process, X[seen], y[seen], weight[seen])
        said = other.predict(X[~seen], return_std=True)
        np.testing.assert_allclose(mean[~seen], said[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(deviation[~seen], said[1], rtol=1e-5)


def test_answers_of_a_fold_do_not_enter_what_is_said_of_it(fitted):
    X, y, weight, process = fitted
    of_row = np.arange(len(y)) % 4
    changed = np.where(of_row == 1, y + 5.0, y)
    before = refitted(process, X, y, weight).out_of_fold(of_row)[0]
    after = refitted(process, X, changed, weight).out_of_fold(of_row)[0]
    np.testing.assert_allclose(after[of_row == 1], before[of_row == 1], atol=1e-8)
    assert np.abs(after - before)[of_row != 1].max() > 0.1


def test_a_row_without_weight_is_as_one_that_is_not_there(fitted):
    X, y, weight, process = fitted
    weight = np.where(np.arange(len(y)) < 5, 1e-9, weight)
    few = refitted(process, X[5:], y[5:], weight[5:])
    every = refitted(process, X, y, weight)
    np.testing.assert_allclose(every.predict(X), few.predict(X), atol=1e-5)


def test_two_copies_of_the_rows_are_a_weight_of_two(fitted):
    X, y, weight, process = fitted
    twice = refitted(process, np.vstack([X, X]), np.tile(y, 2), np.tile(weight, 2))
    once = refitted(process, X, y, 2 * weight)
    for one, other in zip(
        twice.predict(X, return_std=True), once.predict(X, return_std=True), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_bends_find_the_logarithm_and_its_mirror():
    X = np.exp(np.random.RandomState(0).uniform(0, 5, size=(80, 1)))
    y = np.sin(2 * np.log(X[:, 0]))
    for columns, sign in [(X, 1), (-X, -1)]:
        process = GaussianProcess(random_state=0).fit(columns, y)
        assert sign * process.covariance_.warping[0] > 2
        straight = GaussianProcess(random_state=0, bent=False).fit(columns, y)
        assert not straight.covariance_.warping.any()
        errors = [np.abs(one.out_of_fold(np.arange(80) % 5)[0] - y) for one in (process, straight)]
        assert errors[0].mean() < errors[1].mean()


@pytest.mark.parametrize("d", [1, 4])
@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("n", [2, 3, 30])
def test_few_rows_constant_answers_and_constant_columns(n, constant, d):
    X, y, _ = rows_of(n, d)
    X[:, 0] = 1.0
    process = GaussianProcess(random_state=0).fit(X, np.zeros(n) if constant else y)
    mean, deviation = process.out_of_fold(np.arange(n) % 2)
    assert np.isfinite(mean).all() and (deviation > 0).all()
    far = process.predict(np.full((2, d), 1e3), return_std=True)
    assert np.isfinite(far).all() and (far[1] >= process.covariance_.noise).all()


def test_noise_stays_above_the_floor():
    X, _, _ = rows_of()
    process = GaussianProcess(floor=0.01, random_state=0).fit(X, X[:, 0] - X[:, 0].mean())
    assert process.covariance_.noise == pytest.approx(0.01)
    assert (process.predict(X, return_std=True)[1] >= 0.01).all()


def test_it_pickles_and_depends_on_the_seed_alone(fitted):
    X, y, weight, process = fitted
    again = GaussianProcess(random_state=0).fit(X, y, weight)
    np.testing.assert_array_equal(again.predict(X), process.predict(X))
    again.drop_training_answers()
    back = pickle.loads(pickle.dumps(again))
    np.testing.assert_array_equal(back.predict(X), process.predict(X))


# A weight says how sure an answer is. A repeated answer says the same of the function, as is tested
# above, but is one more that agrees, and so moves σ.
NOT_COPIES = {
    f"check_sample_weight_equivalence_on_{kind}_data": "weights divide the noise, copies add rows"
    for kind in ("dense", "sparse")
}


def test_it_is_an_estimator():
    process = GaussianProcess(n_searched=30, max_iter=3, random_state=0)
    check_estimator(process, expected_failed_checks=NOT_COPIES, on_fail="raise", on_skip=None)
