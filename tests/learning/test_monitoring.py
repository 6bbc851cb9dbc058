"""Learning that is watched, stopped, interrupted, and gone on with."""

import io
import re
import subprocess
import sys
import types
import warnings

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ebm import EBMClassifier
from sklearn_ebm.estimators import _callbacks, _progress
from sklearn_ebm.learning import learn as _learning
from sklearn_ebm.learning import monitor as _watch
from sklearn_ebm.learning.learn import Start
from sklearn_ebm.solvers import Adam
from sklearn_ebm.solvers.base import Iterate

X, Y = make_classification(400, 20, n_informative=6, n_classes=3, random_state=0, flip_y=0.2)
callbacks = pytest.importorskip("sklearn.callback") if _callbacks.FRAMES else None
needs_callbacks = pytest.mark.skipif(callbacks is None, reason="scikit-learn before 1.9")

SOLVERS = ("auto", "lbfgs", "newton")


# Held-out rows


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("loss", ["nll", "hinge"])
def test_held_out_rows_are_recorded_and_change_nothing(solver, loss):
    plain = EBMClassifier(loss=loss, solver=solver, random_state=0).fit(X[:300], Y[:300])
    watched = EBMClassifier(loss=loss, solver=solver, random_state=0)
    watched.fit(X[:300], Y[:300], X_val=X[300:], y_val=Y[300:])
    np.testing.assert_array_equal(watched.coef_, plain.coef_)
    assert len(watched.validation_loss_curve_) >= watched.n_iter_ > 0
    assert "validation_loss_curve_" not in vars(plain)


def test_the_held_out_loss_by_hand():
    weight = np.linspace(0.5, 2, 100)
    clf = EBMClassifier(tol=1e-10, random_state=0).fit(
        X[:300], Y[:300], X_val=X[300:], y_val=Y[300:], sample_weight_val=weight
    )
    losses = -clf.predict_log_proba(X[300:])[np.arange(100), Y[300:]]
    last = np.average(losses, weights=weight)
    np.testing.assert_allclose(clf.validation_loss_curve_[-1], last, rtol=1e-6)


