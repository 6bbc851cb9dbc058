"""The densities that a regressor returns: identities, brute force, and SciPy where it has them."""

import itertools
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import logsumexp

from sklearn_ebm._utils import tiles as blocks
from sklearn_ebm.distributions import GaussianMixture, VectorGaussianMixture
from sklearn_ebm.distributions._numerics import mean_shift as ascent
from sklearn_ebm.distributions._numerics.cholesky import (
    log_determinants,
    precisions,
    squared_distances,
)
from sklearn_ebm.distributions._numerics.gaussian_crps import half_spread_of_pairs
from sklearn_ebm.distributions._numerics.gaussian_sums import GaussianSums
from sklearn_ebm.distributions._numerics.integrals import density_in_cells
from sklearn_ebm.distributions._numerics.knots import adaptive_knots
from sklearn_ebm.distributions._numerics.level_sets import LevelSets
from sklearn_ebm.distributions._numerics.profile import (
    _Cells,
    _extrema,
    _refined,
    _turn,
    by_need,
    pad_rows,
    profile_of,
)
from sklearn_ebm.distributions._numerics.quadrature import cell_quadrature, half_spread, moments_of
from sklearn_ebm.distributions._numerics.quantiles import _cell_of_probability
from sklearn_ebm.distributions._numerics.roots import find_roots, find_roots_by_slopes
from sklearn_ebm.distributions._numerics.upper_envelope import _first_to_overtake, upper_envelope
from sklearn_ebm.distributions.gaussian_envelope import GaussianEnvelope
from sklearn_ebm.distributions.gaussian_mixture import FINEST_CELL, choose_components
from sklearn_ebm.distributions.interpolated import interpolated
from sklearn_ebm.distributions.sampled import SampledDensity
from sklearn_ebm.distributions.scalar import ScalarDistribution
from sklearn_ebm.distributions.vector_gaussian_envelope import VectorGaussianEnvelope
from sklearn_ebm.samplers.base import Surface

LEVELS = [0.02, 0.5, 0.9, 0.999]


def random_parts(n=20, K=6, seed=0, spread=3.0):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(K), size=n)
    return weights, spread * rng.normal(size=(n, K)), np.exp(rng.normal(size=(n, K)) - 0.5)


def mixture(**settings):
    return GaussianMixture(*random_parts(**settings))


def envelope(**settings):
    weights, means, scales = random_parts(**settings)
    return GaussianEnvelope(np.log(weights), means, scales)


class MixtureSurface(Surface):
    """The energies c − log p of mixtures, with their slopes."""

    def __init__(self, density, constant=3.0):
        self.density, self.constant = density, constant
        self.n_rows, self.n_outputs = len(density), density.n_outputs

    def energies(self, y):
        return self.constant - self.density._log_prob(y)

    def energies_and_slopes(self, y):
        away = y[:, :, None] - self.density.means[:, None]
        pulls = np.einsum("nkij,nmkj->nmki", precisions(self.density.factors), away)
        shares = self.density._responsibilities(y)
        return self.energies(y), np.einsum("nmk,nmki->nmi", shares, pulls)

    def __getitem__(self, rows):
        return MixtureSurface(self.density[rows], self.constant)


def curve_of(weights, means, scales):
    weights, means, scales = (np.asarray(part, dtype=float) for part in (weights, means, scales))
    density = VectorGaussianMixture(weights, means[..., None], scales[..., None, None])
    low, high = (means - 8 * scales).min(axis=1), (means + 8 * scales).max(axis=1)
    return interpolated(MixtureSurface(density), low, high)


def curve(**settings):
    return curve_of(*random_parts(**settings))


def random_factors(rng, n, K, q):
    factors = np.tril(0.5 * rng.normal(size=(n, K, q, q)))
    factors[..., np.arange(q), np.arange(q)] = np.exp(0.4 * rng.normal(size=(n, K, q)))
    return factors


def vector_parts(n=6, K=4, q=2, seed=0):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(K), size=n)
    return weights, 3 * rng.normal(size=(n, K, q)), random_factors(rng, n, K, q)


def vector_mixture(**settings):
    return VectorGaussianMixture(*vector_parts(**settings))


def vector_envelope(**settings):
    weights, means, factors = vector_parts(**settings)
    return VectorGaussianEnvelope(np.log(weights), means, factors)


def sampled_of(weights, means, factors, **settings):
    """From a proposal with wider components and other weights."""
    exact = VectorGaussianMixture(weights, means, factors)
    uniform = np.full(np.shape(weights), 1 / np.shape(weights)[1])
    proposal = VectorGaussianMixture((weights + uniform) / 2, means, 1.2 * factors)
    return SampledDensity(MixtureSurface(exact), proposal, **settings)


def vector_surface(n_samples=1000, **settings):
    return sampled_of(*vector_parts(**settings), n_samples=n_samples)


SCALAR = pytest.mark.parametrize("make", [mixture, envelope, curve])
VECTOR = pytest.mark.parametrize("make", [vector_mixture, vector_envelope, vector_surface])
ANY = pytest.mark.parametrize(
    "make", [mixture, envelope, curve, vector_mixture, vector_envelope, vector_surface]
)


class Plain(ScalarDistribution):
    """A mixture with nothing but what a subclass must write."""

    _fields = ("mixture",)

    def __init__(self, mixture):
        self.mixture = mixture

    def _log_prob(self, y):
        return self.mixture._log_prob(y)

    def _cdf(self, y):
        return self.mixture._cdf(y)

    def _knots(self):
        return self.mixture._knots()


def fine_grid(density, n_points=20_001):
    knots = density._knots()
    share = np.linspace(0, 1, n_points)
    return knots[:, :1] + (knots[:, -1:] - knots[:, :1]) * share


def trapezoid(values, points):
    return (np.diff(points, axis=1) * (values[:, 1:] + values[:, :-1]) / 2).sum(axis=1)


def region_mass(density, region):
    known = np.isfinite(region[:, :, 0])
    ends = np.nan_to_num(region)
    return ((density.cdf(ends[:, :, 1]) - density.cdf(ends[:, :, 0])) * known).sum(axis=1)


def in_region(region, y):
    return ((region[:, :, 0] <= y[:, None]) & (y[:, None] <= region[:, :, 1])).any(axis=1)


# One dimension, by brute force.


@SCALAR
def test_density_integrates_to_one_and_has_these_moments(make):
    density = make()
    y = fine_grid(density, 50_001)
    p = density.pdf(y)
    mean, var = density.mean(), density.var()
    np.testing.assert_allclose(trapezoid(p, y), 1, atol=1e-6)
    np.testing.assert_allclose(trapezoid(p * y, y), mean, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(trapezoid(p * (y - mean[:, None]) ** 2, y), var, rtol=1e-5)
    np.testing.assert_allclose(density.std() ** 2, var, rtol=1e-12)
    with np.errstate(divide="ignore", invalid="ignore"):
        negative_log_posterior = np.where(p > 0, -p * np.log(p), 0)
    np.testing.assert_allclose(trapezoid(negative_log_posterior, y), density.entropy(), atol=1e-5)
    p_between = (p[:, 1:] + p[:, :-1]) / 2 * np.diff(y, axis=1)
    np.testing.assert_allclose(np.cumsum(p_between, axis=1), density.cdf(y)[:, 1:], atol=1e-5)


@SCALAR
def test_slope_is_the_derivative(make):
    density = make(n=5)
    y = np.random.default_rng(1).normal(size=(5, 50)) * 3
    numeric = (density.log_prob(y + 1e-6) - density.log_prob(y - 1e-6)) / 2e-6
    close = np.isclose(density._log_prob_and_slope(y)[1], numeric, rtol=1e-4, atol=1e-4)
    assert close.mean() > 0.99  # a kink may lie in between
    plain = Plain(mixture(n=5))
    exact = plain.mixture._log_prob_and_slope(y)[1]
    np.testing.assert_allclose(plain._log_prob_and_slope(y)[1], exact, rtol=1e-5, atol=1e-5)


@SCALAR
def test_quantiles_invert_the_cdf_and_never_cross(make):
    density = make()
    q = np.concatenate([[0.3, 0.1], np.linspace(1e-6, 1 - 1e-6, 40), 0.5 + 1e-16 * np.arange(5)])
    y = density.ppf(q)
    assert np.abs(density.cdf(y) - q).max() <= 1e-10
    ordered = density.quantiles(q)[:, np.argsort(q)]
    assert (np.diff(ordered, axis=1) >= 0).all()
    np.testing.assert_allclose(density.quantiles(q), y, atol=1e-8)
    np.testing.assert_allclose(density.median(), density.ppf(0.5))
    np.testing.assert_array_equal(density.ppf([0, 1]), np.tile([-np.inf, np.inf], (20, 1)))
    np.testing.assert_allclose(density.interval(0.8), density.quantiles([0.1, 0.9]), rtol=1e-9)


@SCALAR
def test_a_quantile_is_looked_for_between_neighbouring_knots(make):
    """The tails beyond the knots are twice as long as all of the knots."""
    density = make(n=5)
    q = np.tile([1e-300, 1e-3, 0.2, 0.5, 0.9, 1 - 1e-16], (5, 1))
    low, high, at_low, at_high = _cell_of_probability(density, q)
    knots = density._knots()
    first, last = knots[:, :1], knots[:, -1:]
    every = np.hstack([first - 2 * (last - first), knots, last + 2 * (last - first)])
    between = (every[:, None] > low[..., None]) & (every[:, None] < high[..., None])
    assert (low < high).all() and not between.any()
    assert np.isin(low, every).all() and np.isin(high, every).all()
    assert (low[:, 0] == every[:, 0]).all()
    assert (at_low <= 0).all() and (at_high >= 0).all()
    np.testing.assert_allclose(at_low[:, 1:-1], (density.cdf(low) - q)[:, 1:-1], atol=1e-15)
    np.testing.assert_allclose(at_high[:, 1:-1], (density.cdf(high) - q)[:, 1:-1], atol=1e-15)


@ANY
def test_a_single_probability_takes_no_axis(make):
    """As of numpy.quantile: (n,) or (n, q) of one number, (n, m) or (n, q, m) of m numbers."""
    density = make(n=3)
    for probability in (0.3, np.float32(0.3), np.array(0.3)):
        single = density.quantiles(probability)
        assert single.shape == np.shape(density.mean())
        np.testing.assert_array_equal(single, density.quantiles([float(probability)])[..., 0])
    np.testing.assert_allclose(density.quantiles(0.5), density.median(), atol=1e-12)
    for wrong in (1.5, np.nan):
        with pytest.raises(ValueError, match=r"between 0 and 1|outside"):
            density.quantiles(wrong)


def test_far_tails_of_quantiles():
    density = GaussianMixture([[1.0]], [[3.0]], [[2.0]])
    q = np.array([1e-300, 1e-100, 1e-20, 1e-9])
    np.testing.assert_allclose(density.ppf(q)[0], stats.norm(3, 2).ppf(q), rtol=1e-9)
    np.testing.assert_allclose(density.sf(40.0), stats.norm(3, 2).sf(40.0), rtol=1e-12)


@SCALAR
@pytest.mark.parametrize("level", LEVELS)
def test_region_has_its_mass_and_is_a_level_set(make, level):
    density = make()
    region = density.region(level)
    np.testing.assert_allclose(region_mass(density, region), level, atol=1e-6)
    # Intervals are disjoint and sorted, and all of their ends are equally likely.
    ends = region.reshape(len(region), -1)
    steps = np.diff(ends, axis=1)
    assert (steps[np.isfinite(steps)] >= 0).all()
    threshold = density.region_threshold(level)
    heights = density.log_prob(np.nan_to_num(ends))
    known = np.isfinite(ends)
    off = np.where(known, heights - threshold[:, None], 0)
    np.testing.assert_allclose(off, 0, atol=1e-6)
    assert (np.isfinite(region).sum(axis=(1, 2)) >= 2).all()


@SCALAR
def test_region_is_the_shortest_set(make):
    density, level = make(), 0.7
    y = fine_grid(density, 40_001)
    p = density.pdf(y)
    width = y[:, 1] - y[:, 0]
    highest = np.cumsum(-np.sort(-p, axis=1) * width[:, None], axis=1)
    shortest = (highest < level).sum(axis=1) * width
    region = density.region(level)
    length = np.nansum(region[:, :, 1] - region[:, :, 0], axis=1)
    assert (np.abs(length - shortest) <= 4 * width * region.shape[1]).all()
    central = density.interval(level)
    assert (length <= central[:, 1] - central[:, 0] + 1e-9).all()


@SCALAR
def test_density_rank_agrees_with_the_region(make):
    density = make()
    y = density.sample(30, random_state=0)
    ranks = density.density_rank(y)
    region = density.region(0.6)
    for column in range(30):
        inside = in_region(region, y[:, column])
        sure = np.abs(ranks[:, column] - 0.6) > 1e-6
        assert (inside == (ranks[:, column] <= 0.6))[sure].all()
    assert stats.kstest(ranks.ravel(), "uniform").pvalue > 0.01
    np.testing.assert_allclose(density.density_rank(density.mode()), 0, atol=1e-7)
    np.testing.assert_allclose(density.density_rank(1e6), 1, atol=1e-9)
    assert np.isnan(density.density_rank(np.nan)).all()


@ANY
def test_samples_follow_the_density(make):
    density = make(n=2)
    samples = density.sample(4000, random_state=1)
    scalar = density if isinstance(density, ScalarDistribution) else None
    for row in range(2):
        if scalar is not None:
            values = scalar[row].cdf(samples[[row]])[0]
        else:
            values = density[row].density_rank(samples[[row]], n_samples=20_000)[0]
        assert stats.kstest(values, "uniform").pvalue > 0.01
    np.testing.assert_array_equal(density.sample(3, random_state=2), density.sample(3, 2))


@SCALAR
def test_crps_is_the_integral(make):
    density = make()
    y = density.sample(3, random_state=0)
    points = fine_grid(density, 50_001)
    for column in range(3):
        off = density.cdf(points) - (points >= y[:, [column]])
        np.testing.assert_allclose(
            trapezoid(off**2, points), density.crps(y)[:, column], rtol=2e-3, atol=1e-3
        )


def test_closed_forms_agree_with_what_every_density_has():
    density = mixture(K=9)
    plain = Plain(density)
    y = density.sample(4, random_state=0)
    for name in ("mean", "var", "std", "mode", "median", "entropy"):
        np.testing.assert_allclose(
            getattr(plain, name)(), getattr(density, name)(), rtol=1e-8, atol=1e-8
        )
    np.testing.assert_allclose(plain.crps(y), density.crps(y), atol=1e-9)
    far = density.mean() + 100 * density.std()
    np.testing.assert_allclose(plain.crps(far), density.crps(far), rtol=1e-9)
    np.testing.assert_allclose(plain.region(0.9), density.region(0.9), atol=1e-6)
    np.testing.assert_allclose(plain.modes().probabilities, density.modes().probabilities)
    assert stats.kstest(plain.cdf(plain.sample(200, 0)).ravel(), "uniform").pvalue > 0.01


@pytest.mark.parametrize("make", [GaussianMixture, GaussianEnvelope, curve_of, lambda *p: None])
def test_one_component_is_a_normal_distribution(make):
    n = 5
    rng = np.random.default_rng(0)
    mean, scale = rng.normal(size=n), np.exp(rng.normal(size=n))
    norm = stats.norm(mean, scale)
    parts = np.full((n, 1), 1.0), mean[:, None], scale[:, None]
    density = make(*parts) or Plain(GaussianMixture(*parts))
    y = rng.normal(size=n)
    close = {"rtol": 1e-7, "atol": 1e-9}
    for name, of_scipy in (("pdf", "pdf"), ("log_prob", "logpdf"), ("cdf", "cdf")):
        np.testing.assert_allclose(getattr(density, name)(y), getattr(norm, of_scipy)(y), **close)
    for name in ("mean", "var", "std", "entropy", "median"):
        np.testing.assert_allclose(getattr(density, name)(), getattr(norm, name)(), **close)
    np.testing.assert_allclose(density.mode(), mean, **close)
    np.testing.assert_allclose(density.ppf(0.3), norm.ppf(0.3), **close)
    np.testing.assert_allclose(density.interval(0.9), np.transpose(norm.interval(0.9)), **close)
    np.testing.assert_allclose(density.region(0.9)[:, 0], density.interval(0.9), atol=1e-6)
    np.testing.assert_allclose(density.modes().probabilities, np.ones((n, 1)))
    rank = np.abs(2 * norm.cdf(y) - 1)
    np.testing.assert_allclose(density.density_rank(y), rank, atol=1e-8)
    z = (y - mean) / scale
    crps = scale * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - np.pi**-0.5)
    np.testing.assert_allclose(density.crps(y), crps, **close)


