"""Answers that are learned through a transform: wrong entries, and sizes over decades."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge

from sklearn_ebm import LatentEBMRegressor
from sklearn_ebm.energies import Blend, Experts, LocationScale, Memory
from sklearn_ebm.learning.densities.transforms import CORE

# The file as a whole takes more than ten seconds.
pytestmark = pytest.mark.slow

RNG = np.random.RandomState(0)
X, NEW = RNG.normal(size=(250, 2)), RNG.normal(size=(200, 2))
NOISE, NEW_NOISE = RNG.normal(size=250), RNG.normal(size=200)
SCALE = LocationScale(base=Ridge(1e-3), n_estimators=10)
ENERGIES = {
    "experts": Experts(n_members=3),
    "memory": Memory(n_trees=10),
    "location_scale": SCALE,
    "blend": Blend([Memory(n_trees=5), SCALE]),
}


def fit(energy, y, X=X, **settings):
    settings = {"random_state": 0, "max_iter": 60} | settings
    return LatentEBMRegressor(energy, **settings).fit(X, y)


@pytest.mark.parametrize("name", ENERGIES)
@pytest.mark.parametrize("wrong", [1e4, -1e6])
def test_wrong_answers_widen_no_other_interval(name, wrong):
    """Central 90 % of 2 x + 0.3 ε are 0.99 wide."""
    y = 2 * X[:, 0] + 0.3 * NOISE
    y[:2] = wrong
    reg = fit(ENERGIES[name], y)
    low, high = reg.predict_interval(NEW, 0.9).T
    truth = 2 * NEW[:, 0] + 0.3 * NEW_NOISE
    assert np.median(high - low) < 4
    assert np.mean((low <= truth) & (truth <= high)) > 0.8
    assert reg.y_transform_.core > 0


@pytest.mark.parametrize("name", ENERGIES)
@pytest.mark.parametrize("sign", [1, -1])
def test_small_answers_among_large_ones(name, sign):
    """y = ± exp(2.5 x + 0.3 ε): 90 % intervals are 1.01 exp(2.5 x) wide, whatever x is."""
    y = sign * np.exp(2.5 * X[:, 0] + 0.3 * NOISE)
    reg = fit(ENERGIES[name], y)
    small = np.abs(NEW[:, 0] + 0.9) < 0.6
    size = np.exp(2.5 * NEW[small, 0])
    low, high = reg.predict_interval(NEW[small], 0.9).T
    truth = sign * size * np.exp(0.3 * NEW_NOISE[small])
    # Of 67 rows: the standard error is 0.04, and three members of experts hold 0.8.
    assert 0.68 < np.mean((low <= truth) & (truth <= high)) < 0.99
    assert 0.6 < np.median((high - low) / size) < 2.5
    assert (
        reg.log_prob(NEW[small], truth).mean()
        > fit(ENERGIES[name], y, y_transform=None).log_prob(NEW[small], truth).mean()
    )


@pytest.mark.parametrize(("name", "most"), [("memory", 0.6), ("experts", 10.0)])
def test_moments_and_modes_of_small_and_large_answers(name, most):
    """y = exp(x log 10⁵ + 0.1 ε) for x in [0, 1]: the standard deviation is a tenth of y,
    everywhere."""
    rows = RNG.uniform(0, 1, size=(300, 1))
    y = np.exp(np.log(1e5) * rows[:, 0] + 0.1 * RNG.normal(size=300))
    reg = fit(ENERGIES[name], y, rows)
    places = np.array([[0.1], [0.5], [0.9]])
    size = 1e5 ** places[:, 0]
    law = reg.predict_distribution(places)
    for said in (reg.predict(places), law.mean(), law.median()):
        np.testing.assert_allclose(said, size, rtol=0.4)
    assert (law.std() < most * size).all()


def test_answers_of_both_signs_are_not_sizes():
    y = np.where(X[:, 0] < 0, 1e-3, 1.0) * NOISE
    transform = fit(ENERGIES["memory"], y).y_transform_
    assert transform.core == CORE and transform.scale < 0.1


def test_ordinary_answers_stay_as_they_are():
    y = X[:, 0] + NOISE
    reg, plain = (fit(ENERGIES["memory"], y, y_transform=asked) for asked in ("auto", None))
    assert reg.y_transform_ is None
    rows, answers = NEW[:50], NEW_NOISE[:50]
    np.testing.assert_array_equal(reg.log_prob(rows, answers), plain.log_prob(rows, answers))


@pytest.mark.parametrize("energy", ["memory", "experts"])
def test_everything_speaks_of_y_itself(energy):
    y = np.exp(2 * X[:, 0] + 0.3 * NOISE)
    reg = fit(ENERGIES[energy], y, y_transform="log", max_iter=10)
    rows = NEW[:3]
    law = reg.predict_distribution(rows)
    answers = law.ppf(np.array([0.1, 0.5, 0.9]))
    # exp(−F) is the density of t(y), up to a constant, which is that of the units.
    lacking = reg.log_prob(rows, answers) + reg.energies(rows, answers)
    lacking -= reg.y_transform_.log_slope(answers)
    modes = reg.predict(rows)[:, None]
    assert (reg.energies(rows, modes) <= reg.energies(rows, answers).min(axis=1)[:, None]).all()
    np.testing.assert_allclose(lacking, np.broadcast_to(lacking[:1, :1], (3, 3)), atol=1e-6)
    step = 1e-5 * answers
    slope = (law.cdf(answers + step) - law.cdf(answers - step)) / (2 * step)
    np.testing.assert_allclose(np.exp(reg.log_prob(rows, answers)), slope, rtol=1e-4)
    shares = reg.latent_responsibilities(rows, answers[:, 1]).shares
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    again = pickle.loads(pickle.dumps(reg))
    np.testing.assert_array_equal(again.log_prob(rows, answers), reg.log_prob(rows, answers))
    assert clone(reg).y_transform == "log"


def test_the_report_is_of_y_itself(monkeypatch):
    """In another unit of y likelihoods move by the logarithm of that unit."""
    y = np.exp(2.5 * X[:, 0] + 0.3 * NOISE)
    members = [("memory", ENERGIES["memory"])]
    monkeypatch.setattr(
        "sklearn_ebm.learning.densities.learn.suitable_members", lambda *_, **__: members
    )
    one, other = (LatentEBMRegressor(random_state=0).fit(X, unit * y) for unit in (1.0, 10.0))
    moved = other.auto_report_.held_out_nll - one.auto_report_.held_out_nll
    np.testing.assert_allclose(moved, np.log(10), atol=0.05)
    said = -one.log_prob(X, y).mean()
    assert said < one.auto_report_.held_out_nll.min() < said + 2


@pytest.mark.parametrize("shape", ["wrong", "decades"])
def test_any_unit_of_y(shape):
    """Powers of two change no digit."""
    unit = 2.0**100
    y = X[:, 0] + 0.1 * NOISE if shape == "wrong" else np.exp(3 * X[:, 0] + NOISE)
    if shape == "wrong":
        y[:3] = 1e5
    levels = [0.1, 0.5, 0.9]
    one, other = fit(ENERGIES["memory"], y), fit(ENERGIES["memory"], unit * y)
    assert (one.y_transform_ is None) == (other.y_transform_ is None)
    there = other.predict_quantiles(NEW[:50], levels) / unit
    np.testing.assert_allclose(there, one.predict_quantiles(NEW[:50], levels), rtol=1e-9)


def test_weights_are_repetitions_for_the_transform():
    y = np.exp(3 * X[:50, 0])
    y[0] = 1e9
    twice = np.repeat(np.arange(50), 1 + np.arange(50) % 2)
    one = LatentEBMRegressor(ENERGIES["memory"], y_transform="log", random_state=0)
    one.fit(X[:50], y, sample_weight=1 + np.arange(50) % 2)
    other = fit(ENERGIES["memory"], y[twice], X[twice], y_transform="log")
    assert one.y_transform_ == other.y_transform_


@pytest.mark.parametrize("asked", ["logarithm", 3, True])
def test_unknown_transforms_are_refused(asked):
    with pytest.raises(ValueError, match="y_transform"):
        fit("memory", X[:, 0], y_transform=asked)


def test_a_transform_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="one output"):
        fit("memory", X, y_transform="log")
    with pytest.raises(ValueError, match="other than 0"):
        fit("memory", np.zeros(250), y_transform="log")
    with pytest.raises(ValueError, match="loss='nll'"):
        fit("experts", X[:, 0], loss="hinge", y_transform="log")
