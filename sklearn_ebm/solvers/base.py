"""Base class of solvers, and what they receive and return."""

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

# Message of a search that its monitor ended by returning True.
STOPPED_BY_MONITOR = "the monitor stopped the search"


@dataclass
class Result:
    """Result of a search.

    Attributes
    ----------
    w : ndarray of shape (size,)
        The best parameters found.
    value : float
        The objective at `w`.
    n_iter : int
        Number of iterations.
    converged : bool
        Whether the solver's own stopping rule was met.
    message : str
        Why the solver stopped, as a clause that fits after "the solver stopped because".
    curve : list of float
        The objective at the start and after each iteration.
    limited_by_rounding : bool
        Whether a further decrease is below rounding, so that a smaller tol has no effect.
    n_evaluations : int
        Number of evaluations of value and gradient.
    memory : object
        State of the solver, from which a later search may continue; None if there is none.
    n_restarts : int
        Number of times that the search returned to earlier parameters because the loss exploded.
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
    n_restarts: int = 0


class Iterate(NamedTuple):
    """State of a search after an iteration, which the monitor receives.

    Attributes
    ----------
    w : ndarray of shape (size,)
        Parameters.
    value : float
        The objective at `w`.
    gradient : ndarray of shape (size,)
        Gradient of the objective at `w`.
    expected : float
        The further decrease that the solver expected before the iteration.
    n_evaluations : int
        Number of evaluations of value and gradient so far.
    """

    w: Array
    value: float
    gradient: Array
    expected: float
    n_evaluations: int


#: Called with the iterate after each iteration; returns True to end the search.
Monitor: TypeAlias = Callable[[Iterate], bool]


class Problem(NamedTuple):
    """Problem that a solver is given.

    Attributes
    ----------
    objective : Objective
        The function f to be minimised.
    start : ndarray of shape (size,)
        Parameters from which the search starts; the solver does not change this array.
    tol : float
        The search stops if the expected further decrease of f is below ``tol * |f|``.
    max_iter : int
        Largest number of iterations.
    rng : RandomState
        Source of random numbers.
    monitor : callable or None
        Called with the ``Iterate`` after each iteration; if it returns True, the search ends as
        converged.
    memory : object or None
        ``Result.memory`` of an earlier search on the same samples, with the same loss or another.
    """

    objective: Objective
    start: Array
    tol: float
    max_iter: int
    rng: np.random.RandomState
    monitor: Monitor | None = None
    memory: Any = None


class Solver(Documented, BaseEstimator, ABC):
    """Base class of solvers, which minimise an objective over the parameters.

    Attributes
    ----------
    online : bool
        Whether it makes a step for each sample instead of minimising the sum. Such a solver is for
        online losses only.
    stochastic : bool
        Whether it makes steps on mini-batches. Such a solver accepts losses with kinks, and its
        own schedule determines the end.
    needs_curvature : bool
        Whether it needs the second derivatives of the loss and the pushforward of the energy.
    wants_standardized : bool
        Whether it works best in parameters of standardised columns; see `Templates.standardized`.
    """

    online: ClassVar[bool] = False
    stochastic: ClassVar[bool] = False
    needs_curvature: ClassVar[bool] = False
    wants_standardized: ClassVar[bool] = False

    def iterations_for(self, objective: Objective) -> int:
        """Return the default of ``max_iter`` for this objective.

        Parameters
        ----------
        objective : Objective
            The objective.

        Returns
        -------
        int
            Largest number of iterations.
        """
        return 1_000

    def for_partial_fit(self) -> Solver:
        """Return the solver for `partial_fit`: a copy without a schedule that ends."""
        return self

    def remembered(self, start: Array, n_rows: int) -> object:
        """Return the memory of a search that processed `n_rows` samples and ended at `start`.

        It lets `partial_fit` continue from parameters that another solver found. None if the
        solver has no memory.

        Parameters
        ----------
        start : ndarray of shape (size,)
            Parameters.
        n_rows : int
            Number of samples.

        Returns
        -------
        object
            Memory for `Problem`.
        """
        return None

    @abstractmethod
    def minimize(self, problem: Problem) -> Result:
        """Minimise an objective.

        Parameters
        ----------
        problem : Problem
            Objective, start and stopping rules.

        Returns
        -------
        Result
            Parameters found, and how the search ended.
        """
