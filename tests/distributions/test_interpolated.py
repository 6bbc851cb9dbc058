"""Distributions of energies on a grid: closed forms, brute force, and surfaces that have none."""

import numpy as np
import pytest
from scipy import stats
from scipy.interpolate import CubicHermiteSpline

from sklearn_ebm.distributions import GaussianMixture
from sklearn_ebm.distributions._numerics import adaptive_grid
from sklearn_ebm.distributions._numerics.cubics import (
    cubics_of,
    gaussian_tail,
    last_cell,
    with_turns,
)
from sklearn_ebm.distributions.interpolated import InterpolatedDensity, interpolated
from sklearn_ebm.samplers.base import Surface


class Formula(Surface):
    """Energies f(y, a), with slopes, for one number a of each sample."""

    def __init__(self, function, numbers, n_outputs=1):
        self.function, self.numbers, self.n_outputs = function, np.asarray(numbers), n_outputs
        self.n_rows, self.asked = len(self.numbers), 0

    def energies(self, y):
        return self.function(y[:, :, 0], self.numbers[:, None])[0]

    def energies_and_slopes(self, y):
        energy, slope = self.function(y[:, :, 0], self.numbers[:, None])
        COUNTED.append(y.size)
        return energy, slope[:, :, None]

    def __getitem__(self, rows):
        return Formula(self.function, self.numbers[rows], self.n_outputs)


COUNTED = []


def gaussian(y, a):
    return (y - a) ** 2 / 2, y - a


def waves(y, a):
    """Many minima, and no closed form."""
    return y**2 / 8 + 3 * np.sin(4 * y + a) + a, y / 4 + 12 * np.cos(4 * y + a)


def laplace(y, a):
    return np.abs(y - a), np.sign(y - a)


def box(y, a):
    return np.where(np.abs(y - a) < 1, 0.0, np.inf), np.zeros(y.shape)


def of_mixture(density):
    def function(y, row):
        part = density[row[:, 0]]
        height, slope = part._log_prob_and_slope(y)
        return 3.0 - height, -slope

    return Formula(function, np.arange(len(density)))


def from_limits(function, numbers, low, high):
    surface = Formula(function, numbers)
    return interpolated(surface, np.full(surface.n_rows, low), np.full(surface.n_rows, high))


def random_mixture(n=150, K=5, narrowest=0.05):
    rng = np.random.default_rng(0)
    scales = narrowest * np.exp(rng.exponential(size=(n, K)))
    return GaussianMixture(rng.dirichlet(np.ones(K), size=n), 2 * rng.normal(size=(n, K)), scales)


def test_the_distribution_of_a_mixture_is_recovered():
    """Also a component whose standard deviation is 0.004 of the interval."""
    exact = random_mixture()
    limits = np.full(150, 7.0)
    density = interpolated(of_mixture(exact), -limits, limits)
    y = exact.sample(100, random_state=0)
    off = np.abs(density.log_prob(y) - exact.log_prob(y))
    assert off.max() < 5e-3 and off.mean() < 3e-5
    error = np.abs(density.log_partition().value + 3.0)
    assert (error <= 2 * density.log_prob_error() + 1e-7).all()
    assert density.log_prob_error().max() < 1e-4
    for name in ("mean", "std", "entropy"):
        np.testing.assert_allclose(getattr(density, name)(), getattr(exact, name)(), atol=3e-4)
    np.testing.assert_allclose(density.crps(y), exact.crps(y), atol=2e-4)
    np.testing.assert_allclose(density.cdf(y), exact.cdf(y), atol=1e-4)
    q = np.array([0.01, 0.3, 0.9])
    np.testing.assert_allclose(exact.cdf(density.quantiles(q)), np.tile(q, (150, 1)), atol=1e-4)
    height = exact.log_prob(density.mode()), exact.log_prob(exact.mode())
    np.testing.assert_allclose(*height, atol=1e-3)


