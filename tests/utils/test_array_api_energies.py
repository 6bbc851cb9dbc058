"""Energies on arrays of another library: what NumPy gives, in the dtype and on the device of X."""

from functools import cache
from importlib.util import find_spec

import array_api_strict
import numpy as np
import pytest
from scipy import sparse
from scipy.special import ndtr
from sklearn.base import BaseEstimator

from sklearn_ebm._utils.array_ops import normal_cdf
from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.checks.energies import energy_cases
from sklearn_ebm.energies import ENERGIES, LATENT_ENERGIES, MLP, Featured, Kernel, Linear
from sklearn_ebm.energies._gaussian.decoder_windows import Windows
from sklearn_ebm.energies._gaussian.latent_spaces import latent_space
from sklearn_ebm.energies._gaussian.units import FAR, Units
from sklearn_ebm.energies._linear.antisymmetric import Antisymmetric
from sklearn_ebm.energies._linear.standardized import Standardized
from sklearn_ebm.energies.featured import transformed
from sklearn_ebm.losses.negatives import Pool

# float32 through the inverse root of a kernel, and through layers, loses some digits.
TOLERANCE = {np.float64: 1e-12, np.float32: 2e-5}


class Strict:
    """Nothing but the standard, on a device that does not mix with others."""

    def __init__(self):
        self.xp = array_api_strict
        self.device = array_api_strict.Device("device1")

    def of(self, array):
        return self.xp.asarray(np.array(array), device=self.device)

    def numpy(self, array):
        assert isinstance(array, type(self.xp.asarray(0.0))) and array.device == self.device
        return np.array(array._array)  # its ways off a device need NumPy 2


class Torch:
    """Tensors of PyTorch."""

    def __init__(self):
        import array_api_compat.torch

        self.xp = array_api_compat.torch

    def of(self, array):
        return self.xp.asarray(np.array(array))

    def numpy(self, array):
        assert isinstance(array, self.xp.Tensor)
        return array.numpy()


@pytest.fixture(scope="module", params=["strict", "torch"])
def library(request):
    if request.param == "torch" and not find_spec("torch"):
        pytest.skip("no torch")
    return Strict() if request.param == "strict" else Torch()


EXAMPLES = [
    pytest.param(name, number, id=f"{name}-{number}")
    for name in ENERGIES
    for number in range(len(ENERGIES[name].examples))
]
every_energy = pytest.mark.parametrize(("name", "number"), EXAMPLES)
every_dtype = pytest.mark.parametrize("dtype", [np.float64, np.float32])
every_count = pytest.mark.parametrize("n_answers", [2, 3])


@cache
def case(name, number, n_answers):
    """A prepared energy, rows, and parameters."""
    cases = energy_cases(ENERGIES[name](**ENERGIES[name].examples[number]))
    return next((energy, X, params) for energy, X, k, params in cases if k == n_answers)


def of_dtype(params, dtype):
    return {name: value.astype(dtype) for name, value in params.items()}


def random_like(array, seed, dtype=np.float64):
    return np.random.RandomState(seed).normal(size=array.shape).astype(dtype)


def assert_same(found, expected, library, dtype):
    found = library.numpy(found)
    assert found.dtype == expected.dtype and found.shape == expected.shape
    size = 1 + np.abs(expected).max(initial=0.0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=size * TOLERANCE[dtype])


def compare(energy, params, X, library, dtype):
    """All that a linearization gives; slopes and directions at random. Inputs stay as they are."""
    theirs, rows = {name: library.of(value) for name, value in params.items()}, library.of(X)
    expected, line = energy.linearize(params, X), energy.linearize(theirs, rows)
    compare_lines(line, expected, params, library, dtype)
    if energy.templates.difference is not None and line.energies.shape[1] == 2:
        apart = energy.templates.difference(theirs, rows)
        assert_same(apart, energy.templates.difference(params, X), library, dtype)
    for name, value in params.items():
        np.testing.assert_array_equal(library.numpy(theirs[name]), value)
    np.testing.assert_array_equal(library.numpy(rows), X)


