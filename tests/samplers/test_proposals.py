"""Fitted proposals: minima, mixtures of Student distributions, and weights."""

import numpy as np
import pytest
from known import mixture, spread_gaussian, surface
from scipy.stats import genpareto, multivariate_t

from sklearn_ebm.samplers._minima import minima
from sklearn_ebm.samplers._proposals import fitted_proposal, joined, log_weights, moments
from sklearn_ebm.samplers._weights import disagree, pareto_fit, smoothed, summarize
from sklearn_ebm.samplers.student_mixture import DEGREES, StudentMixture


def random_mixture(n=2, k=3, q=2):
    rng = np.random.default_rng(0)
    factors = np.tril(rng.standard_normal((n, k, q, q)))
    factors[..., np.arange(q), np.arange(q)] = 0.5 + rng.random((n, k, q))
    weights = rng.dirichlet(np.ones(k), size=n)
    return StudentMixture(weights, 3 * rng.standard_normal((n, k, q)), factors)


def test_densities_and_slopes_of_a_mixture():
    density = random_mixture()
    y = np.random.default_rng(1).standard_normal((2, 5, 2)) * 3
    for row in range(2):
        exact = sum(
            weight * multivariate_t(mean, factor @ factor.T, df=DEGREES).pdf(y[row])
            for weight, mean, factor in zip(
                density.weights[row], density.means[row], density.factors[row], strict=True
            )
        )
        np.testing.assert_allclose(np.exp(density._log_prob(y))[row], exact, rtol=1e-10)
    energies, slopes = density.energies_and_slopes(y)
    np.testing.assert_allclose(energies, -density._log_prob(y))
    for output in range(2):
        step = 1e-6 * np.eye(2)[output]
        difference = (density._log_prob(y - step) - density._log_prob(y + step)) / 2e-6
        np.testing.assert_allclose(slopes[..., output], difference, rtol=1e-5, atol=1e-7)


def test_draws_of_a_mixture():
    """The mean of q*/q of draws of q is 1 for another density q*."""
    density = random_mixture()
    draws = density._draw(40_000, np.random.RandomState(0), shared=False)
    other = density.widened(0.8)
    ratio = np.exp(other._log_prob(draws) - density._log_prob(draws))
    assert (np.abs(ratio.mean(axis=1) - 1) < 4 * ratio.std(axis=1) / 200).all()
    mean, _ = moments(density)
    np.testing.assert_allclose(draws.mean(axis=1), mean, atol=0.1)
    np.testing.assert_array_equal(
        density[1:]._log_prob(draws[1:, :3]), density._log_prob(draws[:, :3])[1:]
    )


def test_minima_of_a_gaussian_and_of_a_polynomial():
    energy, _ = spread_gaussian(6)
    starts = 5 * np.random.default_rng(0).standard_normal((1, 4, 6))
    found = minima(surface(energy, q=6), starts)
    np.testing.assert_allclose(found.answers, np.full((1, 4, 6), 6**-0.5), atol=1e-5)
    precision = np.linalg.inv(found.factors[0, 0] @ found.factors[0, 0].T)
    slopes = np.stack([energy(None, 6**-0.5 + row[None])[1][0] for row in np.eye(6)])
    np.testing.assert_allclose(precision, slopes, rtol=1e-4, atol=1e-5)

    def wells(X, y):
        return ((y**2 - 1) ** 2).sum(axis=1), 4 * y * (y**2 - 1)

    found = minima(surface(wells, q=1), np.array([[[-3.0], [0.1], [20.0]]]))
    np.testing.assert_allclose(found.answers[0, :, 0], [-1, 1, 1], atol=1e-5)
    np.testing.assert_allclose(found.factors, np.full((1, 3, 1, 1), 8**-0.5), rtol=1e-4)


@pytest.mark.parametrize("reach", [1.0, 2.0])
def test_a_fitted_proposal_covers_both_modes(reach):
    where = surface(mixture(6, 0.2))
    rng = np.random.default_rng(0)
    proposal = fitted_proposal(where, np.zeros((1, 1, 2)), rng, reach=reach)
    draws = proposal._draw(4000, np.random.RandomState(0), shared=False)
    found = summarize(log_weights(where, proposal, draws))
    assert found.ess[0] > 2500
    assert abs(found.value[0] - np.log(2 * np.pi * 0.04)) < 4 * found.standard_error[0]


def test_joined_mixtures():
    one, other = random_mixture(2, 3), random_mixture(1, 2)
    both = joined([one, other])
    y = np.random.default_rng(0).standard_normal((3, 4, 2))
    np.testing.assert_allclose(both._log_prob(y)[:2], one._log_prob(y[:2]))
    np.testing.assert_allclose(both._log_prob(y)[2:], other._log_prob(y[2:]))


@pytest.mark.parametrize("shape", [0.2, 0.7])
def test_the_tail_of_weights(shape):
    excess = np.sort(genpareto.rvs(shape, scale=2.0, size=(20, 2000), random_state=0), axis=1)
    found, scale = pareto_fit(excess)
    assert abs(found.mean() - shape) < 0.03 and abs(scale.mean() - 2) < 0.1
    smooth, shapes = smoothed(excess)
    assert (smooth >= excess).all() and abs(shapes.mean() - shape) < 0.15


def test_weights_without_information():
    for logs in (np.full((1, 100), -np.inf), np.full((1, 100), -1e5), np.zeros((1, 3))):
        value, error, ess, _ = summarize(logs)
        assert value[0] == logs[0, 0]
        assert (np.isinf(error[0]) and ess[0] == 0) if np.isinf(logs[0, 0]) else error[0] == 0
    assert disagree(summarize(np.full((1, 9), -np.inf)), summarize(np.zeros((1, 9)))).all()
