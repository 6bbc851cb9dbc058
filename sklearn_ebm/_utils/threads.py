"""Threads over blocks of rows, with BLAS held to one thread inside."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from types import TracebackType
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class _BlasLimit:
    """Holds some BLAS libraries to one thread while anybody asks for it.

    Fits side by side in threads would restore each other's limit if each restored what it found; so
    the first one in remembers it, and the last one out restores it.
    """

    def __init__(self, libraries: Callable[[], list[Any]]) -> None:
        self.libraries = libraries
        self.lock = threading.RLock()
        self.holders: Counter[int] = Counter()  # by thread
        self.found: list[int] = []

    def acquire(self) -> int:
        """Set the limit; return this thread's share of the threads that BLAS was allowed to use."""
        with self.lock:
            if not self.holders:
                self.found = [library.num_threads for library in self.libraries()]
                self._set([1] * len(self.found))
            self.holders[threading.get_ident()] += 1
            return max(max(self.found, default=1) // len(self.holders), 1)

    def release(self, thread: int) -> None:
        """Give up what a thread has acquired; restore what was allowed, if it was the last."""
        with self.lock:
            self.holders[thread] -= 1
            self.holders = +self.holders
            if not self.holders:
                self.restore()

    def restore(self) -> None:
        """Restore what was allowed, unless somebody else has set another number since."""
        now = [library.num_threads for library in self.libraries()]
        ours = zip(self.found, now, strict=True)
        self._set([found if number == 1 else number for found, number in ours])

    def _set(self, numbers: list[int]) -> None:
        _take_control()
        for library, number in zip(self.libraries(), numbers, strict=True):
            library.set_num_threads(number)
        _take_control()


@cache
def _blas(per_thread: bool) -> list[Any]:
    """BLAS libraries whose limit is one of the process, or one of the thread that sets it."""
    # Looking for them takes a millisecond.
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    return [library for library in libraries if _limits_one_thread(library) == per_thread]


def _limits_one_thread(library: Any) -> bool:
    """Whether a limit is one of the thread that sets it: OpenBLAS on OpenMP, threadpoolctl 3.8."""
    return _controlled(library) and library.threading_layer == "openmp"


def _controlled(library: Any) -> bool:
    return getattr(library, "clear_controlling_thread", None) is not None


def _take_control() -> None:
    """From threadpoolctl 3.8 on, OpenBLAS obeys the first thread that sets a limit, and no other.

    That thread may be idle or wait for us. Called before a limit is set, and after it, so that the
    next thread is obeyed as well.
    """
    for library in _blas(False):
        if _controlled(library):
            library.clear_controlling_thread(force=True)


class _Here(threading.local):
    """What is each thread's own: whether it is one of a `Workers`, and the limit of its BLAS."""

    def __init__(self) -> None:
        self.inside = False
        self.limit = _BlasLimit(lambda: _blas(True))


_here = _Here()
_limit = _BlasLimit(lambda: _blas(False))


def _hold_still() -> None:
    _limit.lock.acquire()


def _go_on() -> None:
    _limit.lock.release()


def _leave_the_parent() -> None:
    """A forked child has the thread that forked, and none of the others that hold the limit."""
    global _limit
    of_parent, _limit = _limit, _BlasLimit(lambda: _blas(False))
    this = threading.get_ident()
    own = {this: of_parent.holders[this]} if this in of_parent.holders else {}
    # A child of a fit is a part of it, and shares the cores with what else is learned.
    if of_parent.holders and not own and not _here.inside:
        of_parent.restore()
    of_parent.holders = Counter(own)
    of_parent.lock.release()


if getattr(os, "register_at_fork", None) is not None:
    # While one thread forks, no other is changing the limit.
    os.register_at_fork(
        before=_hold_still, after_in_parent=_go_on, after_in_child=_leave_the_parent
    )


def _enter() -> None:
    _here.inside = True
    _here.limit.acquire()  # ends with the thread


class Workers:
    """A context in which `map` runs in as many threads as BLAS was allowed to use.

    That number is what ``OMP_NUM_THREADS``, ``threadpoolctl`` and joblib's workers set, so all of
    them are obeyed. Where several threads are at work, one that joins them gets its share. The
    results come in the order of the items, whatever the number of threads. Inside of such a thread
    there are no further ones: all are busy.

    Examples
    --------
    >>> with Workers() as workers:
    ...     sum(workers.map(lambda number: number**2, [1, 2, 3]))
    14
    """

    def __enter__(self) -> Workers:
        self._pool: ThreadPoolExecutor | None = None
        self._thread, self._limits = threading.get_ident(), (_limit, _here.limit)
        n_threads = max(limit.acquire() for limit in self._limits)
        self.n_threads = 1 if _here.inside else n_threads
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._pool is not None:
                self._pool.shutdown(wait=True, cancel_futures=True)
        finally:
            for limit in self._limits:
                limit.release(self._thread)

    def map(self, function: Callable[[Item], Answer], items: Iterable[Item]) -> Iterator[Answer]:
        """Apply a function to each item; like the built-in `map`, in order."""
        items = list(items)
        if self.n_threads == 1 or len(items) < 2:
            return map(function, items)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.n_threads, "sklearn_ebm", _enter)
        return self._pool.map(function, items)


class BlasThreads:
    """What `Workers` is, without threads of its own: the products use those of BLAS.

    For steps whose products are large and whose other work is small: threads of our own would wait
    for each other between one product and the next.

    Examples
    --------
    >>> with BlasThreads() as workers:
    ...     sum(workers.map(lambda number: number**2, [1, 2, 3]))
    14
    """

    def __enter__(self) -> BlasThreads:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def map(self, function: Callable[[Item], Answer], items: Iterable[Item]) -> Iterator[Answer]:
        """Apply a function to each item; the built-in `map`."""
        return map(function, items)