def compare_lines(line, expected, params, library, dtype):
    assert_same(line.energies, expected.energies, library, dtype)
    slope = random_like(expected.energies, 1, expected.energies.dtype)
    pull = library.of(slope)
    into = {name: library.of(np.zeros_like(value)) for name, value in params.items()}
    gradients = [line.pullback(pull)]
    if line.pullback_into is not None:
        line.pullback_into(pull, into)
        gradients.append(into)
    for gradient in gradients:
        assert list(gradient) == list(expected.pullback(slope))
        for name, value in expected.pullback(slope).items():
            assert_same(gradient[name], value, library, dtype)
    if line.pushforward is not None:
        direction = {name: random_like(value, 2, value.dtype) for name, value in params.items()}
        along = line.pushforward({name: library.of(value) for name, value in direction.items()})
        assert_same(along, expected.pushforward(direction), library, dtype)
    np.testing.assert_array_equal(library.numpy(pull), slope)


@every_dtype
@every_count
@every_energy
def test_what_numpy_gives(name, number, n_answers, dtype, library):
    energy, X, params = case(name, number, n_answers)
    params, X = of_dtype(params, dtype), X.astype(dtype)
    compare(energy, params, X, library, dtype)
    # As one step of learning sees it, which leaves out the same units.
    compare(energy._for_step(np.random.RandomState(0)), params, X, library, dtype)


@every_dtype
@every_energy
def test_parameters_in_float64_for_rows_in_float32(name, number, dtype, library):
    energy, X, params = case(name, number, 3)
    theirs, rows = {name: library.of(value) for name, value in params.items()}, X.astype(dtype)
    line, expected = energy.linearize(theirs, library.of(rows)), energy.linearize(params, rows)
    assert expected.energies.dtype == dtype
    assert_same(line.energies, expected.energies, library, dtype)


@every_count
@every_energy
def test_the_pullback_is_the_transpose_of_the_derivative(name, number, n_answers, library):
    energy, X, params = case(name, number, n_answers)
    rows, theirs = library.of(X), {name: library.of(value) for name, value in params.items()}
    line = energy.linearize(theirs, rows)
    slope = library.of(random_like(line.energies, 1))
    direction = {name: library.of(random_like(value, 2)) for name, value in params.items()}
    gradient = line.pullback(slope)
    xp = library.xp
    found = sum(float(xp.sum(gradient[name] * direction[name])) for name in params)
    if line.pushforward is not None:
        change, tolerance = line.pushforward(direction), 1e-12
    else:
        size, tolerance = 1e-6, 1e-7
        ends = [
            energy.linearize(
                {name: theirs[name] + step * direction[name] for name in params}, rows
            ).energies
            for step in (size, -size)
        ]
        change = (ends[0] - ends[1]) / (2 * size)
    expected = float(xp.sum(slope * change))
    scale = 1 + float(xp.sum(xp.abs(slope * line.energies)))
    assert abs(found - expected) < tolerance * scale


@every_dtype
@pytest.mark.parametrize("number", range(len(ENERGIES["prototypes"].examples)))
def test_latent_energies(number, dtype, library):
    energy, X, params = case("prototypes", number, 3)
    params, X = of_dtype(params, dtype), X.astype(dtype)
    theirs, rows = {name: library.of(value) for name, value in params.items()}, library.of(X)
    latent = energy._latent_energies(theirs, rows)
    assert_same(latent, energy._latent_energies(params, X), library, dtype)


@every_dtype
@pytest.mark.parametrize("number", range(len(ENERGIES["prototypes"].examples)))
def test_responsibilities(number, dtype, library):
    energy, X, params = case("prototypes", number, 3)
    params, X = of_dtype(params, dtype), X.astype(dtype)
    theirs = {name: library.of(value) for name, value in params.items()}
    share = energy.responsibilities(theirs, library.of(X))
    assert_same(share, energy.responsibilities(params, X), library, dtype)


