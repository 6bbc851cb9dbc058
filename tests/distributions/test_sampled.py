"""Distributions known by their energies alone, against mixtures whose quantities are known."""

import pickle

import numpy as np
import pytest
from scipy import stats

from sklearn_ebm.distributions import VectorGaussianMixture
from sklearn_ebm.distributions._numerics import refresh
from sklearn_ebm.distributions._numerics.cholesky import precisions
from sklearn_ebm.distributions._numerics.descent import descend, spread_starts
from sklearn_ebm.distributions._numerics.refresh import jumped, random_moves, shifted
from sklearn_ebm.distributions._numerics.weighted import sorted_draws
from sklearn_ebm.distributions.sampled import SampledDensity
from sklearn_ebm.exceptions import SamplingWarning
from sklearn_ebm.samplers.base import Surface


class Energies(Surface):
    """The energies c − log p of mixtures, with their slopes; +inf where an answer is impossible."""

    def __init__(self, density, constants, impossible=lambda y: np.zeros(y.shape[:2], bool)):
        self.density, self.constants, self.impossible = density, constants, impossible
        self.n_rows, self.n_outputs = len(density), density.n_outputs

    def energies(self, y):
        energies = self.constants[:, None] - self.density._log_prob(y)
        return np.where(self.impossible(y), np.inf, energies)

    def energies_and_slopes(self, y):
        away = y[:, :, None] - self.density.means[:, None]
        pulls = np.einsum("nkij,nmkj->nmki", precisions(self.density.factors), away)
        shares = self.density._responsibilities(y)
        return self.energies(y), np.einsum("nmk,nmki->nmi", shares, pulls)

    def __getitem__(self, rows):
        return Energies(self.density[rows], self.constants[rows], self.impossible)


class Formula(Surface):
    """One function of y for all samples."""

    def __init__(self, function, n_rows, n_outputs):
        self.function, self.n_rows, self.n_outputs = function, n_rows, n_outputs

    def energies(self, y):
        return self.function(y)[0]

    def energies_and_slopes(self, y):
        return self.function(y)

    def __getitem__(self, rows):
        return Formula(self.function, len(np.arange(self.n_rows)[rows]), self.n_outputs)


def mixtures(n=3, K=3, q=2, seed=0, spread=2.0):
    rng = np.random.default_rng(seed)
    factors = np.tril(0.3 * rng.normal(size=(n, K, q, q)) / np.sqrt(q))
    factors[..., np.arange(q), np.arange(q)] = np.exp(0.2 * rng.normal(size=(n, K, q)))
    weights = rng.dirichlet(np.full(K, 5.0), size=n)
    return VectorGaussianMixture(weights, spread * rng.normal(size=(n, K, q)), factors)


def wider(exact, factor=1.15):
    weights = np.full(exact.weights.shape, 1 / exact.weights.shape[1])
    return VectorGaussianMixture(weights, exact.means, factor * exact.factors)


CONSTANTS = np.array([-40.0, 3.0, 500.0])


def sampled(exact, n_samples=4000, **settings):
    surface = Energies(exact, np.resize(CONSTANTS, len(exact)))
    return SampledDensity(surface, wider(exact), n_samples, **settings)


