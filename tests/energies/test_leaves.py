"""Weights from shared leaves against loops over trees, and cells against the points they hold."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

from sklearn_ebm.energies._bank import leaves as leaves_module
from sklearn_ebm.energies._bank.cells import BinnedPoints, points_of
from sklearn_ebm.energies._bank.leaves import ForestWeights, moments_of
from sklearn_ebm.energies._bank.trees import LeafMeans, Trees


def problem(n=60, d=3, seed=0):
    rng = np.random.RandomState(seed)
    X = rng.normal(size=(n, d))
    return X, np.sin(X[:, 0]) + 0.1 * rng.normal(size=n), rng.uniform(0.5, 2.0, size=n)


def shared(forest=None, weighted=True, **settings):
    X, y, weight = problem(**settings)
    weight = weight if weighted else np.ones(len(y))
    forest = ExtraTreesRegressor(7, min_samples_leaf=3) if forest is None else forest
    forest.set_params(random_state=1).fit(X, y, weight)
    return ForestWeights.of(forest, X, weight), X, y, weight, forest


def by_loops(forest, X, weight, new):
    result = np.zeros((len(new), len(X)))
    for tree in forest.estimators_:
        stored, asked = tree.apply(X.astype(np.float32)), tree.apply(new.astype(np.float32))
        for row, leaf in enumerate(asked):
            share = weight * (stored == leaf)
            result[row] += share / share.sum() / len(forest.estimators_)
    return result


@pytest.mark.parametrize(
    "forest",
    [
        ExtraTreesRegressor(7, min_samples_leaf=3),
        ExtraTreesRegressor(3, min_samples_leaf=1, max_features=0.5),
        RandomForestRegressor(5, bootstrap=False, max_leaf_nodes=2),
    ],
)
def test_weights_are_those_of_a_loop_over_trees(forest):
    leaves, X, _, weight, forest = shared(forest)
    new = problem(seed=5)[0]
    np.testing.assert_allclose(
        leaves.weights(new).toarray(), by_loops(forest, X, weight, new), atol=1e-14
    )


@pytest.mark.parametrize("n_rows", [1, 60, 700])
@pytest.mark.parametrize("settings", [{}, {"max_leaf_nodes": 9}, {"max_depth": 1}])
def test_leaves_are_those_that_the_forest_finds(n_rows, settings, monkeypatch):
    monkeypatch.setattr("sklearn_ebm.energies._bank.trees.PAIRS", 200)
    X, y, _ = problem()
    forest = RandomForestRegressor(7, random_state=0, **settings).fit(X, y)
    trees = Trees.of([forest])
    rng = np.random.default_rng(1)
    # Rows at thresholds too, as float32 next to float64 has them.
    new = rng.normal(size=(n_rows, X.shape[1]))
    for column in range(X.shape[1]):
        splits = trees.nodes[trees.nodes["left"] > np.arange(len(trees.nodes))]
        known = splits["threshold"][splits["column"] == column]
        if len(known):
            at = rng.integers(2, size=n_rows) == 0
            new[at, column] = rng.choice(known, size=at.sum())
    # Nodes have other numbers here: rows share a leaf of a tree where they share one there.
    for ours, theirs in zip(trees.leaves(new).T, forest.apply(new).T, strict=True):
        pairs = np.unique(np.column_stack([ours, theirs]), axis=0)
        assert len(pairs) == len(np.unique(ours)) == len(np.unique(theirs))


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("n_rows", [0, 1, 700])
def test_means_of_leaves_are_what_the_forests_predict(n_rows, n_outputs):
    X, y, weight = problem()
    answers = y if n_outputs == 1 else np.column_stack([y, y**2, -y])
    forests = [
        ExtraTreesRegressor(7, max_features=0.5, random_state=seed).fit(X, answers, weight)
        for seed in range(3)
    ]
    means = LeafMeans.of(forests)
    new = np.random.default_rng(1).normal(scale=3, size=(n_rows, X.shape[1]))
    theirs = [forest.predict(new).reshape(n_rows, -1) for forest in forests if n_rows]
    expected = np.mean(theirs, axis=0) if n_rows else np.empty((0, n_outputs))
    np.testing.assert_allclose(means.predict(new), expected, rtol=1e-12, atol=1e-14)
    assert len(pickle.dumps(means)) < 0.5 * len(pickle.dumps(forests))


def test_a_tree_that_is_all_root_says_the_mean():
    X, y, _ = problem()
    forest = ExtraTreesRegressor(2, max_depth=1, min_samples_leaf=40).fit(X, y)
    assert LeafMeans.of([forest]).predict(X) == pytest.approx(np.full((60, 1), y.mean()))


@pytest.mark.parametrize("rows_of_pairs", [1, 40, 10**9])
def test_blocks_are_the_weights_with_sorted_indices(monkeypatch, rows_of_pairs):
    leaves, *_ = shared()
    new = problem(seed=5)[0]
    monkeypatch.setattr(leaves_module, "BLOCK_PAIRS", rows_of_pairs * leaves.pairs_per_row)
    covered = np.zeros(len(new), dtype=int)
    for rows, block in leaves.blocks(new):
        covered[rows] += 1
        assert block.shape[0] <= rows_of_pairs
        assert block.has_sorted_indices
        np.testing.assert_array_equal(block.toarray(), leaves.weights(new[rows]).toarray())
    assert (covered == 1).all()


def test_weights_sum_to_one_and_average_as_the_forest_does():
    leaves, _, y, _, forest = shared()
    new = problem(seed=5)[0]
    weights = leaves.weights(new)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-13)
    np.testing.assert_allclose(weights @ y, forest.predict(new), atol=1e-12)


def test_a_heavy_row_counts_as_two():
    X, y, _ = problem()
    forest = ExtraTreesRegressor(4, min_samples_leaf=4, random_state=0).fit(X, y)
    weight = np.ones(len(y))
    weight[3] = 2
    twice = np.append(np.arange(len(y)), 3)
    heavy = ForestWeights.of(forest, X, weight).weights(X).toarray()
    repeated = ForestWeights.of(forest, X[twice], np.ones(len(twice))).weights(X).toarray()
    repeated[:, 3] += repeated[:, -1]
    np.testing.assert_allclose(heavy, repeated[:, :-1], atol=1e-14)


def test_pairs_are_what_a_product_takes():
    leaves, X, *_, forest = shared()
    sizes = [np.bincount(tree.apply(X.astype(np.float32))) for tree in forest.estimators_]
    pairs = sum(float(size @ size) for size in sizes)
    assert leaves.pairs_per_row == pytest.approx(pairs / len(X))


def test_rows_in_float32_are_the_rows():
    leaves, *_ = shared()
    new = problem(seed=5)[0].astype(np.float32)
    assert (leaves.weights(new) != leaves.weights(new.astype(np.float64))).nnz == 0


def test_no_row_is_stored():
    sizes = [len(pickle.dumps(shared(d=d, n=300)[0])) for d in (3, 300)]
    # A copy of the rows in float32 alone would take 360,000 bytes.
    assert sizes[1] < sizes[0] + 50_000


def test_moments():
    leaves, _, y, *_ = shared()
    values = np.column_stack([y, 1e6 + y**2])
    weights = leaves.weights(problem(seed=5)[0])
    dense = weights.toarray()
    mean = dense @ values
    variance = np.einsum("mn,mnq->mq", dense, (values - mean[:, None]) ** 2)
    found = moments_of(weights, values)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-12)
    np.testing.assert_allclose(found.deviation, np.sqrt(variance), rtol=1e-6)


def gaussian(apart, deviation):
    return np.exp(-0.5 * (apart / deviation) ** 2) / deviation / np.sqrt(2 * np.pi)


def density(cells, y, h):
    deviation = np.sqrt(cells.variance + h**2)
    return (cells.weight * gaussian(y[:, None] - cells.mean, deviation)).sum(axis=1)


def far_apart(cells, points, h):
    """The total variation between both, blurred by h, by sums on a grid."""
    ends = points.mean.min() - 10 * h, points.mean.max() + 10 * h
    y = np.arange(ends[0], ends[1], h / 20)
    return 0.5 * np.abs(density(cells, y, h) - density(points, y, h)).sum() * h / 20


def one_row(values, weight):
    order = np.argsort(values)
    matrix = sparse.csr_matrix((weight / weight.sum())[order][None])
    return points_of(matrix, np.asarray(values)[order])


weights_and_values = st.lists(
    st.tuples(st.floats(0.01, 1.0), st.floats(-2.0, 2.0)), min_size=1, max_size=12
)


@given(weights_and_values, st.floats(0.1, 1.5), st.floats(-1.0, 1.0))
def test_merging_stays_within_the_bound(total_variation_bound, pairs, cell, origin):
    weight, values = np.array(pairs).T
    h = 0.5
    points = one_row(values, weight)
    cells = points.merged(np.array([origin]), np.array([cell * h]))
    assert far_apart(cells, points, h) <= total_variation_bound(cell) + 1e-9


def test_the_bound_is_not_far_from_what_happens(total_variation_bound):
    """Two points at the ends of a cell, one of them light, come within a factor of four."""
    points = one_row(np.array([0.0, 0.999]), np.array([0.75, 0.25]))
    cells = points.merged(np.zeros(1), np.ones(1))
    assert len(cells.weight) == 1
    assert far_apart(cells, points, 1.0) > total_variation_bound(1.0) / 4


@given(weights_and_values, st.floats(0.01, 3.0))
def test_merging_keeps_moments(pairs, width):
    weight, values = np.array(pairs).T
    points = one_row(values, weight)
    cells = points.merged(np.zeros(1), np.array([width]))
    again = cells.merged(np.zeros(1), np.array([3 * width]))
    mean = points.weight @ points.mean
    square = points.weight @ points.mean**2
    for some in (cells, again):
        assert some.weight.sum() == pytest.approx(1, abs=1e-12)
        assert some.weight @ some.mean == pytest.approx(mean, abs=1e-12)
        assert some.weight @ (some.variance + some.mean**2) == pytest.approx(square, abs=1e-11)
        assert (some.variance >= 0).all()
    # Cells of cells are cells.
    direct = points.merged(np.zeros(1), np.array([3 * width]))
    if len(direct.weight) == len(again.weight):  # they differ where a mean is on a border
        np.testing.assert_allclose(again.mean, direct.mean, atol=1e-12)


def test_rows_do_not_merge_with_each_other():
    points = BinnedPoints(np.array([0, 2, 3]), np.array([0.5, 0.5, 1.0]), np.zeros(3), np.zeros(3))
    cells = points.merged(np.zeros(2), np.ones(2))
    np.testing.assert_array_equal(cells.indptr, [0, 1, 2])
    np.testing.assert_array_equal(cells.weight, [1.0, 1.0])


def test_dense_pads_with_nothing():
    points = BinnedPoints(
        np.array([0, 2, 3]), np.array([0.5, 0.5, 1.0]), np.arange(3.0), np.ones(3)
    )
    weight, mean, variance = points.dense()
    np.testing.assert_array_equal(weight, [[0.5, 0.5], [1.0, 0.0]])
    np.testing.assert_array_equal(mean, [[0.0, 1.0], [2.0, 0.0]])
    np.testing.assert_array_equal(variance, [[1.0, 1.0], [1.0, 0.0]])