def test_energies_without_a_closed_form():
    density = from_limits(waves, [0.0, 1.0, -2.0], -7.0, 7.0)
    y = np.linspace(-20, 20, 200_001)
    for row, a in enumerate([0.0, 1.0, -2.0]):
        p = np.exp(-waves(y, a)[0])
        total = p.sum() * (y[1] - y[0])
        off = np.abs(density.log_partition().value[row] - np.log(total))
        assert off < 1e-4 and off < 3 * density.log_prob_error()[row]
        mean = (p * y).sum() / p.sum()
        np.testing.assert_allclose(density.mean()[row], mean, atol=1e-4)
        some = y[::500]
        exact = -waves(some, a)[0] - np.log(total)
        likely = exact > exact.max() - 10
        np.testing.assert_allclose(
            density[row].log_prob(some[None])[0, likely], exact[likely], atol=2e-3
        )
    # 4 y moves by 2π between two minima.
    modes = density.modes(min_probability=0.02).answers[0]
    np.testing.assert_allclose(np.diff(np.sort(modes[np.isfinite(modes)])), np.pi / 2, atol=0.1)


def test_a_narrow_distribution_in_wide_limits():
    """Cubics are exact, and the integrals over them must be as well."""
    density = from_limits(gaussian, [0.0, 1.3, 2.9], -200.0, 200.0)
    np.testing.assert_allclose(density.log_partition().value, np.log(2 * np.pi) / 2, atol=1e-9)
    np.testing.assert_allclose(density.var(), 1, rtol=1e-9)
    np.testing.assert_allclose(density.ppf(0.975) - density.mean(), stats.norm.ppf(0.975))


def test_a_minimum_that_is_deep_between_two_points():
    """The energies at both points are 30 nats higher than another minimum."""

    def two(y, a):
        heights = [
            -((y / 0.4) ** 2) / 2 - np.log(0.4),
            -(((y - 5.1) / 0.012) ** 2) / 2 - np.log(0.012),
        ]
        total = np.logaddexp(*heights)
        slopes = [y / 0.4**2, (y - 5.1) / 0.012**2]
        return -total, sum(np.exp(h - total) * s for h, s in zip(heights, slopes, strict=True))

    density = from_limits(two, [0.0], -8.0, 8.0)
    assert two(np.array([5.0]), 0)[0] > 28 and two(np.array([5.25]), 0)[0] > 28
    np.testing.assert_allclose(density.cdf(3.0), 0.5, atol=1e-6)
    np.testing.assert_allclose(
        density.log_partition().value, np.log(2 * np.sqrt(2 * np.pi)), atol=1e-6
    )


def test_few_energies_are_asked_for():
    COUNTED.clear()
    from_limits(waves, np.linspace(-3, 3, 64), -7.0, 7.0)
    assert 65 * 64 < sum(COUNTED) < 350 * 64
    COUNTED.clear()
    from_limits(gaussian, np.zeros(64), -9.0, 9.0)
    assert 65 * 64 <= sum(COUNTED) < 125 * 64


def test_limits_are_widened_until_everything_is_inside():
    centres = np.array([-30.0, 0.0, 0.9, 12.0])
    density = from_limits(gaussian, centres, -1.0, 1.0)
    np.testing.assert_allclose(density.mean(), centres, atol=1e-9)
    np.testing.assert_allclose(density.var(), 1.0, rtol=1e-6)
    np.testing.assert_allclose(density.log_partition().value, np.log(2 * np.pi) / 2, atol=1e-7)
    ends = density.nodes[:, 0], density.nodes[:, -1]
    assert (stats.norm.cdf(ends[0] - centres) < 1e-12).all()
    assert (stats.norm.sf(ends[1] - centres) < 1e-12).all()
    for limit in (5.0, 6.0, 6.3, 6.9):
        near = from_limits(gaussian, np.zeros(1), -limit, limit)
        assert stats.norm.cdf(near.nodes[0, 0]) < 1e-12
    # Wide limits are kept.
    wide = from_limits(gaussian, centres, -50.0, 50.0)
    assert wide.nodes.min() == -50 and wide.nodes.max() == 50


