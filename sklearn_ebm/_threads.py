"""Threads over blocks of rows, with BLAS held to one thread inside."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from types import TracebackType
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@cache
def _controller() -> ThreadpoolController:
    """The BLAS libraries of this process; looking for them takes a millisecond."""
    return ThreadpoolController().select(user_api="blas")


class _Here(threading.local):
    """Whether this thread is one of a `Workers` already."""

    inside = False


_here = _Here()


class _BlasLimit:
    """Holds BLAS to one thread while at least one fit asks for it.

    The limit is a setting of the process. Fits side by side in threads would restore each other's
    limit if each restored what it found; so the first one in stores it and the last one out
    restores it.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.holders = 0
        self.n_threads = 1
        self.limiter: Any = None

    def acquire(self) -> int:
        """Set the limit, and return how many threads BLAS was allowed to use."""
        with self.lock:
            if self.holders == 0:
                allowed = [library.num_threads for library in _controller().lib_controllers]
                self.n_threads = max(allowed, default=1)
                self.limiter = _controller().limit(limits=1)
            self.holders += 1
            return self.n_threads

    def release(self) -> None:
        """Restore what was allowed, when nobody else holds the limit."""
        with self.lock:
            self.holders -= 1
            if self.holders == 0:
                self.limiter.restore_original_limits()


_limit = _BlasLimit()


def _forget_the_parent() -> None:
    """A forked child has none of the threads that hold the limit in its parent."""
    global _limit
    _limit = _BlasLimit()
    _here.inside = False


if os.name == "posix":
    os.register_at_fork(after_in_child=_forget_the_parent)


def _enter() -> None:
    _here.inside = True


class Workers:
    """A context in which `map` runs in as many threads as BLAS was allowed to use.

    That number is what ``OMP_NUM_THREADS``, ``threadpoolctl`` and joblib's workers set, so all of
    them are obeyed. The results come in the order of the items, whatever the number of threads.
    Inside of such a thread there are no further ones: all are busy.

    Examples
    --------
    >>> with Workers() as workers:
    ...     sum(workers.map(lambda number: number**2, [1, 2, 3]))
    14
    """

    def __enter__(self) -> Workers:
        self._held = _limit
        self.n_threads = self._held.acquire()
        self._pool: ThreadPoolExecutor | None = None
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
            self._held.release()

    def map(self, function: Callable[[Item], Answer], items: Iterable[Item]) -> Iterator[Answer]:
        """Apply a function to each item; like the built-in `map`, in order."""
        items = list(items)
        if self.n_threads == 1 or len(items) < 2 or _here.inside:
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
