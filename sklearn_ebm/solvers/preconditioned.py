"""L-BFGS with a preconditioner, which ``solver="auto"`` selects for most energies of classes."""

from __future__ import annotations

from collections import deque

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm._utils.validation import positive_integer
from sklearn_ebm.losses import Loss
from sklearn_ebm.solvers._line_search import Step, line_search
from sklearn_ebm.solvers._two_loop import Pairs, two_loop
from sklearn_ebm.solvers.base import STOPPED_BY_MONITOR, Iterate, Problem, Result, Solver
from sklearn_ebm.solvers.objective import Objective
from sklearn_ebm.solvers.preconditioners import (
    DiagonalScaling,
    Preconditioner,
    PreconditionerSchedule,
    model_of,
)

# With more parameters than this, products with all pairs take longer than an evaluation, and half
# as many pairs are nearly as good.
MANY_PARAMETERS = 20_000

# If this number of iterations in float32 lowers the objective by less than STALLED_GAIN, relative,
# the search continues in float64.
STALLED_ITERATIONS, STALLED_GAIN = 5, 1e-6


class PreconditionedLBFGS(Solver):
    """Limited-memory BFGS (L-BFGS) with a preconditioner that is updated during the search.

    L-BFGS corrects an initial matrix H₀ by pairs of a step and a change of the gradient. Here H₀ is
    a preconditioner, the inverse of a model of the Hessian: the Hessian on a subset of the samples
    for few parameters, a Kronecker product for many, the diagonal for sparse samples, or the full
    Hessian if only few samples contribute to it. The pairs are kept when H₀ is updated, and H₀ is
    scaled to match the latest pair.

    If the objective has a copy in float32, the search starts with the copy and continues in float64
    when float32 makes no further progress. It stops when the decrease that the model predicts is
    below ``tol * |f|``, f being the objective.

    Parameters
    ----------
    memory : int, default=20
        Number of pairs of a step and a change of the gradient that are stored.

    References
    ----------
    Liu, Nocedal, "On the limited memory BFGS method for large scale optimization", Mathematical
    Programming 45 (1989) 503-528. :doi:`10.1007/BF01589116`

    Martens, Grosse, "Optimizing Neural Networks with Kronecker-factored Approximate Curvature",
    ICML (2015), for the Kronecker product. :arxiv:`1503.05671`

    Examples
    --------
    >>> from sklearn_ebm.solvers import PreconditionedLBFGS
    >>> PreconditionedLBFGS(memory=10)
    PreconditionedLBFGS(memory=10)
    """

    wants_standardized = True

    def __init__(self, memory: int = 20) -> None:
        self.memory = memory

    def minimize(self, problem: Problem) -> Result:
        """Minimise from the start; see ``Solver``.

        Parameters
        ----------
        problem : Problem
            Objective, start and stopping rules.

        Returns
        -------
        Result
            Parameters found, and how the search ended.
        """
        positive_integer("memory", self.memory, of="PreconditionedLBFGS")
        objective, start, tol, max_iter, rng, monitor, memory = problem
        n_pairs = self.memory if objective.layout.size <= MANY_PARAMETERS else self.memory // 2
        search = (
            memory
            if isinstance(memory, QuasiNewtonState)
            else QuasiNewtonState(max(n_pairs, 1), rng)
        )
        search.begin(objective, start)
        result = Result(start, search.value, 0, False, "max_iter was reached", [search.value])
        for _ in range(max_iter):
            direction = search.direction()
            if search.expected <= max(tol, search.resolved) * abs(search.value):
                if not search.to_float64():
                    result.converged, result.message = True, "the expected decrease is below tol"
                    break
                direction = search.direction()
            if not search.step(direction):
                result.converged = result.limited_by_rounding = True
                result.message = "a further decrease is below rounding"
                break
            result.curve.append(search.value)
            if monitor is not None and monitor(search.iterate()):
                result.converged, result.message = True, STOPPED_BY_MONITOR
                break
        result.w, result.value = search.w, search.value
        result.n_iter = len(result.curve) - 1
        result.n_evaluations = search.n_evaluations
        result.memory = search
        return result


