"""Generated problems: their distributions are distributions, and their answers are drawn from
them."""

import inspect
import itertools
import pickle

import numpy as np
import pytest
from scipy import integrate, special, stats

from sklearn_ebm import datasets
from sklearn_ebm.datasets import ONE_TO_MANY
from sklearn_ebm.datasets.truth import Truth

PLANE = ("horn", "ellipse")
LINE = tuple(name for name in ONE_TO_MANY if name not in PLANE)
CONTROLS = ("heteroscedastic", "skewed")

# Where the probability is, to 1e-10 at noise ≤ 0.3.
LIMITS = {"inverse_sine": (0.0, 1.0), "skewed": (-4.0, 30.0), "heteroscedastic": (-11.0, 11.0)}
USUAL = (-5.0, 6.0)


def panels(low, high, n_panels):
    """Nodes and weights of Gauss-Legendre quadrature with eight nodes in each panel."""
    nodes, weights = np.polynomial.legendre.leggauss(8)
    edges = np.linspace(low, high, n_panels + 1)
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (1 + nodes)).ravel(), (half * weights).ravel()


def density_on(truth, X, answers):
    """p(y | x) of each row and each of some answers, or of each row's own (n, m)."""
    answers = np.broadcast_to(answers, (len(X), np.shape(answers)[-1]))
    log = truth.log_prob(np.repeat(X, answers.shape[1], axis=0), answers.ravel())
    return np.exp(log).reshape(answers.shape)


def square(truth, x, reach):
    """Answers on a grid over [−reach, reach]², their log densities at x, and the area of a cell."""
    spacing = 0.7 * truth.noise  # of a trapezoid rule for what is smooth at the scale of the noise
    axis = np.arange(-reach, reach + spacing, spacing)
    answers = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    return answers, truth.log_prob(np.full((len(answers), 1), x), answers), spacing**2


def test_every_maker_is_listed_and_public():
    names = {name for name in datasets.__all__ if name.startswith("make_")}
    assert names == {f"make_{name}" for name in ONE_TO_MANY}
    for name, make in ONE_TO_MANY.items():
        assert make is getattr(datasets, f"make_{name}")


@pytest.mark.parametrize("name", ONE_TO_MANY)
def test_what_a_maker_returns(name):
    make = ONE_TO_MANY[name]
    X, y, truth = make(7, random_state=0, return_truth=True)
    assert isinstance(truth, Truth)
    assert truth.noise == inspect.signature(make).parameters["noise"].default
    assert X.shape == (7, truth.n_features) and X.shape[1] == (6 if name == "steps" else 1)
    assert y.shape == ((7, 2) if name in PLANE else (7,))
    assert truth.n_outputs == (2 if name in PLANE else 1)
    assert X.dtype == y.dtype == np.float64
    log_density = truth.log_prob(X, y)
    assert log_density.shape == (7,) and log_density.dtype == np.float64
    assert np.isfinite(log_density).all()
    assert truth.sample(X, 0).shape == y.shape
    assert len(make()[0]) == 1000
    assert len(make(1, random_state=0)[1]) == 1


@pytest.mark.parametrize("name", ONE_TO_MANY)
def test_chance_is_that_of_random_state(name):
    make = ONE_TO_MANY[name]
    X, y, truth = make(50, random_state=3, return_truth=True)
    for again in (make(50, random_state=3), make(50, random_state=np.random.RandomState(3))):
        np.testing.assert_array_equal(X, again[0])
        np.testing.assert_array_equal(y, again[1])
    assert not np.array_equal(y, make(50, random_state=4)[1])
    np.testing.assert_array_equal(truth.sample(X, 5), truth.sample(X, 5))
    assert not np.array_equal(truth.sample(X, 5), truth.sample(X, 6))


@pytest.mark.parametrize("name", ONE_TO_MANY)
def test_rows_are_linear_in_the_noise(name):
    (X1, y1), (X2, y2), (X3, y3) = (
        ONE_TO_MANY[name](200, noise=noise, random_state=0) for noise in (0.1, 0.2, 0.3)
    )
    np.testing.assert_allclose(X1 + X3, 2 * X2, atol=1e-12)
    np.testing.assert_allclose(y1 + y3, 2 * y2, atol=1e-12)
    assert not (np.array_equal(X1, X2) and np.array_equal(y1, y2))


