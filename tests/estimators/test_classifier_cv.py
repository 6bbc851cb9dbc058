"""EBMClassifierCV: the scores of a grid search, with fewer fits."""

import inspect
import pickle
import re

import numpy as np
import pandas
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import accuracy_score, get_scorer, log_loss, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    StratifiedGroupKFold,
    StratifiedKFold,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ebm import EBMClassifier, EBMClassifierCV, losses
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.estimators import _grid as _search
from sklearn_ebm.estimators._parts import resolve_parts
from sklearn_ebm.exceptions import CollapseWarning
from sklearn_ebm.learning.learn import learn
from sklearn_ebm.learning.temperature_scaling import fit_beta
from sklearn_ebm.losses import NLL, Hinge, Simple

METHODS = (
    "energies", "decision_function", "predict_proba", "predict_log_proba", "free_energy",
    "score_samples", "predict",
)  # fmt: skip
FOLDS = StratifiedKFold(3, shuffle=True, random_state=0)


def overlapping(k=3, n_rows=90, seed=0):
    return make_classification(
        n_rows, 5, n_informative=4, n_redundant=0, n_classes=k, n_clusters_per_class=1,
        flip_y=0.2, class_sep=0.7, random_state=seed,
    )  # fmt: skip


X, Y = overlapping()
TWO = overlapping(2)


def grid_of(losses, **axes):
    """What GridSearchCV takes for the same points: one grid for each loss, with its margins."""
    return [
        {"loss": [loss]} | {
            name: [None] if name == "margin" and loss in ("nll", "log", "mee") else values
            for name, values in axes.items()
        }
        for loss in losses
    ]  # fmt: skip


# The scores are those of a grid search


AXES = {"margin": [0.5, 2.0], "beta": [0.5, 2.0], "C": [0.01, 1.0]}
SCORINGS = {
    2: ("neg_log_loss", "accuracy", "neg_brier_score", "roc_auc", "average_precision"),
    3: ("neg_log_loss", "accuracy", "f1_macro", "roc_auc_ovr"),
}


def labelled(k):
    rows, y = overlapping(k, 60)
    return rows, y if k == 2 else np.array(["no", "yes", "maybe"])[y]


@pytest.fixture(scope="module")
def searches():
    """What GridSearchCV says of the same points, by number of classes."""
    return {
        k: GridSearchCV(
            EBMClassifier(tol=1e-6), grid_of(["hinge", "nll"], **AXES), cv=FOLDS,
            scoring={name: name for name in scorings}, refit=False,
        ).fit(*labelled(k))
        for k, scorings in SCORINGS.items()
    }  # fmt: skip


@pytest.mark.parametrize(
    ("k", "scoring"), [(k, name) for k, scorings in SCORINGS.items() for name in scorings]
)
def test_scores_are_those_of_a_grid_search(searches, k, scoring):
    rows, y = labelled(k)
    theirs = searches[k].cv_results_
    clf = EBMClassifierCV(
        losses=["hinge", "nll"], margins=AXES["margin"], betas=AXES["beta"], Cs=AXES["C"],
        cv=FOLDS, scoring=scoring, tol=1e-6,
    ).fit(rows, y)  # fmt: skip
    ours = clf.cv_results_
    assert ours["params"] == theirs["params"]
    for name in ("loss", "margin", "beta", "C"):
        assert ours[f"param_{name}"].tolist() == theirs[f"param_{name}"].tolist()
        assert isinstance(ours[f"param_{name}"], np.ma.MaskedArray)
    for name in ("mean_test", "std_test", "split0_test", "split1_test", "split2_test"):
        np.testing.assert_allclose(ours[f"{name}_score"], theirs[f"{name}_{scoring}"], atol=2e-6)
    assert {name.replace(f"_{scoring}", "_score") for name in theirs} >= set(ours) - {"fitted_beta"}
    # nll ties with itself where C times β is the same; rounding decides between such points.
    rank = theirs[f"rank_test_{scoring}"]
    assert theirs[f"mean_test_{scoring}"][clf.best_index_] == pytest.approx(
        theirs[f"mean_test_{scoring}"].max(), abs=2e-6
    )
    if scoring in ("accuracy", "f1_macro"):
        np.testing.assert_array_equal(ours["rank_test_score"], rank)
        assert clf.best_params_ == theirs["params"][rank.argmin()]
    same = EBMClassifier(tol=1e-6).set_params(**clf.best_params_).fit(rows, y)
    np.testing.assert_allclose(clf.predict_proba(rows), same.predict_proba(rows), atol=1e-9)
    assert clf.score(rows, y) == pytest.approx(get_scorer(scoring)(same, rows, y), abs=1e-9)


