"""Learning that is watched, stopped, interrupted, and gone on with."""

import re
import sys
import types
import warnings

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ebm import EBMClassifier, _callbacks, _progress
from sklearn_ebm._learning import Start

X, Y = make_classification(400, 20, n_informative=6, n_classes=3, random_state=0, flip_y=0.2)
callbacks = pytest.importorskip("sklearn.callback") if _callbacks.FRAMES else None
needs_callbacks = pytest.mark.skipif(callbacks is None, reason="scikit-learn before 1.9")

SOLVERS = ("auto", "lbfgs", "newton")


# Held-out rows


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("loss", ["nll", "hinge"])
def test_held_out_rows_are_recorded_and_change_nothing(solver, loss):
    plain = EBMClassifier(loss=loss, solver=solver).fit(X[:300], Y[:300])
    watched = EBMClassifier(loss=loss, solver=solver)
    watched.fit(X[:300], Y[:300], X_val=X[300:], y_val=Y[300:])
    np.testing.assert_array_equal(watched.coef_, plain.coef_)
    assert len(watched.validation_loss_curve_) >= watched.n_iter_ > 0
    assert "validation_loss_curve_" not in vars(plain)


def test_the_held_out_loss_by_hand():
    weight = np.linspace(0.5, 2, 100)
    clf = EBMClassifier(tol=1e-10).fit(
        X[:300], Y[:300], X_val=X[300:], y_val=Y[300:], sample_weight_val=weight
    )
    losses = -clf.predict_log_proba(X[300:])[np.arange(100), Y[300:]]
    last = np.average(losses, weights=weight)
    np.testing.assert_allclose(clf.validation_loss_curve_[-1], last, rtol=1e-6)


def test_early_stopping_keeps_the_best_parameters():
    noise = np.random.RandomState(0).normal(size=(400, 150))
    wide = np.hstack([X, noise])
    clf = EBMClassifier(C=1e6, early_stopping=True, n_iter_no_change=3, solver="lbfgs")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.fit(wide[:200], Y[:200], X_val=wide[200:], y_val=Y[200:])
    curve = clf.validation_loss_curve_
    assert len(curve) == curve.argmin() + 4
    losses = -clf.predict_log_proba(wide[200:])[np.arange(200), Y[200:]]
    np.testing.assert_allclose(losses.mean(), curve.min(), rtol=1e-6)
    assert clf.gap_ is None
    whole = EBMClassifier(C=1e6, solver="lbfgs", max_iter=500).fit(wide[:200], Y[:200])
    assert clf.n_iter_ < whole.n_iter_