@pytest.mark.parametrize("noise", [0.02, 0.3])
@pytest.mark.parametrize("name", LINE)
def test_density_on_the_line_integrates_to_one(name, noise):
    X, _, truth = ONE_TO_MANY[name](6, noise=noise, random_state=0, return_truth=True)
    answers, weights = panels(*LIMITS.get(name, USUAL), 1200)
    np.testing.assert_allclose(density_on(truth, X, answers) @ weights, 1, atol=1e-8)


@pytest.mark.parametrize(
    ("name", "x", "noise", "reach"),
    [("horn", 0.0, 0.05, 2.4), ("horn", 0.9, 0.4, 15.0), ("ellipse", 0.3, 0.1, 2.8)],
)
def test_density_in_the_plane_integrates_to_one(name, x, noise, reach):
    _, _, truth = ONE_TO_MANY[name](1, noise=noise, return_truth=True)
    _, log_density, area = square(truth, x, reach)
    np.testing.assert_allclose(np.exp(log_density).sum() * area, 1, atol=1e-8)


def agree(of_drawn, expected):
    """A mean over independent draws is what is expected, up to chance."""
    assert abs(np.mean(of_drawn) - expected) < 4 * np.std(of_drawn) / np.sqrt(len(of_drawn))


@pytest.mark.parametrize("name", LINE)
def test_answers_on_the_line_follow_the_density(name):
    """P(answers below y | x) is uniform, whatever x, and log p(y | x) is what it is on average."""
    X, y, truth = ONE_TO_MANY[name](800, random_state=1, return_truth=True)
    low = LIMITS.get(name, USUAL)[0]
    grid, areas = panels(*LIMITS.get(name, USUAL), 150)
    density = density_on(truth, X, grid)
    expected = special.xlogy(density, density) @ areas
    share, weights = panels(0, 1, 60)
    for answers in (y, truth.sample(X, 2)):
        below = answers[:, None] - low
        ranks = (density_on(truth, X, low + below * share) * below) @ weights
        assert stats.kstest(ranks, "uniform").pvalue > 1e-3
        assert stats.spearmanr(ranks, X[:, 0]).pvalue > 1e-3
        agree(truth.log_prob(X, answers) - expected, 0)


@pytest.mark.parametrize(
    ("name", "x", "noise", "reach"), [("horn", 0.6, 0.4, 9.0), ("ellipse", 0.3, 0.1, 2.8)]
)
def test_answers_in_the_plane_follow_the_density(name, x, noise, reach):
    _, _, truth = ONE_TO_MANY[name](1, noise=noise, return_truth=True)
    answers, logs, area = square(truth, x, reach)
    probability = np.exp(logs) * area
    X = np.full((4000, 1), x)
    drawn = truth.sample(X, 0)
    agree(truth.log_prob(X, drawn), probability @ logs)
    for entry in (0, 1):
        agree(drawn[:, entry], 0)
    for first, second in ((0, 0), (0, 1), (1, 1)):
        moment = probability @ (answers[:, first] * answers[:, second])
        agree(drawn[:, first] * drawn[:, second], moment)


def test_expected_density_of_the_horn():
    """Noise across the ring, and along it the mean of log(2π · speed), by Jensen's formula.

    The speed is e^{2x} √(a² sin² θ + b² cos² θ), whose logarithm is on average 2x + log((a + b)/2)
    with a + b = 3.5; the ring's curvature matters little where the noise is so small.
    """
    X, y, truth = datasets.make_horn(8000, random_state=0, return_truth=True)
    entropy = 0.5 * np.log(2 * np.pi * np.e * 0.05**2) + np.log(2 * np.pi) + 1 + np.log(1.75)
    assert entropy == pytest.approx(1.8207, abs=1e-4)
    agree(truth.log_prob(X, y), -entropy)


@pytest.mark.parametrize("noise", [0.02, 0.05, 1.0, 30.0])
def test_a_circle_is_a_bessel_function(noise):
    """At x = 1/2 the horn is a circle: p = e^{−(r² + |y|²)/2s²} I₀(r|y|/s²) / 2πs²."""
    truth = datasets.make_horn(1, noise=noise, return_truth=True)[2]
    radius = 1.75 * np.e
    far = np.array([0.0, 0.01, 1.0, 4.0, radius, 5.0, 9.0, 200.0])
    answers = np.column_stack([0.6 * far, -0.8 * far])
    expected = np.log(special.i0e(radius * far / noise**2) / (2 * np.pi * noise**2))
    expected -= 0.5 * ((radius - far) / noise) ** 2
    found = truth.log_prob(np.full((len(far), 1), 0.5), answers)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-8)