@pytest.mark.parametrize("q", [1, 2, 3, 10])
def test_all_quantities_are_those_of_the_mixture(q):
    exact = mixtures(q=q)
    density = sampled(exact)
    value, error, ess, reliable = density.log_partition()
    assert reliable.all() and (ess > 1000).all() and (ess < 4000).all()
    assert (np.abs(value + CONSTANTS) < 4 * error).all() and (error < 0.03).all()
    y = exact.sample(20, random_state=0)
    off = np.abs(density.log_prob(y) - exact.log_prob(y))
    np.testing.assert_allclose(off, np.broadcast_to(off[:, :1], off.shape), atol=1e-9)
    assert (off[:, 0] < 4 * density.log_prob_error()).all()
    root = np.sqrt(ess)[:, None]
    assert (np.abs(density.mean() - exact.mean()) < 4.5 * exact.std() / root).all()
    np.testing.assert_allclose(density.var(), exact.var(), rtol=0.15)
    np.testing.assert_allclose(density.crps(y), exact.crps(y), atol=0.1)
    probabilities = np.array([0.05, 0.3, 0.5, 0.95])
    found = np.moveaxis(density.quantiles(probabilities), 1, 2)
    np.testing.assert_allclose(
        exact.marginal_cdf(found), np.broadcast_to(probabilities[None, :, None], found.shape),
        atol=4 * 0.5 / np.sqrt(ess.min()),
    )  # fmt: skip
    np.testing.assert_allclose(density.marginal_cdf(y), exact.marginal_cdf(y), atol=0.06)
    limits = np.broadcast_to([-np.inf, np.inf], (3, q, 2))
    np.testing.assert_array_equal(density.quantiles([0, 1]), limits)
    np.testing.assert_allclose(density.entropy(4000), exact.entropy(4000), atol=0.03 * (2 + q))


@pytest.mark.parametrize("q", [1, 2, 10])
def test_modes_are_those_of_the_mixture(q):
    exact = mixtures(q=q, spread=4.0, seed=1)
    density = sampled(exact)
    np.testing.assert_allclose(density.mode(), exact.mode(), atol=1e-6)
    modes, expected = density.modes(), exact.modes()
    for row in range(3):
        here, there = (m.answers[row][m.probabilities[row] > 0] for m in (modes, expected))
        away = np.abs(here[:, None] - there).max(axis=2)
        nearest = away.argmin(axis=0)  # equally likely modes may change places
        assert sorted(nearest) == list(range(len(here)))
        np.testing.assert_allclose(here[nearest], there, atol=1e-6)
        np.testing.assert_allclose(
            modes.probabilities[row, nearest], expected.probabilities[row, : len(there)], atol=0.1
        )


def test_twenty_outputs():
    """A Gaussian whose proposal has 1.1 times its standard deviations."""
    q = 20
    exact = VectorGaussianMixture(np.ones((1, 1)), np.ones((1, 1, q)), np.eye(q)[None, None])
    density = SampledDensity(Energies(exact, np.zeros(1)), wider(exact, 1.1), 2000)
    value, error, ess, _ = density.log_partition()
    assert ess[0] > 500 and abs(value[0]) < 4 * error[0]
    np.testing.assert_allclose(density.mode(), np.ones((1, q)), atol=1e-6)
    draws = density.sample(2000, random_state=0)
    np.testing.assert_allclose(draws.mean(axis=1), np.ones((1, q)), atol=0.15)
    np.testing.assert_allclose(draws.std(axis=1), np.ones((1, q)), atol=0.1)


def test_standard_errors_cover():
    """Of 95 % intervals of log Z, between 90 % and 99 % contain it."""
    exact = mixtures(n=1, q=3)
    surface, proposal = Energies(exact, np.zeros(1)), wider(exact, 1.4)
    parts = [SampledDensity(surface, proposal, 300, seed).log_partition() for seed in range(300)]
    covered = [abs(part.value[0]) < 1.96 * part.standard_error[0] for part in parts]
    assert 0.9 < np.mean(covered) < 0.99
    bias = np.mean([part.value[0] for part in parts])
    assert abs(bias) < 0.02


def test_draws_follow_the_distribution_and_separate():
    """Many more draws than there are effective draws in the pool."""
    exact = mixtures(n=2, q=2, seed=3)
    density = SampledDensity(Energies(exact, CONSTANTS[:2]), wider(exact, 1.4), 200)
    draws = density.sample(4000, random_state=0)
    for row in range(2):
        assert len(np.unique(draws[row], axis=0)) > 0.97 * 4000
        for output in range(2):
            position = exact[row].marginal(output).cdf(draws[[row], :, output])[0]
            assert stats.kstest(position, "uniform").statistic < 0.06
    np.testing.assert_array_equal(draws, density.sample(4000, random_state=0))
    assert (draws != density.sample(4000, random_state=1)).any(axis=2).all()