def test_no_scoring_is_accuracy():
    none, accuracy = (
        EBMClassifierCV(losses=["nll"], Cs=2, cv=3, scoring=scoring).fit(X, Y)
        for scoring in (None, "accuracy")
    )
    np.testing.assert_array_equal(none.scores_, accuracy.scores_)
    assert none.score(X, Y) == accuracy_score(Y, none.predict(X))


def test_the_order_of_Cs_is_the_users():  # noqa: N802
    axes = {"margin": [None], "beta": [1.0], "C": [1.0, 0.01, np.inf]}
    theirs = GridSearchCV(
        EBMClassifier(tol=1e-9), grid_of(["nll"], **axes), cv=FOLDS, scoring="neg_log_loss"
    ).fit(X, Y)
    ours = EBMClassifierCV(
        losses=["nll"], betas=[1.0], Cs=(1.0, 0.01, np.inf), cv=FOLDS, tol=1e-9
    ).fit(X, Y)
    np.testing.assert_allclose(
        ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], atol=1e-6
    )
    assert ours.best_params_ == theirs.best_params_
    assert ours.cv_results_["rank_test_score"].tolist() == list(
        theirs.cv_results_["rank_test_score"]
    )


@pytest.mark.parametrize("loss", ["mce", "mee", "perceptron"])
def test_losses_whose_answer_could_depend_on_the_start(loss):
    axes = {"margin": [None], "beta": [0.5, 2.0], "C": [0.01, 1.0]}
    theirs = GridSearchCV(
        EBMClassifier(tol=1e-6, random_state=0),
        {"loss": [loss]} | axes,
        cv=FOLDS,
        scoring="neg_log_loss",
    ).fit(X, Y)
    ours = EBMClassifierCV(
        losses=[loss], betas=axes["beta"], Cs=axes["C"], cv=FOLDS, tol=1e-6, random_state=0
    ).fit(X, Y)
    np.testing.assert_allclose(
        ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], atol=2e-5
    )


def test_class_weights_are_those_of_the_training_rows():
    rows, y = X[20:], Y[20:]
    weighted = {"class_weight": "balanced", "tol": 1e-9}
    theirs = GridSearchCV(
        EBMClassifier(**weighted), {"C": [0.1, 1.0]}, cv=FOLDS, scoring="neg_log_loss"
    ).fit(rows, y)
    ours = EBMClassifierCV(losses=["nll"], betas=[1.0], Cs=[0.1, 1.0], cv=FOLDS, **weighted)
    np.testing.assert_allclose(
        ours.fit(rows, y).cv_results_["mean_test_score"],
        theirs.cv_results_["mean_test_score"], atol=1e-6,
    )  # fmt: skip


# β


def test_beta_auto_is_that_of_all_held_out_energies():
    clf = EBMClassifierCV(losses=["hinge"], Cs=[0.1], cv=FOLDS, tol=1e-7).fit(X, Y)
    energies, labels = [], []
    for kept, held_out in FOLDS.split(X, Y):
        model = EBMClassifier(loss="hinge", C=0.1, tol=1e-7).fit(X[kept], Y[kept])
        energies.append(model.energies(X[held_out]))
        labels.append(Y[held_out])
    beta = fit_beta(np.concatenate(energies), np.concatenate(labels), np.ones(90))
    assert clf.beta_ == clf.best_estimator_.beta_ == pytest.approx(beta, rel=1e-4)
    assert clf.cv_results_["fitted_beta"] == pytest.approx([beta], rel=1e-4)
    assert clf.best_params_["beta"] == clf.best_estimator_.beta == "auto"
    by_hand = EBMClassifier(loss="hinge", C=0.1, tol=1e-7, beta=clf.beta_).fit(X, Y)
    np.testing.assert_allclose(clf.predict_proba(X), by_hand.predict_proba(X), atol=1e-7)


