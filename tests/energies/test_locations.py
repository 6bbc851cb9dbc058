"""Locations: nothing is said of a row by what has seen it; shares, weights, refusals."""

import pickle

import numpy as np
import pytest
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies._bank.gaussian_process import GaussianProcess
from sklearn_ebm.energies._bank.locations import Location, bases_of, shares, with_states
from sklearn_ebm.energies.banks import Folds

FORESTS = [
    ExtraTreesRegressor(5),
    GradientBoostingRegressor(n_estimators=5, subsample=0.7),
    HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=2, early_stopping=False),
]


def problem(n=40, d=3, q=1, k=4, seed=0):
    rng = np.random.RandomState(seed)
    X = rng.normal(size=(n, d))
    y = np.column_stack([np.sin((1 + j) * X[:, 0]) + 0.1 * rng.normal(size=n) for j in range(q)])
    y = (y - y.mean(axis=0)) / y.std(axis=0)
    return Rows(X, y, np.ones(n)), Folds(np.arange(n) % k, np.arange(n))


def learned(base, rows, folds, seed=0, member_predictions=()):
    return Location(base).learned(rows, folds, np.random.RandomState(seed), member_predictions)


@pytest.mark.parametrize("base", [*FORESTS, SVR(), Ridge()], ids=lambda base: type(base).__name__)
@pytest.mark.parametrize("q", [1, 2])
def test_answers_of_a_fold_do_not_enter_what_each_regressor_says_of_it(base, q):
    rows, folds = problem(q=q)
    own = folds.of_row == 1
    changed = rows._replace(y=np.where(own[:, None], -3 * rows.y, rows.y))
    # The first columns are what the regressor says; one alone has no spread.
    before, after = (learned(base, one, folds)[1].features[:, :q] for one in (rows, changed))
    np.testing.assert_array_equal(after[own], before[own])
    assert np.abs(after - before)[~own].max() > 0.1


def test_out_of_fold_and_new_rows_are_what_the_models_of_the_folds_say():
    rows, folds = problem()
    location, located = learned(Ridge(alpha=0.5), rows, folds)
    models = []
    for fold in range(folds.n_folds):
        own = folds.of_row == fold
        models.append(Ridge(alpha=0.5).fit(rows.X[~own], rows.y[~own, 0]))
        np.testing.assert_allclose(located.mean[own, 0], models[-1].predict(rows.X[own]))
    new = rows.X[:5] + 1
    np.testing.assert_allclose(
        location(new).mean[:, 0], np.mean([model.predict(new) for model in models], axis=0)
    )


@pytest.mark.parametrize("base", [Ridge(alpha=0.5), ExtraTreesRegressor(5, bootstrap=False)])
def test_five_of_ten_folds_speak_for_new_rows(base):
    rows, folds = problem(n=60, k=10)
    location, _ = learned(base, rows, folds)
    states = np.random.RandomState(0)
    said = []
    for fold in range(10):
        own = folds.of_row == fold
        model = with_states(base, states).fit(rows.X[~own], rows.y[~own, 0])
        if fold in (0, 2, 4, 6, 9):
            said.append(model.predict(rows.X))
    np.testing.assert_allclose(location(rows.X).mean[:, 0], np.mean(said, axis=0), rtol=1e-10)


def test_a_process_says_how_sure_it_is():
    rows, folds = problem(q=2)
    location, located = learned([GaussianProcess(), Ridge()], rows, folds)
    for said in (located, location(rows.X)):
        assert said.centres.shape == said.deviations.shape == (40, 1, 2)
        np.testing.assert_array_equal(said.centres[:, 0], said.features[:, :2])
        # Two regressors, their spread and a standard deviation, of two answers each.
        assert said.features.shape == (40, 8)
        np.testing.assert_allclose(np.exp(said.features[:, 6:]), said.deviations[:, 0], rtol=1e-2)
    np.testing.assert_array_equal(located.take(slice(3)).deviations, located.deviations[:3])


def test_shares_are_those_of_the_constrained_optimum():
    rng = np.random.RandomState(0)
    rows = Rows(rng.normal(size=(200, 1)), rng.normal(size=(200, 2)), rng.uniform(size=200))
    truth = np.array([[0.2, 0.8, 0.0], [0.5, 0.1, 0.4]])
    predictions = rng.normal(size=(200, 3, 2))
    y = np.einsum("njq,qj->nq", predictions, truth)
    found = shares(predictions, rows._replace(y=y))
    np.testing.assert_allclose(found, truth, atol=2e-3)
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_weights_of_rows_count_in_the_shares():
    rows = problem()[0]
    good, bad = rows.y.copy(), rows.y.copy()
    good[::2], bad[1::2] = 0, 0
    even = rows._replace(weight=np.where(np.arange(40) % 2, 0.0, 2.0))
    estimates = np.stack([good, bad], axis=1)
    assert shares(estimates, even)[0, 1] > 0.99
    assert shares(estimates, even._replace(weight=2 - even.weight))[0, 0] > 0.99


