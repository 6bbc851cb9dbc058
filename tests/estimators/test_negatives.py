"""Classifiers that learn from drawn classes: any labels, streams, searches, and clear refusals."""

import pickle
import tracemalloc

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

from sklearn_ebm import EBMClassifier
from sklearn_ebm.energies import MLP, Featured, Kernel, Linear, Prototypes
from sklearn_ebm.losses import LOSSES, Hinge
from sklearn_ebm.losses.negatives import CLASS_NEGATIVES, HardestSampled, InBatch, Pool, Sampled
from sklearn_ebm.solvers import Adam

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

K = 40


def rows(n_rows=900, k=K, seed=0, dtype=np.float64):
    """Rows around k centres, with frequencies that fall with the number of the class."""
    rng = np.random.default_rng(seed)
    centres = 3 * np.random.default_rng(1).normal(size=(k, 6))
    share = 1 / (np.arange(k) + 3)
    y = np.append(np.arange(k), rng.choice(k, size=n_rows - k, p=share / share.sum()))
    return (centres[y] + rng.normal(size=(n_rows, 6))).astype(dtype), y


X, Y = rows()
X_TEST, Y_TEST = rows(seed=2)


def drawn(negatives="sampled", max_iter=30, batch_size=60, **settings):
    solver = settings.pop("solver", Adam(learning_rate=0.05, batch_size=batch_size))
    return EBMClassifier(negatives=negatives, solver=solver, max_iter=max_iter, **settings)


@pytest.mark.parametrize("negatives", [Sampled(10), HardestSampled(10, 20), InBatch()], ids=repr)
@pytest.mark.parametrize("energy", ["linear", Kernel(50), MLP((30,)), Prototypes(1)], ids=str)
def test_as_good_as_with_all_classes(energy, negatives):
    full = drawn(None, energy=energy).fit(X, Y)
    clf = drawn(negatives, energy=energy).fit(X, Y)
    answers = np.arange(len(Y_TEST)), Y_TEST
    ours, theirs = (-model.predict_log_proba(X_TEST)[answers].mean() for model in (clf, full))
    assert ours < theirs + 0.05
    np.testing.assert_allclose(clf.predict_proba(X_TEST).sum(axis=1), 1)


@pytest.mark.parametrize("n_negatives", [K, 10 * K])
def test_with_as_many_negatives_as_classes_the_fit_is_the_same(n_negatives):
    full, clf = drawn(None).fit(X, Y), drawn(n_negatives=n_negatives).fit(X, Y)
    np.testing.assert_allclose(clf.coef_, full.coef_, atol=1e-5)
    np.testing.assert_allclose(clf.loss_curve_, full.loss_curve_, rtol=1e-5)


@pytest.mark.parametrize("loss", [name for name in LOSSES if name not in ("perceptron", "energy")])
def test_every_loss(loss):
    energy = Prototypes(1) if loss == "lvq2" else "linear"
    clf = drawn(energy=energy, loss=loss, n_negatives=10).fit(X, Y)
    assert clf.score(X_TEST, Y_TEST) > (0.6 if loss in ("simple", "mce", "mee") else 0.75)


@pytest.mark.parametrize("name", CLASS_NEGATIVES)
def test_two_classes_and_text(name):
    some = Y < 2
    labels = np.array(["no", "yes"])[Y[some]]
    clf = drawn(name).fit(X[some], labels)
    assert clf.classes_.tolist() == ["no", "yes"] and clf.coef_.shape == (1, 6)
    assert clf.score(X[some], labels) > 0.95


def test_rare_classes_are_learned():
    """Classes of a single row, with as few draws as possible."""
    rare = np.arange(30, K)
    keep = (Y < 30) | (np.arange(len(Y)) < K)
    full, clf = (
        drawn(negatives, C=100.0, max_iter=200).fit(X[keep], Y[keep])
        for negatives in (None, Sampled(1, power=1.0))
    )
    assert (np.bincount(Y[keep])[rare] == 1).all()
    assert np.mean(full.predict(X[rare]) == rare) > 0.8
    assert np.mean(clf.predict(X[rare]) == rare) > 0.8


