"""Seconds of a fit, with a limit to them, and what the fit says it did."""

import signal
import time
import warnings
from contextlib import contextmanager

import numpy as np

PAUSE = 0.02  # lets the threads of the fit before go to sleep


class TimeIsUp(BaseException):
    """Not an Exception, so that no estimator takes it for a numerical failure."""


@contextmanager
def time_limit(seconds):
    """Raise TimeIsUp in the main thread, between two of its bytecodes; nothing on Windows."""
    if not hasattr(signal, "setitimer") or not np.isfinite(seconds):
        yield
        return

    def ring(*_):
        raise TimeIsUp

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def timed_fit(model, X, y, limit):
    """Seconds of a fit alone; None if it did not end in time."""
    time.sleep(PAUSE)
    try:
        with warnings.catch_warnings(), time_limit(limit):
            warnings.simplefilter("ignore")
            start = time.perf_counter()
            model.fit(X, y)
            return time.perf_counter() - start
    except TimeIsUp:
        return None


def evaluations(model):
    """Evaluations of a fitted model, or its solver's iterations where it does not count them."""
    return int(np.max(getattr(model, "n_evaluations_", model.n_iter_)))
