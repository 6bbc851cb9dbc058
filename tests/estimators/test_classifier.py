"""EBMClassifier as users meet it: labels, containers, methods, tuning, copies."""

import inspect
import pickle
import re
import subprocess
import sys
import time
import warnings

import joblib
import numpy as np
import pandas
import polars
import pytest
import sklearn
from packaging.version import parse
from scipy import sparse
from scipy.special import logsumexp, softmax
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris, make_classification
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ebm import EBMClassifier, losses
from sklearn_ebm.energies import Linear
from sklearn_ebm.learning.compatibility import suitable_losses
from sklearn_ebm.losses import LOSSES, Hinge, PairwiseLoss, Traits
from sklearn_ebm.solvers import LBFGS

LINEAR = suitable_losses("linear")
X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
TWO = Y != 0
METHODS = (
    "energies", "decision_function", "predict_proba", "predict_log_proba", "free_energy",
    "score_samples", "predict",
)  # fmt: skip


def overlapping(n_rows=200, k=3, seed=0):
    """Classes that no linear energy tells apart, so that losses and margins matter."""
    return make_classification(
        n_rows, 6, n_informative=4, n_classes=k, flip_y=0.2, class_sep=0.7, random_state=seed
    )


def outputs(clf, rows=X):
    return {method: getattr(clf, method)(rows) for method in METHODS}


def assert_same_outputs(first, second, rows=X, other_rows=None, **tolerance):
    other = outputs(second, rows if other_rows is None else other_rows)
    for method, value in outputs(first, rows).items():
        if value.dtype.kind == "f":
            np.testing.assert_allclose(value, other[method], err_msg=method, **tolerance)
        else:
            np.testing.assert_array_equal(value, other[method], err_msg=method)


# Labels and the number of classes


@pytest.mark.parametrize(
    "names",
    [
        np.array(["setosa", "versicolor", "virginica"]),
        np.array(["setosa", "versicolor", "virginica"], dtype=object),
        np.array([-5, 3, 40]),
        np.array([1, 2, 3], dtype=np.int8),
        np.array([7, 8, 9], dtype=np.uint64),
        np.array([-1.0, 0.0, 4.0]),
        np.array([1.0, 2.0, 3.0], dtype=np.float32),
    ],
    ids=lambda names: f"{names.dtype}",
)
def test_labels_of_any_type(names):
    plain, clf = EBMClassifier().fit(X, Y), EBMClassifier().fit(X, names[Y])
    assert clf.classes_.tolist() == names.tolist()
    assert clf.predict(X).dtype == names.dtype
    np.testing.assert_array_equal(clf.predict(X), names[plain.predict(X)])
    np.testing.assert_array_equal(clf.predict_proba(X), plain.predict_proba(X))
    assert clf.score(X, names[Y]) == plain.score(X, Y)


def test_labels_that_are_true_or_false():
    clf = EBMClassifier().fit(X[TWO], Y[TWO] == 2)
    assert clf.classes_.dtype == bool
    assert clf.predict(X[TWO]).dtype == bool
    assert clf.score(X[TWO], Y[TWO] == 2) > 0.9


@pytest.mark.parametrize(
    "column",
    [
        pandas.Series(["a", "b", "c"]).take(Y),
        pandas.Series(["a", "b", "c"], dtype="category").take(Y),
        pandas.Series([1, 2, 3], index=list("pqr")).take(Y),
        polars.Series(["a", "b", "c"])[Y.tolist()],
        ["abc"[label] for label in Y],
        tuple(Y.tolist()),
        Y[:, None],
    ],
    ids=["pandas text", "pandas category", "pandas index", "polars", "list", "tuple", "column"],
)
def test_containers_of_labels(column):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "A column-vector y was passed")
        clf = EBMClassifier().fit(X, column)
    np.testing.assert_array_equal(clf.coef_, EBMClassifier().fit(X, Y).coef_)
    assert set(clf.predict(X)) == set(np.ravel(column).tolist())


def test_thousands_of_classes():
    k = 2000
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(k), 2)
    rows = 3 * rng.normal(size=(k, 12))[y] + 0.1 * rng.normal(size=(2 * k, 12))
    started = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        clf = EBMClassifier(C=100.0, max_iter=3, tol=0.1).fit(rows, y)
    assert time.process_time() - started < 15
    assert clf.coef_.shape == (k, 12)
    assert clf.predict_proba(rows[:5]).shape == (5, k)
    assert clf.score(rows, y) > 0.8