def test_beta_auto_is_at_least_as_good_as_any_number():
    clf = EBMClassifierCV(losses=["hinge"], Cs=[0.1], betas=[0.5, "auto", 3.0, 9.0], cv=FOLDS)
    clf.fit(X, Y)
    assert clf.best_params_["beta"] == "auto"
    assert clf.betas_ == [0.5, "auto", 3.0, 9.0]
    assert clf.cv_results_["fitted_beta"][[0, 2, 3]].tolist() == [0.5, 3.0, 9.0]


@pytest.mark.parametrize(
    ("settings", "n_paths"),
    [
        ({"losses": ["hinge"], "betas": [0.5, 1.0, 2.0]}, 1),
        ({"losses": ["hinge"], "betas": ["auto", 2.0]}, 1),
        ({"losses": ["hinge", "log"], "margins": [0.5, 1.0], "betas": [1.0, 2.0]}, 3),
        ({"losses": ["nll"], "betas": [0.5, 1.0, 2.0]}, 3),  # it learns at β
        ({"losses": [NLL()], "betas": [0.5, 1.0, 2.0]}, 1),  # an object keeps its own
        ({"losses": [Hinge(0.5), Hinge(2.0)], "betas": [1.0, 2.0]}, 2),
    ],
)
def test_each_loss_margin_and_C_is_learnt_once_in_each_fold(  # noqa: N802
    monkeypatch, settings, n_paths
):
    calls = []

    def counted(*arguments, **keywords):
        calls.append(keywords["C"])
        return learn(*arguments, **keywords)

    monkeypatch.setattr(_search, "learn", counted)
    clf = EBMClassifierCV(Cs=[1.0, 0.1], cv=3, **settings).fit(X, Y)
    assert calls == [0.1, 1.0] * n_paths * 3
    assert len(clf.paths_) == n_paths


def test_a_perceptron_has_no_penalty_and_is_learnt_once(monkeypatch):
    calls = []

    def counted(*arguments, **keywords):
        calls.append(keywords["start"])
        return learn(*arguments, **keywords)

    monkeypatch.setattr(_search, "learn", counted)
    clf = EBMClassifierCV(losses=["nll", "perceptron"], Cs=3, cv=2, max_iter=500).fit(X, Y)
    assert len(calls) == 2 * (3 + 1)
    assert calls[3] is None
    assert np.ptp(clf.scores_[:, -3:], axis=1).tolist() == [0, 0]


@pytest.mark.parametrize("loss", ["nll", "square_square"])
def test_a_path_takes_fewer_iterations_than_cold_starts(loss):
    rows, y = overlapping(2, 400)
    Cs = np.logspace(-4, 4, 8)
    clf = EBMClassifierCV(losses=[loss], Cs=Cs, cv=2).fit(rows, y)
    cold = 0
    parts = resolve_parts("linear", loss, "auto", margin=None, beta=1.0, fit_intercept=True)
    for kept, _ in StratifiedKFold(2).split(rows, y):
        for C in Cs:
            cold += learn(
                *parts, Rows(rows[kept], y[kept], np.ones(200)), n_answers=2, C=C, tol=1e-4,
                max_iter=10_000, start=None, rng=np.random.RandomState(0),
            ).n_iter  # fmt: skip
    assert clf.n_iter_.sum() < 0.7 * cold


# Folds, weights, scorers


def test_results_do_not_depend_on_n_jobs():
    one, two = (
        EBMClassifierCV(margins=[0.5, 1.0], Cs=3, cv=3, n_jobs=n_jobs).fit(X, Y)
        for n_jobs in (None, 2)
    )
    np.testing.assert_allclose(one.scores_, two.scores_, rtol=1e-10)
    np.testing.assert_allclose(one.coef_, two.coef_, rtol=1e-10)
    assert one.best_params_ == two.best_params_


def test_a_weight_is_a_repetition():
    weight = np.random.default_rng(0).integers(0, 3, 90)
    again = np.repeat(np.arange(90), weight)
    fold = np.arange(90) % 3
    settings = {"losses": ["hinge", "nll"], "betas": [1.0, "auto"], "Cs": [0.1, 1.0], "tol": 1e-8}
    by_weight = EBMClassifierCV(
        cv=[(fold != f, fold == f) for f in range(3)], **settings
    ).fit(X, Y, weight)  # fmt: skip
    by_rows = EBMClassifierCV(
        cv=[(fold[again] != f, fold[again] == f) for f in range(3)], **settings
    ).fit(X[again], Y[again])
    np.testing.assert_allclose(by_weight.scores_, by_rows.scores_, atol=1e-6)
    np.testing.assert_allclose(by_weight.predict_proba(X), by_rows.predict_proba(X), atol=1e-6)
    assert by_weight.score(X, Y, weight) == pytest.approx(by_rows.score(X[again], Y[again]))


