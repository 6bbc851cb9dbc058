"""Monitoring of learning: held-out rows, callbacks and interrupts."""

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

# A second Ctrl-C within this time ends all that is running, such as a grid search.
SECOND_INTERRUPT_SECONDS = 2.0


class HeldOut(Protocol):
    """A sum of losses over held-out rows, such as an `Objective`."""

    layout: ParameterLayout
    weight: npt.NDArray[np.float64]

    def value(self, w: Array) -> float:
        """Return the sum at the parameters w."""


class Iteration(NamedTuple):
    """Argument of callbacks after each iteration of a solver, or pass over the rows.

    Attributes
    ----------
    number : int
        Number of the iteration, from 1 on, over all stages of a fit.
    value : float
        The objective, divided by the mean weight.
    held_out : float or None
        Mean loss of the held-out rows.
    energy : Energy
        The energy.
    params : callable
        Function that returns the current parameters of the energy.
    """

    number: int
    value: float
    held_out: float | None
    energy: Energy
    params: Callable[[], Params]


#: Called after an iteration; returns True, or the reason as a clause, to stop learning.
IterationCallback: TypeAlias = Callable[[Iteration], bool | str]


class TrainingMonitor:
    """Calls callbacks after each iteration, evaluates held-out rows, and may stop learning.

    Parameters
    ----------
    callbacks : sequence of callable
        Functions that are called with each `Iteration`.
    patience : int or None, default=None
        Number of iterations without a lower held-out loss after which learning ends. None only
        records the loss.
    outlives_interrupts : bool, default=False
        Whether Ctrl-C ends learning with the current parameters instead of an exception.

    Attributes
    ----------
    energy : Energy
        The energy; set when learning begins, like `params_of` and `held_out`.
    params_of : callable
        Function from the vector of the solver to the parameters of the energy.
    held_out : HeldOut or None
        The sum of losses over held-out rows, without a penalty.
    curve : list of float
        Mean loss of the held-out rows after each iteration.
    best : ndarray or None
        Vector with the lowest held-out loss.
    message : str or None
        Why learning was stopped; None if it was not.
    slack : float
        Held-out losses above the lowest one by less than this count as equal, and later parameters
        are then preferred. It is 0 by default, and set when learning begins.
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
        self.slack = 0.0
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
        """Process an iteration; return whether learning should stop."""
        self.number += 1
        w = iterate.w.copy()  # solvers may overwrite it
        if self._latest is not None and iterate.n_evaluations <= self._latest.n_evaluations:
            self._earlier += self._latest.n_evaluations
        self._latest = iterate._replace(w=w)
        self.values.append(iterate.value)
        loss = None if self.held_out is None else self._held_out_loss(w)
        iteration = Iteration(
            self.number, iterate.value, loss, self.energy, lambda: self.params_of(w)
        )
        # All callbacks are called, even if one of them stops learning.
        for reason in [callback(iteration) for callback in self.callbacks]:
            if reason and self.message is None:
                self.message = reason if isinstance(reason, str) else "a callback stopped it"
        return self.stopped

    def begin(self, w: Array) -> None:
        """Include the parameters of an earlier fit among the candidates for `best`."""
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
        equal = self.slack > 0 and loss < self._lowest + self.slack
        if self.best is None or ((fell or equal) and np.isfinite(loss)):
            self._lowest = loss if fell else self._lowest
            self._stale, self.best = 0, w
        else:
            self._stale += 1

    @property
    def stopped(self) -> bool:
        """Whether learning was stopped."""
        return self.message is not None

    def interrupted(self) -> Result | None:
        """Return the result at an interrupt; None if the interrupt should be raised.

        It is raised if it follows another interrupt within SECOND_INTERRUPT_SECONDS.
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
