"""Energies on arrays of another library: what NumPy gives, in the dtype and on the device of X."""

from functools import cache
from importlib.util import find_spec

import array_api_strict
import numpy as np
import pytest
from scipy import sparse
from scipy.special import ndtr
from sklearn.base import BaseEstimator

from sklearn_ebm.checks.energies import energy_cases
from sklearn_ebm.energies import ENERGIES, MLP, Featured, Kernel, Linear
from sklearn_ebm.energies.antisymmetric import Antisymmetric
from sklearn_ebm.energies.standardized import Standardized
from sklearn_ebm.energies.steps import normal_share

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
    assert_same(line.energies, expected.energies, library, dtype)
    slope = random_like(expected.energies, 1, X.dtype)
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
    if energy.difference is not None and line.energies.shape[1] == 2:
        apart = energy.difference(theirs, rows)
        assert_same(apart, energy.difference(params, X), library, dtype)
    for name, value in params.items():
        np.testing.assert_array_equal(library.numpy(theirs[name]), value)
    np.testing.assert_array_equal(library.numpy(rows), X)
    np.testing.assert_array_equal(library.numpy(pull), slope)


@every_dtype
@every_count
@every_energy
def test_what_numpy_gives(name, number, n_answers, dtype, library):
    energy, X, params = case(name, number, n_answers)
    params, X = of_dtype(params, dtype), X.astype(dtype)
    compare(energy, params, X, library, dtype)
    # As one step of learning sees it, which leaves out the same units.
    compare(energy.training(np.random.RandomState(0)), params, X, library, dtype)


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
    latent = energy.latent_energies(theirs, rows)
    assert_same(latent, energy.latent_energies(params, X), library, dtype)


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
    energy = energy.prepared(kind(X), np.arange(30) % 2, weight, 2, rng)
    for n_rows in (0, 3, 20_000):
        rows = rng.normal(size=(n_rows, 4)).astype(dtype)
        found = energy.transformed(library.of(rows))
        expected = energy.transformed(rows) if n_rows else np.empty((0, 20), dtype)
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
    """With a mean of 1e12 deviations, it is taken off the rows themselves."""
    rng = np.random.RandomState(0)
    X = (mean + rng.normal(size=(20, 3))).astype(dtype)
    mean = np.full(3, mean if fit_intercept else 0.0)
    energy = Standardized(mean, np.array([1.0, 2.0, np.inf]), fit_intercept)
    for made, k in ((energy, 3), (energy, 2), (Antisymmetric(energy), 1)):
        shape = energy.shapes(3, k)["coef"]
        for wide in (True, False):
            params = {"coef": rng.normal(size=shape).astype(np.float64 if wide else dtype)}
            compare(made, params, X, library, dtype)
        assert_same(made.features(library.of(X)), made.features(X), library, dtype)


# Functions of one number --------------------------------------------------------------------------

Z = np.concatenate([np.linspace(-37, 37, 2001), np.linspace(-3, 3, 1001), [1e-300, -1e10, 1e10]])


@every_dtype
def test_the_normal_distribution_function(dtype, library):
    """Relative to the value itself, as far as e^{−z²/2} allows; without underflow to a warning."""
    found = library.numpy(normal_share(library.xp, library.of(Z.astype(dtype))))
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
    energy = MLP((50,), dropout=0.5).training(np.random.RandomState(0))
    params = energy.start(np.zeros((1, 3)), None, None, 2, np.random.RandomState(1))
    X = np.random.RandomState(2).normal(size=(9, 3))
    compare(energy, params, X, library, np.float64)
