"""Random distributions, scored as the package scoringrules scores them; skipped without it."""

import numpy as np
import pytest

from sklearn_ebm import metrics
from sklearn_ebm.distributions import GaussianMixture

scoringrules = pytest.importorskip("scoringrules")

N = 200
SEEDS = range(5)
CLOSE = {"rtol": 1e-9, "atol": 1e-12}


def random_laws(seed):
    """Answers near and far, their mixtures of four Gaussians, and weights of rows."""
    rng = np.random.RandomState(seed)
    unit = 10.0 ** rng.randint(-3, 4)
    means = unit * rng.normal(size=(N, 4))
    scales = unit * rng.uniform(0.05, 2, (N, 4))
    shares = rng.dirichlet(np.ones(4), N)
    y = unit * rng.standard_t(3, N)
    return y, shares, means, scales, rng.uniform(size=N)


def averages(scores, weight):
    return [np.mean(scores), np.average(scores, weights=weight)]


def ours(metric, y, prediction, weight, **more):
    weighted = metric(y, prediction, sample_weight=weight, **more)
    return [metric(y, prediction, **more), weighted]


@pytest.mark.parametrize("seed", SEEDS)
def test_log_scores_and_crps_of_mixtures(seed):
    y, shares, means, scales, weight = random_laws(seed)
    density = GaussianMixture(shares, means, scales)
    theirs = averages(scoringrules.logs_mixnorm(y, means, scales, shares), weight)
    np.testing.assert_allclose(
        ours(metrics.negative_log_likelihood, y, density, weight), theirs, **CLOSE
    )
    theirs = averages(scoringrules.crps_mixnorm(y, means, scales, shares), weight)
    np.testing.assert_allclose(ours(metrics.crps, y, density, weight), theirs, **CLOSE)


@pytest.mark.parametrize("seed", SEEDS)
def test_log_scores_and_crps_of_gaussians(seed):
    _, _, means, scales, weight = random_laws(seed)
    mean, scale = means[:, 0], scales[:, 0]
    # Theirs is the logarithm of a density, which is 0 where answers are too far away.
    y = mean + scale * np.random.RandomState(seed).standard_t(5, N)
    density = GaussianMixture(np.ones((N, 1)), means[:, :1], scales[:, :1])
    theirs = averages(scoringrules.logs_normal(y, mean, scale), weight)
    np.testing.assert_allclose(
        ours(metrics.negative_log_likelihood, y, density, weight), theirs, **CLOSE
    )
    theirs = averages(scoringrules.crps_normal(y, mean, scale), weight)
    np.testing.assert_allclose(ours(metrics.crps, y, density, weight), theirs, **CLOSE)


@pytest.mark.parametrize("seed", SEEDS)
def test_crps_of_draws(seed):
    y, shares, means, scales, weight = random_laws(seed)
    draws = GaussianMixture(shares, means, scales).sample(30, random_state=seed)
    theirs = averages(scoringrules.crps_ensemble(y, draws, estimator="nrg"), weight)
    np.testing.assert_allclose(ours(metrics.crps, y, draws, weight), theirs, **CLOSE)


@pytest.mark.parametrize("seed", SEEDS)
def test_quantiles_and_intervals(seed):
    y, shares, means, scales, weight = random_laws(seed)
    density = GaussianMixture(shares, means, scales)
    levels = np.array([0.05, 0.3, 0.5, 0.95])
    quantiles = density.quantiles(levels)
    theirs = averages(
        scoringrules.quantile_score(y[:, None], quantiles, levels).mean(axis=1), weight
    )
    for said in (quantiles, density):
        found = ours(metrics.pinball_loss, y, said, weight, probabilities=levels)
        np.testing.assert_allclose(found, theirs, **CLOSE)
    theirs = averages(scoringrules.crps_quantile(y, quantiles, levels), weight)
    found = ours(metrics.pinball_loss, y, density, weight, probabilities=levels)
    np.testing.assert_allclose(2 * np.array(found), theirs, **CLOSE)
    # The interval score is its width and, of answers outside, 2/α times the distance: 4/α times
    # the pinball loss of its ends.
    for level in (0.5, 0.9):
        alpha = 1 - level
        low, high = density.interval(level).T
        theirs = averages(scoringrules.interval_score(y, low, high, alpha), weight)
        ends = [alpha / 2, 1 - alpha / 2]
        found = ours(metrics.pinball_loss, y, density, weight, probabilities=ends)
        np.testing.assert_allclose(4 / alpha * np.array(found), theirs, **CLOSE)
        # Where no answer lies outside, the score is the width.
        middle = (low + high) / 2
        theirs = np.mean(scoringrules.interval_score(middle, low, high, alpha))
        assert metrics.interval_coverage(middle, density, level=level) == 1
        assert metrics.interval_width(density, level=level) == pytest.approx(theirs)


@pytest.mark.parametrize("seed", SEEDS)
def test_brier_of_two_classes(seed):
    rng = np.random.RandomState(seed)
    positive, weight = rng.uniform(size=N), rng.uniform(size=N)
    y = (rng.uniform(size=N) < positive).astype(int)
    theirs = averages(2 * scoringrules.brier_score(y, positive), weight)
    np.testing.assert_allclose(ours(metrics.brier_score, y, positive, weight), theirs, **CLOSE)
