"""Adam: steps by hand, schedules, memory, and what it does where losses explode."""

import pickle

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from sklearn_ebm import EBMClassifier
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm._utils.threads import Workers
from sklearn_ebm.energies import MLP, Linear
from sklearn_ebm.losses import NLL, Hinge, Simple
from sklearn_ebm.solvers import Adam, PreconditionedLBFGS
from sklearn_ebm.solvers._adam_search import cosine
from sklearn_ebm.solvers.base import Problem
from sklearn_ebm.solvers.objective import Objective


def run(solver, objective, start=None, *, max_iter=1, tol=1e-4, rng=None, **more):
    start = np.zeros(objective.layout.size) if start is None else start
    rng = np.random.RandomState(0) if rng is None else rng
    return solver.minimize(Problem(objective, start, tol, max_iter, rng, **more))


def one_row(penalty=0.0, **settings):
    X, y = np.array([[1.0]]), np.array([0])
    return Objective(
        Linear(fit_intercept=False), NLL(), X, y, np.ones(1), n_answers=2, penalty=penalty
    )


def network(n_rows=300, energy=None, dtype=np.float64, workers=map, **settings):
    rng = np.random.RandomState(0)
    y = np.arange(n_rows) % 3
    X = (rng.normal(size=(n_rows, 4)) + 2 * rng.normal(size=(3, 4))[y]).astype(dtype)
    weight = rng.uniform(0.5, 1.5, size=n_rows)
    energy = MLP((6,), **settings) if energy is None else energy
    objective = Objective(energy, NLL(), X, y, weight / weight.mean(), 3, 1.0, workers)
    return objective, objective.layout.pack(energy.start(Rows(X, y, weight), 3, rng))


def test_two_steps_by_hand():
    """g = (−½, ½); then σ = e^{−1}/(1 + e^{−1}) of the wrong answer at templates (½, −½)."""
    first = run(Adam(learning_rate=0.5, schedule="constant"), one_row())
    np.testing.assert_allclose(first.w, [0.5, -0.5], rtol=1e-7)
    np.testing.assert_allclose(first.curve, [np.log(2)] * 2)
    np.testing.assert_allclose(first.value, np.log1p(np.exp(-1)))
    two = run(Adam(learning_rate=0.5, schedule="constant", epsilon=0.1), one_row(), max_iter=2)
    w, m, v = 0.0, 0.0, 0.0
    for step in (1, 2):
        g = -1 / (1 + np.exp(2 * w))
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        w -= 0.5 * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 0.1)
    np.testing.assert_allclose(two.w, [w, -w])


def test_the_penalty_is_in_the_gradient():
    """λ/n = 3 with one row, so 3·(0.1, 2) is added to the slopes of the loss."""
    start = np.array([0.1, 2.0])
    result = run(Adam(1.0, schedule="constant", epsilon=1.0), one_row(penalty=3.0), start)
    wrong = 1 / (1 + np.exp(0.1 - 2.0))
    g = np.array([0.3 - wrong, 6.0 + wrong])
    np.testing.assert_allclose(result.w, start - g / (np.abs(g) + 1))
    assert result.curve[0] == pytest.approx(-np.log(1 - wrong) + 1.5 * 4.01)


def test_decay_by_hand():
    """The gradient at (2, 2) is (−½, ½), the step ∓0.1, after 2 is 2 (1 − 0.1·0.5)."""
    solver = Adam(learning_rate=0.1, schedule="constant", weight_decay=0.5)
    result = run(solver, one_row(penalty=3.0), np.array([2.0, 2.0]))
    np.testing.assert_allclose(result.w, [2.0, 1.8], rtol=1e-7)


def test_intercepts_do_not_decay_and_a_large_decay_does_not_turn_round():
    X, y = np.zeros((1, 1)), np.array([0])
    objective = Objective(Linear(), Simple(), X, y, np.ones(1), n_answers=2, penalty=1.0)
    result = run(Adam(schedule="constant", weight_decay=1e6), objective, np.ones(4))
    params = objective.layout.unpack(result.w)
    np.testing.assert_array_equal(params["coef"], 0)
    np.testing.assert_allclose(params["intercept"], 1, atol=0.01)


