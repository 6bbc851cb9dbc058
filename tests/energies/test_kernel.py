"""The kernel energy and its features."""

import pickle
import tracemalloc

import numpy as np
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.datasets import load_iris, make_circles, make_moons
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.preprocessing import PolynomialFeatures
from sklearn.svm import SVC

from sklearn_ebm import EBMClassifier, EBMClassifierCV
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies import MLP, Featured, Kernel, Linear, Prototypes
from sklearn_ebm.energies._kernel.landmarks import landmarks_of
from sklearn_ebm.learning.compatibility import suitable_losses

RNG = np.random.RandomState(0)
X, Y = make_moons(200, noise=0.2, random_state=0)
# The perceptron's order of rows matters; all other losses of a linear energy are learned in
# batches.
LOSSES = suitable_losses("kernel")


def initialized(energy, rows=X, weight=None):
    weight = np.ones(rows.shape[0]) if weight is None else weight
    return energy.initialized(Rows(rows, Y, weight), 2, np.random.RandomState(0))


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csr_array])
def test_with_every_row_a_landmark_features_have_the_kernel(kind):
    energy = initialized(Kernel(gamma=0.7), kind(X))
    phi = energy.transformer.transform(kind(X))
    np.testing.assert_allclose(phi @ phi.T, rbf_kernel(X, gamma=0.7), atol=1e-5)


def test_fourier_features_come_close():
    energy = initialized(Kernel(n_components=20_000, gamma=0.7, approximation="fourier"))
    phi = energy.transformer.transform(X)
    np.testing.assert_allclose(phi @ phi.T, rbf_kernel(X, gamma=0.7), atol=0.05)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_gamma_scale_is_that_of_svc(kind):
    rows = np.vstack([X + np.array([3, -5]), 7 * X])
    svc = SVC().fit(rows, np.r_[Y, Y])
    energy = Kernel().initialized(Rows(kind(rows), np.r_[Y, Y], np.ones(400)), 2, RNG)
    np.testing.assert_allclose(energy.transformer.scale**2, svc._gamma, rtol=1e-10)
    repeated = np.repeat(rows, np.arange(400) % 3, axis=0)
    weighted = Kernel().initialized(Rows(kind(rows), np.r_[Y, Y], np.arange(400.0) % 3), 2, RNG)
    np.testing.assert_allclose(weighted.transformer.scale**-2, 2 * repeated.var(), rtol=1e-10)


@pytest.mark.parametrize("loss", ["hinge"])
def test_the_minimum_is_that_of_svc(loss):
    """With every row a landmark and two classes, the hinge is a support vector machine's."""
    svc = SVC(C=3.0, gamma=0.7, tol=1e-8).fit(X, Y)
    clf = EBMClassifier(energy=Kernel(gamma=0.7), loss=loss, C=3.0, tol=1e-8, random_state=0).fit(
        X, Y
    )
    np.testing.assert_allclose(clf.decision_function(X), svc.decision_function(X), atol=2e-3)
    assert clf.gap_ < 1e-8