# What is settled before ---------------------------------------------------------------------------


@every_dtype
@pytest.mark.parametrize("approximation", ["nystroem", "fourier"])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_kernel_features(kind, approximation, dtype, library):
    """Of many blocks of rows, and of none; landmarks may have been sparse."""
    rng = np.random.RandomState(0)
    X, weight = rng.normal(size=(30, 4)), np.ones(30)
    energy = Kernel(n_components=20, approximation=approximation)
    energy = energy.initialized(Rows(kind(X), np.arange(30) % 2, weight), 2, rng)
    for n_rows in (0, 3, 20_000):
        rows = rng.normal(size=(n_rows, 4)).astype(dtype)
        found = transformed(energy.transformer, library.of(rows))
        expected = transformed(energy.transformer, rows) if n_rows else np.empty((0, 20), dtype)
        assert_same(found, expected, library, dtype)


class Squares(BaseEstimator):
    """Features x²: in the library of the rows, or in NumPy."""

    def __init__(self, back=None):
        self.back = back

    def transform(self, X):
        return (X if self.back is None else self.back(X)) ** 2

    def get_feature_names_out(self):
        return np.array(["one", "other"], dtype=object)


@every_dtype
@pytest.mark.parametrize("through_numpy", [False, True])
def test_features_of_a_transformer(through_numpy, dtype, library):
    rng = np.random.RandomState(0)
    X, params = rng.normal(size=(5, 2)).astype(dtype), {"coef": rng.normal(size=(3, 2))}
    params["intercept"] = rng.normal(size=3)
    expected = Featured(Squares(), Linear()).linearize(params, X)
    energy = Featured(Squares(library.numpy if through_numpy else None), Linear())
    line = energy.linearize({n: library.of(v) for n, v in params.items()}, library.of(X))
    assert_same(line.energies, expected.energies, library, dtype)


# Energies that learning makes ---------------------------------------------------------------------


@every_dtype
@pytest.mark.parametrize("mean", [0.0, 3.0, 1e12])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_standardized_and_antisymmetric(fit_intercept, mean, dtype, library):
    """With a mean of 1e12 standard deviations, it is taken off the rows themselves."""
    rng = np.random.RandomState(0)
    X = (mean + rng.normal(size=(20, 3))).astype(dtype)
    mean = np.full(3, mean if fit_intercept else 0.0)
    energy = Standardized(mean, np.array([1.0, 2.0, np.inf]), fit_intercept)
    for made, k in ((energy, 3), (energy, 2), (Antisymmetric(energy), 1)):
        shape = energy.shapes(3, k)["coef"]
        for wide in (True, False):
            params = {"coef": rng.normal(size=shape).astype(np.float64 if wide else dtype)}
            compare(made, params, X, library, dtype)
        assert_same(
            made.templates.features(library.of(X)), made.templates.features(X), library, dtype
        )


# Functions of one number --------------------------------------------------------------------------

Z = np.concatenate([np.linspace(-37, 37, 2001), np.linspace(-3, 3, 1001), [1e-300, -1e10, 1e10]])


@every_dtype
def test_the_normal_distribution_function(dtype, library):
    """Relative to the value itself, as far as e^{−z²/2} allows; without underflow to a warning."""
    found = library.numpy(normal_cdf(library.xp, library.of(Z.astype(dtype))))
    expected = ndtr(Z.astype(dtype).astype(np.float64))
    kept = expected > np.finfo(dtype).tiny
    assert found.dtype == dtype
    rounding = np.finfo(dtype).eps * (8 + 2 * Z**2)
    assert (np.abs(found - expected)[kept] <= (rounding * expected)[kept]).all()
    assert (found[~kept] < 2 * np.finfo(dtype).tiny).all()


