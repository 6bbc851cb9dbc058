"""Which initial matrix, and when it is renewed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from scipy.sparse import issparse

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.solvers.objective import Objective
from sklearn_ebm.solvers.preconditioners.base import Preconditioner
from sklearn_ebm.solvers.preconditioners.coupled import Coupled, expected_cost
from sklearn_ebm.solvers.preconditioners.diagonal import Diagonal, DiagonalScaling
from sklearn_ebm.solvers.preconditioners.kronecker import Kronecker
from sklearn_ebm.solvers.preconditioners.low_rank import low_rank, squared_lengths

# Largest number of parameters for which the whole Hessian is factorised.
COUPLED_SIZE = 1000

# Iterations at which cheap matrices are renewed.
RENEWALS = (0, 5, 10, 20)
LATE_RENEWALS = (0, 10, 20)

# A matrix serves at least so many evaluations.
FEWEST_STEPS = 3


class PreconditionerSchedule(ABC):
    """Which initial matrix, and when it is renewed."""

    @abstractmethod
    def at(
        self, iteration: int, spent: int, objective: Objective, w: Array
    ) -> Preconditioner | None:
        """Return a new matrix where one is due, else None.

        Parameters
        ----------
        iteration : int
            0 at the start, and again where the loss has changed.
        spent : int
            Evaluations since the last renewal.
        objective : Objective
        w : ndarray
        """


class CoupledModel(PreconditionerSchedule):
    """A Kronecker product to begin with, then the coupled Hessian.

    It is renewed once the evaluations since the last time have cost as much as it does: whether
    renewals or more steps would have been the better choice, the cost is at most twice the least
    (rent skis until the rent has cost as much as a pair, then buy).

    Parameters
    ----------
    rng : RandomState
        Draws the rows.
    """

    def __init__(self, rng: np.random.RandomState) -> None:
        self.rng = rng
        self.cost = np.inf
        self.begun = False

    def at(
        self, iteration: int, spent: int, objective: Objective, w: Array
    ) -> Preconditioner | None:
        """Return a new matrix where one is due, else None."""
        if not self.begun:
            self.begun = True
            # The product is a poor model, so it has to serve only half as long.
            self.cost = 0.5 * expected_cost(objective)
            return Kronecker(objective, w, self.rng)
        if 0 < iteration and spent < max(self.cost, FEWEST_STEPS):
            return None
        matrix = Coupled(objective, w, self.rng)
        self.cost = matrix.cost
        return matrix


class LargeModel(PreconditionerSchedule):
    """For many parameters: where few rows bend, all of their curvature; else a cheap matrix.

    The cheap matrix is renewed at iterations 0, 5, 10, 20, and then each time they double; the
    matrix of the few rows like that of `CoupledModel`.

    Parameters
    ----------
    cheap : callable
        ``(objective, w) -> Preconditioner``.
    """

    def __init__(self, cheap: Callable[[Objective, Array], Preconditioner]) -> None:
        self.cheap = cheap
        self.begun = False
        self.lengths: Array | None = None
        self.patience = np.inf
        self.close = False

    def at(
        self, iteration: int, spent: int, objective: Objective, w: Array
    ) -> Preconditioner | None:
        """Return a new matrix where one is due, else None."""
        if self.patience < np.inf and iteration > 0:
            due = spent >= max(self.patience, FEWEST_STEPS)
        else:
            last = RENEWALS[-1]
            doubled = iteration > last and iteration % last == 0
            doubled = doubled and (iteration // last).bit_count() == 1
            # What begins with the rows that bend is good for longer than a cheap matrix.
            due = doubled or iteration in (LATE_RENEWALS if self.close else RENEWALS)
        if not due:
            return None
        few = None
        # At zero every row bends; from where some are decided already, the others say most.
        tried = self.begun or (issparse(objective.X) and w.any())
        if tried and objective.loss.traits.convex and (objective.penalty > 0).any():
            if self.lengths is None:
                self.lengths = squared_lengths(objective)
            few = low_rank(objective, w, self.lengths)
        self.begun = True
        self.close = few is not None and (self.close or iteration == 0)
        self.patience = np.inf if few is None else few.cost
        return self.cheap(objective, w) if few is None else few


class OnceModel(PreconditionerSchedule):
    """One matrix that is never renewed."""

    def at(
        self, iteration: int, spent: int, objective: Objective, w: Array
    ) -> Preconditioner | None:
        """Return the objective's scaling at the start."""
        return DiagonalScaling(objective) if iteration == 0 else None


class KroneckerSeries:
    """Kronecker products that share the Gram matrix."""

    def __init__(self) -> None:
        self.first: Kronecker | None = None

    def __call__(self, objective: Objective, w: Array) -> Preconditioner:
        """Return the product with the curvature at some parameters."""
        if self.first is None:
            self.first = Kronecker(objective, w)
            return self.first
        return self.first.renewed(objective, w)


def model_of(objective: Objective, rng: np.random.RandomState) -> PreconditionerSchedule:
    """Choose by what energy and loss can say of their curvature, and by n, p, k and sparsity.

    Examples
    --------
    Two classes and one column with an intercept are four parameters: all of the Hessian.

    >>> import numpy as np
    >>> from sklearn_ebm.energies._linear.standardized import Standardized
    >>> from sklearn_ebm.losses import NLL
    >>> X, y, weight = np.array([[-1.0], [1.0]]), np.array([0, 1]), np.ones(2)
    >>> energy = Standardized.of(X, weight, fit_intercept=True)
    >>> objective = Objective(energy, NLL(), X, y, weight, 2, 1.0)
    >>> type(model_of(objective, np.random.RandomState(0))).__name__
    'CoupledModel'
    """
    X, k = objective.X, objective.n_templates
    p = objective.layout.size // k
    if (
        objective.energy.templates.gram is None
        or objective.energy.templates.features is None
        or objective.loss.curvature is None
    ):
        return OnceModel()
    if k * p <= COUPLED_SIZE and objective.loss.traits.convex:
        return CoupledModel(rng)
    # Diagonalising costs about 10 p³, an evaluation 4 n p k: no more than some thirty of them.
    if not issparse(X) and p * p <= 12 * len(objective.y) * k:
        return LargeModel(KroneckerSeries())
    return LargeModel(Diagonal)
