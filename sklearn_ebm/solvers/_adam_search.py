"""One search by Adam: passes over the rows in parts, steps, and the way back from explosions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.solvers.base import Problem, Result
from sklearn_ebm.solvers.objective import Gradient

# A mean loss so many times the one at the start (or 1) has exploded. It is tried again from before
# with half the steps, so often.
EXPLODED = 1e6
RETRIES = 6

# Parameters are moved in pieces of this many bytes, which stay in cache from one operation to the
# next.
PIECE = 2**19

# With schedule "root" the rate has fallen to 1/√2 after so many steps, and the answer is a mean of
# the parameters after all steps, in which step t counts about t to this power: the noise of steps
# is averaged away, and the way from the start is forgotten.
ROOT_STEPS, RECENCY = 100, 8

# A batch is shared out among threads in parts of this many multiplications at least. The number of
# parts does not depend on that of threads, so neither does the rounding.
PART_WORK = 7e6
MOST_PARTS = 16


class Settings(NamedTuple):
    """The parameters of `Adam`, whose docstring says what each one does."""

    learning_rate: float
    batch_size: int
    schedule: str
    beta_1: float
    beta_2: float
    epsilon: float
    weight_decay: float | None


@dataclass
class Moments:
    """What Adam remembers: running sums of gradients and of their squares, and of how many steps.

    Attributes
    ----------
    first, second : ndarray of shape (size,)
        m/(1 − β₁) and v/(1 − β₂): as sums instead of means they take one operation less.
    n_steps : int
    mean, last : ndarray of shape (size,)
        Of a search that answers with a mean of its parameters: that, and where it goes on. Both are
        empty in other searches.
    n_before : int
        Steps that count for the rate and the mean, but left no gradients: those before the first.
    """

    first: Array
    second: Array
    n_steps: int
    mean: Array
    last: Array
    n_before: int = 0

    @property
    def time(self) -> int:
        """Number of all steps."""
        return self.n_before + self.n_steps

    def astype(self, dtype: Any) -> Moments:
        """Return the same in arrays of its own."""
        arrays = (self.first, self.second, self.mean, self.last)
        first, second, mean, last = (array.astype(dtype) for array in arrays)
        return Moments(first, second, self.n_steps, mean, last, self.n_before)


class AdamState:
    """The state of one search: parameters, moments, and the point to go back to."""

    def __init__(self, settings: Settings, problem: Problem) -> None:
        decoupled = settings.weight_decay is not None
        objective = problem.objective.unpenalized() if decoupled else problem.objective
        self.dtype = objective.dtype
        if len(objective.y) > settings.batch_size:
            objective = objective.rounded()
        self.settings, self.objective, memory = settings, objective, problem.memory
        self.max_iter, self.rng = problem.max_iter, problem.rng
        self.w = problem.start.astype(objective.dtype)
        self.params = objective.layout.unpack(self.w)  # views: they follow w
        self.n_rows = len(objective.y)
        self.batch_size = min(settings.batch_size, self.n_rows)
        self.n_batches = -(-self.n_rows // self.batch_size)
        n_parts = self.batch_size * len(self.w) / PART_WORK
        n_parts = int(np.clip(n_parts, 1, min(MOST_PARTS, self.batch_size)))
        n_parts = n_parts if objective.energy.traits.threads else 1
        self.gradients = [Gradient(objective.layout, self.w.dtype) for _ in range(n_parts)]
        self.averages = settings.schedule == "root"
        known = isinstance(memory, Moments) and memory.first.shape == self.w.shape
        self.moments = self._resumed(memory) if known else self._no_moments()
        self.scratch = np.empty_like(self.w)
        self.factor = 1.0
        self.steps = self.passes = self.retries = 0
        self.curve: list[float] = []
        self.reference: float | None = None
        self.value: float | None = None  # at the end, where it is known already
        # A search that goes on starts from rows, and from a size of steps, that are not its own.
        self.at_start = np.inf if known else objective.value(self.w)
        most = min(PIECE // self.w.itemsize, -(-len(self.w) // n_parts))
        pieces = _pieces(self._decay(), most)
        self.shares = [pieces[number::n_parts] for number in range(n_parts)]
        self.before = self._snapshot()

    def _no_moments(self) -> Moments:
        """What is remembered before the first step."""
        none = self.w[:0].copy()
        mean = self.w.copy() if self.averages else none
        return Moments(np.zeros_like(self.w), np.zeros_like(self.w), 0, mean, none)

    def _resumed(self, memory: Moments) -> Moments:
        """What an earlier search remembers; where that answered with a mean, it goes on behind."""
        moments = memory.astype(self.w.dtype)
        if self.averages and np.array_equal(moments.mean, self.w):
            self.w[...] = moments.last
        elif self.averages:  # somebody moved the parameters in between
            moments.mean = self.w.copy()
        return moments

    def _decay(self) -> Array:
        """What each parameter is multiplied by: in the gradient, or in a step of length one."""
        if self.settings.weight_decay is not None:
            return np.where(self.objective.penalized, self.settings.weight_decay, 0.0)
        return self.objective.penalty / self.n_rows

    def make_pass(self) -> bool:
        """One pass over the rows; False, and unfinished, if it explodes."""
        n = self.n_rows
        order = self.rng.permutation(n) if self.n_batches > 1 else None
        total, self.value = 0.0, None
        # Sizes differ by one row at most: a last batch of few rows would be a step in the dark.
        bounds = [n * number // self.n_batches for number in range(self.n_batches + 1)]
        for batch in (range(*ends) for ends in pairwise(bounds)):
            mean = self._evaluate(batch, order)
            if not self._is_sound(mean):
                return False
            if batch.start == 0:
                # Only now is it known that the parameters at the start of this pass are good.
                self.before = self._snapshot()
            if not self.curve:
                self.curve.append(mean * n + self.objective.penalty_at(self.w))
            total += mean * len(batch)
            self._step()
        # Once g² overflows, v is infinite and the parameter never moves again.
        if not np.isfinite(self.moments.second.max()):
            return False
        self.curve.append(total + self.objective.penalty_at(self.w))
        self.passes += 1
        return True

    def _evaluate(self, batch: range, order: Any) -> float:
        """Mean loss of a batch; the gradient is the sum of `gradients`, one for each part."""
        n_parts = min(len(self.gradients), len(batch))
        bounds = [batch.start + len(batch) * part // n_parts for part in range(n_parts + 1)]
        energies = [self.objective.energy._for_step(self.rng) for _ in range(n_parts)]

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
        settings, moments = self.settings, self.moments
        rate = settings.learning_rate * self.factor
        if settings.schedule == "cosine":
            rate *= cosine(self.steps / (self.max_iter * self.n_batches))
        elif settings.schedule == "root":
            rate /= math.sqrt(1 + moments.time / ROOT_STEPS)
        moments.n_steps += 1
        self.steps += 1
        sum_1 = (1 - settings.beta_1**moments.n_steps) / (1 - settings.beta_1)
        sum_2 = (1 - settings.beta_2**moments.n_steps) / (1 - settings.beta_2)
        length, epsilon = rate * math.sqrt(sum_2) / sum_1, settings.epsilon * math.sqrt(sum_2)

        def move(pieces: list[tuple[slice, float]]) -> None:
            with np.errstate(over="ignore", invalid="ignore", under="ignore"):
                for piece, decay in pieces:
                    self._move(piece, decay, rate, length, epsilon)

        for _ in self.objective.workers(move, self.shares):
            pass
        if self.averages:
            share = (RECENCY + 1) / (moments.time + RECENCY)
            moments.mean += share * (self.w - moments.mean)

    def _move(self, piece: slice, decay: float, rate: float, length: float, epsilon: float) -> None:
        """One step of some parameters."""
        w, g = self.w[piece], self.gradients[0].vector[piece]
        for other in self.gradients[1:]:
            g += other.vector[piece]
        first, second = self.moments.first[piece], self.moments.second[piece]
        if decay and self.settings.weight_decay is None:
            g += np.multiply(w, decay, out=self.scratch[piece])
        elif decay:
            w *= max(1 - rate * decay, 0.0)
        first *= self.settings.beta_1
        first += g
        second *= self.settings.beta_2
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

    def has_risen(self, tol: float) -> bool:
        """Whether the objective at the end is above that at the start by more than a share."""
        if self.value is None:
            self.value = self.objective.value(self.w)
        slack = max(tol, self.objective.noise) * abs(self.at_start)
        return bool(self.value > self.at_start + slack)

    def _snapshot(self) -> tuple[Array, Moments, int, int]:
        return self.w.copy(), self.moments.astype(self.w.dtype), self.steps, self.passes

    def retreat(self) -> None:
        """Go back to the last parameters known to be good, with half the steps from there on."""
        self.retries += 1
        if self.retries > RETRIES:
            raise ValueError(
                "The losses exploded in float arithmetic, even with a learning rate of "
                f"{self.settings.learning_rate * self.factor:.3g}; scale the features "
                "(StandardScaler) or lower the learning_rate of solver 'adam'."
            )
        w, moments, self.steps, self.passes = self.before
        self.w[...], self.moments = w, moments.astype(w.dtype)
        del self.curve[self.passes + 1 :]
        self.factor *= 0.5

    def result(self, converged: bool, message: str) -> Result:
        """What the solver returns."""
        if self.averages:
            self.moments.last, self.value = self.w.copy(), None
            self.w[...] = self.moments.mean
        value = self.objective.value(self.w) if self.value is None else self.value
        curve = self.curve or [value]
        return Result(
            self.w.astype(self.dtype), value, self.passes, converged, message, curve,
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