def test_a_scorer_without_weights_does_not_get_them():
    def share(y_true, y_pred):
        return np.mean(y_true == y_pred)

    weight = np.random.default_rng(0).uniform(0.5, 2, 90)
    settings = {"losses": ["nll"], "Cs": 2, "cv": 3}
    ours = EBMClassifierCV(scoring=make_scorer(share), **settings).fit(X, Y, weight)
    weighted = EBMClassifierCV(scoring="accuracy", **settings).fit(X, Y, weight)
    assert (ours.scores_ != weighted.scores_).any()
    assert ours.score(X, Y, weight) == accuracy_score(Y, ours.predict(X))


@pytest.mark.parametrize("scoring", ["accuracy", "neg_log_loss"])
def test_a_scorer_that_asks_for_no_weights_does_not_get_them(scoring):
    """A weight of 0 takes a row out of the score, unless the scorer does not want weights."""
    weight = np.where(np.arange(len(Y)) % 3, 1.0, 0.0)
    scores = {}
    for asks in (True, False):
        with config_context(enable_metadata_routing=True):
            scorer = get_scorer(scoring).set_score_request(sample_weight=asks)
            clf = EBMClassifierCV(losses=["nll"], betas=[1.0], Cs=[1.0], cv=FOLDS, scoring=scorer)
            clf.fit(X, Y, sample_weight=weight)
            scores[asks] = clf.scores_[0, 0], clf.score(X, Y, weight)
    plain = get_scorer(scoring)
    kept, held_out = next(FOLDS.split(X, Y))
    model = EBMClassifier().fit(X[kept], Y[kept], weight[kept])
    for asks, (of_fold, of_all) in scores.items():
        given = {"sample_weight": weight} if asks else {}
        in_fold = {name: value[held_out] for name, value in given.items()}
        expected = plain(model, X[held_out], Y[held_out], **in_fold)
        np.testing.assert_allclose(of_fold, expected, atol=1e-3)
        np.testing.assert_allclose(of_all, plain(clf, X, Y, **given))
    assert not np.allclose(scores[True], scores[False], atol=1e-2)


def test_a_callable_scorer_may_look_at_X_and_predict_other_rows():  # noqa: N802
    """Energies are known for the held-out rows only; for any others they are computed."""

    def scorer(model, rows, y):
        half = rows[: len(rows) // 2]
        np.testing.assert_allclose(
            model.predict_proba(rows)[: len(half)], model.predict_proba(half)
        )
        np.testing.assert_allclose(model.energies(rows), model.energies(rows.copy()))
        assert rows.shape[1] == 5
        return -log_loss(y, model.predict_proba(rows))

    settings = {"losses": ["hinge"], "Cs": 2, "cv": 3, "betas": [1.0, 2.0]}
    ours = EBMClassifierCV(scoring=scorer, **settings).fit(X, Y)
    np.testing.assert_allclose(ours.scores_, EBMClassifierCV(**settings).fit(X, Y).scores_)


def test_a_fold_without_rows_of_a_class():
    """All classes are known from y: log-loss can be asked for in each fold."""
    rows = np.concatenate([X[Y < 2][:40], X[Y == 2][:1]])
    y = np.concatenate([Y[Y < 2][:40], [2]])
    clf = EBMClassifierCV(losses=["nll"], Cs=[0.1, 1.0], betas=[1.0], cv=KFold(4)).fit(rows, y)
    assert np.isfinite(clf.scores_).all()
    assert clf.predict_proba(rows).shape == (41, 3)
    # In the last fold the third class was never seen, so that row costs much.
    assert (clf.scores_[-1] < clf.scores_[:-1].min(axis=0)).all()
    balanced = clone(clf).set_params(class_weight={0: 1.0, 2: 3.0, 1: 1.0})
    assert np.isfinite(balanced.fit(rows, y).scores_).all()
    assert np.isfinite(balanced.set_params(class_weight="balanced").fit(rows, y).scores_).all()


def test_one_row_at_a_time():
    rows, y = TWO[0][:8], TWO[1][:8]
    clf = EBMClassifierCV(losses=["hinge"], Cs=2, cv=LeaveOneOut()).fit(rows, y)
    assert clf.n_splits_ == 8
    assert clf.scores_.shape == (8, 2)


def test_a_score_that_is_not_a_number_is_the_worst():
    def scorer(model, rows, y):
        return np.nan if model.C == 1.0 else 1.0

    clf = EBMClassifierCV(losses=["nll"], Cs=[1.0, 2.0], scoring=scorer, cv=2)
    with pytest.warns(UserWarning, match="non-finite"):
        clf.fit(X, Y)
    assert clf.best_params_["C"] == 2.0
    assert clf.cv_results_["rank_test_score"].tolist() == [2, 1]


# As an estimator


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array, sparse.csc_matrix])
def test_containers_and_single_precision(container):
    single = container(X.astype(np.float32))
    # With a much smaller C all rows violate the margin, and the intercepts are not unique.
    settings = {"losses": ["hinge"], "Cs": (0.01, 1.0, 100.0), "cv": 3}
    clf = EBMClassifierCV(**settings).fit(single, Y)
    double = EBMClassifierCV(**settings).fit(X, Y)
    assert clf.coef_.dtype == clf.predict_proba(single).dtype == np.float32
    np.testing.assert_allclose(clf.scores_, double.scores_, atol=1e-3)


