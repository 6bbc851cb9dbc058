"""`sample`: draws, diagnostics, warnings that say why, and refusals."""

import warnings

import numpy as np
import pytest
from known import Potts, banana, gaussian, mixture, normal, surface, wall
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ebm.distributions import GaussianMixture
from sklearn_ebm.exceptions import SamplingWarning
from sklearn_ebm.samplers import HMC, MALA, FunctionSurface, Langevin, sample

CALM = {"n_draws": 600, "n_warmup": 300, "random_state": 0}


def warned(*arguments, **settings):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = sample(*arguments, **settings)
    assert {warning.category for warning in caught} <= {SamplingWarning}
    return result, " ".join(str(warning.message) for warning in caught)


@pytest.mark.parametrize("sampler", ["hmc", "independence"])
def test_draws_of_gaussians(sampler):
    X = np.array([[0.0, 0.0], [50.0, -20.0]])
    result = sample(gaussian, X, n_outputs=2, sampler=sampler, **CALM)
    assert result.draws.shape == (2, 4, 600, 2)
    found = result.diagnostics
    scale = np.array([1.0, 2.0])
    error = scale / np.sqrt(found.ess_bulk)
    assert (np.abs(result.draws.mean(axis=(1, 2)) - X) < 4 * error).all()
    assert found.r_hat.max() < 1.01 and not found.missed_modes.any()
    assert found.divergences.sum() == 0 and (found.acceptance > 0.5).all()
    assert found.ess_tail.shape == (2, 2)


