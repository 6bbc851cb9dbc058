"""Learning of energies of any form: gradients against integrals, chains, and divergence."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from sklearn_ebm import LatentEBMRegressor
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies import Joint
from sklearn_ebm.learning.densities import free_form
from sklearn_ebm.learning.densities.free_form import FreeFormObjective, held_out_pairs, slack_of
from sklearn_ebm.learning.monitor import TrainingMonitor
from sklearn_ebm.losses.negatives import MCMC, Importance, Persistent, Quadrature
from sklearn_ebm.losses.sampled import NCE, SNL, SampledNLL, ScoreMatching
from sklearn_ebm.solvers import Adam
from sklearn_ebm.solvers.base import Problem
from sklearn_ebm.solvers.objective import Gradient

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 2))
Y = (X[:, 0] + RNG.choice([-1.0, 1.0], 12))[:, None]
WEIGHT = np.linspace(0.5, 1.5, 12)


def objective_of(loss=None, negatives=None, seed=1, size=0.7, rows=None, dtype=np.float64):
    """The objective, and random parameters with which the density has several modes."""
    given = Rows(X.astype(dtype), Y, WEIGHT)
    energy = Joint((6,), "tanh", n_components=2).initialized(given, 1, np.random.RandomState(0))
    objective = FreeFormObjective(
        energy, loss or SampledNLL(energy_penalty=0.0), energy._standardize_rows(given.X),
        energy._standardize_answers(Y).astype(dtype), WEIGHT,
        np.arange(12)[None] if rows is None else rows, negatives or Importance(16),
    )  # fmt: skip
    rng = np.random.RandomState(seed)
    params = {name: size * rng.normal(size=part) for name, part in energy.shapes(2, 1).items()}
    params["y_weight"] *= 4
    return objective, {name: part.astype(dtype) for name, part in params.items()}


def gradient_of(objective, params, rng):
    """The value and the gradient of the mean loss of all samples."""
    gradient = Gradient(objective.layout, objective.dtype)
    energy = objective.energy._for_step(rng)
    value = objective.on_batch(params, slice(0, 12), 1 / 12, energy, gradient)
    return value, gradient.vector.copy()


def exact_gradient():
    objective, params = objective_of(negatives=Quadrature(4_000, reach=10.0))
    return gradient_of(objective, params, np.random.RandomState(0))[1]


@pytest.mark.parametrize(
    "negatives",
    [
        Persistent(n_steps=8, n_chains=30, step_size=0.3),
        MCMC(n_steps=300, n_chains=30, step_size=0.3, jump_every=2),
        Importance(2_000),
    ],
    ids=repr,
)
def test_the_gradient_of_the_likelihood_is_unbiased(negatives):
    """In random directions, within three standard errors of runs with seeds of their own."""
    exact, found = exact_gradient(), []
    for seed in range(12):
        objective, params = objective_of(negatives=negatives)
        rng = np.random.RandomState(seed)
        for _ in range(10 if isinstance(negatives, Persistent) else 1):
            _, gradient = gradient_of(objective, params, rng)
        found.append(gradient)
    directions = np.random.RandomState(2).normal(size=(len(exact), 6))
    along, expected = np.array(found) @ directions, exact @ directions
    error = along.std(axis=0, ddof=1) / np.sqrt(12)
    assert (np.abs(along.mean(axis=0) - expected) < 3 * error).all()
    assert (error < 0.1 * np.abs(expected).max()).all()


def test_without_jumps_the_weights_of_branches_are_not_learned():
    """The same test fails for chains that remain where they start, so it can fail."""
    exact, found = exact_gradient(), []
    for seed in range(12):
        objective, params = objective_of(negatives=MCMC(n_steps=5, n_chains=30, step_size=0.05))
        found.append(gradient_of(objective, params, np.random.RandomState(seed))[1])
    error = np.std(found, axis=0, ddof=1) / np.sqrt(12)
    assert (np.abs(np.mean(found, axis=0) - exact) > 10 * error).any()


@pytest.mark.parametrize("loss", [SampledNLL(), NCE(), SNL(), ScoreMatching()], ids=repr)
def test_the_gradient_is_the_derivative_of_the_value(loss):
    """With the same draws; samples of a larger weight count more."""
    objective, params = objective_of(loss, loss.own_negatives(), size=0.3)
    w = objective.layout.pack(params)
    value, gradient = gradient_of(objective, params, np.random.RandomState(3))
    for seed in range(4):
        direction = np.random.RandomState(seed).normal(size=len(w))
        direction /= np.linalg.norm(direction)
        values = [
            gradient_of(
                objective, objective.layout.unpack(w + step * direction), np.random.RandomState(3)
            )[0]
            for step in (1e-6, -1e-6)
        ]
        expected = (values[0] - values[1]) / 2e-6
        assert gradient @ direction == pytest.approx(expected, abs=1e-6 * (1 + abs(value)))


def test_long_gradients_are_shortened_and_keep_their_direction(monkeypatch):
    objective, params = objective_of()
    _, whole = gradient_of(objective, params, np.random.RandomState(0))
    monkeypatch.setattr(free_form, "LONGEST", 0.01)
    _, short = gradient_of(objective, params, np.random.RandomState(0))
    assert np.linalg.norm(short) == pytest.approx(0.01)
    np.testing.assert_allclose(short / 0.01, whole / np.linalg.norm(whole))


@pytest.mark.parametrize("loss", [SampledNLL(), NCE(), ScoreMatching()], ids=repr)
def test_the_value_after_a_pass_is_the_likelihood_whatever_the_loss(loss, monkeypatch):
    monkeypatch.setattr(free_form, "DRAWS_OF_VALUE", 20_000)
    objective, params = objective_of(loss, loss.own_negatives())
    vector = objective.layout.pack(params)
    law = objective.free_form.distribution(params, X, 1.0)
    units = objective.free_form._units
    exact = -WEIGHT @ (law.log_prob(Y[:, 0]) + units.log_unit)
    assert objective.value(vector) == pytest.approx(exact, abs=0.02 * WEIGHT.sum())
    assert objective.value(vector) == objective.value(vector)
    some = objective.on_rows(np.arange(6)[None])
    rest = objective.on_rows(np.arange(6, 12)[None])
    assert some.value(vector) + rest.value(vector) == pytest.approx(
        objective.value(vector), abs=0.02 * WEIGHT.sum()
    )


@pytest.mark.parametrize("beta", [1.0, 2.5])
def test_likelihoods_of_held_out_samples_at_any_beta(beta, monkeypatch):
    monkeypatch.setattr(free_form, "DRAWS_FOR_BETA", 100_000)
    objective, params = objective_of()
    energy = objective.free_form
    pairs = held_out_pairs(energy, params, Rows(X, Y, WEIGHT))
    expected = energy.distribution(params, X, beta).log_prob(Y[:, 0])
    np.testing.assert_allclose(pairs.log_prob(energy._units, beta), expected, atol=0.05)


def test_rounded_objectives_have_chains_in_float32():
    objective, params = objective_of(negatives=Persistent())
    rounded = objective.rounded()
    assert rounded.rounded() is rounded and rounded.dtype == np.float32
    narrow = {name: part.astype(np.float32) for name, part in params.items()}
    value, gradient = gradient_of(rounded, narrow, np.random.RandomState(0))
    assert np.isfinite(value) and gradient.dtype == np.float32
    assert objective.source._answers is not rounded.source._answers


# Divergence


def test_energies_of_chains_far_from_those_of_answers_end_a_pass(monkeypatch):
    objective, params = objective_of(negatives=Persistent())
    gradient_of(objective, params, np.random.RandomState(0))
    assert not np.array_equal(objective.source._answers[:, 0], objective.answers)
    monkeypatch.setattr(free_form, "DIVERGED", 1e-9)
    value, _ = gradient_of(objective, params, np.random.RandomState(1))
    assert value == np.inf
    np.testing.assert_array_equal(objective.source._answers[:, 0], objective.answers)


class ExplodesOnce(FreeFormObjective):
    """An objective whose losses explode in some evaluations."""

    at: tuple = ()
    evaluations = 0

    def on_batch(self, params, rows, factor, energy, gradient):
        ExplodesOnce.evaluations += 1
        value = super().on_batch(params, rows, factor, energy, gradient)
        return np.inf if ExplodesOnce.evaluations in self.at else value


@pytest.mark.parametrize(("at", "expected"), [((), 0), ((5,), 1), ((5, 7), 2)])
def test_restarts_are_counted_and_halve_the_rate(at, expected, monkeypatch):
    monkeypatch.setattr(ExplodesOnce, "at", at)
    monkeypatch.setattr(ExplodesOnce, "evaluations", 0)
    objective, params = objective_of()
    objective.__class__ = ExplodesOnce
    problem = Problem(
        objective, objective.layout.pack(params), tol=0.0, max_iter=6, rng=np.random.RandomState(0)
    )
    result = Adam(learning_rate=1e-3, batch_size=4, weight_decay=0.0).minimize(problem)
    assert result.n_restarts == expected and result.n_iter == 6
    assert np.isfinite(result.w).all()


# Fits


def data(n=120, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.uniform(-1, 1, size=(n, 1))
    return rows, rows[:, 0] + rng.choice([-1.0, 1.0], n) + 0.1 * rng.normal(size=n)


NEGATIVES = [Importance(), Quadrature(30), MCMC(jump_every=3), Persistent()]
JOINT = Joint(hidden_layer_sizes=(8,), n_components=3)


@pytest.mark.parametrize("negatives", NEGATIVES, ids=repr)
def test_fits_with_the_same_seed_are_equal_and_leave_the_parts_alone(negatives):
    rows, y = data()
    before = repr(vars(negatives))
    first, second, other = (
        LatentEBMRegressor(JOINT, negatives=negatives, max_iter=4, random_state=seed).fit(rows, y)
        for seed in (0, 0, 1)
    )
    for name, part in first.params_.items():
        np.testing.assert_array_equal(part, second.params_[name])
    assert not np.array_equal(first.params_["x_weight"], other.params_["x_weight"])
    assert repr(vars(negatives)) == before


@pytest.mark.parametrize("negatives", NEGATIVES, ids=repr)
def test_results_do_not_depend_on_threads(negatives, monkeypatch):
    """With parts of a batch that are evaluated in several threads, or one after the other."""
    rows, y = data()
    monkeypatch.setattr("sklearn_ebm.solvers._adam_search.PART_WORK", 500)
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            reg = LatentEBMRegressor(JOINT, negatives=negatives, max_iter=3).fit(rows, y)
        found.append(reg)
    for name, part in found[0].params_.items():
        np.testing.assert_array_equal(part, found[1].params_[name])


def test_later_parameters_win_among_equal_held_out_losses():
    watch = TrainingMonitor(patience=2)
    watch.slack = 0.1
    for loss, w in ((1.0, 0), (1.05, 1), (0.9, 2), (0.98, 3), (1.2, 4)):
        watch._compare(loss, np.array([w]))
    assert watch.best.tolist() == [3] and watch._lowest == 0.9
    assert slack_of(100) == pytest.approx(0.03)
    strict = TrainingMonitor(patience=2)
    for loss, w in ((1.0, 0), (1.05, 1), (0.9, 2), (0.98, 3)):
        strict._compare(loss, np.array([w]))
    assert strict.best.tolist() == [2]
