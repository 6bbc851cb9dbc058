"""The choice of a preconditioner, and of the iterations at which it is updated."""

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

# Largest number of parameters for which the full Hessian is factorised.
COUPLED_SIZE = 1000

# Iterations at which cheap preconditioners are updated.
RENEWALS = (0, 5, 10, 20)
LATE_RENEWALS = (0, 10, 20)

# Smallest number of evaluations between updates.
FEWEST_STEPS = 3


class PreconditionerSchedule(ABC):
    """Base class of schedules, which select a preconditioner for each iteration."""

    @abstractmethod
    def at(
        self, iteration: int, spent: int, objective: Objective, w: Array
    ) -> Preconditioner | None:
        """Return a new preconditioner if the schedule has an update, else None.

        Parameters
        ----------
        iteration : int
            Number of the iteration; it starts at 0 again if the loss changes.
        spent : int
            Number of evaluations since the last update.
        objective : Objective
            The objective.
        w : ndarray of shape (size,)
            Current parameters.

        Returns
        -------
        Preconditioner or None
            The new preconditioner.
        """


class CoupledModel(PreconditionerSchedule):
    """A Kronecker product first, then the coupled Hessian.

    It is updated when the evaluations since the last update have cost as much as an update. The
    total cost is therefore at most twice the optimum (the ski rental problem).

    Parameters
    ----------
    rng : RandomState
        Source of random numbers for the selection of rows.
    """

    def __init__(self, rng: np.random.RandomState) -> None:
        self.rng = rng
        self.cost = np.inf
        self.begun = False

    def at(
        self, iteration: int, spent: int, objective: Objective, w: Array
    ) -> Preconditioner | None:
        """Return a new preconditioner if there is an update, else None."""
        if not self.begun:
            self.begun = True
            # The product is a poor model, so it is used only half as long.
            self.cost = 0.5 * expected_cost(objective)
            return Kronecker(objective, w, self.rng)
        if 0 < iteration and spent < max(self.cost, FEWEST_STEPS):
            return None
        matrix = Coupled(objective, w, self.rng)
        self.cost = matrix.cost
        return matrix


class LargeModel(PreconditionerSchedule):
    """For many parameters: `LowRank` if few rows have curvature, else a cheap preconditioner.

    The cheap preconditioner is updated at the iterations 0, 5, 10, 20, and whenever their number
    has doubled; `LowRank` is updated as in `CoupledModel`.

    Parameters
    ----------
    cheap : callable
        Function ``(objective, w) -> Preconditioner``.
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
        """Return a new preconditioner if there is an update, else None."""
        if self.patience < np.inf and iteration > 0:
            due = spent >= max(self.patience, FEWEST_STEPS)
        else:
            last = RENEWALS[-1]
            doubled = iteration > last and iteration % last == 0
            doubled = doubled and (iteration // last).bit_count() == 1
            # A search that started with `LowRank` needs fewer updates.
            due = doubled or iteration in (LATE_RENEWALS if self.close else RENEWALS)
        if not due:
            return None
        few = None
        # At w = 0 every row has curvature; at other starts often only some rows have.
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
    """A preconditioner that is never updated."""

    def at(
        self, iteration: int, spent: int, objective: Objective, w: Array
    ) -> Preconditioner | None:
        """Return the diagonal scaling in the first iteration."""
        return DiagonalScaling(objective) if iteration == 0 else None


class KroneckerSeries:
    """Kronecker products with the same Gram matrix."""

    def __init__(self) -> None:
        self.first: Kronecker | None = None

    def __call__(self, objective: Objective, w: Array) -> Preconditioner:
        """Return the product with the mean curvature at w."""
        if self.first is None:
            self.first = Kronecker(objective, w)
            return self.first
        return self.first.renewed(objective, w)


def model_of(objective: Objective, rng: np.random.RandomState) -> PreconditionerSchedule:
    """Choose a schedule by the available second derivatives, the sizes n, p, k and sparsity.

    Examples
    --------
    Two classes and one column with an intercept have four parameters, so the full Hessian is used:

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
    # An eigendecomposition costs about 10 p³, at most that of 30 evaluations of 4 n p k each.
    if not issparse(X) and p * p <= 12 * len(objective.y) * k:
        return LargeModel(KroneckerSeries())
    return LargeModel(Diagonal)
