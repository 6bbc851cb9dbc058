"""Densities of transformed answers: everything against the distribution of y itself."""

import numpy as np
import pytest
from scipy import stats

from sklearn_ebm.distributions import GaussianMixture
from sklearn_ebm.distributions._numerics.quadrature import cell_quadrature
from sklearn_ebm.distributions._numerics.signed_log import SignedLog
from sklearn_ebm.distributions.transformed import TRIMMED, TransformedDistribution

log = np.log

TRANSFORMS = {
    "log": SignedLog(0.0, 0.5, 0.0, -20.0, 3e3),
    "drawn_in": SignedLog(1.0, 0.5, 3.0, -4.0, 50.0),
    "one_side": SignedLog(2.0, 1.0, 2.0, 1.0, 200.0),
}


@pytest.fixture(params=TRANSFORMS)
def transform(request):
    return TRANSFORMS[request.param]


def density_of(transform):
    """Two rows: one bump in the middle; three of which one lies beyond the furthest answer."""
    ends = transform(np.array([transform.lowest, transform.highest]))
    means = [[0.3, 0.3, 0.3], [ends[0] + 0.2, 0.5 * ends.sum(), ends[1] + 0.5]]
    weights = [[1.0, 0.0, 0.0], [0.3, 0.5, 0.2]]
    inner = GaussianMixture(weights, means, [[0.4, 1.0, 1.0], [0.2, 0.6, 0.3]])
    return TransformedDistribution(inner, transform)


def integral(function, density, row, *extra):
    """Over all answers, by many points between halved knots: sums over y, where p jumps nowhere."""
    knots = np.unique(np.append(density._knots()[row], extra))
    halved = np.sort(np.concatenate([knots, (knots[1:] + knots[:-1]) / 2]))
    points, weights = cell_quadrature(halved[None], 20)
    return float(weights[0] @ function(points)[0])


def test_the_transform_is_undone_exactly(transform):
    y = np.concatenate([np.linspace(-60, 60, 400), [-1e6, 1e6]])
    np.testing.assert_allclose(transform.inverse(transform(y)), y, rtol=1e-12, atol=1e-12)
    assert (np.diff(transform(np.sort(y))) > 0).all()
    assert transform(np.array(-np.inf)) == -np.inf and transform.inverse(np.inf) == np.inf


def test_transforms_by_hand():
    # z = (y − 1)/0.5: the core to 3, the ends at −10 and 98; e − 1 beyond the core is 1.
    transform, e = SignedLog(1.0, 0.5, 3.0, -4.0, 50.0), np.e
    z = np.array([-12, -10, -2 - e, -3, -1, 0, 2, 3, 2 + e, 98, 100])
    t = np.array(
        [
            -3 - log(8) - 2 / 8, -3 - log(8), -4, -3, -1, 0, 2, 3, 4, 3 + log(96),
            3 + log(96) + 2 / 96,
        ]
    )  # fmt: skip
    stretch = np.array([8, 8, e, 1, 1, 1, 1, 1, e, 96, 96])
    np.testing.assert_allclose(transform(1 + 0.5 * z), t, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(transform.inverse(t), 1 + 0.5 * z, rtol=1e-13)
    np.testing.assert_allclose(
        transform.log_slope(1 + 0.5 * z), -log(stretch) - log(0.5), rtol=1e-13
    )
    # log 8 = 2.1 in 3 steps, log 96 = 4.6 in 5.
    sides = -3 - log(8) * np.arange(3, -1, -1) / 3, 3 + log(96) * np.arange(6) / 5
    # A point that is computed in two ways may be there twice, apart by rounding.
    grid = np.unique(transform.grid().round(12))
    np.testing.assert_allclose(grid, np.concatenate(sides), atol=1e-12)
    # z = y − 2 ends at −1, inside the core: the derivative jumps nowhere on this side.
    grid = np.unique(SignedLog(2.0, 1.0, 2.0, 1.0, 200.0).grid().round(12))
    np.testing.assert_allclose(grid, [-1, *(2 + log(197) * np.arange(7) / 6)], atol=1e-12)


def test_slopes_are_derivatives(transform):
    """Away from the kinks of log t', where the two sides differ."""
    y, step = np.linspace(-30, 60, 333) + 0.0123, 1e-6
    slope = (transform(y + step) - transform(y - step)) / (2 * step)
    np.testing.assert_allclose(np.exp(transform.log_slope(y)), slope, rtol=1e-6)


def test_the_slope_changes_little_between_points_of_the_grid(transform):
    steps = np.diff(transform.log_slope(transform.inverse(transform.grid())))
    assert np.abs(steps).max() <= 1 + 1e-9


def test_one_density(transform):
    density = density_of(transform)
    for row in range(2):
        one = density[row]
        assert integral(lambda y, one=one: one.pdf(y), density, row) == pytest.approx(1, abs=1e-7)
        low, high = one.ppf(TRIMMED)[0], one.ppf(1 - TRIMMED)[0]

        def share(y, one=one, low=low, high=high):
            return one.pdf(y) * ((low <= y) & (y <= high)) / (1 - 2 * TRIMMED)

        mean = integral(lambda y, share=share: y * share(y), density, row, low, high)
        assert one.mean()[0] == pytest.approx(mean, rel=1e-6)
        square = integral(
            lambda y, share=share, m=mean: (y - m) ** 2 * share(y), density, row, low, high
        )
        assert one.var()[0] == pytest.approx(square, rel=1e-6)
        entropy = integral(lambda y, one=one: -one.pdf(y) * one.log_prob(y), density, row)
        assert one.entropy()[0] == pytest.approx(entropy, rel=1e-5)
    q = np.linspace(0.01, 0.99, 25)
    np.testing.assert_allclose(density.cdf(density.ppf(q)), np.tile(q, (2, 1)), atol=1e-9)
    y = density.ppf(np.array([0.2, 0.45, 0.7]))
    slope = (density.cdf(y + 1e-6) - density.cdf(y - 1e-6)) / 2e-6
    np.testing.assert_allclose(density.pdf(y), slope, rtol=1e-5)


def test_scores_regions_and_modes(transform):
    density = density_of(transform)
    answers = density.ppf(0.6) + 0.1
    for row in range(2):
        one, y = density[row], answers[row]
        crps = integral(lambda t, one=one, y=y: (one.cdf(t) - (t >= y)) ** 2, density, row, y)
        assert one.crps(y)[0] == pytest.approx(crps, rel=1e-5)
    for level in (0.5, 0.9):
        region = density.region(level)
        inside = density.cdf(np.nan_to_num(region[..., 1])) - density.cdf(
            np.nan_to_num(region[..., 0])
        )
        np.testing.assert_allclose(np.nansum(inside, axis=1), level, atol=1e-6)
        rank = density.density_rank(np.nan_to_num(region[:, 0]))
        np.testing.assert_allclose(rank[~np.isnan(region[:, 0])], level, atol=1e-6)
    grid = transform(density.ppf(np.linspace(0.001, 0.999, 3000)))
    highest = density.inner.log_prob(transform(density.mode()))
    assert (highest >= density.inner.log_prob(grid).max(axis=1) - 1e-6).all()
    apart = np.abs(density.modes().answers - density.mode()[:, None])
    assert (np.nanmin(apart, axis=1) < 1e-6 * np.abs(density.mode())).all()
    np.testing.assert_allclose(density.modes().probabilities.sum(axis=1), 1)
    drawn = density.sample(400, random_state=0)
    for row in range(2):
        assert stats.kstest(density[row].cdf(drawn[[row]])[0], "uniform").pvalue > 1e-3