# Modes.


@pytest.mark.parametrize("seed", range(4))
def test_every_maximum_of_an_envelope_is_found(seed):
    """Its maxima are the means of the components that are highest there, exactly on knots."""
    density = envelope(n=40, K=8, spread=6.0, seed=seed)
    found = density.modes(min_probability=0, min_depth=0).answers
    heights = density.log_heights[:, None] - 0.5 * np.square(
        (density.means[:, :, None] - density.means[:, None]) / density.scales[:, None]
    )
    highest = heights.argmax(axis=2) == np.arange(8)
    for mine, means, wins in zip(found, density.means, highest, strict=True):
        np.testing.assert_allclose(np.sort(mine[np.isfinite(mine)]), np.sort(means[wins]))


@pytest.mark.parametrize(("apart", "n_modes", "n_ripples"), [(1.9, 1, 1), (2.4, 1, 2), (3.0, 2, 2)])
def test_ripples_are_no_modes(apart, n_modes, n_ripples):
    """Of two equal Gaussians the density falls by 9 % at 2.4 standard deviations, by 36 % at 3."""
    density = GaussianMixture([[0.5, 0.5]], [[0.0, apart]], [[1.0, 1.0]])
    for found, n in ((density.modes(), n_modes), (density.modes(min_depth=0.0), n_ripples)):
        assert found.answers.shape == (1, n)
        np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)
    with pytest.raises(ValueError, match="min_depth"):
        density.modes(min_depth=1.5)


@SCALAR
def test_modes_of_separated_components(make):
    weights = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])
    means = np.array([[-20.0, 0.0, 20.0], [-20.0, 0.0, 20.0]])
    density = GaussianMixture(weights, means, np.ones((2, 3)))
    if make is envelope:
        density = GaussianEnvelope(np.log(weights), means, np.ones((2, 3)))
    elif make is curve:
        density = curve_of(weights, means, np.ones((2, 3)))
    modes = density.modes()
    np.testing.assert_allclose(modes.answers, [[0, 20, -20], [-20, 20, 0]], atol=1e-8)
    np.testing.assert_allclose(modes.probabilities, -np.sort(-weights, axis=1), atol=1e-9)
    np.testing.assert_allclose(density.mode(), [0, -20], atol=1e-8)
    # The basin of 0.1 goes to the neighbour on its left: the minimum there is higher.
    merged = density.modes(min_probability=0.15)
    np.testing.assert_allclose(merged.answers[1], [-20, 20, np.nan], atol=1e-8)
    np.testing.assert_allclose(merged.probabilities[1], [0.7, 0.3, 0], atol=1e-9)
    alone = density.modes(min_probability=1.0)
    np.testing.assert_allclose(alone.answers, [[0], [-20]], atol=1e-8)
    np.testing.assert_allclose(alone.probabilities, 1)


@SCALAR
def test_modes_are_maxima_and_share_all_of_the_probability(make):
    density = make(n=200, K=8)
    answers, probabilities = density.modes(min_probability=0)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (np.diff(probabilities, axis=1) <= 0).all()
    at = density.pdf(np.nan_to_num(answers))
    for step in (-1e-5, 1e-5):
        aside = density.pdf(np.nan_to_num(answers) + step)
        assert (aside <= at * (1 + 1e-12))[np.isfinite(answers)].all()
    best = np.where(np.isfinite(answers), at, 0).max(axis=1)
    np.testing.assert_allclose(best, density.pdf(density.mode()))
    grid = density.pdf(fine_grid(density, 4001)).max(axis=1)
    assert (best >= grid * (1 - 1e-9)).all()


def merged_one_by_one(y, height, below, min_probability, min_depth):
    """Modes of a density on a grid, by the words of the documentation: answers and masses."""
    inner = height[1:-1]
    tops = np.flatnonzero((inner > height[:-2]) & (inner > height[2:])) + 1
    dales = [a + height[a:b].argmin() for a, b in itertools.pairwise(tops)]
    peaks, walls = [(height[top], y[top]) for top in tops], [height[dale] for dale in dales]
    masses = np.diff([0.0, *below[dales], 1.0]).tolist()
    while walls:
        lightest = int(np.argmin(masses))
        if masses[lightest] < min_probability:
            fenced = [-np.inf, *walls, -np.inf]
            at = lightest if fenced[lightest + 1] > fenced[lightest] else lightest - 1
        else:
            lower = [min(a, b)[0] for a, b in itertools.pairwise(peaks)]
            dips = np.array(lower) - walls
            at = int(dips.argmin())
            if dips[at] >= -np.log1p(-min_depth):
                break
        peaks[at : at + 2] = [max(peaks[at : at + 2])]
        masses[at : at + 2] = [sum(masses[at : at + 2])]
        del walls[at]
    order = np.argsort(-np.array(masses), kind="stable")
    return np.array([peaks[k][1] for k in order]), np.array(masses)[order]


def test_modes_are_merged_as_the_documentation_says():
    density = mixture(n=12, K=8, spread=6.0)
    y = fine_grid(density, 40_001)
    height, below, width = density.log_prob(y), density.cdf(y), y[:, 1] - y[:, 0]
    for least in ((0.1, 0.0), (0.3, 0.0), (0.0, 0.2), (0.0, 0.7), (0.15, 0.3)):
        answers, probabilities = density.modes(*least)
        for row in range(12):
            known = np.isfinite(answers[row])
            expected = merged_one_by_one(y[row], height[row], below[row], *least)
            assert known.sum() == len(expected[0])
            np.testing.assert_allclose(answers[row, known], expected[0], atol=2 * width[row])
            np.testing.assert_allclose(probabilities[row, known], expected[1], atol=1e-3)
            assert not probabilities[row, ~known].any()
        # No column is all padding.
        assert answers.shape[1] == np.isfinite(answers).sum(axis=1).max()


def test_of_two_basins_the_higher_peak_stays_not_the_heavier():
    density = GaussianMixture([[0.8, 0.2]], [[0.0, 30.0]], [[4.0, 0.1]])
    modes = density.modes(min_probability=0.3)
    np.testing.assert_allclose(modes.answers, [[30]], atol=1e-8)
    np.testing.assert_array_equal(modes.probabilities, [[1]])