def test_early_stopping_keeps_the_best_parameters():
    noise = np.random.RandomState(0).normal(size=(400, 150))
    wide = np.hstack([X, noise])
    clf = EBMClassifier(
        C=1e6, early_stopping=True, n_iter_no_change=3, solver="lbfgs", random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.fit(wide[:200], Y[:200], X_val=wide[200:], y_val=Y[200:])
    curve = clf.validation_loss_curve_
    assert len(curve) == curve.argmin() + 4
    losses = -clf.predict_log_proba(wide[200:])[np.arange(200), Y[200:]]
    np.testing.assert_allclose(losses.mean(), curve.min(), rtol=1e-6)
    assert clf.gap_ is None
    whole = EBMClassifier(C=1e6, solver="lbfgs", max_iter=500, random_state=0).fit(
        wide[:200], Y[:200]
    )
    assert clf.n_iter_ < whole.n_iter_


def test_early_stopping_holds_out_rows_of_each_class():
    clf = EBMClassifier(early_stopping=True, validation_fraction=0.25, random_state=0).fit(X, Y)
    assert len(clf.validation_loss_curve_) > 0
    again = EBMClassifier(early_stopping=True, validation_fraction=0.25, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(clf.coef_, again.coef_)


def test_held_out_rows_choose_beta():
    clf = EBMClassifier(loss="hinge", beta="auto", random_state=0).fit(
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
    clf = EBMClassifier(**parameters, random_state=0)
    before = dict(vars(clf))
    with pytest.raises(ValueError, match=message):
        clf.fit(X, Y, **keywords)
    assert vars(clf) == before


def test_a_class_of_one_row_cannot_be_held_out():
    with pytest.raises(ValueError, match="class 2 has one row; pass X_val and y_val"):
        EBMClassifier(early_stopping=True, random_state=0).fit(X[:50], np.r_[2, np.arange(49) % 2])


def test_rows_held_out_in_a_pipeline_are_transformed():
    from sklearn import config_context

    pipeline = make_pipeline
    from sklearn.pipeline import Pipeline

    with config_context(enable_metadata_routing=True):
        last = EBMClassifier(random_state=0).set_fit_request(X_val=True, y_val=True)
        pipeline = Pipeline([("scale", StandardScaler()), ("ebm", last)], transform_input=["X_val"])
        pipeline.fit(100 * X[:300], Y[:300], X_val=100 * X[300:], y_val=Y[300:])
    losses = -pipeline.predict_log_proba(100 * X[300:])[np.arange(100), Y[300:]]
    np.testing.assert_allclose(losses.mean(), pipeline[-1].validation_loss_curve_[-1], rtol=1e-3)


@pytest.mark.parametrize("energy", ["linear", "mlp"])
def test_early_stopping_with_a_warm_start_never_loses(energy):
    settings = {"early_stopping": True, "n_iter_no_change": 3, "warm_start": True, "C": 1e4}
    clf = EBMClassifier(energy=energy, **settings, random_state=0)
    losses = []
    for _ in range(4):
        clf.fit(X[:200], Y[:200], X_val=X[200:], y_val=Y[200:])
        losses.append(-clf.predict_log_proba(X[200:])[np.arange(200), Y[200:]].mean())
    assert np.diff(losses).max() <= 1e-6


def test_a_held_out_loss_that_is_not_finite_is_never_the_best():
    watch = _watch.TrainingMonitor(patience=3)
    losses = iter([np.inf, np.nan, 3.0, 1.0, 2.0, np.inf, 2.0])
    watch.held_out, watch.energy, watch.params_of = object(), None, None
    watch.held_out_loss = lambda w: next(losses)
    for number in range(7):
        stop = watch(Iterate(np.full(1, float(number)), 0.0, np.zeros(1), 0.0, number + 1))
        assert stop == (number == 6)
    assert watch.best == 3.0


def test_the_held_out_loss_is_there_where_nothing_had_to_be_learnt():
    clf = EBMClassifier(warm_start=True, tol=1e-3, random_state=0).fit(X, Y)
    clf.set_params(tol=1e-1).fit(X, Y, X_val=X, y_val=Y)
    assert clf.validation_loss_curve_[-1] == pytest.approx(log_loss(Y, clf.predict_proba(X)))


def test_folds_of_beta_do_not_start_from_what_has_seen_them():
    """Labels without a pattern: an honest β is small, however often the network has seen them."""
    noise = np.random.RandomState(0).randint(0, 2, size=60)
    clf = EBMClassifier(energy="mlp", C=1e4, beta="auto", warm_start=True, random_state=0)
    betas = [clf.fit(X[:60], noise).beta_ for _ in range(2)]
    assert betas[1] < 3 * betas[0]


def test_held_out_rows_have_the_class_weights_of_the_fit():
    some = np.r_[np.flatnonzero(Y == 0)[:80], np.flatnonzero(Y == 1)[:20]]
    val = np.r_[np.flatnonzero(Y == 0)[80:90], np.flatnonzero(Y == 1)[20:60]]
    clf = EBMClassifier(class_weight="balanced", tol=1e-8, random_state=0)
    clf.fit(X[some], Y[some], X_val=X[val], y_val=Y[val])
    weight = np.where(Y[val] == 0, 100 / 160, 100 / 40)
    losses = -clf.predict_log_proba(X[val])[np.arange(50), Y[val]]
    np.testing.assert_allclose(
        clf.validation_loss_curve_[-1], np.average(losses, weights=weight), rtol=1e-4
    )


def test_a_class_of_weight_zero_counts_as_none_for_balanced_weights():
    weight = np.where(Y == 2, 0.0, 1.0)
    clf = EBMClassifier(class_weight="balanced").fit(X, Y, sample_weight=weight)
    n = np.bincount(Y)
    shares = {0: (n[0] + n[1]) / (2 * n[0]), 1: (n[0] + n[1]) / (2 * n[1]), 2: 7.0}
    other = EBMClassifier(class_weight=shares).fit(X, Y, sample_weight=weight)
    np.testing.assert_allclose(clf.coef_, other.coef_, rtol=1e-12)
    assert (clf.predict_proba(X)[:, 2] == 0).all()


def test_held_out_labels_of_another_kind():
    with pytest.raises(ValueError, match="y_val holds the label"):
        EBMClassifier(random_state=0).fit(X, Y.astype(str).astype(object), X_val=X, y_val=Y)


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
    clf = EBMClassifier(loss=loss, solver=solver, random_state=0).set_callbacks(recorder).fit(X, Y)
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
    clf = (
        EBMClassifier(loss=loss, solver=solver, tol=1e-12, random_state=0)
        .set_callbacks(recorder)
        .fit(X, Y)
    )
    assert clf.n_iter_ == len(recorder.scores) == 2
    assert clf.predict(X).shape == Y.shape


@needs_callbacks
def test_callbacks_of_scikit_learn_in_a_grid_search_of_pipelines(capsys):
    pytest.importorskip("rich")
    monitor = callbacks.ScoringMonitor(scoring="neg_log_loss")
    pipeline = make_pipeline(StandardScaler(), EBMClassifier(random_state=0).set_callbacks(monitor))
    search = GridSearchCV(pipeline, {"ebmclassifier__C": [0.1, 1.0]}, cv=2)
    search.set_callbacks(callbacks.ProgressBar())
    search.fit(X, Y)
    assert search.best_estimator_.score(X, Y) > 0.5


class Failing(Recorder):
    """Raises when an iteration ends."""

    def on_fit_task_end(self, estimator, context):
        raise RuntimeError("of its own")


@needs_callbacks
@pytest.mark.parametrize("what", ["data", "settings", "callback", "warning", "interrupt"])
def test_a_failure_ends_the_callbacks_too(monkeypatch, what):
    recorder = Failing() if what == "callback" else Recorder()
    settings = {
        "settings": {"n_iter_no_change": 0},
        "warning": {"energy": "mlp", "solver": Adam(schedule="constant"), "max_iter": 1},
    }
    clf = EBMClassifier(**settings.get(what, {}), random_state=0).set_callbacks(recorder)
    if what == "interrupt":
        monkeypatch.setattr(
            "sklearn_ebm.learning.temperature_path.TemperaturePath.minimize", press_ctrl_c
        )
    before = dict(vars(clf))
    with warnings.catch_warnings(), pytest.raises(BaseException):  # noqa: B017
        warnings.simplefilter("error")
        clf.fit(X, np.zeros(len(X)) if what == "data" else Y)
    assert recorder.tasks[:1] in ([], ["setup"])
    assert recorder.tasks[-1:] in ([], ["teardown"])
    assert recorder.tasks or what in ("data", "settings")
    assert vars(clf) == before


@needs_callbacks
def test_a_failed_fit_under_a_progress_bar_lets_the_process_end():
    pytest.importorskip("rich")
    script = (
        "import numpy as np; from sklearn.callback import ProgressBar;"
        "from sklearn_ebm import EBMClassifier;"
        "clf = EBMClassifier(loss='hinge', solver='lbfgs', max_iter=1);"
        "import warnings; warnings.simplefilter('error');"
        "clf.set_callbacks(ProgressBar()).fit(np.eye(9), np.arange(9) % 2)"
    )
    done = subprocess.run([sys.executable, "-c", script], timeout=60, capture_output=True)
    assert b"ConvergenceWarning" in done.stderr


@needs_callbacks
@pytest.mark.parametrize("beta", [0.3, "auto"])
def test_callbacks_see_the_beta_of_the_classifier(beta):
    seen = []

    class Beta(Recorder):
        def on_fit_task_end(self, estimator, context, *, fitted_estimator):
            seen.append(fitted_estimator.beta_)

    clf = EBMClassifier(loss="hinge", beta=beta, random_state=0).set_callbacks(Beta()).fit(X, Y)
    assert set(seen[:-1]) == {1.0 if beta == "auto" else 0.3}
    assert seen[-1] == clf.beta_


@needs_callbacks
@pytest.mark.parametrize(
    "parameters",
    [
        {"energy": "mlp", "max_iter": 30},
        {"energy": "kernel", "loss": "hinge"},
        {"energy": "prototypes"},
        {"loss": "perceptron"},
        {"loss": "mce"},
        {"loss": "mee", "max_iter": 12},
    ],
    ids=str,
)
def test_every_kind_of_learning_can_be_watched_and_stopped(parameters):
    recorder = Recorder()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        clf = EBMClassifier(**parameters, random_state=0).set_callbacks(recorder).fit(X, Y)
    # Stages polished to rounding are not shown step by step.
    assert 2 < len(recorder.scores) <= clf.n_iter_ + 30
    assert clf.n_iter_ <= parameters.get("max_iter", 1000)
    short = Recorder(stop_after=2)
    clf = EBMClassifier(**parameters, random_state=0).set_callbacks(short).fit(X, Y)
    assert clf.n_iter_ == len(short.scores) == 2
    assert clf.score(X, Y) in short.scores


@needs_callbacks
def test_a_request_to_stop_holds_for_the_folds_of_beta():
    recorder = Recorder(stop_after=2)
    clf = EBMClassifier(loss="hinge", beta="auto", tol=1e-9, random_state=0).set_callbacks(recorder)
    counted = []
    run = _learning.TemperaturePath.minimize

    def minimize(self, *args, **keywords):
        result = run(self, *args, **keywords)
        counted.append(result.n_iter)
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_learning.TemperaturePath, "minimize", minimize)
        clf.fit(X, Y)
    assert counted[0] == 2 and len(counted) == 4
    assert max(counted) == 2


# Ctrl-C


class Interrupt:
    """An onlooker that presses Ctrl-C after some iterations."""

    def __init__(self, after):
        self.after = after

    def __call__(self, iteration):
        if iteration.number == self.after:
            raise KeyboardInterrupt
        return False


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """No test is the second Ctrl-C of the one before."""
    monkeypatch.setattr(_watch.TrainingMonitor, "_last_interrupt", -np.inf)


def interrupted_after(monkeypatch, number):
    monkeypatch.setattr(
        _callbacks.FitCallbacks, "callbacks", property(lambda self: (Interrupt(number),))
    )


@pytest.mark.parametrize("loss", ["nll", "hinge", "perceptron"])
def test_ctrl_c_leaves_what_was_learnt(monkeypatch, loss):
    interrupted_after(monkeypatch, 2)
    clf = EBMClassifier(loss=loss, warm_start=True, random_state=0)
    with pytest.warns(ConvergenceWarning, match="after 2 iterations: it was interrupted. The est"):
        clf.fit(X, Y)
    assert clf.score(X, Y) > 0.4
    assert clf.gap_ is None
    monkeypatch.undo()
    clf.fit(X, Y)
    assert clf.score(X, Y) > 0.4


def test_ctrl_c_before_anything_is_learnt(monkeypatch):
    monkeypatch.setattr(
        "sklearn_ebm.learning.temperature_path.TemperaturePath.minimize", press_ctrl_c
    )
    clf = EBMClassifier(random_state=0)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, Y)
    assert "params_" not in vars(clf)


def press_ctrl_c(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.parametrize("energy", ["mlp", "prototypes", "kernel"])
def test_ctrl_c_with_other_energies(monkeypatch, energy):
    interrupted_after(monkeypatch, 5)
    clf = EBMClassifier(energy=energy, random_state=0)
    with pytest.warns(ConvergenceWarning, match="after 5 iterations: it was interrupted"):
        clf.fit(X, Y)
    assert clf.score(X, Y) > 0.4
    assert len(clf.loss_curve_) == 5 and clf.n_evaluations_ >= 5


def test_ctrl_c_in_the_folds_of_beta_keeps_what_was_learnt(monkeypatch):
    monkeypatch.setattr("sklearn_ebm.estimators.classifier.choose_beta", press_ctrl_c)
    clf = EBMClassifier(loss="hinge", beta="auto", random_state=0)
    with pytest.warns(ConvergenceWarning, match="before beta='auto' was chosen, so beta_ is 1"):
        clf.fit(X, Y)
    assert clf.beta_ == 1.0 and clf.gap_ < 1e-4


def test_a_second_ctrl_c_goes_through(monkeypatch):
    interrupted_after(monkeypatch, 2)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        EBMClassifier(random_state=0).fit(X, Y)
    with pytest.raises(KeyboardInterrupt):
        EBMClassifier(random_state=0).fit(X, Y)


# The progress line


def test_verbose_writes_one_line_off_a_terminal(capsys):
    for _ in range(2):
        EBMClassifier(loss="hinge", verbose=1, random_state=0).fit(X, Y, X_val=X, y_val=Y)
    captured = capsys.readouterr()
    assert captured.out == ""
    line = r"linear, hinge: iteration \d+, objective [\d.]+, held out [\d.]+, [\d.]+ s\n"
    assert re.fullmatch(f"({line}){{2}}", captured.err)


def test_rich_draws_the_line_on_a_terminal(monkeypatch):
    pytest.importorskip("rich")
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    EBMClassifier(verbose=1, random_state=0).fit(X, Y)
    assert "linear, nll: iteration" in terminal.getvalue()


def test_without_rich_a_terminal_has_the_line_too(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.errors", None)
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    EBMClassifier(verbose=1, random_state=0).fit(X, Y)
    assert terminal.getvalue().startswith("\rlinear, nll: learning")
    assert terminal.getvalue().endswith(" s\n")


def test_a_plain_line_is_written_over_on_a_terminal(monkeypatch):
    written = []
    terminal = types.SimpleNamespace(isatty=lambda: True, write=written.append, flush=lambda: None)
    monkeypatch.setattr(sys, "stderr", terminal)
    line = _progress._PlainLine()
    line.show("a long text")
    line.close("short")
    assert written == ["\ra long text", "\rshort      ", "\n"]


def test_quiet_fits_write_nothing(capsys):
    EBMClassifier(random_state=0).fit(X, Y)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


# The shim


def test_without_callbacks_in_scikit_learn_nothing_is_told(monkeypatch):
    monkeypatch.setattr(_callbacks, "_callback", None)

    class Old:
        """An estimator whose base class knows no callbacks."""

    task = _callbacks.FitCallbacks(Old(), X, Y, None, lambda start: {})
    assert task.callbacks == ()
    task.end()
    function = object()
    assert _callbacks.with_callbacks(function) is function
    assert Start._fields == ("energy", "params", "seed")