def test_methods_are_those_of_the_best_model():
    frame = pandas.DataFrame(X, columns=list("abcde"))
    clf = EBMClassifierCV(Cs=2, cv=2).fit(frame, np.array(["p", "q", "r"])[Y])
    for method in METHODS:
        np.testing.assert_array_equal(
            getattr(clf, method)(frame), getattr(clf.best_estimator_, method)(frame)
        )
    assert clf.feature_names_in_.tolist() == list("abcde")
    assert set(clf.predict(frame)) == {"p", "q", "r"}
    copy = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(copy.predict_proba(frame), clf.predict_proba(frame))
    assert not [name for name in vars(clone(clf)) if name.endswith("_")]


def test_in_a_pipeline_and_with_parts():
    pipe = make_pipeline(StandardScaler(), EBMClassifierCV(losses=[Simple()], Cs=2, cv=2))
    pipe.fit(X, Y)
    assert pipe[-1].loss_.get_params() == Simple().get_params()
    assert pipe.score(X, Y) == -log_loss(Y, pipe.predict_proba(X))
    with pytest.raises(ValueError, match="solver__memory cannot be set while solver='auto'"):
        pipe.set_params(ebmclassifiercv__solver__memory=3)


@pytest.mark.parametrize(("k", "n_columns"), [(2, 1), (3, 3)])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_shapes_of_attributes(k, n_columns, fit_intercept):
    rows, y = overlapping(k)
    clf = EBMClassifierCV(
        losses=["hinge", "nll"], margins=[1.0, 2.0], betas=[1.0, 2.0], Cs=3, cv=2,
        fit_intercept=fit_intercept,
    ).fit(rows, y)  # fmt: skip
    assert clf.scores_.shape == (2, 3 * (2 * 2 + 2))
    assert clf.n_iter_.shape == (2, 4, 3)
    assert clf.coefs_paths_.shape == (2, 4, 3, n_columns, 5 + fit_intercept)
    assert clf.coef_.shape == (n_columns, 5)
    np.testing.assert_allclose(clf.Cs_, [1e-4, 1.0, 1e4])
    assert [path["loss"] for path in clf.paths_] == ["hinge", "hinge", "nll", "nll"]
    assert [path.get("beta") for path in clf.paths_] == [None, None, 1.0, 2.0]
    assert isinstance(clf.C_, float) and clf.C_ == clf.best_params_["C"]
    assert clf.cv_results_["params"][clf.best_index_] is clf.best_params_
    # The path of a fold is what a fit on its training rows finds.
    kept, _ = next(StratifiedKFold(2).split(rows, y))
    model = EBMClassifier(loss="hinge", margin=2.0, fit_intercept=fit_intercept)
    np.testing.assert_allclose(
        clf.coefs_paths_[0, 1, 1, :, :5], model.fit(rows[kept], y[kept]).coef_, atol=1e-2
    )


