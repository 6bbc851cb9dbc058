"""Losses and inference on arrays of other libraries: NumPy's numbers, in arrays of their kind."""

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_ebm._utils.array_api import namespace_of, numpy_namespace
from sklearn_ebm._utils.arrays import correct_mask
from sklearn_ebm.checks.base import ANSWERS, random_energies
from sklearn_ebm.checks.losses import allowed
from sklearn_ebm.inference import INFERENCES, SoftMinimum
from sklearn_ebm.losses import LOSSES, Hinge, PairwiseLoss
from sklearn_ebm.losses._positive_part import positive_part, positive_part_curvature

strict = pytest.importorskip("array_api_strict")

DTYPES = ("float64", "float32")
TEMPERATURES = (0.0, 0.5, 0.01)


class Strict:
    """Arrays that do what the standard says and no more, on a device that is not the usual one."""

    xp = strict
    device = strict.Device("device1")

    def given(self, array):
        return self.xp.asarray(np.array(array), device=self.device)

    def back(self, array, dtype):
        assert isinstance(array, type(self.given([0.0])))
        assert array.dtype == getattr(self.xp, dtype)
        assert array.device == self.device
        return np.asarray(self.xp.asarray(array, device=strict.Device("CPU_DEVICE")))


class Torch(Strict):
    """Tensors."""

    def __init__(self):
        self.xp = pytest.importorskip("torch")
        self.device = self.xp.device("cpu")

    def back(self, array, dtype):
        assert isinstance(array, self.xp.Tensor)
        assert array.dtype == getattr(self.xp, dtype)
        return array.numpy()


@pytest.fixture(params=[Strict, Torch], ids=["strict", "torch"])
def library(request):
    with strict.ArrayAPIStrictFlags(boolean_indexing=False, data_dependent_shapes=False):
        yield request.param()


def losses():
    """Every loss at every example, and with margins of their own for pairs of classes."""
    for name, loss in LOSSES.items():
        for example in loss.examples:
            settings = ", ".join(f"{key}={value}" for key, value in example.items())
            yield pytest.param(loss(**example), id=f"{name}({settings})")
        if "margin" in loss().get_params():
            for contrast in ("hardest", "all"):
                loss_of_pairs = loss(margin="one for each pair", contrast=contrast)
                yield pytest.param(loss_of_pairs, id=f"{name}(pairs, {contrast})")


def cases(loss, dtype):
    """The loss for so many answers, hard and smoothed; energies, with ties, and the mask."""
    rng = np.random.RandomState(0)
    of_pairs = isinstance(loss.get_params().get("margin"), str)
    for n_answers in ANSWERS:
        if of_pairs:
            loss = clone(loss).set_params(margin=rng.rand(n_answers, n_answers))
        energies = allowed(loss, random_energies(n_answers))
        energies[::3] = np.round(energies[::3])
        correct = correct_mask(rng.randint(n_answers, size=len(energies)), n_answers)
        for temperature in TEMPERATURES:
            used = loss.smoothed(temperature) if temperature else loss
            yield used, energies.astype(dtype), correct


def assert_same(found, expected, dtype):
    """Equal but for rounding, which is of the size of the largest number of a row."""
    unit = np.finfo(dtype).eps
    assert found.shape == expected.shape
    size = np.abs(expected).reshape(len(expected), -1).max(axis=1, initial=1.0)
    apart = np.abs(found - expected).reshape(len(expected), -1).max(axis=1)
    assert (apart <= 100 * unit * size).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", losses())
def test_value_and_slope(loss, dtype, library):
    for used, energies, correct in cases(loss, dtype):
        given = library.given(energies), library.given(correct)
        for found, expected in zip(used(*given), used(energies, correct), strict=True):
            assert_same(library.back(found, dtype), expected, dtype)
        for array, before in zip(given, (energies, correct), strict=True):
            np.testing.assert_array_equal(library.back(array, before.dtype.name), before)


@pytest.mark.parametrize(("dtype", "largest"), [("float64", 1e300), ("float32", 1e30)])
@pytest.mark.parametrize("name", LOSSES)
def test_energies_of_any_size(name, dtype, largest, library):
    sizes = np.array([-largest, -1.0, 0.0, 1.0, largest])
    energies = np.array(np.meshgrid(sizes, sizes, sizes)).reshape(3, -1).T.astype(dtype)
    correct = correct_mask(np.arange(len(energies)) % 3, 3)
    for example in LOSSES[name].examples:
        loss = LOSSES[name](**example)
        allowed_energies = allowed(loss, energies)
        for used in (loss, loss.smoothed(1e-3)):
            with np.errstate(all="ignore"):
                found = used(library.given(allowed_energies), library.given(correct))
                expected = used(allowed_energies, correct)
            for mine, other in zip(found, expected, strict=True):
                rounding = {"rtol": 1e3 * np.finfo(dtype).eps, "atol": np.finfo(dtype).tiny}
                np.testing.assert_allclose(library.back(mine, dtype), other, **rounding)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", losses())
