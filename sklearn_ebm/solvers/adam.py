"""Adam: steps on mini-batches, each parameter in units of its own gradients."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral, Real
from typing import Any

import numpy as np

from sklearn_ebm._objective import Gradient, Objective
from sklearn_ebm._params import Array
from sklearn_ebm._registry import unknown_name
from sklearn_ebm.solvers.base import Monitor, Progress, Result, Solver

SCHEDULES = ("cosine", "plateau", "constant")

# Passes over the rows where the user names none: so many, and on few rows so many that there are
# enough steps. Schedules that end by themselves may take longer.
FEWEST_PASSES, FEWEST_STEPS = 100, 2_000
LONGER = 10

# A pass without progress counts; after so many, the schedule moves on, and it does so so often.
PATIENCE = 10
PLATEAUS = {"cosine": 0, "plateau": 3, "constant": 1}
PLATEAU_FACTOR = 0.2

# A mean loss so many times the one at the start (or 1) has exploded. It is tried again from before
# with half the steps, so often.
EXPLODED = 1e6
RETRIES = 6

# Parameters are moved in pieces of this many bytes, which stay in cache from one operation to the
# next.
PIECE = 2**19

# A batch is shared out among threads in parts of this many multiplications at least. The number of
# parts does not depend on that of threads, so neither does the rounding.
PART_WORK = 7e6
MOST_PARTS = 16


class Adam(Solver):
    r"""w ← w − η m̂/(√v̂ + ε), with running means m̂ of the gradient g and v̂ of g², on mini-batches.

    .. math:: m \leftarrow β_1 m + (1 - β_1) g, \quad v \leftarrow β_2 v + (1 - β_2) g^2, \quad
        \hat m = m / (1 - β_1^t), \quad \hat v = v / (1 - β_2^t)

    g is the gradient of the mean loss of the rows of a batch, with λ/n times the penalised
    parameters: that of the objective divided by n, so that ``C`` keeps its meaning. Rows come in an
    order drawn anew for each pass; where one batch holds all of them, nothing is drawn.

    An iteration is one pass over the rows. Where no `max_iter` is named there are 100 of them, more
    where that makes less than 2000 steps, and up to ten times as many for schedules that end when
    nothing is gained any more. A pass whose losses explode is taken back and made with half the
    steps, up to six times.

    Parameters
    ----------
    learning_rate : float, default=3e-3
        η > 0 at the start: about how far each parameter moves in one step. Along the cosine it is
        half of that on average.
    batch_size : int, default=200
        Rows of a batch.
    schedule : {"cosine", "plateau", "constant"}, default="cosine"
        ``"cosine"``: η falls along half a cosine to zero over `max_iter` passes, and that is the
        end. ``"plateau"``: a fifth of η once the objective has not fallen by `tol`, relative, for
        10 passes; the third time is the end. ``"constant"``: the first time is.
    beta_1 : float, default=0.9
        β₁ in [0, 1).
    beta_2 : float, default=0.999
        β₂ in [0, 1).
    epsilon : float, default=1e-8
        ε > 0.
    weight_decay : float or None, default=None
        With a number δ the penalty, and so ``C``, stays out of the gradient; instead, penalised
        parameters are multiplied by 1 − ηδ before each step.

    References
    ----------
    Kingma, Ba, "Adam: A Method for Stochastic Optimization" (2014). :arxiv:`1412.6980`

    Loshchilov, Hutter, "Decoupled Weight Decay Regularization" (2017). :arxiv:`1711.05101`

    Loshchilov, Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2016).
    :arxiv:`1608.03983`

    Examples
    --------
    One row x = 1 of answer 0 and both templates at 0: each has the gradient ∓½, and the first step
    has the length η whatever the gradient; of a second one at constant η, nearly the same:

    >>> import numpy as np
    >>> from sklearn_ebm._objective import Objective
    >>> from sklearn_ebm.energies import Linear
    >>> from sklearn_ebm.losses import NLL
    >>> from sklearn_ebm.solvers import Adam
    >>> X, y = np.array([[1.0]]), np.array([0])
    >>> linear = Linear(fit_intercept=False)
    >>> objective = Objective(linear, NLL(), X, y, np.ones(1), n_answers=2, penalty=0.0)
    >>> adam = Adam(learning_rate=0.5, schedule="constant")
    >>> rng = np.random.RandomState(0)
    >>> adam.minimize(objective, np.zeros(2), tol=1e-4, max_iter=1, rng=rng).w.round(6)
    array([ 0.5, -0.5])
    """

    stochastic = True

    def __init__(
        self,
        learning_rate: float = 3e-3,
        batch_size: int = 200,
        schedule: str = "cosine",
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float | None = None,
    ) -> None:
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.schedule = schedule
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.weight_decay = weight_decay

    def iterations_for(self, objective: Objective) -> int:
        """Return how many passes over these rows there are where the user names no number."""
        self._validate()
        n_batches = -(-len(objective.y) // self.batch_size)
        passes = max(FEWEST_PASSES, -(-FEWEST_STEPS // n_batches))
        return passes * (LONGER if PLATEAUS[self.schedule] else 1)

    def minimize(
        self,
        objective: Objective,
        start: Array,
        *,
        tol: float,
        max_iter: int,
        rng: np.random.RandomState,
        monitor: Monitor | None = None,
        memory: object = None,
    ) -> Result:
        """Make passes over the rows from `start`; see `Solver`.

        The values of the curve are those of the batches as they were met; the first entry is that
        of the first batch. The value of the result is the objective at the end. `memory` holds
        moments and the number of steps; the search goes on as if it had not ended.
        """
        self._validate()
        search = _Search(self, objective, start, max_iter, rng, memory)
        plateaus = PLATEAUS[self.schedule]
        zero, best, stale, left = np.zeros_like(search.w), np.inf, 0, plateaus
        message, value = "max_iter was reached", np.inf
        converged = not plateaus and max_iter > 0
        while search.passes < max_iter:
            if not search.make_pass() or (search.passes == max_iter and not search.is_sound()):
                search.retreat()
                continue
            value = search.curve[-1]
            stale = 0 if value < best - tol * abs(best) or best == np.inf else stale + 1
            best = min(best, value)
            if monitor is not None and monitor(
                Progress(search.w.copy(), value, zero, np.inf, search.passes)
            ):
                converged, message = True, "whoever watches said so"
                break
            if plateaus and stale >= PATIENCE:
                stale, left = 0, left - 1
                search.factor *= PLATEAU_FACTOR
                if not left:
                    converged, message = True, "the objective no longer falls"
                    break
        else:
            message = "the schedule has ended" if converged else message
        return search.result(converged, message)

    def _validate(self) -> None:
        """Raise ValueError, in one sentence, if a setting cannot be used."""
        for name in ("learning_rate", "epsilon", "beta_1", "beta_2", "weight_decay"):
            value = getattr(self, name)
            if name == "weight_decay" and value is None:
                continue
            number = isinstance(value, Real) and not isinstance(value, bool)
            below_one = name.startswith("beta")
            least = 0.0 if below_one or name == "weight_decay" else math.ulp(0.0)
            if not number or not least <= float(value) < (1 if below_one else math.inf):
                kind = (
                    "from 0 to below 1" if below_one else "0 or more" if not least else "positive"
                )
                raise ValueError(f"{name}={value!r} of Adam must be a finite number, {kind}.")
        size = self.batch_size
        if not isinstance(size, Integral) or isinstance(size, bool) or size < 1:
            raise ValueError(f"batch_size={size!r} of Adam must be a positive whole number.")
        if self.schedule not in SCHEDULES:
            raise ValueError(unknown_name("schedule", self.schedule, SCHEDULES))


@dataclass
class Moments:
    """What Adam remembers: running sums of gradients and of their squares, and of how many steps.

    Attributes
    ----------
    first, second : ndarray of shape (size,)
        m/(1 − β₁) and v/(1 − β₂): as sums instead of means they take one operation less.
    n_steps : int
    """

    first: Array
    second: Array
    n_steps: int

    def astype(self, dtype: Any) -> Moments:
        """Return the same in arrays of its own."""
        return Moments(self.first.astype(dtype), self.second.astype(dtype), self.n_steps)


class _Search:
    """The state of one search: parameters, moments, and the point to go back to."""

    def __init__(
        self,
        solver: Adam,
        objective: Objective,
        start: Array,
        max_iter: int,
        rng: np.random.RandomState,
        memory: Any,
    ) -> None:
        self.solver, self.objective, self.rng = solver, objective, rng
        self.max_iter = max_iter
        self.w = start.astype(objective.dtype)
        self.params = objective.layout.unpack(self.w)  # views: they follow w
        self.n_rows = len(objective.y)
        self.batch_size = min(solver.batch_size, self.n_rows)
        self.n_batches = -(-self.n_rows // self.batch_size)
        n_parts = self.batch_size * len(self.w) / PART_WORK
        n_parts = int(np.clip(n_parts, 1, min(MOST_PARTS, self.batch_size)))
        self.gradients = [Gradient(objective.layout, self.w.dtype) for _ in range(n_parts)]
        known = isinstance(memory, Moments) and memory.first.shape == self.w.shape
        zero = Moments(np.zeros_like(self.w), np.zeros_like(self.w), 0)
        self.moments = memory.astype(self.w.dtype) if known else zero
        self.scratch = np.empty_like(self.w)
        self.factor = 1.0
        self.steps = self.passes = self.retries = 0
        self.curve: list[float] = []
        self.reference: float | None = None
        self.value: float | None = None  # at the end, where it is known already
        most = min(PIECE // self.w.itemsize, -(-len(self.w) // n_parts))
        pieces = _pieces(self._decay(), most)
        self.shares = [pieces[number::n_parts] for number in range(n_parts)]
        self.before = self._snapshot()

    def _decay(self) -> Array:
        """What each parameter is multiplied by: in the gradient, or in a step of length one."""
        if self.solver.weight_decay is not None:
            return np.where(self.objective.penalized, self.solver.weight_decay, 0.0)
        return self.objective.penalty / self.n_rows

    def make_pass(self) -> bool:
        """One pass over the rows; False, and unfinished, if it explodes."""
        n, size = self.n_rows, self.batch_size
        order = self.rng.permutation(n) if self.n_batches > 1 else None
        total, self.value = 0.0, None
        for first in range(0, n, size):
            batch = range(first, min(first + size, n))
            mean = self._evaluate(batch, order)
            if not self._is_sound(mean):
                return False
            if first == 0:
                # Only now is it known that the parameters at the start of this pass are good.
                self.before = self._snapshot()
            if not self.curve:
                self.curve.append(mean * n + self.objective.penalty_at(self.w))
            total += mean * len(batch)
            self._step()
        self.curve.append(total + self.objective.penalty_at(self.w))
        self.passes += 1
        return True

    def _evaluate(self, batch: range, order: Any) -> float:
        """Mean loss of a batch; the gradient is the sum of `gradients`, one for each part."""
        n_parts = min(len(self.gradients), len(batch))
        bounds = [batch.start + len(batch) * part // n_parts for part in range(n_parts + 1)]
        energies = [self.objective.energy.training(self.rng) for _ in range(n_parts)]

        def of_part(part: int) -> float:
            rows = slice(bounds[part], bounds[part + 1])
            return self.objective.on_batch(
                self.params, rows if order is None else order[rows], 1 / len(batch),
                energies[part], self.gradients[part],
            )  # fmt: skip

        for gradient in self.gradients[n_parts:]:
            gradient.vector[:] = 0
        return float(sum(self.objective.workers(of_part, range(n_parts))))

    def _step(self) -> None:
        """Move the parameters along the gradient, which is used up.

        Both corrections of the moments go into the two numbers of the step.
        """
        solver, moments = self.solver, self.moments
        rate = solver.learning_rate * self.factor
        if solver.schedule == "cosine":
            rate *= cosine(self.steps / (self.max_iter * self.n_batches))
        moments.n_steps += 1
        self.steps += 1
        sum_1 = (1 - solver.beta_1**moments.n_steps) / (1 - solver.beta_1)
        sum_2 = (1 - solver.beta_2**moments.n_steps) / (1 - solver.beta_2)
        length, epsilon = rate * math.sqrt(sum_2) / sum_1, solver.epsilon * math.sqrt(sum_2)

        def move(pieces: list[tuple[slice, float]]) -> None:
            with np.errstate(over="ignore", invalid="ignore", under="ignore"):
                for piece, decay in pieces:
                    self._move(piece, decay, rate, length, epsilon)

        for _ in self.objective.workers(move, self.shares):
            pass

    def _move(self, piece: slice, decay: float, rate: float, length: float, epsilon: float) -> None:
        """One step of some parameters."""
        w, g = self.w[piece], self.gradients[0].vector[piece]
        for other in self.gradients[1:]:
            g += other.vector[piece]
        first, second = self.moments.first[piece], self.moments.second[piece]
        if decay and self.solver.weight_decay is None:
            g += np.multiply(w, decay, out=self.scratch[piece])
        elif decay:
            w *= max(1 - rate * decay, 0.0)
        first *= self.solver.beta_1
        first += g
        second *= self.solver.beta_2
        np.square(g, out=g)
        second += g
        np.sqrt(second, out=g)
        g += epsilon
        np.divide(first, g, out=g)
        g *= length
        w -= g

    def _is_sound(self, mean: float) -> bool:
        """Whether a mean loss is finite and in the range of the first one."""
        if not math.isfinite(mean):
            return False
        if self.reference is None:
            self.reference = abs(mean)
        return abs(mean) <= EXPLODED * max(self.reference, 1.0)

    def is_sound(self) -> bool:
        """Whether the parameters at the end are, which no batch has seen yet."""
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            self.value = self.objective.value(self.w)
            losses = self.value - self.objective.penalty_at(self.w)
        return self._is_sound(losses / self.n_rows)

    def _snapshot(self) -> tuple[Array, Moments, int, int]:
        return self.w.copy(), self.moments.astype(self.w.dtype), self.steps, self.passes

    def retreat(self) -> None:
        """Go back to the last parameters known to be good, with half the steps from there on."""
        self.retries += 1
        if self.retries > RETRIES:
            raise ValueError(
                "The losses exploded in float arithmetic, even with a learning rate of "
                f"{self.solver.learning_rate * self.factor:.3g}; scale the features "
                "(StandardScaler) or lower the learning_rate of solver 'adam'."
            )
        w, moments, self.steps, self.passes = self.before
        self.w[...], self.moments = w, moments.astype(w.dtype)
        del self.curve[self.passes + 1 :]
        self.factor *= 0.5

    def result(self, converged: bool, message: str) -> Result:
        """What the solver returns."""
        value = self.objective.value(self.w) if self.value is None else self.value
        curve = self.curve or [value]
        return Result(
            self.w, value, self.passes, converged, message, curve,
            n_evaluations=self.passes + 1, memory=self.moments,
        )  # fmt: skip


def cosine(share: float) -> float:
    """(1 + cos πs)/2: from one to zero while the share s of the way goes from zero to one.

    Examples
    --------
    >>> [round(cosine(share), 3) for share in (0, 0.5, 1)]
    [1.0, 0.5, 0.0]
    """
    return 0.5 * (1 + math.cos(math.pi * share))


def _pieces(decay: Array, most: int) -> list[tuple[slice, float]]:
    """Slices of no more than so many parameters that decay alike, and their decay."""
    changes = np.flatnonzero(np.diff(decay)) + 1
    return [
        (slice(first, min(first + most, stop)), float(decay[first]))
        for begin, stop in pairwise([0, *changes.tolist(), len(decay)])
        for first in range(begin, stop, most)
    ]
