"""Rows that are there several times with their answers, and weights, in a regressor."""

import warnings

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor

from sklearn_ebm import LatentEBMRegressor
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies import (
    CONDITIONAL_ENERGIES,
    Blend,
    Decoder,
    Experts,
    Joint,
    LocationScale,
    Memory,
)
from sklearn_ebm.energies._bank.folds import together
from sklearn_ebm.energies._bank.locations import repetitions
from sklearn_ebm.estimators.regressor import CALIBRATIONS
from sklearn_ebm.learning.densities.ensemble import member_rows
from sklearn_ebm.learning.densities.rows import distinct, relative

# The file as a whole takes more than ten seconds.
pytestmark = pytest.mark.slow

MEMORY = Memory(n_trees=2, min_leaf_size=2, powers=1, bandwidths=((0.3, 0.02), (1.2, 0.01)))
EXPERTS = Experts(2, hidden_layer_sizes=(3,), n_members=2)
OBJECTS = {
    "experts": EXPERTS,
    "decoder": Decoder(n_latents=3, hidden_layer_sizes=(3,), n_members=2),
    "joint": Joint(hidden_layer_sizes=(3,), n_components=2),
    "memory": MEMORY,
    "location_scale": LocationScale(base=Ridge(), n_estimators=2),
    "blend": Blend([MEMORY, EXPERTS], base=Ridge()),
}

N = 40
RNG = np.random.RandomState(0)
X = RNG.normal(size=(N, 2))
Y = X[:, 0] + 0.3 * RNG.normal(size=N)
VECTOR = np.column_stack([Y, X[:, 1] + 0.2 * RNG.normal(size=N)])
EVERY, EVERY90 = np.arange(N), np.arange(90)
# Rows as they may come, and the weights of those rows that say the same.
COPIES = {
    "all ten times": (np.tile(EVERY, 10), None),
    "all twice": (np.repeat(EVERY, 2), None),
    "some twice": (np.append(EVERY, EVERY[:15]), 1.0 + (EVERY < 15)),
    "one often": (np.append(EVERY, np.zeros(7, dtype=int)), 1.0 + 7 * (EVERY == 0)),
}


def fit(energy, X, y, weight=None, **parameters):
    settings = {"max_iter": 3, "random_state": 0, **parameters}
    given = {name: settings.pop(name) for name in ("X_val", "y_val") if name in settings}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return LatentEBMRegressor(OBJECTS.get(energy, energy), **settings).fit(
            X, y, weight, **given
        )


def says(reg):
    """What it knows: densities of answers, the grid, and intervals."""
    y = VECTOR if reg.n_outputs_ == 2 else Y
    return np.concatenate([reg.log_prob(X, y), reg.predict_interval(X[:5], 0.6).ravel()])


def test_there_are_settings_for_every_energy():
    assert set(OBJECTS) == set(CONDITIONAL_ENERGIES)


@pytest.mark.parametrize("copies", COPIES)
@pytest.mark.parametrize("energy", CONDITIONAL_ENERGIES)
def test_copies_are_weights(energy, copies):
    """The same rows in the same order, whichever way it is said how often they are there."""
    rows, weight = COPIES[copies]
    y = VECTOR if copies == "one often" else Y
    copied, weighted = fit(energy, X[rows], y[rows]), fit(energy, X, y, weight)
    np.testing.assert_allclose(says(copied), says(weighted), rtol=1e-12)


@pytest.mark.parametrize("unit", [1 / N, 1e3])
@pytest.mark.parametrize("energy", CONDITIONAL_ENERGIES)
def test_equal_weights_are_none(energy, unit):
    equal, none = (fit(energy, X, Y, w) for w in (np.full(N, unit), None))
    np.testing.assert_array_equal(says(equal), says(none))


@pytest.mark.parametrize("energy", ["experts", "memory"])
def test_copies_calibrate_once(energy):
    """Rows that are there ten times say no more about coverage than one of them."""
    rows = np.tile(EVERY, 10)
    settings = {"calibration": "conformal", "validation_fraction": 0.2}
    copied, single = (fit(energy, X[some], Y[some], **settings) for some in (rows, EVERY))
    np.testing.assert_array_equal(says(copied), says(single))
    assert copied._conformal.n_rows == 8


@pytest.mark.parametrize("energy", ["experts", "memory"])
def test_copies_among_rows_that_judge_are_weights(energy):
    new, y = RNG.normal(size=(9, 2)), RNG.normal(size=9)
    rows = np.repeat(np.arange(9), 3)
    copied = fit(energy, X, Y, beta="auto", X_val=new[rows], y_val=y[rows])
    single = fit(energy, X, Y, beta="auto", X_val=new, y_val=y)
    np.testing.assert_array_equal(says(copied), says(single))
    assert copied.beta_ == single.beta_


@pytest.mark.parametrize("calibration", CALIBRATIONS)
@pytest.mark.parametrize("single", ["float32", "float64"])
def test_rows_that_judge_and_are_learnt_from_are_warned_of(calibration, single):
    rows = X.astype(single)
    reg = LatentEBMRegressor(MEMORY, random_state=0, calibration=calibration)
    with pytest.warns(UserWarning, match="2 different rows of X_val and y_val") as caught:
        reg.fit(rows, Y, X_val=rows[[0, 1, 2, 2]], y_val=[Y[0], Y[1], 9.0, 9.0])
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reg.fit(rows, Y, X_val=rows[:4], y_val=Y[:4] + 1.0)  # the same columns, other answers


