"""A memory of answers: mixtures over stored rows, out of fold where they judge."""

import itertools
import pickle

import numpy as np
import pytest
from scipy import sparse
from scipy.special import logsumexp
from sklearn.base import clone

from sklearn_ebm._utils.rows import Rows
from sklearn_ebm.energies import Memory
from sklearn_ebm.energies._bank.leaves import moments_of
from sklearn_ebm.energies._gaussian.quadratics import Quadratics
from sklearn_ebm.energies.banks import Folds, LocationPrediction
from sklearn_ebm.energies.memory import heaviest

SMALL = {"n_trees": 6, "min_leaf_size": 3}


def rows_of(n=80, d=3, q=1, seed=0):
    rng = np.random.RandomState(seed)
    X = rng.normal(size=(n, d))
    y = np.sin(2 * X[:, :1]) * np.arange(1, q + 1) + 0.2 * rng.normal(size=(n, q))
    return Rows(X, (y - y.mean(axis=0)) / y.std(axis=0), np.ones(n))


def located_of(rows):
    mean = 0.8 * np.sin(2 * rows.X[:, :1]) * np.ones(rows.y.shape[1])
    return LocationPrediction(mean, np.hstack([mean, np.abs(mean)]))


def folds_of(n, n_folds=4, n_judged=None):
    of_row = np.arange(n) % n_folds
    return Folds(of_row, np.arange(n) if n_judged is None else np.arange(n_judged))


def learn(energy, rows, *, folds=None, floor=0.01, seed=0):
    folds = folds_of(len(rows.y)) if folds is None else folds
    location = None if energy.base is None else located_of(rows)
    floor = np.full(rows.y.shape[1], floor)
    return energy.learned(rows, folds, location, floor, np.random.RandomState(seed))


def at(energy, rows):
    return energy.elements(rows.X, None if energy.base is None else located_of(rows))


def log_density(element, grid):
    """log p at the grid (m,) for each row of an element of one answer, (n, m)."""
    answers = np.broadcast_to(grid[None, :, None], (len(element.levels), len(grid), 1))
    return logsumexp(-element.energies(answers), axis=2)


def shares_of(element):
    """Weights of the components of each row; those that are not there have none."""
    scales = np.linalg.slogdet(element.factors)[1]
    return np.exp(scales - element.levels + element.means.shape[2] / 2 * np.log(2 * np.pi))


def same(some, others):
    assert len(some) == len(others)
    for left, right in zip(some, others, strict=True):
        depth = max(left.levels.shape[1], right.levels.shape[1])
        left, right = left._padded(depth), right._padded(depth)
        present = np.isfinite(left.levels)
        np.testing.assert_allclose(left.levels, right.levels, rtol=1e-9, atol=1e-12)
        for a, b in zip(left[1:], right[1:], strict=True):
            np.testing.assert_allclose(a[present], b[present], rtol=1e-9, atol=1e-12)


ENERGIES = (
    Memory(**SMALL),
    Memory(n_trees=4, min_leaf_size=(2, 5), powers=1.5, bandwidths=((0.3, 0.02), (0.0, 0.1))),
    Memory(**SMALL, base="auto"),
    Memory(**SMALL, base="auto", values="answers"),
)


@pytest.mark.parametrize("energy", ENERGIES)
@pytest.mark.parametrize("q", [1, 2, 3])
def test_elements_are_densities(energy, q):
    rows = rows_of(q=q)
    learned, out_of_fold = learn(energy, rows)
    energy._validate()
    new = rows_of(n=30, q=q, seed=3)
    for elements in (out_of_fold, at(learned, new)):
        n_leaf_sizes, n_powers = np.size(energy.min_leaf_size), np.size(energy.powers)
        assert len(elements) == len(energy.bandwidths) * n_leaf_sizes * n_powers
        for element in elements:
            diagonal = np.diagonal(element.factors, axis1=-2, axis2=-1)
            assert (diagonal >= 0.01 * (1 - 1e-12)).all()
            log_mass = np.log(diagonal).sum(axis=-1) + 0.5 * q * np.log(2 * np.pi)
            mass = np.exp(log_mass - element.levels).sum(axis=1)
            np.testing.assert_allclose(mass, 1, rtol=1e-9)


def test_densities_integrate_to_one():
    learned, _ = learn(Memory(**SMALL), rows_of())
    grid = np.arange(-15, 15, 0.002)
    for element in at(learned, rows_of(n=4, seed=3)):
        np.testing.assert_allclose(np.exp(log_density(element, grid)).sum(axis=1) * 0.002, 1)