def test_the_cosine_falls_to_zero():
    assert cosine(0) == 1 and abs(cosine(1)) < 1e-15
    objective, start = network()
    seen = []
    result = run(Adam(), objective, start, max_iter=30, monitor=lambda p: seen.append(p.w))
    steps = [np.abs(b - a).max() for a, b in zip([start, *seen], seen, strict=False)]
    assert steps[-1] < 0.05 * steps[0]
    assert result.converged and result.n_iter == 30
    assert result.message == "the schedule has ended"
    np.testing.assert_array_equal(seen[-1], result.w)


@pytest.mark.parametrize(("schedule", "plateaus"), [("constant", 1), ("plateau", 3)])
def test_other_schedules_end_where_nothing_is_gained(schedule, plateaus):
    objective, start = network()
    result = run(Adam(schedule=schedule), objective, start, max_iter=500, tol=1e9)
    # With this tol nothing counts as progress but the first pass.
    assert result.n_iter == 1 + 10 * plateaus and result.converged
    assert result.message == "the objective no longer falls"
    short = run(Adam(schedule=schedule), objective, start, max_iter=5, tol=1e9)
    assert not short.converged and short.message == "max_iter was reached"


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_memory_goes_on_exactly(dropout):
    objective, start = network(dropout=dropout)
    solver, rng = Adam(schedule="constant", batch_size=64), np.random.RandomState(3)
    whole = run(solver, objective, start, max_iter=2, rng=np.random.RandomState(3))
    first = run(solver, objective, start, rng=rng)
    memory = pickle.loads(pickle.dumps(first.memory))
    second = run(solver, objective, first.w, rng=rng, memory=memory)
    np.testing.assert_array_equal(second.w, whole.w)
    assert memory.n_steps == 5 and second.memory.n_steps == 10
    forgotten = run(solver, objective, first.w, rng=rng, memory=object())
    assert not np.array_equal(forgotten.w, whole.w)


def test_weights_are_repetitions_where_one_batch_holds_all():
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(40, 3)), np.arange(40) % 3
    weight = rng.randint(1, 4, size=40)
    model = EBMClassifier(energy=MLP((5,), "tanh"), solver=Adam(0.01), max_iter=300, random_state=0)
    one = model.fit(X, y, sample_weight=weight).energies(X)
    two = model.fit(np.repeat(X, weight, axis=0), np.repeat(y, weight)).energies(X)
    np.testing.assert_allclose(one, two, rtol=1e-8)


def test_explosions_are_taken_back_and_then_refused():
    objective, start = network()
    before = start.copy()
    with pytest.raises(ValueError, match=r"exploded.*scale the features.*learning_rate"):
        run(Adam(learning_rate=1e30), objective, start, max_iter=3)
    np.testing.assert_array_equal(start, before)


class Bursts(MLP):
    """Its energies are NaN at parameters that moved too far in one step."""

    def linearize(self, params, X, answers=None):
        line = super().linearize(params, X)
        if max(np.abs(value).max() for value in params.values()) > 1.5:
            line.energies[...] = np.nan
        return line


@pytest.mark.parametrize("n_rows", [60, 300])
def test_a_pass_with_nan_is_made_again_with_smaller_steps(n_rows):
    objective, start = network(n_rows, Bursts((6,)))
    result = run(Adam(learning_rate=2.0), objective, start, max_iter=1)
    assert result.n_iter == 1 and len(result.curve) == 2
    assert np.isfinite(result.w).all() and np.isfinite(result.value)


