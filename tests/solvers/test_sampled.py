"""Learning from drawn classes: steps of few classes, and the same minimum with all of them."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies import MLP, Linear, Prototypes
from sklearn_ebm.losses import NLL, Hinge, Log
from sklearn_ebm.losses.negatives import HardestSampled, InBatch, Sampled
from sklearn_ebm.solvers import Adam
from sklearn_ebm.solvers._adam_search import Settings
from sklearn_ebm.solvers._class_layout import ClassLayout
from sklearn_ebm.solvers._sampled_search import ClassMoments, SampledAdamState
from sklearn_ebm.solvers.base import Problem
from sklearn_ebm.solvers.objective import Objective
from sklearn_ebm.solvers.sampled_objective import Draws, SampledObjective

K, D, N = 12, 3, 120


def problem(energy=None, loss=None, negatives=None, *, k=K, penalty=0.5, as_sparse=False, seed=0):
    """The objective with drawn classes, the exact one, and parameters of both."""
    rng = np.random.RandomState(seed)
    X = rng.normal(size=(N, D))
    y = np.append(np.arange(k), rng.randint(k, size=N - k)) if k < N else rng.randint(k, size=N)
    weight = rng.uniform(0.5, 1.5, size=N)
    rows = Rows(X, y, weight)
    energy = (Linear() if energy is None else energy).initialized(rows, k, rng)
    params = energy.start(rows, k, rng)
    params = {name: value + rng.normal(size=value.shape) for name, value in params.items()}
    X = sparse.csr_matrix(X) if as_sparse else X
    rows = (energy, loss or NLL(), X, y, weight, k, penalty)
    frequency = np.bincount(y, weight, minlength=k)
    negatives = negatives or Sampled(k)
    drawn = SampledObjective(*rows, negatives=negatives, frequency=frequency)
    return drawn, Objective(*rows), params


def search(objective, w, solver, passes=4, **more):
    rng = np.random.RandomState(0)
    return solver.minimize(Problem(objective, w, 1e-4, passes, rng, **more))


ENERGIES = [
    Linear(), Linear(fit_intercept=False), MLP((4,)), MLP((4,), layer_norm=True, dropout=0.3),
    Prototypes(2), Prototypes(1, metric="diagonal"),
]  # fmt: skip


@pytest.mark.parametrize("schedule", ["cosine", "root", "constant"])
@pytest.mark.parametrize("energy", ENERGIES, ids=repr)
def test_with_all_classes_the_search_is_that_of_adam(energy, schedule):
    drawn, exact, params = problem(energy)
    solver = Adam(learning_rate=0.02, batch_size=30, schedule=schedule)
    one = search(drawn, drawn.layout.pack(params), solver)
    other = search(exact, exact.layout.pack(params), solver)
    assert one.value == pytest.approx(other.value, rel=1e-5)
    np.testing.assert_allclose(one.curve, other.curve, rtol=1e-5)
    for name, value in exact.layout.unpack(other.w).items():
        np.testing.assert_allclose(drawn.layout.unpack(one.w)[name], value, atol=2e-5)


def test_with_all_classes_weight_decay_is_that_of_adam():
    drawn, exact, params = problem()
    solver = Adam(learning_rate=0.05, batch_size=30, weight_decay=0.3)
    one = search(drawn, drawn.layout.pack(params), solver)
    other = search(exact, exact.layout.pack(params), solver)
    np.testing.assert_allclose(one.w, other.w, atol=1e-5)


@pytest.mark.parametrize("as_sparse", [False, True])
def test_with_all_classes_value_and_gradient_are_exact(as_sparse):
    drawn, exact, params = problem(as_sparse=as_sparse)
    w = exact.layout.pack(params)
    assert drawn.value(w) == pytest.approx(exact.value(w))
    gradient = exact.unpenalized().evaluate(w)[1] / N
    rng = np.random.default_rng(0)
    value, found = drawn.on_drawn(params, np.arange(N), drawn.energy, drawn.draws(), rng)
    assert value * N == pytest.approx(exact.unpenalized().value(w))
    np.testing.assert_array_equal(found.classes, np.arange(K))
    np.testing.assert_allclose(drawn.layout.pack(found.params), gradient, atol=1e-12)


@pytest.mark.parametrize("negatives", [Sampled(3), InBatch(), HardestSampled(2, 5)], ids=repr)
def test_value_and_gradient_of_a_sum_over_all_wrong_classes_have_no_bias(negatives):
    drawn, exact, params = problem(loss=Log(contrast="all"), negatives=negatives)
    w, rng, draws = exact.layout.pack(params), np.random.default_rng(0), drawn.draws()
    value, gradient = exact.unpenalized().evaluate(w)
    found = []
    for _ in range(100):
        draws.reorder(rng)
        total, order = np.zeros(1 + len(w)), rng.permutation(N)
        sums = drawn.layout.unpack(total[1:])
        for rows in np.split(order, 10):
            part, of_batch = drawn.on_drawn(params, rows, drawn.energy, draws, rng)
            total[0] += part * len(rows)
            for name, derivatives in of_batch.params.items():
                sums[name][of_batch.classes] += derivatives * len(rows)
        found.append(total)
    found = np.array(found)
    standard_error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    distance = np.abs(found.mean(axis=0) - np.append(value, gradient)) / standard_error
    assert distance[0] < 3 and distance.max() < 4 and np.mean(distance < 2) > 0.85


def test_the_bias_of_the_likelihood_falls_with_the_number_of_negatives():
    biases = []
    for n_negatives in (1, 4, 11):
        drawn, exact, params = problem(negatives=Sampled(n_negatives, 0.0))
        rng, draws, values = np.random.default_rng(0), drawn.draws(), []
        for _ in range(40):
            draws.reorder(rng)
            batches = np.split(rng.permutation(N), 40)
            values.append(
                sum(
                    drawn.on_drawn(params, rows, drawn.energy, draws, rng)[0] * len(rows)
                    for rows in batches
                )
            )
        biases.append(exact.unpenalized().value(exact.layout.pack(params)) - np.mean(values))
    assert biases[0] > 2 * biases[1] > 4 * biases[2] > 0  # Jensen's inequality: below the value


def test_a_step_changes_the_classes_of_its_batch_and_no_others():
    drawn, _, params = problem(negatives=Sampled(2), k=60)
    state_of = []

    class Watched(SampledAdamState):
        def _step(self):
            before, classes = self.w.copy(), self.gradient.classes
            super()._step()
            changed = (self.objective.layout.tables(self.w - before)["coef"] != 0).any(axis=1)
            state_of.append((set(np.flatnonzero(changed)), set(classes.tolist())))

    w = drawn.layout.pack(params)
    settings = Settings(0.1, 10, "cosine", 0.9, 0.999, 1e-8, None)
    state = Watched(settings, Problem(drawn, w, 1e-4, 1, np.random.RandomState(0)))
    assert state.make_pass()
    assert len(state_of) == 12
    for changed, classes in state_of:
        assert changed == classes and len(classes) <= 10 + 3


class Counting(Linear):
    """A linear energy that counts the energies that are computed."""

    computed = 0

    def linearize(self, params, X):
        line = super().linearize(params, X)
        type(self).computed += line.energies.size
        return line


def test_the_number_of_energies_does_not_depend_on_the_number_of_classes():
    counts = {}
    for k in (100, 1000, 5000):
        drawn, _, params = problem(Counting(), negatives=Sampled(5), k=k)
        Counting.computed = 0
        draws, rng = drawn.draws(), np.random.default_rng(0)
        for rows in np.split(np.arange(N), 12):
            drawn.on_drawn(params, rows, drawn.energy, draws, rng)
        counts[k] = Counting.computed
    most = N * (N // 12 + 6)
    assert max(counts.values()) <= most


def test_the_penalty_is_made_up_for_when_a_class_occurs_again():
    """With a penalty of ¼ for each step, four steps have the gradient w."""
    drawn, _, params = problem(negatives=Sampled(1), k=60)
    settings = Settings(0.1, 10, "constant", 0.5, 0.5, 1e-8, None)
    last, lags = np.zeros(60), []

    class Watched(SampledAdamState):
        def _descend(self, w, first, second, g, decay, lag, steps, rate):
            lags.append((self.gradient.classes, np.ravel(lag), self.moments.time))

    begin = Problem(drawn, drawn.layout.pack(params), 1e-4, 1, np.random.RandomState(0))
    state = Watched(settings, begin)
    for _ in range(2):
        state.make_pass()
    assert len(lags) == 2 * 24  # for coefficients and intercepts
    for classes, lag, time in lags[::2]:
        np.testing.assert_array_equal(lag, time - last[classes])
        last[classes] = time
    w = np.array([[1.0, -2.0, 3.0]])
    first, second = np.zeros_like(w), np.zeros_like(w)
    gradient = np.zeros_like(w)
    four, one = np.array([[4.0]]), np.array([[1]])
    SampledAdamState._descend(state, w, first, second, gradient, 0.25, four, one, 0.1)
    np.testing.assert_allclose(first, [[1.0, -2.0, 3.0]])
    np.testing.assert_allclose(w, [[0.9, -1.9, 2.9]], atol=1e-6)


def test_a_search_can_go_on_from_its_memory():
    drawn, exact, params = problem()
    solver = Adam(learning_rate=0.05, batch_size=40, schedule="root")
    results = []
    for objective in (drawn, exact):
        first = search(objective, objective.layout.pack(params), solver, passes=1)
        results.append(search(objective, first.w, solver, passes=2, memory=first.memory))
    assert isinstance(results[0].memory, ClassMoments)
    np.testing.assert_allclose(results[0].w, results[1].w, atol=1e-5)


def test_the_mean_of_classes_that_did_not_occur_is_up_to_date():
    """The mean over steps, of one search and of a dense one with the same steps."""
    drawn, _, params = problem(negatives=Sampled(2), k=60)
    means, weights = [], []

    class Dense(SampledAdamState):
        def _step(self):
            super()._step()
            time = self.moments.time
            factor = 9 / (time + 8)
            means.append(self.w.copy() if not means else means[-1] + factor * (self.w - means[-1]))
            weights.append(factor)

    settings = Settings(0.1, 20, "root", 0.9, 0.999, 1e-8, None)
    begin = Problem(drawn, drawn.layout.pack(params), 1e-4, 3, np.random.RandomState(0))
    state = Dense(settings, begin)
    for _ in range(3):
        assert state.make_pass()
    assert weights[0] == 1
    np.testing.assert_allclose(state.result(True, "").w, means[-1], atol=1e-5)


def test_batches_of_one_class_are_skipped():
    X, y = np.ones((4, 1)), np.array([0, 0, 1, 1])
    rows = (Linear(), Hinge(), X, y, np.ones(4), 2, 0.0)
    drawn = SampledObjective(*rows, negatives=InBatch(), frequency=np.array([2.0, 2.0]))
    rng = np.random.default_rng(0)
    params = drawn.layout.unpack(np.zeros(4))
    value, gradient = drawn.on_drawn(params, np.array([0, 1]), drawn.energy, drawn.draws(), rng)
    assert value == 0 and gradient is None
    result = search(drawn, np.zeros(4), Adam(batch_size=1))
    np.testing.assert_array_equal(result.w, 0)


def test_layout_puts_the_classes_first():
    layout = ClassLayout({"a": (2, 3), "b": (3,), "c": (4,)}, {"a": 1, "b": 0, "absent": 0})
    params = {"a": np.arange(6.0).reshape(2, 3), "b": np.arange(3.0), "c": np.arange(4.0)}
    vector = layout.pack(params)
    for name, value in layout.unpack(vector).items():
        np.testing.assert_array_equal(value, params[name])
    assert np.shares_memory(layout.unpack(vector)["a"], vector) and layout.width == 3
    some = layout.of_classes(params, np.array([2, 0]))
    np.testing.assert_array_equal(some["a"], [[2, 0], [5, 3]])
    np.testing.assert_array_equal(some["b"], [2, 0])
    assert some["c"] is params["c"]


def test_draws_depend_on_the_generator_only():
    y = np.arange(50) % 20
    draws = Draws(Sampled(3), y, np.bincount(y).astype(float))
    one, other = (draws.answers(y[:4], np.random.default_rng(7))[0] for _ in range(2))
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first, second)
