"""The certificate: never above the minimum, and close to it where it should be."""

import warnings

import numpy as np
import pytest
from scipy.optimize import linprog, minimize
from scipy.special import softmax, xlogy

from sklearn_ebm import EBMClassifier
from sklearn_ebm.energies import Linear
from sklearn_ebm.learning import _dual_balance, duality_gap
from sklearn_ebm.learning._dual_balance import _circulation
from sklearn_ebm.learning.duality_gap import certify
from sklearn_ebm.losses import LOSSES, MCE, NLL, Hinge, Simple

CONVEX = {
    f"{name}, {contrast}": LOSSES[name](**({"contrast": contrast} if contrast else {}))
    for name, traits in ((name, LOSSES[name]().traits) for name in LOSSES)
    if traits.convex and LOSSES[name]().conjugate is not None and not traits.online
    for contrast in (("hardest", "all") if LOSSES.accepts(name, "contrast") else (None,))
}


def best_value(objective):
    """f at the best point of an independent search: SciPy's L-BFGS on ever colder losses.

    Any point gives an upper bound on the minimum, and these are close to it.
    """
    loss = objective.loss
    smooth = loss.is_smooth(objective.n_answers)
    w, best = np.zeros(objective.layout.size), np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for temperature in (0.0,) if smooth else (1.0, 0.1, 1e-2, 1e-3, 1e-4):
            stage = objective.with_loss(loss.smoothed(temperature) if temperature else loss)
            found = minimize(
                stage.evaluate, w, jac=True, method="L-BFGS-B",
                options={"maxiter": 200, "maxfun": 300, "ftol": 1e-14, "gtol": 1e-10},
            )  # fmt: skip
            w = found.x
            best = min(best, objective.value(w))
    return w, best


def problems(make_objective, loss, count):
    rng = np.random.RandomState(0)
    for seed in range(count):
        yield make_objective(
            loss,
            seed=seed,
            n_rows=int(rng.choice([8, 30])),
            n_features=int(rng.choice([1, 3])),
            n_answers=int(rng.choice([2, 3, 5, 8])),
            penalty=10.0 ** rng.uniform(-4, 4),
            weighted=bool(rng.randint(2)),
            as_sparse=bool(rng.randint(2)),
            separable=bool(rng.randint(2)),
            fit_intercept=bool(rng.randint(4)),
        )


@pytest.mark.parametrize("name", CONVEX)
def test_the_bound_is_never_above_the_minimum(make_objective, name):
    useful = 0
    for seed, objective in enumerate(problems(make_objective, CONVEX[name], 7)):
        w_best, best = best_value(objective)
        rng = np.random.RandomState(seed)
        points = [w_best, np.zeros_like(w_best), 0.5 * w_best, rng.normal(size=len(w_best))]
        points.append(w_best + 0.1 * rng.normal(size=len(w_best)))
        for w in points:
            for temperature in (0.0, 1.0, 0.1, 1e-3):
                slopes_of = objective.loss.smoothed(temperature) if temperature else objective.loss
                found = certify(objective, slopes_of, w)
                np.testing.assert_allclose(found.value, objective.value(w), rtol=1e-10)
                assert found.bound <= best * (1 + 1e-9) + 1e-12
                assert found.smoothing >= -1e-9 * (1 + found.value)
                useful += found.bound > 0.5 * best
    assert useful >= 10  # a bound that says nothing is never wrong


@pytest.mark.parametrize("n_answers", [2, 3, 10])
@pytest.mark.parametrize("penalty", [1e-2, 1.0, 100.0])
@pytest.mark.parametrize("loss", ["nll", "square_square", "log"])
def test_the_bound_of_a_smooth_loss_meets_its_minimum(make_objective, loss, penalty, n_answers):
    part = LOSSES[loss]() if loss == "nll" else LOSSES[loss](contrast="all")
    objective = make_objective(part, n_answers=n_answers, penalty=penalty)
    from sklearn_ebm.solvers import Newton
    from sklearn_ebm.solvers.base import Problem

    w = np.zeros(objective.layout.size)
    w = Newton().minimize(Problem(objective, w, tol=1e-18, max_iter=200, rng=None)).w
    found = certify(objective, objective.loss, w)
    assert -1e-12 <= (found.value - found.bound) / found.value < 1e-8
    assert abs(found.smoothing) < 1e-9 * found.value


@pytest.mark.parametrize("contrast", ["hardest", "all"])
@pytest.mark.parametrize("loss", ["hinge", "simple"])
def test_the_bound_of_a_kinked_loss_closes_as_it_cools(make_objective, loss, contrast):
    objective = make_objective(LOSSES[loss](contrast=contrast), penalty=0.5)
    w, gaps, smoothing = np.zeros(objective.layout.size), [], []
    for temperature in (1.0, 0.1, 0.01, 1e-3):
        slopes_of = objective.loss.smoothed(temperature)
        stage = objective.with_loss(slopes_of)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            w = minimize(
                stage.evaluate, w, jac=True, method="BFGS", options={"gtol": 1e-9, "maxiter": 500}
            ).x
        found = certify(objective, slopes_of, w)
        gaps.append((found.value - found.bound) / found.value)
        smoothing.append(found.smoothing / found.value)
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 5e-3
    np.testing.assert_allclose(smoothing, gaps, rtol=0.2, atol=1e-4)


