"""The solver of "auto": it goes on where it stopped, is watched, and ends in float64."""

import time
import tracemalloc

import numpy as np
import pytest
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from sklearn_ebm import EBMClassifier
from sklearn_ebm._utils.arrays import MOST_ROWS
from sklearn_ebm.learning import parametrization
from sklearn_ebm.learning.parametrization import conditioned_objective
from sklearn_ebm.losses import NLL, Hinge
from sklearn_ebm.solvers import Newton, PreconditionedLBFGS
from sklearn_ebm.solvers.base import STOPPED_BY_MONITOR, Problem
from sklearn_ebm.solvers.objective import Objective
from sklearn_ebm.solvers.preconditioners import choice


@pytest.fixture
def make(make_objective):
    """A factory of objectives in standardised columns."""

    def factory(loss=None, **settings):
        plain = make_objective(loss, **settings)
        return conditioned_objective(
            plain, plain.energy.templates.standardized(plain.X, plain.weight)
        )

    return factory


def run(objective, start=None, *, tol=1e-20, max_iter=500, **settings):
    start = np.zeros(objective.layout.size) if start is None else start
    rng = np.random.RandomState(0)
    solver = PreconditionedLBFGS()
    return solver.minimize(
        Problem(objective, start, tol=tol, max_iter=max_iter, rng=rng, **settings)
    )


# Memory ------------------------------------------------------------------------------------------


def test_a_search_goes_on_where_it_stopped(make, monkeypatch):
    """In two halves, it takes the steps that it takes at once."""
    monkeypatch.setattr(choice, "COUPLED_SIZE", 0)  # a plain matrix, so that the pairs matter
    objective = make(n_features=8, penalty=0.1)
    whole = run(objective)
    assert whole.n_iter > 8
    first = run(objective, max_iter=5)
    assert not first.converged and first.n_iter == 5
    second = run(objective, first.w, memory=first.memory)
    forgetful = run(objective, first.w)
    np.testing.assert_allclose(second.value, whole.value, rtol=1e-13)
    np.testing.assert_allclose(first.curve, whole.curve[:6], rtol=1e-13)
    np.testing.assert_allclose(second.curve[:3], whole.curve[5:8], rtol=1e-10)
    assert abs(first.n_iter + second.n_iter - whole.n_iter) <= 2
    assert np.abs(np.array(forgetful.curve[:3]) / second.curve[:3] - 1).max() > 1e-10


def test_memory_outlives_a_change_of_the_loss(make):
    warm, cold = Hinge().smoothed(0.5), Hinge().smoothed(0.05)
    objective = make(warm, penalty=0.1)
    first = run(objective)
    model = first.memory.model
    assert len(first.memory.pairs) > 0
    second = run(objective.with_loss(cold), first.w, memory=first.memory, max_iter=0)
    assert second.memory.model is model and len(second.memory.pairs) == 0
    found = run(objective.with_loss(cold), first.w, memory=second.memory)
    afresh = run(objective.with_loss(cold))
    np.testing.assert_allclose(found.value, afresh.value, rtol=1e-12)


def test_memory_of_another_kind_is_no_memory(make):
    objective = make()
    found = run(objective, memory=object())
    np.testing.assert_allclose(found.value, run(objective).value, rtol=1e-14)


# Who watches -------------------------------------------------------------------------------------


def test_a_monitor_sees_each_iteration_and_stops_the_search(make):
    objective, seen = make(n_features=8, penalty=0.1), []

    def monitor(progress):
        seen.append(progress)
        return len(seen) == 3

    result = run(objective, monitor=monitor)
    assert result.converged and result.n_iter == 3 == len(seen)
    assert result.message == STOPPED_BY_MONITOR
    np.testing.assert_array_equal(result.w, seen[-1].w)
    np.testing.assert_array_equal(result.curve[1:], [progress.value for progress in seen])
    assert [progress.value for progress in seen] == sorted((p.value for p in seen), reverse=True)
    for progress in seen:
        value, gradient = objective.evaluate(progress.w)
        np.testing.assert_allclose(progress.value, value, rtol=1e-12)
        np.testing.assert_allclose(progress.gradient, gradient, rtol=1e-9, atol=1e-12)
        assert progress.expected > 0
    counts = [progress.n_evaluations for progress in seen]
    assert counts == sorted(set(counts)) and result.n_evaluations == counts[-1]


