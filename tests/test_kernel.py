"""The kernel energy and its features."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_iris, make_circles, make_moons
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import PolynomialFeatures
from sklearn.svm import SVC

from sklearn_ebm import EBMClassifier
from sklearn_ebm._learning import suitable_losses
from sklearn_ebm.energies import Featured, Kernel, Linear

RNG = np.random.RandomState(0)
X, Y = make_moons(200, noise=0.2, random_state=0)
# The perceptron's order of rows matters; all other losses of a linear energy are learnt in batches.
LOSSES = suitable_losses("kernel")


def prepared(energy, rows=X, weight=None):
    weight = np.ones(rows.shape[0]) if weight is None else weight
    return energy.prepared(rows, Y, weight, 2, np.random.RandomState(0))


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csr_array])
def test_with_every_row_a_landmark_features_have_the_kernel(kind):
    energy = prepared(Kernel(gamma=0.7), kind(X))
    phi = energy.transformer.transform(kind(X))
    np.testing.assert_allclose(phi @ phi.T, rbf_kernel(X, gamma=0.7), atol=1e-5)


def test_fourier_features_come_close():
    energy = prepared(Kernel(n_components=20_000, gamma=0.7, approximation="fourier"))
    phi = energy.transformer.transform(X)
    np.testing.assert_allclose(phi @ phi.T, rbf_kernel(X, gamma=0.7), atol=0.05)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_gamma_scale_is_that_of_svc(kind):
    rows = np.vstack([X + np.array([3, -5]), 7 * X])
    svc = SVC().fit(rows, np.r_[Y, Y])
    energy = Kernel().prepared(kind(rows), np.r_[Y, Y], np.ones(400), 2, RNG)
    np.testing.assert_allclose(energy.transformer.scale**2, svc._gamma, rtol=1e-10)
    repeated = np.repeat(rows, np.arange(400) % 3, axis=0)
    weighted = Kernel().prepared(kind(rows), np.r_[Y, Y], np.arange(400.0) % 3, 2, RNG)
    np.testing.assert_allclose(weighted.transformer.scale**-2, 2 * repeated.var(), rtol=1e-10)


@pytest.mark.parametrize("loss", ["hinge"])
def test_the_minimum_is_that_of_svc(loss):
    """With every row a landmark and two classes, the hinge is a support vector machine's."""
    svc = SVC(C=3.0, gamma=0.7, tol=1e-8).fit(X, Y)
    clf = EBMClassifier(energy=Kernel(gamma=0.7), loss=loss, C=3.0, tol=1e-8).fit(X, Y)
    np.testing.assert_allclose(clf.decision_function(X), svc.decision_function(X), atol=2e-3)
    assert clf.gap_ < 1e-8


@pytest.mark.parametrize("approximation", ["nystroem", "fourier"])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_learns_rings(loss, approximation):
    rows, y = make_circles(300, noise=0.08, factor=0.4, random_state=0)
    energy = Kernel(n_components=60, approximation=approximation)
    clf = EBMClassifier(energy=energy, loss=loss, C=10.0).fit(rows, y)
    assert clf.score(rows, y) > 0.95
    assert np.allclose(clf.predict_proba(rows).sum(axis=1), 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_blocks_and_pickles(dtype):
    rows = X.astype(dtype)
    clf = EBMClassifier(energy=Kernel(n_components=40)).fit(rows, Y)
    energies = clf.energies(rows)
    assert energies.dtype == dtype and clf.params_["coef"].dtype == dtype
    tol = 1e-10 if dtype == np.float64 else 1e-4
    parts = np.vstack([clf.energies(rows[:7]), clf.energies(rows[7:])])
    np.testing.assert_allclose(parts, energies, atol=tol)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(clf)).energies(rows), energies)
    np.testing.assert_array_equal(clone(clf).fit(rows, Y).energies(rows), energies)


def test_weights_are_repetitions_where_all_rows_are_landmarks():
    times = np.arange(200) % 3
    one = EBMClassifier(energy=Kernel(), tol=1e-10).fit(X, Y, sample_weight=times)
    two = EBMClassifier(energy=Kernel(), tol=1e-10)
    two.fit(np.repeat(X, times, axis=0), np.repeat(Y, times))
    np.testing.assert_allclose(one.energies(X), two.energies(X), atol=1e-5)


def test_landmarks_are_distinct_and_few():
    rows = np.repeat(X[:10], 30, axis=0)
    energy = Kernel().prepared(rows, np.zeros(300), np.ones(300), 2, RNG)
    assert energy.transformer.landmarks.shape == (10, 2)
    energy = Kernel().prepared(sparse.csr_matrix(rows), np.zeros(300), np.ones(300), 2, RNG)
    assert energy.transformer.landmarks.shape == (10, 2)
    few = Kernel(n_components=7).prepared(X, Y, np.ones(200), 2, RNG)
    assert few.transformer.landmarks.shape == (7, 2)


@pytest.mark.parametrize("size", [1e-150, 1e-30, 1.0, 1e30, 1e150])
def test_units_of_x_do_not_matter(size):
    plain = EBMClassifier(energy=Kernel(n_components=50)).fit(X, Y)
    scaled = EBMClassifier(energy=Kernel(n_components=50)).fit(size * X, Y)
    np.testing.assert_allclose(scaled.energies(size * X), plain.energies(X), atol=1e-5)


def test_constant_rows():
    rows = np.zeros((20, 2))
    with pytest.warns(UserWarning, match="cannot be told apart"):
        clf = EBMClassifier(energy=Kernel()).fit(rows, np.arange(20) % 2)
    np.testing.assert_allclose(clf.predict_proba(rows), 0.5)


def test_grid_search_over_gamma():
    search = GridSearchCV(
        EBMClassifier(energy=Kernel(n_components=30)), {"energy__gamma": [0.01, 1.0]}, cv=3
    ).fit(X, Y)
    assert search.best_params_ == {"energy__gamma": 1.0}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": 0}, "n_components=0 must be a whole number"),
        ({"n_components": 2.5}, "n_components=2.5 must be a whole number"),
        ({"gamma": -1.0}, "gamma=-1.0 must be a positive finite number or 'scale'"),
        ({"gamma": "auto"}, "gamma='auto' must be a positive finite number or 'scale'"),
        ({"gamma": np.inf}, "gamma=inf must be a positive"),
        ({"approximation": "taylor"}, "approximation='taylor' is not known. Known: nystroem, four"),
    ],
)
def test_bad_settings(parameters, message):
    clf = EBMClassifier(energy=Kernel(**parameters))
    before = dict(vars(clf))
    with pytest.raises(ValueError, match=message):
        clf.fit(X, Y)
    assert vars(clf) == before


def test_numbers_that_are_not_finite_are_refused():
    clf = EBMClassifier(energy="kernel").fit(X, Y)
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            clf.predict([[bad, 0.0]])


def test_features_of_your_own():
    rows, y = load_iris(return_X_y=True)
    square = PolynomialFeatures(2, include_bias=False).fit(rows)
    clf = EBMClassifier(energy=Featured(square, Linear())).fit(rows, y)
    plain = EBMClassifier().fit(square.transform(rows), y)
    np.testing.assert_allclose(clf.energies(rows), plain.energies(square.transform(rows)))
    assert clf.gap_ == plain.gap_
