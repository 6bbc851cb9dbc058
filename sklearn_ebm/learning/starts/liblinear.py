r"""Start from LIBLINEAR for the hinge loss, with a dual point for the duality gap.

LIBLINEAR minimises the hinge loss in the dual, one row at a time, and is much faster than other
solvers for many sparse columns. scikit-learn returns its coefficients, but not its dual variables
gᵢ. As the coefficients are W = Σᵢ gᵢ φ(xᵢ)ᵀ, a further column for each row, with the value ε in
this row and zero elsewhere, has the coefficients ε gᵢ. If ε is far below the size of the rows,
these columns do not affect the rest.

LIBLINEAR penalises intercepts by ‖b‖²/(2s²), but the objective does not. Its solution has
Σᵢ wᵢ gᵢ = b/(λ s²), although a bound of the minimum needs zero. `tilted` corrects this.
"""

from __future__ import annotations

import threading
import warnings
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from sklearn_ebm._utils.arrays import column_norms, ones
from sklearn_ebm._utils.parameters import Array, Params
from sklearn_ebm.solvers.objective import Objective

# Smallest number of parameters for a start from LIBLINEAR.
SIZE = 1000

# Tolerance of the first fit. If its mean loss is below SEPARABLE times the margin, few rows are
# undecided and accurate fits are fast; otherwise they may take minutes.
LOOK, SEPARABLE = 1.0, 0.1

# Number of further fits of increasing accuracy. If many rows are undecided, there is one, with a
# tolerance of at least NOISY_TOLERANCE.
ATTEMPTS = 3
NOISY_TOLERANCE = 5e-4

# Smallest tolerance; the gap is about half of the tolerance.
SMALLEST_TOLERANCE = 1e-7

# Value of the constant column, relative to the root mean square of ‖x‖, and its largest value. A
# larger value reduces the penalty of intercepts, but slows convergence.
CONSTANT, LARGEST_CONSTANT = 0.35, 10.0

# Constant column, and tolerance relative to tol, with which one fit suffices for dense rows, for
# which a second fit takes as long as the first.
LATE_CONSTANT, LATE_SHARE = 0.7, 0.5

# The next fit aims at this fraction of the allowed gap. The gap has two parts: one is about
# proportional to the tolerance of LIBLINEAR, the other, from the penalty of the intercepts, to the
# inverse fourth power of the constant.
AIM = 0.3
CONSTANT_POWER = 0.25

# If a part of the gap has not decreased by this factor, no further fit is made.
FALLEN = 0.5

# Largest mean of C‖x‖²; with larger values it takes too many steps, and cannot be interrupted.
LENGTH = 1e4

# ε, relative to the root mean square of ‖x‖.
MARK = 1e-6

# Largest number of Newton steps of `tilted`, largest step, and tolerance of the sum, relative to
# the total weight.
TILTS = 30
LARGEST_TILT = 2.0
BALANCED = 1e-13

lock = threading.Lock()


class Start(NamedTuple):
    """Parameters of the linear energy, and slopes (n, k) in the domain of the conjugate."""

    params: Params
    slopes: Array