@pytest.mark.parametrize("base", [None, "auto"])
@pytest.mark.parametrize("cell", [0.3, 1.0])
def test_elements_are_the_mixtures_over_stored_rows(base, cell, total_variation_bound):
    rows, new = rows_of(n=120), rows_of(n=6, seed=3)
    energy = Memory(n_trees=10, min_leaf_size=5, base=base, cell=cell)
    learned, _ = learn(energy, rows, floor=0.04)
    located = None if base is None else located_of(new)
    columns = new.X if base is None else np.hstack([new.X, located.features])
    values = rows.y if base is None else rows.y - located_of(rows).mean
    (store,) = learned._stores
    np.testing.assert_array_equal(store.values, np.sort(values, axis=0))
    step = 0.01
    grid = np.arange(-7, 7, step)
    merged = 0
    bank = itertools.product(energy.powers, energy.bandwidths)
    for (power, (c, c0)), element in zip(bank, at(learned, new), strict=True):
        weights = store.leaves.weights(columns).power(power)
        weights = sparse.csr_matrix(weights / weights.sum(axis=1))
        deviation = moments_of(weights, store.values).deviation
        h = np.maximum(np.sqrt((c * deviation) ** 2 + (c0 * values.std()) ** 2), 0.04)
        means = np.broadcast_to(store.values[:, 0], weights.shape)
        means = means + (0 if base is None else located.mean)
        scales = np.broadcast_to(h, weights.shape)
        whole = Quadratics.of_mixture(weights.toarray(), means[..., None], scales[..., None])
        apart = np.abs(np.exp(log_density(element, grid)) - np.exp(log_density(whole, grid)))
        assert (0.5 * apart.sum(axis=1) * step <= total_variation_bound(cell) + 1e-6).all()
        merged += np.isfinite(whole.levels).sum() - np.isfinite(element.levels).sum()
    assert merged > 0


def test_vector_answers_are_within_what_is_dropped():
    rows, new = rows_of(q=2), rows_of(n=4, q=2, seed=3)
    whole, _ = learn(Memory(**SMALL, dropped=0.0), rows)
    fewer, _ = learn(Memory(**SMALL, dropped=0.2), rows)
    grid = np.stack(np.meshgrid(*[np.arange(-5, 5, 0.1)] * 2), axis=-1).reshape(1, -1, 2)
    everything, most = at(whole, new)[-1], at(fewer, new)[-1]
    assert np.isfinite(most.levels).sum() < np.isfinite(everything.levels).sum()
    answers = np.broadcast_to(grid, (4, *grid.shape[1:]))
    density = [np.exp(logsumexp(-some.energies(answers), axis=2)) for some in (everything, most)]
    assert (0.5 * np.abs(density[0] - density[1]).sum(axis=1) * 0.1**2 <= 0.2).all()


def test_heaviest_keeps_as_few_as_the_share_allows():
    rng = np.random.RandomState(0)
    dense = rng.uniform(size=(20, 12)) * (rng.uniform(size=(20, 12)) < 0.6)
    dense[:, 0] += 0.1
    dense /= dense.sum(axis=1, keepdims=True)
    weight, stored = heaviest(sparse.csr_matrix(dense), 0.1)
    for row in range(20):
        kept = stored[row][weight[row] > 0]
        assert dense[row, kept].sum() >= 0.9
        assert dense[row, kept].sum() - dense[row, kept].min() < 0.9
        np.testing.assert_allclose(
            weight[row][: len(kept)], dense[row, kept] / dense[row, kept].sum()
        )


@pytest.mark.parametrize("energy", ENERGIES)
def test_a_judge_does_not_see_itself(energy):
    rows = rows_of()
    _, before = learn(energy, rows)
    others = np.flatnonzero(folds_of(80).of_row == 1)
    changed = rows.y.copy()
    changed[others] += 5.0
    _, after = learn(energy, rows._replace(y=changed))
    same([e.take(others) for e in before], [e.take(others) for e in after])
    rest = np.setdiff1d(np.arange(80), others)
    assert not np.allclose(before[-1].take(rest).log_prob(rows.y[rest]),
                           after[-1].take(rest).log_prob(rows.y[rest]))  # fmt: skip


def test_judges_are_some_rows_in_their_order():
    rows = rows_of()
    _, every = learn(Memory(**SMALL), rows)
    _, some = learn(Memory(**SMALL), rows, folds=folds_of(80, n_judged=10))
    same([element.take(slice(0, 10)) for element in every], some)


