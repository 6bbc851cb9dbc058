"""Distances to prototypes: by hand, K-means as a limit, and every loss on every kind of rows."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris

from sklearn_ebm import EBMClassifier, losses
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies import Prototypes
from sklearn_ebm.energies._prototypes.starts import anchors_of, split_by_variance
from sklearn_ebm.exceptions import CollapseWarning
from sklearn_ebm.learning.compatibility import suitable_losses

METRICS = ("euclidean", "diagonal", "full")
INFERENCES = ("min", "marginal")

# Unprepared, prototypes start at the origin and Ω at the identity: shifts are what they are.
PLACES = np.array([[[0.0, 0.0], [3.0, 1.0]], [[1.0, 2.0], [9.0, 9.0]]])
SHIFT_OF_METRIC = {
    "euclidean": {},
    "diagonal": {"metric_shift": np.array([1.0, 0.0])},  # Ω = diag(2, 1)
    "full": {"metric_shift": np.array([[0.0, 1.0], [0.0, 0.0]])},  # Ω = [[1, 1], [0, 1]]
}
# From (1, 0) the differences are (1, 0), (−2, −1), (0, −2), (−8, −9); then Ω times these.
LATENT = {
    "euclidean": [[1.0, 5.0], [4.0, 145.0]],
    "diagonal": [[4.0, 17.0], [4.0, 256 + 81.0]],
    "full": [[1.0, 9 + 1.0], [4 + 4.0, 289 + 81.0]],
}


def blobs(n_rows=90, k=3, d=4, seed=0, apart=2.0):
    rng = np.random.RandomState(seed)
    y = np.arange(n_rows) % k
    return rng.normal(size=(n_rows, d)) + apart * rng.normal(size=(k, d))[y], y


def energies(clf, X):
    return clf.energies(X).astype(np.float64)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("inference", INFERENCES)
def test_energies_by_hand(metric, inference):
    energy = Prototypes(2, metric, inference, beta=0.5)
    params = {"shift": PLACES, **SHIFT_OF_METRIC[metric]}
    row, latent = np.array([[1.0, 0.0]]), np.array(LATENT[metric])
    np.testing.assert_allclose(energy._latent_energies(params, row)[0], latent)
    average = -np.log(np.exp(-0.5 * latent).mean(axis=1)) / 0.5
    expected = latent.min(axis=1) if inference == "min" else average
    np.testing.assert_allclose(energy.linearize(params, row).energies, expected[None])
    share = np.exp(-0.5 * latent) / np.exp(-0.5 * latent).sum(axis=1, keepdims=True)
    share = np.array([[1, 0], [1, 0]]) if inference == "min" else share
    np.testing.assert_allclose(energy.responsibilities(params, row)[0], share)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("inference", INFERENCES)
def test_the_pullback_is_the_derivative(metric, inference):
    rng = np.random.RandomState(0)
    energy = Prototypes(2, metric, inference, beta=0.3)
    X, y = blobs(20)
    energy = energy.initialized(Rows(X, y, np.ones(len(y))), 3, rng)
    params = {name: 0.3 * rng.normal(size=shape) for name, shape in energy.shapes(4, 3).items()}
    slope, direction = (
        rng.normal(size=(20, 3)),
        {n: rng.normal(size=v.shape) for n, v in params.items()},
    )
    value = [
        energy.linearize({n: v + sign * 1e-6 * direction[n] for n, v in params.items()}, X).energies
        for sign in (1, -1)
    ]
    gradient = energy.linearize(params, X).pullback(slope)
    along = sum(float(np.vdot(gradient[n], direction[n])) for n in params)
    assert along == pytest.approx(float(np.vdot(slope, value[0] - value[1])) / 2e-6, rel=1e-6)


def test_average_over_prototypes_is_never_negative_and_ends_at_the_minimum():
    X = blobs()[0]
    params = {"shift": np.tile(X[:3, None], (1, 4, 1))}
    for beta in (0.1, 10.0, 1e6):
        found = Prototypes(4, beta=beta).linearize(params, X).energies
        assert found.min() >= 0  # four equal prototypes count as one
        least = Prototypes(4, inference="min").linearize(params, X).energies
        np.testing.assert_allclose(found, least, atol=1e-9)


def test_energy_loss_is_k_means_in_each_class():
    X, y = load_iris(return_X_y=True)
    clf = EBMClassifier(energy=Prototypes(3, inference="min"), loss="energy").fit(X, y)
    for label in range(3):
        rows = X[y == label]
        parts = split_by_variance(rows, np.ones(len(rows)), 3)
        start = np.stack([rows[part].mean(axis=0) for part in parts])
        machine = KMeans(3, init=start, n_init=1, tol=0).fit(rows)
        np.testing.assert_allclose(clf.prototypes_[label], machine.cluster_centers_, atol=1e-9)
    assert clf.n_iter_ == 0


def test_the_start_is_no_worse_than_k_means_from_random_starts():
    X, _ = load_iris(return_X_y=True)
    ours = anchors_of(X, np.zeros(150, np.intp), np.ones(150), 1, 5)
    squares = ((X - ours.places[0][ours.nearest]) ** 2).sum()
    assert squares <= 1.05 * KMeans(5, n_init=20, random_state=0).fit(X).inertia_


@pytest.mark.parametrize("metric", METRICS)
def test_a_small_c_leaves_everything_at_the_anchors(metric):
    X, y = blobs()
    clf = EBMClassifier(energy=Prototypes(metric=metric), C=1e-9).fit(X, y)
    np.testing.assert_allclose(clf.prototypes_, clf.energy_._anchors, atol=1e-5)
    assert clf.prototypes_.shape == (3, 3, 4)


@pytest.mark.parametrize("metric", METRICS[1:])
def test_attributes_and_the_size_of_a_learnt_metric(metric):
    X, y = blobs(600)
    clf = EBMClassifier(energy=Prototypes(metric=metric, inference="min"), C=1e-9).fit(X, y)
    root = clf.energy_._start_root + clf.params_["metric_shift"]
    expected = root**2 if metric == "diagonal" else root.T @ root
    np.testing.assert_allclose(clf.metric_, expected)
    right = clf.energies(X)[np.arange(600), y].mean()
    assert 0.6 < right < 1.1
    apart = X[:, None, None] - clf.prototypes_
    A = np.diag(clf.metric_) if metric == "diagonal" else clf.metric_
    nearest = np.einsum("nkmi,ij,nkmj->nkm", apart, A, apart).min(axis=2)
    np.testing.assert_allclose(clf.energies(X), nearest, atol=1e-9)


def test_a_learnt_metric_does_not_know_the_units_of_the_columns():
    X, y = blobs()
    for metric in METRICS[1:]:
        energy = Prototypes(metric=metric, n_prototypes=1)
        one = EBMClassifier(energy=energy, C=1e-12).fit(X, y)
        other = EBMClassifier(energy=energy, C=1e-12).fit(X * [1, 10, 0.1, 3], y)
        np.testing.assert_allclose(one.energies(X), other.energies(X * [1, 10, 0.1, 3]), rtol=1e-4)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("loss", ["nll", "square_square"])
def test_weights_are_repetitions_and_order_does_not_matter(metric, loss):
    X, y = blobs(60)
    weight = np.random.RandomState(1).randint(1, 4, size=60)
    rows = np.random.RandomState(2).permutation(np.repeat(np.arange(60), weight))
    clf = EBMClassifier(energy=Prototypes(2, metric), loss=loss, C=0.1)
    weighted = clone(clf).fit(X, y, sample_weight=weight)
    repeated = clone(clf).fit(X[rows], y[rows])
    np.testing.assert_allclose(weighted.energy_._anchors, repeated.energy_._anchors, atol=1e-9)
    np.testing.assert_allclose(energies(weighted, X), energies(repeated, X), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("metric", METRICS)
def test_float32_stays_float32(metric):
    X, y = blobs()
    energy = Prototypes(metric=metric)
    wide = EBMClassifier(energy=energy, C=0.1).fit(X, y)
    narrow = EBMClassifier(energy=energy, C=0.1).fit((X + 1000).astype(np.float32), y)
    found = narrow.energies((X + 1000).astype(np.float32))
    assert found.dtype == np.float32 and narrow.prototypes_.dtype == np.float32
    assert narrow.params_["shift"].dtype == np.float32
    # An offset of a thousand costs three digits of the rows, and no more of their distances.
    np.testing.assert_allclose(found, wide.energies(X), rtol=0.05, atol=0.05)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_array])
def test_sparse_is_dense(metric, kind):
    X, y = blobs()
    X = X * (np.random.RandomState(0).uniform(size=X.shape) < 0.5)
    energy = Prototypes(metric=metric)
    dense = EBMClassifier(energy=energy, C=0.1).fit(X, y)
    thin = EBMClassifier(energy=energy, C=0.1).fit(kind(X), y)
    np.testing.assert_allclose(thin.energy_._anchors, dense.energy_._anchors, atol=1e-9)
    np.testing.assert_allclose(thin.energies(kind(X)), dense.energies(X), rtol=1e-3, atol=1e-3)


SUITABLE = suitable_losses("prototypes")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("k", [2, 20])
@pytest.mark.parametrize("how", ["dense", "weighted", "class_weight"])
@pytest.mark.parametrize("loss", SUITABLE)
def test_every_loss_learns(loss, how, k):
    X, y = blobs(20 * k if k == 2 else 5 * k, k, apart=3.0)
    weight = np.linspace(0.5, 2, len(y)) if how == "weighted" else None
    balanced = "balanced" if how == "class_weight" else None
    energy = Prototypes(2, "diagonal" if how == "dense" and loss != "energy" else "euclidean")
    clf = EBMClassifier(energy=energy, loss=loss, class_weight=balanced)
    clf.fit(X, y, sample_weight=weight)
    assert clf.score(X, y) > (0.9 if k == 2 else 0.7)
    assert clf.energies(X).min() >= 0
    np.testing.assert_allclose(clf.predict_proba(X).sum(axis=1), 1)


def test_losses_that_need_distances_and_the_one_that_does_not_suit():
    assert set(losses.LOSSES) - set(SUITABLE) == {"perceptron"}
    with pytest.raises(ValueError, match=r"loss 'perceptron' .* energy 'prototypes'.*'hinge'"):
        EBMClassifier(energy="prototypes", loss="perceptron").fit(*blobs())


@pytest.mark.parametrize("loss", ["energy", "nll", "lvq2"])
def test_a_shared_pool_collapses(loss):
    X, y = blobs()
    clf = EBMClassifier(energy=Prototypes(shared=True), loss=loss)
    with pytest.warns(CollapseWarning):
        clf.fit(X, y)
    found = clf.energies(X)
    np.testing.assert_array_equal(found, found[:, :1].repeat(3, axis=1))
    assert clf.prototypes_.shape == (3, 3, 4)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("loss", ["nll", "hinge", "lvq2"])
def test_few_rows_and_equal_rows(metric, loss):
    clf = EBMClassifier(energy=Prototypes(3, metric), loss=loss)
    two = clone(clf).fit([[0.0, 1.0], [2.0, 1.0]], ["a", "b"])
    np.testing.assert_array_equal(two.predict([[0.1, 1.0], [1.9, 1.0]]), ["a", "b"])
    X = np.array([[0.0, 1.0]] * 5 + [[2.0, 1.0], [3.0, 1.0]] + [[9.0, 4.0]])
    y = np.array([0] * 5 + [1, 1] + [2])
    np.testing.assert_array_equal(clone(clf).fit(X, y).predict(X), y)


def test_a_class_without_weight_is_not_predicted():
    X, y = blobs()
    clf = EBMClassifier(energy="prototypes", loss="lvq2")
    clf.fit(X, y, sample_weight=(y != 1).astype(float))
    assert clf.prototypes_.shape == (3, 3, 4)
    assert not (clf.predict(X[y != 1]) == 1).any()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn_ebm.exceptions.CollapseWarning")
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("loss", ["nll", "square_square", "lvq2", "energy"])
@pytest.mark.parametrize("size", [1e-100, 1e100])
def test_huge_and_tiny_rows(size, loss, metric):
    X, y = blobs(30)
    clf = EBMClassifier(energy=Prototypes(metric=metric), loss=loss)
    try:
        clf.fit(size * X, y)
    except ValueError as refusal:
        assert "scale the features" in str(refusal)
    else:
        assert np.isfinite(clf.energies(size * X)).all()


def test_a_constant_column_has_nothing_to_say():
    """Were it another constant, probabilities would be the same."""
    X, y = blobs()
    X[:, 1] = 7.0
    other = X.copy()
    other[:, 1] = 8.0
    for metric in METRICS:
        clf = EBMClassifier(energy=Prototypes(metric=metric)).fit(X, y)
        np.testing.assert_allclose(clf.prototypes_[..., 1], 7.0, rtol=1e-12)
        np.testing.assert_allclose(clf.predict_proba(other), clf.predict_proba(X), atol=1e-9)
        assert clf.score(X, y) > 0.85
    left = np.delete(X, 1, axis=1)
    one, two = (EBMClassifier(energy=Prototypes()).fit(rows, y) for rows in (X, left))
    np.testing.assert_allclose(one.energies(X), two.energies(left), atol=1e-9)


def test_pickles_and_clones():
    X, y = blobs()
    clf = EBMClassifier(energy=Prototypes(2, "full"), loss="lvq2").fit(X, y)
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(again.energies(X), clf.energies(X))
    refit = clone(clf).fit(X, y)
    np.testing.assert_array_equal(refit.energies(X), clf.energies(X))
    kept = clone(clf.energy_)  # once prepared, anchors and metric are part of the energy
    found = kept.linearize(clf.params_, X).energies
    np.testing.assert_array_equal(found, clf.energy_.linearize(clf.params_, X).energies)
    assert clone(Prototypes(2))._anchors is None


def test_a_warm_start_goes_on():
    X, y = blobs(apart=0.5)
    clf = EBMClassifier(energy="prototypes", warm_start=True, tol=1e-6).fit(X, y)
    first = clf.loss_curve_[-1]
    assert clf.fit(X, y).loss_curve_[0] == pytest.approx(first, rel=1e-6)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"n_prototypes": 0}, "n_prototypes=0 of Prototypes must be a whole number of at least 1"),
        ({"n_prototypes": 2.5}, "n_prototypes=2.5 of Prototypes must be a whole number"),
        ({"metric": "diag"}, "metric='diag' is not known. Did you mean 'diagonal'"),
        ({"inference": "mean"}, "inference='mean' is not known.*Known names: min, marginal"),
        ({"beta": -1}, "beta=-1 of Prototypes must be a positive finite number"),
        ({"shared": "yes"}, "shared='yes' of Prototypes must be True or False"),
    ],
)
def test_settings_are_refused_in_one_sentence(setting, message):
    with pytest.raises(ValueError, match=message):
        EBMClassifier(energy=Prototypes(**setting)).fit(*blobs())


@pytest.mark.parametrize("metric", METRICS[1:])
@pytest.mark.parametrize(
    ("size", "dtype"), [(1e160, float), (1e-160, float), (1e18, np.float32), (1e-18, np.float32)]
)
def test_rows_beyond_squares_are_refused_by_a_learnt_metric(metric, size, dtype):
    X, y = blobs(30)
    clf = EBMClassifier(energy=Prototypes(metric=metric))
    with pytest.raises(ValueError, match=r"learned metric needs squares.*StandardScaler"):
        clf.fit((size * X).astype(dtype), y)


@pytest.mark.parametrize("metric", METRICS[1:])
@pytest.mark.parametrize("size", [1e-130, 1e130])
def test_the_start_of_a_learnt_metric_is_the_same_in_any_units(metric, size):
    X, y = blobs(30)
    one, other = (
        Prototypes(1, metric).initialized(Rows(rows, y, np.ones(30)), 3, np.random.RandomState(0))
        for rows in (X, size * X)
    )
    np.testing.assert_allclose(other._start_root * size, one._start_root, rtol=1e-9)


def test_rows_too_far_for_an_answer_are_named():
    X, y = blobs()
    clf = EBMClassifier(energy="prototypes").fit(X.astype(np.float32), y)
    far = X.astype(np.float32)
    far[7] = 1e25  # squares leave float32, and not float64
    assert np.isfinite(clf.predict_proba(far)).all()
    assert clf.energies(far).dtype == np.float32
    clf, far = EBMClassifier(energy="prototypes").fit(X, y), X.copy()
    far[7] = 1e200
    for ask in (clf.predict, clf.predict_proba, clf.energies):
        with pytest.raises(ValueError, match=r"Row 7 of X has energies that are not finite.*scale"):
            ask(far)