def test_a_monitor_that_never_stops_changes_nothing(make):
    objective = make(penalty=0.1)
    watched, alone = run(objective, monitor=lambda progress: False), run(objective)
    np.testing.assert_array_equal(watched.w, alone.w)
    assert watched.message == alone.message != "the certified gap is below tol"


def test_evaluations_are_counted(make, monkeypatch):
    objective, calls = make(penalty=0.1), []
    evaluate = Objective.evaluate
    monkeypatch.setattr(Objective, "evaluate", lambda self, w: calls.append(1) or evaluate(self, w))
    assert run(objective).n_evaluations == len(calls) > 1


# Float32 first -----------------------------------------------------------------------------------


@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize("loss", ["nll", "hinge"])
def test_a_search_that_begins_in_float32_ends_with_the_accuracy_of_float64(
    monkeypatch, loss, as_sparse
):
    rng = np.random.RandomState(0)
    y = np.arange(6000) % 3
    X = 5 + rng.normal(size=(6000, 12)) + 0.5 * rng.normal(size=(3, 12))[y]
    if as_sparse:
        X = sparse.csr_array(X * (rng.uniform(size=X.shape) < 0.95))
    assert (X.nnz if as_sparse else X.size) >= parametrization.FLOAT32_SMALLEST
    precisions = []
    evaluate = Objective.evaluate

    def spied(self, w):
        precisions.append(self.X.dtype)
        return evaluate(self, w)

    monkeypatch.setattr(Objective, "evaluate", spied)
    settings = {"loss": loss, "tol": 1e-13 if loss == "nll" else 1e-8, "C": 1e-2}
    found = EBMClassifier(**settings).fit(X, y)
    assert found.coef_.dtype == np.float64
    assert found.gap_ <= settings["tol"]
    assert precisions[0] == np.float32
    assert precisions.count(np.dtype(np.float32)) >= 5
    monkeypatch.setattr(parametrization, "FLOAT32_SMALLEST", 10**9)
    precisions.clear()
    wide = EBMClassifier(**settings).fit(X, y)
    assert set(precisions) == {np.dtype(np.float64)}
    np.testing.assert_allclose(
        found.energies(X), wide.energies(X), atol=1e-4 * np.abs(wide.energies(X)).max()
    )


def test_float32_gives_way_where_it_gains_nothing(make):
    """Far from the minimum in float32 units: only float64 sees the last decreases."""
    objective = make(NLL(), n_rows=300, penalty=1e-2)
    twin = objective.energy.standardized_rows(objective.X)
    part, narrow = twin
    objective.float32_copy = Objective(
        part, objective.loss, narrow, objective.y, objective.weight, 3, objective.penalty
    )
    found = run(objective, tol=1e-18)
    start = np.zeros(objective.layout.size)
    exact = Newton().minimize(Problem(objective, start, tol=1e-20, max_iter=100, rng=None))
    assert len(found.memory.phases) == 1  # that in float64
    np.testing.assert_allclose(found.value, exact.value, rtol=1e-14)
    templates = [w.reshape(3, -1) - w.reshape(3, -1).mean(axis=0) for w in (found.w, exact.w)]
    np.testing.assert_allclose(*templates, atol=1e-6)
    gradient = objective.evaluate(found.w)[1]
    assert np.abs(gradient).max() < 1e-6 * objective.weight.sum()


# Sparse rows with many columns -------------------------------------------------------------------


def wide_rows(n_rows=1500, d=600):
    """Sparse rows of four classes, each with columns of its own."""
    rng = np.random.RandomState(0)
    y = np.arange(n_rows) % 4
    X = sparse.random(n_rows, d, 0.03, format="csr", random_state=0)
    own = (np.full(n_rows, 0.7), (np.arange(n_rows), 20 * y + rng.randint(20, size=n_rows)))
    return sparse.csr_matrix(X + sparse.csr_matrix(own, shape=X.shape)), y


def test_float32_gives_way_where_its_gradients_resolve_no_step():
    # With a penalty next to none, the gap asks for more than float32 gives.
    rng = np.random.RandomState(0)
    X = rng.normal(size=(6000, 12)) * np.logspace(0, 4, 12)
    y = (X[:, 0] + rng.logistic(size=len(X)) > 0).astype(int)
    clf = EBMClassifier(C=1e4).fit(X, y)
    assert clf.gap_ <= 1e-4
    assert clf.n_evaluations_ <= 25