def test_classes_that_appear_in_the_weights_only_count_if_they_weigh():
    """A class all of whose rows weigh nothing keeps its column, as in scikit-learn's checks."""
    weight = (Y != 1).astype(float)
    clf = EBMClassifier(C=10.0).fit(X, Y, weight)
    assert clf.classes_.tolist() == [0, 1, 2]
    assert clf.predict_proba(X).shape == (150, 3)
    assert 1 not in clf.predict(X[Y != 1])


# Containers and types of X


@pytest.mark.parametrize("loss", ["nll", "hinge", "perceptron"])
@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
@pytest.mark.parametrize("kind", ["matrix", "array"])
def test_sparse_is_dense(form, kind, loss):
    thin = np.where(np.abs(X) < 0.5, 0, X)
    other = getattr(sparse, f"{form}_{kind}")(thin)
    dense, clf = (
        EBMClassifier(loss=loss, tol=1e-8, random_state=0).fit(data, Y) for data in (thin, other)
    )
    assert_same_outputs(clf, dense, other, thin, rtol=1e-4, atol=1e-5)
    assert_same_outputs(clf, clf, other, thin, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("library", [pandas, polars])
def test_frames(library):
    frame = library.DataFrame({f"column {j}": X[:, j] for j in range(4)})
    clf = EBMClassifier().fit(frame, Y)
    assert clf.n_features_in_ == 4
    assert_same_outputs(clf, EBMClassifier().fit(X, Y), frame, X, rtol=1e-12)
    if parse(sklearn.__version__) < parse("1.9") and not hasattr(frame, "__dataframe__"):
        pytest.skip("before 1.9, scikit-learn reads names by a protocol that polars 2 left behind")
    assert clf.feature_names_in_.tolist() == [f"column {j}" for j in range(4)]
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        clf.predict(X)


def test_an_array_has_no_names():
    assert not hasattr(EBMClassifier().fit(X, Y), "feature_names_in_")


@pytest.mark.parametrize("loss", LINEAR)
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_float32_stays_float32(loss, container):
    single = container(X.astype(np.float32))
    clf = EBMClassifier(loss=loss).fit(single, Y)
    assert {clf.coef_.dtype, clf.intercept_.dtype} == {np.dtype(np.float32)}
    assert all(value.dtype == np.float32 for value in clf.params_.values())
    for method in METHODS[:-1]:
        assert getattr(clf, method)(single).dtype == np.float32, method
    assert clf.predict(single).dtype == Y.dtype
    double = EBMClassifier(loss=loss).fit(container(X), Y)
    assert double.coef_.dtype == double.predict_proba(container(X)).dtype == np.float64
    assert np.mean(clf.predict(single) == double.predict(container(X))) > 0.95


def test_other_numbers_become_float64():
    for dtype in (np.float16, np.int32, np.uint8, bool, object):
        rows = (X > 0) if dtype is bool else (10 * np.abs(X)).astype(dtype)
        clf = EBMClassifier().fit(rows, Y)
        assert clf.coef_.dtype == np.float64
        assert_same_outputs(clf, EBMClassifier().fit(rows.astype(float), Y), rows, rtol=1e-12)


def test_memory_maps_orders_and_lists(tmp_path):
    path = tmp_path / "X.npy"
    np.save(path, X)
    mapped = np.load(path, mmap_mode="r")
    assert not mapped.flags.writeable
    expected = EBMClassifier().fit(X, Y)
    for rows in (mapped, np.asfortranarray(X), X.tolist(), X[::-1][::-1]):
        assert_same_outputs(EBMClassifier().fit(rows, Y), expected, rows, X, rtol=1e-9)


def test_data_are_left_alone():
    rows, labels, weight = X.copy(), Y.copy(), np.arange(150.0)
    margin = np.ones((3, 3))
    thin = sparse.csr_array(X)
    for data in (rows, thin):
        clf = EBMClassifier(loss="hinge", margin=margin, beta="auto", class_weight="balanced")
        clf.fit(data, labels, weight)
        outputs(clf, data)
    np.testing.assert_array_equal(rows, X)
    np.testing.assert_array_equal(thin.toarray(), X)
    np.testing.assert_array_equal(labels, Y)
    np.testing.assert_array_equal(weight, np.arange(150.0))
    np.testing.assert_array_equal(margin, 1)


# What the methods return


@pytest.mark.parametrize("loss", LINEAR)
@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("beta", [0.3, 4.0])
def test_every_method_is_a_function_of_the_energies(loss, k, beta):
    rows, y = overlapping(120, k)
    names = np.array(["u", "v", "w"])
    clf = EBMClassifier(loss=loss, beta=beta).fit(rows, names[y])
    energies = clf.energies(rows)
    assert energies.shape == (120, k)
    assert clf.beta_ == beta
    np.testing.assert_array_equal(clf.predict(rows), names[energies.argmin(axis=1)])
    np.testing.assert_allclose(clf.predict_proba(rows), softmax(-beta * energies, axis=1))
    np.testing.assert_allclose(
        clf.predict_log_proba(rows),
        np.log(softmax(-beta * energies, axis=1)),
        rtol=1e-6,
        atol=1e-12,
    )
    free = -logsumexp(-beta * energies, axis=1) / beta
    np.testing.assert_allclose(clf.free_energy(rows), free)
    np.testing.assert_array_equal(clf.score_samples(rows), -clf.free_energy(rows))
    decision = clf.decision_function(rows)
    if k == 2:
        assert decision.shape == (120,)
        np.testing.assert_allclose(decision, energies[:, 0] - energies[:, 1])
        np.testing.assert_array_equal(clf.predict(rows) == "v", decision > 0)
        np.testing.assert_allclose(
            decision, rows @ clf.coef_[0] + clf.intercept_[0], rtol=1e-7, atol=1e-9
        )
    else:
        np.testing.assert_array_equal(decision, -energies)
        np.testing.assert_allclose(decision, rows @ clf.coef_.T + clf.intercept_, atol=1e-9)
    assert clf.coef_.shape == ((1, 6) if k == 2 else (3, 6))
    assert clf.intercept_.shape == ((1,) if k == 2 else (3,))
    assert clf.score(rows, names[y]) > 1 / k + 0.08


def test_fitted_attributes():
    clf = EBMClassifier(loss="hinge").fit(X, Y)
    assert clf.n_features_in_ == 4
    assert type(clf.n_iter_) is int
    assert clf.n_iter_ >= 1
    assert clf.loss_curve_.ndim == 1
    assert clf.loss_curve_[-1] < clf.loss_curve_[0]
    assert 0 <= clf.gap_ <= clf.tol
    assert isinstance(clf.energy_, Linear)
    assert isinstance(clf.loss_, Hinge)
    assert EBMClassifier(loss="perceptron").fit(X, Y).gap_ is None
    assert EBMClassifier(loss="mce").fit(X, Y).gap_ is None


def test_log_probabilities_are_finite_where_probabilities_underflow():
    clf = EBMClassifier(loss="hinge", C=100.0, beta=1e4).fit(X, Y)
    assert (clf.predict_proba(X) == 0).any()
    assert np.isfinite(clf.predict_log_proba(X)).all()
    assert (clf.predict_log_proba(X) <= 0).all()


def test_blocks_of_rows_are_joined_in_order():
    rows = np.tile(X, (200, 1))  # 30,000 rows: several blocks
    clf = EBMClassifier().fit(X, Y)
    for method in METHODS:
        once = getattr(clf, method)(X)
        np.testing.assert_array_equal(
            getattr(clf, method)(rows), np.tile(once, (200,) + (1,) * (once.ndim - 1))
        )


def test_without_an_intercept():
    clf = EBMClassifier(fit_intercept=False).fit(X, Y)
    assert clf.intercept_.tolist() == [0, 0, 0]
    np.testing.assert_array_equal(clf.energies(np.zeros((1, 4))), 0)
    energy = EBMClassifier(energy=Linear(fit_intercept=False)).fit(X, Y)
    np.testing.assert_array_equal(energy.coef_, clf.coef_)


# Symmetries


BATCH = [name for name in LINEAR if name != "perceptron"]


@pytest.mark.parametrize("loss", BATCH)
def test_order_of_rows_columns_and_classes(loss):
    rows, y = overlapping(90)
    rng = np.random.default_rng(0)
    plain = EBMClassifier(loss=loss, tol=1e-6).fit(rows, y)
    expected = plain.predict_proba(rows)
    order = rng.permutation(90)
    mixed = EBMClassifier(loss=loss, tol=1e-6).fit(rows[order], y[order])
    np.testing.assert_allclose(mixed.predict_proba(rows), expected, atol=2e-3)
    columns = rng.permutation(6)
    turned = EBMClassifier(loss=loss, tol=1e-6).fit(rows[:, columns], y)
    np.testing.assert_allclose(turned.predict_proba(rows[:, columns]), expected, atol=2e-3)
    np.testing.assert_allclose(turned.coef_, plain.coef_[:, columns], atol=5e-3)
    cycled = EBMClassifier(loss=loss, tol=1e-6).fit(rows, (y + 1) % 3)
    np.testing.assert_allclose(cycled.predict_proba(rows)[:, [1, 2, 0]], expected, atol=2e-3)


@pytest.mark.parametrize("loss", BATCH)
def test_a_weight_is_a_repetition(loss):
    rows, y = overlapping(90)
    weight = np.random.default_rng(0).integers(0, 3, 90)
    twice = np.repeat(np.arange(90), weight)
    clf = EBMClassifier(loss=loss, tol=1e-6).fit(rows, y, weight)
    repeated = EBMClassifier(loss=loss, tol=1e-6).fit(rows[twice], y[twice])
    np.testing.assert_allclose(clf.predict_proba(rows), repeated.predict_proba(rows), atol=1e-3)
    plain = EBMClassifier(loss=loss, tol=1e-6).fit(rows, y)
    assert np.abs(plain.predict_proba(rows) - clf.predict_proba(rows)).max() > 1e-2


@pytest.mark.parametrize("loss", LINEAR)
def test_rows_of_weight_zero_are_not_there(loss):
    weight = (np.arange(150) % 3 > 0).astype(float)
    kept = weight > 0
    first = EBMClassifier(loss=loss, random_state=0).fit(X, Y, weight)
    assert_same_outputs(
        first, EBMClassifier(loss=loss, random_state=0).fit(X[kept], Y[kept]), rtol=1e-9
    )


@pytest.mark.parametrize("loss", LINEAR)
def test_the_same_data_give_the_same_model(loss):
    """Where random_state is a number; the global state plays no part then."""
    clf = EBMClassifier(loss=loss, beta="auto", random_state=0)
    first, second = (clone(clf).fit(X, Y) for _ in range(2))
    assert first.beta_ == second.beta_
    assert_same_outputs(first, second, rtol=0, atol=0)


@pytest.mark.parametrize("part", [False, True], ids=["fit", "partial_fit"])
def test_the_default_seed_is_0_and_none_draws_anew(part):
    rows, y = overlapping()

    def coef(**settings):
        clf = EBMClassifier(loss="perceptron", **settings)
        return (clf.partial_fit(rows, y, classes=np.unique(y)) if part else clf.fit(rows, y)).coef_

    np.testing.assert_array_equal(coef(), coef())
    np.testing.assert_array_equal(coef(), coef(random_state=0))
    assert not np.array_equal(coef(random_state=None), coef(random_state=None))


def test_random_state():
    rows, y = overlapping()
    coefs = [
        EBMClassifier(loss="perceptron", random_state=seed).fit(rows, y).coef_
        for seed in (0, 1, np.random.RandomState(0), np.random.RandomState(1))
    ]
    np.testing.assert_array_equal(coefs[0], coefs[2])
    np.testing.assert_array_equal(coefs[1], coefs[3])
    assert not np.array_equal(coefs[0], coefs[1])


def test_the_perceptron_has_no_penalty():
    rows, y = overlapping()
    coefs = [
        EBMClassifier(loss="perceptron", C=C, random_state=0).fit(rows, y).coef_
        for C in (1e-6, 1e6)
    ]
    np.testing.assert_array_equal(*coefs)


# Parameters


@pytest.mark.parametrize("loss", ["nll", "hinge"])
def test_a_warm_start_continues(loss):
    rows, y = overlapping()
    cold = EBMClassifier(loss=loss, solver="lbfgs").fit(rows, y)
    warm = clone(cold).set_params(warm_start=True).fit(rows, y)
    assert warm.n_iter_ == cold.n_iter_ > 5
    np.testing.assert_array_equal(warm.coef_, cold.coef_)
    warm.fit(rows, y)
    assert warm.n_iter_ < cold.n_iter_ / (2 if loss == "nll" else 1)
    np.testing.assert_allclose(warm.predict_proba(rows), cold.predict_proba(rows), atol=1e-2)
    again = cold.fit(rows, y)
    np.testing.assert_array_equal(again.coef_, clone(cold).fit(rows, y).coef_)


def test_a_fit_that_stops_short_says_what_to_change():
    rows, y = overlapping(3000)
    clf = EBMClassifier(solver="lbfgs", max_iter=2)
    message = "stopped short of tol=0.0001.*after 2 iterations.*Raise max_iter=2 or tol, or scale"
    with pytest.warns(ConvergenceWarning, match=message):
        clf.fit(rows, y)
    assert clf.n_iter_ == 2
    assert clf.gap_ > clf.tol


@pytest.mark.parametrize("loss", ["nll", "hinge", "square_square"])
@pytest.mark.parametrize("n_rows", [100, 3000])
@pytest.mark.parametrize("max_iter", [1, 3, 10])
def test_a_fit_warns_if_and_only_if_its_gap_is_open(loss, n_rows, max_iter):
    rows, y = overlapping(n_rows)
    clf = EBMClassifier(loss=loss, solver="lbfgs", max_iter=max_iter, tol=1e-3)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        clf.fit(rows, y)
    assert bool(caught) == (clf.gap_ is None or clf.gap_ > clf.tol)


@pytest.mark.parametrize("solver", ["lbfgs", "newton", LBFGS(memory=3)])
def test_solvers(solver):
    clf = EBMClassifier(solver=solver, tol=1e-8).fit(X, Y)
    expected = EBMClassifier(tol=1e-8).fit(X, Y)
    np.testing.assert_allclose(clf.predict_proba(X), expected.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize("name", [name for name in LINEAR if LOSSES.accepts(name, "contrast")])
def test_all_wrong_answers_or_the_hardest(name):
    rows, y = overlapping(k=4)
    one, every = (
        EBMClassifier(loss=LOSSES[name](contrast=contrast)).fit(rows, y)
        for contrast in ("hardest", "all")
    )
    assert np.abs(one.predict_proba(rows) - every.predict_proba(rows)).max() > 0.02
    pair = y < 2  # with one wrong answer the two are the same
    one, every = (
        EBMClassifier(loss=LOSSES[name](contrast=contrast), tol=1e-8).fit(rows[pair], y[pair])
        for contrast in ("hardest", "all")
    )
    np.testing.assert_allclose(
        one.predict_proba(rows), every.predict_proba(rows), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("name", [name for name in LINEAR if LOSSES.accepts(name, "margin")])
def test_margin_by_name_and_by_object(name):
    rows, y = overlapping()
    wide, named, default, one = (
        EBMClassifier(**parameters).fit(rows, y)
        for parameters in (
            {"loss": LOSSES[name](margin=3.0)},
            {"loss": name, "margin": 3.0},
            {"loss": name},
            {"loss": name, "margin": np.full((3, 3), LOSSES[name]().margin)},
        )
    )
    np.testing.assert_array_equal(wide.coef_, named.coef_)
    assert np.abs(wide.coef_ - default.coef_).max() > 1e-2
    np.testing.assert_allclose(one.coef_, default.coef_, atol=2e-2)


def test_a_table_of_margins_changes_which_mistakes_are_made():
    rows, y = overlapping(400)
    costly = np.ones((3, 3))
    costly[0, 1:] = 10.0  # to take a 0 for anything else
    equal, careful = (
        EBMClassifier(loss="hinge", margin=margin).fit(rows, y).predict(rows)
        for margin in (1.0, costly)
    )
    missed = [np.mean(answer[y == 0] != 0) for answer in (equal, careful)]
    false = [np.mean(answer[y != 0] == 0) for answer in (equal, careful)]
    assert missed[1] < 0.8 * missed[0]
    assert false[1] > false[0]


def test_class_weight():
    rows, y = overlapping(300, k=2)
    plain, heavy = (
        EBMClassifier(class_weight=weight).fit(rows, y).predict(rows) for weight in (None, {1: 10})
    )
    assert heavy.sum() > plain.sum()
    by_rows = EBMClassifier().fit(rows, y, np.where(y == 1, 10.0, 1.0))
    np.testing.assert_array_equal(by_rows.predict(rows), heavy)


def test_one_weight_for_all_rows():
    np.testing.assert_allclose(
        EBMClassifier(tol=1e-10).fit(X, Y, 2.0).coef_,
        EBMClassifier(tol=1e-10, C=2.0).fit(X, Y).coef_,
        rtol=1e-4, atol=1e-6,
    )  # fmt: skip


def test_verbose_logs_one_line(caplog):
    with caplog.at_level("INFO", logger="sklearn_ebm"):
        EBMClassifier(loss="hinge", verbose=1).fit(X, Y)
        EBMClassifier(loss="hinge").fit(X, Y)
    assert len(caplog.records) == 1
    assert re.match(
        r"Energy linear learned with loss hinge: \d+ iterations, objective [\d.]+, gap",
        caplog.records[0].getMessage(),
    )


class SquaredHinge(PairwiseLoss):
    """([m + F(y) − F(ȳ)]⁺)², as a user would write it."""

    traits = Traits(convex=True)

    def __init__(self, margin=1.0, contrast="hardest"):
        self.margin = margin
        self.contrast = contrast

    def pair(self, right, offending, temperature):
        violation = np.maximum(right - offending, 0)
        return violation**2, 2 * violation, -2 * violation


@pytest.mark.parametrize("contrast", ["hardest", "all"])
def test_your_own_loss(contrast):
    rows, y = overlapping()
    clf = EBMClassifier(loss=SquaredHinge(contrast=contrast), beta="auto").fit(rows, y)
    assert clf.score(rows, y) > 0.5
    assert clf.gap_ is None  # it gives no conjugate
    search = GridSearchCV(
        EBMClassifier(loss=SquaredHinge(contrast=contrast)),
        {"loss__margin": [0.5, 4]},
        scoring="neg_log_loss",
        cv=2,
    ).fit(rows, y)
    assert np.ptp(search.cv_results_["mean_test_score"]) > 1e-3
    pair = y < 2
    reference = EBMClassifier(loss=SquaredHinge(contrast=contrast), tol=1e-8)
    reference.fit(rows[pair], y[pair])
    from sklearn.svm import LinearSVC  # the same objective for two classes

    svm = LinearSVC(tol=1e-8, max_iter=100_000, intercept_scaling=1e3, dual=False)
    svm.fit(rows[pair], y[pair])
    np.testing.assert_allclose(reference.coef_, svm.coef_, atol=0.02)


# In scikit-learn's tools


def test_the_grid_of_the_readme():
    rows, y = overlapping(120)
    search = GridSearchCV(
        EBMClassifier(loss="hinge"),
        {"margin": [0.5, 1, 2], "beta": [0.3, 1, 3]},
        scoring="neg_log_loss",
        cv=3,
    ).fit(rows, y)
    scores = search.cv_results_["mean_test_score"].reshape(3, 3)
    beta, margin = (search.cv_results_[f"param_{name}"] for name in ("beta", "margin"))
    assert set(beta[:3]) == {0.3} and set(margin[:3]) == {0.5, 1, 2}
    assert (np.ptp(scores, axis=0) > 1e-3).all()  # β changes the log-loss
    assert (np.ptp(scores, axis=1) > 1e-3).all()  # and so does the margin
    predicted = [EBMClassifier(loss="hinge", beta=b).fit(rows, y).predict(rows) for b in (0.3, 3)]
    np.testing.assert_array_equal(*predicted)  # β leaves the answers alone
    predicted = [EBMClassifier(loss="hinge", margin=m).fit(rows, y).predict(rows) for m in (0.1, 9)]
    assert (predicted[0] != predicted[1]).any()  # the margin does not
    # Accuracy cannot choose β.
    by_accuracy = GridSearchCV(EBMClassifier(loss="hinge"), {"beta": [0.3, 1, 3]}, cv=3)
    assert np.ptp(by_accuracy.fit(rows, y).cv_results_["mean_test_score"]) == 0


def test_the_grid_over_an_object():
    rows, y = overlapping(120)
    search = GridSearchCV(EBMClassifier(loss=losses.Hinge()), {"loss__margin": [0.5, 1, 2]}, cv=3)
    search.fit(rows, y)
    assert search.best_estimator_.loss.margin == search.best_params_["loss__margin"]
    coefs = [
        EBMClassifier(loss=losses.Hinge()).set_params(loss__margin=m).fit(rows, y).coef_
        for m in (0.5, 2)
    ]
    assert np.abs(coefs[0] - coefs[1]).max() > 1e-2


def test_a_grid_over_losses_and_their_parts():
    rows, y = overlapping(90)
    grid = [
        {"loss": ["nll", "log"], "C": [0.1, 1.0]},
        {"loss": [losses.Hinge()], "loss__contrast": ["hardest", "all"]},
    ]
    search = GridSearchCV(EBMClassifier(), grid, cv=2, scoring="neg_log_loss").fit(rows, y)
    assert len(set(search.cv_results_["mean_test_score"])) == 6


def test_the_pipeline_of_the_readme():
    clf = make_pipeline(StandardScaler(), EBMClassifier(loss="hinge", margin=1.0, beta="auto"))
    clf.fit(1e3 * X + 7, Y)
    assert clf.score(1e3 * X + 7, Y) > 0.95
    assert log_loss(Y, clf.predict_proba(1e3 * X + 7)) < 0.15


@pytest.mark.parametrize("loss", ["nll", "hinge", "perceptron"])
def test_tools_of_scikit_learn(loss):
    clf = EBMClassifier(loss=loss, random_state=0)
    assert cross_val_score(clf, X, Y, cv=3).mean() > 0.8
    calibrated = CalibratedClassifierCV(clf, cv=3).fit(X, Y)
    assert log_loss(Y, calibrated.predict_proba(X)) < 0.5
    voting = VotingClassifier(
        [("a", clf), ("b", EBMClassifier(random_state=0))], voting="soft"
    ).fit(X, Y)
    mean = (
        clone(clf).fit(X, Y).predict_proba(X)
        + EBMClassifier(random_state=0).fit(X, Y).predict_proba(X)
    ) / 2
    np.testing.assert_allclose(voting.predict_proba(X), mean)
    one_rest = OneVsRestClassifier(clf).fit(X, Y)
    assert len(one_rest.estimators_) == 3
    assert one_rest.score(X, Y) > 0.8
    log_probability = cross_val_predict(clf, X, Y, cv=3, method="predict_log_proba")
    assert np.isfinite(log_probability).all()


def test_weights_are_routed():
    import sklearn

    with sklearn.config_context(enable_metadata_routing=True):
        clf = EBMClassifier().set_fit_request(sample_weight=True)
        pipe = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), clf)
        weight = np.where(Y == 2, 5.0, 1.0)
        pipe.fit(X, Y, sample_weight=weight)
    np.testing.assert_allclose(
        pipe[-1].coef_, EBMClassifier().fit(StandardScaler().fit_transform(X), Y, weight).coef_
    )


@pytest.mark.parametrize("loss", ["hinge", "perceptron"])
def test_fits_side_by_side(loss):
    """Threads share the parts of a model, so a part that kept state would show."""
    shared = EBMClassifier(loss=LOSSES[loss](), random_state=0)
    data = [overlapping(80, seed=seed) for seed in range(6)]
    one_by_one = [clone(shared).fit(*pair).coef_ for pair in data]
    for backend in ("threading", "loky"):
        together = joblib.Parallel(n_jobs=2, backend=backend)(
            joblib.delayed(EBMClassifier(loss=shared.loss, random_state=0).fit)(*pair)
            for pair in data
        )
        for expected, clf in zip(one_by_one, together, strict=True):
            np.testing.assert_array_equal(clf.coef_, expected)


# Copies


def test_clone_and_parameters():
    clf = EBMClassifier(loss=losses.Hinge(margin=2.0), C=3.0, solver=LBFGS(memory=5)).fit(X, Y)
    copy = clone(clf)
    assert not [name for name in vars(copy) if name.endswith("_")]
    assert copy.loss is not clf.loss
    assert copy.get_params()["loss__margin"] == 2.0
    assert copy.get_params()["solver__memory"] == 5
    copy.set_params(loss__margin=4.0, C=1.0)
    assert (clf.loss.margin, clf.C) == (2.0, 3.0)
    assert EBMClassifier().get_params() == {
        name: parameter.default
        for name, parameter in inspect.signature(EBMClassifier).parameters.items()
    }


def test_a_name_and_its_parameter_may_be_set_together():
    clf = EBMClassifier(loss="hinge").set_params(loss=losses.Hinge(), loss__margin=3.0)
    assert clf.loss.margin == 3.0


@pytest.mark.parametrize("loss", LINEAR)
def test_fit_does_not_change_parameters(loss):
    part = LOSSES[loss]()
    clf = EBMClassifier(loss=part, energy=Linear())
    before = {name: repr(value) for name, value in clf.get_params().items()}
    clf.fit(X, Y)
    assert {name: repr(value) for name, value in clf.get_params().items()} == before
    assert vars(part) == vars(LOSSES[loss]())
    assert clf.fit(X, Y) is clf


def test_pickle_holds_no_training_data():
    rows, y = overlapping(20_000)
    clf = EBMClassifier(loss="hinge", beta="auto", tol=1e-2).fit(rows, y)
    stored = pickle.dumps(clf)
    assert len(stored) < 20_000 < rows.nbytes
    assert_same_outputs(pickle.loads(stored), clf, rows, rtol=0)


def test_a_pickle_predicts_in_a_new_process(tmp_path):
    clf = EBMClassifier(loss="hinge").fit(X, Y)
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps((clf, X)))
    script = (
        "import pickle, sys; clf, X = pickle.load(open(sys.argv[1], 'rb')); "
        "print(clf.predict_proba(X).sum(axis=0).tolist())"
    )
    printed = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    ).stdout
    np.testing.assert_allclose(np.array(eval(printed)), clf.predict_proba(X).sum(axis=0))