def test_what_the_cubics_say_of_level_sets_is_near_the_truth():
    """So near that the density itself is asked few times."""
    density = mixture()
    sets, rows = LevelSets(density), np.arange(20)
    exact = np.diff(density.cdf(sets.profile.nodes), axis=1)
    np.testing.assert_allclose(sets.near_masses, exact, atol=5e-4)
    asked = []

    class Asked(GaussianMixture):
        def _of_pairs(self, name, x, rows):
            asked.append(len(x))
            return super()._of_pairs(name, x, rows)

    counted = LevelSets(Asked(*random_parts()))
    for level in LEVELS:
        asked.clear()
        threshold = counted.threshold(level)
        assert len(asked) <= 30
        np.testing.assert_allclose(threshold, density.region_threshold(level), rtol=1e-12)
        np.testing.assert_allclose(sets.mass(threshold, rows), level, atol=1e-9)
        np.testing.assert_allclose(sets._near_mass(threshold, rows), level, atol=1e-3)
        low, high = sets._enclose(level)
        assert ((low < threshold) & (threshold < high)).all()
        # No node lies between, but for what the sorted cells share.
        assert (sets._near_mass(low, rows) >= level).all()
        assert (sets._near_mass(high, rows) <= level).all()
        slope = sets._mass_and_slope(threshold, rows)[1]
        apart = sets.mass(threshold + 1e-5, rows) - sets.mass(threshold - 1e-5, rows)
        np.testing.assert_allclose(slope, apart / 2e-5, rtol=0.1)
        asked.clear()
        counted.intervals(threshold)
        assert len(asked) <= 5 and sum(asked) <= 3.5 * asked[0]


def test_a_set_that_holds_an_outermost_knot_ends_there():
    """At a level below all nodes the set is everything; above all, it is empty."""
    density = mixture(n=3)
    sets = LevelSets(density)
    heights = sets.profile.log_density
    everything = sets.intervals(heights.min(axis=1) - 1)
    np.testing.assert_array_equal(everything[:, 0, 0], sets.profile.nodes[:, 0])
    np.testing.assert_array_equal(everything[:, 0, 1], sets.profile.nodes[:, -1])
    assert everything.shape == (3, 1, 2)
    rows = np.arange(3)
    np.testing.assert_array_equal(sets.mass(heights.min(axis=1) - 1, rows), 1)
    np.testing.assert_array_equal(sets.mass(heights.max(axis=1) + 1, rows), 0)
    assert sets.intervals(heights.max(axis=1) + 1).shape == (3, 0, 2)


def test_two_bumps_that_the_knots_barely_tell_apart():
    # Components 2.02 standard deviations apart have two maxima, 0.98 as far from each other as 1.
    apart = 2.02
    density = GaussianMixture([[0.5, 0.5]], [[-apart / 2, apart / 2]], [[1.0, 1.0]])
    profile = profile_of(density)
    assert np.isfinite(profile.peaks).sum() in (1, 2)
    assert LevelSets(density).mass(density.log_prob([0.5]), np.array([0]))[0] < 0.4
    np.testing.assert_allclose(region_mass(density, density.region(0.1)), 0.1, atol=1e-6)


# The envelope.


def test_envelope_is_the_limit_of_power_means():
    weights, means, scales = random_parts(n=4, K=5)
    density = GaussianEnvelope(np.log(weights), means, scales)
    y = fine_grid(density)
    z = (y[:, :, None] - means[:, None]) / scales[:, None]
    logs = np.log(weights)[:, None] - z**2 / 2
    for beta, close in ((20, 0.1), (2000, 1e-3)):
        height = logsumexp(beta * logs, axis=2) / beta
        norm = np.log(trapezoid(np.exp(height), y))
        np.testing.assert_allclose(norm, density.log_partition(), atol=close)
        np.testing.assert_allclose(height - norm[:, None], density.log_prob(y), atol=2 * close)


@pytest.mark.parametrize("K", [1, 2, 7, 40])
def test_envelope_segments_have_the_winners(K):
    rng = np.random.default_rng(K)
    n = 50
    heights, means = 3 * rng.normal(size=(n, K)), 3 * rng.normal(size=(n, K))
    scales = np.exp(rng.normal(size=(n, K)))
    scales[::3] = 1.0  # lines instead of parabolas
    means[::5] = 0.0  # one centre
    heights[1::5], means[1::5], scales[1::5] = 0.0, 1.0, 2.0  # all the same
    edges, winners = upper_envelope(heights, means, scales)
    assert (np.diff(np.nan_to_num(edges, posinf=1e9, neginf=-1e9), axis=1) >= 0).all()
    assert edges.shape[1] <= 2 * K + 1
    # Beyond 40 scales there is no mass, and who wins is not looked at.
    first, last = (means - 39 * scales).min(axis=1), (means + 39 * scales).max(axis=1)
    low = np.clip(edges, first[:, None], last[:, None])
    middle = (low[:, 1:] + low[:, :-1]) / 2
    values = heights[:, None] - ((middle[:, :, None] - means[:, None]) / scales[:, None]) ** 2 / 2
    ours = np.take_along_axis(values, winners[:, :, None], axis=2)[:, :, 0]
    real = np.diff(low, axis=1) > 1e-9
    np.testing.assert_allclose(ours[real], values.max(axis=2)[real], atol=1e-9)


def test_a_spike_is_not_left_for_rounding():
    # One unit in the last place of y moves this spike's parabola by 1e-9 where it comes up.
    heights = np.log([[0.002, 0.18]])
    means, scales = np.array([[-0.2029237, 4.87329088]]), np.array([[2.2, 3.4e-6]])
    edges, winners = upper_envelope(heights, means, scales)
    np.testing.assert_array_equal(winners, [[0, 1, 0]])
    for edge in edges[0, 1:3]:
        values = heights - ((edge - means) / scales) ** 2 / 2
        assert abs(values[0, 0] - values[0, 1]) < 1e-8
    density = GaussianEnvelope(heights, means, scales)
    points, weights = cell_quadrature(density._knots())
    np.testing.assert_allclose((weights * density.pdf(points)).sum(), 1, atol=1e-9)


def test_a_parabola_that_is_already_higher_overtakes_at_once():
    """The highest one, if it is higher than the winner by more than rounding."""

    def overtaken(x, heights, means, scales):
        parts = (np.array([part], dtype=float) for part in (heights, means, scales))
        where, overtaker = _first_to_overtake(np.array([x]), np.array([0]), *parts)
        return (where[0], overtaker[0]) if np.isfinite(where[0]) else None

    def of_one_shape(*heights):
        return overtaken(0.0, heights, np.zeros(len(heights)), np.ones(len(heights)))

    assert of_one_shape(0, 1, 3, 2) == (0, 2)
    assert of_one_shape(0, 1.5e-11) == (0, 1) and of_one_shape(0, 0.9e-11) is None
    assert of_one_shape(1, 1 + 2.5e-11) == (0, 1) and of_one_shape(1, 1 + 1.5e-11) is None
    # One unit in the last place of y = 1 moves this spike's parabola by 2.2e-4, eight by 1.8e-3.
    for higher, expected in ((1e-3, None), (1e-2, (1, 1))):
        assert overtaken(1.0, [0, 0.5e12 + higher], [1, 0], [1, 1e-6]) == expected


def test_bumps_of_nearly_equal_scales_do_not_cross_at_the_end_of_numbers():
    density = GaussianEnvelope([[0.0, 1e-300]], [[0.0, 1e-300]], [[1.0, np.nextafter(1.0, 2.0)]])
    np.testing.assert_allclose(density.log_partition(), np.log(np.sqrt(2 * np.pi)))
    far = GaussianEnvelope([[0.0, -1.0]], [[0.0, 1e-250]], [[1.0, 1.0]])
    np.testing.assert_allclose(far.cdf(0.0), 0.5)


def test_dominated_bumps_change_nothing():
    one = GaussianEnvelope([[0.0]], [[1.0]], [[2.0]])
    two = GaussianEnvelope([[0.0, -5.0]], [[1.0, 1.2]], [[2.0, 0.1]])
    np.testing.assert_allclose(one.log_partition(), two.log_partition())
    np.testing.assert_allclose(one.log_partition(), np.log(2 * np.sqrt(2 * np.pi)))
    np.testing.assert_allclose(one.cdf(0.3), two.cdf(0.3))


# Scales, many components, odd weights.


@SCALAR
@pytest.mark.parametrize("unit", [1e-100, 1e100])
def test_every_answer_scales_with_the_unit(make, unit):
    weights, means, scales = random_parts(n=8)
    first = np.log(weights) if make is envelope else weights
    kind = {mixture: GaussianMixture, envelope: GaussianEnvelope, curve: curve_of}[make]
    one, other = kind(first, means, scales), kind(first, unit * means, unit * scales)
    y = one.sample(2, random_state=0)
    for name in ("mean", "std", "mode", "median"):
        np.testing.assert_allclose(getattr(other, name)(), unit * getattr(one, name)(), rtol=1e-7)
    np.testing.assert_allclose(other.var(), unit**2 * one.var(), rtol=1e-9)
    np.testing.assert_allclose(other.region(0.8), unit * one.region(0.8), rtol=1e-5)
    np.testing.assert_allclose(other.crps(unit * y), unit * one.crps(y), rtol=1e-9)
    np.testing.assert_allclose(other.entropy(), np.log(unit) + one.entropy(), rtol=1e-9)
    np.testing.assert_allclose(other.density_rank(unit * y), one.density_rank(y), atol=1e-8)
    np.testing.assert_allclose(other.modes().probabilities, one.modes().probabilities)
    np.testing.assert_allclose(other.log_prob(unit * y), one.log_prob(y) - np.log(unit), atol=1e-9)


def test_a_component_a_million_times_narrower_is_resolved():
    density = GaussianMixture([[0.6, 0.4]], [[0.0, 0.7]], [[1.0, 1e-6]])
    assert np.abs(density.mode() - 0.7) < 1e-12
    assert np.abs(density.cdf(density.ppf([0.5, 0.7])) - [0.5, 0.7]).max() < 1e-10
    np.testing.assert_allclose(region_mass(density, density.region(0.5)), 0.5, atol=1e-6)
    # 0.7 splits the wide component; the two basins of its halves meet the spike.
    modes = density.modes()
    np.testing.assert_allclose(sorted(modes.answers[0]), [0, 0.7], atol=1e-6)
    plain = Plain(density)
    np.testing.assert_allclose(plain.var(), density.var(), rtol=1e-9)
    np.testing.assert_allclose(plain.entropy(), density.entropy(), rtol=1e-9)
    np.testing.assert_allclose(plain.crps(0.3), density.crps(0.3), rtol=1e-9)


def test_identical_components_and_weights_of_zero_count_for_nothing():
    one = GaussianMixture([[1.0]], [[2.0]], [[3.0]])
    many = GaussianMixture(np.full((1, 100), 0.01), np.full((1, 100), 2.0), np.full((1, 100), 3.0))
    zero = GaussianMixture([[0.0, 1.0, 0.0]], [[-1e9, 2.0, 5.0]], [[1.0, 3.0, 1e-9]])
    y = np.linspace(-10, 10, 7)[None]
    for other in (many, zero):
        for name in ("log_prob", "cdf", "crps", "density_rank"):
            np.testing.assert_allclose(
                getattr(other, name)(y), getattr(one, name)(y), rtol=1e-9, atol=1e-9
            )
        for name in ("mean", "var", "mode", "median", "entropy"):
            np.testing.assert_allclose(getattr(other, name)(), getattr(one, name)(), atol=1e-9)
        np.testing.assert_allclose(other.region(0.5), one.region(0.5), atol=1e-8)
        assert other.modes(0).answers.shape == (1, 1)
    assert np.isfinite(zero.sample(1000, 0)).all() and zero.sample(1000, 0).min() > -50


def test_far_answers_have_finite_log_densities():
    density = GaussianMixture([[0.5, 0.5]], [[0.0, 1.0]], [[1.0, 2.0]])
    np.testing.assert_allclose(
        density.log_prob(1e8), np.log(0.5 / 2 / np.sqrt(2 * np.pi)) - (1e8 - 1) ** 2 / 8
    )
    assert density.log_prob(np.inf) == -np.inf and density.cdf(np.inf) == 1
    assert density.pdf(-np.inf) == 0 and density.cdf(-np.inf) == 0


