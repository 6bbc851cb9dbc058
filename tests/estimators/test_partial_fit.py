"""Passes over parts of a stream."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

from sklearn_ebm import EBMClassifier
from sklearn_ebm.energies import MLP, Kernel
from sklearn_ebm.losses import LOSSES
from sklearn_ebm.solvers import Adam

X, Y = make_classification(600, 12, n_informative=6, n_classes=3, random_state=0)
ENERGIES = ("linear", "kernel", "mlp", "prototypes")


def parts(size=100):
    return [(X[i : i + size], Y[i : i + size]) for i in range(0, len(X), size)]


@pytest.mark.parametrize(
    ("energy", "loss", "dtype"),
    [
        ("linear", "nll", np.float64), ("linear", "square_square", np.float32),
        ("kernel", "hinge", np.float32), ("mlp", "square_square", np.float64),
        ("prototypes", "nll", np.float32),
    ],
)  # fmt: skip
def test_parts_are_learnt_from(energy, loss, dtype):
    solver = Adam(learning_rate=0.02, batch_size=20)
    clf = EBMClassifier(energy=energy, loss=loss, solver=solver)
    for _ in range(8):
        for rows, y in parts():
            assert clf.partial_fit(rows.astype(dtype), y, classes=[0, 1, 2]) is clf
    assert clf.score(X, Y) > (0.6 if energy == "linear" else 0.65)
    assert clf.energies(X.astype(dtype)).dtype == dtype
    assert clf.n_iter_ == 48 and clf.gap_ is None
    assert "loss_curve_" not in vars(clf)
    assert np.isfinite(clf.predict_proba(X)).all()


def test_sparse_parts_give_what_dense_ones_give():
    one, two = EBMClassifier(random_state=0), EBMClassifier(random_state=0)
    for rows, y in parts():
        one.partial_fit(rows, y, classes=[0, 1, 2])
        two.partial_fit(sparse.csr_matrix(rows), y, classes=[0, 1, 2])
    np.testing.assert_allclose(one.coef_, two.coef_, atol=1e-6)


@pytest.mark.parametrize(
    ("energy", "loss"), [("linear", "nll"), ("linear", "perceptron"), ("mlp", "nll")]
)
def test_a_pickle_goes_on_where_the_original_does(energy, loss):
    clf = EBMClassifier(energy=energy, loss=loss, random_state=0).partial_fit(
        X[:300], Y[:300], classes=[0, 1, 2]
    )
    other = pickle.loads(pickle.dumps(clf))
    for each in (clf, other):
        each.partial_fit(X[300:], Y[300:])
    np.testing.assert_array_equal(clf.energies(X), other.energies(X))
    assert "params_" not in vars(clone(clf))


def test_many_parts_of_a_perceptron_are_averaged():
    clf = EBMClassifier(loss="perceptron")
    for _ in range(3):
        for rows, y in parts():
            clf.partial_fit(rows, y, classes=[0, 1, 2])
    whole = EBMClassifier(loss="perceptron").fit(X, Y)
    assert clf.score(X, Y) > whole.score(X, Y) - 0.05


def test_weights_count_between_parts():
    """Parts of one class each: only weights from one part to another tell them apart."""
    light, heavy = (
        EBMClassifier(class_weight=weights, solver=Adam(batch_size=10, learning_rate=0.01))
        for weights in (None, {0: 1.0, 1: 30.0, 2: 1.0})
    )
    for clf in (light, heavy):
        for _ in range(3):
            for label in range(3):
                clf.partial_fit(X[label == Y], Y[label == Y], classes=[0, 1, 2])
    # Adam undoes a common factor of the gradient over time, but not one that changes.
    assert np.abs(light.coef_ - heavy.coef_).max() > 0.01
    ends = []
    for weight in (1.0, 1e-6):
        clf = EBMClassifier().partial_fit(X[:300], Y[:300], [0, 1, 2])
        ends.append(clf.partial_fit(X[300:], Y[300:], sample_weight=np.full(300, weight)).coef_)
    assert np.abs(ends[0] - ends[1]).max() > 1e-3


def test_the_unit_of_all_weights_does_not_matter():
    one, two = EBMClassifier(C=2.0, random_state=0), EBMClassifier(C=1.0, random_state=0)
    for rows, y in parts():
        one.partial_fit(rows, y, [0, 1, 2])
        two.partial_fit(rows, y, sample_weight=np.full(len(y), 2.0), classes=[0, 1, 2])
    np.testing.assert_allclose(one.coef_, two.coef_, rtol=1e-10)


def test_c_is_that_of_the_whole_stream():
    """One pass over a long stream ends near the penalised minimum of all of its rows."""
    rng = np.random.RandomState(0)
    rows = rng.normal(size=(40_000, 3))
    y = (rows[:, 0] + rng.normal(size=40_000) > 0).astype(int)
    C = 1e-4  # so strong that it halves the coefficients
    clf = EBMClassifier(C=C, solver=Adam(learning_rate=0.003))
    for i in range(0, 40_000, 4_000):
        clf.partial_fit(rows[i : i + 4_000], y[i : i + 4_000], classes=[0, 1])
    exact = EBMClassifier(C=C).fit(rows, y).coef_[0, 0]
    free = EBMClassifier(C=1e4).fit(rows, y).coef_[0, 0]
    assert exact < 0.8 * free
    assert abs(clf.coef_[0, 0] - exact) < 0.35 * (free - exact)


def test_it_goes_on_from_fit_and_fit_from_it():
    clf = EBMClassifier(warm_start=True).fit(X[:300], Y[:300], X_val=X, y_val=Y)
    before = clf.coef_.copy()
    clf.partial_fit(X[300:], Y[300:])
    assert 0 < np.abs(clf.coef_ - before).max() < 0.5
    assert not {"loss_curve_", "validation_loss_curve_"} & set(vars(clf))
    clf.fit(X, Y)
    assert clf.gap_ < 1e-4 and len(clf.loss_curve_)


@pytest.mark.parametrize(
    ("parameters", "keywords", "message"),
    [
        ({}, {"classes": None}, "classes must be passed on the first call to partial_fit"),
        ({}, {"classes": [0, 1]}, "y holds the label 2, which is not one of the classes"),
        ({}, {"classes": [0]}, "classes holds one class only, 0"),
        ({}, {"classes": ["a", "b"]}, "y holds the label"),
        ({}, {"sample_weight": np.zeros(600)}, "weight.*zero"),
        ({"class_weight": "balanced"}, {}, "class_weight='balanced' needs all of them; pass the"),
        ({"beta": "auto"}, {}, "beta='auto' needs all of them; pass a number"),
        ({"early_stopping": True}, {}, "early_stopping=True needs all of them; use early_stop"),
        ({"C": -1.0}, {}, "C=-1.0 must be"),
    ],
)
def test_bad_first_parts(parameters, keywords, message):
    clf = EBMClassifier(**parameters)
    before = dict(vars(clf))
    with pytest.raises(ValueError, match=message):
        clf.partial_fit(X, Y, **({"classes": [0, 1, 2]} | keywords))
    assert vars(clf) == before


def test_bad_later_parts_leave_the_estimator_as_it_was():
    clf = EBMClassifier(energy=Kernel(gamma=0.1)).partial_fit(X, Y, [0, 1, 2])
    before = clf.energies(X)
    for call, message in (
        (lambda: clf.partial_fit(X, Y, classes=[0, 1, 2, 3]), "leave classes=None"),
        (lambda: clf.partial_fit(X[:, :3], Y), "features"),
        (lambda: clf.partial_fit(X, Y + 1), "holds the label 3"),
        (lambda: clf.partial_fit(1e200 * X * np.nan, Y), "NaN"),
        (
            lambda: clf.set_params(energy__gamma=50.0).partial_fit(X, Y),
            "goes on with energy Kernel.gamma=0.1., but energy=Kernel.gamma=50.0. is set now",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()
        np.testing.assert_array_equal(clf.energies(X), before)


def test_prototypes_need_every_class_in_the_first_part():
    clf = EBMClassifier(energy="prototypes")
    with pytest.raises(ValueError, match="first part has none of 2; put one in, or call fit"):
        clf.partial_fit(X[Y < 2], Y[Y < 2], classes=[0, 1, 2])
    clf.partial_fit(X, Y, classes=[0, 1, 2]).partial_fit(X[Y < 2], Y[Y < 2])
    linear = EBMClassifier().partial_fit(X[Y < 2], Y[Y < 2], classes=[0, 1, 2])
    assert linear.predict_proba(X).shape == (600, 3)


def test_numbers_that_explode_are_refused():
    clf = EBMClassifier(loss="perceptron").partial_fit(X, Y, [0, 1, 2])
    before = clf.coef_.copy()
    with pytest.raises(ValueError, match="not finite"):
        clf.partial_fit(X * 1e303, Y)
    np.testing.assert_array_equal(clf.coef_, before)
    clf.partial_fit(X, Y)
    assert (clf.coef_ != before).any()


def test_a_schedule_that_ends_does_not_begin_anew_with_each_part():
    one, two = (
        EBMClassifier(energy=MLP((5,)), solver=Adam(schedule=schedule), random_state=0)
        for schedule in ("cosine", "constant")
    )
    for rows, y in parts():
        one.partial_fit(rows, y, [0, 1, 2])
        two.partial_fit(rows, y, [0, 1, 2])
    np.testing.assert_array_equal(one.energies(X), two.energies(X))


IRIS, SPECIES = load_iris(return_X_y=True)
IRIS = StandardScaler().fit_transform(IRIS)


def stream(clf, size, passes, X=IRIS, y=SPECIES):
    """Passes in parts of so many rows, each pass in an order of its own."""
    rng = np.random.default_rng(0)
    for _ in range(passes):
        order = rng.permutation(len(y))
        for first in range(0, len(y), size):
            part = order[first : first + size]
            clf.partial_fit(X[part], y[part], classes=np.unique(y))
    return clf


# "energy" and "lvq2" need energies that are never negative.
@pytest.mark.parametrize(
    "loss", [name for name in LOSSES if not LOSSES[name]().traits.needs_nonnegative]
)
def test_some_passes_get_far_with_every_loss(loss):
    assert stream(EBMClassifier(loss=loss), 150, 25).score(IRIS, SPECIES) >= 0.92


@pytest.mark.parametrize(
    ("energy", "size", "passes"),
    [
        ("linear", 1, 1), ("linear", 5, 2), ("linear", 50, 20), ("mlp", 5, 3), ("mlp", 50, 15),
        ("kernel", 50, 12), ("prototypes", 50, 12),
    ],
)  # fmt: skip
def test_parts_of_any_size_get_somewhere(energy, size, passes):
    """`SGDClassifier` gets .953 right after 60 passes in parts of 50 rows."""
    clf = stream(EBMClassifier(energy, "hinge"), size, passes)
    assert clf.score(IRIS, SPECIES) >= (0.85 if size < 50 else 0.94)


def test_a_solver_by_name_takes_the_steps_that_suit_streams():
    """An object for mini-batches keeps its own rate; a name is no choice of a rate."""
    named, automatic, own = (
        stream(EBMClassifier(solver=solver, random_state=0), 50, 1).coef_
        for solver in ("adam", "auto", Adam(learning_rate=1e-5))
    )
    np.testing.assert_array_equal(named, automatic)
    assert np.abs(own).max() < 1e-4 < np.abs(named).max()


@pytest.mark.parametrize("size", [250, 2000])
def test_a_long_stream_comes_to_rest_at_the_law(size):
    """Rows that never return, of a logistic distribution: the coefficients are those of the
    distribution."""
    rng = np.random.default_rng(1)
    coef = np.array([1.5, -1.0])
    rows = rng.normal(size=(20_000, 2))
    y = (rng.logistic(size=len(rows)) < rows @ coef).astype(int)
    clf = stream(EBMClassifier(), size, 1, rows, y)
    assert np.abs(clf.coef_[0] - coef).max() < 0.12


def test_a_stream_goes_on_from_parameters_that_were_moved():
    """The steps go on from their own last point only while nobody has moved the parameters."""
    clf = stream(EBMClassifier(), 50, 1)
    clf.coef_[:], clf.intercept_[:] = 0, 0
    moved = clf.partial_fit(IRIS[:1], SPECIES[:1]).coef_
    assert np.abs(moved).max() <= 0.1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", ["nll", "perceptron"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_sparse_coefficients_change_nothing(n_classes, loss, dtype):
    rows = IRIS[n_classes > SPECIES].astype(dtype)
    y = SPECIES[n_classes > SPECIES]
    one = stream(EBMClassifier(loss=loss, random_state=0), 20, 1, rows, y)
    two = copy.deepcopy(one).sparsify()
    for clf in (one, two):
        clf.partial_fit(rows[::2], y[::2])
    np.testing.assert_array_equal(one.energies(rows), two.energies(rows))


@pytest.mark.parametrize("loss", ["nll", "perceptron"])
def test_a_tiny_write_is_no_new_start(loss):
    """A new start would take the long first steps, or forget the mean of all parts."""
    clf = stream(EBMClassifier(loss=loss), 5, 2)
    clf.coef_ = clf.coef_ + 1e-9
    before = clf.coef_.copy()
    clf.partial_fit(IRIS[::10], SPECIES[::10])
    assert 0 < np.abs(clf.coef_ - before).max() < 0.03 * np.abs(before).max()


DIGITS, NAMES = load_digits(return_X_y=True)
DIGITS = StandardScaler().fit_transform(DIGITS)


@pytest.mark.parametrize("energy", ENERGIES)
def test_parts_after_a_fit_do_not_undo_it(energy):
    """Small parts of the same distribution: the held-out log loss stays where the fit brought
    it."""
    order = np.random.default_rng(0).permutation(len(NAMES))
    rows, parts, held_out = order[:600], order[600:700].reshape(5, 20), order[700:1200]
    max_iter = 60 if energy == "linear" else 15
    clf = EBMClassifier(energy, "nll", tol=0.05, max_iter=max_iter)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        clf.fit(DIGITS[rows], NAMES[rows])
    before = log_loss(NAMES[held_out], clf.predict_proba(DIGITS[held_out]))
    for part in parts:
        clf.partial_fit(DIGITS[part], NAMES[part])
        after = log_loss(NAMES[held_out], clf.predict_proba(DIGITS[held_out]))
        assert after < 1.03 * before


def test_a_perceptron_after_a_fit_keeps_the_mean_of_its_rows():
    clf = EBMClassifier(loss="perceptron").fit(IRIS, SPECIES)
    before = clf.coef_.copy()
    for first in range(3):
        clf.partial_fit(IRIS[first::50], SPECIES[first::50])
    assert np.abs(clf.coef_ - before).max() < 0.1 * np.abs(before).max()


@pytest.mark.parametrize("loss", ["nll", "perceptron"])
def test_classes_that_no_part_held_are_not_learnt(loss):
    clf = EBMClassifier(loss=loss)
    clf.partial_fit(X[Y == 0], Y[Y == 0], classes=[0, 1, 2])
    assert not clf.coef_.any()
    clf.partial_fit(X[Y < 2], Y[Y < 2])
    assert clf.coef_[:2].any() and not clf.coef_[2].any()
    clf.partial_fit(X, Y)
    assert clf.coef_[2].any()
