r"""Start for smooth losses on sparse rows: separating parameters with the best scale.

If many columns separate the classes, the coefficients become large, and most iterations from a zero
start only increase their scale. The loss decreases by orders of magnitude meanwhile, and so does
its curvature, which the solver has estimated before. A few passes of LIBLINEAR with the hinge loss
find approximately the direction w of the minimum. Only the scale a is then searched,

.. code-block:: none

    start = a w,    a = argmin f(a w),    a in {0, 1/2, …, 1, √2, 2, …, 16}

which takes one pass over the rows, because the energies at a w are a times those at w.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm.learning.starts.liblinear import CONSTANT, SIZE, is_taken, lock, mean_square
from sklearn_ebm.solvers.objective import Block, Objective

# C of the hinge loss relative to the objective. With less than 1, rows with a large margin still
# have an influence, as with smooth losses.
SHARE_OF_C = 0.1

# Tolerance of LIBLINEAR: the largest violation in the dual, in margins.
TOLERANCE = 2.0

# Largest number of passes for two classes. For more classes LIBLINEAR has no such limit, and its
# time for rows that are not separable increases with the mean of C‖x‖², which is limited to LENGTH.
PASSES, LENGTH = 20, 200.0

# Candidates of the scale a.
SCALES = np.append(0.0, 2.0 ** np.arange(-1, 4.5, 0.5))


def separating_start(objective: Objective, standardized: Any, C: float) -> Array | None:
    """Compute a start; None if the loss or the rows do not suit.

    Parameters
    ----------
    objective : Objective
        Objective of a linear energy in standardised parameters.
    standardized : Energy
        The energy in these parameters.
    C : float
        Inverse strength of the penalty, times the mean weight.

    Returns
    -------
    ndarray of shape (size,) or None
        Standardised parameters.

    References
    ----------
    Keerthi, Sundararajan, Chang, Hsieh, Lin, "A Sequential Dual Method for Large Scale Multi-Class
    Linear SVMs", KDD 2008, 408-416. :doi:`10.1145/1401890.1401942`
    """
    X, unit = objective.X, objective.loss.traits.hinge_scale
    if unit is None or not sparse.issparse(X) or objective.layout.size < SIZE:
        return None
    square = mean_square(X)
    if not (is_taken(objective) and 0 < square < np.inf and np.isfinite(C)):
        return None
    share = SHARE_OF_C * C / unit
    if objective.n_answers > 2:
        share = min(share, LENGTH / square)
    params = _hinge(objective, standardized.fit_intercept, share, square)
    w = objective.layout.pack(standardized.from_params(params))
    return best_scale(objective, unit * w) * unit * w


def _hinge(objective: Objective, fit_intercept: bool, C: float, square: float) -> Params:
    """Parameters of the linear energy after a few passes of LIBLINEAR."""
    k = objective.n_answers
    kind = {"multi_class": "crammer_singer"} if k > 2 else {"loss": "hinge"}
    machine = LinearSVC(
        C=C, tol=TOLERANCE, max_iter=PASSES, fit_intercept=fit_intercept, random_state=0,
        intercept_scaling=CONSTANT * np.sqrt(square), **kind,
    )  # fmt: skip
    X = sparse.csr_matrix(objective.X)
    X = sparse.csr_matrix(
        (X.data, X.indices.astype(np.int32), X.indptr.astype(np.int32)), shape=X.shape, copy=False
    )
    # The random numbers of LIBLINEAR are process-wide.
    with lock, warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        machine.fit(X, objective.y, sample_weight=objective.weight)
    coef, intercept = machine.coef_, np.atleast_1d(machine.intercept_)
    if k == 2:
        # The binary classifier is the difference of two templates.
        coef, intercept = 0.5 * np.vstack([-coef, coef]), 0.5 * np.append(-intercept, intercept)
    return {"coef": coef, "intercept": intercept} if fit_intercept else {"coef": coef}


def best_scale(objective: Objective, w: Array) -> float:
    """Return the scale a in `SCALES` that minimises the objective of a linear energy at a w."""
    sums = objective.float32_copy or objective
    params = sums.layout.unpack(w)

    def of_block(block: Block) -> tuple[Array]:
        energies = sums.energy.linearize(params, block.X).energies
        found = (sums.loss(scale * energies, block.correct)[0] for scale in SCALES.tolist())
        return (np.array([float(block.weight @ value.astype(np.float64)) for value in found]),)

    (values,) = sums.sum_over_rows(of_block)
    values += np.square(SCALES) * sums.penalty_at(w)
    return float(SCALES[np.nanargmin(values)])