@pytest.mark.parametrize("fit_intercept", [False, True])
def test_the_bound_holds_next_to_an_exact_minimum(make_objective, fit_intercept):
    """Hinge with next to no penalty: the minimum is that of a linear programme, but for ‖w‖²."""
    objective = make_objective(
        Hinge(), n_rows=20, n_answers=3, penalty=1e-9, fit_intercept=fit_intercept
    )
    k, d, n = 3, 3, 20
    design = np.hstack([objective.X, np.ones((n, 1))])[:, : d + fit_intercept]
    rows, right = [], []
    for i in range(n):
        for a in set(range(k)) - {objective.y[i]}:
            row = np.zeros((k, design.shape[1]))
            row[objective.y[i]], row[a] = -design[i], design[i]  # F(y) − F(a)
            slack = -np.eye(n)[i]
            rows.append(np.r_[row.ravel(), slack])
            right.append(-1.0)
    free = k * design.shape[1]
    found = linprog(
        np.r_[np.zeros(free), objective.weight], A_ub=np.array(rows), b_ub=right,
        bounds=[(None, None)] * free + [(0, None)] * n,
    )  # fmt: skip
    w = found.x[:free].reshape(k, -1)
    packed = np.r_[w[:, :d].ravel(), w[:, d:].ravel()]
    exact = objective.value(packed)
    np.testing.assert_allclose(exact, found.fun, rtol=1e-5)
    for temperature in (1.0, 0.1, 0.01):
        slopes_of = objective.loss.smoothed(temperature)
        stage = objective.with_loss(slopes_of)
        near = minimize(stage.evaluate, packed, jac=True, method="L-BFGS-B").x
        for point in (packed, near):
            assert certify(objective, slopes_of, point).bound <= exact * (1 + 1e-9)


def test_there_is_no_bound_where_there_can_be_none(make_objective):
    for objective in (make_objective(MCE()), make_objective(NLL(), penalty=0.0)):
        w = np.ones(objective.layout.size)
        found = certify(objective, objective.loss, w)
        assert found.bound == -np.inf
        np.testing.assert_allclose(found.value, objective.value(w))


def test_float32_rows_have_a_bound(make_objective):
    for loss in (NLL(), Hinge(), Simple()):
        wide, narrow = make_objective(loss), make_objective(loss, dtype=np.float32)
        w, best = best_value(wide)
        slopes_of = loss.smoothed(1e-3)
        found = certify(narrow, slopes_of, w)
        assert found.bound <= best * (1 + 1e-5)
        expected = certify(wide, slopes_of, w).bound
        np.testing.assert_allclose(found.bound, expected, rtol=1e-3)


@pytest.mark.parametrize(
    ("penalty", "size", "inside"), [(1.0, 1.0, True), (1e4, 1.0, False), (1e4, 3000.0, True)]
)
def test_the_bound_is_the_best_between_no_slopes_and_these(make_objective, penalty, size, inside):
    """−θ Σ wᵢ ℓ*(gᵢ) − θ² ‖Σ wᵢ gᵢ xᵢ‖²/(2λ) at the best θ, with ℓ*(e_y − p) = Σ p log p."""
    for seed in range(6):
        objective = make_objective(NLL(), seed=seed, penalty=penalty, fit_intercept=False)
        W = size * np.random.RandomState(seed).normal(size=(3, 3))
        energies = -objective.X @ W.T
        p = softmax(-energies, axis=1)
        slopes = np.eye(3)[objective.y] - p
        conjugate = objective.weight @ xlogy(p, p).sum(axis=1)
        pulled = (slopes * objective.weight[:, None]).T @ objective.X
        quadratic = (pulled**2).sum() / penalty
        theta = np.clip(-conjugate / quadratic, 0, 1)  # where the derivative by θ is 0
        assert (theta < 1) == inside
        found = certify(objective, objective.loss, W.ravel())
        expected = -theta * conjugate - 0.5 * theta**2 * quadratic
        np.testing.assert_allclose(found.bound, expected, rtol=1e-6, atol=1e-12)
        assert found.smoothing == 0


def test_slopes_that_still_pull_at_an_intercept_give_no_bound(make_objective, monkeypatch):
    class Unbalanced:
        def marginals(self, slope, block):
            return np.zeros(1)

        def of(self, marginals):
            return lambda slope, correct: slope

    objective = make_objective(NLL())
    w = np.ones(objective.layout.size)
    assert np.isfinite(certify(objective, objective.loss, w).bound)
    monkeypatch.setattr(duality_gap, "balance_of", lambda objective: Unbalanced())
    found = certify(objective, objective.loss, w)
    assert found.bound == -np.inf
    np.testing.assert_allclose(found.value, objective.value(w))


