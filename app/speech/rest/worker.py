"""Runs an engine's slow work in a thread for a request, and hands its parts on as they are made."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, TypeVar

from starlette.requests import Request

from app.speech.lifecycle import E, Lifecycle
from app.speech.rest.door import Turnstile

T = TypeVar("T")
R = TypeVar("R")

PARTS_AHEAD = 16
"""Parts that are made ahead of a client that reads slowly."""
LOOK_AROUND = 0.5
"""Seconds after which work that waits for its client looks whether it has left."""


CLIENT_CLOSED = 499
"""nginx's status for a client that left; nobody reads it but the log."""


class ClientLeft(Exception):
    """The client has closed the connection."""


class Worker(Generic[E]):
    """One engine, its turnstile and its threads. Belongs to one event loop."""

    def __init__(self, lifecycle: Lifecycle[E], turnstile: Turnstile, threads: int) -> None:
        self.lifecycle = lifecycle
        self.turnstile = turnstile
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving: set[threading.Event] = set()

    async def parts(
        self, work: Callable[[E], Iterator[T]], left: threading.Event, deadline: float
    ) -> AsyncGenerator[T, None]:
        """What `work` yields. `left` is set once nobody wants more, and `work` should look at it.

        The engine stays in use and the turn taken until the thread has really ended, even where the
        client is gone. Raises TimeoutError at `deadline` (time.monotonic), and what `work` raises.
        """
        queue: asyncio.Queue[T | BaseException | None] = asyncio.Queue(PARTS_AHEAD)
        started = asyncio.Event()
        task = asyncio.create_task(self._work(work, left, queue, started))
        self._tasks.add(task)
        self._leaving.add(left)
        task.add_done_callback(self._tasks.discard)
        try:
            while True:
                async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                    part = await queue.get()
                if isinstance(part, BaseException):
                    raise part
                if part is None:
                    return
                yield part
        finally:
            left.set()
            self._leaving.discard(left)
            if not started.is_set():
                task.cancel()

    async def _work(
        self,
        work: Callable[[E], Iterator[T]],
        left: threading.Event,
        queue: asyncio.Queue[T | BaseException | None],
        started: asyncio.Event,
    ) -> None:
        loop = asyncio.get_running_loop()

        def hand(part: T | BaseException | None) -> bool:
            putting = asyncio.run_coroutine_threadsafe(queue.put(part), loop)
            while True:
                try:
                    putting.result(LOOK_AROUND)
                except concurrent.futures.TimeoutError:
                    if left.is_set():
                        putting.cancel()
                        return False
                else:
                    return True

        def run(engine: E) -> None:
            try:
                for part in work(engine):
                    if not hand(part):
                        return
            except BaseException as error:
                hand(error)
            else:
                hand(None)

        try:
            async with self.turnstile.turn(), self.lifecycle.use() as engine:
                started.set()
                await loop.run_in_executor(self._executor, run, engine)
        except Exception as error:
            await queue.put(error)

    async def close(self) -> None:
        """Asks all work to end, and returns when it has."""
        for left in list(self._leaving):
            left.set()
        if self._tasks:
            await asyncio.wait(list(self._tasks))
        self._executor.shutdown(wait=False)


async def first(parts: AsyncIterator[T]) -> T | None:
    """The first of the parts, or None where there is none."""
    return await anext(parts, None)


async def unless_left(request: Request, doing: asyncio.Task[R]) -> R:
    """The task's result; cancels it and raises ClientLeft where the client goes away first."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    watching = asyncio.create_task(gone())
    try:
        await asyncio.wait({doing, watching}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            return doing.result()
        raise ClientLeft
    finally:
        for task in (doing, watching):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task
