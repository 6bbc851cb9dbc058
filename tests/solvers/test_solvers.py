"""Solvers: known minima, the line search, and the averaged perceptron against a plain loop."""

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize

from sklearn_ebm import checks
from sklearn_ebm.energies import Linear
from sklearn_ebm.losses import LOSSES, NLL, Loss, Perceptron, SquareSquare, Traits
from sklearn_ebm.losses.curvature import Curvature
from sklearn_ebm.solvers import LBFGS, SOLVERS, Averaged, Newton
from sklearn_ebm.solvers._line_search import CURVATURE, SUFFICIENT_DECREASE, line_search
from sklearn_ebm.solvers.base import STOPPED_BY_MONITOR, Problem
from sklearn_ebm.solvers.hessian import hessian_of, hessian_product
from sklearn_ebm.solvers.objective import Objective
from sklearn_ebm.solvers.separable import separable, separates

BATCH = [name for name in SOLVERS if not (SOLVERS[name].online or SOLVERS[name].stochastic)]


def run(solver, objective, start=None, tol=1e-14, max_iter=2000, seed=0, monitor=None):
    start = np.zeros(objective.layout.size) if start is None else start
    rng = np.random.RandomState(seed)
    return solver.minimize(Problem(objective, start, tol, max_iter, rng, monitor))


@pytest.mark.parametrize("name", SOLVERS)
def test_promises(name):
    checks.solvers.check_solver(SOLVERS[name]())


class Quadratic(Loss):
    """½ Σ (F(y') − [y' ≠ y])², whose minimum is ridge regression."""

    traits = Traits(convex=True, fixes_level=True)

    def __call__(self, energies, correct):
        rest = energies - ~correct
        return 0.5 * (rest**2).sum(axis=1), rest

    def curvature(self, energies, correct):
        return Curvature(np.ones_like(energies))