@pytest.mark.parametrize("turned", [lambda a: a[::-1], np.asfortranarray, np.broadcast_to])
def test_values_of_numpy_are_moved_whatever_their_memory(turned, library):
    """Parameters in NumPy for rows of another library: views backwards, and read-only ones."""
    coef = np.arange(6.0).reshape(3, 2)
    coef = turned(coef, coef.shape) if turned is np.broadcast_to else turned(coef)
    params = {"coef": coef, "intercept": np.arange(3.0)[::-1]}
    X = np.array([[1.0, -2.0]])
    line = Linear().linearize(params, library.of(X))
    expected = Linear().linearize(params, X)
    assert_same(line.energies, expected.energies, library, np.float64)


def test_the_units_left_out_are_those_of_numpy(library):
    energy = MLP((50,), dropout=0.5)._for_step(np.random.RandomState(0))
    params = energy.start(Rows(np.zeros((1, 3)), None, None), 2, np.random.RandomState(1))
    X = np.random.RandomState(2).normal(size=(9, 3))
    compare(energy, params, X, library, np.float64)


# Continuous answers -------------------------------------------------------------------------------

LATENT_EXAMPLES = [
    pytest.param(name, number, id=f"{name}-{number}")
    for name in LATENT_ENERGIES
    for number in range(len(LATENT_ENERGIES[name].examples))
]
every_latent_energy = pytest.mark.parametrize(("name", "number"), LATENT_EXAMPLES)
every_output = pytest.mark.parametrize("q", [1, 2])


@cache
def latent_case(name, number, q):
    """A prepared energy, rows with a constant column, answers (n, 3, q), and parameters."""
    rng = np.random.RandomState(q)
    X, y = rng.normal(size=(9, 4)) * [0.0, 0.3, 1.0, 5.0], rng.normal(size=(9, 3, q)) * 2
    energy = LATENT_ENERGIES[name](**LATENT_ENERGIES[name].examples[number])
    energy = energy.initialized(Rows(X, y[:, 0], np.ones(9)), q, rng)
    shapes = energy.shapes(4, q)
    return energy, X, y, {name: rng.normal(size=shape) for name, shape in shapes.items()}


@every_dtype
@every_output
@every_latent_energy
def test_standardised_rows_and_answers(name, number, q, dtype, library):
    """In float64 whatever the dtype: columns may have any unit."""
    energy, X, y, _ = latent_case(name, number, q)
    for standardize, given in (
        (energy._standardize_rows, X.astype(dtype)),
        (energy._standardize_answers, y.astype(dtype)),
    ):
        theirs, expected = library.of(given), standardize(given)
        assert expected.dtype == np.float64
        assert_same(standardize(theirs), expected, library, np.float64)
        np.testing.assert_array_equal(library.numpy(theirs), given)


@every_dtype
@every_output
@pytest.mark.parametrize("own_rows", [True, False])
@pytest.mark.parametrize("n_candidates", [1, 3])
@every_latent_energy
def test_one_step_of_learning(name, number, n_candidates, own_rows, q, dtype, library):
    """With the noise of NumPy's generator; with rows for each member, or the same ones for all."""
    energy, X, y, params = latent_case(name, number, q)
    energy, params = energy._for_step(np.random.RandomState(0)), of_dtype(params, dtype)
    places = np.arange(9)[None]
    if own_rows:
        places = np.random.RandomState(0).randint(9, size=(energy.n_members, 9))
    X, y = (
        energy._standardize_rows(X)[places],
        energy._standardize_answers(y)[places][:, :, :n_candidates],
    )
    X, y = X.astype(dtype), y.astype(dtype)
    theirs = {name: library.of(value) for name, value in params.items()}
    rows, answers = library.of(X), library.of(y)
    expected = energy.linearize_members(params, X, y)
    assert expected.energies.dtype == dtype
    compare_lines(energy.linearize_members(theirs, rows, answers), expected, params, library, dtype)
    for given, kept in ((rows, X), (answers, y), *((theirs[n], params[n]) for n in params)):
        np.testing.assert_array_equal(library.numpy(given), kept)
    # Parameters and answers of NumPy, and in another dtype, go where the rows are.
    wide = of_dtype(params, np.float64)
    moved = energy.linearize_members(wide, rows, y.astype(np.float64)).energies
    assert_same(moved, expected.energies, library, dtype)