@pytest.mark.parametrize("kind", ["jumps", "local"])
def test_moves_leave_the_distribution_as_it_is(kind, monkeypatch):
    monkeypatch.setattr(refresh, "STEP_SIZES", (0.7, 1.4))
    monkeypatch.setattr(refresh, "N_LOCAL", 8)
    exact = mixtures(n=1, q=2, K=1)
    surface, proposal = Energies(exact, np.zeros(1)), wider(exact, 1.5)
    rng, m = np.random.RandomState(0), 20_000
    first = answers = exact.sample(m, random_state=rng)
    for _ in range(3):
        moves = random_moves(lambda: proposal._draw(m, rng, shared=False), (1, m, 2), rng)
        if kind == "jumps":

            def log_weight(y):
                return -surface.energies(y) - proposal._log_prob(y)

            answers = jumped(answers, log_weight(answers), log_weight, moves)
        else:
            answers = shifted(answers, surface.energies_and_slopes, exact.std(), moves)
    assert (answers != first).any(axis=2).mean() > 0.99
    factor = exact.factors[0, 0]
    z = np.linalg.solve(factor, (answers[0] - exact.means[0, 0]).T)
    for output in z:
        assert stats.kstest(output, "norm").pvalue > 1e-3
    distance = stats.chi2(2).cdf((z**2).sum(axis=0))
    assert stats.kstest(distance, "uniform").pvalue > 1e-3


def test_seeded_draws_are_the_same_in_every_row():
    one = mixtures(n=1)[[0, 0, 0]]
    density = SampledDensity(Energies(one, np.zeros(3)), wider(one), 500)
    same = density.seeded_sample(50, 0)
    np.testing.assert_array_equal(same[0], same[1])
    own = density.sample(1000, 0)
    assert abs(np.corrcoef(own[0, :, 0], own[1, :, 0])[0, 1]) < 0.12


def test_a_sample_alone_has_the_same_distribution():
    exact = mixtures(n=5)
    density = sampled(exact, 500)
    alone = sampled(exact[[3]], 500)
    alone.surface.constants = density.surface.constants[[3]]
    alone = SampledDensity(alone.surface, alone.proposal, 500)
    y = exact.sample(4, random_state=0)
    part = density[3]
    for name in ("mean", "var", "median", "mode", "entropy", "log_prob_error"):
        np.testing.assert_allclose(getattr(part, name)(), getattr(alone, name)(), rtol=1e-9)
        np.testing.assert_allclose(getattr(part, name)(), getattr(density, name)()[[3]], rtol=1e-9)
    np.testing.assert_allclose(part.log_prob(y[[3]]), alone.log_prob(y[[3]]), rtol=1e-9)
    np.testing.assert_allclose(part.seeded_sample(9, 0), density.seeded_sample(9, 0)[[3]])
    np.testing.assert_array_equal(part.log_partition().value, density.log_partition().value[[3]])


def test_copies_are_complete():
    unit = VectorGaussianMixture(
        np.ones((3, 1)), np.zeros((3, 1, 2)), np.tile(np.eye(2), (3, 1, 1, 1))
    )
    density = SampledDensity(Formula(round_energy, 3, 2), wider(unit), 500)
    copy = pickle.loads(pickle.dumps(density))
    np.testing.assert_array_equal(copy.mean(), density.mean())
    np.testing.assert_array_equal(copy.sample(3, 0), density.sample(3, 0))


def round_energy(y):
    return np.square(y).sum(axis=2) / 2, y