@pytest.mark.parametrize("name", BATCH)
def test_the_minimum_of_a_quadratic_is_that_of_the_normal_equations(make_objective, name):
    objective = make_objective(Quadratic(), penalty=0.7)
    X = np.hstack([objective.X, np.ones((40, 1))])
    target = -(np.arange(3)[None, :] != objective.y[:, None]).astype(float)
    ridge = 0.7 * np.diag([1.0, 1.0, 1.0, 0.0])
    weighted = X.T * objective.weight
    solution = np.linalg.solve(weighted @ X + ridge, weighted @ target).T
    found = objective.layout.unpack(run(SOLVERS[name](), objective, tol=1e-20).w)
    np.testing.assert_allclose(found["coef"], solution[:, :3], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(found["intercept"], solution[:, 3], rtol=1e-6, atol=1e-8)


def scipy_minimum(objective):
    """The smallest value that SciPy finds, by BFGS with a full inverse Hessian."""
    found = minimize(
        objective.evaluate, np.zeros(objective.layout.size), jac=True, method="BFGS",
        options={"gtol": 1e-9, "maxiter": 2000},
    )  # fmt: skip
    return found.fun


@pytest.mark.parametrize("separable", [False, True])
@pytest.mark.parametrize("n_answers", [2, 4])
@pytest.mark.parametrize("penalty", [1e-2, 1.0, 100.0])
def test_logistic_regression_has_the_value_of_scipy(make_objective, separable, n_answers, penalty):
    objective = make_objective(NLL(), n_answers=n_answers, separable=separable, penalty=penalty)
    expected = scipy_minimum(objective)
    for name in BATCH:
        result = run(SOLVERS[name](), objective)
        assert result.converged
        np.testing.assert_allclose(result.value, expected, rtol=1e-10)


@pytest.mark.parametrize("name", BATCH)
@pytest.mark.parametrize("loss", ["square_square", "square_exp", "log"])
def test_other_smooth_losses_have_the_value_of_scipy(make_objective, loss, name):
    objective = make_objective(LOSSES[loss](contrast="all"), penalty=0.1)
    result = run(SOLVERS[name](), objective)
    np.testing.assert_allclose(result.value, scipy_minimum(objective), rtol=1e-10)


@pytest.mark.parametrize("name", BATCH)
def test_columns_of_any_unit_have_the_same_minimum(make_objective, name):
    """Without a penalty the units of the features cannot matter."""
    plain = make_objective(NLL(), penalty=0.0)
    units = np.array([1e-6, 1.0, 1e6])
    other = Objective(Linear(), NLL(), plain.X * units, plain.y, plain.weight, 3, 0.0)
    one, two = run(SOLVERS[name](), plain), run(SOLVERS[name](), other)
    np.testing.assert_allclose(one.value, two.value, rtol=1e-10)
    assert abs(one.n_iter - two.n_iter) <= 3


@pytest.mark.parametrize("name", BATCH)
def test_a_loss_that_is_not_convex_still_falls(make_objective, name):
    objective = make_objective(LOSSES["mce"]())
    start = np.random.RandomState(3).normal(size=objective.layout.size)
    result = run(SOLVERS[name](), objective, start, tol=1e-8)
    assert result.value < 0.9 * result.curve[0]
    assert (np.diff(result.curve) <= 1e-12 * result.curve[0]).all()


@pytest.mark.parametrize("name", BATCH)
def test_max_iter_is_said_where_it_ends_the_search(make_objective, name):
    result = run(SOLVERS[name](), make_objective(penalty=1e-3, separable=True), max_iter=2)
    assert not result.converged
    assert result.n_iter == 2
    assert result.message == "max_iter was reached"
    nothing = run(SOLVERS[name](), make_objective(), max_iter=0)
    assert nothing.n_iter == 0 and not nothing.converged


@pytest.mark.parametrize("name", BATCH)
def test_float32_rows_converge_to_their_own_resolution(make_objective, name):
    narrow = run(SOLVERS[name](), make_objective(dtype=np.float32), tol=1e-14)
    assert narrow.converged
    np.testing.assert_allclose(narrow.value, run(LBFGS(), make_objective()).value, rtol=1e-5)


def test_settings_are_used(make_objective):
    objective = make_objective(n_features=8, penalty=1e-3)
    assert run(LBFGS(memory=1), objective).n_iter > run(LBFGS(memory=30), objective).n_iter
    few, many = (Newton(max_inner=inner, dense_size=0) for inner in (1, 200))
    assert run(few, objective).n_iter > run(many, objective).n_iter


def test_the_dense_and_the_iterative_newton_step_agree(make_objective):
    objective = make_objective(n_answers=4, penalty=0.1)
    dense, iterative = (run(Newton(dense_size=size), objective) for size in (500, 0))
    np.testing.assert_allclose(dense.value, iterative.value, rtol=1e-13)
    assert abs(dense.n_iter - iterative.n_iter) <= 3
    w = np.random.RandomState(0).normal(size=objective.layout.size)
    product = hessian_product(objective, w)
    columns = [product(unit) for unit in np.eye(len(w))]
    np.testing.assert_allclose(hessian_of(objective, w), columns, rtol=1e-10, atol=1e-12)


# The line search ---------------------------------------------------------------------------------


def along(function, derivative):
    return lambda point: (float(function(point[0])), np.array([derivative(point[0])]))


FUNCTIONS = {
    "near": (lambda x: (x - 1) ** 2, lambda x: 2 * (x - 1), 0.5),
    "steep": (lambda x: 500 * (x - 1e-3) ** 2, lambda x: 1000 * (x - 1e-3), 0.0),
    "flat": (lambda x: 1e-4 * (x - 900) ** 2, lambda x: 2e-4 * (x - 900), 0.0),
    "wall": (
        lambda x: -x if x < 0.3 else np.inf,
        lambda x: -1.0 if x < 0.3 else np.nan,
        0.0,
    ),
    "quartic": (lambda x: x**4 - 3 * x, lambda x: 4 * x**3 - 3, 0.0),
    "waves": (lambda x: np.cos(x) + 0.01 * x**2, lambda x: -np.sin(x) + 0.02 * x, 0.1),
}


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "wall"])
@pytest.mark.parametrize("length", [1e-3, 1.0, 50.0])
def test_a_step_satisfies_the_weak_wolfe_conditions(name, length):
    function, derivative, start = FUNCTIONS[name]
    evaluate = along(function, derivative)
    point = np.array([start])
    value, gradient = evaluate(point)
    direction = -length * np.sign(gradient)
    step = line_search(evaluate, point, value, gradient, direction, noise=0.0)
    moved = (step.point - point) @ gradient
    assert step.value <= value + SUFFICIENT_DECREASE * moved + 1e-15
    assert step.gradient @ direction >= CURVATURE * (gradient @ direction)
    assert evaluate(step.point)[0] == step.value