@pytest.mark.parametrize("loss", LINEAR)
def test_the_state_is_arrays_numbers_and_parts(loss):
    """Nothing that skops or another safe format could not store: no closures, no lambdas."""
    clf = EBMClassifier(loss=loss, beta="auto").fit(X, Y)

    def check(value, name):
        if isinstance(value, BaseEstimator):
            assert type(value).__module__.startswith("sklearn_ebm.")
            for inner, part in vars(value).items():
                check(part, f"{name}.{inner}")
        elif isinstance(value, dict):
            for inner, part in value.items():
                assert isinstance(inner, str)
                check(part, f"{name}[{inner}]")
        elif isinstance(value, tuple):
            for part in value:
                check(part, name)
        elif isinstance(value, np.ndarray):
            assert value.dtype != object, name
        else:
            assert type(value) in (int, float, str, bool, type(None)), (name, type(value))

    for name, value in vars(clf).items():
        check(value, name)


# The look of it


def test_representations():
    clf = EBMClassifier(loss=losses.Hinge(margin=2.0), C=3.0)
    assert repr(clf) == "EBMClassifier(C=3.0, loss=Hinge(margin=2.0))"
    for estimator in (clf, clone(clf).fit(X, Y)):
        assert "EBMClassifier" in estimator._repr_html_()
    assert {"energies", "free_energy", "predict_proba"} <= set(dir(clf))