def test_conjugate(loss, dtype, library):
    for used, energies, correct in cases(loss, dtype):
        if used.conjugate is not None:
            slope = used(energies, correct)[1]
            found = used.conjugate(library.given(slope), library.given(correct))
            expected = used.conjugate(slope, correct)
            assert_same(library.back(found, dtype), expected, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", losses())
def test_curvature(loss, dtype, library):
    for used, energies, correct in cases(loss, dtype):
        if used.curvature is None:
            continue
        found = used.curvature(library.given(energies), library.given(correct))
        expected = used.curvature(energies, correct)
        assert_same(library.back(found.diagonal, dtype), expected.diagonal, dtype)
        assert len(found.outer) == len(expected.outer)
        for (factor, vector), (other_factor, other) in zip(
            found.outer, expected.outer, strict=True
        ):
            assert factor == other_factor
            assert_same(library.back(vector, dtype), other, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("beta", [1.0, 3.0, 1e3])
@pytest.mark.parametrize("name", INFERENCES)
def test_inference(name, beta, dtype, library):
    inference = INFERENCES[name]()
    if "beta" in inference.get_params():
        inference.set_params(beta=beta)
    rng = np.random.RandomState(0)
    for shape in ((5,), (2,), (50, 2), (50, 3), (20, 4, 2), (20, 3, 5)):
        energies = np.round(3 * rng.normal(size=shape), 1).astype(dtype)
        energies[..., 0][rng.rand(*shape[:-1]) < 0.3] = np.inf
        found, expected = inference(library.given(energies)), inference(energies)
        for mine, other in zip(found, expected, strict=True):
            mine = library.back(mine, dtype)
            assert mine.shape == np.shape(other)
            np.testing.assert_allclose(mine, other, rtol=0, atol=100 * np.finfo(dtype).eps)
        for kept in (mine, other):  # what is not available has no weight at all
            assert (kept[energies == np.inf] == 0).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_weights_alone(dtype, library):
    energies = random_energies(4).astype(dtype)
    for beta in (1.0, 3.0):
        found = library.back(SoftMinimum(beta).weights(library.given(energies)), dtype)
        assert_same(found, SoftMinimum(beta).weights(energies), dtype)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_positive_part(temperature, library):
    for numbers in (np.array([-1e30, -2.0, 0.0, 0.5, 1e30]), np.array(-0.5)):
        given = library.given(numbers)
        found = *positive_part(given, temperature), positive_part_curvature(given, temperature)
        expected = (
            *positive_part(numbers, temperature),
            positive_part_curvature(numbers, temperature),
        )
        for mine, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(library.back(mine, "float64"), other, rtol=1e-14)


def test_numbers_and_none_are_of_any_library():
    array = strict.asarray([1.0])
    assert namespace_of() is namespace_of(None, 1, 1.0, np.float64(1.0)) is numpy_namespace
    assert namespace_of(np.ones(2), 1.0, None) is numpy_namespace
    assert namespace_of(array, None, 2, 1.0) is namespace_of(1.0, array) is strict
    value, slope = positive_part(np.float64(0.0), temperature=2.0)
    np.testing.assert_allclose([value, slope], [2 * np.log(2), 0.5])


@pytest.mark.parametrize("name", LOSSES)
def test_two_libraries_at_once_are_refused(name, library):
    energies, correct = np.ones((1, 2)), np.array([[True, False]])
    loss = LOSSES[name]()
    for given in (
        (library.given(energies), correct),
        (energies, library.given(correct)),
        (library.given(energies), correct.view(type(correct_mask(np.array([0]), 2)))),
    ):
        with pytest.raises(TypeError, match=r"of one library.*numpy"):
            loss(*given)


def test_what_is_no_array_is_refused():
    with pytest.raises(TypeError, match=r"of one library.*these are of builtins"):
        SoftMinimum()([[1.0, 2.0]])


def test_a_loss_of_numpy_alone_stays_allowed():
    """One may write a loss with NumPy's functions: learning asks for no more."""

    class Squared(PairwiseLoss):
        def pair(self, right, offending, temperature):
            violation = np.maximum(right - offending, 0)
            return violation**2, 2 * violation, -2 * violation

    energies, correct = np.array([[2.0, 1.0]]), np.array([[True, False]])
    np.testing.assert_array_equal(Squared()(energies, correct)[1], [[2, -2]])


def test_margins_of_pairs_are_in_the_dtype_and_on_the_device(library):
    loss = Hinge(margin=[[0, 2], [3, 0]])
    value, _ = loss(
        library.given(np.zeros((2, 2), dtype=np.float32)), library.given(np.eye(2, dtype=bool))
    )
    np.testing.assert_array_equal(library.back(value, "float32"), [2, 3])