# What all have in common.


def first_answers(density):
    return density.sample(1, random_state=3)[:, 0]


METHODS = ("mean", "var", "std", "mode", "median", "entropy")
ANSWER_METHODS = ("log_prob", "pdf", "crps", "density_rank")


@ANY
def test_rows_are_independent_of_each_other_and_of_blocks(make, monkeypatch):
    density = make(n=4)
    y = first_answers(density)
    rows = np.array([3, 0, 2])
    whole = {name: getattr(density, name)() for name in METHODS}
    whole |= {name: getattr(density, name)(y) for name in ANSWER_METHODS}
    whole["interval"] = density.interval(0.5)
    modes = density.modes()
    part = density[rows]
    for name in METHODS:
        np.testing.assert_allclose(getattr(part, name)(), whole[name][rows], rtol=1e-9, atol=1e-12)
    for name in ANSWER_METHODS:
        np.testing.assert_allclose(getattr(part, name)(y[rows]), whole[name][rows], rtol=1e-9)
    monkeypatch.setattr(blocks.row_blocks, "__defaults__", (1,))  # one row at a time
    few = 1024 if make is vector_surface else 1
    monkeypatch.setattr(blocks.tiles, "__defaults__", (few,))
    for name in METHODS:
        np.testing.assert_allclose(getattr(density, name)(), whole[name], rtol=1e-9, atol=1e-12)
    for name in ANSWER_METHODS:
        np.testing.assert_allclose(getattr(density, name)(y), whole[name], rtol=1e-9)
    np.testing.assert_allclose(density.interval(0.5), whole["interval"], rtol=1e-9)
    again = density.modes()
    np.testing.assert_allclose(again.answers, modes.answers, rtol=1e-9)
    np.testing.assert_allclose(again.probabilities, modes.probabilities, rtol=1e-9)


@ANY
def test_rows_can_be_picked_and_densities_pickled(make):
    density = make(n=6)
    y = first_answers(density)
    mask = np.array([True, False, True, False, False, True])
    for rows in (slice(1, 4), slice(None, None, 2), mask, np.flatnonzero(mask), [5, 5, 0]):
        part = density[rows]
        assert type(part) is type(density) and len(part) == part.n_rows == len(y[rows])
        np.testing.assert_allclose(part.log_prob(y[rows]), density.log_prob(y)[rows])
    assert len(density[-1]) == 1 and len(density[np.intp(2)]) == 1
    assert len(list(density)) == 6
    with pytest.raises(IndexError):
        density[6]
    assert "6 rows" in repr(density)
    copy = pickle.loads(pickle.dumps(density))
    np.testing.assert_array_equal(copy.log_prob(y), density.log_prob(y))
    assert len(density[:0]) == 0 and density[:0].log_prob(y[:0]).shape == (0,)


@ANY
def test_no_rows_give_no_answers(make):
    density = make()[:0]
    for name in METHODS:
        assert len(getattr(density, name)()) == 0
    assert len(density.modes().answers) == len(density.modes().probabilities) == 0
    assert len(density.interval(0.5)) == 0 and len(density.sample(3, 0)) == 0


@SCALAR
def test_shapes_of_scalar_answers(make):
    density = make(n=4)
    for name in ("pdf", "log_prob", "cdf", "crps", "density_rank"):
        method = getattr(density, name)
        assert method(0.5).shape == method(np.zeros(4)).shape == (4,)
        assert method(np.zeros((4, 3))).shape == (4, 3)
        for wrong in (np.zeros(3), np.zeros((3, 4)), np.zeros((4, 2, 2))):
            with pytest.raises(ValueError, match=r"y\.shape == .* expected \(4,\)"):
                method(wrong)
    assert density.ppf(0.5).shape == (4,) and density.ppf([0.5]).shape == (4, 1)
    assert density.sample(7, 0).shape == (4, 7) and density.quantiles([]).shape == (4, 0)


@pytest.mark.parametrize("level", [0, -0.1, 1.5, "half", True, np.nan])
@ANY
def test_levels_lie_between_0_and_1(make, level):
    density = make(n=2)
    for name in ("region", "interval"):
        with pytest.raises(ValueError, match="level="):
            getattr(density, name)(level)


@ANY
@pytest.mark.parametrize("wrong", [-0.1, 1.1, "much", None])
def test_least_probabilities_lie_between_0_and_1(make, wrong):
    with pytest.raises(ValueError, match="min_probability="):
        make(n=2).modes(wrong)


def test_wrong_arguments_raise():
    density = mixture(n=2)
    for q in (-0.1, [0.5, 1.1], np.nan):
        with pytest.raises(ValueError, match="outside"):
            density.ppf(q)
    with pytest.raises(ValueError, match=r"q\.shape"):
        density.ppf([[0.5]])
    with pytest.raises(ValueError, match="expected one number or \\(m,\\)"):
        density.quantiles([[0.5]])
    with pytest.raises(ValueError, match="n_samples="):
        density.sample(0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        vector_envelope(n=1).quantiles([2.0])


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (([0.5, 0.5], [0, 1], [1, 1]), "expected \\(n, K\\)"),
        (([[0.5, 0.6]], [[0, 1]], [[1, 1]]), "sum to 1"),
        (([[1.5, -0.5]], [[0, 1]], [[1, 1]]), "negative"),
        (([[np.nan, 1.0]], [[0, 1]], [[1, 1]]), "NaN"),
        (([[0.5, 0.5]], [[0, 1, 2]], [[1, 1]]), "means.shape"),
        (([[0.5, 0.5]], [[0, np.inf]], [[1, 1]]), "finite"),
        (([[0.5, 0.5]], [[0, 1]], [[1, 0]]), "not positive"),
        (([[0.5, 0.5]], [[0, 1]], [[1, np.inf]]), "finite"),
    ],
)
def test_wrong_parts_raise(parts, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(*parts)


def test_weights_are_normalised():
    density = GaussianMixture([[0.5, 0.5 + 5e-7]], [[0, 1]], [[1, 1]])
    np.testing.assert_allclose(density.weights.sum(), 1, rtol=1e-15)


def test_wrong_factors_raise():
    weights, means, factors = vector_parts(n=2)
    flat = factors.copy()
    flat[1, 2, 1, 1] = 0.0
    for wrong, message in (
        (np.swapaxes(factors, 2, 3), "above the diagonal"),
        (-factors, "not positive"),
        (flat, "not positive"),
        (factors[:, :, :1], "factors.shape"),
    ):
        with pytest.raises(ValueError, match=message):
            VectorGaussianMixture(weights, means, wrong)
    with pytest.raises(ValueError, match=r"means\.shape"):
        VectorGaussianMixture(weights, means[:, :, 0], factors)


# Several outputs.


def plane(density, row, n_points=401, reach=12.0):
    mixture = getattr(density, "mixture", density)
    middle, half = mixture.mean()[row], reach * mixture.std()[row] / 2
    axes = [np.linspace(m - h, m + h, n_points) for m, h in zip(middle, half, strict=True)]
    y = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(1, -1, 2)
    area = np.prod([axis[1] - axis[0] for axis in axes])
    return y, area


@VECTOR
def test_density_of_two_outputs_integrates_to_one(make):
    density = make(n=3)
    for row in range(3):
        y, area = plane(density, row)
        p = density[row].pdf(y)
        close = 1e-6
        if make is vector_envelope:
            close = 4 * density.log_partition().standard_error[row]
            assert 0 < close < 0.1
        if make is vector_surface:
            close = 4 * density.log_prob_error()[row]
            assert 0 < close < 0.1
        assert abs(p.sum() * area - 1) < close
        mean = (p[..., None] * y).sum(axis=1)[0] / p.sum()
        error = 0 if make is vector_mixture else 0.15
        np.testing.assert_allclose(density.mean()[row], mean, atol=1e-4 + error)


def test_one_component_is_a_multivariate_normal():
    rng = np.random.default_rng(0)
    q = 3
    factor, mean = random_factors(rng, 1, 1, q), rng.normal(size=(1, 1, q))
    normal = stats.multivariate_normal(mean[0, 0], factor[0, 0] @ factor[0, 0].T)
    y = rng.normal(size=(1, 5, q))
    for density in (
        VectorGaussianMixture([[1.0]], mean, factor),
        VectorGaussianEnvelope([[7.0]], mean, factor),
    ):
        np.testing.assert_allclose(density.log_prob(y)[0], normal.logpdf(y[0]))
        np.testing.assert_allclose(density.log_prob(y[:, 0])[0], normal.logpdf(y[0, 0]))
        np.testing.assert_allclose(density.mode()[0], mean[0, 0], atol=1e-9)
        np.testing.assert_allclose(density.modes().answers[0], mean[0], atol=1e-9)
        np.testing.assert_allclose(density.entropy(20_000)[0], normal.entropy(), atol=0.03)
        # The squared distance is χ² with q degrees of freedom, and orders the answers.
        away = np.linalg.solve(factor[0, 0], (y[0] - mean[0, 0]).T)
        rank = stats.chi2(q).cdf((away**2).sum(axis=0))
        np.testing.assert_allclose(density.density_rank(y, 20_000)[0], rank, atol=0.02)
        np.testing.assert_allclose(density.std()[0], np.linalg.norm(factor[0, 0], axis=1), rtol=0.1)


def test_marginals_are_the_densities_of_single_outputs():
    density = vector_mixture()
    y = first_answers(density)
    for output in range(2):
        marginal = density.marginal(output)
        np.testing.assert_allclose(marginal.mean(), density.mean()[:, output])
        np.testing.assert_allclose(marginal.var(), density.covariance()[:, output, output])
        np.testing.assert_allclose(marginal.crps(y[:, output]), density.crps(y)[:, output])
        np.testing.assert_array_equal(marginal.interval(0.5), density.interval(0.5)[:, output])
    samples = density.sample(4000, random_state=0)
    np.testing.assert_allclose(samples.mean(axis=1), density.mean(), atol=0.3)
    np.testing.assert_allclose(np.cov(samples[0].T), density.covariance()[0], rtol=0.2, atol=0.3)
    assert density.quantiles([0.1, 0.5, 0.9]).shape == (6, 2, 3)
    assert density.crps(density.sample(3, 0)).shape == (6, 3, 2)


def test_one_output_agrees_with_the_scalar_density():
    weights, means, scales = random_parts(n=5)
    scalar = GaussianMixture(weights, means, scales)
    vector = VectorGaussianMixture(weights, means[..., None], scales[..., None, None])
    y = scalar.sample(6, random_state=0)
    np.testing.assert_allclose(vector.log_prob(y[..., None]), scalar.log_prob(y))
    np.testing.assert_allclose(vector.mode()[:, 0], scalar.mode(), atol=1e-6)
    score = vector.energy_score(y[..., None], n_samples=20_000)
    np.testing.assert_allclose(score, scalar.crps(y), atol=0.06)
    np.testing.assert_allclose(
        vector.density_rank(y[..., None], 20_000), scalar.density_rank(y), atol=0.02
    )
    bumps = VectorGaussianEnvelope(np.log(weights), means[..., None], scales[..., None, None])
    exact = GaussianEnvelope(np.log(weights), means, scales)
    value, error = bumps.log_partition()
    assert (np.abs(value - exact.log_partition()) < 4 * error).all()
    np.testing.assert_allclose(bumps.log_prob(y[..., None]), exact.log_prob(y), atol=0.1)
    np.testing.assert_allclose(bumps.mode()[:, 0], exact.mode())
    np.testing.assert_allclose(bumps.crps(y[..., None])[..., 0], exact.crps(y), atol=0.3)
    np.testing.assert_allclose(bumps.median()[:, 0], exact.median(), atol=0.5)
    np.testing.assert_allclose(bumps.var()[:, 0], exact.var(), rtol=0.2)


@VECTOR
def test_modes_of_separated_vector_components(make):
    weights = np.array([[0.2, 0.5, 0.27, 0.03]])
    means = np.array([[[0.0, 0.0], [20.0, 0.0], [0.0, 20.0], [20.0, 18.0]]])
    factors = np.broadcast_to(np.eye(2), (1, 4, 2, 2))
    density = VectorGaussianMixture(weights, means, factors)
    if make is vector_envelope:
        density = VectorGaussianEnvelope(np.log(weights), means, factors, n_samples=20_000)
    modes = density.modes()
    np.testing.assert_allclose(modes.answers[0], [[20, 0], [0, 20], [0, 0]], atol=1e-6)
    close = 1e-9 if make is vector_mixture else 0.02
    np.testing.assert_allclose(modes.probabilities, [[0.53, 0.27, 0.2]], atol=close)
    np.testing.assert_allclose(density.mode(), [[20, 0]], atol=1e-6)
    np.testing.assert_allclose(density.modes(1.0).answers, [[[20, 0]]], atol=1e-6)
    assert density.modes(0.0).answers.shape == (1, 4, 2)


@VECTOR
def test_vector_modes_are_maxima(make):
    density = make(n=50, K=6)
    answers, probabilities = density.modes(min_probability=0)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    known = np.isfinite(answers[..., 0])
    at = density.log_prob(np.nan_to_num(answers))
    rng = np.random.default_rng(0)
    for _ in range(10):
        aside = density.log_prob(np.nan_to_num(answers) + 1e-4 * rng.normal(size=2))
        assert (aside <= at + 1e-12)[known].all()
    best = np.where(known, at, -np.inf).max(axis=1)
    np.testing.assert_allclose(best, density.log_prob(density.mode()), atol=1e-9)


def test_components_on_top_of_each_other_share_a_mode():
    weights = np.array([[0.3, 0.3, 0.4]])
    means = np.array([[[0.0, 0.0], [0.5, 0.0], [0.0, 0.5]]])
    density = VectorGaussianMixture(weights, means, np.broadcast_to(np.eye(2), (1, 3, 2, 2)))
    modes = density.modes()
    assert modes.answers.shape == (1, 1, 2) and modes.probabilities == 1
    np.testing.assert_allclose(modes.answers[:, 0], density.mean(), atol=0.02)


@VECTOR
@pytest.mark.parametrize("level", [0.29, 0.9])
def test_vector_region_agrees_with_the_rank(make, level):
    density = make()
    y = density.sample(300, random_state=5)
    region = density.region(level, n_samples=100)
    inside = region.contains(y)
    assert inside.shape == (6, 300) and region.log_threshold.shape == (6,)
    np.testing.assert_array_equal(inside, density.density_rank(y, n_samples=100) <= level)
    assert (region.contains(y[:, 0]) == inside[:, 0]).all()
    assert abs(density.region(level).contains(y).mean() - level) < 0.03
    for wrong in (y[:, 0, :1], y[:, 0, 0], y[:2]):
        with pytest.raises(ValueError, match="expected"):
            density.log_prob(wrong)


def test_energy_score_is_lower_for_the_true_density():
    density = vector_mixture(n=60)
    y = first_answers(density)
    right, wrong = density.energy_score(y), density[::-1].energy_score(y)
    assert right.mean() < wrong.mean()
    assert density.energy_score(density.sample(2, 0), n_samples=1).shape == (60, 2)


# Quadrature.


def test_quadrature_is_exact_for_polynomials():
    """∫ tᵈ over cells that are unlike each other; eight points are exact up to degree 15."""
    knots = np.array([[-1.0, -0.25, 0.5, 2.0], [0.0, 0.0, 1.0, 3.0]])
    for n_points, highest in ((None, 15), (3, 5)):
        points, weights = cell_quadrature(knots, *([] if n_points is None else [n_points]))
        assert points.shape == weights.shape == (2, 3 * (n_points or 8))
        assert (np.diff(points, axis=1) >= 0).all()
        for degree in range(highest + 1):
            exact = np.diff(knots[:, [0, -1]] ** (degree + 1))[:, 0] / (degree + 1)
            np.testing.assert_allclose((weights * points**degree).sum(axis=1), exact, rtol=1e-12)
        beyond = (weights * points ** (highest + 1)).sum(axis=1)
        exact = np.diff(knots[:, [0, -1]] ** (highest + 2))[:, 0] / (highest + 2)
        assert not np.allclose(beyond, exact, rtol=1e-12)


def test_moments_far_from_the_origin_do_not_cancel():
    points = 1e9 + np.array([[0.0, 2.0, 6.0], [1.0, 2.0, 3.0]])
    mean, var = moments_of(points, np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]]))
    np.testing.assert_array_equal(mean, [1e9 + 2, 1e9 + 2])  # 0/2 + 2/4 + 6/4, and 2
    np.testing.assert_array_equal(var, [6.0, 0.5])  # 4/2 + 0/4 + 16/4, and 1/4 + 1/4