def test_draws_are_reproducible():
    first, second, other = (
        sample(gaussian, [[0.0, 0.0]], n_outputs=2, **{**CALM, "random_state": seed}).draws
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_discrete_answers():
    where = Potts([[0.3], [-1.0]])
    result = sample(where, sampler="gibbs", **CALM)
    answers = np.broadcast_to(where.answers(), (2, 36, 4))
    exact = np.einsum("nm,nmq->nq", where.probabilities(), answers)
    error = 1 / np.sqrt(result.diagnostics.ess_bulk)
    assert (np.abs(result.draws.mean(axis=(1, 2)) - exact) < 4 * error).all()
    assert (result.diagnostics.acceptance == 1).all()
    given = sample(where, start=np.ones(4), sampler="gibbs", **CALM).draws
    assert given.max() == 2


def test_far_modes_are_found_by_jumps_and_reported_without():
    far = mixture(4, 0.4)
    result = sample(far, [[0.0, 0.0]], n_outputs=2, sampler="independence", **CALM)
    assert abs((result.draws[..., 0] > 0).mean() - 0.5) < 0.1
    assert not result.diagnostics.missed_modes.any()
    result, message = warned(far, [[0.0, 0.0]], n_outputs=2, **CALM)
    assert result.diagnostics.missed_modes.all()
    assert "A mode was probably missed for 1 of 1 samples" in message
    assert "R-hat is up to" in message and "the chains disagree because" in message


def test_a_mode_that_the_chains_never_saw_is_reported():
    """All chains start in one of two modes, so R-hat is 1; the proposals disagree."""
    one_mode = normal(1, [4.0, 0.0], 0.5)
    settings = {**CALM, "start": np.array([4.0, 0.0]), "proposal": one_mode}
    result, message = warned(mixture(4, 0.4), [[0.0, 0.0]], **settings)
    assert result.diagnostics.r_hat.max() < 1.02
    assert result.diagnostics.missed_modes.all() and "A mode was probably missed" in message
    result, message = warned(mixture(4, 0.4), [[0.0, 0.0]], check_modes=False, **settings)
    assert not result.diagnostics.missed_modes.any() and "mode was" not in message


def test_divergences_and_few_draws_are_reported():
    def stiff(X, y):  # a funnel
        scale = np.exp(-3 * y[:, 0])
        slopes = np.stack([y[:, 0] - 1.5 * scale * y[:, 1] ** 2 + 1.5, scale * y[:, 1]], axis=1)
        return (y[:, 0] ** 2 + scale * y[:, 1] ** 2) / 2 + 1.5 * y[:, 0], slopes

    sampler = HMC(step_size=0.8)
    settings = {"n_draws": 100, "n_warmup": 0, "random_state": 0, "check_modes": False}
    result, message = warned(
        stiff, [[0.0]], start=np.array([0.0, 0.0]), sampler=sampler, **settings
    )
    assert result.diagnostics.divergences[0] > 0
    assert f"{result.diagnostics.divergences[0]} steps diverged for 1 of 1 samples" in message
    assert "raise target_acceptance" in message and "draws are effective" in message


def test_chains_that_never_move_are_reported():
    where = surface(lambda X, y: ((y**2).sum(axis=1) * 1e8, 2e8 * y), n=2)
    settings = {"n_draws": 20, "n_warmup": 0, "random_state": 0, "check_modes": False}
    _, message = warned(where, start=np.array([1.0, 1.0]), sampler=MALA(step_size=1.0), **settings)
    assert "Nothing was accepted for 2 of 2 samples" in message


def test_answers_without_a_finite_energy():
    """A wall: starts beyond it are replaced, and there is no warning of NumPy."""
    result, _ = warned(wall, [[0.0]], start=np.array([[[1.0], [-1.0]]]), **CALM)
    assert result.draws.min() >= 0
    with pytest.raises(ValueError, match="not finite at the start; pass `start`"):
        sample(surface(wall, q=1), start=np.array([-1.0]), check_modes=False)


def test_float32_stays():
    where = surface(gaussian, dtype=np.float32)
    start = np.zeros((1, 4, 2), dtype=np.float32)
    result = sample(where, start=start, sampler=HMC(n_leapfrog=5), **CALM)
    assert result.draws.dtype == np.float32
    np.testing.assert_allclose(result.draws.std(axis=(0, 1, 2)), [1, 2], rtol=0.15)
    result = sample(gaussian, np.zeros((1, 2), np.float32), n_outputs=2, **CALM)
    assert result.draws.dtype == np.float32 and not result.diagnostics.missed_modes.any()


def test_one_chain_and_an_adapted_sampler():
    result, _ = warned(banana, [[0.0]], n_outputs=2, n_chains=1, **CALM)
    assert result.draws.shape == (1, 1, 600, 2)
    assert result.sampler.step_size.shape == (1,) and result.sampler.scales.shape == (1, 2)
    result, _ = warned(banana, [[0.0]], n_outputs=2, sampler=Langevin(), **CALM)
    assert (result.diagnostics.acceptance == 1).all()


def scalar():
    return GaussianMixture([[1.0]], [[0.0]], [[1.0]])


def wrong(X, y):
    energies, slopes = gaussian(X, y)
    return energies, 1.1 * slopes


@pytest.mark.parametrize(
    ("energy", "settings", "error", "message"),
    [
        (wrong, {"n_outputs": 2}, ValueError, "slopes are not the derivatives of the energies"),
        (gaussian, {}, ValueError, "number of outputs is unknown"),
        (gaussian, {"X": None, "n_outputs": 2}, TypeError, "X is missing"),
        (gaussian, {"start": np.zeros((3, 1, 2))}, ValueError, r"start.shape == \(3, 1, 2\)"),
        (gaussian, {"proposal": normal(3, 0.0, 1.0)}, ValueError, "3 rows for 1 samples"),
        (gaussian, {"proposal": scalar(), "n_outputs": 1}, TypeError, "also for one output"),
        (gaussian, {"proposal": normal(1, 0.0, 1.0), "n_outputs": 3}, ValueError, "of shape"),
        (gaussian, {"n_outputs": 2, "sampler": "hcm"}, ValueError, "Did you mean 'hmc'"),
        (gaussian, {"n_outputs": 2, "sampler": HMC}, TypeError, r"pass an object of it"),
        (gaussian, {"n_outputs": 2, "n_draws": 3}, ValueError, "n_draws=3"),
        (gaussian, {"n_outputs": 2, "n_chains": 0}, ValueError, "n_chains=0"),
        (gaussian, {"n_outputs": 2, "check_modes": "no"}, ValueError, "check_modes"),
        (lambda X, y: y, {"n_outputs": 2}, ValueError, "two arrays: energies and slopes"),
        (7, {"n_outputs": 2}, TypeError, "must be a function"),
    ],
)
def test_refusals(energy, settings, error, message):
    with pytest.raises(error, match=message):
        sample(energy, **{"X": np.zeros((1, 2)), **settings})


def test_slopes_of_any_size_are_accepted():
    for factor in (1e-8, 1.0, 1e8):
        X = np.array([[1e3, -1e3]])
        FunctionSurface(gaussian, X, 2)
        energy = lambda X, y, c=factor: tuple(c * part for part in gaussian(X, y))  # noqa: E731
        warned(energy, X, start=X[0], n_draws=4, n_warmup=4, check_modes=False)


def test_estimators_without_a_surface_are_refused_with_a_reason():
    with pytest.raises(TypeError, match="Of a Pipeline, pass the last step"):
        sample(make_pipeline(StandardScaler()), [[0.0]])


def test_an_infinite_r_hat_is_reported_as_such():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sample(
            lambda X, y: (y[:, 0] ** 2 / 2, y), [[0.0]], n_outputs=1, n_draws=50, n_warmup=0,
            sampler=HMC(step_size=1e6), random_state=0,
        )  # fmt: skip
    assert any("R-hat is up to inf" in str(warning.message) for warning in caught)