@pytest.mark.parametrize("energy", ENERGIES)
@pytest.mark.parametrize("q", [1, 2])
def test_elements_of_blocks_are_the_elements(energy, q, monkeypatch):
    learned, _ = learn(energy, rows_of(q=q))
    new = rows_of(n=30, q=q, seed=3)
    whole = at(learned, new)
    same([e.take(slice(7, 19)) for e in whole], at(learned, new.take(np.arange(7, 19))))
    monkeypatch.setattr("sklearn_ebm.energies._bank.leaves.BLOCK_PAIRS", 100)
    same(whole, at(learned, new))


def test_the_order_of_rows_does_not_matter():
    rows = rows_of()
    order = np.random.RandomState(0).permutation(80)
    one, of_judges = learn(Memory(**SMALL), rows)
    other, of_others = learn(
        Memory(**SMALL), rows.take(order), folds=Folds(folds_of(80).of_row[order], np.arange(80))
    )
    same(at(one, rows), at(other, rows))
    same([element.take(order) for element in of_judges], of_others)


def test_a_repeated_row_is_a_row_of_twice_the_weight():
    rows = rows_of(n=40)
    energy = Memory(n_trees=1, min_leaf_size=40, bandwidths=((0.3, 0.0),))
    twice = rows.take(np.append(np.arange(40), 3))
    heavy = rows._replace(weight=np.where(np.arange(40) == 3, 2.0, 1.0) * 40 / 41)
    # One leaf, so that there is no chance in the trees.
    repeated, _ = learn(energy, twice, folds=folds_of(41))
    weighted, _ = learn(energy, heavy, folds=folds_of(40))
    same(at(repeated, rows), at(weighted, rows))


def test_leaves_are_as_large_whether_half_of_the_rows_are_light_or_more():
    """Rows of almost no weight are almost no rows, and a few heavy ones leave leaves alone."""
    rows = rows_of(n=400, d=1)
    energy = Memory(n_trees=10, min_leaf_size=20, powers=1, bandwidths=((0.3, 0.0),), base=None)

    def n_leaves(weight):
        weighted = rows._replace(weight=weight / weight.mean())
        (store,) = learn(energy, weighted, folds=folds_of(400))[0]._stores
        return (np.diff(store.leaves.shares.indptr) > 0).sum()

    place = np.random.RandomState(0).permutation(400)
    alike, some, most, few = (
        n_leaves(np.where(place < n, light, 1.0))
        for n, light in [(400, 1.0), (196, 1e-3), (204, 1e-3), (390, 0.2)]
    )
    assert most == pytest.approx(some, rel=0.2) and some < 0.7 * alike
    assert few == pytest.approx(alike, rel=0.25)


def test_the_same_seed_gives_the_same_memory():
    energy = Memory(**SMALL)
    assert energy._stores == ()
    (one, left), (two, right) = (learn(energy, rows_of(), seed=5) for _ in range(2))
    same(left, right)
    same(at(one, rows_of()), at(two, rows_of()))
    _, other = learn(energy, rows_of(), seed=6)
    assert not np.allclose(left[-1].log_prob(rows_of().y), other[-1].log_prob(rows_of().y))
    assert energy._stores == ()
    same(at(clone(one), rows_of()), at(one, rows_of()))
    same(at(pickle.loads(pickle.dumps(one)), rows_of()), at(one, rows_of()))


def test_float32_rows():
    rows = rows_of()
    learned, _ = learn(Memory(**SMALL), rows)
    single = rows._replace(X=rows.X.astype(np.float32))
    same(at(learned, single), at(learned, rows._replace(X=single.X.astype(np.float64))))
    assert at(learned, single)[0].levels.dtype == np.float64


@pytest.mark.parametrize("base", [None, "auto"])
@pytest.mark.parametrize("q", [1, 2])
@pytest.mark.parametrize("case", ["constant", "three rows", "ties", "huge", "equal rows"])
def test_odd_answers(base, q, case):
    rows = rows_of(n=3 if case == "three rows" else 40, q=q)
    if case == "constant":
        rows.y[:] = 0.0
    if case == "ties":
        rows.y[:] = np.round(rows.y)
    if case == "huge":
        rows.y[0] = 1e9
    if case == "equal rows":
        rows.X[:] = 1.0
    energy = Memory(**SMALL, base=base)
    learned, out_of_fold = learn(energy, rows, folds=folds_of(len(rows.y), n_folds=2), floor=0.0)
    for elements in (out_of_fold, at(learned, rows)):
        assert np.isfinite([element.log_prob(rows.y).max() for element in elements]).all()
        assert all((np.isfinite(element.levels).sum(axis=1) > 0).all() for element in elements)
        assert all(np.isfinite(element.means).all() for element in elements)
        for element in elements:
            shares = shares_of(element)
            np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-9)
            if case == "constant" and base is None:
                np.testing.assert_allclose(element.means[shares > 0], 0, atol=1e-12)