def test_early_stopping_holds_out_rows_of_each_class():
    clf = EBMClassifier(early_stopping=True, validation_fraction=0.25, random_state=0).fit(X, Y)
    assert len(clf.validation_loss_curve_) > 0
    again = EBMClassifier(early_stopping=True, validation_fraction=0.25, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(clf.coef_, again.coef_)


def test_held_out_rows_choose_beta():
    clf = EBMClassifier(loss="hinge", beta="auto").fit(
        X[:300], Y[:300], X_val=X[300:], y_val=Y[300:]
    )
    best = clf.beta_

    def held_out(beta):
        clf.beta_ = beta
        return -clf.predict_log_proba(X[300:])[np.arange(100), Y[300:]].mean()

    assert held_out(best) < min(held_out(0.9 * best), held_out(1.1 * best))


@pytest.mark.parametrize(
    ("parameters", "keywords", "message"),
    [
        ({}, {"X_val": X}, "X_val and y_val belong together"),
        ({}, {"y_val": Y}, "X_val and y_val belong together"),
        ({}, {"X_val": X[:2], "y_val": [0, 7]}, "y_val holds the label 7, which is not one of"),
        ({}, {"X_val": X[:2, :3], "y_val": [0, 1]}, "features"),
        ({"early_stopping": True, "validation_fraction": 1.5}, {}, "validation_fraction=1.5 must"),
        ({"early_stopping": True, "validation_fraction": 0.001}, {}, "cannot hold out a row of"),
        ({"early_stopping": True, "n_iter_no_change": 0}, {}, "n_iter_no_change=0 must be"),
    ],
)
def test_bad_held_out_rows(parameters, keywords, message):
    clf = EBMClassifier(**parameters)
    before = dict(vars(clf))
    with pytest.raises(ValueError, match=message):
        clf.fit(X, Y, **keywords)
    assert vars(clf) == before


def test_a_class_of_one_row_cannot_be_held_out():
    with pytest.raises(ValueError, match="class 2 has one row; pass X_val and y_val"):
        EBMClassifier(early_stopping=True).fit(X[:50], np.r_[2, np.arange(49) % 2])


def test_rows_held_out_in_a_pipeline_are_transformed():
    from sklearn import config_context

    pipeline = make_pipeline
    from sklearn.pipeline import Pipeline

    with config_context(enable_metadata_routing=True):
        last = EBMClassifier().set_fit_request(X_val=True, y_val=True)
        pipeline = Pipeline([("scale", StandardScaler()), ("ebm", last)], transform_input=["X_val"])
        pipeline.fit(100 * X[:300], Y[:300], X_val=100 * X[300:], y_val=Y[300:])
    losses = -pipeline.predict_log_proba(100 * X[300:])[np.arange(100), Y[300:]]
    np.testing.assert_allclose(losses.mean(), pipeline[-1].validation_loss_curve_[-1], rtol=1e-3)


# Callbacks


class Recorder:
    """Notes what it is told, and asks to stop after some iterations."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.tasks = []
        self.scores = []

    def setup(self, estimator, context):
        self.tasks.append("setup")

    def teardown(self, estimator, context):
        self.tasks.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.tasks.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        self.tasks.append(f"end {context.task_name}")
        if context.task_name == "iteration":
            self.scores.append(fitted_estimator.score(X, y))
        return self.stop_after is not None and len(self.scores) >= self.stop_after


@needs_callbacks
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("loss", ["nll", "hinge", "mee"])
def test_callbacks_see_every_iteration(solver, loss):
    if (solver, loss) == ("newton", "mee"):
        pytest.skip("mee has no curvature")
    recorder = Recorder()
    clf = EBMClassifier(loss=loss, solver=solver).set_callbacks(recorder).fit(X, Y)
    assert recorder.tasks[:2] == ["setup", "begin fit"]
    assert recorder.tasks[-2:] == ["end fit", "teardown"]
    assert recorder.tasks[2:-2] == ["begin iteration", "end iteration"] * len(recorder.scores)
    assert len(recorder.scores) >= clf.n_iter_
    assert recorder.scores[-1] == pytest.approx(clf.score(X, Y), abs=0.02)


@needs_callbacks
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("loss", ["nll", "hinge"])
def test_a_request_to_stop_is_honoured(solver, loss):
    recorder = Recorder(stop_after=2)
    clf = EBMClassifier(loss=loss, solver=solver, tol=1e-12).set_callbacks(recorder).fit(X, Y)
    assert clf.n_iter_ == len(recorder.scores) == 2
    assert clf.predict(X).shape == Y.shape


@needs_callbacks
def test_callbacks_of_scikit_learn_in_a_grid_search_of_pipelines(capsys):
    pytest.importorskip("rich")
    monitor = callbacks.ScoringMonitor(scoring="neg_log_loss")
    pipeline = make_pipeline(StandardScaler(), EBMClassifier().set_callbacks(monitor))
    search = GridSearchCV(pipeline, {"ebmclassifier__C": [0.1, 1.0]}, cv=2)
    search.set_callbacks(callbacks.ProgressBar())
    search.fit(X, Y)
    assert search.best_estimator_.score(X, Y) > 0.5


@needs_callbacks
def test_a_failure_ends_the_callbacks_too():
    recorder = Recorder()
    clf = EBMClassifier().set_callbacks(recorder)
    with pytest.raises(ValueError, match="one class only"):
        clf.fit(X, np.zeros(len(X)))
    assert recorder.tasks == []
    assert "params_" not in vars(clf)


# Ctrl-C


class Interrupt:
    """An onlooker that presses Ctrl-C after some iterations."""

    def __init__(self, after):
        self.after = after

    def __call__(self, iteration):
        if iteration.number == self.after:
            raise KeyboardInterrupt
        return False


def interrupted_after(monkeypatch, number):
    monkeypatch.setattr(
        _callbacks.FitTask, "onlookers", property(lambda self: (Interrupt(number),))
    )


@pytest.mark.parametrize("loss", ["nll", "hinge", "perceptron"])
def test_ctrl_c_leaves_what_was_learnt(monkeypatch, loss):
    interrupted_after(monkeypatch, 2)
    clf = EBMClassifier(loss=loss, warm_start=True)
    with pytest.warns(ConvergenceWarning, match="after 2 iterations: it was interrupted. The est"):
        clf.fit(X, Y)
    assert clf.score(X, Y) > 0.4
    assert clf.gap_ is None
    monkeypatch.undo()
    clf.fit(X, Y)
    assert clf.score(X, Y) > 0.4


def test_ctrl_c_before_anything_is_learnt(monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("sklearn_ebm._path.Path.minimize", stop)
    clf = EBMClassifier()
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, Y)
    assert "params_" not in vars(clf)


# The progress line


@pytest.mark.parametrize("rich", [True, False])
def test_verbose_draws_one_line(capsys, monkeypatch, rich):
    if rich:
        pytest.importorskip("rich")
    else:
        monkeypatch.setitem(sys.modules, "rich.errors", None)
    EBMClassifier(loss="hinge", verbose=1).fit(X, Y, X_val=X, y_val=Y)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.fullmatch(
        r"linear, hinge: iteration \d+, objective [\d.]+, held out [\d.]+, [\d.]+ s\n?",
        captured.err,
    )


def test_a_plain_line_is_written_over_on_a_terminal(monkeypatch):
    written = []
    terminal = types.SimpleNamespace(isatty=lambda: True, write=written.append, flush=lambda: None)
    monkeypatch.setattr(sys, "stderr", terminal)
    line = _progress._PlainLine()
    line.show("a long text")
    line.close("short")
    assert written == ["\ra long text", "\rshort      ", "\n"]


def test_quiet_fits_write_nothing(capsys):
    EBMClassifier().fit(X, Y)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


# The shim


def test_without_callbacks_in_scikit_learn_nothing_is_told(monkeypatch):
    monkeypatch.setattr(_callbacks, "_callback", None)

    class Old:
        """An estimator whose base class knows no callbacks."""

    task = _callbacks.FitTask(Old(), X, Y, None, lambda start: {})
    assert task.onlookers == ()
    task.end()
    function = object()
    assert _callbacks.with_callbacks(function) is function
    assert Start._fields == ("energy", "params")