def test_far_answers_have_the_density_of_a_parabola():
    density = from_limits(gaussian, [0.0, 2.0], -1.0, 1.0)
    y = np.array([[-1e6, -40.0, 40.0, 1e5], [-1e6, -40.0, 40.0, 1e5]])
    np.testing.assert_allclose(density.log_prob(y), stats.norm([[0.0], [2.0]]).logpdf(y), rtol=1e-6)
    assert density.log_prob(np.inf).tolist() == [-np.inf] * 2
    np.testing.assert_array_equal(density.cdf(np.array([-np.inf, np.inf])), [0, 1])
    q = np.array([1e-300, 1e-30, 1e-9])
    np.testing.assert_allclose(density.ppf(q)[0], stats.norm.ppf(q), rtol=1e-6)
    _, slope = density._log_prob_and_slope(np.array([[-30.0, 30.0]] * 2))
    np.testing.assert_allclose(slope, [[30, -30], [32, -28]], rtol=1e-6)
    # The value, the slope and the distribution function are continuous at the last node.
    end = density.nodes[:, -1:]
    near = np.hstack([end - 1e-9, end + 1e-9])
    for function in (density.log_prob, density.cdf, lambda y: density._log_prob_and_slope(y)[1]):
        np.testing.assert_allclose(*function(near).T, rtol=1e-6)


def test_a_kink_and_impossible_answers():
    """Halving ends, and the error says how accurate log Z is."""
    density = from_limits(laplace, [0.1234, 1.0], -20.0, 20.0)
    error = np.abs(density.log_partition().value - np.log(2))
    assert (error < 1e-5).all() and (density.log_prob_error() < 1e-4).all()
    np.testing.assert_allclose(density.var(), 2, rtol=1e-4)
    bounded = from_limits(box, [0.0, 0.3], -3.0, 3.0)
    np.testing.assert_allclose(bounded.log_partition().value, np.log(2), atol=1e-5)
    np.testing.assert_allclose(bounded.cdf(0.3), [0.65, 0.5], atol=1e-5)
    np.testing.assert_allclose(bounded.interval(0.5)[0], [-0.5, 0.5], atol=1e-5)
    far = bounded.log_prob(np.array([1.5, 50.0]))
    assert np.isfinite(far).all() and (far < -1000).all()


def test_a_sample_alone_has_the_same_distribution():
    numbers = np.linspace(-3, 3, 40)
    density = from_limits(waves, numbers, -5.0, 5.0)
    alone = from_limits(waves, numbers[[7]], -5.0, 5.0)
    y = np.linspace(-6, 6, 50)[None]
    np.testing.assert_allclose(density[7].log_prob(y), alone.log_prob(y), rtol=1e-9)
    np.testing.assert_allclose(
        density[7].log_partition().value, alone.log_partition().value, rtol=1e-12
    )
    np.testing.assert_array_equal(density[7].log_prob_error(), density.log_prob_error()[[7]])
    assert len(from_limits(waves, numbers[:0], -5.0, 5.0)) == 0


def test_many_rows_are_built_in_blocks(monkeypatch):
    numbers = np.linspace(-3, 3, 40)
    whole = from_limits(waves, numbers, -5.0, 5.0)
    monkeypatch.setattr("sklearn_ebm.distributions.interpolated.ROWS_TOGETHER", 7)
    monkeypatch.setattr(adaptive_grid, "ROWS_ASKED", 3)
    blocks = from_limits(waves, numbers, -5.0, 5.0)
    np.testing.assert_allclose(blocks.log_partition().value, whole.log_partition().value, atol=1e-9)
    np.testing.assert_allclose(blocks.median(), whole.median(), atol=1e-7)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda y, a: (np.where(y > 0, np.nan, y**2), 2 * y), "NaN or −inf"),
        (lambda y, a: (np.where(y > 0, -np.inf, y**2), 2 * y), "NaN or −inf"),
        (lambda y, a: (y**2, np.full(y.shape, np.nan)), "slopes are NaN"),
        (lambda y, a: (np.full(y.shape, np.inf), y), "use limits that contain possible answers"),
        (lambda y, a: (0 * y, 0 * y), "does not increase far from the answers"),
        (lambda y, a: (y, 0 * y + 1), "does not increase far from the answers"),
    ],
)
def test_surfaces_without_a_density_raise(function, message):
    with pytest.raises(ValueError, match=message):
        from_limits(function, [0.0, 1.0], -1.0, 1.0)