def test_impossible_answers():
    """A Gaussian of which the half with y_1 < 0 is impossible."""
    exact = VectorGaussianMixture([[1.0]], np.zeros((1, 1, 2)), np.eye(2)[None, None])
    surface = Energies(exact, np.zeros(1), lambda y: y[:, :, 0] < 0)
    density = SampledDensity(surface, wider(exact), 2000)
    value, error, *_ = density.log_partition()
    assert abs(value[0] + np.log(2)) < 4 * error[0]
    assert density.log_prob([[-1.0, 0.0]]) == -np.inf
    draws = density.sample(1000, random_state=0)
    assert draws[:, :, 0].min() >= 0
    np.testing.assert_allclose(draws[0, :, 0].mean(), np.sqrt(2 / np.pi), atol=0.08)
    assert (density.marginal_cdf([[0.0, 0.0]])[0, 0]) < 0.01


def test_answers_that_are_not_finite():
    density = sampled(mixtures(), 200)
    y = np.array([[0.0, np.nan], [np.inf, 0.0], [0.0, 0.0]])
    found = density.log_prob(y)
    assert np.isnan(found[0]) and found[1] == -np.inf and np.isfinite(found[2])
    assert np.isnan(density.density_rank(y, 50)[0])


def test_a_poor_proposal_warns():
    exact = mixtures(n=3)
    far = VectorGaussianMixture(exact.weights, exact.means + 8, exact.factors)
    surface = Energies(exact, np.zeros(3))
    with pytest.warns(SamplingWarning, match="for 3 of 3 samples.*raise n_samples"):
        density = SampledDensity(surface, far)
    assert not density.log_partition().reliable.any() and (density.log_partition().ess < 50).all()
    density[0].mean()  # warns no more
    # One of 40 samples is no reason to warn.
    many = exact[np.zeros(40, dtype=int)]
    means = many.means.copy()
    means[7] += 8
    mostly = VectorGaussianMixture(many.weights, means, 1.2 * many.factors)
    density = SampledDensity(Energies(many, np.zeros(40)), mostly)
    assert np.flatnonzero(~density.log_partition().reliable).tolist() == [7]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, "NaN or −inf"),
        (-np.inf, "NaN or −inf"),
        (np.inf, "use a proposal that covers possible answers"),
    ],
)
def test_bad_energies_raise(value, message):
    surface = Formula(lambda y: (np.full(y.shape[:2], value), y), 3, 2)
    with pytest.raises(ValueError, match=message):
        SampledDensity(surface, mixtures())


def test_wrong_arguments_raise():
    exact = mixtures()
    surface = Energies(exact, np.zeros(3))
    with pytest.raises(ValueError, match="3 samples and the proposal 2"):
        SampledDensity(surface, exact[:2])
    with pytest.raises(ValueError, match="n_samples="):
        SampledDensity(surface, exact, 0)
    density = SampledDensity(surface, exact, 200)
    for wrong in (1.5, [0.5, np.nan], [[0.5]]):
        with pytest.raises(ValueError, match="lie between 0 and 1"):
            density.quantiles(wrong)
    with pytest.raises(ValueError, match=r"y\.shape"):
        density.crps(np.zeros((3, 3)))


def test_any_random_state_will_do():
    density = sampled(mixtures(), 2000)
    y = density.sample(5, random_state=0)
    for random_state in (0, 7, np.random.RandomState(7), None):
        ranks = density.density_rank(y, 1000, random_state)
        np.testing.assert_allclose(ranks, density.density_rank(y, 4000), atol=0.1)
        np.testing.assert_allclose(density.entropy(1000, random_state), density.entropy(), atol=0.2)
    seeds = [np.random.RandomState(3) for _ in range(2)]
    region, ranks = density.region(0.5, 200, seeds[0]), density.density_rank(y, 200, seeds[1])
    np.testing.assert_array_equal(region.contains(y), ranks <= 0.5)


# Weighted draws.


