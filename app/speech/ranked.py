"""Worker threads that serve the longest-standing session first.

When there is more work than processor time, sharing it fairly makes every phrase of every session too
late. Served by rank, the sessions there is time for lose nothing, and the newest ones are behind: a
stream that is added never takes the dub from those that run.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class RankedExecutor:
    """A pool of threads; of the work that waits, the lowest rank goes first, then the oldest."""

    def __init__(self, threads: int, name: str) -> None:
        self._waiting: list[tuple[int, int, Callable[[], None], Callable[[], bool]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def at(self, rank: int) -> Executor:
        """The executor as somebody of that rank uses it."""
        return _AtRank(self, rank)

    def put(self, rank: int, work: Callable[[], None], cancel: Callable[[], bool]) -> None:
        """Queues work; `cancel` is called instead where the pool closes first. Raises RuntimeError closed."""
        with self._changed:
            if self._closed:
                raise RuntimeError("the worker threads have ended")
            heapq.heappush(self._waiting, (rank, next(self._order), work, cancel))
            self._changed.notify()

    def close(self) -> None:
        """Cancels what waits, and returns when what runs has ended."""
        with self._changed:
            self._closed = True
            waiting, self._waiting = self._waiting, []
            self._changed.notify_all()
        for _, _, _, cancel in waiting:
            cancel()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    if self._closed:
                        return
                    self._changed.wait()
                _, _, work, _ = heapq.heappop(self._waiting)
            work()


class _AtRank(Executor):
    def __init__(self, pool: RankedExecutor, rank: int) -> None:
        self._pool = pool
        self._rank = rank

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        self._pool.put(self._rank, work, future.cancel)
        return future
