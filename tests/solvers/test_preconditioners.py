"""Initial matrices against the inverse Hessian that they model, and the two-loop recursion."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_ebm import EBMClassifier
from sklearn_ebm.learning.parametrization import conditioned_objective
from sklearn_ebm.losses import LOSSES, NLL, Hinge, Loss, Traits
from sklearn_ebm.losses.curvature import Curvature
from sklearn_ebm.solvers._two_loop import Pairs, two_loop
from sklearn_ebm.solvers.hessian import scale_of
from sklearn_ebm.solvers.preconditioners import (
    Coupled,
    Diagonal,
    DiagonalScaling,
    Kronecker,
    choice,
    coupled,
    kronecker,
    model_of,
)
from sklearn_ebm.solvers.preconditioners import low_rank as low_rank_module
from sklearn_ebm.solvers.preconditioners.low_rank import LowRank, low_rank

LOSS = {
    "nll": NLL(),
    "nll at 2": NLL(beta=2.0),
    "log, all": LOSSES["log"](contrast="all"),
    "hinge": Hinge().smoothed(0.3),
    "hinge, all": Hinge(contrast="all").smoothed(0.3),
    "simple": LOSSES["simple"]().smoothed(0.3),
    "simple, all": LOSSES["simple"](contrast="all").smoothed(0.3),
    "square_square": LOSSES["square_square"]().smoothed(0.3),
    "square_square, all": LOSSES["square_square"](contrast="all"),
    "square_exp": LOSSES["square_exp"]().smoothed(0.3),
}


@pytest.fixture
def make(make_objective):
    """A factory of objectives in standardised columns, and a point."""

    def factory(loss, **settings):
        # With eight columns, no sparse row is empty.
        settings = {"n_features": 8 if settings.get("as_sparse") else 4} | settings
        plain = make_objective(loss, **settings)
        objective = conditioned_objective(
            plain, plain.energy.templates.standardized(plain.X, plain.weight)
        )
        return objective, 0.5 * np.random.RandomState(1).normal(size=objective.layout.size)

    return factory


def hessian(objective, w):
    """By central differences of the gradient."""
    step = 1e-5
    columns = [
        (objective.evaluate(w + step * unit)[1] - objective.evaluate(w - step * unit)[1]) / 2 / step
        for unit in np.eye(len(w))
    ]
    return (np.array(columns) + np.array(columns).T) / 2


def explicit(matrix, size):
    """An initial matrix as a matrix; symmetric and positive, as it must be."""
    result = np.array([matrix(unit) for unit in np.eye(size)])
    np.testing.assert_allclose(result, result.T, rtol=1e-6, atol=1e-6 * np.abs(result).max())
    assert np.linalg.eigvalsh((result + result.T) / 2).min() > 0
    return result


def assert_inverse(matrix, expected, tolerance):
    """In units of the diagonal, so that small directions count as much as large ones."""
    found = np.linalg.inv(explicit(matrix, len(expected)))
    unit = np.sqrt(np.diag(expected))
    unit = unit[:, None] * unit
    np.testing.assert_allclose(found / unit, expected / unit, atol=tolerance)


@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("name", LOSS)
def test_coupled_is_the_hessian_where_all_rows_are_used(
    make, monkeypatch, name, fit_intercept, as_sparse
):
    monkeypatch.setattr(coupled, "NEGLIGIBLE", 0.0)
    objective, w = make(LOSS[name], fit_intercept=fit_intercept, as_sparse=as_sparse)
    found = Coupled(objective, w, np.random.RandomState(0))
    assert_inverse(found, hessian(objective, w), 2e-4)
    assert found.cost > 1


def test_coupled_on_a_sample_is_close_to_the_hessian(make, monkeypatch):
    """Many rows: those that are drawn stand for the others."""
    objective, w = make(NLL(), n_rows=2000, n_features=40)
    exact = hessian(objective, w)
    drawn = []
    take = type(next(objective.blocks())).take
    monkeypatch.setattr(
        "sklearn_ebm.solvers.objective.Block.take",
        lambda block, part: drawn.append(len(part)) or take(block, part),
    )
    found = np.linalg.inv(explicit(Coupled(objective, w, np.random.RandomState(0)), len(exact)))
    assert 500 < sum(drawn) < 1500
    unit = np.sqrt(np.diag(exact))
    assert np.abs((found - exact) / unit / unit[:, None]).max() < 0.2


def test_coupled_without_any_curvature_is_still_positive(make):
    """At the temperature of nothing, no row bends: plain squares take their place."""
    objective, w = make(Hinge().smoothed(1e-9), penalty=1e-8)
    explicit(Coupled(objective, 100 * w, np.random.RandomState(0)), objective.layout.size)


class Bowl(Loss):
    """½ Fᵀ B F less the energy of the right answer: the same curvature in every row."""

    traits = Traits(convex=True, fixes_level=True)
    bend = np.array([[2.0, -0.5, 0.0], [-0.5, 1.0, 0.3], [0.0, 0.3, 0.7]])

    def __call__(self, energies, correct):
        slope = energies @ self.bend - ~correct
        value = 0.5 * np.einsum("ij,jk,ik->i", energies, self.bend, energies)
        return value - np.where(correct, 0, energies).sum(axis=1), slope

    def curvature(self, energies, correct):
        values, vectors = np.linalg.eigh(self.bend)
        ones = np.ones((len(energies), 1))
        outer = tuple(
            (value, ones * vector) for value, vector in zip(values, vectors.T, strict=True)
        )
        return Curvature(np.zeros_like(energies), outer)


class Saddle(Bowl):
    """With a direction of negative curvature, as losses that are not convex have them."""

    bend = np.array([[2.0, -0.5, 0.0], [-0.5, -0.4, 0.3], [0.0, 0.3, 0.7]])


class Magnitude(Bowl):
    """Every curvature of `Saddle` without its sign."""

    values, vectors = np.linalg.eigh(Saddle.bend)
    bend = vectors @ np.diag(np.abs(values)) @ vectors.T


def test_steps_are_no_longer_where_the_curvature_is_negative(make):
    """Otherwise parameters without a penalty run away in the first step."""
    (saddle, w), (bowl, _) = make(Saddle()), make(Magnitude())
    pair = [explicit(Kronecker(one, w), len(w)) for one in (saddle, bowl)]
    np.testing.assert_allclose(*pair, rtol=1e-6, atol=1e-6 * pair[0].max())
    pair = [1 / Diagonal(one, w)(np.ones(len(w))) - one.penalty for one in (saddle, bowl)]
    ratio = np.abs(np.diag(Saddle.bend)) / np.diag(Magnitude.bend)
    np.testing.assert_allclose(pair[0], pair[1] * np.repeat(ratio, len(w) // 3), rtol=1e-9)


def test_an_error_that_is_counted_has_energies_of_finite_size():
    """Features say nothing, so the best is the largest class, with an intercept without end."""
    rng = np.random.RandomState(0)
    X = (rng.uniform(size=(300, 5)) < 0.05).astype(float)
    y = rng.choice(5, p=[0.1, 0.2, 0.4, 0.2, 0.1], size=300)
    clf = EBMClassifier(loss="mee", C=0.01).fit(X, y)
    assert (clf.predict(X) == 2).all()
    assert np.abs(clf.energies(X)).max() < 100


@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize("penalty", [1e-3, 1.0, 100.0])
def test_kronecker_is_exact_where_every_row_bends_alike(make, penalty, as_sparse):
    objective, w = make(Bowl(), penalty=penalty, as_sparse=as_sparse)
    assert_inverse(Kronecker(objective, w), hessian(objective, w), 1e-5)


def test_kronecker_of_many_answers_is_exact_where_they_are_not_coupled(make, monkeypatch):
    monkeypatch.setattr(Bowl, "bend", np.diag([2.0, 1.0, 0.5]))
    monkeypatch.setattr(kronecker, "KRONECKER_ANSWERS", 2)
    objective, w = make(Bowl())
    matrix = Kronecker(objective, w)
    assert matrix.answers is None
    assert_inverse(matrix, hessian(objective, w), 1e-5)


@pytest.mark.parametrize("name", LOSS)
def test_kronecker_is_positive_and_its_renewal_is_a_new_one(make, name):
    objective, w = make(LOSS[name])
    first = Kronecker(objective, w)
    again = first.renewed(objective, w[::-1])
    explicit(first, len(w))
    explicit(again, len(w))
    # Gradients have no part in the directions that only the ridges hold.
    gradient = objective.evaluate(w)[1]
    expected = Kronecker(objective, w[::-1])(gradient)
    top = np.abs(expected).max()
    np.testing.assert_allclose(again(gradient), expected, atol=1e-4 * top)
    assert np.abs(first(gradient) - expected).max() > 1e-3 * top


@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize("name", LOSS)
def test_diagonal_is_the_diagonal_of_the_hessian(make, name, as_sparse):
    objective, w = make(LOSS[name], as_sparse=as_sparse)
    expected = np.diag(hessian(objective, w))
    np.testing.assert_allclose(
        np.diag(explicit(Diagonal(objective, w), len(w))), 1 / expected, rtol=1e-4
    )


@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("name", LOSS)
def test_low_rank_is_the_hessian(make, monkeypatch, name, fit_intercept, as_sparse):
    """But for the free intercepts, which get a penalty of their own."""
    monkeypatch.setattr(low_rank_module, "FAINTEST", 0.0)
    objective, w = make(LOSS[name], fit_intercept=fit_intercept, as_sparse=as_sparse)
    matrix = low_rank(objective, w)
    assert isinstance(matrix, LowRank)
    expected = hessian(objective, w)
    ridge = np.tile(1 / matrix.inverse, 3)
    free = objective.penalty == 0
    assert free.any() == fit_intercept
    assert (ridge[free] < 0.05 * np.diag(expected)[free]).all()
    np.testing.assert_allclose(ridge[~free], objective.penalty[~free], rtol=1e-12)
    assert_inverse(matrix, expected + np.diag(np.where(free, ridge, 0.0)), 1e-4)


def test_low_rank_leaves_out_what_is_faint(make):
    """Rows far from a kink; each bends less than a share of the penalty in every direction."""
    objective, w = make(Hinge().smoothed(0.01), penalty=10.0, fit_intercept=False)
    matrix = low_rank(objective, w)
    left_out = 40 - matrix.rows.shape[0]
    assert 20 < left_out < 40
    exact = hessian(objective, w)
    unit = np.sqrt(objective.penalty)
    unit = unit[:, None] * unit
    apart = np.abs(np.linalg.inv(explicit(matrix, len(w))) - exact) / unit
    assert 1e-9 < apart.max() < low_rank_module.FAINTEST * 40
    bare = np.abs(np.diag(objective.penalty) - exact) / unit
    assert bare.max() > 0.3  # what was kept is what matters


def test_low_rank_is_refused_where_many_rows_bend(make, monkeypatch):
    objective, w = make(NLL(), penalty=1e-3)
    assert low_rank(objective, w) is not None
    monkeypatch.setattr(low_rank_module, "MOST_DIRECTIONS", 39)
    assert low_rank(objective, w) is None


def test_the_ruler_is_the_square_of_the_scale(make):
    objective, w = make(NLL())
    np.testing.assert_allclose(
        np.diag(explicit(DiagonalScaling(objective), len(w))), scale_of(objective) ** 2, rtol=1e-12
    )


def test_the_choice_follows_size_and_sparsity(make, monkeypatch):
    rng = np.random.RandomState(0)
    small, w = make(NLL())
    model = model_of(small, rng)
    kinds = [type(model.at(0, 0, small, w)), type(model.at(1, 99, small, w))]
    assert kinds == [Kronecker, Coupled]
    assert model.at(2, 1, small, w) is None  # one evaluation later nothing is due
    monkeypatch.setattr(choice, "COUPLED_SIZE", 0)
    assert type(model_of(small, rng).at(0, 0, small, w)) is Kronecker
    thin, w = make(NLL(), as_sparse=True)
    assert type(model_of(thin, rng).at(0, 0, thin, np.zeros_like(w))) is Diagonal
    model = model_of(thin, rng)
    assert type(model.at(0, 0, thin, w)) is LowRank  # some rows are decided there
    assert model.at(5, 0, thin, w) is None
    assert sparse.issparse(thin.X)

    class Plain(NLL):
        curvature = None

    plain, w = make(Plain())
    assert type(model_of(plain, rng).at(0, 0, plain, w)) is DiagonalScaling


# The two-loop recursion --------------------------------------------------------------------------


def quadratic_pairs(count, size=6, maxlen=20):
    rng = np.random.RandomState(0)
    root = rng.normal(size=(size, size))
    bend = root @ root.T + np.eye(size)
    pairs = Pairs(maxlen=maxlen)
    for step in rng.normal(size=(count, size)):
        pairs.add(step, bend @ step)
    return pairs, bend, rng.uniform(0.1, 2, size=size)


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_the_latest_change_is_mapped_to_its_step(count):
    pairs, _, diagonal = quadratic_pairs(count)
    step, change, inverse = pairs[-1]
    found = two_loop(change, pairs, lambda gradient: diagonal * gradient)
    np.testing.assert_allclose(found, step, rtol=1e-10)
    np.testing.assert_allclose(inverse, 1 / (step @ change))


@pytest.mark.parametrize("count, maxlen", [(0, 20), (1, 20), (4, 20), (9, 3)])
def test_the_recursion_is_that_of_bfgs(count, maxlen):
    """H ← (1 − ρsyᵀ) H (1 − ρysᵀ) + ρssᵀ, from the initial matrix scaled by the latest pair."""
    pairs, _, diagonal = quadratic_pairs(count, maxlen=maxlen)
    assert len(pairs) == min(count, maxlen)
    matrix = np.diag(diagonal)
    if pairs:
        step, change, _ = pairs[-1]
        matrix = matrix * (step @ change) / (change @ matrix @ change)
    for step, change, inverse in pairs:
        turn = np.eye(6) - inverse * np.outer(step, change)
        matrix = turn @ matrix @ turn.T + inverse * np.outer(step, step)
    gradient = np.random.RandomState(5).normal(size=6)
    before = gradient.copy()
    found = two_loop(gradient, pairs, lambda g: diagonal * g)
    np.testing.assert_allclose(found, matrix @ gradient, rtol=1e-9)
    np.testing.assert_array_equal(gradient, before)


def test_pairs_without_positive_curvature_are_forgotten():
    pairs = Pairs(maxlen=3)
    step = np.array([1.0, 0.0])
    for change in (-step, 0 * step, np.array([0.0, 1.0]), np.array([1e-16, 1.0])):
        pairs.add(step, change)
    pairs.add(1e-200 * step, 1e-200 * step)  # 1/⟨s, y⟩ does not fit into a float
    assert len(pairs) == 0
    pairs.add(step, 2 * step)
    assert len(pairs) == 1 and pairs[0][2] == 0.5


def test_long_vectors_are_added_to_the_same_result(monkeypatch):
    pairs, _, diagonal = quadratic_pairs(5)
    gradient = np.random.RandomState(5).normal(size=6)
    short = two_loop(gradient, pairs, lambda g: diagonal * g)
    monkeypatch.setattr("sklearn_ebm.solvers._two_loop.LONG", 0)
    np.testing.assert_allclose(two_loop(gradient, pairs, lambda g: diagonal * g), short, rtol=1e-12)