def test_classes_without_rows_are_neither_drawn_nor_predicted():
    weight = np.where(Y == 3, 0.0, 1.0)
    clf = drawn(n_negatives=K).fit(X, Y, sample_weight=weight)
    without = drawn(n_negatives=K).fit(X[Y != 3], Y[Y != 3])
    assert 3 in clf.classes_ and np.isinf(clf.energies(X[:1])[0, 3])
    np.testing.assert_allclose(
        np.delete(clf.predict_proba(X), 3, axis=1), without.predict_proba(X), atol=1e-6
    )


def test_weights_count_for_the_loss_and_for_the_draws():
    clf = drawn(n_negatives=10, class_weight={0: 20.0}, batch_size=len(Y)).fit(X, Y)
    plain = drawn(n_negatives=10, batch_size=len(Y)).fit(X, Y)
    assert (clf.predict(X_TEST) == 0).sum() > (plain.predict(X_TEST) == 0).sum()


@pytest.mark.parametrize("name", CLASS_NEGATIVES)
def test_the_same_seed_gives_the_same_model(name):
    one, other = (drawn(name, max_iter=3).fit(X, Y) for _ in range(2))
    np.testing.assert_array_equal(one.coef_, other.coef_)
    again = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(again.predict_proba(X), one.predict_proba(X))
    third = drawn(name, max_iter=3, random_state=1).fit(X, Y)
    assert (third.coef_ != one.coef_).any()


def test_sparse_float32_and_mapped_rows(tmp_path):
    dense = drawn(max_iter=5).fit(X, Y)
    found = drawn(max_iter=5).fit(sparse.csr_matrix(X), Y)
    np.testing.assert_allclose(found.coef_, dense.coef_, atol=1e-4)
    narrow = drawn(max_iter=5).fit(X.astype(np.float32), Y)
    assert narrow.coef_.dtype == np.float32
    np.testing.assert_allclose(narrow.coef_, dense.coef_, atol=1e-4)
    np.save(tmp_path / "rows.npy", X)
    mapped = drawn(max_iter=5).fit(np.load(tmp_path / "rows.npy", mmap_mode="r"), Y)
    np.testing.assert_array_equal(mapped.coef_, dense.coef_)


def test_streams():
    clf = EBMClassifier(negatives="sampled", n_negatives=10)
    order = np.random.default_rng(0).permutation(len(Y))
    for _ in range(8):
        for part in np.array_split(order, 6):
            clf.partial_fit(X[part], Y[part], classes=np.arange(K))
    assert clf.score(X_TEST, Y_TEST) > 0.75
    again = pickle.loads(pickle.dumps(clf)).partial_fit(X[:100], Y[:100])
    np.testing.assert_array_equal(clf.partial_fit(X[:100], Y[:100]).coef_, again.coef_)


def test_a_stream_sorted_by_class_compares_with_classes_of_earlier_parts():
    first, second = Y < 20, Y >= 20
    clf = EBMClassifier(negatives="sampled", n_negatives=30)
    for _ in range(12):
        for part in (first, second):
            clf.partial_fit(X[part], Y[part], classes=np.arange(K))
    assert clf.score(X_TEST, Y_TEST) > 0.7


def test_a_stream_goes_on_after_fit_and_with_all_classes():
    clf = drawn().fit(X, Y)
    before = clf.score(X_TEST, Y_TEST)
    clf.partial_fit(X[:200], Y[:200])
    assert clf.score(X_TEST, Y_TEST) > before - 0.05
    clf = EBMClassifier(MLP((8,)), negatives="sampled")
    clf.partial_fit(X, Y, classes=np.arange(K))
    clf.set_params(negatives=None).partial_fit(X, Y)  # in another order of the parameters
    clf.set_params(negatives="sampled").partial_fit(X, Y)
    assert np.isfinite(clf.params_["output_weight"]).all()


def test_warm_start_early_stopping_and_validation_rows():
    clf = drawn(early_stopping=True, n_iter_no_change=3, max_iter=200).fit(
        X, Y, X_val=X_TEST, y_val=Y_TEST
    )
    assert clf.n_iter_ < 200
    curve = clf.validation_loss_curve_
    exact = -clf.predict_log_proba(X_TEST)[np.arange(len(Y_TEST)), Y_TEST].mean()
    assert curve.min() == pytest.approx(exact, rel=1e-4)  # with fewer than 500 classes
    clf.set_params(warm_start=True, early_stopping=False, max_iter=1).fit(X, Y)
    assert clf.score(X_TEST, Y_TEST) > 0.75