class QuasiNewtonState:
    """State of the search: parameters, pairs and preconditioner; kept if the loss changes."""

    def __init__(self, n_pairs: int, rng: np.random.RandomState) -> None:
        self.pairs = Pairs(maxlen=n_pairs)
        self.rng = rng
        self.model: PreconditionerSchedule | None = None
        self.matrix: Preconditioner | None = None
        self.loss: Loss | None = None
        self.gains: deque[tuple[float, float]] = deque(maxlen=STALLED_ITERATIONS)

    def begin(self, objective: Objective, start: Array) -> None:
        """Start a search, or continue with the same objective or another loss."""
        self.phases = deque(o for o in (objective.float32_copy, objective) if o is not None)
        if self.model is None:
            self.model = model_of(self.phases[0], self.rng)
        if objective.loss is not self.loss:
            self.pairs.clear()
            self.iteration = 0
        self.loss = objective.loss
        self.gains.clear()
        self.n_evaluations = self.renewed_at = 0
        self.expected = np.inf
        self.w = start
        self.value, self.gradient = self.evaluate(start)

    def evaluate(self, w: Array) -> tuple[float, Array]:
        """Value and gradient in the precision of the current phase."""
        self.n_evaluations += 1
        return self.phases[0].evaluate(w)

    @property
    def resolved(self) -> float:
        """Smallest relative decrease that gradients in the current precision resolve: ε².

        Steps that expect less are determined by rounding, and so are their pairs.
        """
        return float(np.finfo(self.phases[0].dtype).eps) ** 2

    def iterate(self) -> Iterate:
        """Return the current state of the search in the form that a monitor receives."""
        return Iterate(self.w, self.value, self.gradient, self.expected, self.n_evaluations)

    def direction(self) -> Array:
        """Compute the quasi-Newton step, and set `expected` to the decrease that it predicts."""
        with np.errstate(over="ignore", invalid="ignore", under="ignore", divide="ignore"):
            self._renew()
            assert self.matrix is not None
            direction = -two_loop(self.gradient, self.pairs, self.matrix)
            if not np.isfinite(direction).all():
                # The preconditioner overflows, so the diagonal scaling replaces it.
                self.matrix = DiagonalScaling(self.phases[0])
                direction = -two_loop(self.gradient, self.pairs, self.matrix)
            self.expected = -0.5 * float(self.gradient @ direction)
            if not self.expected >= 0:
                self.pairs.clear()
                direction = -self.matrix(self.gradient)
                self.expected = max(-0.5 * float(self.gradient @ direction), 0.0)
        return direction

    def _renew(self) -> None:
        assert self.model is not None
        spent = self.n_evaluations - self.renewed_at
        try:
            matrix = self.model.at(self.iteration, spent, self.phases[0], self.w)
        except (np.linalg.LinAlgError, ValueError):
            # The curvature is not finite, so the diagonal scaling is used.
            matrix = DiagonalScaling(self.phases[0])
        self.iteration += 1
        if matrix is not None:
            self.matrix = matrix
            self.renewed_at = self.n_evaluations

    def step(self, direction: Array) -> bool:
        """Make a step in the direction; False if no step decreases the value."""
        assert self.matrix is not None
        found = self._search_line(direction)
        if found is None and self.pairs:
            self.pairs.clear()  # they may be out of date: retry without them
            found = self._search_line(-self.matrix(self.gradient))
        if found is None:
            return self.to_float64()
        moved, change = found.point - self.w, found.gradient - self.gradient
        self.pairs.add(moved, change)
        self.gains.append((self.value - found.value, self.expected))
        self.w, self.value, self.gradient = found
        if self._stalled():
            self.to_float64()
        return True

    def _search_line(self, direction: Array) -> Step | None:
        return line_search(
            self.evaluate, self.w, self.value, self.gradient, direction, self.phases[0].noise
        )

    def _stalled(self) -> bool:
        """Whether the latest steps gained almost nothing, but predict as much as before."""
        if len(self.gains) < STALLED_ITERATIONS:
            return False
        gained = sum(gain for gain, _ in self.gains)
        nothing = gained < STALLED_GAIN * abs(self.value)
        return nothing and self.expected > 0.5 * self.gains[0][1]

    def to_float64(self) -> bool:
        """Continue in float64; False if the search is in float64 already."""
        if len(self.phases) == 1:
            return False
        self.phases.popleft()
        self.value, self.gradient = self.evaluate(self.w)
        return True
