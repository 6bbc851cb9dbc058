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

    def ended(self, what: str) -> bool:
        """Show it; whether a callback asks to stop."""
        if self.line is not None:
            self.line.note(f"learnt {what}")
        return self.task.step(what)
