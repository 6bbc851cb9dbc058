"""The objective, its blocks and weights; parameter vectors; arrays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import approx_fprime

from sklearn_ebm._utils import arrays as _arrays
from sklearn_ebm._utils.arrays import (
    BLOCK_ENTRIES,
    BLOCK_FEATURES,
    FEWEST_ROWS,
    MOST_ROWS,
    column_norms,
    correct_mask,
    row_slices,
)
from sklearn_ebm._utils.parameters import ParameterLayout
from sklearn_ebm.energies import Linear
from sklearn_ebm.losses import LOSSES, NLL, Hinge, SquareSquare
from sklearn_ebm.solvers.hessian import hessian_product, scale_of
from sklearn_ebm.solvers.objective import Objective


def random_point(objective, seed=0):
    return np.random.RandomState(seed).normal(size=objective.layout.size)


def blocks_of_at_most(monkeypatch, n_rows):
    """Blocks of so many rows, the last one perhaps of fewer."""

    def small(total, n_answers, n_features=1, itemsize=8):
        return (slice(a, min(a + n_rows, total)) for a in range(0, total, n_rows))

    monkeypatch.setattr(_arrays, "row_slices", small)


def dense_value(objective, w):
    """f(w) by the formula, row by row, with nothing of the objective but its data."""
    X = objective.X.toarray() if sparse.issparse(objective.X) else objective.X
    k, d = objective.n_answers, X.shape[1]
    coef, intercept = w[: k * d].reshape(k, d), np.zeros(k)
    if objective.energy.fit_intercept:
        intercept = w[k * d :]
    total = 0.0
    for x, answer, weight in zip(X, objective.y, objective.weight, strict=True):
        energies = -(coef @ x) - intercept
        value, _ = objective.loss(energies[None, :], np.arange(k)[None, :] == answer)
        total += weight * value[0]
    return total + 0.5 * objective.penalty.max() * np.sum(coef**2)


@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize(
    "name", [name for name in LOSSES if not LOSSES[name]().traits.needs_nonnegative]
)
def test_value_and_gradient_are_those_of_the_formula(make_objective, name, as_sparse):
    for fit_intercept in (True, False):
        objective = make_objective(
            LOSSES[name](), as_sparse=as_sparse, fit_intercept=fit_intercept, penalty=0.7
        )
        w = random_point(objective)
        value, gradient = objective.evaluate(w)
        np.testing.assert_allclose(value, dense_value(objective, w), rtol=1e-12)
        np.testing.assert_allclose(objective.value(w), value, rtol=1e-12)
        numeric = approx_fprime(w, lambda p, o=objective: dense_value(o, p), 1e-7)
        np.testing.assert_allclose(gradient, numeric, atol=1e-4 * (1 + np.abs(gradient).max()))


def test_nll_by_scipy(make_objective):
    """Weighted multinomial logistic regression, from its textbook formula."""
    from scipy.special import log_softmax, softmax

    objective = make_objective(NLL(), penalty=0.3)
    w = random_point(objective)
    coef, intercept = w[:9].reshape(3, 3), w[9:]
    logits = objective.X @ coef.T + intercept
    picked = log_softmax(logits, axis=1)[np.arange(40), objective.y]
    expected = -objective.weight @ picked + 0.15 * np.sum(coef**2)
    residual = objective.weight[:, None] * (softmax(logits, axis=1) - np.eye(3)[objective.y])
    value, gradient = objective.evaluate(w)
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    np.testing.assert_allclose(gradient[:9].reshape(3, 3), residual.T @ objective.X + 0.3 * coef)
    np.testing.assert_allclose(gradient[9:], residual.sum(axis=0), atol=1e-12)


@pytest.mark.parametrize("as_sparse", [False, True])
def test_blocks_do_not_matter(make_objective, monkeypatch, as_sparse):
    whole = make_objective(as_sparse=as_sparse)
    w, v = random_point(whole), random_point(whole, 1)
    value, gradient = whole.evaluate(w)
    bent = hessian_product(whole, w)(v)
    for size in (1, 7, 39, 40):
        blocks_of_at_most(monkeypatch, size)
        pieces = make_objective(as_sparse=as_sparse)
        assert len(list(pieces.blocks())) == -(-40 // size)
        other, other_gradient = pieces.evaluate(w)
        np.testing.assert_allclose(other, value, rtol=1e-13)
        np.testing.assert_allclose(other_gradient, gradient, rtol=1e-11)
        np.testing.assert_allclose(pieces.value(w), value, rtol=1e-13)
        np.testing.assert_allclose(hessian_product(pieces, w)(v), bent, rtol=1e-11)
        np.testing.assert_allclose(scale_of(pieces), scale_of(whole), rtol=1e-12)


@pytest.mark.parametrize("as_sparse", [False, True])
def test_rows_stacked_twice_are_weight_two(make_objective, as_sparse):
    once = make_objective(Hinge(), as_sparse=as_sparse)
    stack = sparse.vstack if as_sparse else np.vstack
    X, y = once.X, once.y
    X2 = stack([X, X]).tocsr() if as_sparse else stack([X, X])
    twice = Objective(
        once.energy, once.loss, X2, np.r_[y, y], np.r_[once.weight, once.weight], 3, 1.0
    )
    double = Objective(once.energy, once.loss, X, y, 2 * once.weight, 3, 1.0)
    w = random_point(once)
    np.testing.assert_allclose(twice.evaluate(w)[0], double.evaluate(w)[0], rtol=1e-13)
    np.testing.assert_allclose(twice.evaluate(w)[1], double.evaluate(w)[1], rtol=1e-11)
    np.testing.assert_allclose(scale_of(twice), scale_of(double), rtol=1e-12)


@pytest.mark.parametrize("name", [n for n in LOSSES if LOSSES[n]().curvature is not None])
def test_hessian_product_is_the_derivative_of_the_gradient(make_objective, name):
    objective = make_objective(LOSSES[name]().smoothed(0.7))
    w, v = random_point(objective), random_point(objective, 1)
    step = 1e-6
    above, below = objective.evaluate(w + step * v)[1], objective.evaluate(w - step * v)[1]
    expected = (above - below) / (2 * step)
    size = np.abs(expected).max()
    np.testing.assert_allclose(hessian_product(objective, w)(v), expected, atol=1e-6 * size)


def test_with_loss_changes_the_loss_and_nothing_else(make_objective):
    objective = make_objective(NLL())
    w = random_point(objective)
    before = objective.evaluate(w)[0]
    other = objective.with_loss(SquareSquare())
    expected = make_objective(SquareSquare()).evaluate(w)[0]
    assert other.evaluate(w)[0] == expected != before
    assert objective.evaluate(w)[0] == before


def test_scale_by_hand(make_objective):
    """1/√(¼ Σ wᵢ xᵢⱼ² + λ) for coefficients, 1/√(¼ Σ wᵢ) for intercepts, which have no penalty."""
    objective = make_objective(penalty=0.5)
    scale = objective.layout.unpack(scale_of(objective))
    norms = 1 / np.sqrt(0.25 * objective.weight @ objective.X**2 + 0.5)
    np.testing.assert_allclose(scale["coef"], np.tile(norms, (3, 1)))
    np.testing.assert_allclose(scale["intercept"], 2 / np.sqrt(objective.weight.sum()))


def test_scale_of_a_column_of_zeros_without_penalty_is_one():
    X = np.array([[0.0, 1.0], [0.0, -1.0]])
    objective = Objective(Linear(), NLL(), X, np.array([0, 1]), np.ones(2), 2, 0.0)
    np.testing.assert_array_equal(scale_of(objective)[[0, 2]], 1.0)


@pytest.mark.parametrize("name", ["nll", "hinge", "square_square", "square_exp", "mee"])
def test_a_step_too_far_is_a_value_that_is_not_finite_and_no_warning(make_objective, name):
    objective = make_objective(LOSSES[name]())
    w = 1e200 * random_point(objective)
    value, _ = objective.evaluate(w)
    assert not np.isfinite(value)
    assert not np.isfinite(objective.value(w))
    assert np.isfinite(objective.value(1e-200 * w))


def test_float32_rows_are_summed_in_float64(make_objective):
    narrow, wide = make_objective(dtype=np.float32), make_objective()
    w = random_point(wide)
    value, gradient = narrow.evaluate(w)
    assert gradient.dtype == np.float64
    np.testing.assert_allclose(value, wide.evaluate(w)[0], rtol=1e-5)
    np.testing.assert_allclose(gradient, wide.evaluate(w)[1], rtol=1e-4, atol=1e-4)
    assert narrow.noise >= np.finfo(np.float32).eps > 1000 * wide.noise


# Parameters --------------------------------------------------------------------------------------

shapes = st.dictionaries(
    st.text("abc", min_size=1, max_size=3),
    st.lists(st.integers(0, 4), max_size=3).map(tuple),
    max_size=4,
)


@given(shapes)
def test_pack_and_unpack_are_inverse(shapes):
    layout = ParameterLayout(shapes)
    vector = np.arange(float(layout.size))
    params = layout.unpack(vector)
    assert {name: value.shape for name, value in params.items()} == shapes
    assert list(params) == list(shapes)
    np.testing.assert_array_equal(layout.pack(params), vector)
    assert layout.pack(params) is not vector
    assert sum(value.size for value in params.values()) == layout.size


@given(shapes, st.data())
def test_mask_names_the_entries(shapes, data):
    layout = ParameterLayout(shapes)
    names = data.draw(st.sets(st.sampled_from(sorted(shapes))) if shapes else st.just(set()))
    marked = layout.unpack(layout.mask(names).astype(float))
    for name, value in marked.items():
        np.testing.assert_array_equal(value, float(name in names))


def test_unpack_gives_views_that_follow_the_vector():
    layout = ParameterLayout({"coef": (2, 2), "intercept": (2,)})
    vector = np.zeros(6)
    params = layout.unpack(vector)
    vector[5] = 3.0
    assert params["intercept"][1] == 3.0


# Arrays ------------------------------------------------------------------------------------------


@given(st.integers(0, 60_000), st.integers(1, 5000), st.integers(1, 30_000))
def test_row_slices_cover_every_row_once(n_rows, n_answers, n_features):
    slices = list(row_slices(n_rows, n_answers, n_features))
    assert [rows.start for rows in slices] == [0, *(rows.stop for rows in slices[:-1])][
        : len(slices)
    ]
    sizes = [rows.stop - rows.start for rows in slices]
    assert sum(sizes) == n_rows
    assert all(0 < size <= MOST_ROWS for size in sizes)
    assert len(set(sizes[:-1])) <= 1 and sizes[-1:] <= sizes[:1]
    for size in sizes[:-1]:
        assert size * n_answers <= BLOCK_ENTRIES or size <= FEWEST_ROWS
        assert size * n_features <= BLOCK_FEATURES[8] or size <= FEWEST_ROWS


@pytest.mark.parametrize(
    "shape, sizes",
    [
        ((1000, 10), [1000]),
        ((12_000, 10, 5), [6000, 6000]),  # worth a second thread
        ((12_001, 10, 5), [6001, 6000]),
        ((2000, 10, 5), [2000]),  # not worth one
        ((16_385, 1, 1), [8193, 8192]),  # more than the largest block
        ((600, 100_000), [200, 200, 200]),  # at most 256 rows where one has many entries
        ((3000, 2, 4096, 4), [1000, 1000, 1000]),  # 4,194,304 entries in float32 are 1024 rows
    ],
)
def test_row_slices_are_of_equal_size(shape, sizes):
    assert [rows.stop - rows.start for rows in row_slices(*shape)] == sizes


def test_blocks_of_a_sparse_matrix_count_what_is_stored():
    dense = np.zeros((3000, 8192))
    dense[:, 0] = 1
    assert len(list(_arrays.blocks_of(dense))) == 12  # of 250 rows; 256 are the fewest
    assert len(list(_arrays.blocks_of(sparse.csr_array(dense)))) == 1
    assert list(_arrays.blocks_of(sparse.csr_array((0, 5)))) == []


def test_correct_mask():
    found = correct_mask(np.array([2, 0]), 3)
    np.testing.assert_array_equal(found, [[False, False, True], [True, False, False]])
    assert found.flags.f_contiguous


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csr_array])
@pytest.mark.parametrize("factor", [1.0, 1e200, 1e-200])
def test_column_norms_do_not_overflow(kind, factor):
    X = np.array([[3.0, 0.0, 1.0], [4.0, 0.0, -2.0]])
    found = column_norms(kind(X * factor), np.array([1.0, 0.5]))
    # √(9 + 8), 0 and √(1 + 2)
    np.testing.assert_allclose(found, factor * np.sqrt([17.0, 0.0, 3.0]), rtol=1e-14)


def test_column_norms_of_many_rows_are_those_of_the_whole(monkeypatch):
    X, weight = np.random.RandomState(0).normal(size=(50, 3)), np.linspace(0, 1, 50)
    blocks_of_at_most(monkeypatch, 7)
    assert len(list(_arrays.blocks_of(X))) == 8
    np.testing.assert_allclose(column_norms(X, weight), np.sqrt(weight @ X**2), rtol=1e-14)