class Liblinear:
    """Fits of an objective by LIBLINEAR with increasing accuracy.

    Parameters
    ----------
    objective : Objective
        Objective of a linear energy.
    fit_intercept : bool
        Whether the energy has an intercept.
    C : float
        Inverse strength of the penalty, times the mean weight.
    tol : float
        Largest relative gap.

    Attributes
    ----------
    suits : bool
        Whether LIBLINEAR supports the loss and the rows.
    starts : bool
        Whether it is expected to be fast, as for sparse rows.

    References
    ----------
    Keerthi, Sundararajan, Chang, Hsieh, Lin, "A Sequential Dual Method for Large Scale Multi-Class
    Linear SVMs", KDD 2008, 408-416. :doi:`10.1145/1401890.1401942`
    """

    def __init__(self, objective: Objective, fit_intercept: bool, C: float, tol: float) -> None:
        self.objective, self.tol = objective, tol
        self.tolerance, self.constant = max(LOOK, tol), CONSTANT
        self.undone, self.attempts, self.looked = np.inf, ATTEMPTS, False
        self.marked: Any = None
        X, similar = objective.X, objective.loss._liblinear(objective.n_answers)
        self.suits = False
        self.starts = False
        if similar is None or objective.layout.size < SIZE:
            return
        settings, self.unit = similar
        self.settings = {"C": C / self.unit, "fit_intercept": fit_intercept} | settings
        square = mean_square(X)
        self.length = float(np.sqrt(square))
        self.suits = is_taken(objective) and 0 < square * C / self.unit <= LENGTH
        self.starts = self.suits and sparse.issparse(X)

    def as_fallback(self, value: float) -> bool:
        """Whether to use it for dense rows after many iterations, given the current objective.

        For dense rows its steps are more expensive than those of the solvers, and it needs a sparse
        copy of the rows. If few rows are undecided, however, it converges more reliably.
        """
        if not self.suits or self.noisy(value):
            return False
        self.looked, self.constant = True, LATE_CONSTANT
        self.tolerance = max(LATE_SHARE * self.tol, SMALLEST_TOLERANCE)
        return True

    def noisy(self, value: float) -> bool:
        """Whether many rows are undecided, judging by the mean loss."""
        return value > SEPARABLE * self.unit * float(self.objective.weight.sum())

    def start(self) -> Start:
        """Fit, and return parameters and slopes."""
        mark = MARK * self.length
        if self.marked is None:
            self.marked = _marked(self.objective.X, mark)
        machine = LinearSVC(
            tol=self.tolerance, intercept_scaling=self.constant * self.length, random_state=0,
            **self.settings,
        )  # fmt: skip
        # The random numbers of LIBLINEAR are process-wide.
        with lock, warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            machine.fit(self.marked, self.objective.y, sample_weight=self.objective.weight)
        return _start_of(machine, self.objective, self.unit, mark)

    def tighten(self, value: float, gap: float, undone: float) -> bool:
        """Increase the accuracy; return whether another fit is worth its cost.

        Parameters
        ----------
        value : float
            The objective at the last start.
        gap : float
            Certified relative gap of the last start.
        undone : float
            The part of the gap caused by the tolerance of LIBLINEAR.
        """
        if not self.looked:
            self.looked = True
            noisy = self.noisy(value)
            self.attempts = 1 if noisy else ATTEMPTS
            self.tolerance = max(self.tol, NOISY_TOLERANCE if noisy else SMALLEST_TOLERANCE)
            return True
        self.attempts -= 1
        room, before = AIM * self.tol, self.undone
        self.undone = undone
        if undone > room:
            self.tolerance = max(self.tolerance * min(room / undone, 1.0), SMALLEST_TOLERANCE)
        rest = gap - undone
        if rest > room:
            self.constant *= (rest / room) ** CONSTANT_POWER
        hopeful = undone <= room or undone <= FALLEN * before
        return self.attempts > 0 and hopeful and self.constant <= LARGEST_CONSTANT


def mean_square(X: Any) -> float:
    """Mean of ‖x‖² over the rows, without a copy of dense rows."""
    if sparse.issparse(X):
        return float(np.dot(X.data.astype(np.float64, copy=False), X.data)) / X.shape[0]
    norms = column_norms(X, ones(X.shape[0]))
    return float(norms @ norms) / X.shape[0]


def is_taken(objective: Objective) -> bool:
    """Whether LIBLINEAR supports the rows: not too many entries, and all classes."""
    X = objective.X
    entries = X.nnz if sparse.issparse(X) else X.size
    fits = entries + X.shape[0] <= np.iinfo(np.int32).max
    return fits and len(np.unique(objective.y)) == objective.n_answers


def _marked(X: Any, mark: float) -> Any:
    """The rows with a further column for each, with 32-bit indices."""
    X = sparse.hstack(
        [sparse.csr_matrix(X), sparse.identity(X.shape[0]) * mark], format="csr", dtype=np.float64
    )
    X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
    return X


