r"""A start for smooth losses on sparse rows: templates that separate, at the scale that suits best.

Where many columns tell the answers apart, templates grow far from zero, and most steps of a search
that starts there only make them longer: the loss falls by orders of magnitude, and with it all
curvatures that the search has learned. A few passes of liblinear over the rows, for the hinge loss
and never close to its minimum, find nearly the right direction w. What is left is one number,

.. code-block:: none

    start = a w,    a = argmin f(a w),    a in {0, 1/2, …, 1, √2, 2, …, 16}

which takes one pass over the rows: the energies of a w are a times those of w.
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

# The hinge loss leads closest with less than its own share of C: rows that are right by far then
# still count, as they do in smooth losses.
SHARE_OF_C = 0.1

# The largest violation in the dual that is left, in margins: only what is badly wrong is put right.
TOLERANCE = 2.0

# Most passes for two answers. For more, liblinear cannot be told to stop, and the larger the mean
# of C‖x‖² the longer it takes on rows that no templates separate: it is kept below this.
PASSES, LENGTH = 20, 200.0

# Scales that are tried.
SCALES = np.append(0.0, 2.0 ** np.arange(-1, 4.5, 0.5))


def separating_start(objective: Objective, standardized: Any, C: float) -> Array | None:
    """Parameters to start from; None where the loss or the rows do not suit.

    Parameters
    ----------
    objective : Objective
        Of a linear energy in conditioned parameters.
    standardized : Energy
    C : float
        Of the objective in units of its weights.

    Returns
    -------
    ndarray of shape (size,) or None

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
    """Parameters of the linear energy after a few passes of liblinear."""
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
    # Its generator of random numbers is one for the process.
    with lock, warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        machine.fit(X, objective.y, sample_weight=objective.weight)
    coef, intercept = machine.coef_, np.atleast_1d(machine.intercept_)
    if k == 2:
        # One template against the other.
        coef, intercept = 0.5 * np.vstack([-coef, coef]), 0.5 * np.append(-intercept, intercept)
    return {"coef": coef, "intercept": intercept} if fit_intercept else {"coef": coef}


def best_scale(objective: Objective, w: Array) -> float:
    """The one of `SCALES` at which the objective is least along a ray, for a linear energy."""
    sums = objective.float32_copy or objective
    params = sums.layout.unpack(w)

    def of_block(block: Block) -> tuple[Array]:
        energies = sums.energy.linearize(params, block.X).energies
        found = (sums.loss(scale * energies, block.correct)[0] for scale in SCALES.tolist())
        return (np.array([float(block.weight @ value.astype(np.float64)) for value in found]),)

    (values,) = sums.sum_over_rows(of_block)
    values += np.square(SCALES) * sums.penalty_at(w)
    return float(SCALES[np.nanargmin(values)])