def test_rows_that_are_all_equal_stay():
    """Not one row alone: that could not be held out."""
    rows = Rows(np.ones((6, 2)), np.ones((6, 1)), np.ones(6))
    assert len(distinct(rows).y) == 6
    for energy in ("experts", "memory", "location_scale"):
        reg = fit(energy, np.ones((6, 2)), np.ones(6))
        assert reg.predict(np.ones((1, 2))) == pytest.approx(1)


@pytest.mark.parametrize("times", [1, 10])
def test_answers_that_come_again_at_levels_are_no_copies(times):
    """Rounded answers of levels, but for the factor that all rows have in common."""
    level, answer = np.divmod(np.arange(90), 9)
    rows = np.append(EVERY90, EVERY90[answer < 3])
    here, y = level[rows, None] * 1.0, answer[rows, None] % 6.0
    copied = Rows(np.tile(here, (times, 1)), np.tile(y, (times, 1)), np.ones(times * len(rows)))
    rows = distinct(copied)
    assert len(rows.y) == len(here)
    np.testing.assert_array_equal(rows.weight, times)
    # The same levels with answers that nobody else gives: then they are copies.
    apart = distinct(Rows(here, y + 0.01 * here, np.ones(len(y))))
    assert len(apart.y) == 60 and apart.weight.sum() == len(y)


def test_weights_that_cannot_be_told_apart_are_equal():
    """Sums of weights in another order are not quite equal, and mean the same."""
    tenths = np.append(np.full(10, 0.1), 1.0)
    rows = np.append(np.zeros(10, dtype=int), 1)
    weight = relative(distinct(Rows(X[rows], Y[rows, None], tenths))).weight
    np.testing.assert_allclose(weight, 1, rtol=1e-12)


# Equal columns with other answers


def groups_that_return(rng):
    """Half of the rows in pairs; the others alone."""
    return np.append(np.repeat(np.arange(10), 2), np.arange(10, 30))[rng.permutation(40)]


@pytest.mark.parametrize("fraction", [0.02, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("seed", range(5))
def test_no_member_learns_from_a_group_that_it_leaves_out(fraction, seed):
    rng = np.random.RandomState(seed)
    group = groups_that_return(rng)
    kept, out = member_rows(40, 6, rng, fraction, group)
    for mine, theirs in zip(kept, out, strict=True):
        assert not np.isin(group[mine], group[theirs]).any()
        assert set(mine) | set(theirs) == set(range(40))
    assert abs(out.shape[1] - 40 * fraction) <= 2


@pytest.mark.parametrize("sizes", [(1, 39), (39, 1), (20, 20)])
def test_two_groups_are_divided(sizes):
    group = np.repeat([0, 1], sizes)
    kept, out = member_rows(40, 4, np.random.RandomState(0), 0.1, group)
    for mine, theirs in zip(kept, out, strict=True):
        assert len(set(group[mine])) == len(set(group[theirs])) == 1
        assert group[mine[0]] != group[theirs[0]]


def test_groups_of_one_row_are_none():
    one = member_rows(50, 6, np.random.RandomState(0), 0.1)
    other = member_rows(50, 6, np.random.RandomState(0), 0.1, np.arange(50)[::-1])
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_pairs_are_left_out_together_and_levels_are_not(monkeypatch):
    seen = []

    def recording(n_rows, n_members, rng, fraction, group):
        seen.append(group)
        return member_rows(n_rows, n_members, rng, fraction, group)

    monkeypatch.setattr("sklearn_ebm.learning.densities.learn.member_rows", recording)
    pairs, levels = np.repeat(X[:20], 2, axis=0), np.repeat(X[:8], 5, axis=0)
    fit("experts", pairs, Y)
    fit("experts", levels, Y)
    fit("experts", np.tile(levels, (10, 1)), np.tile(Y, 10))
    assert len(set(seen[0])) == 20 and np.array_equal(seen[0][::2], seen[0][1::2])
    np.testing.assert_array_equal(seen[1], EVERY)
    np.testing.assert_array_equal(seen[2], EVERY)
    # Copies of rows are no levels: what is left of them does not return.
    fit("experts", np.tile(X, (10, 1)), np.tile(Y, 10))
    assert len(seen[3]) == N and len(set(seen[3])) == N


def test_together():
    assert together(np.array([[1.0], [0.0], [1.0], [2.0]])).tolist() == [1, 0, 1, 2]


# Regressors that take no weights


def test_a_regressor_without_weights_sees_rows_as_often_as_they_count():
    energy = LocationScale(base=KNeighborsRegressor(3), n_estimators=2)
    rows = np.append(EVERY, EVERY[:15])
    copied, weighted = fit(energy, X[rows], Y[rows]), fit(energy, X, Y, 1.0 + (EVERY < 15))
    np.testing.assert_array_equal(says(copied), says(weighted))
    (part,) = copied.energy_._location.parts_
    seen = {len(models[0]._fit_X) for models in part.models}
    assert max(seen) > N  # nine tenths of 55 rows, but for a fold
    with pytest.raises(ValueError, match="KNeighborsRegressor takes no sample_weight"):
        fit(energy, X, Y, RNG.uniform(1, 2, size=N))


@pytest.mark.parametrize(
    ("weight", "times"),
    [
        ([1.0, 1.0], [1, 1]),
        ([0.2, 0.1, 0.0], [2, 1, 0]),
        ([2.0, 3.0], [2, 3]),
        ([1.0, 1.0 + 1e-4], None),
        ([1.0, 1e6], None),
    ],
)
def test_repetitions(weight, times):
    found = repetitions(np.array(weight))
    assert (found if times is None else found.tolist()) == times