def test_memory_grows_with_rows_not_with_columns():
    energy = Memory(n_trees=3, min_leaf_size=20)
    sizes = [len(pickle.dumps(learn(energy, rows_of(n=300, d=d))[0])) for d in (3, 300)]
    assert sizes[1] < sizes[0] + 50_000


def test_where_nothing_is_near_the_widest_speak():
    """Two branches, ±1: a memory of answers has two modes, and little between them."""
    rng = np.random.RandomState(0)
    X = rng.uniform(size=(400, 1))
    y = np.where(rng.uniform(size=(400, 1)) < 0.5, -1.0, 1.0) + 0.05 * rng.normal(size=(400, 1))
    learned, _ = learn(Memory(n_trees=20, min_leaf_size=15), Rows(X, y, np.ones(400)))
    middle = at(learned, Rows(np.array([[0.5]]), np.zeros((1, 1)), np.ones(1)))
    heights = log_density(middle[1], np.array([-1.0, 0.0, 1.0]))[0]
    assert heights[0] > -1.5 and heights[2] > -1.5 and heights[1] < -10


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n_trees": 0}, "n_trees=0 of Memory must be a whole number"),
        ({"min_leaf_size": (2, 0)}, "min_leaf_size=0 of Memory"),
        ({"min_leaf_size": "few"}, "min_leaf_size='few' of Memory"),
        ({"min_leaf_size": ()}, "min_leaf_size=.* at least one"),
        ({"powers": (1, -2)}, "powers=-2 of Memory"),
        ({"values": "residual"}, "Did you mean 'residuals'"),
        ({"values": "residuals"}, "needs a location: pass base='auto'"),
        ({"cell": 0.0}, "cell=0.0 of Memory must be a positive"),
        ({"dropped": 1.0}, "dropped=1.0 of Memory"),
        ({"bandwidths": (0.1, 0.2)}, "pairs"),
        ({"bandwidths": ()}, "pairs"),
        ({"bandwidths": ((0.0, 0.0),)}, "not both 0"),
        ({"bandwidths": ((0.1, -1.0),)}, "not negative"),
    ],
)
def test_settings_that_cannot_be_used(settings, words):
    with pytest.raises(ValueError, match=words):
        Memory(**settings)._validate()


def test_a_high_power_leaves_the_heaviest():
    """One row, or two that are as near."""
    learned, out_of_fold = learn(Memory(n_trees=20, min_leaf_size=3, powers=500.0), rows_of())
    for elements in (out_of_fold, at(learned, rows_of(n=20, seed=3))):
        for element in elements:
            assert np.isfinite(element.means).all()
            shares = np.sort(shares_of(element), axis=1)
            np.testing.assert_allclose(shares.sum(axis=1), 1)
            assert (shares[:, -2:].sum(axis=1) > 0.99).all()
    known, _ = learn(Memory(n_trees=20, min_leaf_size=3, powers=1.0), rows_of())
    assert shares_of(at(known, rows_of())[0]).max(axis=1).mean() < 0.5


@pytest.mark.parametrize(
    ("q", "many", "sizes"), [(1, 10**6, (1, 2, 5)), (1, 80, (2,)), (2, 10**6, (2,))]
)
def test_leaf_sizes_by_rows_and_answers(q, many, sizes, monkeypatch):
    monkeypatch.setattr("sklearn_ebm.energies.memory.MANY_ROWS", many)
    learned, _ = learn(Memory(n_trees=2), rows_of(q=q), folds=folds_of(80, n_folds=2))
    sizes_of_leaves = [np.diff(store.leaves.shares.indptr) for store in learned._stores]
    assert tuple(found[found > 0].min() for found in sizes_of_leaves) == sizes


@pytest.mark.parametrize(("most", "trees"), [(10**6, 100), (80 * 30, 30), (80, 20)])
def test_fewer_trees_for_many_rows(most, trees, monkeypatch):
    monkeypatch.setattr("sklearn_ebm.energies.memory.ROWS_IN_TREES", most)
    learned, _ = learn(Memory(min_leaf_size=10), rows_of(), folds=folds_of(80, n_folds=2))
    assert learned._stores[0].leaves.n_trees == trees
