r"""Separable rows: parameters from liblinear, and the dual point that proves how good they are.

liblinear minimises the hinge loss by steps in the dual, one row at a time, and is far ahead of all
others on many sparse columns. scikit-learn returns its templates, not its dual variables; but the
templates are W = Σᵢ gᵢ φ(xᵢ)ᵀ, so a column of its own for each row, ε where the row is and zero
elsewhere, gets the templates ε gᵢ. With ε far below the size of a row nothing else changes.

It penalises the intercepts by ‖b‖²/(2s²), where learning leaves them free. The penalised ones leave
Σᵢ wᵢ gᵢ = b/(λ s²) where a bound on the minimum needs zero. `tilted` moves that rest away.
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

# From so many parameters on, sparse rows start from liblinear where that has the loss.
SIZE = 1000

# A first fit at this tolerance is a look: is the mean loss below this share of the margin? Then few
# rows are undecided, steps go on with those alone, and close fits are cheap. Otherwise they may
# take minutes.
LOOK, SEPARABLE = 1.0, 0.1

# Fits after that, each with what the one before lacked; where the look saw loss in many rows, there
# is one, with a tolerance no lower than this.
ATTEMPTS = 3
NOISY_TOLERANCE = 5e-4

# The lowest tolerance; the gap is about half as large.
SMALLEST_TOLERANCE = 1e-7

# The constant column, in units of the root mean square of ‖x‖. The larger it is, the less the
# intercepts are penalised, and the more steps they take.
CONSTANT, LARGEST_CONSTANT = 0.35, 10.0

# On dense rows a second fit takes as long as the first: the constant, and the share of the asked
# tolerance, with which one is enough.
LATE_CONSTANT, LATE_SHARE = 0.7, 0.5

# What is left of the gap is aimed at this share of it, because both its parts only go about as they
# should: what liblinear left undone as its tolerance, what the penalty on intercepts costs as the
# inverse fourth power of the constant.
AIM = 0.3
CONSTANT_POWER = 0.25

# A part that has not fallen to this share since the last attempt will not do so in the next.
FALLEN = 0.5

# Its steps become many where the mean of C‖x‖² is large, and it cannot be told to stop.
LENGTH = 1e4

# ε, in units of the root mean square of ‖x‖.
MARK = 1e-6

# Newton steps of a tilt, its largest step, and the rest that rounding leaves, for each unit of
# weight.
TILTS = 30
LARGEST_TILT = 2.0
BALANCED = 1e-13

lock = threading.Lock()


class Start(NamedTuple):
    """Parameters of the linear energy, and slopes (n, k) in the domain of the conjugate."""

    params: Params
    slopes: Array


class Liblinear:
    """Fits of an objective by liblinear, each closer to the minimum than the one before.

    Parameters
    ----------
    objective : Objective
    fit_intercept : bool
    C : float
        Of the objective in units of its weights.
    tol : float
        The relative gap that is asked for.

    Attributes
    ----------
    suits : bool
        Whether liblinear knows the loss and can take the rows.
    starts : bool
        Whether it can be expected to be fast: on sparse rows.

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
        X, known = objective.X, objective.loss._liblinear(objective.n_answers)
        self.suits = False
        self.starts = False
        if known is None or objective.layout.size < SIZE:
            return
        settings, self.unit = known
        self.settings = {"C": C / self.unit, "fit_intercept": fit_intercept} | settings
        square = mean_square(X)
        self.length = float(np.sqrt(square))
        self.suits = is_taken(objective) and 0 < square * C / self.unit <= LENGTH
        self.starts = self.suits and sparse.issparse(X)

    def as_fallback(self, value: float) -> bool:
        """Whether to turn to it after all, at some value of the objective; if so, without a look.

        On dense rows each of its steps costs more than ours do, and it needs the rows once more, as
        a sparse matrix. Where few rows are undecided it comes to an end, and we may not.
        """
        if not self.suits or self.noisy(value):
            return False
        self.looked, self.constant = True, LATE_CONSTANT
        self.tolerance = max(LATE_SHARE * self.tol, SMALLEST_TOLERANCE)
        return True

    def noisy(self, value: float) -> bool:
        """Whether the mean loss says that many rows are undecided."""
        return value > SEPARABLE * self.unit * float(self.objective.weight.sum())

    def start(self) -> Start:
        """Fit and read off what was found."""
        mark = MARK * self.length
        if self.marked is None:
            self.marked = _marked(self.objective.X, mark)
        machine = LinearSVC(
            tol=self.tolerance, intercept_scaling=self.constant * self.length, random_state=0,
            **self.settings,
        )  # fmt: skip
        # Its generator of random numbers is one for the process.
        with lock, warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            machine.fit(self.marked, self.objective.y, sample_weight=self.objective.weight)
        return _start_of(machine, self.objective, self.unit, mark)

    def tighten(self, value: float, gap: float, undone: float) -> bool:
        """Aim closer, and say whether another fit can be expected to be worth it.

        Parameters
        ----------
        value : float
            The objective at the last start.
        gap : float
            Its certified relative gap.
        undone : float
            The part of the gap that a better solution of liblinear's own problem takes away.
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
    """Mean of ‖x‖² over the rows, without a copy of dense ones."""
    if sparse.issparse(X):
        return float(np.dot(X.data.astype(np.float64, copy=False), X.data)) / X.shape[0]
    norms = column_norms(X, ones(X.shape[0]))
    return float(norms @ norms) / X.shape[0]


def is_taken(objective: Objective) -> bool:
    """Whether liblinear can take the rows: few enough numbers, and of every class."""
    X = objective.X
    entries = X.nnz if sparse.issparse(X) else X.size
    fits = entries + X.shape[0] <= np.iinfo(np.int32).max
    return fits and len(np.unique(objective.y)) == objective.n_answers


def _marked(X: Any, mark: float) -> Any:
    """The rows with a column for each, in the only type of indices that liblinear knows."""
    X = sparse.hstack(
        [sparse.csr_matrix(X), sparse.identity(X.shape[0]) * mark], format="csr", dtype=np.float64
    )
    X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
    return X


def _start_of(machine: LinearSVC, objective: Objective, unit: float, mark: float) -> Start:
    """Read templates and dual variables off a machine."""
    k, n_columns = objective.n_answers, objective.X.shape[1]
    coef, intercept = machine.coef_, np.atleast_1d(machine.intercept_)
    if k == 2:
        # One template against the other, and the rows push along their difference.
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
    r"""Shares pᵢ ∘ exp(u)/⟨pᵢ, exp(u)⟩ whose weighted sum over the rows is a given one.

    Zeros stay, rows still sum to one, and rows move the more the less they are decided. u minimises
    the convex Σᵢ wᵢ log⟨pᵢ, exp(u)⟩ − ⟨total, u⟩, by Newton's method; where zeros leave no such u,
    the sum comes as close as its steps do.

    Parameters
    ----------
    share : ndarray of shape (n_samples, n_classes)
        Not negative, of sum one in each row.
    weight : ndarray of shape (n_samples,)
    total : ndarray of shape (n_classes,)

    Returns
    -------
    ndarray of shape (n_samples, n_classes)

    References
    ----------
    Deming, Stephan, "On a Least Squares Adjustment of a Sampled Frequency Table When the Expected
    Marginal Totals are Known", Annals of Mathematical Statistics 11 (1940) 427-444.
    :doi:`10.1214/aoms/1177731829`

    Examples
    --------
    Two rows that do not know are to sum to (1.5, 0.5), so each has 0.75 and 0.25; the third, which
    does know, stays:

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