@pytest.mark.parametrize("noise", [0.1, 0.5, 4.0])
def test_an_ellipse_is_an_integral(noise):
    truth = datasets.make_ellipse(1, noise=noise, return_truth=True)[2]
    x, y = 0.7, np.array([0.9, 1.1])
    cos, sin = np.cos(0.35 * np.pi), np.sin(0.35 * np.pi)

    def density(theta):
        u, v = 2 * np.cos(theta), np.sin(theta)
        apart = y - [cos * u - sin * v, sin * u + cos * v]
        return np.exp(-0.5 * apart @ apart / noise**2) / (2 * np.pi * noise) ** 2

    expected, _ = integrate.quad(density, 0, 2 * np.pi, epsabs=0, epsrel=1e-11, limit=400)
    assert truth.log_prob([[x]], [y])[0] == pytest.approx(np.log(expected), abs=1e-8)


def test_rows_of_the_plane_do_not_depend_on_their_neighbours():
    X, y, truth = datasets.make_horn(600, random_state=0, return_truth=True)
    one_by_one = [truth.log_prob(X[i : i + 1], y[i : i + 1])[0] for i in range(0, 600, 40)]
    np.testing.assert_allclose(truth.log_prob(X, y)[::40], one_by_one, atol=1e-9)


@pytest.mark.parametrize("name", LINE)
def test_modes_are_local_maxima_where_branches_are_apart(name):
    X, _, truth = ONE_TO_MANY[name](200, random_state=0, return_truth=True)
    modes = truth.modes(X)
    assert modes.shape[0] == 200 and np.isfinite(modes).any(axis=1).all()
    near = truth.noise * np.linspace(-1.5, 1.5, 121)
    n_checked = 0
    for branch in range(modes.shape[1]):
        others = np.delete(modes, branch, axis=1)
        gap = np.abs(others - modes[:, [branch]])
        apart = np.all(np.isnan(gap) | (gap > 4 * truth.noise), axis=1)
        apart &= np.isfinite(modes[:, branch])
        density = density_on(truth, X[apart], modes[apart, branch][:, None] + near)
        highest = near[density.argmax(axis=1)]
        assert np.abs(highest).max() <= 0.15 * truth.noise
        n_checked += apart.sum()
    assert n_checked >= 150


@pytest.mark.parametrize("name", PLANE)
def test_modes_that_are_a_continuum(name):
    X, _, truth = ONE_TO_MANY[name](5, return_truth=True)
    assert truth.modes(X) is None


@pytest.mark.parametrize("name", LINE)
def test_answers_are_many_except_in_controls(name):
    X, _, truth = ONE_TO_MANY[name](400, random_state=0, return_truth=True)
    modes = truth.modes(X)
    spread = np.nanmax(modes, axis=1) - np.nanmin(modes, axis=1)
    many = np.mean(spread > 4 * truth.noise)
    assert many == 0 if name in CONTROLS else many > 0.15


@pytest.mark.parametrize("name", ONE_TO_MANY)
def test_a_truth_can_be_pickled(name):
    X, y, truth = ONE_TO_MANY[name](5, noise=0.2, random_state=0, return_truth=True)
    again = pickle.loads(pickle.dumps(truth))
    np.testing.assert_array_equal(again.log_prob(X, y), truth.log_prob(X, y))
    assert repr(again) == repr(truth) and "noise=0.2" in repr(truth)


@pytest.mark.parametrize("name", ONE_TO_MANY)
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        *(({"n_samples": bad}, "n_samples=") for bad in (0, -3, 2.5, True, "ten", None)),
        *(({"noise": bad}, "noise=.* must be a positive finite") for bad in (0, -1.0, np.inf)),
        *(({"noise": bad}, "noise=.* must be a positive finite") for bad in (np.nan, None, "x")),
        ({"random_state": "chance"}, "seed"),
    ],
)
def test_bad_settings_are_refused(name, settings, message):
    with pytest.raises(ValueError, match=message):
        ONE_TO_MANY[name](**settings)


