"""The contract of a solver: minimising an objective over the parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, TypeAlias

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_ebm._utils.html_repr import Documented
from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.solvers.objective import Objective

# Why a search ended where its monitor returned True: what that meant, only the monitor can say.
ASKED = "the monitor asked to stop"


@dataclass
class Result:
    """What a solver returns.

    Attributes
    ----------
    w : ndarray of shape (size,)
        The best parameters found.
    value : float
        The objective there.
    n_iter : int
        Iterations made.
    converged : bool
        Whether the solver's own stopping rule was met.
    message : str
        Why it stopped, as a clause that fits after "the solver stopped because".
    curve : list of float
        The objective after each iteration, the start included.
    limited_by_rounding : bool
        Whether rounding hides any further decrease, so that a smaller tol is no use.
    n_evaluations : int
        How often value and gradient were computed.
    memory : object
        What the solver knows of the curvature, for a search that goes on; None if nothing.
    """

    w: Array
    value: float
    n_iter: int
    converged: bool
    message: str
    curve: list[float] = field(default_factory=list)
    limited_by_rounding: bool = False
    n_evaluations: int = 0
    memory: object = None


class Iterate(NamedTuple):
    """What a solver knows after an iteration.

    Attributes
    ----------
    w : ndarray of shape (size,)
    value : float
    gradient : ndarray of shape (size,)
    expected : float
        The further decrease that the solver expected before the iteration.
    n_evaluations : int
        Evaluations of value and gradient so far.
    """

    w: Array
    value: float
    gradient: Array
    expected: float
    n_evaluations: int


#: Sees the progress after each iteration; returns True to stop.
Monitor: TypeAlias = Callable[[Iterate], bool]


class Problem(NamedTuple):
    """What a solver is asked to do.

    Attributes
    ----------
    objective : Objective
        What is minimised.
    start : ndarray of shape (size,)
        Where the search begins; the solver leaves it as it is.
    tol : float
        Stop when the expected further decrease of f is below ``tol * |f|``.
    max_iter : int
        Largest number of iterations.
    rng : RandomState
        For solvers that draw samples.
    monitor : callable or None
        Called with the `Iterate` after each iteration; True ends the search, converged.
    memory : object or None
        ``Result.memory`` of an earlier search on the same samples, with the same loss or another:
        what it learned of the curvature may serve again.
    """

    objective: Objective
    start: Array
    tol: float
    max_iter: int
    rng: np.random.RandomState
    monitor: Monitor | None = None
    memory: Any = None


class Solver(Documented, BaseEstimator, ABC):
    """Moves the parameters downhill.

    Attributes
    ----------
    online : bool
        Whether it follows single samples instead of the sum; it then serves online losses only.
    stochastic : bool
        Whether it steps on mini-batches. It then takes losses with kinks as they are, and ends by
        its own schedule.
    needs_curvature : bool
        Whether it needs second-derivative products of energy and loss.
    wants_standardized : bool
        Whether it needs parameters in which all columns count equally; see
        `Templates.standardized`.
    """

    online: ClassVar[bool] = False
    stochastic: ClassVar[bool] = False
    needs_curvature: ClassVar[bool] = False
    wants_standardized: ClassVar[bool] = False

    def iterations_for(self, objective: Objective) -> int:
        """Return the largest number of iterations where the user names none."""
        return 1_000

    def for_partial_fit(self) -> Solver:
        """Return the solver for single passes over parts of the data: no schedule that ends."""
        return self

    def remembered(self, start: Array, n_rows: int) -> object:
        """Return a memory as if passes over so many samples had led to `start`, or None.

        For streams that go on from parameters that another solver found.
        """
        return None

    @abstractmethod
    def minimize(self, problem: Problem) -> Result:
        """Minimise an objective from a start.

        Parameters
        ----------
        problem : Problem

        Returns
        -------
        Result
        """
