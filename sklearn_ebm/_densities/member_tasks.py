"""Callbacks and the progress line for energies that are learnt by counting."""

from __future__ import annotations

from sklearn_ebm._callbacks import FitTask
from sklearn_ebm._progress import ProgressLine
from sklearn_ebm.energies.folds import Progress


class MemberTasks(Progress):
    """One task for each fold, and for each location and member that is learnt.

    Parameters
    ----------
    task : FitTask
    line : ProgressLine or None
    """

    def __init__(self, task: FitTask, line: ProgressLine | None) -> None:
        self.task, self.line = task, line
        self.asked_to_stop = False

    def ended(self, what: str) -> bool:
        """Show it; whether a callback has asked to stop, after this or a fold before."""
        if self.line is not None:
            self.line.note(f"learnt {what}")
        self.asked_to_stop |= self.task.step(what)
        return self.asked_to_stop
