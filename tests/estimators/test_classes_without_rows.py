"""Classes of which no row counts: they keep their place, are not learned, and never predicted."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from sklearn_ebm import EBMClassifier, EBMClassifierCV
from sklearn_ebm.energies import ENERGIES, MLP, RBM, Kernel, Prototypes
from sklearn_ebm.learning.compatibility import suitable_losses
from sklearn_ebm.losses import LOSSES, Hinge
from sklearn_ebm.losses._among import Among

OBJECTS = {
    "linear": ENERGIES["linear"](),
    "kernel": Kernel(n_components=20),
    "mlp": MLP((5,)),
    "prototypes": Prototypes(n_prototypes=2),
    "rbm": RBM(50),
}

# Fits are short.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn_ebm.exceptions.CollapseWarning"),
]

RNG = np.random.RandomState(0)
Y = np.arange(48) % 4
X = RNG.normal(size=(4, 3))[Y] + RNG.normal(size=(48, 3))
FAR = np.array([[1e3, -1e3, 1e3], [-1e200, 1e200, 0.0]])
WEIGHT = RNG.uniform(0.5, 2.0, len(Y))
COMBINATIONS = [(energy, loss) for energy in ENERGIES for loss in suitable_losses(energy)]


def without(*absent):
    """Row weights that leave some classes out."""
    return np.where(np.isin(Y, absent), 0.0, WEIGHT)


def classifier(energy, loss="nll", **settings):
    settings = {"max_iter": 15, "tol": 1e-3, "random_state": 0, **settings}
    return EBMClassifier(OBJECTS[energy], loss, **settings)


def never_predicted(model, *absent):
    """The class has a column, and nothing in it."""
    np.testing.assert_array_equal(model.classes_, np.arange(4))
    rows = np.concatenate([X, 10 * X])
    assert not np.isin(model.predict(rows), absent).any()
    assert (model.predict_proba(rows)[:, absent] == 0).all()
    np.testing.assert_allclose(model.predict_proba(rows).sum(axis=1), 1, rtol=1e-12)
    assert (model.predict_log_proba(rows)[:, absent] == -np.inf).all()
    assert (model.energies(rows)[:, absent] == np.inf).all()
    decisions = model.decision_function(rows)
    assert np.isfinite(decisions).all()
    np.testing.assert_array_equal(decisions.argmax(axis=1), model.predict(rows))
    assert np.isfinite(model.free_energy(rows)).all()


def test_quick_settings_for_every_energy():
    assert set(OBJECTS) == set(ENERGIES)


@pytest.mark.parametrize(("energy", "loss"), COMBINATIONS)
def test_one_of_four_classes_without_rows(energy, loss):
    """What is learned is what the rows that count say alone."""
    weight, counts = without(1), Y != 1
    model = classifier(energy, loss).fit(X, Y, weight)
    never_predicted(model, 1)
    if energy not in ("mlp", "rbm"):  # its first weights are random, and more of them draw others
        alone = classifier(energy, loss).fit(X[counts], Y[counts], weight[counts])
        np.testing.assert_allclose(
            model.energies(X)[:, [0, 2, 3]], alone.energies(X), rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize(("energy", "loss"), COMBINATIONS)
def test_one_class_with_rows(energy, loss):
    """It is always predicted, whatever the number of classes, and nothing is to be learned."""
    never_predicted(classifier(energy, loss, beta="auto").fit(X, Y, without(0, 1, 3)), 0, 1, 3)
    model = classifier(energy, loss).fit(X, Y > 1, without(0, 1))
    assert model.classes_.tolist() == [False, True]
    assert model.predict(X).all()
    np.testing.assert_array_equal(model.predict_proba(X), np.tile([0.0, 1.0], (len(X), 1)))
    assert np.isfinite(model.decision_function(X)).all() and (model.decision_function(X) > 0).all()


def test_penalty_is_that_of_all_classes():
    """As in `LogisticRegression`, where C goes with the classes that there are."""
    weight = without(3, 1)
    one = EBMClassifier(tol=1e-9).fit(X, Y, weight)
    other = LogisticRegression(tol=1e-12, max_iter=10_000).fit(X, Y, weight)
    assert one.coef_.shape == other.coef_.shape
    np.testing.assert_allclose(one.coef_, other.coef_, atol=2e-3)
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), atol=2e-3)


def test_margins_of_pairs():
    """Those of a class without rows play no part."""
    table = RNG.uniform(0.5, 2.0, (4, 4))
    counts, rest = Y != 1, [0, 2, 3]
    model = EBMClassifier(loss="hinge", margin=table).fit(X, Y, without(1))
    alone = EBMClassifier(loss=Hinge(table[np.ix_(rest, rest)]))
    alone.fit(X[counts], Y[counts], WEIGHT[counts])
    np.testing.assert_allclose(model.coef_[rest], alone.coef_, atol=1e-3)


@pytest.mark.parametrize("energy", ENERGIES)
def test_ways_to_have_no_rows(energy):
    """By weights of classes, in a stream, with rows held out, in a search, with a chosen β."""
    never_predicted(classifier(energy, class_weight={2: 0.0}).fit(X, Y), 2)
    never_predicted(classifier(energy, class_weight="balanced").fit(X, Y, without(2)), 2)
    never_predicted(classifier(energy, beta="auto").fit(X, Y, without(2)), 2)
    never_predicted(classifier(energy, early_stopping=True).fit(X, Y, without(2)), 2)
    held_out = classifier(energy, early_stopping=True, beta="auto")
    never_predicted(held_out.fit(X, Y, without(2), X_val=X, y_val=Y), 2)
    assert np.isfinite(held_out.validation_loss_curve_).all() and held_out.beta_ > 0
    search = EBMClassifierCV(OBJECTS[energy], ["nll"], Cs=[1.0], cv=2, max_iter=15)
    never_predicted(search.fit(X, Y, without(2)), 2)
    assert np.isfinite(search.best_score_) and np.isfinite(search.beta_)


@pytest.mark.parametrize("energy", ENERGIES)
def test_held_out_rows_of_the_class_do_not_count(energy):
    """A class that cannot be predicted has no finite loss."""
    rows = Y != 2
    one = classifier(energy).fit(X, Y, without(2), X_val=X, y_val=Y)
    other = classifier(energy).fit(X, Y, without(2), X_val=X[rows], y_val=Y[rows])
    np.testing.assert_allclose(one.validation_loss_curve_, other.validation_loss_curve_)
    with pytest.raises(ValueError, match=r"hold no row of a class that is learned.*pass rows"):
        classifier(energy).fit(X, Y, without(2), X_val=X[~rows], y_val=Y[~rows])


@pytest.mark.parametrize("energy", [name for name in ENERGIES if name != "prototypes"])
def test_class_that_comes_later_in_a_stream(energy):
    """It is not predicted before it was seen; a part without it does not take it away."""
    early = Y < 3
    model = EBMClassifier(OBJECTS[energy]).partial_fit(X[early], Y[early], classes=np.arange(4))
    never_predicted(model, 3)
    model.partial_fit(X, Y, sample_weight=without(3))
    never_predicted(model, 3)
    model.partial_fit(X, Y)
    assert (model.predict_proba(X)[:, 3] > 0).all()
    model.partial_fit(X[early], Y[early])
    assert (model.predict_proba(X)[:, 3] > 0).all()


@pytest.mark.parametrize("energy", ENERGIES)
def test_stream_and_warm_start_go_on_with_the_class(energy):
    """From a fit in which it had no rows."""
    model = classifier(energy, warm_start=True).fit(X, Y, without(3))
    model.partial_fit(X, Y)
    assert np.isfinite(model.energies(X)).all()
    assert (model.predict_proba(X)[:, 3] > 0).all()
    model.fit(X, Y, without(3))
    never_predicted(model, 3)
    model.fit(X, Y)
    assert np.isfinite(model.energies(X)).all()
    assert (model.predict_proba(X)[:, 3] > 0).all() and (model.predict(X) == 3).any()


@pytest.mark.parametrize("energy", ENERGIES)
def test_pickles_know_it(energy):
    model = classifier(energy).fit(X, Y, without(1))
    never_predicted(pickle.loads(pickle.dumps(model)), 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_far_rows(dtype):
    """The largest decisions fit into the dtype; rows whose energies overflow take a class seen."""
    model = EBMClassifier("linear").fit(X.astype(dtype), Y > 1, without(0, 1))
    assert (
        model.predict_proba(X.astype(dtype)).dtype == model.energies(X.astype(dtype)).dtype == dtype
    )
    assert model.decision_function(X.astype(dtype)).dtype == dtype
    assert model.predict(FAR).all()
    three = EBMClassifier("linear").fit(X, Y, without(0))
    assert (three.predict(FAR) != 0).all()


@pytest.mark.parametrize("energy", ENERGIES)
def test_bagging_with_a_rare_class(energy):
    """Some bootstrap samples have none of its rows."""
    y = np.where(np.arange(len(Y)) == 7, 1, 0)
    model = BaggingClassifier(classifier(energy), n_estimators=6, random_state=0).fit(X, y)
    assert model.predict_proba(X).shape == (len(X), 2)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-12)


def test_decisions_are_ranked_and_calibrated():
    """By those who refuse infinite numbers."""
    model = EBMClassifier().fit(X, Y > 1, without(0, 1))
    assert roc_auc_score(Y > 1, model.decision_function(X)) == 0.5
    calibrated = CalibratedClassifierCV(EBMClassifier(), cv=2)
    assert np.isfinite(calibrated.fit(X, Y > 1, without(0, 1)).predict_proba(X)).all()


def test_labels_of_one_class_are_refused():
    """The labels themselves must be of two classes, in all rows and in the parts of a search."""
    with pytest.raises(ValueError, match=r"^y holds one class only, 3; a classifier needs"):
        EBMClassifier().fit(X, np.full(len(X), 3))
    search = EBMClassifierCV(losses=["nll"], Cs=[1.0], cv=2).fit(X, Y > 1, without(0, 1))
    assert search.predict(X).all()


def test_no_sparse_start_for_classes_without_rows():
    """Where many sparse columns would be started by liblinear, which cannot leave a class out."""
    rng = np.random.RandomState(0)
    wide = sparse.random(60, 400, 0.1, format="csr", random_state=rng)
    y = np.arange(60) % 4
    counts = y != 2
    for loss in ("hinge", "nll"):
        model = EBMClassifier(loss=loss, tol=1e-2).fit(wide, y, counts.astype(float))
        alone = EBMClassifier(loss=loss, tol=1e-2).fit(wide[counts], y[counts])
        assert model.gap_ <= 1e-2 and alone.gap_ <= 1e-2
        assert np.mean(model.predict(wide) == alone.predict(wide)) > 0.95


@pytest.mark.parametrize("loss", LOSSES)
def test_among_all_answers_is_the_loss_itself(loss):
    part = LOSSES[loss]()
    assert Among.of(part, np.ones(3, dtype=bool)) is part


@pytest.mark.parametrize("loss", LOSSES)
def test_among_some_answers(loss):
    """Value, slope and curvature are those without the other columns; smoothed, too."""
    part, seen = LOSSES[loss](), np.array([True, False, True, True])
    among = Among.of(part, seen)
    energies, correct = RNG.uniform(0.1, 2, (5, 4)), np.eye(4, dtype=bool)[[0, 2, 3, 3, 2]]
    for one, other in ((among, part), (among.smoothed(0.1), part.smoothed(0.1))):
        value, slope = one(energies, correct)
        expected, rest = other(energies[:, seen], correct[:, seen])
        np.testing.assert_array_equal(value, expected)
        np.testing.assert_array_equal(slope[:, seen], rest)
        assert (slope[:, ~seen] == 0).all()
        if other.curvature is not None:
            bend = one.curvature(energies, correct).matrices()
            rest = other.curvature(energies[:, seen], correct[:, seen]).matrices()
            np.testing.assert_array_equal(bend[:, seen][:, :, seen], rest)
            assert (bend[:, ~seen] == 0).all() and (bend[:, :, ~seen] == 0).all()
    assert (among.traits.convex, among.traits.fixes_level, among.traits.online) == (
        part.traits.convex,
        part.traits.fixes_level,
        part.traits.online,
    )
    assert among._total_push_only is part._total_push_only
    assert among.margin == getattr(part, "margin", 0.0)
    for array in among(energies.astype(np.float32), correct):
        assert array.dtype == np.float32


def test_margins_of_pairs_among_some_answers_are_theirs():
    margin = np.arange(16.0).reshape(4, 4)
    seen = np.array([True, False, True, True])
    among = Among.of(Hinge(margin=margin), seen)
    assert among.margin.tolist() == [[0, 2, 3], [8, 10, 11], [12, 14, 15]]
    # The last answer is right: 14 + 1 − 3 for the third, and 12 + 1 − 2 for the first.
    value, slope = among(np.array([[2.0, -50.0, 3.0, 1.0]]), np.eye(4, dtype=bool)[[3]])
    assert value.tolist() == [12] and slope.tolist() == [[0, 0, -1, 1]]