def test_values_that_are_not_finite_are_too_far():
    function, derivative, start = FUNCTIONS["wall"]
    evaluate = along(function, derivative)
    point = np.array([start])
    step = line_search(evaluate, point, 0.0, np.array([-1.0]), np.array([1.0]), noise=0.0)
    assert 0 < step.point[0] < 0.3 and step.value == -step.point[0]


def test_no_step_uphill_or_nowhere():
    evaluate = along(*FUNCTIONS["near"][:2])
    point = np.array([0.0])
    value, gradient = evaluate(point)
    assert line_search(evaluate, point, value, gradient, gradient, 0.0) is None
    assert line_search(evaluate, point, value, gradient, 0 * gradient, 0.0) is None
    far = np.array([1e20])  # a step of 1 is lost in rounding here
    value, gradient = evaluate(far)
    assert line_search(evaluate, far, value, gradient, np.array([-1.0]), 0.0) is None


def test_rounding_in_the_value_does_not_hide_a_good_step():
    """The value is flat to rounding, the slope is not: the approximate Wolfe conditions."""
    evaluate = along(lambda x: 1.0 + 1e-20 * x**2, lambda x: 2e-20 * x)
    point = np.array([1.0])
    value, gradient = evaluate(point)
    step = line_search(evaluate, point, value, gradient, np.array([-1.0]), noise=1e-15)
    np.testing.assert_allclose(step.point, 0.0, atol=0.5)


# The averaged perceptron -------------------------------------------------------------------------


def plain_perceptron(objective, start, passes, rng):
    """Row by row, and the mean of the parameters after each row."""
    w, total, seen, means = start.copy(), np.zeros_like(start), 0, []
    k, d = objective.n_answers, objective.X.shape[1]
    for _ in range(passes):
        for row in rng.permutation(len(objective.y)):
            x, y = objective.X[row], objective.y[row]
            coef, intercept = w[: k * d].reshape(k, d), w[k * d :]
            best = int(np.argmin(-(coef @ x) - intercept))
            if best != y:
                coef[y] += objective.weight[row] * x
                intercept[y] += objective.weight[row]
                coef[best] -= objective.weight[row] * x
                intercept[best] -= objective.weight[row]
            total += w
            seen += 1
        means.append(total / seen)
    return means


@pytest.mark.parametrize("n_rows", [5, 64, 65, 200])
@pytest.mark.parametrize("as_sparse", [False, True])
def test_the_lazy_mean_is_that_of_a_plain_loop(make_objective, n_rows, as_sparse):
    objective = make_objective(
        Perceptron(), n_rows=n_rows, n_answers=4, penalty=0.0, as_sparse=as_sparse
    )
    X = objective.X.toarray() if as_sparse else objective.X
    X = np.round(4 * X)  # whole numbers, so that sums are exact
    weight = np.round(2 * objective.weight) + 1
    same = Objective(Linear(), Perceptron(), X, objective.y, weight, 4, 0.0)
    start = np.round(np.random.RandomState(1).normal(size=objective.layout.size))
    means = plain_perceptron(same, start, 3, np.random.RandomState(0))
    objective = Objective(
        Linear(),
        Perceptron(),
        type(objective.X)(X) if as_sparse else X,
        objective.y,
        weight,
        4,
        0.0,
    )
    for passes in (1, 2, 3):
        result = run(Averaged(patience=100), objective, start, max_iter=passes)
        values = [objective.value(mean) for mean in means[: result.n_iter]]
        np.testing.assert_allclose(result.curve[1:], values, rtol=1e-12, atol=1e-12)
        if not result.converged:
            best = means[int(np.argmin(values))]
            np.testing.assert_allclose(result.w, best, rtol=1e-12, atol=1e-12)


