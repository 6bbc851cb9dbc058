"""Progress of learning, shown as one line on standard error."""

from __future__ import annotations

import sys
import time
from typing import Any, Protocol

from sklearn_ebm.learning.monitor import Iteration

# Minimum time between two updates of the line, in seconds.
INTERVAL = 0.1


class _Line(Protocol):
    def show(self, text: str) -> None:
        """Replace the line."""

    def close(self, text: str) -> None:
        """Show the last text and end the line."""


class _RichLine:
    """A line drawn by rich."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        self.text = Text
        self.live = Live(console=Console(stderr=True), refresh_per_second=8)
        self.live.start()

    def show(self, text: str) -> None:
        self.live.update(self.text(text, no_wrap=True))

    def close(self, text: str) -> None:
        self.live.update(self.text(text, no_wrap=True))
        self.live.stop()


class _PlainLine:
    """A line that is overwritten on a terminal; elsewhere it is written once, at the end."""

    def __init__(self) -> None:
        self.width = 0

    def show(self, text: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write("\r" + text.ljust(self.width))
            sys.stderr.flush()
            self.width = len(text)

    def close(self, text: str) -> None:
        self.show(text)
        sys.stderr.write("\n" if sys.stderr.isatty() else text + "\n")
        sys.stderr.flush()


def _line() -> _Line:
    if not sys.stderr.isatty():
        return _PlainLine()
    try:
        from rich.errors import LiveError
    except ImportError:
        return _PlainLine()
    try:
        return _RichLine()
    except LiveError:  # another live display is active
        return _PlainLine()


class ProgressLine:
    """Progress line with iteration, objective, held-out loss if there is one, and elapsed time.

    Parameters
    ----------
    name : str
        Name of the model that is learned.
    unit : float
        Factor of the displayed objective: the mean sample weight.
    """

    def __init__(self, name: str, unit: float = 1.0) -> None:
        self.name, self.unit = name, unit
        self.began = self.drawn = time.perf_counter()
        self.text = f"{name}: learning"
        self.line = _line()
        self.line.show(self.text)

    def __call__(self, iteration: Iteration) -> bool:
        """Show an iteration; the result False means that learning continues."""
        now = time.perf_counter()
        held_out = "" if iteration.held_out is None else f", held out {iteration.held_out:.4g}"
        self.text = (
            f"{self.name}: iteration {iteration.number}, objective "
            f"{iteration.value * self.unit:.6g}{held_out}, {now - self.began:.1f} s"
        )
        if now - self.drawn > INTERVAL:
            self.drawn = now
            self.line.show(self.text)
        return False

    def note(self, text: str) -> None:
        """Show a text and the elapsed time."""
        self.drawn = time.perf_counter()
        self.text = f"{self.name}: {text}, {self.drawn - self.began:.1f} s"
        self.line.show(self.text)

    def close(self, *_: Any) -> None:
        """End the line with its last text."""
        self.line.close(self.text)

    def __enter__(self) -> ProgressLine:
        return self

    __exit__ = close
