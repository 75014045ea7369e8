"""Frames of files, RTSP streams and devices: a process decodes, this keeps its latest and watches it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import forkserver, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from threading import Thread

import structlog

from app.backoff import Backoff
from app.commentary.frames import decoding
from app.commentary.frames.allowed import Place
from app.commentary.frames.decoding import Alive, Message, Sent
from app.commentary.frames.problem import Problem
from app.commentary.frames.provider import Frame, Health, Slot

SILENCE = 8.0
"""Seconds without a word after which a process hangs: its own timeouts are shorter."""
GOOD_AFTER = 10.0
JITTER = 0.3
EXIT_WITHIN = 2.0
LOOK_EVERY = 0.5
FINAL = frozenset({"ended", "refused"})

log = structlog.get_logger()


@dataclass(frozen=True)
class Run:
    """One process and its pipe."""

    process: ForkServerProcess
    pipe: Connection


class Launcher:
    """Starts decoding processes from one fork server that has imported what they need."""

    def __init__(self) -> None:
        self._context: ForkServerContext = get_context("forkserver")
        self._context.set_forkserver_preload(["app.commentary.frames.decoding"])
        # One thread: multiprocessing's start is not made for several at once.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="start-source")

    def warm_up(self) -> None:
        """Starts the fork server before the first source is opened."""
        self._starter.submit(forkserver.ensure_running)

    async def start(self, place: Place) -> Run:
        """A process that decodes the source. Raises OSError or EOFError where the fork server has died."""
        return await asyncio.get_running_loop().run_in_executor(self._starter, self._start, place)

    def _start(self, place: Place) -> Run:
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=decoding.main, args=(place, theirs), daemon=True)
        try:
            process.start()
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return Run(process, ours)

    def close(self) -> None:
        """Ends the thread that starts processes."""
        self._starter.shutdown(wait=False, cancel_futures=True)


class Captured:
    """A FrameProvider over a process that is started anew, with growing waits, whenever it fails or hangs."""

    def __init__(self, place: Place, launcher: Launcher, first_wait: float, longest_wait: float) -> None:
        self._place = place
        self._launcher = launcher
        self._backoff = Backoff(first_wait, longest_wait, JITTER)
        self._slot = Slot()
        self._problem: Problem | None = None
        self._reconnects = 0
        self._heard = 0.0
        self._task: asyncio.Task[None] | None = None
        self.pid: int | None = None
        """The process that decodes, while there is one."""

    async def open(self) -> None:
        """Begins to take frames in."""
        self._task = asyncio.create_task(self._keep_running())

    @property
    def latest(self) -> Frame | None:
        """The newest frame; None before the first."""
        return self._slot.latest

    async def newer(self, number: int) -> Frame | None:
        """The newest frame once it is newer than that number; None where no more will come."""
        return await self._slot.newer(number)

    @property
    def health(self) -> Health:
        """How it is with the source; where nothing comes any more that is told within FRESH seconds."""
        latest, problem = self._slot.latest, self._problem
        if problem is None and latest is not None and not self._slot.fresh:
            problem = Problem("timeout", f"no picture for {time.monotonic() - latest.arrived:.0f} s")
        return Health(
            healthy=problem is None and latest is not None,
            frames_per_second=self._slot.rate,
            problem=problem,
            ended=self._slot.ended,
            reconnects=self._reconnects,
        )

    async def close(self) -> None:
        """Ends the process, and waits until it is gone."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._slot.end()

    async def _keep_running(self) -> None:
        while True:
            began = time.monotonic()
            self._problem = await self._run_once()
            if self._problem.kind in FINAL:
                self._slot.end()
                return
            log.info("a source broke off", source=self._place.shown, reason=str(self._problem))
            if self._heard - began > GOOD_AFTER:
                self._backoff.reset()
            await asyncio.sleep(self._backoff.next())
            self._reconnects += 1

    async def _run_once(self) -> Problem:
        """One process until its end; why it ended."""
        try:
            run = await self._launcher.start(self._place)
        except (OSError, EOFError):
            return Problem("unreadable", "its process could not be started")
        self._heard, self.pid = time.monotonic(), run.process.pid
        loop = asyncio.get_running_loop()
        over: asyncio.Future[Problem] = loop.create_future()
        reader = Thread(target=self._read, args=(run.pipe, loop, over), daemon=True, name="source")
        reader.start()
        try:
            while not over.done() and time.monotonic() - self._heard < SILENCE:
                await asyncio.wait([over], timeout=LOOK_EVERY)
            return over.result() if over.done() else Problem("timeout", "the decoder hung and was ended")
        finally:
            self.pid = None
            run.process.kill()
            await asyncio.to_thread(finish, run, reader)

    def _read(self, pipe: Connection, loop: asyncio.AbstractEventLoop, over: asyncio.Future[Problem]) -> None:
        last: Message = Problem("unreadable", "its process died")
        with contextlib.suppress(EOFError, OSError, RuntimeError):
            while isinstance(last := pipe.recv(), Sent | Alive):
                loop.call_soon_threadsafe(self._take, last)
            loop.call_soon_threadsafe(settle, over, last)
            return
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, over, Problem("unreadable", "its process died"))

    def _take(self, sent: Sent | Alive) -> None:
        self._heard = time.monotonic()
        if isinstance(sent, Alive):
            return
        self._problem = None
        self._slot.put(sent.picture, sent.position)


def settle(over: asyncio.Future[Problem], problem: Problem) -> None:
    """Tells how it ended, unless that is known already."""
    if not over.done():
        over.set_result(problem)


def finish(run: Run, reader: Thread) -> None:
    """Closes what belongs to a process that has been killed."""
    reader.join(EXIT_WITHIN)
    run.pipe.close()
    run.process.join(EXIT_WITHIN)
    with contextlib.suppress(ValueError):
        run.process.close()