@pytest.mark.parametrize("approximation", ["nystroem", "fourier"])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_learns_rings(loss, approximation):
    rows, y = make_circles(300, noise=0.08, factor=0.4, random_state=0)
    energy = Kernel(n_components=60, approximation=approximation)
    clf = EBMClassifier(energy=energy, loss=loss, C=10.0, random_state=0).fit(rows, y)
    assert clf.score(rows, y) > 0.95
    assert np.allclose(clf.predict_proba(rows).sum(axis=1), 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_blocks_and_pickles(dtype):
    rows = X.astype(dtype)
    clf = EBMClassifier(energy=Kernel(n_components=40), random_state=0).fit(rows, Y)
    energies = clf.energies(rows)
    assert energies.dtype == dtype and clf.params_["coef"].dtype == dtype
    tol = 1e-10 if dtype == np.float64 else 1e-4
    parts = np.vstack([clf.energies(rows[:7]), clf.energies(rows[7:])])
    np.testing.assert_allclose(parts, energies, atol=tol)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(clf)).energies(rows), energies)
    np.testing.assert_array_equal(clone(clf).fit(rows, Y).energies(rows), energies)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_alone_has_the_energies_that_it_has_among_others(dtype):
    """Up to the rounding of sums in its dtype, also where features are of a steep inverse."""
    rows = (0.01 * X).astype(dtype)  # landmarks close to each other
    clf = EBMClassifier(Kernel(gamma=0.5), C=1e4, random_state=0).fit(rows, Y)
    energies = clf.energies(rows)
    alone = np.vstack([clf.energies(rows[i : i + 1]) for i in range(len(rows))])
    size = np.abs(clf.params_["coef"]).sum(axis=1).max()  # of what is summed up, as |φ| ≤ 1
    np.testing.assert_allclose(alone, energies, atol=4 * np.finfo(dtype).eps * size)
    exact = clf.energies(rows.astype(np.float64))
    np.testing.assert_allclose(energies, exact, atol=4 * np.finfo(dtype).eps * size)


def test_weights_are_repetitions_where_all_rows_are_landmarks():
    times = np.arange(200) % 3
    one = EBMClassifier(energy=Kernel(), tol=1e-10, random_state=0).fit(X, Y, sample_weight=times)
    two = EBMClassifier(energy=Kernel(), tol=1e-10, random_state=0)
    two.fit(np.repeat(X, times, axis=0), np.repeat(Y, times))
    np.testing.assert_allclose(one.energies(X), two.energies(X), atol=1e-5)


def test_landmarks_are_distinct_and_few():
    rows = np.repeat(X[:10], 30, axis=0)
    energy = Kernel().initialized(Rows(rows, np.zeros(300), np.ones(300)), 2, RNG)
    np.testing.assert_array_equal(energy.transformer.landmarks, np.unique(X[:10], axis=0))
    energy = Kernel().initialized(
        Rows(sparse.csr_matrix(rows), np.zeros(300), np.ones(300)), 2, RNG
    )
    found = energy.transformer.landmarks.toarray()
    np.testing.assert_array_equal(np.unique(found, axis=0), np.unique(X[:10], axis=0))
    assert found.shape == (10, 2)
    few = Kernel(n_components=7).initialized(Rows(X, Y, np.ones(200)), 2, RNG).transformer.landmarks
    assert len(np.unique(few, axis=0)) == 7
    assert set(map(tuple, few)) <= set(map(tuple, X))


@pytest.mark.parametrize("size", [1e-150, 1e-30, 1.0, 1e30, 1e150])
def test_units_of_x_do_not_matter(size):
    plain = EBMClassifier(energy=Kernel(n_components=50), random_state=0).fit(X, Y)
    scaled = EBMClassifier(energy=Kernel(n_components=50), random_state=0).fit(size * X, Y)
    np.testing.assert_allclose(scaled.energies(size * X), plain.energies(X), atol=1e-5)


def test_constant_rows():
    rows = np.zeros((20, 2))
    with pytest.warns(UserWarning, match="answers are equal"):
        clf = EBMClassifier(energy=Kernel(), random_state=0).fit(rows, np.arange(20) % 2)
    np.testing.assert_allclose(clf.predict_proba(rows), 0.5)


def test_grid_search_over_gamma():
    search = GridSearchCV(
        EBMClassifier(energy=Kernel(n_components=30), random_state=0),
        {"energy__gamma": [0.01, 1.0]},
        cv=3,
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
        (
            {"approximation": "taylor"},
            "='taylor' is not known.*Known names: nystroem, fourier",
        ),
    ],
)
def test_bad_settings(parameters, message):
    clf = EBMClassifier(energy=Kernel(**parameters), random_state=0)
    before = dict(vars(clf))
    with pytest.raises(ValueError, match=message):
        clf.fit(X, Y)
    assert vars(clf) == before