def test_without_a_refit():
    clf = EBMClassifierCV(Cs=2, cv=2).fit(X, Y)
    clf.set_params(refit=False).fit(X, Y)
    assert clf.best_params_["C"] in clf.Cs_
    message = "refit=False, so it has no model to predict with; fit it with refit=True"
    for method in METHODS:
        with pytest.raises(NotFittedError, match=message):
            getattr(clf, method)(X)
    with pytest.raises(NotFittedError, match=message):
        clf.score(X, Y)
    assert {"coef_", "params_", "best_estimator_"} & set(vars(clf)) == set()


@pytest.mark.parametrize("method", METHODS)
def test_not_fitted(method):
    with pytest.raises(NotFittedError, match="This EBMClassifierCV instance is not fitted yet"):
        getattr(EBMClassifierCV(), method)(X)


def test_one_warning_for_all_fits_that_stopped_short():
    clf = EBMClassifierCV(losses=["hinge"], Cs=2, cv=2, max_iter=1, tol=1e-9)
    with pytest.warns(ConvergenceWarning, match=r"in 5 of 5 fits. Raise max_iter or tol") as caught:
        clf.fit(*overlapping(2, 6000))
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_a_best_model_that_learnt_nothing():
    with pytest.warns(CollapseWarning, match="answers are equal") as caught:
        EBMClassifierCV(losses=["hinge"], betas=[1.0], Cs=[1.0], cv=2).fit(0 * X, np.arange(90) % 3)
    assert caught[0].filename == __file__


def test_verbose_logs_one_line(caplog):
    with caplog.at_level("INFO", logger="sklearn_ebm"):
        EBMClassifierCV(losses=["hinge"], betas=[1.0, 2.0], Cs=2, cv=3, verbose=1).fit(X, Y)
    assert len(caplog.records) == 1
    assert re.match(
        r"7 fits in 3 folds for 4 points; the best, score -[\d.]+: {'C'",
        caplog.records[0].getMessage(),
    )