@pytest.mark.parametrize("n_points", [4, 5, 8])
def test_half_the_distance_of_two_draws_from_a_triangle(n_points):
    """p(t) = 2t on [0, 1]: ∫ t² (1 − t²) = 1/3 − 1/5. The same, turned round and three times wider.

    F (1 − F) has degree 4, of which the products of 4 points are exact.
    """
    ends = np.array([[0.0, 0.3, 0.4, 1.0], [-2.0, -1.9, 0.0, 1.0]])
    points, _ = cell_quadrature(ends, n_points)
    density = np.stack([2 * points[0], 2 * (1 - points[1]) / 9]).reshape(2, 3, n_points)
    found = half_spread(density, np.diff(ends, axis=1))
    np.testing.assert_allclose(found, [2 / 15, 3 * 2 / 15], rtol=1e-13)


# Roots, and random mixtures.


def test_roots_of_a_step_and_of_a_bracket_without_one():
    def step(x, index):
        return np.where(x < 0.3, -1.0, 1.0)

    low, high = np.zeros(2), np.ones(2)
    np.testing.assert_allclose(find_roots(step, low, high, -high, high), 0.3, atol=1e-12)
    np.testing.assert_array_equal(find_roots(step, low, high, high, 2 * high), low)
    few = find_roots(step, low, high, -high, high, max_iterations=3)
    assert (np.abs(few - 0.3) < 0.2).all()


def chandrupatla(function, low, high, tolerance):
    """Chandrupatla (1997), one root at a time: the points that are asked about."""
    b, a, f_b, f_a = low, high, function(low), function(high)
    asked, step = [], 0.5
    while True:
        x = a + step * (b - a)
        value = function(x)
        asked.append(x)
        if (value > 0) == (f_a > 0):
            c, f_c = a, f_a
        else:
            c, f_c, b, f_b = b, f_b, a, f_a
        a, f_a = x, value
        best = a if abs(f_a) < abs(f_b) else b
        least = (0.5 * tolerance * (high - low) + np.finfo(float).eps * abs(best)) / abs(b - a)
        if least >= 0.5 or f_a == 0:
            return best, asked
        position, height = (a - b) / (c - b), (f_a - f_b) / (f_c - f_b)
        step = 0.5
        if height**2 < position and (1 - height) ** 2 < 1 - position:
            step = f_a / (f_b - f_a) * f_c / (f_b - f_c)
            step += (c - a) / (b - a) * f_a / (f_c - f_a) * f_b / (f_c - f_b)
        step = min(max(step, least), 1 - least)


#: Functions, their slopes, and whether they rise; each has a root in [0, 10].
CURVES = [
    (lambda x: x**2 - 4, lambda x: 2 * x, True),
    (lambda x: x**5 - 2, lambda x: 5 * x**4, True),
    (lambda x: np.exp(-x) - 0.3, lambda x: -np.exp(-x), False),
    (lambda x: 1 / (x + 0.01) - 3, lambda x: -1 / (x + 0.01) ** 2, False),
    (lambda x: (x - 7) ** 3, lambda x: 3 * (x - 7) ** 2, True),
    (lambda x: np.arctan(x - 3.3), lambda x: 1 / (1 + (x - 3.3) ** 2), True),
    (lambda x: 2 * (x - 9.999), lambda x: 2.0, True),  # nearer to an end than the tolerance
    (lambda x: 2 * (x - 0.001), lambda x: 2.0, True),
]


def of_curves(asked, *, with_slope):
    """All of the curves as one function that notes what it is asked about."""

    def function(x, index):
        for i, point in zip(index, x, strict=True):
            asked[i].append(point)
        values = np.array([CURVES[i][0](point) for i, point in zip(index, x, strict=True)])
        slopes = np.array([CURVES[i][1](point) for i, point in zip(index, x, strict=True)])
        return (values, slopes) if with_slope else values

    return function


@pytest.mark.parametrize("tolerance", [1e-13, 1e-4, 1e-2])
def test_roots_are_looked_for_where_chandrupatla_looks(tolerance):
    asked = [[] for _ in CURVES]
    low, high = np.zeros(len(CURVES)), np.full(len(CURVES), 10.0)
    at_low, at_high = (np.array([f(end) for f, *_ in CURVES]) for end in (0.0, 10.0))
    roots = find_roots(
        of_curves(asked, with_slope=False), low, high, at_low, at_high, tolerance=tolerance
    )
    for i, (function, *_) in enumerate(CURVES):
        expected, points = chandrupatla(function, 0.0, 10.0, tolerance)
        assert len(asked[i]) == len(points)
        np.testing.assert_allclose(asked[i], points, rtol=1e-9)
        np.testing.assert_allclose(roots[i], expected, rtol=1e-9)


def test_roots_begin_where_they_are_told_and_end_where_it_is_good_enough():
    def ask(**settings):
        points = []

        def line(x, index):
            points.append(x.copy())
            return x - 3.0

        one = np.ones(1)
        root = find_roots(line, 0 * one, 10 * one, -3 * one, 7 * one, **settings)
        return root[0], np.concatenate([*points, []])

    root, points = ask(start=np.array([3.0]))
    assert root == 3 and points.tolist() == [3]
    # Inside by 1/1000 of the bracket, at least.
    for start, first in ((-5.0, 0.01), (50.0, 9.99)):
        np.testing.assert_allclose(ask(start=np.array([start]))[1][0], first, rtol=1e-12)
    assert ask(enough=2.0) == (5.0, [5.0])  # |5 − 3| is 2
    root, points = ask(enough=np.array([1.9]))
    assert len(points) == 2 and abs(root - 3) <= 1.9
    root, points = ask(enough=3.0)
    assert root == 0 and len(points) == 0  # an end that is good enough
    assert len(ask(max_iterations=1)[1]) == 1


def safe_newton(function, slope, rising, x, tolerance):
    """Newton's method in [0, 10]; a bisection where it leaves, or did not halve the value."""
    low, high, size, asked = 0.0, 10.0, np.inf, []
    while True:
        value = function(x)
        asked.append(x)
        if (value > 0) == rising:
            high = x
        else:
            low = x
        new = x - value / slope(x)
        if not low <= new <= high or abs(value) > 0.5 * size:
            new = 0.5 * (low + high)
        size = np.inf if abs(value) > 0.5 * size else abs(value)
        if value == 0:
            return x, asked
        if abs(new - x) <= 10 * tolerance + 2 * np.finfo(float).eps * abs(x):
            return new, asked
        x = new