def _start_of(machine: LinearSVC, objective: Objective, unit: float, mark: float) -> Start:
    """Compute parameters and slopes from a fitted `LinearSVC`."""
    k, n_columns = objective.n_answers, objective.X.shape[1]
    coef, intercept = machine.coef_, np.atleast_1d(machine.intercept_)
    if k == 2:
        # The binary classifier is the difference of two templates.
        coef, intercept = np.vstack([-coef, coef]), np.append(-intercept, intercept)
    dual = coef[:, n_columns:] / (mark * machine.C * objective.weight)
    shift = 0.5 * unit if k == 2 else unit
    start = {"coef": shift * coef[:, :n_columns], "intercept": shift * intercept}
    free = machine.fit_intercept
    params = {name: start[name] for name in start if name != "intercept" or free}
    return Start(params, _slopes(dual.T, objective, free))


def _slopes(dual: Array, objective: Objective, free: bool) -> Array:
    """Slopes from dual variables (n, k): in the simplex, and balanced if intercepts are free."""
    index = np.arange(len(dual)), objective.y
    share = np.clip(-dual, 0, 1)
    share[index] = 0
    share[index] = np.maximum(1 - share.sum(axis=1), 0)
    share /= share.sum(axis=1, keepdims=True)
    if free:
        total = np.bincount(objective.y, objective.weight, objective.n_answers)
        share = tilted(share, objective.weight, total.astype(np.float64))
    slopes = np.negative(share, out=share)
    slopes[index] = 0
    slopes[index] = -slopes.sum(axis=1)
    return slopes


def tilted(share: Array, weight: Array, total: Array) -> Array:
    r"""Adjust distributions pᵢ to pᵢ ∘ exp(u)/⟨pᵢ, exp(u)⟩ with a given weighted sum.

    Zeros do not change, and rows close to 0 and 1 change little. u minimises the convex
    Σᵢ wᵢ log⟨pᵢ, exp(u)⟩ − ⟨total, u⟩ by Newton's method. If zeros prevent an exact solution, the
    sum is only approximate.

    Parameters
    ----------
    share : ndarray of shape (n_samples, n_classes)
        Distributions pᵢ, not negative, with the sum 1 in each row.
    weight : ndarray of shape (n_samples,)
        Sample weights.
    total : ndarray of shape (n_classes,)
        The weighted sum over the rows.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        The adjusted distributions.

    References
    ----------
    Deming, Stephan, "On a Least Squares Adjustment of a Sampled Frequency Table When the Expected
    Marginal Totals are Known", Annals of Mathematical Statistics 11 (1940) 427-444.
    :doi:`10.1214/aoms/1177731829`

    Examples -------- The sum is to be (2.5, 0.5). The third row is fixed by its zero, so the first
    two become 0.75 and 0.25:

    >>> share = np.array([[0.5, 0.5], [0.5, 0.5], [1.0, 0.0]])
    >>> tilted(share, np.ones(3), np.array([2.5, 0.5])).round(9)
    array([[0.75, 0.25],
           [0.75, 0.25],
           [1.  , 0.  ]])
    """
    undecided = np.flatnonzero(share.max(axis=1) < 1)
    part, heavy = share[undecided], weight[undecided, None]
    rest = total - weight @ share
    for _ in range(TILTS):
        if not np.abs(rest).max(initial=0.0) > BALANCED * weight.sum():
            break
        pull = heavy * part
        hessian = np.diag(pull.sum(axis=0)) - part.T @ pull
        step = np.linalg.lstsq(hessian, rest, rcond=1e-10)[0]
        step *= min(1.0, LARGEST_TILT / max(np.abs(step).max(), 1e-300))
        part = part * np.exp(step)
        part /= part.sum(axis=1, keepdims=True)
        rest = rest + pull.sum(axis=0) - (heavy * part).sum(axis=0)
    result = share.copy()
    result[undecided] = part
    return result
