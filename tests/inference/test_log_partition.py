"""log Z: values known exactly, coverage of intervals, and estimates that are not reliable."""

import numpy as np
import pytest
from known import mixture, spread_gaussian

from sklearn_ebm.inference import LogPartition, log_partition
from sklearn_ebm.inference.annealing import anneal_discrete
from sklearn_ebm.samplers import FunctionSurface, Gibbs
from sklearn_ebm.samplers.base import DiscreteSurface
from sklearn_ebm.samplers.student_mixture import StudentMixture


def two_modes(separation, scale):
    """Two Gaussians at ±separation, and log Z."""
    return mixture(separation, scale), np.log(2 * np.pi * scale**2)


def normal(n, mean, scale, q):
    factor = np.tile(scale * np.eye(q), (n, 1, 1, 1))
    return StudentMixture(np.ones((n, 1)), np.broadcast_to(mean, (n, 1, q)), factor)


class Ising(DiscreteSurface):
    """A chain of spins: Z = 2 (2 cosh J)^(q−1)."""

    def __init__(self, couplings, q):
        self.couplings = np.asarray(couplings)
        self.n_rows, self.n_outputs, self.n_values = len(couplings), q, (2,) * q

    def energies(self, y):
        spins = 2 * y - 1
        return -self.couplings[:, None] * (spins[..., 1:] * spins[..., :-1]).sum(axis=-1)

    def __getitem__(self, rows):
        return Ising(self.couplings[rows], self.n_outputs)

    def exact(self):
        return np.log(2) + (self.n_outputs - 1) * np.log(2 * np.cosh(self.couplings))


def covered(result, truth):
    lower, upper = result.interval().T
    return (lower <= truth) & (truth <= upper)


def require_coverage(result, truth, least, most_error):
    """Rows are replicates of one estimate, with their own random numbers."""
    reliable = result.reliable
    assert reliable.mean() > 0.9
    inside = covered(result, truth)[reliable].mean()
    assert inside >= least, inside
    error = np.sqrt(np.mean((result.value - truth)[reliable] ** 2))
    assert error < most_error, error


@pytest.mark.parametrize(
    ("q", "method", "most_error"), [(5, "importance", 0.03), (5, "ais", 0.1), (10, "auto", 0.05)]
)
def test_intervals_cover(q, method, most_error):
    energy, truth = spread_gaussian(q)
    X = np.zeros((60, 1))
    settings = {"n_draws": 1000, "n_temperatures": 30, "n_particles": 100}
    result = log_partition(energy, X, method, n_outputs=q, **settings)
    require_coverage(result, truth, 0.86, most_error)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["importance", "ais"])
@pytest.mark.parametrize("name", [2, 5, 10, 20, (2, 0.4), (4, 0.4), (6, 0.2)])
def test_intervals_cover_in_two_hundred_replicates(name, method):
    energy, truth = two_modes(*name) if isinstance(name, tuple) else spread_gaussian(name)
    q = 2 if isinstance(name, tuple) else name
    result = log_partition(energy, np.zeros((200, 1)), method, n_outputs=q)
    limit = {"importance": 0.03, "ais": 0.15}[method]
    require_coverage(result, truth, 0.90, limit)


def test_too_few_effective_draws_are_not_reliable():
    """N(0, 4 I) as the proposal of 20 outputs: a handful of effective draws."""
    energy, _ = spread_gaussian(20)
    proposal = normal(20, 0.0, 2.0, 20)
    result = log_partition(energy, np.zeros((20, 1)), "importance", proposal=proposal)
    assert (result.ess < 50).all() and not result.reliable.any()
    assert np.isnan(result.interval()).all()


def test_a_missed_mode_is_not_reliable():
    """A proposal for one of two modes has many effective draws, and half of Z."""
    energy, truth = two_modes(4, 0.4)
    proposal = normal(5, [4.0, 0.0], 0.45, 2)
    result = log_partition(energy, np.zeros((5, 1)), "importance", proposal=proposal)
    np.testing.assert_allclose(result.value, truth - np.log(2), atol=0.05)
    assert (result.ess > 1000).all()
    assert not result.reliable.any() and np.isnan(result.interval()).all()
    found = log_partition(energy, np.zeros((5, 1)), "importance", start=np.zeros(2))
    assert found.reliable.all()


def test_auto_anneals_where_importance_sampling_fails():
    energy, truth = spread_gaussian(4)
    far = normal(2, 0.0, 1.5, 4)
    far.means = np.array([[[0.0] * 4], [[60.0] * 4]])
    result = log_partition(energy, np.zeros((2, 1)), proposal=far, n_outputs=4)
    assert result.reliable.all() and result.ess[0] > 250 > result.ess[1]
    np.testing.assert_allclose(result.value, truth, atol=0.1)