@pytest.mark.parametrize("tolerance", [1e-13, 1e-4])
def test_roots_by_slopes_are_looked_for_where_newton_in_a_bracket_looks(tolerance):
    """From the right and from the left, from far and from near."""
    rising = np.array([up for *_, up in CURVES])
    low, high = np.zeros(len(CURVES)), np.full(len(CURVES), 10.0)
    for start in (9.5, 0.5, 3.0):
        asked = [[] for _ in CURVES]
        roots = find_roots_by_slopes(
            of_curves(asked, with_slope=True), low, high, rising,
            np.full(len(CURVES), start), tolerance=tolerance,
        )  # fmt: skip
        for i, (function, slope, up) in enumerate(CURVES):
            expected, points = safe_newton(function, slope, up, start, tolerance)
            assert len(asked[i]) == len(points)
            np.testing.assert_allclose(asked[i], points, rtol=1e-9)
            np.testing.assert_allclose(roots[i], expected, rtol=1e-9)
        np.testing.assert_array_equal(low, 0)  # what is handed in is left as it is
        np.testing.assert_array_equal(high, 10)


def test_roots_by_slopes_end_where_it_is_good_enough():
    def ask(start, **settings):
        points = []

        def line(x, index):
            points.append(x.copy())
            return 2 * (x - 3.0), np.full(len(x), 2.0)

        ends = np.zeros(1), np.full(1, 10.0), np.ones(1, dtype=bool)
        root = find_roots_by_slopes(line, *ends, np.array([start]), **settings)
        return root[0], np.concatenate(points).tolist()

    assert ask(5.0) == (3.0, [5.0, 3.0])
    assert ask(5.0, enough=4.0) == (5.0, [5.0])  # 2 (5 − 3) is 4
    assert ask(5.0, enough=3.9)[1] == [5.0, 3.0]
    for outside in (-1.0, 11.0, np.nan):  # from the middle
        assert ask(outside)[1] == [5.0, 3.0]
    assert ask(0.0)[1] == [0.0, 3.0] and ask(10.0)[1] == [10.0, 3.0]
    assert ask(5.0, max_iterations=1) == (3.0, [5.0])
    # Steps are half of what they should be; 0.375 is the first below 0.05 (10 + 4).
    points = []

    def steep(x, index):
        points.append(x[0])
        return x - 3.0, np.full(len(x), 2.0)

    ends = np.array([-4.0]), np.array([10.0]), np.ones(1, dtype=bool)
    assert find_roots_by_slopes(steep, *ends, np.array([9.0]), tolerance=0.05) == [3.375]
    assert points == [9.0, 6.0, 4.5, 3.75]


@st.composite
def mixtures(draw):
    K = draw(st.integers(1, 6))
    numbers = st.lists(st.floats(-5, 5), min_size=K, max_size=K)
    raw = np.array([draw(numbers)])
    means = np.array([draw(numbers)])
    scales = np.exp(np.array([draw(st.lists(st.floats(-6, 3), min_size=K, max_size=K))]))
    weights = np.exp(raw) / np.exp(raw).sum()
    if draw(st.booleans()):
        return GaussianEnvelope(raw, means, scales)
    return GaussianMixture(weights, means, scales)


@settings(max_examples=60, deadline=None)
@given(mixtures(), st.floats(0.001, 0.999))
def test_random_densities(density, level):
    y = fine_grid(density, 300)
    assert (np.diff(density.cdf(y), axis=1) >= -1e-14).all()
    assert np.abs(density.cdf(density.ppf(level)) - level).max() <= 1e-10
    region = density.region(level)
    np.testing.assert_allclose(region_mass(density, region), level, atol=1e-6)
    answers, probabilities = density.modes()
    np.testing.assert_allclose(probabilities.sum(), 1, atol=1e-9)
    assert np.isfinite(answers[0, 0]) and (probabilities >= 0).all()
    np.testing.assert_allclose(density.density_rank(density.mode()), 0, atol=1e-6)
    assert (density.crps(y) >= 0).all()


# Many components.


def many(n=12, K=150, seed=0, sharpness=1.5):
    """Components of many scales, a background, and padding behind it."""
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.full(K, 0.5), size=n)
    means, scales = 2 * rng.normal(size=(n, K)), np.exp(sharpness * rng.normal(size=(n, K)) - 2)
    weights[:, -1], means[:, -1], scales[:, -1] = 1e-3, 0, 10
    weights[1::3, K // 2 :] = 0
    weights[2::3, K // 3 :] = 0
    return weights / weights.sum(axis=1, keepdims=True), means, scales


def spiked(K, seed):
    """Many components, and a spike of weight and scale 1/1000 at 0.7."""
    weights, means, scales = many(n=4, K=K, seed=seed, sharpness=0.3)
    weights, means, scales = (a.copy() for a in (weights, means, scales))
    scales[:, :] = np.maximum(scales, 0.1)
    weights[:, 0] = 0
    weights /= weights.sum(axis=1, keepdims=True) / 0.999
    weights[:, 0], means[:, 0], scales[:, 0] = 1e-3, 0.7, 1e-3
    return GaussianMixture(weights, means, scales)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), K=st.integers(48, 120), sharpness=st.floats(0.0, 3.0))
def test_sums_over_the_components_nearby_are_those_over_all(seed, K, sharpness):
    density = GaussianMixture(*many(n=3, K=K, seed=seed, sharpness=sharpness))
    y = np.sort(np.random.default_rng(seed).normal(size=(3, 90)) * [[1], [5], [500]], axis=1)
    y[:, -3:] = y[:, [-3]]
    height, slope = density._log_prob_and_slope(y)
    rows, columns = np.indices(y.shape).reshape(2, -1)
    exact = density._sums._far(y, rows, columns)
    np.testing.assert_allclose(height.ravel(), exact[0], rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(slope.ravel(), exact[1], rtol=1e-7, atol=1e-8)
    shuffled = density._log_prob(y[:, ::-1])[:, ::-1]
    np.testing.assert_allclose(height, shuffled, rtol=1e-10, atol=1e-10)


def test_components_that_only_pad_cost_nothing_and_have_no_knots():
    weights = np.array([[0.3, 0.7, 0.0, 0.0], [0.2, 0.5, 0.3 - 1e-15, 0.0], [0.0, 1.0, 1e-15, 0.0]])
    means, scales = np.arange(12.0).reshape(3, 4), 1 + np.arange(12.0).reshape(3, 4)
    sums = GaussianMixture(weights, means, scales)._sums
    assert sums.extent.tolist() == [2, 3, 3]
    # In place of what has no weight stands the heaviest once more.
    source = np.array([[0, 1, 1], [0, 1, 2], [1, 1, 1]])
    found = sums.components_for_knots()
    for array, expected in zip(found, (means, scales), strict=True):
        np.testing.assert_array_equal(array, np.take_along_axis(expected, source, axis=1))
    for rows, extent in ((slice(0, 1), 2), (slice(0, 3), 3), (slice(0, 0), 1)):
        (part,) = sums._of_components(rows, means)
        np.testing.assert_array_equal(part[:, :, 0].T, means[rows, :extent])


def test_only_what_is_no_number_is_left_to_logarithms(monkeypatch):
    """They are slower; a row of far narrower components does not ask for them in another."""
    weights, means, scales = many(n=3, K=60)
    unit = np.array([[1e-25], [1.0], [1.0]])
    density = GaussianMixture(weights, unit * means, unit * scales)
    asked, far = [], GaussianSums._far
    monkeypatch.setattr(
        GaussianSums, "_far", lambda *given: asked.append(given[-2].tolist()) or far(*given)
    )
    y = unit * GaussianMixture(weights, means, scales).quantiles(np.linspace(0.001, 0.999, 90))
    asked.clear()
    expected = density.log_prob(y)
    np.testing.assert_allclose(density.log_prob(y[:, ::-1]), expected[:, ::-1], rtol=1e-10)
    assert not asked
    y[2, -1] = 1e6
    np.testing.assert_array_equal(density.log_prob(y)[:2], expected[:2])
    assert asked == [[2]]


def test_without_a_background_the_far_components_still_count():
    """Between two clusters the density is 1e-4000, and its logarithm a number."""
    means = np.concatenate([np.linspace(-1, 1, 30), np.linspace(199, 201, 30)])[None]
    density = GaussianMixture(np.full((1, 60), 1 / 60), means, np.ones((1, 60)))
    y = np.linspace(-20, 220, 100)[None]
    z = y[:, :, None] - means[:, None]
    expected = logsumexp(-0.5 * z**2, axis=2) - np.log(60 * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(density.log_prob(y), expected, rtol=1e-12)
    assert density.modes(min_depth=0.5).answers.shape == (1, 2)
    assert density.modes(0.0, 0.0).answers.shape == (1, 2)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), sharpness=st.floats(0.0, 3.0))
def test_crps_of_many_components_is_that_of_all_pairs(seed, sharpness):
    density = GaussianMixture(*many(n=4, K=60, seed=seed, sharpness=sharpness))
    pairs = half_spread_of_pairs(density.weights, density.means, density.scales)
    cells = half_spread(*density_in_cells(density, FINEST_CELL))
    np.testing.assert_allclose(cells, pairs, rtol=1e-8)
    y = density.sample(2, random_state=0)
    np.testing.assert_allclose(density.crps(y), Plain(density).crps(y), rtol=1e-7)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), K=st.sampled_from([20, 60, 200]))
def test_a_narrow_spike_among_many_components_is_found(seed, K):
    density = spiked(K, seed)
    nearest = np.nanmin(np.abs(density.modes(0.0).answers - 0.7), axis=1)
    assert (nearest < 1e-4).all()
    heights = density.log_prob(density.mode())
    assert (heights >= density.log_prob(0.7) - 1e-12).all()
    assert (heights >= density.log_prob(fine_grid(density, 4001)).max(axis=1) - 1e-12).all()
    for level in (0.05, 0.5):
        region = density.region(level)
        np.testing.assert_allclose(region_mass(density, region), level, atol=1e-8)
        inside = density.log_prob(0.7) >= density.region_threshold(level)
        np.testing.assert_array_equal(in_region(region, np.full(4, 0.7)), inside)
    below = density.cdf(0.7)
    for row in range(4):
        np.testing.assert_allclose(density[row].ppf(below[row]), 0.7, atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), K=st.sampled_from([3, 12, 80]), sharpness=st.floats(0, 1.2))
def test_extrema_are_those_of_a_fine_grid(seed, K, sharpness):
    """Every maximum that a grid of 60,000 points shows, and that is no ripple, is one of ours."""
    density = GaussianMixture(*many(n=3, K=K, seed=seed, sharpness=sharpness))
    found = profile_of(density)
    y = fine_grid(density, 60_001)
    height = density.log_prob(y)
    for row in range(3):
        seen = np.sort(found.peaks[row][np.isfinite(found.peaks[row])])
        inner = height[row, 1:-1]
        tops = np.flatnonzero((inner > height[row, :-2]) & (inner > height[row, 2:])) + 1
        tops = tops[height[row, tops] > height[row].max() - 30]
        walls = np.minimum.reduceat(height[row], np.r_[0, tops])[1:]
        deep = np.minimum(height[row, tops], np.r_[height[row, tops[1:]], np.inf]) - walls
        clear = tops[(deep > 1e-3) & (np.r_[np.inf, deep[:-1]] > 1e-3)]
        width = y[row, 1] - y[row, 0]
        for top in y[row, clear]:
            assert np.abs(seen - top).min() <= width


