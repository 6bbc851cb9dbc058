"""Looking on while an energy is learned: rows held out, callbacks, a progress line, Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from sklearn_ebm._utils.parameters import Array, ParameterLayout, Params
from sklearn_ebm.energies import Energy
from sklearn_ebm.solvers.base import Iterate, Result

# Held-out losses that differ by less than this, relative, count as equal.
SAME = 1e-7

INTERRUPTED = "it was interrupted"

# Seconds within which a second Ctrl-C means all that is running, such as a whole grid search.
SECOND_INTERRUPT_SECONDS = 2.0


class HeldOut(Protocol):
    """A sum of losses over rows that learning does not see; such as an `Objective`."""

    layout: ParameterLayout
    weight: npt.NDArray[np.float64]

    def value(self, w: Array) -> float:
        """Return the sum at some parameters."""


class Iteration(NamedTuple):
    """What an onlooker sees after each iteration of a solver, or pass over the rows.

    Attributes
    ----------
    number : int
        From 1 on, over all stages of a fit.
    value : float
        The objective that was minimised, in units of the mean weight.
    held_out : float or None
        Mean loss of the rows that are held out.
    energy : Energy
        The energy that is learned.
    params : callable
        () -> its parameters now.
    """

    number: int
    value: float
    held_out: float | None
    energy: Energy
    params: Callable[[], Params]


#: Looks at an iteration; returns True, or why as a clause, to stop learning.
IterationCallback: TypeAlias = Callable[[Iteration], bool | str]


class TrainingMonitor:
    """Follows learning from iteration to iteration, and stops it where somebody asks for that.

    Parameters
    ----------
    callbacks : sequence of callable
        Each is shown every iteration.
    patience : int or None, default=None
        Learning ends when the loss of held-out rows has not fallen for so many iterations. None
        means that it is only recorded.
    outlives_interrupts : bool, default=False
        Whether Ctrl-C ends learning with what was learned so far.

    Attributes
    ----------
    energy : Energy
        What is learned; set when learning begins, as the two below.
    params_of : callable
        The solver's vector -> the parameters of the energy.
    held_out : HeldOut or None
        The sum over held-out rows, without a penalty.
    curve : list of float
        Mean loss of the held-out rows after each iteration.
    best : ndarray or None
        Parameters of the least held-out loss.
    message : str or None
        Why learning was stopped; None if it was not.
    """

    _last_interrupt: ClassVar[float] = -np.inf

    def __init__(
        self,
        callbacks: tuple[IterationCallback, ...] = (),
        patience: int | None = None,
        *,
        outlives_interrupts: bool = False,
    ) -> None:
        self.callbacks = callbacks
        self.patience = patience
        self.outlives_interrupts = outlives_interrupts
        self.held_out: HeldOut | None = None
        self.energy: Energy
        self.params_of: Callable[[Array], Params]
        self.number = 0
        self.curve: list[float] = []
        self.best: Array | None = None
        self.message: str | None = None
        self.values: list[float] = []
        self._latest: Iterate | None = None
        self._earlier = 0  # evaluations of the stages before this one
        self._lowest, self._stale = np.inf, 0

    def __call__(self, iterate: Iterate) -> bool:
        """Take an iteration into account; whether learning should stop."""
        self.number += 1
        w = iterate.w.copy()  # solvers may go on in the same memory
        if self._latest is not None and iterate.n_evaluations <= self._latest.n_evaluations:
            self._earlier += self._latest.n_evaluations
        self._latest = iterate._replace(w=w)
        self.values.append(iterate.value)
        loss = None if self.held_out is None else self._held_out_loss(w)
        iteration = Iteration(
            self.number, iterate.value, loss, self.energy, lambda: self.params_of(w)
        )
        # All of them are called, whichever of them asks to stop.
        for answer in [look(iteration) for look in self.callbacks]:
            if answer and self.message is None:
                self.message = answer if isinstance(answer, str) else "a callback asked for it"
        return self.stopped

    def begin(self, w: Array) -> None:
        """Let the parameters that learning goes on from compete with those that it finds."""
        if self.held_out is not None:
            self._compare(self.held_out_loss(w), w)

    def held_out_loss(self, w: Array) -> float:
        """Mean loss of the held-out rows."""
        assert self.held_out is not None
        value = self.held_out.value(self.held_out.layout.pack(self.params_of(w)))
        return value / float(self.held_out.weight.sum())

    def _held_out_loss(self, w: Array) -> float:
        loss = self.held_out_loss(w)
        self.curve.append(loss)
        self._compare(loss, w)
        if self.patience is not None and self._stale >= self.patience:
            self.message = f"the held-out loss has not fallen for {self.patience} iterations"
        return loss

    def _compare(self, loss: float, w: Array) -> None:
        fell = not np.isfinite(self._lowest) or loss < self._lowest - SAME * abs(self._lowest)
        if self.best is None or (fell and np.isfinite(loss)):
            self._lowest, self._stale, self.best = loss, 0, w
        else:
            self._stale += 1

    @property
    def stopped(self) -> bool:
        """Whether somebody asked to stop."""
        return self.message is not None

    def interrupted(self) -> Result | None:
        """Where learning was when it was interrupted; None where that is no answer.

        A second interrupt soon after another one means more than this fit: it goes through.
        """
        since, TrainingMonitor._last_interrupt = (
            time.monotonic() - TrainingMonitor._last_interrupt,
            time.monotonic(),
        )
        if self._latest is None or not self.outlives_interrupts or since < SECOND_INTERRUPT_SECONDS:
            return None
        w, value, *_ = self._latest
        return Result(
            w, value, self.number, False, INTERRUPTED, self.values,
            n_evaluations=self._earlier + self._latest.n_evaluations,
        )  # fmt: skip