def documented(docstring, section):
    """Names in a section of a numpydoc docstring, in order."""
    text = inspect.cleandoc(docstring)
    body = re.search(rf"^{section}\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", text, re.S | re.M).group(1)
    names = re.findall(r"^(\*{0,2}\w+) :", body, re.M)
    return [name.lstrip("*") for name in names]


@pytest.mark.parametrize(
    "function",
    [EBMClassifier, *(getattr(EBMClassifier, name) for name in (*METHODS, "fit", "set_params"))],
    ids=lambda function: function.__name__,
)
def test_docstrings_name_every_parameter(function):
    parameters = [name for name in inspect.signature(function).parameters if name != "self"]
    assert documented(function.__doc__, "Parameters") == parameters


@pytest.mark.parametrize("energy", ["linear", "kernel"])
@pytest.mark.parametrize("name", LINEAR)
def test_no_iterations_leave_the_start_where_no_class_is_likelier(name, energy):
    """Templates start at zero, so every energy is 0 and every probability 1/k."""
    for y, k in ((Y, 3), (Y == 2, 2)):
        with pytest.warns(ConvergenceWarning, match="after 0 iterations") as told:
            clf = EBMClassifier(energy, name, max_iter=0).fit(X, y)
        assert len(told) == 1  # and not that the surface has collapsed
        assert clf.n_iter_ == 0
        assert clf.gap_ is None
        assert clf.loss_curve_.shape == (1,)
        np.testing.assert_array_equal(clf.energies(X), 0)
        np.testing.assert_allclose(clf.predict_proba(X), 1 / k)


