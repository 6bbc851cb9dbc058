"""Threads for blocks of rows, with BLAS limited to one thread in each."""

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
    """Limits BLAS libraries to one thread while at least one thread holds the limit.

    If parallel fits each restored the limit that they found, they would restore each other's limit.
    Therefore the first holder stores the original limit, and the last one restores it.
    """

    def __init__(self, libraries: Callable[[], list[Any]]) -> None:
        self.libraries = libraries
        self.lock = threading.RLock()
        self.holders: Counter[int] = Counter()  # number of acquisitions by thread id
        self.found: list[int] = []

    def acquire(self) -> int:
        """Set the limit; return the original number of BLAS threads per holder."""
        with self.lock:
            if not self.holders:
                self.found = [library.num_threads for library in self.libraries()]
                self._set([1] * len(self.found))
            self.holders[threading.get_ident()] += 1
            return max(max(self.found, default=1) // len(self.holders), 1)

    def release(self, thread: int) -> None:
        """Release the limit for a thread; the last holder restores the original limit."""
        with self.lock:
            self.holders[thread] -= 1
            self.holders = +self.holders
            if not self.holders:
                self.restore()

    def restore(self) -> None:
        """Restore the original limit, unless other code has changed it in the meantime."""
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
    """BLAS libraries whose limit holds for the whole process, or per thread."""
    # The search takes a millisecond, so it is cached.
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    return [library for library in libraries if _limits_one_thread(library) == per_thread]


def _limits_one_thread(library: Any) -> bool:
    """Whether limits hold per thread, as for OpenBLAS on OpenMP from threadpoolctl 3.8 on."""
    return _controlled(library) and library.threading_layer == "openmp"


def _controlled(library: Any) -> bool:
    return getattr(library, "clear_controlling_thread", None) is not None


def _take_control() -> None:
    """Allow this thread to set the limit of OpenBLAS.

    From threadpoolctl 3.8 on, only the first thread that sets a limit can change it. That thread
    may be idle or waiting. Called before a limit is set, and after it for the next thread.
    """
    for library in _blas(False):
        if _controlled(library):
            library.clear_controlling_thread(force=True)


class _ThreadState(threading.local):
    """State of each thread: whether it belongs to a `Workers`, and its own BLAS limit."""

    def __init__(self) -> None:
        self.inside = False
        self.limit = _BlasLimit(lambda: _blas(True))


_thread_state = _ThreadState()
_limit = _BlasLimit(lambda: _blas(False))


def _before_fork() -> None:
    _limit.lock.acquire()


def _after_fork_in_parent() -> None:
    _limit.lock.release()


def _after_fork_in_child() -> None:
    """Adjust the limit in a forked child, in which only the forking thread exists."""
    global _limit
    of_parent, _limit = _limit, _BlasLimit(lambda: _blas(False))
    this = threading.get_ident()
    own = {this: of_parent.holders[this]} if this in of_parent.holders else {}
    # A child that is forked within a fit keeps the limit, as it shares the cores with other fits.
    if of_parent.holders and not own and not _thread_state.inside:
        of_parent.restore()
    of_parent.holders = Counter(own)
    of_parent.lock.release()


if getattr(os, "register_at_fork", None) is not None:
    # While one thread forks, no other thread may change the limit.
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )


def _enter() -> None:
    _thread_state.inside = True
    _thread_state.limit.acquire()  # holds until the thread ends


class Workers:
    """Context manager whose `map` uses the number of threads that BLAS is allowed to use.

    This number respects ``OMP_NUM_THREADS``, ``threadpoolctl`` and the workers of joblib, and is
    divided among concurrent contexts. Results are in the order of the items for any number of
    threads. A nested context uses a single thread, because all others are busy.

    Examples
    --------
    >>> with Workers() as workers:
    ...     sum(workers.map(lambda number: number**2, [1, 2, 3]))
    14
    """

    def __enter__(self) -> Workers:
        self._pool: ThreadPoolExecutor | None = None
        self._thread, self._limits = threading.get_ident(), (_limit, _thread_state.limit)
        n_threads = max(limit.acquire() for limit in self._limits)
        self.n_threads = 1 if _thread_state.inside else n_threads
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
    """Context manager with the interface of `Workers` that leaves threads to BLAS.

    For steps that consist mainly of large products: threads of `Workers` would wait for each other
    between products.

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