def test_padding_changes_no_answer():
    weights, means, scales = many()
    padded = [np.concatenate([a, np.repeat(a[:, :1], 90, axis=1)], axis=1) for a in (means, scales)]
    one = GaussianMixture(weights, means, scales)
    other = GaussianMixture(np.pad(weights, ((0, 0), (0, 90))), *padded)
    y = one.sample(3, random_state=0)
    for name in METHODS:
        np.testing.assert_allclose(
            getattr(other, name)(), getattr(one, name)(), rtol=1e-9, atol=1e-9
        )
    for name in ANSWER_METHODS:
        np.testing.assert_allclose(getattr(other, name)(y), getattr(one, name)(y), atol=1e-9)
    np.testing.assert_array_equal(other.sample(5, random_state=1), one.sample(5, random_state=1))


@pytest.mark.parametrize("K", [1, 2, 3, 7, 8, 9, 100])
def test_components_are_chosen_by_their_weights(K):
    rng = np.random.default_rng(K)
    weights = rng.dirichlet(np.full(K, 0.3), size=5)
    weights[0, -1] = 0
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-300)
    weights[0] = np.eye(K)[0] if K == 1 else weights[0]
    uniform = np.concatenate([rng.uniform(size=(5, 50)), [[0.0, 1 - 2**-53]] * 5], axis=1)
    chosen = choose_components(weights, uniform)
    ends = np.cumsum(weights, axis=1)
    for row in range(5):
        last = np.flatnonzero(weights[row])[-1]
        expected = np.minimum(np.searchsorted(ends[row], uniform[row], side="right"), last)
        np.testing.assert_array_equal(chosen[row], expected)


def test_memory_of_many_components_is_bounded():
    parts = many(n=100, K=300)
    density = GaussianMixture(*parts)
    y = density.sample(1, random_state=0)[:, 0]
    tracemalloc.start()
    for call in (density.modes, density.entropy, lambda: density.crps(y), density.median):
        call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6  # 13e6; 29e6 with whole arrays in place of tiles


@pytest.mark.parametrize("slope", [1e-3, -1.0, 0.0, np.nan, np.inf, None])
def test_roots_by_slopes_that_may_be_wrong(slope):
    squares = np.array([4.0, 9.0, 1e-6])

    def function(x, index):
        return x**2 - squares[index], 2 * x if slope is None else np.full(len(x), slope)

    low, high, rising = np.zeros(3), np.full(3, 10.0), np.ones(3, dtype=bool)
    for start in (low - 1, high):
        roots = find_roots_by_slopes(
            function, low, high, rising, start, near_slopes=slope is not None
        )
        np.testing.assert_allclose(roots, np.sqrt(squares), rtol=1e-6)


def test_a_climb_far_from_the_origin_ends(monkeypatch):
    """No step is as short there as near the origin: it ends where steps are rounding."""
    steps, step = [], ascent._step

    def counted(*args):
        steps.append(args)
        return step(*args)

    monkeypatch.setattr(ascent, "_step", counted)
    rng = np.random.RandomState(0)
    means, factors = rng.normal(size=(2, 6, 2)), np.broadcast_to(0.5 * np.eye(2), (2, 6, 2, 2))
    weights = np.full((2, 6), 1 / 6)
    near, far = (VectorGaussianMixture(weights, means + at, factors) for at in (0.0, 1e8))
    modes = near.mode()
    of_near = len(steps)
    np.testing.assert_allclose(far.mode() - 1e8, modes, atol=1e-6)
    assert len(steps) - of_near <= 2 * of_near


@pytest.mark.parametrize("q", [1, 2, 3])
def test_cholesky_factors_stand_for_their_matrices(q):
    rng = np.random.default_rng(q)
    factors, means = random_factors(rng, 4, 3, q), rng.normal(size=(4, 3, q))
    matrices = factors @ np.swapaxes(factors, 2, 3)
    np.testing.assert_allclose(2 * log_determinants(factors), np.linalg.slogdet(matrices)[1])
    np.testing.assert_allclose(precisions(factors), np.linalg.inv(matrices), rtol=1e-9)
    y = rng.normal(size=(4, 5, q))
    away = y - means.transpose(1, 0, 2)[:, :, None]
    expected = np.einsum("krci,rkij,krcj->krc", away, np.linalg.inv(matrices), away)
    np.testing.assert_allclose(squared_distances(y, means, factors), expected, rtol=1e-9)
    # Far answers are infinitely far away, without a warning.
    assert (squared_distances(y + 1e200, means, factors) == np.inf).all()


# Ascents of several outputs.


@pytest.mark.parametrize("unit", [1.0, 1e-8, 1e8])
@pytest.mark.parametrize("half", [0.95, 1.1, 2.0])
def test_a_step_of_two_gaussians_by_hand(half, unit):
    """N(−a, 1) and N(a, 1): the slope is a tanh(a y) − y, and −d² log p = 1 − a²/cosh²(a y)."""
    y = np.linspace(0.01, 3, 4000)
    density = VectorGaussianMixture(
        [[0.5, 0.5]], unit * np.array([[[-half], [half]]]), np.full((1, 2, 1, 1), unit)
    )
    step, metric = ascent._step(density, unit * y[None, :, None], precisions(density.factors))
    slope, bending = half * np.tanh(half * y) - y, 1 - (half / np.cosh(half * y)) ** 2
    newton = slope / np.where(bending > 1e-6, bending, np.nan)
    # In place of the step of expectation-maximisation, `slope`, if both are short.
    replaced = (slope**2 < 1e-2) & (newton**2 < 0.25)
    assert 200 < replaced.sum() < 3800
    expected = unit * np.where(replaced, newton, slope)
    np.testing.assert_allclose(step[0, :, 0], expected, rtol=1e-6, atol=1e-15 * unit)
    np.testing.assert_allclose(metric, np.full((1, 4000, 1, 1), unit**-2.0))


def test_steps_of_two_outputs_follow_from_derivatives():
    """Those of log p by finite differences, and responsibilities from SciPy's densities."""
    density = vector_mixture(n=3)
    rng = np.random.default_rng(1)
    tops = density.modes(0.0).answers[:, :1]
    y = np.concatenate(
        [3 * rng.normal(size=(3, 6, 2)), tops + 0.02 * rng.normal(size=(3, 6, 2))], 1
    )
    step, metric = ascent._step(density, y, precisions(density.factors))
    h = 1e-4
    aside = h * np.array([[1, 0], [0, 1]])
    log_prob = density.log_prob
    slope = np.stack([log_prob(y + a) - log_prob(y - a) for a in aside], axis=-1) / (2 * h)
    bending = -np.array(
        [
            [
                log_prob(y + a + b)
                - log_prob(y + a - b)
                - log_prob(y - a + b)
                + log_prob(y - a - b)
                for a in aside
            ]
            for b in aside
        ]
    ).transpose(2, 3, 0, 1) / (4 * h**2)
    covariances = density.factors @ np.swapaxes(density.factors, 2, 3)
    for row in range(3):
        normals = map(stats.multivariate_normal, density.means[row], covariances[row])
        heights = np.stack([normal.pdf(y[row]) for normal in normals], axis=1)
        shares = density.weights[row] * heights
        shares /= shares.sum(axis=1, keepdims=True)
        expected = np.einsum("sk,kij->sij", shares, np.linalg.inv(covariances[row]))
        np.testing.assert_allclose(metric[row], expected, rtol=1e-9, atol=1e-12)
        # Far from a maximum, and near it.
        for some, matrix in ((slice(6), expected), (slice(6, 12), bending[row])):
            by_hand = np.linalg.solve(matrix, slope[row, ..., None])[some, :, 0]
            np.testing.assert_allclose(step[row, some], by_hand, rtol=1e-4, atol=1e-6)


def test_ends_of_ascents_are_merged_by_hand():
    """Of the first row 3.05 and 0.08 are 3 and 0; the second row has one end, the third three."""
    points = np.array([[3.0, 0.0, 3.05, 0.08, 10.0], [2.0] * 5, [0.0, 1.0, 7.0, 7.0, 7.98]])
    # In units of the first output; the second one is nearly free.
    metrics = np.broadcast_to(np.diag([1.0, 1e-8]), (3, 5, 2, 2)).copy()
    metrics[2] *= 0.01  # 1 is the smallest distance of two maxima
    heights = np.array([[1.0, 2.0, 0.5, 0.0, 1.5], [0.0] * 5, [5.0, 4.0, 3.0, 3.0, 2.0]])
    weights = np.array([[1, 3, 3, 4, 5], [4, 4, 4, 2, 2], [4, 2, 4, 3, 3]]) / 16
    points = np.stack([points, 100 * np.arange(15.0).reshape(3, 5)], axis=2)
    nan = [np.nan, np.nan]
    first, second, third = points
    for least, answers, probabilities in (
        (
            0.0,
            [first[[1, 4, 0]], [second[0], nan, nan], third[[2, 0, 1]]],
            [[7, 5, 4], [16, 0, 0], [10, 4, 2]],
        ),
        # What has just enough stays.
        (
            0.25,
            [first[[1, 4, 0]], [second[0], nan, nan], [third[2], third[0], nan]],
            [[7, 5, 4], [16, 0, 0], [10, 6, 0]],
        ),
        # 3 is nearer to 0 than to 10, and 0 to 7, which alone is left.
        (
            0.3,
            [first[[1, 4]], [second[0], nan], [third[2], nan]],
            [[11, 5], [16, 0], [16, 0]],
        ),
        # The likeliest stays in any case.
        (1.0, [first[[1]], second[[0]], third[[2]]], [[16], [16], [16]]),
    ):
        found = ascent.merge(points, metrics, heights, weights, least)
        np.testing.assert_array_equal(found.answers, np.array(answers))
        np.testing.assert_array_equal(found.probabilities, np.array(probabilities) / 16)


def test_the_nearest_mode_is_that_of_the_metric_of_the_lighter_one():
    points = np.array([[[0.0, 0.0], [3.0, 0.0], [0.0, 2.0]]])
    metrics = np.array([[np.eye(2), np.eye(2), [[1.0, 0.9], [0.9, 1.0]]]])
    # From (0, 2): 4 to the origin, and 9 + 4 − 2·0.9·6 = 2.2 to (3, 0).
    found = ascent.merge(points, metrics, np.zeros((1, 3)), np.array([[0.5, 0.375, 0.125]]), 0.2)
    np.testing.assert_array_equal(found.answers, points[:, :2])
    np.testing.assert_array_equal(found.probabilities, [[0.5, 0.5]])


@pytest.mark.parametrize("q", [1, 2, 3])
def test_ascents_end_at_maxima_and_rows_end_when_they_are_there(q, monkeypatch):
    rng = np.random.default_rng(q)
    weights, means = rng.dirichlet(np.ones(3), size=8), 2 * rng.normal(size=(8, 3, q))
    means[::2] = means[::2, :1]
    factors = random_factors(rng, 8, 3, q)
    factors[::2] = factors[::2, :1]  # one component: it is there after one step
    density = VectorGaussianMixture(weights, means, factors)
    asked, step = [], ascent._step
    monkeypatch.setattr(ascent, "_step", lambda d, *rest: asked.append(len(d)) or step(d, *rest))
    starts = means + 0.3
    before = starts.copy()
    points, metrics = ascent.mean_shift(density, starts)
    np.testing.assert_array_equal(starts, before)
    assert asked[:3] == [8, 8, 4] and asked == sorted(asked, reverse=True) and len(asked) < 60
    np.testing.assert_allclose(points[::2], means[::2], rtol=1e-12)
    inverse = precisions(factors)
    share = density._responsibilities(points)
    np.testing.assert_allclose(
        metrics, np.einsum("nsk,nkij->nsij", share, inverse), rtol=1e-7, atol=1e-9
    )
    height = density.log_prob(points)
    for aside in np.concatenate([np.eye(q), -np.eye(q)]):
        left, right = (density.log_prob(points + step * aside) for step in (-1e-4, 1e-4))
        assert (right < height).all()
        np.testing.assert_allclose((right - left) / 2e-4, 0, atol=1e-6)