@every_output
@every_latent_energy
def test_the_pullback_of_one_step_is_the_transpose(name, number, q, library):
    energy, X, y, params = latent_case(name, number, q)
    energy = energy._for_step(np.random.RandomState(0))
    rows = library.of(energy._standardize_rows(X)[None])
    answers = library.of(energy._standardize_answers(y)[None])
    theirs = {name: library.of(value) for name, value in params.items()}
    line, xp = energy.linearize_members(theirs, rows, answers), library.xp
    slope = library.of(random_like(line.energies, 1))
    gradient = line.pullback(slope)
    direction = {name: library.of(random_like(value, 2)) for name, value in params.items()}
    found = sum(float(xp.sum(gradient[name] * direction[name])) for name in params)
    ends = [
        energy.linearize_members(
            {name: theirs[name] + step * direction[name] for name in params}, rows, answers
        ).energies
        for step in (1e-6, -1e-6)
    ]
    expected = float(xp.sum(slope * (ends[0] - ends[1]))) / 2e-6
    assert abs(found - expected) < 1e-7 * (1 + float(xp.sum(xp.abs(slope * line.energies))))


UNITS = Units(
    np.array([1.0, -1e308]), np.array([0.5, 1e-306]), np.array([1.0]), np.array([2.0]), np.zeros(1)
)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([5, 0], [2.0, 100.0]),
        ([-1e308, 1.7e308], [-FAR, FAR]),
        ([np.inf, -np.inf], [FAR, -FAR]),
        ([np.nan, np.nan], [0.0, 0.0]),
    ],
)
def test_rows_in_units(row, expected, library):
    """What is too large or infinite ends at a large distance; what is no number at the origin."""
    for units in (UNITS, UNITS._replace(scale=np.zeros(2))):
        X = np.array([row, [1, 2]])
        found = units.rows(X)
        expected = expected if units is UNITS else [0.0, 0.0]
        np.testing.assert_allclose(found[0], expected)
        assert_same(units.rows(library.of(X)), found, library, np.float64)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_answers_in_units(dtype, library):
    y = np.array([[[3], [1]]], dtype=dtype)
    assert_same(UNITS.answers(library.of(y)), np.array([[[1.0], [0.0]]]), library, np.float64)
    np.testing.assert_array_equal(UNITS.answers(y), [[[1.0], [0.0]]])


@every_output
def test_windows_far_longer_than_the_noise_is_wide(q, library):
    """Along both sides of a square, with tangents that are alike, in float32."""
    space, rng = latent_space("square", 4, 1), np.random.RandomState(0)
    answers = 1e5 * (space.features @ np.ones((2, q)) + 1e-3 * rng.normal(size=(16, q)))
    answers, scales = answers[None, None].astype(np.float32), np.ones((1, q), np.float32)
    windows = Windows(space, library.of(answers), library.of(scales))
    energies = library.numpy(windows.energies(library.of(answers[:, :, :1])))
    exact = Windows(space, answers.astype(np.float64), np.ones((1, q)))
    assert np.isfinite(energies).all()
    np.testing.assert_allclose(
        energies[..., 0], exact.energies(answers[:, :, :1].astype(np.float64))[..., 0], rtol=0.5
    )


@every_dtype
@every_output
@pytest.mark.parametrize("number", range(len(Pool.examples)))
def test_wrong_answers(number, q, dtype, library):
    """The same as NumPy's for the same seed; one stands on the right answer, and is moved."""
    pool = Pool(**Pool.examples[number])
    right = np.random.RandomState(0).normal(size=(2, 3, 1, q)).astype(dtype)
    given = library.of(right)
    found = pool.after(given, np.random.default_rng(0))
    assert_same(found, pool.after(right, np.random.default_rng(0)), library, dtype)
    np.testing.assert_array_equal(library.numpy(given), right)