def test_beta_is_chosen():
    clf = drawn(loss="hinge", beta="auto", max_iter=10).fit(X, Y)
    assert clf.beta_ != 1


def test_grid_search():
    grid = {"n_negatives": [1, 20], "negatives": ["sampled", "hardest"]}
    search = GridSearchCV(drawn(max_iter=5), grid, cv=2, scoring="neg_log_loss")
    keep = np.isin(Y, np.flatnonzero(np.bincount(Y) >= 4))
    search.fit(X[keep], Y[keep])
    assert set(search.best_params_) == set(grid)
    of_object = GridSearchCV(drawn(Sampled(), max_iter=2), {"negatives__power": [0.0, 1.0]}, cv=2)
    of_object.fit(X[keep], Y[keep])
    assert clone(drawn(Sampled(7))).get_params()["negatives__n_negatives"] == 7


def test_a_warning_says_that_steps_were_too_long():
    with pytest.warns(ConvergenceWarning, match="lower it, or scale the features"):
        drawn(solver=Adam(learning_rate=300.0), max_iter=3, C=np.inf).fit(X, Y)


class SumOfClasses(Linear):
    """An energy whose classes share parameters in an unknown way."""

    traits = Linear.traits._replace(class_axes=None)


REFUSED = [
    ({"negatives": "sample"}, "negatives='sample' is not known. Did you mean 'sampled'"),
    ({"negatives": None, "n_negatives": 5}, "n_negatives=5 has no effect with negatives=None"),
    ({"n_negatives": 0}, "n_negatives=0 must be a whole number of at least 1"),
    ({"negatives": Sampled(), "n_negatives": 5}, "both set the number; leave n_negatives=None"),
    ({"negatives": "in_batch", "n_negatives": 5}, "'in_batch' has no n_negatives"),
    ({"negatives": Sampled(power=2)}, "power=2 of Sampled must be a number from 0 to 1"),
    ({"negatives": Pool()}, "draws numbers, but the answers of a classifier are classes"),
    ({"solver": "lbfgs"}, "solver 'lbfgs' cannot learn with negatives"),
    ({"solver": "preconditioned"}, "solver 'preconditioned' cannot learn with negatives"),
    ({"loss": "perceptron", "solver": "auto"}, "loss 'perceptron' cannot be learned with negat"),
    ({"energy": Prototypes(shared=True)}, "energy 'prototypes' cannot be learned with negatives"),
    ({"energy": SumOfClasses()}, "energy 'SumOfClasses' cannot be learned with negatives"),
]


@pytest.mark.parametrize(("settings", "message"), REFUSED, ids=[str(case[0]) for case in REFUSED])
def test_refusals_name_the_way_out(settings, message):
    with pytest.raises(ValueError, match=message):
        drawn(**settings).fit(X, Y)


def test_what_is_not_a_way_of_drawing_is_refused():
    with pytest.raises(TypeError, match="negatives=3 is neither one of the names sampled"):
        drawn(3).fit(X, Y)
    with pytest.raises(ValueError, match="negatives='in_batch' would never compare"):
        drawn("in_batch").partial_fit(X, Y, classes=np.arange(K))
    with pytest.raises(ValueError, match="negatives__power cannot be set while negatives="):
        drawn().set_params(negatives__power=0.5)


def test_features_and_margins_of_pairs():
    energy = Featured(StandardScaler().fit(X), Linear())
    assert drawn(energy=energy).fit(X, Y).score(X_TEST, Y_TEST) > 0.75
    margin = np.random.default_rng(0).uniform(0.5, 1.5, size=(K, K))
    clf = drawn(loss=Hinge(margin=margin), n_negatives=10).fit(X, Y)
    assert clf.score(X_TEST, Y_TEST) > 0.75


def test_very_many_classes_need_little_memory():
    """Predictions are made in blocks: all energies at once would take 160 MB."""
    k = 40_000
    some = np.random.default_rng(0).normal(size=(2 * k, 2)).astype(np.float32)
    clf = drawn(max_iter=0).fit(some, np.arange(2 * k) % k)
    tracemalloc.start()
    assert clf.predict(some[:1000]).shape == (1000,)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 120e6
