"""Who takes part, and the ladder of settings that each climbs until it reaches the gap.

All minimise the same objective with C = 1. LogisticRegression, its like and LinearSVC multiply the
loss by C where EBMClassifier divides the penalty; LinearSVC penalises the intercept as well, less
so with a large `intercept_scaling`, so it takes part with two.
"""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from sklearn_ebm import EBMClassifier

OURS, RIVAL, OTHER_PRECISION = "ours", "rival", "other precision"
SWEPT, CERTIFIED = "EBMClassifier", "EBMClassifier, tol=1e-4 (certified stop)"
LBFGS, SINGLE = "lbfgs", "lbfgs in float32"
UNLIMITED = 1_000_000

# From so loose that nobody is accurate yet: some measure the sum of the gradient, not its mean.
TOLERANCES = tuple(np.logspace(3, -8, 23))

# Newton's method with a Cholesky factor holds a dense matrix with this many rows: 0.8 GB.
LARGEST_HESSIAN = 10_000


@dataclass(frozen=True)
class Contender:
    """An estimator with one parameter left open.

    Attributes
    ----------
    name : str
    estimator : estimator
    parameter : str
        The one that is swept.
    ladder : tuple of float
        Its values, from the loosest to the tightest.
    role : str
    dtype : dtype
        Of the copy of X that it is given.
    deaf : bool
        Whether it runs in compiled code that no time limit interrupts: then guess ahead.
    """

    name: str
    estimator: Any
    parameter: str = "tol"
    ladder: tuple = TOLERANCES
    role: str = RIVAL
    dtype: Any = np.float64
    deaf: bool = False

    def setting(self, value):
        return {self.parameter: int(value) if self.parameter == "max_iter" else float(value)}


def steps(first, last, factor=1.6):
    count = int(np.ceil(np.log(last / first) / np.log(factor)))
    return tuple(np.unique(np.round(np.geomspace(first, last, count)).astype(int)))


def ours(loss):
    ladder = tuple(np.logspace(0, -6, 13))
    return [
        Contender(SWEPT, EBMClassifier(loss=loss, random_state=0), ladder=ladder, role=OURS),
        Contender(CERTIFIED, EBMClassifier(loss=loss, random_state=0), ladder=(1e-4,), role=OURS),
    ]


def likelihood_contenders(problem):
    """Ours first, then every solver that the problem admits, slow ones last."""
    entries = ours("nll")
    for solver in ("lbfgs", "newton-cg", "newton-cholesky"):
        if solver == "newton-cholesky" and not small_hessian(problem):
            print("newton-cholesky left out: sparse rows, or a Hessian of over 0.8 GB")
            continue
        entries.append(Contender(solver, LogisticRegression(max_iter=UNLIMITED, solver=solver)))
    intelex = intelex_estimator(problem)
    if intelex is not None:
        entries.append(Contender("scikit-learn-intelex", intelex))
    for solver in ("sag", "saga"):
        # Their tolerance looks at one step only; counting passes stops them just as well.
        estimator = LogisticRegression(solver=solver, tol=0.0, random_state=0)
        entries.append(Contender(solver, estimator, "max_iter", steps(3, 20_000), deaf=True))
    single = LogisticRegression(max_iter=UNLIMITED)
    entries.append(Contender(SINGLE, single, role=OTHER_PRECISION, dtype=np.float32))
    return entries


def hinge_contenders(problem):
    """LinearSVC with either penalty on its intercept.

    For two classes a number of passes stops it, because its tolerance only says which pass is the
    last; with three or more it takes no notice of `max_iter`, and the tolerance is swept.
    """
    if problem.n_classes == 2:
        kind = {"loss": "hinge", "tol": 1e-8}
        sweep = {"parameter": "max_iter", "ladder": steps(3, 1_000_000)}
    else:
        kind = {"multi_class": "crammer_singer"}
        sweep = {"ladder": tuple(np.logspace(1, -6, 15))}
    entries = ours("hinge")
    for scaling in (1.0, 10.0):
        estimator = LinearSVC(**kind, dual=True, intercept_scaling=scaling, random_state=0)
        name = f"LinearSVC, intercept_scaling={scaling:g}"
        entries.append(Contender(name, estimator, **sweep, deaf=True))
    return entries


def hessian_rows(problem):
    outputs = 1 if problem.n_classes == 2 else problem.n_classes
    return outputs * (problem.X.shape[1] + 1)


def small_hessian(problem):
    return hessian_rows(problem) <= LARGEST_HESSIAN and not sparse.issparse(problem.X)


def intelex_estimator(problem):
    """scikit-learn-intelex's estimator where it runs code of its own on these rows, or None."""
    try:
        from sklearnex.linear_model import LogisticRegression as Accelerated
    except ImportError:
        print("scikit-learn-intelex is not installed: left out")
        return None
    if not runs_own_code(Accelerated, problem):
        print("scikit-learn-intelex falls back to scikit-learn's code on these rows: left out")
        return None
    return Accelerated(max_iter=UNLIMITED)


def runs_own_code(accelerated, problem):
    """What its log says of a fit of a few rows of the same kind; the log is silent afterwards."""
    heard = Listener()
    logger = logging.getLogger("sklearnex")
    logger.handlers, logger.propagate = [heard], False
    logger.setLevel(logging.INFO)
    rows = np.unique(problem.y, return_index=True)[1]
    accelerated(max_iter=2).fit(problem.X[rows], problem.y[rows])
    logger.setLevel(logging.ERROR)
    said = " ".join(heard.lines)
    return "accelerated" in said and "fallback" not in said


class Listener(logging.Handler):
    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())