@pytest.mark.parametrize(
    ("start", "metric", "steps"),
    [
        (0.0, 1.0, [1.0, 1.1e-9, 0.9e-9]),
        (0.0, 1e4, [1.0, 1.1e-11, 0.9e-11]),
        # 4 units in the last place of a number near 1e8 are 8.9e-8.
        (1e8, 1.0, [1.0, 9e-8, 8.8e-8]),
    ],
)
def test_an_ascent_ends_at_a_short_step_or_at_rounding(start, metric, steps, monkeypatch):
    """Short in standard deviations; the step is made, and the second output never moves."""
    script = iter(steps)

    def scripted(density, points, precision):
        metrics = np.broadcast_to(metric * np.eye(2), (*points.shape, 2))
        return np.array([[[next(script), 0.0]]]), metrics

    monkeypatch.setattr(ascent, "_step", scripted)
    density = VectorGaussianMixture([[1.0]], np.zeros((1, 1, 2)), np.eye(2)[None, None])
    points, _ = ascent.mean_shift(density, np.array([[[start, start]]]))
    assert next(script, None) is None
    np.testing.assert_array_equal(points, [[[((start + 1.0) + steps[1]) + steps[2], start]]])


# Knots.


def knots_one_by_one(means, scales, finest):
    """Knots of one row, by the words of the documentation."""
    x, last = min(means - 8 * scales), max(means + 8 * scales)
    knots = [x]
    while x < last:
        steps = [
            max(finest * s, abs(x - m) / 3, m - 8 * s - x)
            for m, s in zip(means, scales, strict=True)
            if x <= m + 8 * s
        ]
        x = min(x + max(min(steps), 4 * np.spacing(abs(x))), last)
        knots.append(x)
    return np.array(knots)


@pytest.mark.parametrize("finest", [0.3, 1.0])
def test_knots_are_placed_as_the_documentation_says(finest):
    _, means, scales = random_parts(n=12, K=5, spread=20.0)
    scales[:, 0] *= 1e-3
    # Rows of one narrow component end early; the others go on.
    means[::2], scales[::2] = means[::2, :1], scales[::2, :1]
    # One narrower than the spacing of floats is skipped, one on the first knot of another is not.
    means[1, :2], scales[1, :2] = 1e6, 1e-13
    means[3, 1], scales[3, 1] = means[3, 2] - 8 * scales[3, 2], 0.01
    found = adaptive_knots(means, scales, finest)
    lengths = []
    for row in range(12):
        expected = knots_one_by_one(means[row], scales[row], finest)
        lengths.append(len(expected))
        np.testing.assert_allclose(found[row, : len(expected)], expected, rtol=1e-13)
        assert (found[row, len(expected) :] == found[row, len(expected) - 1]).all()
    assert found.shape[1] == max(lengths) and len(set(lengths)) > 3


def test_a_component_still_counts_at_its_own_end():
    # N(0, 1) reaches to 8, where N(808, 100²) begins; the step from 8 on is one of the first.
    found = adaptive_knots(np.array([[0.0, 808.0]]), np.array([[1.0, 100.0]]), finest=8.0)
    np.testing.assert_array_equal(found, [[-8, 0, 8, 16, 816, 1608]])


# Profiles: what happens between knots.


def test_rows_are_padded():
    rows, values = np.array([0, 2, 2, 2, 3]), np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    nan = np.nan
    expected = [[1, nan, nan], [nan, nan, nan], [2, 3, 4], [5, nan, nan], [nan, nan, nan]]
    np.testing.assert_array_equal(pad_rows(rows, values, 5), expected)
    np.testing.assert_array_equal(pad_rows(rows[:1], values[:1], 2, fill=7.0), [[1], [7]])
    assert pad_rows(rows[:0], values[:0], 3).shape == (3, 0)


@pytest.mark.parametrize("two", [False, True])
@pytest.mark.parametrize("n", [0, 1, 32, 33, 100])
def test_methods_are_asked_only_of_points_that_differ(n, two):
    """Rows of similar lengths together; the answers are those of asking at once."""
    rng = np.random.default_rng(n)
    points = np.sort(rng.normal(size=(n, 12)), axis=1)
    for row, length in enumerate(rng.integers(1, 13, n)):
        points[row, length:] = points[row, length - 1]
    asked = []

    def method(rows, y):
        asked.append(y.size)
        values = y**2 + rows[:, None]
        return (values, -y) if two else values

    numbers = np.arange(float(n))
    found = by_need(numbers, method, points)
    squares = points**2 + numbers[:, None]
    np.testing.assert_array_equal(found, (squares, -points) if two else squares)
    lengths = np.sort((points[:, 1:] > points[:, :-1]).sum(axis=1) + 1)
    together = [lengths[k : k + 32] for k in range(0, n, 32)]
    assert asked == ([len(part) * part[-1] for part in together] or [0])


@pytest.mark.parametrize("at", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("bend", [-3.0, -1.0, 0.0, 2.0])
def test_the_extremum_of_a_cubic_is_found_at_once(at, bend):
    """Of (x − at) (bend x + 1), whose other zero is outside, and of minus that."""

    def slope(x):
        return (x - at) * (bend * x + 1) if bend > -1 else (x - at) * (bend * (x - 1) + 1)

    one, half, zero = slope(1.0), slope(0.5), slope(0.0)
    rise = (zero + 4 * half + one) / 6  # Simpson's rule is exact
    for sign in (1, -1):
        found = _turn(*(np.array([sign * x]) for x in (rise, zero, one)))
        np.testing.assert_allclose(found, at, rtol=1e-12)


def test_the_maximum_of_a_parabola_is_where_the_search_begins():
    asked = []

    class Parabola:
        """log p = −(y − 2)²."""

        def _of_pairs(self, name, y, rows):
            asked.append(y.tolist())
            return -((y - 2) ** 2), -2 * (y - 2)

    # From 1 to 5 it falls from −1 to −9.
    at_zero, ends = np.zeros(1, dtype=np.intp), ([1.0], [5.0], [-8.0], [2.0], [-6.0])
    cells = _Cells(at_zero, at_zero, *map(np.array, ends))
    np.testing.assert_allclose(_extrema(Parabola(), cells), [2], rtol=1e-15)
    np.testing.assert_allclose(asked, [[2]], rtol=1e-15)


@SCALAR
def test_a_profile_is_monotone_between_its_nodes(make):
    density = make(n=20, K=5, spread=6.0)
    nodes, height, slope, peaks, valleys = profile_of(density)
    assert (np.diff(nodes, axis=1) >= 0).all()
    np.testing.assert_allclose(height, density.log_prob(nodes), rtol=1e-12, atol=1e-12)
    y = fine_grid(density, 20_001)
    rising = np.diff(density.log_prob(y), axis=1) > 0
    for row in range(20):
        at, tops, dales = (a[row][np.isfinite(a[row])] for a in (nodes, peaks, valleys))
        assert np.isin(density._knots()[row], at).all() and np.isin(tops, at).all()
        extrema = np.empty(len(tops) + len(dales))
        extrema[::2], extrema[1::2] = tops, dales
        assert len(tops) == len(dales) + 1 and (np.diff(extrema) > 0).all()
        turns = np.flatnonzero(rising[row, 1:] != rising[row, :-1]) + 1
        np.testing.assert_allclose(extrema, y[row, turns], atol=1.1 * (y[row, 1] - y[row, 0]))
        flat = np.isin(nodes[row], extrema)
        if make is mixture:
            assert (slope[row, flat] == 0).all()
            exact = density[row]._log_prob_and_slope(nodes[[row]])[1][0]
            np.testing.assert_allclose(slope[row], exact, rtol=1e-9, atol=1e-9)
    assert np.isfinite(peaks).any(axis=0).all()


def halved_one_by_one(density, knots):
    """Knots of a single row with those added to them, by the words of the documentation."""
    for halving in range(6):
        height, slope = (a[0] for a in density._log_prob_and_slope(knots[None]))
        added = []
        for k in range(len(knots) - 1):
            width, rise = knots[k + 1] - knots[k], height[k + 1] - height[k]
            rising = slope[k] >= 0, slope[k + 1] >= 0
            if rising[0] != rising[1]:
                # An extremum, and two more that cannot be seen, unless it is the knot itself.
                doubtful = halving == 0 and slope[k] * slope[k + 1] < 0
            else:
                mean = abs(slope[k] + slope[k + 1]) / 2
                doubtful = 2 * mean * width > 2.5 * (rise if rising[0] else -rise)
            if doubtful:
                added.append((knots[k] + knots[k + 1]) / 2)
        if not added:
            break
        knots = np.sort(np.concatenate([knots, added]))
    return knots


@pytest.mark.parametrize("make", [mixture, envelope, lambda **_: GaussianMixture(*many(n=6, K=60))])
def test_cells_are_halved_as_the_documentation_says(make):
    density = make(n=20, K=8, spread=4.0)
    found, height, slope = _refined(density)
    np.testing.assert_allclose(height, density.log_prob(found), rtol=1e-12, atol=1e-12)
    n_added = []
    for row in range(len(density)):
        one, knots = density[row], np.unique(density._knots()[row])
        expected = halved_one_by_one(one, knots)
        n_added.append(len(expected) - len(knots))
        np.testing.assert_allclose(np.unique(found[row]), expected, rtol=1e-13)
        exact = one._log_prob_and_slope(found[[row]])[1][0]
        np.testing.assert_allclose(slope[row], exact, rtol=1e-9, atol=1e-9)
    assert (np.diff(found, axis=1) >= 0).all() and min(n_added) > 0


# Parabolas that meet in a point, or touch


def meeting_parabolas(kind, rng, n=200, K=6):
    """Heights, means and scales of parabolas of which three or more meet in a point."""
    if kind == "dyadic":  # many of them touch, too, or are equal
        means, scales = rng.integers(-8, 9, (n, K)) / 4, 2.0 ** rng.integers(-2, 2, (n, K))
        return rng.integers(-8, 9, (n, K)) / 8, means, scales
    means = rng.normal(size=(n, K))
    scales = np.ones((n, K)) if kind == "lines" else np.exp(0.5 * rng.normal(size=(n, K)))
    return 0.5 * np.square((rng.normal(size=(n, 1)) - means) / scales), means, scales


@pytest.mark.parametrize("kind", ["lines", "parabolas", "dyadic"])
def test_the_envelope_of_parabolas_that_meet_in_a_point(kind):
    heights, means, scales = meeting_parabolas(kind, np.random.default_rng(0))
    edges, winners = upper_envelope(heights, means, scales)
    ends = (means - 20 * scales).min(axis=1), (means + 20 * scales).max(axis=1)
    for row, y in enumerate(np.linspace(*ends, 2_001, axis=1)):
        values = heights[row] - 0.5 * np.square((y[:, None] - means[row]) / scales[row])
        piece = np.searchsorted(edges[row], y, side="right") - 1
        mine = values[np.arange(len(y)), winners[row, piece]]
        np.testing.assert_allclose(mine, values.max(axis=1), rtol=1e-6, atol=1e-6)


def test_a_component_that_touches_the_envelope_changes_nothing():
    """Where −1 and 1 meet, at 0, the middle one is as high as they are."""
    three = GaussianEnvelope([[0.0, -0.5, 0.0]], [[-1.0, 0.0, 1.0]], np.ones((1, 3)))
    two = GaussianEnvelope([[0.0, 0.0]], [[-1.0, 1.0]], np.ones((1, 2)))
    np.testing.assert_allclose(three.log_partition(), two.log_partition())
    np.testing.assert_allclose(three.mean(), 0, atol=1e-12)
    np.testing.assert_allclose(three.cdf(0.0), 0.5)
