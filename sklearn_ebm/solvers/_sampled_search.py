"""Search by Adam in which a step changes only the classes of its batch.

Each class has a number of steps of its own, which counts for the bias corrections. What acts on
every parameter in every step is made up for when a class occurs again, for all steps since the
last time: the penalty, the weight decay, and the mean of schedule "root".
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Array, Index
from sklearn_ebm.solvers._adam_search import RECENCY, AdamState, Moments
from sklearn_ebm.solvers.base import Result
from sklearn_ebm.solvers.sampled_objective import ClassGradient, SampledObjective


def _none() -> Any:
    return np.empty(0, dtype=np.int64)


@dataclass
class ClassMoments(Moments):
    """Memory of a search in which a step changes only some classes.

    Attributes
    ----------
    class_steps : ndarray of int of shape (n_classes,)
        Number of steps in the sums of each class.
    touched : ndarray of int of shape (n_classes,)
        `time` of the last step of each class.
    frequency : ndarray of shape (n_classes,)
        Sum of the weights of the samples of each class so far.
    averaged : int
        `time` until which the means of all classes are up to date.
    """

    class_steps: npt.NDArray[np.int64] = field(default_factory=_none)
    touched: npt.NDArray[np.int64] = field(default_factory=_none)
    frequency: npt.NDArray[np.float64] = field(default_factory=_none)
    averaged: int = 0

    @classmethod
    def of(cls, moments: Moments, n_classes: int) -> ClassMoments:
        """Return moments with numbers of steps of each class, which are equal."""
        own = np.full(n_classes, moments.n_steps), np.full(n_classes, moments.time)
        return cls(
            moments.first, moments.second, moments.n_steps, moments.mean, moments.last,
            moments.n_before, *own, averaged=moments.time,
        )  # fmt: skip

    def astype(self, dtype: Any) -> ClassMoments:
        """Return a copy in this dtype."""
        other = ClassMoments.of(super().astype(dtype), len(self.touched))
        return replace(
            other, class_steps=self.class_steps.copy(), touched=self.touched.copy(),
            frequency=self.frequency, averaged=self.averaged,
        )  # fmt: skip


class SampledAdamState(AdamState):
    """State of a search whose steps change only the classes of their batches."""

    objective: SampledObjective
    moments: ClassMoments

    def _prepare(self) -> None:
        """Prepare draws, whose random numbers do not change the order of the samples."""
        seed = deepcopy(self.rng).randint(np.iinfo(np.int32).max)
        self.draw_rng = np.random.default_rng(seed)
        self.draws = self.objective.draws()
        self.gradient: ClassGradient | None = None
        decay, slices = self._decay(), self.objective.layout.slices
        self.decay = {name: float(decay[part][0]) for name, part in slices.items()}

    def _no_moments(self) -> ClassMoments:
        """Return the moments before the first step."""
        moments = ClassMoments.of(super()._no_moments(), self.objective.n_answers)
        moments.frequency = self.objective.frequency
        return moments

    def _resumed(self, memory: Moments) -> ClassMoments:
        """Return the moments of an earlier search; see `AdamState`."""
        moments = super()._resumed(memory)
        if not isinstance(moments, ClassMoments):
            moments = ClassMoments.of(moments, self.objective.n_answers)
        moments.frequency = self.objective.frequency
        return moments

    def _continues(self, memory: Any) -> bool:
        """Whether the memory is that of such a search, or has no moments yet."""
        empty = isinstance(memory, Moments) and not memory.n_steps
        return (isinstance(memory, ClassMoments) or empty) and memory.first.shape == self.w.shape

    def make_pass(self) -> bool:
        """Make one pass over the rows; stop and return False if the loss explodes."""
        self.draws.reorder(self.draw_rng)
        return super().make_pass()

    def _evaluate(self, batch: range, order: Any) -> float:
        """Return the mean loss of a batch, and store its gradient."""
        rows = np.arange(batch.start, batch.stop)
        rows = rows if order is None else order[rows]
        energy = self.objective.energy._for_step(self.rng)
        value, self.gradient = self.objective.on_drawn(
            self.params, rows, energy, self.draws, self.draw_rng
        )
        return value

    def _step(self) -> None:
        """Make a step of the classes of the batch, and of parameters without classes."""
        rate, moments, layout = self._rate(), self.moments, self.objective.layout
        self.steps += 1
        if self.gradient is None:
            moments.n_before += 1  # a step that changes nothing
            return
        moments.n_steps += 1
        classes, gradients = self.gradient
        moments.class_steps[classes] += 1
        since = moments.time - moments.touched[classes]
        moments.touched[classes] = moments.time
        tables = [layout.tables(part) for part in (self.w, moments.first, moments.second)]
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            for name, gradient in gradients.items():
                if name in layout.axes:
                    g = np.moveaxis(gradient, layout.axes[name], 0).astype(self.w.dtype)
                    arrays = [table[name] for table in tables]
                    self._move_classes(name, arrays, g, classes, since, rate)
                else:
                    self._move_all(name, np.ravel(gradient).astype(self.w.dtype), rate)

    def _move_classes(
        self, name: str, tables: list[Array], g: Array, classes: Index, since: Index, rate: float
    ) -> None:
        """Make a step of the entries of some classes, (m, ...)."""
        w, first, second = (table[classes] for table in tables)
        column = (len(classes), *(1,) * (g.ndim - 1))
        lag = since.astype(w.dtype).reshape(column)
        steps = self.moments.class_steps[classes].reshape(column)
        before = w.copy() if self.averages else w
        self._descend(w, first, second, g, self.decay[name], lag, steps, rate)
        for table, part in zip(tables, (w, first, second), strict=True):
            table[classes] = part
        if self.averages:
            table = self.objective.layout.tables(self.moments.mean)[name]
            time = self.moments.time
            begin = np.maximum(time - since, self.moments.averaged)
            kept = _kept_of_mean(begin, time - 1).astype(w.dtype).reshape(column)
            mean = before + kept * (table[classes] - before)
            table[classes] = mean + _weight_in_mean(time) * (w - mean)

    def _move_all(self, name: str, g: Array, rate: float) -> None:
        """Make a step of a parameter without classes."""
        part, moments = self.objective.layout.slices[name], self.moments
        w = self.w[part]
        self._descend(
            w, moments.first[part], moments.second[part], g, self.decay[name], 1, moments.n_steps,
            rate,
        )  # fmt: skip
        if self.averages:
            mean = moments.mean[part]
            mean += _weight_in_mean(moments.time) * (w - mean)

    def _descend(
        self, w: Array, first: Array, second: Array, g: Array, decay: float, lag: Any, steps: Any,
        rate: float,
    ) -> None:  # fmt: skip
        """Make a step of some parameters, in place; `lag` is the number of steps to make up for."""
        settings = self.settings
        if decay and settings.weight_decay is None:
            g += (decay * lag) * w
        elif decay:
            w *= max(1 - rate * decay, 0.0) ** lag
        first *= settings.beta_1
        first += g
        second *= settings.beta_2
        second += np.square(g)
        sum_1 = (1 - settings.beta_1**steps) / (1 - settings.beta_1)
        root = np.sqrt((1 - settings.beta_2**steps) / (1 - settings.beta_2))
        step = np.sqrt(second)
        step += np.asarray(settings.epsilon * root, dtype=w.dtype)
        np.divide(first, step, out=step)
        step *= np.asarray(rate * root / sum_1, dtype=w.dtype)
        w -= step

    def result(self, converged: bool, message: str) -> Result:
        """Return the result of the search, with the means of all classes up to date."""
        if self.averages:
            layout, moments = self.objective.layout, self.moments
            kept = _kept_of_mean(np.maximum(moments.touched, moments.averaged), moments.time)
            means, tables = layout.tables(moments.mean), layout.tables(self.w)
            for name, mean in means.items():
                factor = kept.astype(mean.dtype).reshape(-1, *(1,) * (mean.ndim - 1))
                mean[...] = tables[name] + factor * (mean - tables[name])
            moments.averaged = moments.time
        return super().result(converged, message)


def _weight_in_mean(time: int) -> float:
    """Weight of the parameters after a step in the mean of schedule "root"."""
    return (RECENCY + 1) / (time + RECENCY)


def _kept_of_mean(begin: Any, end: Any) -> npt.NDArray[np.float64]:
    """Factor by which the steps after `begin`, up to `end`, reduce mean − w if w is constant.

    It is Π_t (1 − (R + 1)/(t + R)) = Π_i (begin + i)/(end + i), for i from 0 to R.

    Examples
    --------
    The first step has the weight 1, and the third one 9/11:

    >>> _kept_of_mean(np.array([0, 2]), np.array([1, 3])).round(3)
    array([0.   , 0.182])
    """
    shift = np.arange(RECENCY + 1)
    begin, end = np.asarray(begin)[..., None], np.asarray(end)[..., None]
    # If no step was made, begin and end are 0, and the mean is w itself.
    return np.prod((begin + shift) / np.maximum(end + shift, 1), axis=-1)
