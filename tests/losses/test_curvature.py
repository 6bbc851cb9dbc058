"""Second derivatives as a diagonal and outer products, against the matrices they stand for."""

import numpy as np
import pytest

from sklearn_ebm.losses import LOSSES
from sklearn_ebm.losses.curvature import Curvature


def random_curvature(n_outer, n_rows=5, k=4, dtype=np.float64):
    rng = np.random.RandomState(n_outer)
    vectors = rng.normal(size=(2, n_rows, k)).astype(dtype)
    outer = tuple(zip((1.5, -0.5), vectors, strict=True))[:n_outer]
    return Curvature(rng.normal(size=(n_rows, k)).astype(dtype), outer)


def matrices(bend):
    """One matrix for each row, in plain loops."""
    result = []
    for row in range(len(bend.diagonal)):
        matrix = np.diag(bend.diagonal[row])
        for factor, vector in bend.outer:
            matrix = matrix + factor * np.outer(vector[row], vector[row])
        result.append(matrix)
    return np.array(result)


@pytest.mark.parametrize("n_outer", [0, 1, 2])
def test_every_view_is_that_of_the_matrices(n_outer):
    bend, rng = random_curvature(n_outer), np.random.RandomState(9)
    expected, direction = matrices(bend), rng.normal(size=(5, 4))
    weight = rng.uniform(0.1, 2, size=5)
    before = [bend.diagonal.copy(), *(vector.copy() for _, vector in bend.outer)]
    np.testing.assert_allclose(bend.matrices(), expected, rtol=1e-13)
    product = np.einsum("ijk,ik->ij", expected, direction)
    np.testing.assert_allclose(bend.product(direction), product, rtol=1e-12)
    np.testing.assert_allclose(
        bend.diagonals(), np.diagonal(expected, axis1=1, axis2=2), rtol=1e-12, atol=1e-14
    )
    np.testing.assert_allclose(
        bend.total(weight), np.einsum("i,ijk->jk", weight, expected), rtol=1e-12, atol=1e-14
    )
    after = [bend.diagonal, *(vector for _, vector in bend.outer)]
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)  # nothing was done in place


def test_float32_stays_float32():
    bend = random_curvature(2, dtype=np.float32)
    direction = np.ones((5, 4), dtype=np.float32)
    for found in (bend.product(direction), bend.diagonals(), bend.total(np.ones(5))):
        assert found.dtype == np.float32
    np.testing.assert_allclose(bend.matrices(), matrices(bend), rtol=1e-6, atol=1e-7)


CURVED = [
    (name, contrast)
    for name in LOSSES
    if LOSSES[name]().curvature is not None
    for contrast in (("hardest", "all") if LOSSES.accepts(name, "contrast") else (None,))
]


@pytest.mark.parametrize("temperature", [0.05, 0.5, 3.0])
@pytest.mark.parametrize("name, contrast", CURVED)
def test_the_curvature_of_a_loss_is_that_of_its_slope(name, contrast, temperature):
    loss = LOSSES[name](**({"contrast": contrast} if contrast else {})).smoothed(temperature)
    rng = np.random.RandomState(0)
    energies, correct = rng.normal(size=(6, 4)), np.eye(4, dtype=bool)[[0, 1, 2, 3, 0, 1]]
    if LOSSES[name]().traits.needs_nonnegative:
        energies = np.abs(energies)
    found = loss.curvature(energies, correct).matrices()
    step = 1e-6
    for answer in range(4):
        change = step * np.eye(4)[answer]
        above, below = (loss(energies + s * change, correct)[1] for s in (1, -1))
        numeric = (above - below) / (2 * step)
        np.testing.assert_allclose(
            found[:, :, answer], numeric, rtol=1e-4, atol=1e-5 * np.abs(found).max()
        )
