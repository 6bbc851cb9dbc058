"""scikit-learn's callbacks (1.9 and later); before, nothing happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sklearn_ebm.energies._bank.folds import FitProgress
from sklearn_ebm.estimators._progress import ProgressLine
from sklearn_ebm.learning.learn import Start
from sklearn_ebm.learning.monitor import Iteration, IterationCallback

Method = TypeVar("Method", bound=Callable[..., Any])

try:
    from sklearn import callback as _callback
except ImportError:  # before scikit-learn 1.9
    _callback = None

# Frames that `with_callbacks` adds between the user and `fit`: warnings point at the user's line.
FRAMES = 0 if _callback is None else 1


class _NoCallbacks:
    """Stands for scikit-learn's mixin, which comes with version 1.9."""


CallbackSupportMixin: Any = _NoCallbacks if _callback is None else _callback.CallbackSupportMixin


def with_callbacks(method: Method) -> Method:
    """Let callbacks end their work when a method ends, however it ends."""
    return method if _callback is None else _callback.with_callbacks(method)


class FitCallbacks:
    """The task "fit" of an estimator, with a subtask for each iteration.

    Parameters
    ----------
    estimator : estimator
    X, y : as given to `fit`
    sample_weight : as given to `fit`
    fitted_state : callable
        Energy and parameters -> all attributes that predicting needs.
    """

    def __init__(
        self,
        estimator: Any,
        X: Any,
        y: Any,
        sample_weight: Any,
        fitted_state: Callable[[Start], dict[str, Any]],
    ) -> None:
        self.estimator = estimator
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self.data = {"X": X, "y": y, "metadata": metadata}
        self.fitted_state = fitted_state
        init = getattr(estimator, "_init_callback_context", None)
        # How many iterations there will be is not known: the certificate ends them.
        self.context = None if init is None else init(task_name="fit", max_subtasks=None)
        if self.context is not None:
            self.context.call_on_fit_task_begin(estimator=estimator, **self.data)

    @property
    def callbacks(self) -> tuple[IterationCallback, ...]:
        """Callbacks of the iterations; empty if the estimator has none."""
        return () if self.context is None else (self.iteration,)

    def iteration(self, iteration: Iteration) -> bool:
        """Tell the callbacks of one iteration; whether one of them asks to stop.

        A solver reports when an iteration is over, so that it begins and ends here.
        """
        assert self.context is not None

        def state() -> dict[str, Any]:
            return self.fitted_state(Start(iteration.energy, iteration.params()))

        task = self.context.subcontext(task_name="iteration")
        task.call_on_fit_task_begin(estimator=self.estimator, **self.data)
        return bool(
            task.call_on_fit_task_end(
                estimator=self.estimator,
                reconstruction_attributes=state,
                **self.data,
            )
        )

    def step(self, name: str) -> bool:
        """Tell the callbacks of a piece of work that is done; whether one of them asks to stop."""
        if self.context is None:
            return False
        task = self.context.subcontext(task_name=name)
        task.call_on_fit_task_begin(estimator=self.estimator, **self.data)
        stop = task.call_on_fit_task_end(
            estimator=self.estimator, reconstruction_attributes=dict, **self.data
        )
        return bool(stop)

    def end(self) -> None:
        """Tell the callbacks that the estimator is fitted."""
        if self.context is not None:
            self.context.call_on_fit_task_end(
                estimator=self.estimator, reconstruction_attributes={}, **self.data
            )


class CallbackProgress(FitProgress):
    """One task for each fold, and for each location and member that is learned.

    Parameters
    ----------
    task : FitCallbacks
    line : ProgressLine or None
    """

    def __init__(self, task: FitCallbacks, line: ProgressLine | None) -> None:
        self.task, self.line = task, line
        self.asked_to_stop = False

    def ended(self, what: str) -> bool:
        """Show it; whether a callback has asked to stop, after this or a fold before."""
        if self.line is not None:
            self.line.note(f"learned {what}")
        self.asked_to_stop |= self.task.step(what)
        return self.asked_to_stop
