"""Diagnostics: beside another implementation, and where the answer is known."""

import numpy as np
import pytest

from sklearn_ebm.samplers import ess_bulk, ess_tail, r_hat


def chains(kind, n_chains, n_draws):
    rng = np.random.default_rng(n_chains)
    noise = rng.standard_normal((n_chains, n_draws))
    if kind == "independent":
        return noise
    if kind == "heavy":
        return noise / rng.standard_normal((n_chains, n_draws))
    rho = {"positive": 0.9, "negative": -0.6, "apart": 0.5}[kind]
    draws = noise.copy()
    for t in range(1, n_draws):
        draws[:, t] = rho * draws[:, t - 1] + np.sqrt(1 - rho**2) * noise[:, t]
    return draws + (np.arange(n_chains)[:, None] if kind == "apart" else 0)


@pytest.mark.parametrize("shape", [(4, 500), (2, 101), (1, 60)])
@pytest.mark.parametrize("kind", ["independent", "heavy", "positive", "negative", "apart"])
def test_the_numbers_of_arviz(kind, shape):
    arviz = pytest.importorskip("arviz_stats.base").array_stats
    draws = chains(kind, *shape)
    np.testing.assert_allclose(
        ess_bulk(draws), arviz.ess(draws, method="bulk", chain_axis=0, draw_axis=1), rtol=1e-9
    )
    np.testing.assert_allclose(
        ess_tail(draws),
        arviz.ess(draws, method="tail", prob=(0.05, 0.95), chain_axis=0, draw_axis=1),
        rtol=1e-9,
    )
    if shape[0] == 1:  # there, it has no R-hat
        return
    np.testing.assert_allclose(
        r_hat(draws), arviz.rhat(draws, method="rank", chain_axis=0, draw_axis=1), rtol=1e-9
    )


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_effective_draws_of_an_autoregression(rho):
    """Of n draws with the correlation ρ, n (1 − ρ)/(1 + ρ) are effective."""
    rng = np.random.default_rng(0)
    draws = rng.standard_normal((8, 5000))
    for t in range(1, 5000):
        draws[:, t] = rho * draws[:, t - 1] + np.sqrt(1 - rho**2) * draws[:, t]
    np.testing.assert_allclose(ess_bulk(draws), 40_000 * (1 - rho) / (1 + rho), rtol=0.12)
    assert r_hat(draws) < 1.01


def test_r_hat_finds_other_places_and_other_scales():
    draws = np.random.default_rng(0).standard_normal((3, 4, 400))
    draws[1, 0] += 1
    draws[2, 0] *= 3
    assert (r_hat(draws) > 1.01).tolist() == [False, True, True]


def test_many_numbers_at_once():
    draws = np.random.default_rng(0).standard_normal((2, 3, 4, 100))
    for function in (ess_bulk, ess_tail, r_hat):
        each = [[function(draws[i, j]) for j in range(3)] for i in range(2)]
        np.testing.assert_allclose(function(draws), each)


def test_draws_that_never_change_and_draws_that_are_not_finite():
    equal = np.ones((4, 50))
    assert np.isnan(r_hat(equal)) and ess_bulk(equal) == ess_tail(equal) == 200
    apart = np.repeat(np.arange(4.0)[:, None], 50, axis=1)
    assert np.isinf(r_hat(apart))
    equal[0, 3] = np.nan
    for function in (ess_bulk, ess_tail, r_hat):
        assert np.isnan(function(equal))
    with pytest.raises(ValueError, match="with 4 draws or more"):
        r_hat(np.ones((4, 3)))