def test_float32_stays_float32():
    objective, start = network(dtype=np.float32)
    result = run(Adam(), objective, start, max_iter=3)
    assert result.w.dtype == result.memory.first.dtype == result.memory.second.dtype == np.float32
    double = run(Adam(), *network(), max_iter=3)
    np.testing.assert_allclose(result.w, double.w, rtol=1e-3, atol=1e-4)
    assert result.value == pytest.approx(double.value, rel=1e-4)


def test_the_number_of_threads_does_not_change_the_rounding():
    """Batches of much work have several parts, and their sum is that of one."""
    wide = MLP((400,), dropout=0.1)
    with Workers() as workers:
        workers.n_threads = 3
        objective, start = network(5000, wide, workers=workers.map)
        several = run(Adam(batch_size=4000), objective, start, max_iter=2)
    objective, start = network(5000, wide)
    one = run(Adam(batch_size=4000), objective, start, max_iter=2)
    np.testing.assert_array_equal(several.w, one.w)


@pytest.mark.parametrize("batch_size", [200, 5000])
def test_parts_of_a_batch_add_up(monkeypatch, batch_size):
    objective, start = network(301)
    whole = run(Adam(batch_size=batch_size), objective, start, max_iter=3)
    monkeypatch.setattr("sklearn_ebm.solvers._adam_search.PART_WORK", 1.0)
    parts = run(Adam(batch_size=batch_size), objective, start, max_iter=3)
    # Where batches are drawn, rows are in float32.
    tol = 1e-9 if batch_size > 301 else 1e-4
    np.testing.assert_allclose(parts.w, whole.w, rtol=tol, atol=1e-2 * tol)


@pytest.mark.parametrize("loss", [NLL(), Hinge(), Simple()])
def test_a_linear_energy_comes_near_its_minimum(make_objective, loss):
    objective = make_objective(loss, penalty=0.1)
    found = run(Adam(learning_rate=0.05), objective, max_iter=1000)
    assert found.value < 1.005 * least_value(objective)


def least_value(objective):
    smooth = objective.with_loss(objective.loss.smoothed(1e-3))
    start = np.zeros(objective.layout.size)
    result = run(PreconditionedLBFGS(), smooth, start, max_iter=500)
    return objective.value(result.w)


def test_passes_where_none_are_named():
    few, many = network(30)[0], network(5000)[0]
    assert Adam().iterations_for(few) == 2000  # one step each
    assert Adam().iterations_for(many) == 100  # of 25 steps
    assert Adam(batch_size=10).iterations_for(few) == 667
    assert Adam(schedule="plateau").iterations_for(many) == 1000
    model = EBMClassifier(energy=MLP((3,)), random_state=0).fit(few.X, few.y)
    assert model.n_iter_ == 2000
    assert PreconditionedLBFGS().iterations_for(few) == 1000


def test_a_monitor_sees_every_pass_and_keeps_what_it_sees():
    objective, start = network()
    seen = []
    result = run(
        Adam(), objective, start, max_iter=9, monitor=lambda p: seen.append(p) or len(seen) == 4
    )
    assert [progress.n_evaluations for progress in seen] == [1, 2, 3, 4]
    assert result.converged and result.n_iter == 4
    assert [progress.value for progress in seen] == result.curve[1:]
    assert not np.array_equal(seen[0].w, seen[1].w)
    assert seen[0].expected == np.inf


@pytest.mark.parametrize(
    "settings",
    [
        {"learning_rate": 0.0},
        {"learning_rate": np.inf},
        {"batch_size": 0},
        {"batch_size": 2.5},
        {"schedule": "cosin"},
        {"beta_1": 1.0},
        {"beta_2": -0.1},
        {"epsilon": 0},
        {"weight_decay": -1.0},
    ],
)
def test_settings_that_cannot_be_used_are_refused(settings):
    (name,) = settings
    objective, start = network()
    for refused in (
        lambda: run(Adam(**settings), objective, start),
        lambda: EBMClassifier(solver=Adam(**settings), random_state=0).fit(
            objective.X, objective.y
        ),
    ):
        with pytest.raises(ValueError, match=f"{name}="):
            refused()