@pytest.mark.parametrize("name", ONE_TO_MANY)
def test_rows_that_do_not_fit_are_refused(name):
    X, y, truth = ONE_TO_MANY[name](5, random_state=0, return_truth=True)
    with pytest.raises(ValueError, match=r"one answer for each row"):
        truth.log_prob(X, y[:4])
    with pytest.raises(ValueError, match=r"one answer for each row"):
        truth.log_prob(X, y.reshape(5, -1)[:, :1])
    for method in (truth.modes, truth.sample, lambda X: truth.log_prob(X, y)):
        with pytest.raises(ValueError, match=r"expected \(n, "):
            method(np.hstack([X, X]))
        with pytest.raises(ValueError, match="NaN"):
            method(np.full_like(X, np.nan))
        with pytest.raises(ValueError, match="2D"):
            method(X[:, 0])
    with pytest.raises(ValueError, match="NaN"):
        truth.log_prob(X, np.full_like(y, np.nan))


@pytest.mark.parametrize("noise", [0.003, 0.05, 2.0])
@pytest.mark.parametrize("x", [-3.0, -0.01, 0.0, 0.4069, 0.5, 0.5931, 0.6, 1.0, 1.2])
def test_inverse_sine_is_normalised_at_every_noise(x, noise):
    """Against a quadrature that is told where the peaks are."""
    truth = datasets.make_inverse_sine(1, noise=noise, return_truth=True)[2]
    modes = truth.modes([[x]])[0]
    turn = np.arccos(-1 / (0.6 * np.pi)) / (2 * np.pi)
    peaks = np.array([turn, 1 - turn, *modes[np.isfinite(modes)]])
    apart = np.geomspace(1e-6, 1, 30)  # panels of every size around each peak
    edges = peaks + np.concatenate([-apart, [0], apart])[:, None]
    edges = np.unique(np.clip([0, 1, *edges.ravel()], 0, 1))

    def density(y):
        return np.exp(truth.log_prob([[x]], [y])[0])

    pieces = [panels(low, high, 3) for low, high in itertools.pairwise(edges)]
    answers, weights = np.concatenate(pieces, axis=1)
    total = density_on(truth, np.array([[x]]), answers)[0] @ weights
    assert total == pytest.approx(1, abs=1e-8)
    assert density(-1e-9) == density(1 + 1e-9) == 0


def test_inverse_sine_solves_for_its_modes():
    truth = datasets.make_inverse_sine(1, return_truth=True)[2]
    X = np.linspace(0, 1, 101)[:, None]
    modes = truth.modes(X)
    n_modes = np.isfinite(modes).sum(axis=1)
    assert set(n_modes) == {1, 3}
    # The turns of g are at y = arccos(−1/0.6π)/2π, where g is 0.593; the wave is symmetric.
    np.testing.assert_array_equal(n_modes == 3, (X[:, 0] > 0.4069) & (X[:, 0] < 0.5931))
    residual = modes + 0.3 * np.sin(2 * np.pi * modes) - X
    assert np.nanmax(np.abs(residual)) < 1e-14
    np.testing.assert_allclose(
        truth.modes([[-1.0], [2.0]]), [[0, *[np.nan] * 2], [*[np.nan] * 2, 1]], atol=1e-15
    )
    far = truth.sample([[-1.0], [2.0]] * 50, 0)
    assert far[::2].max() < 0.01 and far[1::2].min() > 0.99 and far.min() >= 0 and far.max() <= 1


def test_features_that_do_not_matter():
    X, y, truth = datasets.make_steps(50, random_state=0, return_truth=True)
    other = np.hstack([X[:, :1], X[::-1, 1:]])
    np.testing.assert_array_equal(truth.log_prob(X, y), truth.log_prob(other, y))
    np.testing.assert_array_equal(truth.modes(X), truth.modes(other))
    np.testing.assert_array_equal(truth.sample(X, 0), truth.sample(other, 0))


@pytest.mark.parametrize("name", [name for name in ONE_TO_MANY if name != "inverse_sine"])
def test_answers_far_away_are_unlikely_but_not_impossible(name):
    X, y, truth = ONE_TO_MANY[name](10, random_state=0, return_truth=True)
    for sign in (-1, 1):
        assert np.isfinite(truth.log_prob(X, y + sign * 1000)).all()
        assert np.isfinite(truth.log_prob(sign + X, y)).all()
        assert (truth.log_prob(X, y + sign * 1000) < -1000).all()
