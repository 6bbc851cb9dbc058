"""Samplers: ranks of simulated truths, and gradients of the likelihood without a bias."""

import numpy as np
import pytest
from known import Potts, normal
from scipy.stats import chisquare

from sklearn_ebm.samplers import (
    HMC,
    MALA,
    FunctionSurface,
    Gibbs,
    IndependenceMetropolis,
    ParallelTempering,
)


@pytest.mark.parametrize("sampler", [MALA(step_size=0.3), HMC(step_size=0.25, n_leapfrog=4)])
def test_ranks_of_simulated_truths_are_uniform(sampler):
    """θ ~ N(0, I), x ~ N(θ₁ + θ₂³/2, ¼): the truth θ is a draw of the posterior of x.

    Chains run from the truth to both sides, and it has a random place in the joined chain. As the
    samplers are reversible, its rank is uniform even if the draws depend on each other.
    """
    rng, n, n_draws = np.random.default_rng(0), 2000, 19
    truth = rng.standard_normal((n, 2))
    X = truth[:, :1] + truth[:, 1:] ** 3 / 2 + rng.standard_normal((n, 1)) / 2

    def energy(X, y):
        error = (y[:, 0] + y[:, 1] ** 3 / 2 - X[:, 0]) / 0.25
        inner = np.stack([np.ones(len(y)), 1.5 * y[:, 1] ** 2], axis=1)
        return (y**2).sum(axis=1) / 2 + error**2 / 8, y + error[:, None] * inner

    where = FunctionSurface(energy, X, 2)
    state = sampler.start(where, np.repeat(truth[:, None], 2, axis=1))
    lower, equal = np.zeros((2, n_draws, n, 2, 2))
    for number in range(n_draws):
        for _ in range(5):
            state = sampler.step(where, state, rng).state
        lower[number] = state.answers < truth[:, None]
        equal[number] = state.answers == truth[:, None]
    place, numbers = rng.integers(n_draws + 1, size=n), np.arange(n_draws)[:, None]
    used = np.stack([numbers < place, numbers < n_draws - place], axis=-1)[..., None]
    ties = (equal * used).sum(axis=(0, 2)).astype(int)  # after rejections, in a random order
    ranks = (lower * used).sum(axis=(0, 2)).astype(int) + rng.integers(ties + 1)
    for output in range(2):
        counts = np.bincount(ranks[:, output] // 2, minlength=10)
        assert chisquare(counts).pvalue > 1e-3, counts


WEIGHTS = np.array([0.6, 1.5])


def features(y):
    return np.stack([y[..., 0] ** 2, np.cos(3 * y[..., 0])], axis=-1)


def wavy(X, y):
    slopes = y**3 + 2 * WEIGHTS[0] * y - 3 * WEIGHTS[1] * np.sin(3 * y)
    return y[:, 0] ** 4 / 4 + features(y) @ WEIGHTS, slopes


@pytest.mark.parametrize(
    "sampler",
    [
        MALA(step_size=0.4),
        HMC(step_size=0.2, n_leapfrog=5),
        IndependenceMetropolis(normal(1, 0.0, 1.5, q=1), MALA(step_size=0.4)),
        ParallelTempering(HMC(step_size=0.3, n_leapfrog=3), betas=(1.0, 0.5, 0.2)),
    ],
    ids=lambda sampler: type(sampler).__name__,
)
def test_the_gradient_of_the_likelihood_has_no_bias(sampler):
    """∂F/∂W, averaged over chains, is its expectation by quadrature within 3 standard errors."""
    y = np.linspace(-5, 5, 20_001)[:, None]
    weights = np.exp(-wavy(None, y)[0])
    exact = weights @ features(y) / weights.sum()
    rng, where = np.random.default_rng(0), FunctionSurface(wavy, np.zeros((1, 1)), 1)
    state = sampler.start(where, rng.standard_normal((1, 3000, 1)))
    averages = np.zeros((3000, 2))
    for number in range(120):
        state = sampler.step(where, state, rng).state
        if number >= 40:
            averages += features(sampler.at_target(state.answers)[0]) / 80
    error = averages.std(axis=0) / np.sqrt(3000)
    assert (np.abs(averages.mean(axis=0) - exact) < 3 * error).all()


def test_the_gradient_of_the_likelihood_of_discrete_answers_has_no_bias():
    where = Potts([[0.4], [-0.2]])
    answers = np.broadcast_to(where.answers(), (2, 36, 4))
    exact = np.einsum("nm,nms->ns", where.probabilities(), where.statistics(answers))
    rng = np.random.default_rng(0)
    state = Gibbs().start(where, np.zeros((2, 2000, 4)))
    averages = np.zeros((2, 2000, 2))
    for number in range(60):
        state = Gibbs().step(where, state, rng).state
        if number >= 20:
            averages += where.statistics(state.answers) / 40
    error = averages.std(axis=1) / np.sqrt(2000)
    assert (np.abs(averages.mean(axis=1) - exact) < 3 * error).all()
