"""State and steps of a search by Adam, with a restart after an explosion of the loss."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from sklearn_ebm._utils.parameters import Array
from sklearn_ebm.solvers.base import Problem, Result
from sklearn_ebm.solvers.objective import Gradient

# The loss has exploded if its mean is this many times the one at the start (or 1). The pass is then
# repeated with half the learning rate, at most RETRIES times.
EXPLODED = 1e6
RETRIES = 6

# Parameters are updated in pieces of this size, in bytes, which stay in the cache between
# operations.
PIECE = 2**19

# With schedule "root" the rate has decreased to 1/√2 after ROOT_STEPS steps. The result is a mean
# of the parameters after all steps, in which step t has a weight of about t to the power RECENCY:
# this averages out the noise of the steps, while early steps hardly count.
ROOT_STEPS, RECENCY = 100, 8

# A batch is divided among threads into parts of at least this number of multiplications. The number
# of parts, and so the rounding, does not depend on the number of threads.
PART_WORK = 7e6
MOST_PARTS = 16


class Settings(NamedTuple):
    """The parameters of `Adam`; see its docstring."""

    learning_rate: float
    batch_size: int
    schedule: str
    beta_1: float
    beta_2: float
    epsilon: float
    weight_decay: float | None


@dataclass
class Moments:
    """Memory of a search: running sums of the gradients and of their squares.

    Attributes
    ----------
    first, second : ndarray of shape (size,)
        m/(1 − β₁) and v/(1 − β₂); sums need one operation less than means.
    n_steps : int
        Number of steps in the sums.
    mean, last : ndarray of shape (size,)
        With schedule "root": the mean of the parameters, which is the result, and the last
        parameters, from which a later search continues. Else both are empty.
    n_before : int
        Number of steps before the first one of the sums; they count for the rate and the mean.
    """

    first: Array
    second: Array
    n_steps: int
    mean: Array
    last: Array
    n_before: int = 0

    @property
    def time(self) -> int:
        """Number of all steps, including those before."""
        return self.n_before + self.n_steps

    def astype(self, dtype: Any) -> Moments:
        """Return a copy in this dtype."""
        arrays = (self.first, self.second, self.mean, self.last)
        first, second, mean, last = (array.astype(dtype) for array in arrays)
        return Moments(first, second, self.n_steps, mean, last, self.n_before)


class AdamState:
    """State of a search: parameters, moments, and the last state before an explosion."""

    def __init__(self, settings: Settings, problem: Problem) -> None:
        decoupled = settings.weight_decay is not None
        objective = problem.objective.unpenalized() if decoupled else problem.objective
        self.dtype = objective.dtype
        if len(objective.y) > settings.batch_size:
            objective = objective.rounded()
        self.settings, self.objective, memory = settings, objective, problem.memory
        self.max_iter, self.rng = problem.max_iter, problem.rng
        self.w = problem.start.astype(objective.dtype)
        self.params = objective.layout.unpack(self.w)  # views into w
        self.n_rows = len(objective.y)
        self.batch_size = min(settings.batch_size, self.n_rows)
        self.n_batches = -(-self.n_rows // self.batch_size)
        self.averages = settings.schedule == "root"
        continues = self._continues(memory)
        self.moments = self._resumed(memory) if continues else self._no_moments()
        self.factor = 1.0
        self.steps = self.passes = self.retries = 0
        self.curve: list[float] = []
        self.reference: float | None = None
        self.value: float | None = None  # the objective at the end, once it is computed
        # A continued search may start on other rows, so its end is not compared with its start.
        self.at_start = np.inf if continues else objective.value(self.w)
        self._prepare()
        self.before = self._snapshot()

    def _prepare(self) -> None:
        """Divide the work of a step into parts, and reserve memory for each."""
        n_parts = self.batch_size * len(self.w) / PART_WORK
        n_parts = int(np.clip(n_parts, 1, min(MOST_PARTS, self.batch_size)))
        n_parts = n_parts if self.objective.energy.traits.threads else 1
        self.gradients = [Gradient(self.objective.layout, self.w.dtype) for _ in range(n_parts)]
        self.scratch = np.empty_like(self.w)
        most = min(PIECE // self.w.itemsize, -(-len(self.w) // n_parts))
        pieces = _pieces(self._decay(), most)
        self.pieces = [pieces[number::n_parts] for number in range(n_parts)]

    def _continues(self, memory: Any) -> bool:
        """Whether the memory is that of a search over the same parameters."""
        return type(memory) is Moments and memory.first.shape == self.w.shape

    def _no_moments(self) -> Moments:
        """Return the moments before the first step."""
        none = self.w[:0].copy()
        mean = self.w.copy() if self.averages else none
        return Moments(np.zeros_like(self.w), np.zeros_like(self.w), 0, mean, none)

    def _resumed(self, memory: Moments) -> Moments:
        """Return the moments of an earlier search; if it returned a mean, continue from `last`."""
        moments = memory.astype(self.w.dtype)
        if self.averages and np.array_equal(moments.mean, self.w):
            self.w[...] = moments.last
        elif self.averages:  # the parameters were changed in between
            moments.mean = self.w.copy()
        return moments

    def _decay(self) -> Array:
        """Factor of each parameter in the gradient, or in a step of weight decay at η = 1."""
        if self.settings.weight_decay is not None:
            return np.where(self.objective.penalized, self.settings.weight_decay, 0.0)
        return self.objective.penalty / self.n_rows

    def make_pass(self) -> bool:
        """Make one pass over the rows; stop and return False if the loss explodes."""
        n = self.n_rows
        order = self.rng.permutation(n) if self.n_batches > 1 else None
        total, self.value = 0.0, None
        # Sizes differ by at most one row, as a small last batch would make a very noisy step.
        bounds = [n * number // self.n_batches for number in range(self.n_batches + 1)]
        for batch in (range(*ends) for ends in pairwise(bounds)):
            mean = self._evaluate(batch, order)
            if not self._is_sound(mean):
                return False
            if batch.start == 0:
                # The first batch has confirmed the parameters at the start of this pass.
                self.before = self._snapshot()
            if not self.curve:
                self.curve.append(mean * n + self.objective.penalty_at(self.w))
            total += mean * len(batch)
            self._step()
        # If g² has overflowed, v is infinite and the parameter would never change again.
        if not np.isfinite(self.moments.second.max()):
            return False
        self.curve.append(total + self.objective.penalty_at(self.w))
        self.passes += 1
        return True

    def _evaluate(self, batch: range, order: Any) -> float:
        """Return the mean loss of a batch; its gradient is the sum of `gradients`."""
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

    def _rate(self) -> float:
        """Learning rate of the next step."""
        settings = self.settings
        rate = settings.learning_rate * self.factor
        if settings.schedule == "cosine":
            rate *= cosine(self.steps / (self.max_iter * self.n_batches))
        elif settings.schedule == "root":
            rate /= math.sqrt(1 + self.moments.time / ROOT_STEPS)
        return rate

    def _step(self) -> None:
        """Make a step; the gradient is overwritten.

        The bias corrections of both moments are included in `length` and `epsilon`.
        """
        settings, moments = self.settings, self.moments
        rate = self._rate()
        moments.n_steps += 1
        self.steps += 1
        sum_1 = (1 - settings.beta_1**moments.n_steps) / (1 - settings.beta_1)
        sum_2 = (1 - settings.beta_2**moments.n_steps) / (1 - settings.beta_2)
        length, epsilon = rate * math.sqrt(sum_2) / sum_1, settings.epsilon * math.sqrt(sum_2)

        def move(pieces: list[tuple[slice, float]]) -> None:
            with np.errstate(over="ignore", invalid="ignore", under="ignore"):
                for piece, decay in pieces:
                    self._move(piece, decay, rate, length, epsilon)

        for _ in self.objective.workers(move, self.pieces):
            pass
        if self.averages:
            factor = (RECENCY + 1) / (moments.time + RECENCY)
            moments.mean += factor * (self.w - moments.mean)

    def _move(self, piece: slice, decay: float, rate: float, length: float, epsilon: float) -> None:
        """Make a step of a piece of the parameters."""
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
        """Whether a mean loss is finite and has not exploded, compared with the first one."""
        if not math.isfinite(mean):
            return False
        if self.reference is None:
            self.reference = abs(mean)
        return abs(mean) <= EXPLODED * max(self.reference, 1.0)

    def is_sound(self) -> bool:
        """Whether the loss has not exploded at the parameters after the last step."""
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            self.value = self.objective.value(self.w)
            losses = self.value - self.objective.penalty_at(self.w)
        return self._is_sound(losses / self.n_rows)

    def has_risen(self, tol: float) -> bool:
        """Whether the objective has increased since the start by more than `tol`, relative."""
        if self.value is None:
            self.value = self.objective.value(self.w)
        slack = max(tol, self.objective.noise) * abs(self.at_start)
        return bool(self.value > self.at_start + slack)

    def _snapshot(self) -> tuple[Array, Moments, int, int]:
        return self.w.copy(), self.moments.astype(self.w.dtype), self.steps, self.passes

    def retreat(self) -> None:
        """Return to the parameters before the explosion, and halve the learning rate."""
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
        """Return the result of the search."""
        if self.averages:
            self.moments.last, self.value = self.w.copy(), None
            self.w[...] = self.moments.mean
        value = self.objective.value(self.w) if self.value is None else self.value
        curve = self.curve or [value]
        return Result(
            self.w.astype(self.dtype), value, self.passes, converged, message, curve,
            n_evaluations=self.passes + 1, memory=self.moments, n_restarts=self.retries,
        )  # fmt: skip


def cosine(fraction: float) -> float:
    """(1 + cos πs)/2, which decreases from 1 to 0 as the completed fraction s goes from 0 to 1.

    Examples
    --------
    >>> [round(cosine(fraction), 3) for fraction in (0, 0.5, 1)]
    [1.0, 0.5, 0.0]
    """
    return 0.5 * (1 + math.cos(math.pi * fraction))


def _pieces(decay: Array, most: int) -> list[tuple[slice, float]]:
    """Slices of at most `most` parameters with the same decay, and their decay."""
    changes = np.flatnonzero(np.diff(decay)) + 1
    return [
        (slice(first, min(first + most, stop)), float(decay[first]))
        for begin, stop in pairwise([0, *changes.tolist(), len(decay)])
        for first in range(begin, stop, most)
    ]
