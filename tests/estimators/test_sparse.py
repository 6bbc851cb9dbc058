"""Sparse rows in every form mean the matrix that `toarray` gives, and are never changed."""

import copy

import numpy as np
import pytest
from scipy import sparse

from sklearn_ebm import EBMClassifier, EBMClassifierCV
from sklearn_ebm._utils.arrays import canonical_rows
from sklearn_ebm.compare.tables import make_table
from sklearn_ebm.energies import ENERGIES, Featured, Linear, Prototypes
from sklearn_ebm.energies.featured import transformed
from sklearn_ebm.inspection._plane import plane_of

CLASSIFIER_ENERGIES = ("linear", "kernel", "mlp", "prototypes", Prototypes(metric="full"))
LABELS = np.arange(60) % 3


def counts() -> np.ndarray:
    """Rows of counts, as whole numbers, in which the class shows."""
    rng = np.random.RandomState(0)
    return rng.poisson(0.4 + 1.5 * (np.arange(9) // 3 == LABELS[:, None]))


DENSE = counts().astype(np.float64)


def with_duplicates(
    dense: np.ndarray, kind: type = sparse.csr_matrix, dtype: type = np.float64
) -> sparse.csr_matrix:
    """One entry for each count, in no order of columns, as SciPy's manual counts words."""
    rng = np.random.RandomState(1)
    indices = [rng.permutation(np.repeat(np.arange(len(row)), row.astype(int))) for row in dense]
    indptr = np.concatenate([[0], np.cumsum([len(part) for part in indices])])
    joined = np.concatenate(indices)
    X = kind((np.ones(len(joined), dtype), joined, indptr), shape=dense.shape)
    assert X.nnz == dense.sum()
    return X


def unsorted_and_read_only(dense: np.ndarray) -> sparse.csr_matrix:
    """Entries of each row from right to left, in memory that cannot be written to."""
    X = sparse.csr_matrix(dense)
    turned = np.concatenate(
        [np.arange(b - 1, a - 1, -1) for a, b in zip(X.indptr, X.indptr[1:], strict=False)]
    )
    X = sparse.csr_matrix((X.data[turned], X.indices[turned], X.indptr), shape=dense.shape)
    for part in (X.data, X.indices, X.indptr):
        part.flags.writeable = False
    return X


def wide_indices(dense: np.ndarray) -> sparse.coo_array:
    """Coordinates of 64 bits, as NumPy finds them."""
    row, col = np.nonzero(dense)
    return sparse.coo_array((dense[row, col], (row, col)), shape=dense.shape)


def wide_csr(dense: np.ndarray) -> sparse.csr_array:
    """CSR with indices of 64 bits."""
    X = sparse.csr_array(dense)
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


def with_zeros(dense: np.ndarray) -> sparse.csr_array:
    """Every entry is stored."""
    X = sparse.csr_array(dense + 1)
    X.data -= 1
    return X


FORMS = {
    "duplicates": with_duplicates,
    "duplicates in an array": lambda dense: with_duplicates(dense, sparse.csr_array),
    "duplicates in CSC": lambda dense: with_duplicates(dense.T).T,
    "duplicates in float32": lambda dense: with_duplicates(dense, dtype=np.float32),
    "duplicates in COO": lambda dense: with_duplicates(dense).tocoo(),
    "unsorted and read-only": unsorted_and_read_only,
    "coordinates of 64 bits": wide_indices,
    "indices of 64 bits": wide_csr,
    "BSR": sparse.bsr_array,
    "DOK": sparse.dok_array,
    "LIL": sparse.lil_matrix,
    "DIA": sparse.dia_matrix,
    "whole numbers": lambda dense: sparse.csr_matrix(dense.astype(np.int32)),
    "explicit zeros": with_zeros,
}


def fitted(energy, X, **rows):
    return EBMClassifier(energy, max_iter=20, tol=1e-2, random_state=0).fit(X, LABELS, **rows)


@pytest.fixture(scope="module")
def dense_fits():
    """Each energy, and what it says of the rows, learned from the canonical matrix."""
    X = sparse.csr_matrix(DENSE)
    return {str(energy): fitted(energy, X) for energy in CLASSIFIER_ENERGIES}


def test_all_energies_are_tried():
    """Those that learn classes from rows as they are."""
    assert {name for name in CLASSIFIER_ENERGIES if isinstance(name, str)} <= set(ENERGIES)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::scipy.sparse.SparseEfficiencyWarning")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("energy", CLASSIFIER_ENERGIES, ids=str)
def test_form_means_the_matrix(energy, form, dense_fits):
    """Learning, answers and held-out rows are those of the canonical matrix; X stays as it was."""
    X, known = FORMS[form](DENSE), dense_fits[str(energy)]
    before = copy.deepcopy(vars(X))
    loose = {"rtol": 1e-5, "atol": 1e-5} if X.dtype == np.float32 else {"rtol": 1e-9, "atol": 1e-9}
    np.testing.assert_allclose(known.energies(X), known.energies(DENSE), **loose)
    if energy in ("linear", "prototypes") or form in ("duplicates", "unsorted and read-only"):
        model = fitted(energy, X, X_val=X, y_val=LABELS)
        loose = {"rtol": 0.05, "atol": 0.05} if X.dtype == np.float32 else loose
        np.testing.assert_allclose(model.energies(X), known.energies(DENSE), **loose)
    assert all(equal(before[name], value) for name, value in vars(X).items() if name in before)


@pytest.mark.parametrize("energy", CLASSIFIER_ENERGIES, ids=str)
def test_form_means_the_matrix_in_streams(energy):
    """The first part and those after it."""
    X, plain = with_duplicates(DENSE), sparse.csr_matrix(DENSE)
    one, other = EBMClassifier(energy, random_state=0), EBMClassifier(energy, random_state=0)
    for _ in range(2):
        one.partial_fit(X, LABELS, classes=[0, 1, 2])
        other.partial_fit(plain, LABELS, classes=[0, 1, 2])
    np.testing.assert_allclose(one.energies(X), other.energies(plain), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("form", ["duplicates", "coordinates of 64 bits", "unsorted and read-only"])
def test_form_means_the_matrix_in_a_grid(form):
    """All folds, and the scores."""
    X, plain = FORMS[form](DENSE), sparse.csr_matrix(DENSE)
    one = EBMClassifierCV("kernel", ["nll"], Cs=[1.0], cv=2).fit(X, LABELS)
    other = EBMClassifierCV("kernel", ["nll"], Cs=[1.0], cv=2).fit(plain, LABELS)
    assert one.best_score_ == pytest.approx(other.best_score_, rel=1e-9)
    assert one.score(X, LABELS) == pytest.approx(other.score(plain, LABELS), rel=1e-9)


def test_duplicates_of_booleans_are_one():
    """As in `toarray`: True and True is True. Of whole numbers the sum is one of float64."""
    X = with_duplicates(DENSE, dtype=bool)
    assert X.nnz > np.count_nonzero(DENSE)
    np.testing.assert_allclose(
        fitted("linear", X).energies(X), fitted("linear", X.toarray()).energies(X.toarray()),
        atol=1e-6,
    )  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_canonical_rows_share_what_they_can(dtype):
    """No copy of what is canonical; one of what is not."""
    X = sparse.csr_array(DENSE.astype(dtype))
    assert np.shares_memory(canonical_rows(X).data, X.data)
    wide = wide_csr(DENSE.astype(dtype))
    rows = canonical_rows(wide)
    assert np.shares_memory(rows.data, wide.data)
    assert rows.indices.dtype == rows.indptr.dtype == np.int32 and wide.indices.dtype == np.int64
    doubled = with_duplicates(DENSE, dtype=dtype)
    rows = canonical_rows(doubled)
    assert rows.has_canonical_format and rows.dtype == dtype
    assert rows.nnz == np.count_nonzero(DENSE) < doubled.nnz


def test_what_a_matrix_remembers_is_not_believed():
    """Flags of a matrix go stale when its arrays are written to."""
    X = sparse.csr_matrix(DENSE)
    assert X.has_canonical_format
    first, last = X.indptr[:2]
    for part in (X.data, X.indices):
        part[first:last] = part[first:last][::-1].copy()
    assert canonical_rows(X).has_sorted_indices
    np.testing.assert_array_equal(np.diff(canonical_rows(X).indices[first:last]) > 0, True)


def test_transformer_that_returns_duplicates():
    """Features of a user's transformer are rows like any other."""

    class Recipe:
        def transform(self, X):
            return with_duplicates(X)

        def get_feature_names_out(self):
            return np.arange(DENSE.shape[1])

    energy = Featured(Recipe(), Linear())
    assert transformed(energy.transformer, DENSE).has_canonical_format


def test_displays_and_comparisons():
    """They read rows on their own."""
    X, plain = with_duplicates(DENSE), sparse.csr_matrix(DENSE)
    one, other = (
        plane_of(rows, [0, 1], "mean", [f"x{j}" for j in range(9)]) for rows in (X, plain)
    )
    np.testing.assert_array_equal(one.points, other.points)
    np.testing.assert_allclose(one.origin, other.origin)
    table = make_table(X, LABELS)
    assert table.X.has_canonical_format and (table.X.toarray() == DENSE).all()


def equal(one, other):
    """Whether two parts of a sparse matrix hold the same."""
    if isinstance(one, np.ndarray) and one.dtype != object:
        return one.dtype == other.dtype and np.array_equal(one, other)
    return str(one) == str(other)