def test_wrong_arguments_raise():
    surface, ends = Formula(gaussian, [0.0]), np.ones(1)
    with pytest.raises(ValueError, match="use SampledDensity"):
        interpolated(Formula(gaussian, [0.0], n_outputs=2), -ends, ends)
    with pytest.raises(ValueError, match="low has entries that are not below"):
        interpolated(surface, ends, ends)
    with pytest.raises(ValueError, match=r"low\.shape"):
        interpolated(surface, np.zeros(2), ends)
    y = np.array([[-9.0, 0.0, 9.0]])
    for parts, message in (
        ((y[0], y[0], y[0]), "expected \\(n, g\\)"),
        ((-y, y**2, y), "increasing order"),
        ((y, y**2, np.abs(y)), "does not increase towards the outside"),
        ((y, y**2, y[:, :2]), r"slopes\.shape"),
        ((y, y * np.nan, y), "energies contains NaN"),
        ((y, y**2, y, [1.0]), r"bends\.shape"),
        ((y, y**2, y, None, [1.0]), r"errors\.shape"),
    ):
        with pytest.raises(ValueError, match=message):
            InterpolatedDensity(*parts)


# The cubics.


def random_nodes(n=6, g=12):
    rng = np.random.default_rng(0)
    nodes = np.sort(rng.normal(size=(n, g)), axis=1)
    nodes[1, 8:] = nodes[1, 8]
    heights, slopes = rng.normal(size=(2, n, g))
    heights[1, 8:], slopes[1, 8:] = heights[1, 8], slopes[1, 8]
    return nodes, heights, slopes


def test_added_extrema_leave_the_cubics_as_they_are():
    nodes, heights, slopes = random_nodes()
    cells = np.broadcast_to(np.arange(12.0), nodes.shape)
    more, values, rises, inherited = with_turns(nodes, heights, slopes, cells)
    for row in range(6):
        n_nodes = len(np.unique(nodes[row]))
        spline = CubicHermiteSpline(
            nodes[row, :n_nodes], heights[row, :n_nodes], slopes[row, :n_nodes]
        )
        np.testing.assert_allclose(values[row], spline(more[row]), atol=1e-12)
        np.testing.assert_allclose(rises[row], spline.derivative()(more[row]), atol=1e-9)
        turns = spline.derivative().roots(extrapolate=False)
        assert len(turns) and (np.abs(more[row] - turns[:, None]).min(axis=1) < 1e-12).all()
        # Each part has the number of the cell that it is in.
        cell = np.searchsorted(nodes[row, :n_nodes], more[row], side="right") - 1
        np.testing.assert_array_equal(
            inherited[row, :-1][np.diff(more[row]) > 0], cell[:-1][np.diff(more[row]) > 0]
        )
        flat = (rises[row] == 0) & (np.arange(more.shape[1]) < (more[row] < more[row, -1]).sum())
        assert not (flat[1:] & flat[:-1]).any()


def test_cells_are_found_by_bisection():
    nodes, *_ = random_nodes()
    y = np.random.default_rng(1).normal(size=(6, 30))
    last = (nodes < nodes[:, -1:]).sum(axis=1)
    row = np.arange(6)[:, None]
    found = last_cell(nodes, y, row, np.zeros(1, dtype=np.intp), last[row])
    for i in range(6):
        expected = np.searchsorted(nodes[i, : last[i] + 1], y[i], side="right") - 1
        np.testing.assert_array_equal(found[i], np.clip(expected, 0, last[i] - 1))


def test_tails_and_cubics_by_hand():
    # ∫ exp(−t²/2 − t) from 1 on is √e √(2π) (1 − Φ(2)).
    found = gaussian_tail(*np.array([[0.0], [1.0], [1.0]]), 1.0)
    np.testing.assert_allclose(found, np.sqrt(2 * np.pi * np.e) * stats.norm.sf(2), rtol=1e-12)
    # y³ − 3y on [−2, 2] turns at −1 and 1, which are t = 1/4 and 3/4.
    cubic = cubics_of(np.array([[-2.0, 2.0]]), np.array([[-2.0, 2.0]]), np.array([[9.0, 9.0]]))
    np.testing.assert_allclose(np.sort(np.hstack(cubic.turns())), [[0.25, 0.75]], rtol=1e-14)
    np.testing.assert_allclose(cubic(0.25), [[2.0]], rtol=1e-14)