def test_quadrature_of_tails_correlations_and_far_modes():
    def student(X, y):
        return 2 * np.log1p(y[:, 0] ** 2 / 3), 4 * y / (3 + y**2)

    result = log_partition(student, [[0.0]], n_outputs=1)
    np.testing.assert_allclose(result.value, np.log(np.pi * np.sqrt(3) / 2), atol=1e-6)
    precision = np.linalg.inv([[1.0, 0.99], [0.99, 1.0]])

    def correlated(X, y):
        slopes = (y - X) @ precision
        return ((y - X) * slopes).sum(axis=1) / 2, slopes

    result = log_partition(correlated, [[0.0, 0.0], [1e4, 3.0]], n_outputs=2)
    np.testing.assert_allclose(result.value, np.log(2 * np.pi * np.sqrt(1 - 0.99**2)), atol=2e-6)
    assert result.reliable.all() and np.isinf(result.ess).all()
    energy, truth = two_modes(6, 0.2)
    result = log_partition(energy, np.zeros((1, 1)), n_outputs=2)
    np.testing.assert_allclose(result.value, truth, atol=1e-5)
    assert covered(result, truth).all()


def test_quadrature_of_a_wall_and_of_an_integral_that_is_infinite():
    def wall(X, y):
        inside = y[:, 0] >= 0
        return np.where(inside, y[:, 0], np.inf), np.where(inside, 1.0, np.nan)[:, None]

    result = log_partition(wall, [[0.0]], start=np.array([1.0]))
    assert abs(result.value[0]) < max(3 * result.standard_error[0], 0.01)
    flat = log_partition(lambda X, y: (0 * y[:, 0], 0 * y), [[0.0]], n_outputs=1)
    assert not flat.reliable[0]


def test_discrete_answers_are_listed_or_annealed():
    where = Ising([0.0, 0.5, -1.0], 6)
    exact = log_partition(where)
    np.testing.assert_allclose(exact.value, where.exact(), rtol=1e-12)
    assert (exact.standard_error == 0).all() and exact.reliable.all()
    np.testing.assert_allclose(exact.interval(), np.stack([where.exact()] * 2, axis=1))
    long = Ising([0.0, 0.5, -1.0], 30)
    estimate = log_partition(long, n_temperatures=60)
    error = np.maximum(estimate.standard_error, 1e-12)
    assert (np.abs(estimate.value - long.exact()) < 4 * error).all()
    assert estimate.reliable.all() and estimate.value[0] == pytest.approx(30 * np.log(2))
    result = anneal_discrete(where, Gibbs(), 50, np.array([0.0, 1.0]), np.random.default_rng(0))
    assert result.answers.shape == (3, 50, 6)


class Known(FunctionSurface):
    def log_partition(self):
        return np.full(self.n_rows, 1.5)


def test_a_closed_form_is_used():
    where = Known(spread_gaussian(3)[0], np.zeros((2, 1)), 3)
    for method in ("auto", "exact"):
        assert log_partition(where, method=method).value.tolist() == [1.5, 1.5]
    assert abs(log_partition(where, method="importance").value[0] - 1.5) > 0.1


def test_results_are_reproducible():
    energy, _ = spread_gaussian(3)
    first, second, other = (
        log_partition(energy, np.zeros((2, 1)), n_outputs=3, random_state=seed, n_draws=200).value
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).all()


def test_intervals_by_hand():
    """t with 99 degrees of freedom: 1.984 standard errors; infinite degrees: 1.960."""
    two = np.array([1.0, 1.0])
    result = LogPartition(two, two, np.array([100.0, np.inf]), np.array([True, True]))
    np.testing.assert_allclose(result.interval()[:, 1], [2.984, 2.960], atol=1e-3)
    np.testing.assert_allclose(result.interval(0.5)[1], [1 - 0.6745, 1.6745], atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "magic"}, "method='magic' is not known"),
        ({"method": "exact"}, "use method='auto'"),
        ({"method": "quadrature"}, "use 'importance' or 'ais'"),
        ({"n_draws": 3}, "n_draws=3"),
        ({"n_temperatures": 0}, "n_temperatures=0"),
        ({"proposal": normal(5, 0.0, 1.0, 3)}, "5 rows for 1 samples"),
    ],
)
def test_refusals(settings, message):
    with pytest.raises(ValueError, match=message):
        log_partition(spread_gaussian(3)[0], np.zeros((1, 1)), n_outputs=3, **settings)


def test_refusals_of_discrete_answers():
    with pytest.raises(ValueError, match="use 'exact' or 'ais'"):
        log_partition(Ising([0.1], 3), method="importance")
    with pytest.raises(ValueError, match="would list 1073741824 answers"):
        log_partition(Ising([0.1], 30), method="exact")
    energy, _ = spread_gaussian(3)
    with pytest.raises(ValueError, match="not finite at any start"):
        log_partition(lambda X, y: (np.full(len(y), np.inf), y), np.zeros((1, 1)), n_outputs=3)
    with pytest.raises(ValueError, match=r"level=1\.5"):
        log_partition(energy, np.zeros((1, 1)), n_outputs=3, n_draws=100).interval(1.5)
