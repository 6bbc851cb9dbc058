"""Moments of columns for any numbers, masks that remember, rows without a copy."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_ebm._utils import arrays as _arrays
from sklearn_ebm._utils.arrays import (
    AnswerMask,
    column_moments,
    column_range,
    correct_mask,
    right_index,
    scaled_rows,
    take_rows,
)

CONTAINERS = [np.asarray, sparse.csr_matrix, sparse.csr_array]


# Moments of columns ------------------------------------------------------------------------------


def test_moments_by_hand():
    X, weight = np.array([[1.0, 5.0], [3.0, 5.0], [7.0, 9.0]]), np.array([1.0, 2.0, 1.0])
    mean, deviation = column_moments(X, weight, centred=True)
    np.testing.assert_allclose(mean, [3.5, 6.0])
    # (6.25 + 2·0.25 + 12.25)/4 = 4.75 and (1 + 2·1 + 9)/4 = 3
    np.testing.assert_allclose(deviation, np.sqrt([4.75, 3.0]))


@pytest.mark.parametrize("kind", CONTAINERS)
def test_moments_that_are_not_centred_are_root_mean_squares(kind):
    X, weight = np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0]]), np.array([1.0, 2.0, 1.0])
    mean, deviation = column_moments(kind(X), weight, centred=False)
    assert not mean.any()
    np.testing.assert_allclose(deviation, np.sqrt([19 / 4, 1.0]))  # (1 + 2·9)/4 and 4/4


@pytest.mark.parametrize("unit", [1e-300, 1e-9, 1.0, 1e300])
def test_moments_do_not_depend_on_the_unit_of_the_weights(unit):
    rng = np.random.RandomState(0)
    X, weight = rng.normal(size=(30, 4)), rng.uniform(0.5, 2, size=30)
    expected = column_moments(X, weight, centred=True)
    for found, wanted in zip(column_moments(X, weight * unit, centred=True), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_weights_count_as_repeated_rows():
    rng = np.random.RandomState(0)
    X, times = rng.normal(size=(30, 4)), rng.randint(1, 5, size=30)
    weighted = column_moments(X, times.astype(float), centred=True)
    repeated = np.repeat(X, times, axis=0)
    np.testing.assert_allclose(weighted[0], repeated.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(weighted[1], repeated.std(axis=0), rtol=1e-12)


@pytest.mark.parametrize("offset", [1e8, -1e8])
def test_a_large_offset_does_not_hide_the_deviation(offset):
    X = np.random.RandomState(0).normal(size=(500, 2))
    mean, deviation = column_moments(X + offset, np.ones(500), centred=True)
    np.testing.assert_allclose(mean, (X + offset).mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(deviation, X.std(axis=0), rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 3), (100, 3), (257, 2), (40, 300), (5, 0)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("order", ["C", "F"])
def test_narrow_rows_are_scaled_as_wide_ones_are(shape, dtype, order):
    rng = np.random.RandomState(0)
    X = np.asarray(rng.normal(size=shape), dtype=dtype, order=order)
    origin, scale = rng.normal(size=(2, shape[1]))
    for rows in (X, X[::2]):
        expected = (rows.astype(float) - origin) * scale
        np.testing.assert_allclose(scaled_rows(rows, origin, scale), expected, rtol=1e-12)


@pytest.mark.parametrize("kind", CONTAINERS)
@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e-150, 1e150, 1e200, 1e300])
def test_moments_at_the_ends_of_the_floats(scale, centred, kind):
    if centred and kind is not np.asarray:
        pytest.skip("sparse columns are never centred")
    X = np.random.RandomState(0).normal(size=(40, 3))
    mean, deviation = column_moments(kind(X * scale), np.ones(40), centred=centred)
    expected = X.std(axis=0) if centred else np.sqrt(np.square(X).mean(axis=0))
    assert np.isfinite(mean).all() and np.isfinite(deviation).all()
    # Columns of size one, or nearly: in the rescue from overflow a centre may be given up.
    assert (deviation / scale > 0.5 * expected).all()
    assert (deviation / scale < 2 * expected).all()


@pytest.mark.parametrize("n_rows", [3, 64, 100, 30_000])
@pytest.mark.parametrize("value", [0.0, 0.1, -1 / 3, 1e8 + 0.1, 1e-9, 1e200])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_constant_column_is_zero_and_leaves_others_alone(n_rows, value, weighted):
    """Its mean is rounded, so its standard deviations are not zero; none may be taken for a
    signal."""
    weight = np.random.RandomState(0).uniform(0.1, 3, n_rows) if weighted else np.ones(n_rows)
    X = np.c_[np.full(n_rows, value), 1e3 + np.linspace(0, 1, n_rows)]
    mean, deviation = column_moments(X, weight, centred=True)
    standardised = (X - mean) / deviation
    assert np.abs(standardised[:, 0]).max() < 1e-6
    np.testing.assert_allclose(weight @ standardised[:, 1] ** 2, weight.sum(), rtol=1e-6)


def test_a_column_that_hardly_varies_is_not_constant():
    X = 1.0 + 1e-9 * np.array([[-1.0], [1.0]])
    np.testing.assert_allclose(column_moments(X, np.ones(2), centred=True)[1], 1e-9, rtol=1e-5)


@pytest.mark.parametrize("kind", CONTAINERS)
def test_moments_of_empty_columns(kind):
    mean, deviation = column_moments(kind(np.zeros((4, 2))), np.ones(4), centred=False)
    assert mean.tolist() == [0, 0] and not (0 / deviation).any()


@pytest.mark.parametrize("kind", CONTAINERS)
def test_moments_of_blocks_are_those_of_the_whole(kind, monkeypatch):
    rng = np.random.RandomState(0)
    X, weight = 3 + rng.normal(size=(50, 3)), rng.uniform(size=50)
    centred = kind is np.asarray
    expected = column_moments(kind(X), weight, centred=centred)
    monkeypatch.setattr(_arrays, "MOST_ROWS", 7)
    monkeypatch.setattr(_arrays, "FEWEST_ROWS", 1)
    found = column_moments(kind(X), weight, centred=centred)
    for part, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(part, wanted, rtol=1e-12)


@pytest.mark.parametrize("kind", CONTAINERS)
def test_moments_of_float32_are_sums_in_float64(kind):
    X = (1e3 + np.random.RandomState(0).normal(size=(5000, 2))).astype(np.float32)
    centred = kind is np.asarray
    mean, deviation = column_moments(kind(X), np.ones(5000), centred=centred)
    wide = X.astype(np.float64)
    expected = wide.std(axis=0) if centred else np.sqrt(np.square(wide).mean(axis=0))
    assert mean.dtype == deviation.dtype == np.float64
    np.testing.assert_allclose(deviation, expected, rtol=1e-4)


@pytest.mark.parametrize("kind", CONTAINERS)
def test_column_range(kind):
    X = np.array([[0.0, -3.0, 0.0], [2.0, 1.0, 0.0]])
    least, most = column_range(kind(X))
    assert (least.tolist(), most.tolist()) == ([0, -3, 0], [2, 1, 0])


# Masks and rows ----------------------------------------------------------------------------------


def test_a_mask_remembers_its_right_answers():
    y = np.array([2, 0, 1, 1])
    mask = correct_mask(y, 3)
    assert isinstance(mask, AnswerMask) and mask.index is not None
    assert right_index(mask) is mask.index
    np.testing.assert_array_equal(mask.index, [[0, 1, 2, 3], y])
    for found, expected in zip(right_index(np.asarray(mask)), mask.index, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_parts_of_a_mask_do_not_inherit_its_index():
    """A part with the index of the whole would point at the wrong rows."""
    mask = correct_mask(np.array([2, 0, 1, 1]), 3)
    for part in (mask[1:], mask[[3, 0]], mask.copy(), ~mask, mask & mask, mask.view(AnswerMask)):
        assert getattr(part, "index", None) is None
    rows, answers = right_index(mask[[3, 0]])
    assert rows.tolist() == [0, 1] and answers.tolist() == [1, 2]


@pytest.mark.parametrize("kind", CONTAINERS)
@pytest.mark.parametrize("part", [slice(0, 5), slice(2, 4), slice(3, 99), slice(2, 2)])
def test_rows_are_taken_without_a_copy(kind, part):
    X = kind(np.arange(15.0).reshape(5, 3) * (np.arange(5) != 3)[:, None])
    found = take_rows(X, part)
    assert type(found) is type(X) and found.shape == X[part].shape
    dense = found.toarray() if sparse.issparse(found) else found
    expected = X[part].toarray() if sparse.issparse(X) else X[part]
    np.testing.assert_array_equal(dense, expected)
    if dense.any():
        assert np.shares_memory(getattr(found, "data", found), getattr(X, "data", X))


def test_empty_columns_take_no_pass_of_their_own(monkeypatch):
    """Hashed text has many columns without an entry."""
    X = sparse.random(200, 5000, density=1e-3, format="csr", random_state=0)
    monkeypatch.setattr(_arrays, "_dense_column", None)
    _, deviation = column_moments(X, np.ones(200), centred=False)
    np.testing.assert_array_equal(np.isinf(deviation), np.diff(X.tocsc().indptr) == 0)