@pytest.mark.filterwarnings("ignore::sklearn_ebm.exceptions.CollapseWarning")
def test_an_objective_that_rose_is_not_converged():
    objective, start = network()
    wide = Adam(learning_rate=20.0, batch_size=20, schedule="constant")
    result = run(wide, objective, start, max_iter=100, tol=0.0)
    assert result.value > objective.value(start) and not result.converged
    assert "learning_rate=20 of solver 'adam'" in result.message
    assert "scale the features" in result.message
    with pytest.warns(ConvergenceWarning, match="lower it, or scale the features"):
        EBMClassifier(energy=MLP((6,)), solver=wide, max_iter=100, tol=1e-12, random_state=0).fit(
            objective.X, objective.y
        )
    assert run(Adam(), objective, start, max_iter=30).converged


def test_gradients_whose_squares_overflow_are_an_explosion():
    """g is 1e200 and the losses are finite: v would be infinite, and nothing would move."""
    X, y = np.array([[1e200], [-1e200]]), np.array([0, 1])
    linear = Linear(fit_intercept=False)
    objective = Objective(linear, NLL(), X, y, np.ones(2), n_answers=2, penalty=0.0)
    with pytest.raises(ValueError, match=r"exploded.*scale the features"):
        run(Adam(learning_rate=1e-203), objective, max_iter=3)


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_whoever_stops_it_gets_parameters_that_are_sound(schedule):
    objective, start = network(60, Bursts((6,)))
    result = run(Adam(2.0, schedule=schedule), objective, start, max_iter=9, monitor=lambda p: True)
    assert np.isfinite(result.value) and np.isfinite(objective.value(result.w))
    assert result.converged and result.message == "the monitor stopped the search"


def test_with_decay_the_penalty_is_in_no_value():
    objective, start = network()
    result = run(Adam(weight_decay=0.1), objective, start, max_iter=3)
    assert result.value == pytest.approx(objective.unpenalized().value(result.w))
    assert result.value < objective.value(result.w)
    other = Objective(
        objective.energy, NLL(), objective.X, objective.y, objective.weight, 3, penalty=7.0
    )
    np.testing.assert_array_equal(
        run(Adam(weight_decay=0.1), other, start, max_iter=3).curve, result.curve
    )


@pytest.mark.parametrize(("n_rows", "sizes"), [(201, {100, 101}), (400, {200}), (7, {7})])
def test_sizes_of_batches_differ_by_one_row_at_most(monkeypatch, n_rows, sizes):
    objective, start = network(n_rows)
    seen, on_batch = set(), Objective.on_batch

    def spied(self, params, rows, *more):
        seen.add(len(range(n_rows)[rows]) if isinstance(rows, slice) else len(rows))
        return on_batch(self, params, rows, *more)

    monkeypatch.setattr(Objective, "on_batch", spied)
    run(Adam(), objective, start)
    assert seen == sizes


@pytest.mark.parametrize(
    ("size", "dtype"), [(1.0, np.float32), (1e10, np.float64), (np.nan, np.float64)]
)
def test_rows_in_float64_are_rounded_where_they_fit(size, dtype):
    objective, _ = network(300)
    objective.X = objective.X * size
    assert objective.rounded().dtype == objective.rounded().X.dtype == dtype
    assert objective.X.dtype == np.float64
    np.testing.assert_allclose(objective.rounded().X, objective.X, rtol=1e-7)


def test_what_is_learnt_in_float32_comes_back_in_float64():
    objective, start = network(300)
    seen = []
    found = run(
        Adam(), objective, start, max_iter=3,
        monitor=lambda progress: seen.append(progress.w.dtype) or False,
    )  # fmt: skip
    assert found.w.dtype == np.float64 and set(seen) == {np.dtype(np.float64)}
    np.testing.assert_allclose(found.value, objective.value(found.w), rtol=1e-5)
