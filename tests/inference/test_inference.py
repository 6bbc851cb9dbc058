"""Inference: every promise of an elimination, and numbers computed by hand."""

import numpy as np
import pytest

from sklearn_ebm import checks
from sklearn_ebm.checks.base import random_energies
from sklearn_ebm.checks.inference import elimination_cases
from sklearn_ebm.inference import INFERENCES, Minimum, SoftMinimum


@pytest.mark.parametrize(
    "check", checks.inference.ELIMINATION_CHECKS, ids=lambda check: check.__name__
)
@pytest.mark.parametrize("name", INFERENCES)
def test_promises(name, check):
    for case in elimination_cases(INFERENCES[name]()):
        check(INFERENCES[name](), *case)


@pytest.mark.parametrize("beta", [0.1, 2.0, 100.0])
def test_promises_of_the_soft_minimum_at_any_temperature(beta):
    checks.inference.check_elimination(SoftMinimum(beta=beta))


def test_minimum_by_hand():
    free, weights = Minimum()(np.array([[3.0, -1.0, 2.0], [2.0, 1.0, 1.0]]))
    np.testing.assert_array_equal(free, [-1, 1])
    np.testing.assert_array_equal(weights, [[0, 1, 0], [0, 1, 0]])  # the first of two equals


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_soft_minimum_by_hand(dtype):
    """At β = 2, e^{−βE} = 1, 1/2 and 1/4: F = −(1/2) log(7/4)."""
    energies = np.array([[0.0, np.log(2) / 2, np.log(4) / 2]], dtype=dtype)
    free, weights = SoftMinimum(beta=2.0)(energies)
    np.testing.assert_allclose(free, [-np.log(7 / 4) / 2], rtol=1e-6)
    np.testing.assert_allclose(weights, [[4 / 7, 2 / 7, 1 / 7]], rtol=1e-6)


def test_free_energy_lies_below_the_minimum_by_at_most_log_k_over_beta():
    energies = random_energies(7)
    lowest = Minimum()(energies).energies
    for beta in (0.1, 1.0, 10.0, 1e8):
        free = SoftMinimum(beta)(energies).energies
        assert (free <= lowest).all()
        assert (free >= lowest - np.log(7) / beta - 1e-12).all()
    equal = SoftMinimum(2.0)(np.full((1, 7), 3.0)).energies
    np.testing.assert_allclose(equal, [3 - np.log(7) / 2])


@pytest.mark.parametrize("largest", [1e150, 1e300])
def test_energies_of_any_size(largest):
    energies = np.array([[0.0, largest], [-largest, largest], [largest, largest], [0.0, 0.0]])
    for elimination in (Minimum(), SoftMinimum(), SoftMinimum(beta=1e3)):
        free, weights = elimination(energies)
        assert np.isfinite(free).all()
        np.testing.assert_array_equal(weights.sum(axis=1), 1)
    np.testing.assert_array_equal(
        SoftMinimum()(energies).weights, [[1, 0], [1, 0], [0.5] * 2, [0.5] * 2]
    )


@pytest.mark.parametrize("k", [2, 3])
def test_energies_as_large_as_floats_are(k):
    """β times a difference may be no float; that is as good as a value that is not available."""
    energies = np.r_[1.0, [np.finfo(float).max] * (k - 1)]
    free, weights = SoftMinimum(2.0)(energies)
    assert free == 1.0 and weights.tolist() == [1.0] + [0.0] * (k - 1)


@pytest.mark.parametrize("beta", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("shape", [(2,), (3,), (4, 2), (2, 3), (5, 3, 2), (2, 2, 3)])
def test_weights_alone_are_those_beside_the_free_energy(shape, beta):
    energies = np.random.RandomState(0).normal(size=shape)
    weights = SoftMinimum(beta).weights(energies)
    expected = np.exp(-beta * energies)
    expected /= expected.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(weights, expected, rtol=1e-12)
    np.testing.assert_array_equal(weights, SoftMinimum(beta)(energies).weights)


def test_the_temperature_is_one_by_default():
    np.testing.assert_allclose(SoftMinimum()(np.zeros(4)).energies, -np.log(4))