def test_companions_take_part_and_are_asked_for_again():
    rows, folds = problem()
    noise = np.random.RandomState(1).normal(size=rows.y.shape)
    feeds_location = (rows.y + 0.01 * noise, np.full_like(rows.y, 0.1))
    location, located = learned(Ridge(), rows, folds, member_predictions=[feeds_location])
    assert location.share_[0, -1] > 0.9
    np.testing.assert_array_equal(located.deviations[:, 0], feeds_location[1])
    again = location(rows.X, [feeds_location])
    np.testing.assert_array_equal(again.centres[:, 0], feeds_location[0])
    with pytest.raises(ValueError, match="beside 1 companions and is given 0"):
        location(rows.X)


@pytest.mark.parametrize("base", FORESTS[:2], ids=lambda base: type(base).__name__)
def test_rows_without_weight_are_as_rows_that_are_not_there(base):
    rows, folds = problem()
    some = np.arange(40) >= 8
    weighted = rows._replace(weight=np.where(some, 1.25, 0.0))
    every, few = (
        learned(base, *case)[1].mean
        for case in [
            (weighted, folds),
            (weighted.take(some), Folds(folds.of_row[some], np.arange(32))),
        ]
    )
    np.testing.assert_allclose(every[some], few, atol=1e-8)


def test_weights_reach_the_last_step_of_a_pipeline():
    rows, folds = problem()
    heavy = rows._replace(weight=np.where(rows.X[:, 0] > 0, 1.9, 0.1))
    pipeline = make_pipeline(StandardScaler(), Ridge())
    said = [learned(pipeline, one, folds)[1].mean for one in (rows, heavy)]
    assert np.abs(said[0] - said[1]).max() > 0.05


@pytest.mark.parametrize(
    "base", [KNeighborsRegressor(2), make_pipeline(StandardScaler(), KNeighborsRegressor(2))]
)
def test_a_regressor_without_weights_is_refused_where_they_differ(base):
    rows, folds = problem()
    learned(base, rows, folds)
    uneven = rows._replace(weight=np.linspace(0.5, 1.5, 40))
    with pytest.raises(ValueError, match="takes no sample_weight in fit, and the weights differ"):
        learned(base, uneven, folds)


@pytest.mark.parametrize("base", ["gaussian", StandardScaler(), [Ridge(), None], Ridge, []])
def test_what_is_no_regressor_is_refused(base):
    with pytest.raises(ValueError, match="pass 'auto'"):
        bases_of(base, 100, 3)


def test_every_random_state_is_set_on_a_copy():
    base = make_pipeline(StandardScaler(), ExtraTreesRegressor())
    ready = with_states(base, np.random.RandomState(0))
    assert isinstance(ready[-1].random_state, int)
    assert base[-1].random_state is None


@pytest.mark.parametrize("n, q", [(3, 1), (3, 2), (12, 1)])
@pytest.mark.parametrize("constant", [False, True])
def test_few_rows_and_constant_answers(n, q, constant):
    rows, folds = problem(n, 1, q, k=3)
    if constant:
        rows = rows._replace(y=np.zeros_like(rows.y))
    location, located = learned("auto", rows, folds)
    for said in (located, location(np.linspace(-9, 9, 5)[:, None])):
        assert all(np.isfinite(part).all() for part in said)
        assert said.mean.shape[1] == q
    np.testing.assert_allclose(location.share_.sum(axis=1), 1)


def test_it_pickles_and_depends_on_the_seed_alone():
    rows, folds = problem()
    bases = [GaussianProcess(), *FORESTS]
    location, located = learned(bases, rows, folds)
    again = learned(bases, rows, folds)[1]
    other = learned(bases, rows, folds, seed=1)[1]
    np.testing.assert_array_equal(located.features, again.features)
    assert not np.array_equal(located.features, other.features)
    back = pickle.loads(pickle.dumps(location))
    np.testing.assert_array_equal(back(rows.X).mean, location(rows.X).mean)


@pytest.mark.parametrize("n", [3, 500, 3_000, 5_000, 50_000])
def test_what_is_taken_suits_the_number_of_rows(n):
    bases = bases_of("auto", n, 3)
    assert any(isinstance(base, GaussianProcess) for base in bases) == (n <= 4_000)
    assert any(isinstance(base, HistGradientBoostingRegressor) for base in bases) == (n > 8)


def test_linear_answers_are_found():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(60, 2))
    rows = Rows(X, X[:, :1], np.ones(60))
    folds = Folds(np.arange(60) % 5, np.arange(60))
    location, located = learned([LinearRegression(), ExtraTreesRegressor(5)], rows, folds)
    assert location.share_[0, 0] > 0.99
    assert np.abs(located.mean - rows.y).max() < 0.05
