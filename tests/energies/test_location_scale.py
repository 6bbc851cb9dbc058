"""Location and scale: densities, leaks, scales that follow the noise, edge cases."""

import pickle

import numpy as np
import pytest
from scipy import integrate, optimize
from scipy.special import logsumexp
from scipy.stats import norm
from sklearn.base import clone
from sklearn.linear_model import Ridge

from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies._bank.backgrounds import BroadComponents
from sklearn_ebm.energies._bank.gaussian_process import GaussianProcess
from sklearn_ebm.energies._bank.locations import Location
from sklearn_ebm.energies._bank.prior import bank_of, most_likely_prior
from sklearn_ebm.energies._gaussian.quadratics import Quadratics
from sklearn_ebm.energies.banks import Folds, LocationPrediction
from sklearn_ebm.energies.location_scale import FACTORS, POWERS, LocationScale, LogLinear

FLOOR = 1e-3


def problem(n=60, d=2, q=1, k=4, validation=None, seed=0):
    """Answers whose noise is ten times as large on one side as on the other."""
    rng = np.random.RandomState(seed)
    X = rng.normal(size=(n, d))
    noise = np.where(X[:, :1] > 0, 0.5, 0.05) * rng.normal(size=(n, q))
    y = X[:, -1:] + noise
    rows = Rows(X, (y - y.mean(axis=0)) / y.std(axis=0), np.ones(n))
    return rows, Folds(np.arange(n) % k, np.arange(n) if validation is None else validation)


def learned(rows, folds, base=None, floor=FLOOR, **settings):
    bases = [GaussianProcess(), Ridge()] if base is None else base
    location, located = Location(bases).learned(rows, folds, np.random.RandomState(0))
    energy = LocationScale(**{"n_estimators": 10, **settings})
    floors = np.full(rows.y.shape[1], floor)
    energy, elements = energy.learned(rows, folds, located, floors, np.random.RandomState(1))
    energy._location = location
    return energy, elements, located


@pytest.fixture(scope="module")
def known():
    rows, folds = problem()
    return rows, folds, *learned(rows, folds)


def test_every_element_integrates_to_one(known):
    rows, _, energy, elements, _ = known
    new = energy.elements(rows.X[:2], energy._location(rows.X[:2]))
    assert len(new) == len(elements) == len(FACTORS) * (len(POWERS) + 2)
    y = np.linspace(-60, 60, 200_001)
    for element in new:
        density = np.exp(-element.take([0]).energies(y[None, :, None])[0, :, 0])
        assert integrate.trapezoid(density, y) == pytest.approx(1, abs=1e-6)


def test_two_answers_integrate_to_one():
    rows, folds = problem(q=2)
    energy, _, _ = learned(rows, folds)
    elements = energy.elements(rows.X[:1], energy._location(rows.X[:1]))
    for element in elements[FACTORS.index(1.2) :: len(FACTORS)]:
        mean, scale = element.means[0, 0], np.diagonal(element.factors[0, 0])
        assert scale[0] != scale[1]
        side = np.linspace(-8, 8, 161)
        y = mean + scale * np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
        density = np.exp(-element.energies(y[None])).sum() * 0.1**2 * scale.prod()
        assert density == pytest.approx(1, abs=1e-6)


def test_scales_follow_the_noise_and_the_bank_beats_one_width():
    rows, folds = problem(300)
    _, elements, located = learned(rows, folds, n_estimators=50)
    combined = elements[FACTORS.index(1.2) + len(POWERS) * len(FACTORS)].factors.ravel()
    noisy = rows.X[:, 0] > 0
    assert np.median(combined[noisy]) > 3 * np.median(combined[~noisy])
    log_density = bank_of(elements, rows.y)
    prior, _ = most_likely_prior(log_density, rows.weight, np.zeros(len(elements)))
    bank = np.logaddexp.reduce(log_density + prior, axis=1).mean()
    residual = rows.y - located.mean
    assert bank > norm.logpdf(residual, scale=residual.std()).mean() + 0.3


def test_answers_of_a_fold_do_not_enter_the_trees_that_judge_it(known):
    rows, folds, _, _, located = known
    own = folds.of_row == 1
    changed = rows._replace(y=np.where(own[:, None], rows.y + 9, rows.y))
    before, after = (
        LocationScale(n_estimators=10)._trees(
            one, folds, located, np.full(1, FLOOR), np.random.RandomState(1)
        )[1]
        for one in (rows, changed)
    )
    np.testing.assert_array_equal(after[own], before[own])
    assert np.abs(after - before)[~own].max() > 0.1