def test_weighted_draws_agree_with_repeated_draws():
    """Whole weights are repetitions."""
    rng = np.random.default_rng(0)
    draws, counts = rng.normal(size=(2, 9, 3)), rng.integers(1, 5, size=(2, 9))
    y = rng.normal(size=(2, 4, 3))
    weights = counts / counts.sum(axis=1, keepdims=True)
    found = sorted_draws(draws, weights)
    for row in range(2):
        repeated = np.repeat(draws[row], counts[row], axis=0)
        for output in range(3):
            some = repeated[:, output]
            apart = np.abs(some[:, None] - some).mean()
            # A draw is never its own partner.
            apart /= 1 - np.square(weights[row]).sum()
            for column in range(4):
                expected = np.abs(some - y[row, column, output]).mean() - apart / 2
                np.testing.assert_allclose(found.crps(y)[row, column, output], expected)
    probabilities = np.array([0.3, 0.5, 0.8])
    quantiles = np.moveaxis(found.quantiles(probabilities), 1, 2)
    np.testing.assert_allclose(
        found.cdf(quantiles), np.broadcast_to(probabilities[None, :, None], (2, 3, 3))
    )
    inside = found.cdf(np.array([[[-99.0] * 3, [99.0] * 3]] * 2))
    np.testing.assert_array_equal(inside, [[[0] * 3, [1] * 3]] * 2)


# Descents.


def rosenbrock(y):
    a, b = y[..., 0], y[..., 1]
    slope = np.stack([-400 * a * (b - a**2) - 2 * (1 - a), 200 * (b - a**2)], axis=-1)
    return 100 * (b - a**2) ** 2 + (1 - a) ** 2, slope


def test_descents_end_in_minima():
    starts = 2 * np.random.default_rng(0).normal(size=(3, 10, 2))
    surface = Formula(rosenbrock, 3, 2)
    points, energies = descend(surface, starts, np.ones((3, 2)))
    np.testing.assert_allclose(points, 1.0, atol=1e-6)
    np.testing.assert_allclose(energies, 0, atol=1e-14)
    # An ill-conditioned parabola, with units that are unlike each other.
    curvature = np.array([1e-6, 1.0, 1e6])

    def parabola(y):
        return (curvature * (y - 1) ** 2).sum(axis=2) / 2 + 1e3, curvature * (y - 1)

    scales = np.broadcast_to(2 / np.sqrt(curvature), (4, 3))
    starts = 1 + scales[:, None] * np.random.default_rng(1).normal(size=(4, 5, 3))
    points, energies = descend(Formula(parabola, 4, 3), starts, scales)
    np.testing.assert_allclose((points - 1) * np.sqrt(curvature), 0, atol=1e-5)
    np.testing.assert_allclose(energies, 1e3, rtol=1e-12)


def test_descents_stay_where_answers_are_possible():
    """The energy −log y has no minimum below y = 1, where the answers end."""

    def logarithm(y):
        with np.errstate(invalid="ignore", divide="ignore"):
            inside = (y[..., 0] > 0) & (y[..., 0] < 1)
            return np.where(inside, -np.log(np.abs(y[..., 0])), np.inf), -1 / y

    points, energies = descend(Formula(logarithm, 1, 1), np.full((1, 1, 1), 0.3), np.ones((1, 1)))
    assert 0.9 < points[0, 0, 0] < 1 and np.isfinite(energies).all()


def test_starts_are_far_from_each_other():
    draws = np.array([[[0.0], [1.0], [9.0], [4.0], [100.0]]])
    heights = np.array([[0.0, 2.0, 1.0, 0.0, 0.0]])
    weights = np.array([[0.3, 0.3, 0.2, 0.2, 1e-9]])
    chosen, nearest = spread_starts(draws, heights, weights, 3)
    # The most likely one is 1; 9 is furthest from it, without 100; then 4.
    assert chosen.tolist() == [[1, 2, 3]] and nearest.tolist() == [[0, 0, 1, 2, 1]]