@pytest.mark.parametrize("loss", ["nll", "hinge"])
def test_wide_indices_are_no_obstacle(loss):
    X, y = wide_rows()
    expected = EBMClassifier(loss=loss, tol=1e-2).fit(X, y)
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    found = EBMClassifier(loss=loss, tol=1e-2).fit(X, y)
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("loss", ["nll", "hinge"])
@pytest.mark.parametrize("unit", [0.01, 100.0])
def test_the_unit_of_the_weights_changes_nothing(loss, unit):
    """With C in the inverse unit, the objective is the same but for a factor."""
    X, y = wide_rows()
    one = EBMClassifier(loss=loss, tol=1e-2).fit(X, y)
    other = EBMClassifier(loss=loss, tol=1e-2, C=1 / unit).fit(X, y, np.full(len(y), unit))
    assert abs(other.n_evaluations_ - one.n_evaluations_) <= 0.2 * one.n_evaluations_ + 5
    np.testing.assert_allclose(other.gap_, one.gap_, atol=1e-2)


@pytest.mark.parametrize("loss", ["nll", "hinge"])
def test_max_iter_bounds_the_time_of_a_hard_problem(loss):
    """Columns of size 10⁴ at C = 1: whatever finds a start must give up in time, too."""
    X, y = wide_rows()
    started = time.process_time()
    with pytest.warns(ConvergenceWarning):
        EBMClassifier(loss=loss, max_iter=3).fit(1e4 * X, y)
    assert time.process_time() - started < 2


# Rows in a file ----------------------------------------------------------------------------------


def mapped_rows(path, n_rows, d):
    rng = np.random.RandomState(0)
    y = np.arange(n_rows) % 3
    X = np.memmap(path, dtype=np.float64, mode="w+", shape=(n_rows, d))
    X[:] = rng.normal(size=X.shape) + rng.normal(size=(3, d))[y]
    X.flush()
    return np.memmap(path, dtype=np.float64, mode="r", shape=X.shape), y


@pytest.mark.parametrize("loss", ["nll", "hinge"])
def test_rows_in_a_file_are_not_copied(tmp_path, loss):
    """Memory for twice as many rows grows by a small share of what they take."""
    peaks, sizes = [], []
    for n_rows in (2 * MOST_ROWS, 4 * MOST_ROWS):  # blocks of one size
        X, y = mapped_rows(tmp_path / f"X{n_rows}", n_rows, 80)
        tracemalloc.start()
        try:
            assert EBMClassifier(loss=loss, tol=0.01, C=1e-4).fit(X, y).gap_ <= 0.01
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        sizes.append(X.nbytes)
    growth = (peaks[1] - peaks[0]) / (sizes[1] - sizes[0])
    assert growth < 0.25, growth  # a copy in float32 alone would take half


def test_rows_in_a_file_give_the_same_answer(tmp_path):
    mapped, y = mapped_rows(tmp_path / "X", 8000, 10)
    found, expected = (EBMClassifier(tol=1e-12).fit(X, y) for X in (mapped, np.array(mapped)))
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(found.intercept_, expected.intercept_, rtol=1e-6, atol=1e-7)


def test_is_mapped_sees_through_views(tmp_path):
    mapped = np.memmap(tmp_path / "X", dtype=np.float64, mode="w+", shape=(10, 3))
    assert parametrization._is_mapped(mapped)
    assert parametrization._is_mapped(np.asarray(mapped)[2:].T)
    assert not parametrization._is_mapped(np.array(mapped))
    assert not parametrization._is_mapped(np.ones((3, 3))[1:])


def test_a_class_without_rows_that_weigh_is_no_obstacle_to_sparse_hinge():
    X = sparse.random(200, 600, density=0.05, format="csr", random_state=0)
    y = np.arange(200) % 3
    clf = EBMClassifier(loss="hinge", tol=1e-2).fit(X, y, sample_weight=(y != 2).astype(float))
    assert clf.coef_.shape == (3, 600)
    two = EBMClassifier(loss="hinge", tol=1e-2).fit(X[y != 2], y[y != 2])
    np.testing.assert_array_equal(clf.predict(X), two.predict(X))


def test_sparse_hinge_side_by_side_is_sparse_hinge():
    """Liblinear's generator of random numbers is one for the process."""
    X = sparse.random(300, 800, density=0.05, format="csr", random_state=0)
    y = np.arange(300) % 3
    fit = delayed(lambda: EBMClassifier(loss="hinge", tol=1e-2).fit(X, y).coef_)
    alone = fit()[0]()
    for coef in Parallel(n_jobs=4, backend="threading")(fit() for _ in range(6)):
        np.testing.assert_array_equal(coef, alone)
