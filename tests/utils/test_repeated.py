"""Rows that are equal are found, in whatever form they are stored."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_ebm._utils import arrays as _arrays
from sklearn_ebm._utils.repeated import groups_of_equal_rows

ROWS = np.array([[1.0, 0.0, 3.0], [0.0, 0.0, 0.0], [1.0, 0.0, 3.0], [3.0, 0.0, 1.0], [0.0] * 3])
GROUPS = [0, 1, 0, 2, 1]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, bool])
@pytest.mark.parametrize("form", [np.array, np.asfortranarray, sparse.csr_array, sparse.csr_matrix])
def test_equal_rows_have_one_number(form, dtype):
    X = form(ROWS.astype(dtype))
    expected = [0, 1, 0, 0, 1] if dtype is bool else GROUPS
    assert groups_of_equal_rows(X).tolist() == expected


def test_the_sign_of_zero_and_read_only_rows():
    X = np.where(np.arange(5)[:, None] == 2, 1.0, -1.0) * ROWS
    X[2], X[0] = [1.0, -0.0, 3.0], [1.0, 0.0, 3.0]
    X.flags.writeable = False
    assert np.signbit(X[1]).all()
    X = X[::-1][::-1]  # a view
    assert groups_of_equal_rows(np.where(X == -3, 3, X)).tolist() == GROUPS
    assert groups_of_equal_rows(-X[[1, 4]]).tolist() == [0, 0]


def test_neighbours_of_a_number_are_not_equal():
    X = np.array([[1.0], [np.nextafter(1.0, 2.0)], [1.0]])
    assert groups_of_equal_rows(X).tolist() == [0, 1, 0]


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csr_matrix])
def test_sparse_rows_in_any_order_with_duplicates_and_stored_zeros(container):
    """(1, 0, 3) in order; backwards; with 3 as 1 + 2; with a stored zero; and (3, 0, 1)."""
    data = np.array([1.0, 3.0, 3.0, 1.0, 1.0, 1.0, 2.0, 1.0, -0.0, 3.0, 3.0, 1.0])
    indices = np.array([0, 2, 2, 0, 0, 2, 2, 0, 1, 2, 0, 2])
    X = container((data, indices, [0, 2, 4, 7, 10, 12]), shape=(5, 3))
    X.data.flags.writeable = X.indices.flags.writeable = False
    assert groups_of_equal_rows(X).tolist() == [0, 0, 0, 0, 1]
    np.testing.assert_array_equal(X.data, data)
    np.testing.assert_array_equal(X.indices, indices)


@pytest.mark.parametrize("as_sparse", [False, True])
def test_groups_do_not_depend_on_blocks(monkeypatch, as_sparse):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, (400, 3)).astype(float)
    groups = groups_of_equal_rows(sparse.csr_array(X) if as_sparse else X)
    same = (X[:, None] == X[None]).all(axis=2)
    np.testing.assert_array_equal(groups[:, None] == groups[None], same)
    first = np.unique(groups, return_index=True)[1]
    assert (np.diff(first) > 0).all()  # numbered by their first rows
    monkeypatch.setattr(_arrays, "FEWEST_ROWS", 1)
    monkeypatch.setattr(_arrays, "BLOCK_ENTRIES", 7)
    np.testing.assert_array_equal(groups_of_equal_rows(X), groups)
