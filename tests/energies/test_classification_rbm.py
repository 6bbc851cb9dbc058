"""The restricted Boltzmann machine of classes: sums over all codes, and what it learns."""

import itertools

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit, logsumexp

from sklearn_ebm import EBMClassifier
from sklearn_ebm._utils.array_api import numpy_namespace
from sklearn_ebm._utils.array_ops import logistic, softplus_sums
from sklearn_ebm.energies import RBM

RNG = np.random.RandomState(0)
X = RNG.normal(size=(6, 4))
PARAMS = {
    "hidden_weight": RNG.normal(size=(4, 5)),
    "class_weight": RNG.normal(size=(3, 5)),
    "hidden_bias": RNG.normal(size=5),
    "class_bias": RNG.normal(size=3),
}


def energies_of_all_codes(X, h):
    """G(x, y, h) of all classes (n, 3), by the definition."""
    of_classes = PARAMS["class_bias"] + PARAMS["class_weight"] @ h
    return -((PARAMS["hidden_bias"] + X @ PARAMS["hidden_weight"]) @ h)[:, None] - of_classes


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csr_array])
def test_the_free_energy_is_a_sum_over_all_codes(kind):
    codes = np.array(list(itertools.product((0.0, 1.0), repeat=5)))
    every = [energies_of_all_codes(X, h) for h in codes]
    found = RBM(5).linearize(PARAMS, kind(X)).energies
    np.testing.assert_allclose(found, -logsumexp(-np.array(every), axis=0), rtol=1e-12)


def test_inputs_far_away_give_finite_energies():
    for dtype, far in ((np.float32, 1e30), (np.float64, 1e200)):
        rows = (far * X).astype(dtype)
        params = {name: value.astype(dtype) for name, value in PARAMS.items()}
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            line = RBM(5).linearize(params, rows)
            gradient = line.pullback(np.ones((6, 3), dtype=dtype))
        assert np.isfinite(line.energies).all() and line.energies.dtype == dtype
        assert all(np.isfinite(value).all() for value in gradient.values())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [1, 63, 64, 65, 300])
def test_sums_of_softplus(dtype, width):
    z = (30 * np.random.RandomState(width).normal(size=(7, width))).astype(dtype)
    before = z.copy()
    expected = np.logaddexp(0, z.astype(np.float64)).sum(axis=1)
    error = width * (1e-6 if dtype == np.float32 else 1e-14)
    np.testing.assert_allclose(softplus_sums(numpy_namespace, z), expected, rtol=1e-5, atol=error)
    np.testing.assert_array_equal(z, before)
    small = np.full((1, width), -30.0)
    found = softplus_sums(numpy_namespace, small)
    np.testing.assert_allclose(found, width * np.exp(-30.0), atol=width * 1e-15)
    np.testing.assert_allclose(logistic(numpy_namespace, z), expit(before), atol=1e-6)


def test_exclusive_or_is_learned():
    """No linear energy can separate the classes."""
    rows = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]] * 25)
    y = (rows.sum(axis=1) == 1).astype(int)
    model = EBMClassifier(RBM(20), C=1e3, random_state=0)
    assert model.fit(rows, y).score(rows, y) == 1.0
    one_off = np.r_[np.ones(25), np.full(75, 0.5)]  # without the symmetry, which is a collapse
    assert EBMClassifier("linear").fit(rows, y, one_off).score(rows, y) < 0.8


def test_the_first_energies_are_near_zero():
    from sklearn_ebm._utils.rows import Rows

    rows = Rows(X, np.zeros(6, dtype=int), np.ones(6))
    start = RBM(200).start(rows, 3, np.random.RandomState(0))
    assert np.abs(RBM(200).linearize(start, X).energies).max() < 6
    assert start["class_bias"] == pytest.approx(-200 * np.log(2))
    assert not start["hidden_bias"].any()


@pytest.mark.parametrize("value", [0, -1, 2.5, True, "many"])
def test_sizes_are_refused(value):
    with pytest.raises(ValueError, match=rf"n_components={value!r} of RBM must be a whole number"):
        EBMClassifier(RBM(value)).fit(X, [0, 1, 2, 0, 1, 2])
