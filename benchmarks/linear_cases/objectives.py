r"""The objective, written a second time: nothing here comes from the package.

.. code-block:: none

    f(W, b) = Σᵢ ℓ(sᵢ, yᵢ) + ‖W‖²/(2C),   s = X Wᵀ + b,   b unpenalised

With two classes and one row of coefficients, s is the score of the second class. Every contender
is judged by this function, in float64, whatever it minimised itself.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logsumexp, softmax

POLISHING_STEPS = 200


def of_model(model, problem):
    """f at the coefficients of a fitted linear model."""
    return value(problem, model.coef_, model.intercept_)


def value(problem, coef, intercept, C=1.0):
    """f at coefficients (k, d) and intercepts (k,), or (1, d) and (1,) for two classes."""
    coef = np.asarray(coef, dtype=np.float64)
    scores = np.asarray(problem.X @ coef.T) + np.asarray(intercept, dtype=np.float64)
    rows = ROW_LOSSES[problem.loss](scores, problem.y)
    return float(rows.sum() + 0.5 / C * (coef**2).sum())


def nll(scores, y):
    if scores.shape[1] == 1:
        return np.logaddexp(0, -signed(scores, y))
    return logsumexp(scores, axis=1) - scores[np.arange(len(y)), y]


def hinge(scores, y):
    """[1 − (s_y − max s_ȳ)]⁺: Crammer and Singer."""
    if scores.shape[1] == 1:
        return np.maximum(0, 1 - signed(scores, y))
    right, wrong = right_and_wrong(scores, y)
    return np.maximum(0, 1 + wrong - right)


def log(scores, y):
    right, wrong = right_and_wrong(scores, y)
    return np.logaddexp(0, wrong - right)


def square_square(scores, y):
    """([F(y)]⁺)² + ([1 − F(ȳ)]⁺)² for energies F = −s."""
    right, wrong = right_and_wrong(scores, y)
    return np.maximum(0, -right) ** 2 + np.maximum(0, 1 + wrong) ** 2


ROW_LOSSES = {"nll": nll, "hinge": hinge, "log": log, "square_square": square_square}


def signed(scores, y):
    return np.where(y == 1, scores[:, 0], -scores[:, 0])


def right_and_wrong(scores, y):
    """Score of the right class and the highest one among the others."""
    rows = np.arange(len(y))
    others = scores.copy()
    others[rows, y] = -np.inf
    return scores[rows, y], others.max(axis=1)


def nll_gradient(problem, coef, intercept, C=1.0):
    scores = np.asarray(problem.X @ coef.T) + intercept
    if len(coef) == 1:
        slope = expit(scores) - (problem.y == 1)[:, None]
    else:
        slope = softmax(scores, axis=1)
        slope[np.arange(len(problem.y)), problem.y] -= 1
    return np.asarray(problem.X.T @ slope).T + coef / C, slope.sum(axis=0)


def polished(problem, coef, intercept):
    """Least f that SciPy's L-BFGS finds from here, each column in units of its own length."""
    coef, intercept = (np.asarray(part, dtype=np.float64) for part in (coef, intercept))
    squares = problem.X.multiply(problem.X) if hasattr(problem.X, "multiply") else problem.X**2
    unit = 1 / np.sqrt(np.asarray(squares.sum(axis=0)).ravel() / 4 + 1)
    intercept_unit = 2 / np.sqrt(len(problem.y))

    def unpack(vector):
        table = vector.reshape(len(coef), -1)
        return table[:, :-1] * unit, table[:, -1] * intercept_unit

    def value_and_gradient(vector):
        W, b = unpack(vector)
        gradient, slope = nll_gradient(problem, W, b)
        scaled = np.column_stack([gradient * unit, slope * intercept_unit])
        return value(problem, W, b), scaled.ravel()

    start = np.column_stack([coef / unit, intercept / intercept_unit]).ravel()
    settings = {"maxiter": POLISHING_STEPS, "maxcor": 30, "ftol": 1e-15, "gtol": 1e-9}
    return minimize(value_and_gradient, start, jac=True, method="L-BFGS-B", options=settings).fun