# What cannot be done: (parameters, changes of the data, message)
BAD = {
    "one loss": ({"losses": "hinge"}, {}, r"losses='hinge' must be a list of at least one"),
    "no losses": ({"losses": []}, {}, r"losses=\[\] must be a list of at least one, such as"),
    "unknown loss": ({"losses": ["hing"]}, {}, "Did you mean 'hinge'"),
    "unsuitable loss": ({"losses": ["lvq2"]}, {}, "cannot be minimised with energy 'linear'"),
    "margins of none": (
        {"losses": ["nll", Hinge()], "margins": [1.0]}, {},
        r"margins are for losses given by name that have one \(hinge, .*leave margins=None",
    ),
    "one margin": ({"margins": 1.0}, {}, r"margins=1.0 must be a list of at least one"),
    "negative margin": ({"margins": [-1.0]}, {}, "margin=-1.0 of Hinge must be a finite number"),
    "margins of too few pairs": ({"margins": [np.ones((2, 2))]}, {}, "3 classes need one margin"),
    "beta of zero": ({"betas": [1.0, 0]}, {}, r"betas\[1\]=0 must be a positive finite number\.$"),
    "betas as text": ({"betas": "all"}, {}, "betas holds 'all'; use positive numbers or 'auto'"),
    "one beta": ({"betas": 1.0}, {}, r"betas=1.0 must be a list of at least one"),
    "negative C": ({"Cs": [1.0, -1]}, {}, r"Cs\[1\]=-1 must be a positive number or inf\.$"),
    "no Cs": ({"Cs": 0}, {}, "Cs=0 must be a whole number of at least 1"),
    "Cs as text": ({"Cs": "many"}, {}, "Cs='many' must be a list of at least one"),
    "tol": ({"tol": -1}, {}, "tol=-1 must be a positive finite number"),
    "max_iter": ({"max_iter": -1}, {}, "max_iter=-1 must be a whole number"),
    "solver": ({"solver": "lbgfs"}, {}, "Did you mean 'lbfgs'"),
    "several scores": (
        {"scoring": ["accuracy", "roc_auc"]}, {}, "must be one scorer, by name or as a callable",
    ),
    "unknown score": ({"scoring": "log"}, {}, "'log' is not a valid scoring value"),
    "no folds": ({"cv": []}, {}, r"cv=\[\] gives no folds; use a number of folds, such as cv=5"),
    "one class": ({}, {"y": np.zeros(90)}, "one class only"),
    "one class in the training part": (
        {"cv": [(Y == 0, Y != 0)]}, {},
        "the training part of fold 0 holds one class only.*at least two classes",
    ),
    "negative weight": ({}, {"sample_weight": -np.ones(90)}, "weights must be zero or positive"),
    "held-out rows without weight": (
        {"cv": [(np.arange(80), np.arange(80, 90))]}, {"sample_weight": np.arange(90) < 80},
        "Sample weights are all zero: at least one weight of the held-out rows of fold 0",
    ),
    "training rows without weight": (
        {"cv": [(np.arange(80, 90), np.arange(80))]}, {"sample_weight": np.arange(90) < 80},
        "all zero: at least one weight in the training part of fold 0",
    ),
    "NaN in X": ({}, {"X": np.full((90, 5), np.nan)}, "Input X contains NaN"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_bad_input_has_one_clear_sentence_and_changes_nothing(what):
    parameters, changes, message = BAD[what]
    clf = EBMClassifierCV(losses=["hinge"], Cs=1, cv=2).fit(X, Y)
    clf.set_params(**parameters)
    before = {name: id(value) for name, value in vars(clf).items()}
    with pytest.raises(ValueError, match=f"(?s){message}"):
        clf.fit(**({"X": X, "y": Y} | changes))
    assert {name: id(value) for name, value in vars(clf).items()} == before


# The look of it


def documented(docstring, section):
    """Names in a section of a numpydoc docstring, in order."""
    text = inspect.cleandoc(docstring)
    body = re.search(rf"^{section}\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", text, re.S | re.M).group(1)
    return [name.lstrip("*") for name in re.findall(r"^(\*{0,2}\w+) :", body, re.M)]


@pytest.mark.parametrize(
    "function",
    [
        EBMClassifierCV,
        *(getattr(EBMClassifierCV, name) for name in (*METHODS, "fit", "score", "set_params")),
    ],
    ids=lambda function: function.__name__,
)
def test_docstrings_name_every_parameter(function):
    parameters = [name for name in inspect.signature(function).parameters if name != "self"]
    assert documented(function.__doc__, "Parameters") == parameters


def test_docstring_names_every_attribute():
    clf = EBMClassifierCV(Cs=1, cv=2).fit(pandas.DataFrame(X, columns=list("abcde")), Y)
    fitted = {name for name in vars(clf) if name.endswith("_") and not name.startswith("_")}
    of_best = {"coef_", "intercept_"}  # properties, which ask the best estimator
    assert set(documented(EBMClassifierCV.__doc__, "Attributes")) == fitted | of_best
    assert all(getattr(clf, name) is not None for name in of_best)


def test_representations():
    assert repr(EBMClassifierCV(Cs=3)) == "EBMClassifierCV(Cs=3)"
    assert "best_estimator_" in vars(EBMClassifierCV(losses=[losses.NLL()], Cs=1, cv=2).fit(X, Y))


# Scores that are no numbers, and groups


def scored_by(scores):
    """A scorer that gives each C its score."""
    return lambda model, X, y: scores[model.C]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("order", [[0.1, 1.0], [1.0, 0.1]])
def test_points_without_a_finite_score_are_never_chosen(order, bad):
    scoring = scored_by({0.1: bad, 1.0: -5.0})
    clf = EBMClassifierCV(losses=["nll"], betas=[1.0], Cs=order, cv=2, scoring=scoring)
    with pytest.warns(UserWarning, match="One or more of the test scores are non-finite"):
        clf.fit(X, Y)
    assert clf.best_params_["C"] == 1.0 and clf.best_score_ == -5.0
    ranks = dict(zip(clf.cv_results_["param_C"], clf.cv_results_["rank_test_score"], strict=True))
    assert ranks == {1.0: 1, 0.1: 2}


def test_a_score_that_is_nan_in_one_fold_is_no_score():
    seen = []

    def scoring(model, X, y):
        seen.append(model.C)
        return np.nan if model.C == 0.1 and len(seen) > 2 else 0.9 - model.C / 2

    clf = EBMClassifierCV(losses=["nll"], betas=[1.0], Cs=[0.1, 1.0], cv=2, scoring=scoring)
    with pytest.warns(UserWarning, match="non-finite"):
        assert clf.fit(X, Y).best_params_["C"] == 1.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_where_no_score_is_finite_there_is_no_best(bad):
    clf = EBMClassifierCV(losses=["nll"], Cs=[0.1, 1.0], cv=2, scoring=lambda model, X, y: bad)
    with pytest.raises(ValueError, match="No point of the grid has a finite score"):
        clf.fit(X, Y)
    assert "classes_" not in vars(clf)


@pytest.mark.parametrize("score", [None, "good", [1.0, 2.0], 1j])
def test_scores_that_are_no_numbers_are_refused(score):
    clf = EBMClassifierCV(losses=["nll"], Cs=[1.0], cv=2, scoring=lambda model, X, y: score)
    with pytest.raises(ValueError, match="scoring must return a number, but"):
        clf.fit(X, Y)


@pytest.mark.parametrize("score", [np.float32(0.5), np.array(0.5), 1])
def test_scores_may_be_numbers_of_any_kind(score):
    clf = EBMClassifierCV(losses=["nll"], Cs=[1.0], cv=2, scoring=lambda model, X, y: score)
    assert clf.fit(X, Y).best_score_ == float(score)


GROUPS = np.arange(len(Y)) % 3


@pytest.mark.parametrize("routing", [False, True])
def test_groups_reach_the_splitter(routing):
    """As in a grid search; a group is in one fold only."""
    with config_context(enable_metadata_routing=routing):
        clf = EBMClassifierCV(losses=["nll"], betas=[1.0], Cs=[1.0], cv=LeaveOneGroupOut())
        clf.fit(X, Y, groups=GROUPS)
        search = GridSearchCV(
            EBMClassifier(), {"C": [1.0]}, cv=LeaveOneGroupOut(), scoring="neg_log_loss"
        ).fit(X, Y, groups=GROUPS)
    assert clf.n_splits_ == 3
    np.testing.assert_allclose(clf.best_score_, search.best_score_, atol=1e-6)


@pytest.mark.parametrize("cv", [LeaveOneGroupOut(), GroupKFold(2), StratifiedGroupKFold(2)])
def test_groups_that_are_missing_or_too_few_are_refused(cv):
    clf = EBMClassifierCV(losses=["nll"], Cs=[1.0], cv=cv)
    with pytest.raises(ValueError, match=r"^cv=.*Group.* needs the group of each sample: pass gr"):
        clf.fit(X, Y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        clf.fit(X, Y, groups=GROUPS[:5])


def test_groups_are_routed_through_others():
    """Without a request: the splitter asks for them, as in scikit-learn's own searches."""
    with config_context(enable_metadata_routing=True):
        clf = EBMClassifierCV(losses=["nll"], Cs=[1.0], cv=GroupKFold(2))
        scores = cross_validate(clf, X, Y, cv=GroupKFold(3), params={"groups": GROUPS})
        weighted = clf.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        same = cross_validate(
            weighted, X, Y, cv=GroupKFold(3),
            params={"groups": GROUPS, "sample_weight": np.ones(len(Y))},
        )  # fmt: skip
    np.testing.assert_allclose(scores["test_score"], same["test_score"], atol=1e-9)


def test_groups_pass_through_a_pipeline():
    clf = EBMClassifierCV(losses=["nll"], Cs=[1.0], cv=GroupKFold(2))
    alone = clone(clf).fit(StandardScaler().fit_transform(X), Y, groups=GROUPS)
    pipeline = make_pipeline(StandardScaler(), clf)
    by_name = clone(pipeline).fit(X, Y, ebmclassifiercv__groups=GROUPS)
    with config_context(enable_metadata_routing=True):
        routed = clone(pipeline).fit(X, Y, groups=GROUPS)
    for model in (by_name, routed):
        np.testing.assert_array_equal(model[-1].scores_, alone.scores_)
    shuffled = clone(clf).fit(X, Y, groups=np.roll(GROUPS, 1) // 2)
    assert shuffled.best_score_ != alone.best_score_