@pytest.mark.parametrize(("entries", "passes"), [(119, 2), (120, 1)])
def test_slopes_of_few_energies_are_kept_and_those_of_many_computed_again(
    make_objective, monkeypatch, entries, passes
):
    objective = make_objective(Hinge())  # 40 rows of 3 energies
    w = np.random.RandomState(0).normal(size=objective.layout.size)
    soft = objective.loss.smoothed(0.3)
    expected = certify(objective, soft, w)
    calls, linearize = [], Linear.linearize
    monkeypatch.setattr(Linear, "linearize", lambda *given: calls.append(1) or linearize(*given))
    monkeypatch.setattr(duality_gap, "KEPT_ENTRIES", entries)
    assert certify(objective, soft, w) == expected
    assert len(calls) == passes


def test_no_bound_is_looked_for_where_smoothing_alone_costs_too_much(make_objective):
    objective = make_objective(Hinge())
    w = np.random.RandomState(0).normal(size=objective.layout.size)
    soft = objective.loss.smoothed(0.3)
    value, bound, smoothing = certify(objective, soft, w)
    assert np.isfinite(bound) and smoothing > 0
    share = smoothing / value
    assert certify(objective, soft, w, worth=1.01 * share) == (value, bound, smoothing)
    assert certify(objective, soft, w, worth=0.99 * share) == (value, -np.inf, smoothing)


# Balancing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [2, 3, 10, 50])
@pytest.mark.parametrize("spread", [0.1, 1.0, 3.0])
def test_circulation_balances_rows_and_columns(k, spread):
    rng = np.random.RandomState(k)
    push = np.exp(spread * rng.normal(size=(k, k)))
    np.fill_diagonal(push, 0.0)
    factors = _circulation(push)
    assert ((factors >= 0) & (factors <= 1)).all()
    flow = factors * push
    np.testing.assert_allclose(flow.sum(axis=0), flow.sum(axis=1), rtol=1e-9)
    assert flow.sum() > 0


def test_circulation_of_a_balanced_matrix_changes_nothing():
    push = np.array([[0.0, 2.0, 1.0], [2.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    np.testing.assert_allclose(_circulation(push)[push > 0], 1.0, rtol=1e-12)


def test_circulation_drops_answers_that_are_only_pushed_or_only_pulled():
    # 2 → 0 ⇄ 1 → 3: nothing comes into 2 and nothing goes out of 3
    push = np.zeros((4, 4))
    push[0, 1], push[1, 0], push[2, 0], push[1, 3] = 2.0, 8.0, 5.0, 1.0
    flow = push * _circulation(push)
    np.testing.assert_allclose(flow.sum(axis=0), flow.sum(axis=1), atol=1e-12)
    np.testing.assert_allclose([flow[0, 1], flow[1, 0]], flow[0, 1])
    assert flow[0, 1] > 0 and flow[2].sum() == flow[:, 3].sum() == 0


def test_circulation_of_nothing_is_nothing():
    np.testing.assert_array_equal(_circulation(np.zeros((3, 3))), np.zeros((3, 3)))


@pytest.mark.parametrize("name", [n for n in CONVEX if not CONVEX[n].traits.fixes_level])
def test_moved_push_is_balanced_and_bounds_as_circulations_do(make_objective, name, monkeypatch):
    loss = CONVEX[name]
    if not loss._total_push_only:
        return
    useful = 0
    for objective in problems(make_objective, loss, 7):
        w, best = best_value(objective)
        slopes_of = objective.loss.smoothed(1e-3)
        circulated = certify(objective, slopes_of, w)
        monkeypatch.setattr(_dual_balance, "MOST_ANSWERS", 1)
        moved = certify(objective, slopes_of, w)
        monkeypatch.undo()
        assert moved.bound <= best * (1 + 1e-9) + 1e-12
        useful += moved.bound > 0.5 * circulated.bound
    assert useful >= 4


def test_groups_of_classes_that_hardly_meet_have_a_bound():
    """Pushes of 1e-16 between two groups: a chain held together by them is singular."""
    rng = np.random.RandomState(0)
    for k in (3, 4, 5):
        for loss in (NLL(), Hinge()):
            inner = rng.uniform(0.5, 1.0, size=(2 * k, 2 * k))
            across = np.kron([[0, 1], [1, 0]], np.ones((k, k)))
            push = np.where(across > 0, 1e-17 * inner, inner)
            np.fill_diagonal(push, 0.0)
            factors = _circulation(push)
            flow = factors * push
            np.testing.assert_allclose(flow.sum(axis=0), flow.sum(axis=1), rtol=1e-9)
            assert (flow.sum(axis=1) > 0).all()
            y = np.arange(40 * k) % (2 * k)
            X = np.where(y < k, -30.0, 30.0)[:, None] + rng.normal(size=(len(y), 3))
            X[:, 1:] += 2 * rng.normal(size=(2 * k, 2))[y]
            clf = EBMClassifier(loss=loss, C=100.0).fit(X, y)
            assert clf.gap_ <= 1e-4