def test_numbers_that_are_not_finite_are_refused():
    clf = EBMClassifier(energy="kernel", random_state=0).fit(X, Y)
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            clf.predict([[bad, 0.0]])


def test_features_of_your_own():
    rows, y = load_iris(return_X_y=True)
    square = PolynomialFeatures(2, include_bias=False).fit(rows)
    clf = EBMClassifier(energy=Featured(square, Linear()), random_state=0).fit(rows, y)
    plain = EBMClassifier(random_state=0).fit(square.transform(rows), y)
    np.testing.assert_allclose(clf.energies(rows), plain.energies(square.transform(rows)))
    assert clf.gap_ == plain.gap_


class Plain(BaseEstimator, TransformerMixin):
    """Features that know what scikit-learn asks of them, and nothing of dtypes."""

    def fit(self, X, y=None):
        self.n_ = X.shape[1]
        return self

    def transform(self, X):
        return np.hstack([X, np.square(X)]).astype(np.float64)

    def get_feature_names_out(self, names=None):
        return np.array([f"f{number}" for number in range(2 * self.n_)])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "inner",
    [Linear(), Prototypes(2), Prototypes(2, "full"), MLP((5,)), Kernel(20)],
    ids=["linear", "prototypes", "full", "mlp", "kernel"],
)
def test_features_under_every_energy(inner):
    energy = Featured(Plain().fit(X), inner)
    clf = EBMClassifier(energy=energy, max_iter=200, random_state=0)
    assert cross_val_score(clf, X, Y, cv=3, error_score="raise").mean() > 0.8
    rows = X.astype(np.float32)
    clf.fit(rows, Y)
    assert clf.energies(rows).dtype == np.float32
    plain = clone(clf).set_params(energy=inner).fit(np.hstack([rows, np.square(rows)]), Y)
    features = np.hstack([rows, np.square(rows)])
    np.testing.assert_allclose(clf.energies(rows), plain.energies(features), rtol=1e-4, atol=1e-4)
    assert np.array_equal(clf.predict(rows), plain.predict(features))
    for name in plain.energy_.fitted_attributes(plain.params_, 2):
        np.testing.assert_allclose(getattr(clf, name), getattr(plain, name), rtol=1e-4, atol=1e-4)
    with config_context(transform_output="pandas"):
        np.testing.assert_array_equal(clone(clf).fit(rows, Y).energies(rows), clf.energies(rows))


def test_grid_search_over_the_energy_on_features():
    energy = Featured(Plain().fit(X), Prototypes())
    search = GridSearchCV(
        EBMClassifier(energy, random_state=0), {"energy__energy__n_prototypes": [1, 2]}, cv=2
    )
    assert search.fit(X, Y).best_score_ > 0.8


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        (Prototypes(0), "n_prototypes=0"),
        (MLP((0,)), "hidden_layer_sizes=.0,. must hold"),
        (Kernel(gamma=-1.0), "gamma=-1.0 must be"),
    ],
)
def test_bad_settings_under_features(inner, message):
    with pytest.raises(ValueError, match=message):
        EBMClassifier(Featured(Plain().fit(X), inner), random_state=0).fit(X, Y)


def test_features_say_what_the_energy_on_them_is():
    for inner in (Linear(), Prototypes(2), MLP((5,), dropout=0.1)):
        energy = Featured(Plain().fit(X), inner)
        assert (energy.traits, energy.penalized) == (inner.traits, inner.penalized)
    assert (
        Linear().traits.redundant_binary_templates
        and Kernel().traits.redundant_binary_templates
        and not MLP().traits.redundant_binary_templates
    )
    assert not Prototypes().traits.redundant_binary_templates