def test_no_iterations_after_a_warm_start_change_nothing():
    clf = EBMClassifier(warm_start=True).fit(X, Y)
    before = clf.coef_.copy()
    with pytest.warns(ConvergenceWarning, match="after 0 iterations"):
        clf.set_params(max_iter=0, C=0.1).fit(X, Y)
    np.testing.assert_allclose(clf.coef_, before, rtol=1e-12)


def test_docstring_names_every_attribute():
    frame = pandas.DataFrame(X, columns=list("abcd"))
    clf = EBMClassifier().fit(frame, Y, X_val=frame, y_val=Y)
    fitted = {name for name in vars(clf) if name.endswith("_") and not name.startswith("_")}
    of_prototypes = {"prototypes_", "metric_"}
    assert set(documented(EBMClassifier.__doc__, "Attributes")) - of_prototypes == fitted


def test_signature_is_the_one_of_the_design():
    parameters = inspect.signature(EBMClassifier).parameters
    assert list(parameters) == [
        "energy", "loss", "margin", "beta", "C", "fit_intercept", "class_weight", "solver",
        "max_iter", "tol", "early_stopping", "validation_fraction", "n_iter_no_change",
        "warm_start", "random_state", "n_jobs", "verbose", "negatives", "n_negatives",
    ]  # fmt: skip
    by_position = [p.name for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert by_position == ["energy", "loss"]
