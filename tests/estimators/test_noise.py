"""What users read as the uncertainty is about the noise: moments, quantiles, draws."""

import warnings

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from sklearn_ebm import LatentEBMRegressor
from sklearn_ebm.energies import Blend, Decoder, Experts, LocationScale, Memory
from sklearn_ebm.energies._bank.backgrounds import SHARE_OF_VARIANCE, WIDTHS, BroadComponents
from sklearn_ebm.energies._bank.prior import bank_of
from sklearn_ebm.exceptions import FewAnswersWarning
from sklearn_ebm.learning.densities import stacking as by_counting

# The file as a whole takes more than ten seconds.
pytestmark = pytest.mark.slow

RNG = np.random.RandomState(0)
X, NEW = RNG.uniform(-1, 1, size=(150, 2)), RNG.uniform(-0.9, 0.9, size=(200, 2))
SCALE = LocationScale(base=Ridge(1e-3), n_estimators=10)
COUNTING = {
    "memory": Memory(n_trees=10),
    "location_scale": SCALE,
    "blend": Blend([Memory(n_trees=5), SCALE]),
}
EVERY = {"experts": Experts(n_members=2), "decoder": Decoder(n_members=2, n_latents=8), **COUNTING}


def fit(energy, y, rows=X, **given):
    settings = {name: given.pop(name) for name in [*given] if not name.endswith("_val")}
    reg = LatentEBMRegressor(energy, random_state=0, max_iter=40, **settings)
    return reg.fit(rows, y, **given)


@pytest.mark.parametrize("name", COUNTING)
@pytest.mark.parametrize("noise", [0.1, 0.0])
def test_the_deviation_is_that_of_the_errors(name, noise):
    """In any unit; backgrounds that reach all answers add no more than their share to it."""
    y = 50 * (X[:, 0] + noise * RNG.normal(size=150))
    truth = 50 * (NEW[:, 0] + noise * RNG.normal(size=200))
    reg = fit(COUNTING[name], y)
    law = reg.predict_distribution(NEW)
    error = np.sqrt(np.mean((law.mean() - truth) ** 2))
    if noise:  # else the error is less than the narrowest width, or than what rows left out said
        assert np.median(law.std()) < 2 * error
    half = np.median(np.diff(reg.predict_interval(NEW, 0.6827), axis=1)) / 2
    assert np.median(law.std()) < 3 * half
    drawn = reg.sample(NEW, 200, random_state=0)
    assert np.mean(np.abs(drawn - y.mean()) > 6 * y.std()) < 1e-4


def test_backgrounds_add_their_share_of_the_variance_and_no_more():
    """Of a Gaussian of known height; each is a standard deviation of the answers away."""
    answers = np.linspace(-2, 2, 50)[:, None]
    for deviation in (1e-4, 0.01, 0.5):
        least = BroadComponents.around(answers, -np.log(deviation * np.sqrt(2 * np.pi))).least_prior
        added = least @ (1 + np.square(WIDTHS))
        assert added <= SHARE_OF_VARIANCE * deviation**2 * (1 + 1e-9)
        assert (least > 0).all()
    unsure = BroadComponents.around(answers, -np.inf).least_prior
    assert unsure == pytest.approx(np.full(3, 0.3 / 50 / (1 + 3 * 0.3 / 50)))


def test_backgrounds_go_by_the_quiet_rows():
    """A fifth of the rows has noise of 0.01, the others of 1: heights are 1/(s √2π)."""
    scale = np.where(np.arange(100) < 20, 0.01, 1.0)
    log_density = -np.log(scale * np.sqrt(2 * np.pi))[:, None]
    answers = np.zeros((100, 1))
    behind = bank_of(BroadComponents.around(answers, -np.inf).elements(100), answers)
    height = by_counting._height(np.hstack([log_density, behind]), np.ones(100))
    found = BroadComponents.around(answers, height)
    least = BroadComponents.around(answers, -np.log(0.01 * np.sqrt(2 * np.pi))).least_prior
    np.testing.assert_allclose(found.least_prior, least, rtol=0.1)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("constant", [7.3, 0.0, -1e20])
def test_a_constant_answer_is_that_constant(name, constant):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FewAnswersWarning)
        reg = fit(EVERY[name], np.full(40, constant), X[:40])
    size = abs(constant) or 1.0
    law = reg.predict_distribution(NEW[:5])
    for said in (reg.predict(NEW[:5]), law.mean(), law.median()):
        np.testing.assert_allclose(said, constant, atol=1e-9 * size)
    assert law.std().max() < 1e-8 * size


def test_one_of_two_answers_is_constant():
    y = np.column_stack([X[:, 0], np.full(150, 3.0)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FewAnswersWarning)
        law = fit(Memory(n_trees=20), y).predict_distribution(NEW)
    np.testing.assert_allclose(law.mean()[:, 1], 3, atol=1e-8)
    assert law.std()[:, 1].max() < 1e-7 and np.corrcoef(law.mean()[:, 0], NEW[:, 0])[0, 1] > 0.9


@pytest.mark.parametrize("name", ["experts", "memory", "blend"])
@pytest.mark.parametrize("n_given", [1, 5])
def test_few_rows_of_the_user_have_little_to_say(name, n_given):
    """They count as much as rows that are left out, of which there are many more."""
    y = X[:, 0] + 0.2 * RNG.normal(size=150)
    rows = NEW[:n_given]
    given = {"X_val": rows, "y_val": rows[:, 0] + 0.2 * RNG.normal(size=n_given)}
    width = [
        np.median(np.diff(reg.predict_interval(NEW, 0.95), axis=1))
        for reg in (fit(EVERY[name], y, **given), fit(EVERY[name], y))
    ]
    assert width[0] == pytest.approx(width[1], rel=0.3)


def test_rows_of_the_user_that_are_many_decide_alone():
    """Members then learn from all rows: more rows in each pass."""
    y = X[:, 0] + 0.2 * RNG.normal(size=150)
    many = fit(EVERY["experts"], y, X_val=NEW[:15], y_val=NEW[:15, 0])
    few = fit(EVERY["experts"], y, X_val=NEW[:14], y_val=NEW[:14, 0])
    beside = fit(EVERY["experts"], y, X_val=NEW[:15], y_val=NEW[:15, 0], validation_fraction=0.2)
    assert many.validation_loss_curve_[0] != few.validation_loss_curve_[0]
    assert beside.validation_loss_curve_[0] != many.validation_loss_curve_[0]
