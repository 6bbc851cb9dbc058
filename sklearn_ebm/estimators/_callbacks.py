"""Support for callbacks of scikit-learn; without effect before version 1.9."""

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

# Number of stack frames that `with_callbacks` adds between the user and `fit`, so that warnings
# refer to the user's line.
FRAMES = 0 if _callback is None else 1


class _NoCallbacks:
    """Replacement of scikit-learn's mixin before version 1.9."""


CallbackSupportMixin: Any = _NoCallbacks if _callback is None else _callback.CallbackSupportMixin


def with_callbacks(method: Method) -> Method:
    """Decorate a method so that callbacks are torn down when it returns or raises."""
    return method if _callback is None else _callback.with_callbacks(method)


class FitCallbacks:
    """The task "fit" of an estimator, with a subtask for each iteration.

    Parameters
    ----------
    estimator : estimator
        The estimator that is fitted.
    X, y, sample_weight : array-like
        Arguments of `fit`.
    fitted_state : callable
        Function from energy and parameters to all attributes that predictions need.
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
        # The number of iterations is unknown, because the duality gap ends them.
        self.context = None if init is None else init(task_name="fit", max_subtasks=None)
        if self.context is not None:
            self.context.call_on_fit_task_begin(estimator=estimator, **self.data)

    @property
    def callbacks(self) -> tuple[IterationCallback, ...]:
        """Callbacks of the iterations; empty if the estimator has none."""
        return () if self.context is None else (self.iteration,)

    def iteration(self, iteration: Iteration) -> bool:
        """Notify the callbacks of one iteration; return whether learning should stop.

        A solver reports completed iterations, so the task begins and ends in this method.
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
        """Notify the callbacks of a completed task; return whether learning should stop."""
        if self.context is None:
            return False
        task = self.context.subcontext(task_name=name)
        task.call_on_fit_task_begin(estimator=self.estimator, **self.data)
        stop = task.call_on_fit_task_end(
            estimator=self.estimator, reconstruction_attributes=dict, **self.data
        )
        return bool(stop)

    def end(self) -> None:
        """Notify the callbacks that the estimator is fitted."""
        if self.context is not None:
            self.context.call_on_fit_task_end(
                estimator=self.estimator, reconstruction_attributes={}, **self.data
            )


class CallbackProgress(FitProgress):
    """Progress with one task for each fold, location and member that is learned.

    Parameters
    ----------
    task : FitCallbacks
        The task "fit" of the estimator.
    line : ProgressLine or None
        Line that shows the progress.
    """

    def __init__(self, task: FitCallbacks, line: ProgressLine | None) -> None:
        self.task, self.line = task, line
        self.asked_to_stop = False

    def ended(self, what: str) -> bool:
        """Show a completed task; return whether this or an earlier callback requested a stop."""
        if self.line is not None:
            self.line.note(f"learned {what}")
        self.asked_to_stop |= self.task.step(what)
        return self.asked_to_stop