@pytest.mark.parametrize("approximation", ["nystroem", "fourier"])
def test_clones_of_a_prepared_kernel_are_the_same_energy(approximation):
    energy = initialized(Kernel(20, approximation=approximation))
    params = {"coef": RNG.normal(size=(2, 20)), "intercept": np.zeros(2)}
    for other in (clone(energy), Featured(clone(energy.transformer), energy.energy)):
        found = other.linearize(params, X).energies
        np.testing.assert_array_equal(found, energy.linearize(params, X).energies)
    clone(energy).set_params(transformer__scale=7.0)
    assert energy.transformer.scale != 7.0


def test_blocks_are_as_small_as_what_passes_through():
    """Widths of networks and features count; a linear energy has the blocks it always had."""
    assert Linear()._width(3) == 3
    assert MLP((100, 50))._width(3) == 303
    assert Prototypes(4)._width(3) == 12
    assert initialized(Kernel(80))._width(2) == 10
    rows = np.random.RandomState(0).normal(size=(30_000, 2)).astype(np.float32)
    clf = EBMClassifier(energy=MLP((500, 500)), max_iter=5, random_state=0).fit(
        rows[:500], rows[:500, 0] > 0
    )
    tracemalloc.start()
    try:
        clf.predict(rows)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * 2**20  # 16,384 rows at a time took over 100 MB


def test_fourier_features_of_float32_never_exist_in_float64():
    energy = initialized(Kernel(200, approximation="fourier"))
    rows = np.random.RandomState(0).normal(size=(40_000, 2)).astype(np.float32)
    tracemalloc.start()
    try:
        features = energy.transformer.transform(rows)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert features.dtype == np.float32 and peak < 1.7 * features.nbytes


# Landmarks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_components", [3, 50])
def test_rows_are_left_as_they_are(n_components):
    data, columns = np.array([1.0, 2.0, 0.0, 3.0, 1.0]), np.array([0, 0, 1, 1, 0])
    rows = sparse.csr_matrix((data, columns, np.array([0, 2, 3, 4, 5])), shape=(4, 2))
    for part in (rows.data, rows.indices, rows.indptr):
        part.flags.writeable = False
    found = landmarks_of(rows, np.ones(4), n_components, np.random.RandomState(0))
    assert rows.nnz == 5 and len(rows.data) == 5
    # (3, 0), (0, 0), (0, 3), (1, 0): one of three is left out.
    assert found.shape[0] == min(n_components, 4)
    known = {(3.0, 0.0), (0.0, 0.0), (0.0, 3.0), (1.0, 0.0)}
    assert set(map(tuple, found.toarray())) <= known


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_as_many_distinct_landmarks_as_there_are(kind):
    rows = np.vstack([np.ones((3000, 2)), np.arange(80.0).reshape(40, 2)])
    for most, expected in ((5, 5), (30, 30), (41, 41), (500, 41)):
        found = landmarks_of(kind(rows), np.ones(3040), most, np.random.RandomState(0))
        found = found.toarray() if sparse.issparse(found) else found
        assert len(found) == len(np.unique(found, axis=0)) == expected
        assert set(map(tuple, found)) <= set(map(tuple, rows))


@pytest.mark.parametrize("weight", [1e308, 1e-308])
def test_landmarks_of_heavy_rows(weight):
    weights = np.where(np.arange(200) < 100, weight, 1.0)
    found = set(map(tuple, landmarks_of(X, weights, 150, np.random.RandomState(0))))
    assert len(found) == 150
    heavy, light = X[:100], X[100:]
    assert set(map(tuple, heavy if weight > 1 else light)) <= found <= set(map(tuple, X))


def test_folds_may_have_unlike_numbers_of_landmarks():
    clf = EBMClassifierCV(energy="kernel", Cs=[1.0, 10.0], cv=3, random_state=0).fit(X, Y)
    assert clf.score(X, Y) < 0 and (clf.predict(X) == Y).mean() > 0.9
    assert "coef_" not in vars(EBMClassifier(energy="kernel", random_state=0).fit(X, Y))