def test_patience_ends_the_passes(make_objective):
    objective = make_objective(Perceptron(), penalty=0.0)
    short = run(Averaged(patience=1), objective, max_iter=500)
    long = run(Averaged(patience=20), objective, max_iter=500)
    assert short.converged and long.converged
    assert "no weights were found that separate the rows" in short.message
    assert short.n_iter < long.n_iter
    assert long.value <= short.value


GATES = {"AND": [0, 0, 0, 1], "OR": [0, 1, 1, 1], "NAND": [1, 1, 1, 0], "NOR": [1, 0, 0, 0]}


@pytest.mark.parametrize("gate", GATES)
def test_a_pass_without_a_mistake_is_what_is_returned(gate):
    """The mean of all steps need not separate what the last of them do."""
    X, y = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array(GATES[gate])
    objective = Objective(Linear(), Perceptron(), X, y, np.ones(4), 2, 0.0)
    for seed in range(5):
        result = run(Averaged(), objective, max_iter=200, seed=seed)
        assert result.converged and result.message == "a pass made no mistake"
        assert separates(objective, result.w) and result.value == 0


def test_passes_that_are_too_few_to_separate_are_no_success():
    """Two rows a hair apart: the perceptron takes some hundred thousand steps."""
    X, y = np.array([[1.0], [1.001]]), np.array([0, 1])
    objective = Objective(Linear(), Perceptron(), X, y, np.ones(2), 2, 0.0)
    result = run(Averaged(), objective, max_iter=50)
    assert not result.converged and result.n_iter == 50
    assert "there are weights that separate the rows" in result.message


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("as_sparse", [False, True])
def test_separable_is_told_from_not_separable(scale, as_sparse):
    """Rows of weights that are known; then with one row that is in two classes."""
    rng = np.random.RandomState(0)
    X = scale * rng.normal(size=(60, 4)) * [1.0, 1.0, 1e3, 1e-3]
    y = (X @ rng.normal(size=(4, 3))).argmax(axis=1)
    weight = rng.uniform(0.1, 5.0, size=61)
    for extra, expected in ((y[0], True), ((y[0] + 1) % 3, False)):
        rows, answers = np.vstack([X, X[:1]]), np.append(y, extra)
        rows = sparse.csr_matrix(rows) if as_sparse else rows
        objective = Objective(Linear(), Perceptron(), rows, answers, weight, 3, 0.0)
        assert separable(objective) == expected


@pytest.mark.parametrize("name", SOLVERS)
def test_a_search_that_is_stopped_says_that_it_was(make_objective, name):
    solver = SOLVERS[name]()
    objective = make_objective(Perceptron() if solver.online else NLL(), penalty=0.1)
    result = run(solver, objective, monitor=lambda progress: True)
    assert result.n_iter == 1 and result.message == STOPPED_BY_MONITOR


@pytest.mark.parametrize("name", SOLVERS)
def test_no_iterations_return_the_start(make_objective, name):
    solver = SOLVERS[name]()
    objective = make_objective(Perceptron() if solver.online else NLL(), penalty=0.1)
    start = np.random.RandomState(0).normal(size=objective.layout.size)
    result = run(solver, objective, start, max_iter=0)
    np.testing.assert_allclose(result.w, start, rtol=1e-14)
    assert result.n_iter == 0 and not result.converged
    assert result.message == "max_iter was reached"
    np.testing.assert_allclose(result.value, objective.value(start), rtol=1e-12)


def test_the_best_mean_is_kept(make_objective):
    objective = make_objective(Perceptron(), penalty=0.0)
    result = run(Averaged(), objective, max_iter=30)
    assert result.value == min(result.curve[1:])
    np.testing.assert_allclose(objective.value(result.w), result.value, rtol=1e-14)


def test_square_square_from_far_away(make_objective):
    """A start where the squares are huge is no obstacle."""
    objective = make_objective(SquareSquare(contrast="all"), penalty=0.1)
    start = 1e6 * np.random.RandomState(0).normal(size=objective.layout.size)
    for name in BATCH:
        result = run(SOLVERS[name](), objective, start)
        np.testing.assert_allclose(result.value, scipy_minimum(objective), rtol=1e-8)