def test_a_row_without_weight_is_as_one_that_is_not_there(known):
    rows, folds, _, _, located = known
    some = np.arange(60) >= 8
    weighted = rows._replace(weight=np.where(some, 60 / 52, 0.0))
    every = LocationScale(n_estimators=10).learned(
        weighted, folds, located, np.full(1, FLOOR), np.random.RandomState(1)
    )[1]
    few = LocationScale(n_estimators=10).learned(
        weighted.take(some),
        Folds(folds.of_row[some], np.arange(52)),
        located.take(some),
        np.full(1, FLOOR),
        np.random.RandomState(1),
    )[1]
    for one, other in zip(every, few, strict=True):
        np.testing.assert_allclose(one.factors[some], other.factors, rtol=1e-6)


def test_judges_of_one_fold_are_enough():
    rows, folds = problem(validation=np.arange(0, 60, 4))
    energy, elements, _ = learned(rows, folds)
    assert elements[0].means.shape == (15, 1, 1)
    assert energy._scales.trees.trees.n_trees == 10


@pytest.mark.parametrize("floor", [1e-3, 0.3])
def test_no_scale_is_below_the_floor(floor):
    rows, folds = problem()
    energy, elements, _ = learned(rows, folds, floor=floor)
    assert min(element.factors.min() for element in elements) >= floor
    assert energy._smallest_scale == floor


@pytest.mark.parametrize("q", [1, 2])
@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("n", [3, 10])
@pytest.mark.parametrize("constant", [False, True])
def test_few_rows_and_constant_answers(n, d, q, constant):
    rows, folds = problem(n, d, q, k=3)
    if constant:
        rows = rows._replace(y=np.zeros_like(rows.y))
    energy, elements, _ = learned(rows, folds)
    log_density = bank_of(elements, rows.y)
    assert np.isfinite(log_density[:, -1]).all()
    for element in elements:
        # ∫ exp(−level − |(y − mean)/scale|²/2) dy is 1.
        mass = np.linalg.slogdet(element.factors)[1] - element.levels + q / 2 * np.log(2 * np.pi)
        np.testing.assert_allclose(logsumexp(mass, axis=1), 0, atol=1e-12)
        if constant:
            assert not element.means.any()
    assert not np.isnan(log_density).any()
    far = energy.elements(np.full((1, d), 1e3), energy._location(np.full((1, d), 1e3)))
    assert np.isfinite(bank_of(far, np.zeros((1, q)))).any()


def test_scale_is_the_likeliest_of_its_kind():
    rng = np.random.RandomState(0)
    columns, weight = rng.normal(size=(50, 2)), rng.uniform(0.5, 2, size=50)
    residual = np.exp(columns[:, 0]) * rng.laplace(size=50)
    fit = LogLinear.fitted(columns, residual, weight)
    design = np.column_stack([np.ones(50), columns - fit.centre])

    def misfit(coef):
        log_scale = design @ coef
        prior = 1.5 * np.square(coef[1:] - 0.5).sum()
        return weight @ (log_scale + np.abs(residual) * np.exp(-log_scale)) + prior

    best = optimize.minimize(misfit, np.zeros(3), tol=1e-10)
    np.testing.assert_allclose(fit.coef, best.x, atol=1e-4)
    np.testing.assert_allclose(fit(columns), design @ fit.coef)


def test_it_pickles_clones_and_depends_on_the_seed_alone(known):
    rows, folds, energy, elements, _ = known
    again = learned(rows, folds)[1]
    np.testing.assert_array_equal(again[0].factors, elements[0].factors)
    said = energy._location(rows.X[:4])
    for other in (pickle.loads(pickle.dumps(energy)), clone(energy)):
        for one, two in zip(
            energy.elements(rows.X[:4], said), other.elements(rows.X[:4], said), strict=True
        ):
            np.testing.assert_array_equal(one.factors, two.factors)
    assert energy._width(1) >= len(elements)


def test_with_backgrounds_and_a_prior_it_is_one_mixture(known):
    rows, _, energy, elements, _ = known
    energy = clone(energy)
    energy._backgrounds = BroadComponents.around(rows.y, 0.0)
    new = rows.X[:4]
    bank = [*energy.elements(new, energy._location(new)), *energy._backgrounds.elements(4)]
    log_prior = np.log(np.random.RandomState(0).dirichlet(np.ones(len(bank))))
    said = energy._quadratics({"log_prior": log_prior}, new)
    whole = Quadratics.joined(bank, log_prior)
    assert len(elements) + len(energy._backgrounds.widths) == len(bank) >= said.levels.shape[1]
    np.testing.assert_allclose(said.log_prob(rows.y[:4]), whole.log_prob(rows.y[:4]), atol=1e-3)


@pytest.mark.parametrize("settings", [{"base": None}, {"n_estimators": 0}])
def test_settings_are_refused(settings):
    with pytest.raises(ValueError, match=r"pass|whole number"):
        LocationScale(**settings)._validate()


def test_located_takes_rows_of_what_it_has():
    located = LocationPrediction(np.zeros((3, 1)), np.ones((3, 2)))
    assert located.take([0]).deviations is None
