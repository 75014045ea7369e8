"""Frames of files, RTSP streams and devices: a process decodes, this keeps its latest and watches it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from threading import Thread

from app.commentary.frames import decoding
from app.commentary.frames.allowed import Place
from app.commentary.frames.coming_back import ComingBack
from app.commentary.frames.decoding import Alive, Message, Sent
from app.commentary.frames.problem import Problem
from app.forked import ForkServer

SILENCE = 8.0
"""Seconds without a word after which a process hangs: its own timeouts are shorter."""
EXIT_WITHIN = 2.0
LOOK_EVERY = 0.5


@dataclass(frozen=True)
class Run:
    """One process and its pipe."""

    process: ForkServerProcess
    pipe: Connection


class Launcher(ForkServer):
    """Starts decoding processes."""

    def __init__(self) -> None:
        super().__init__(["app.commentary.frames.decoding"])

    async def decode(self, place: Place) -> Run:
        """A process that decodes the source. Raises OSError or EOFError where the fork server has died."""
        return Run(*await self.start(decoding.main, place, name="source", duplex=False))


class Captured(ComingBack):
    """A FrameProvider over a process that is started anew, with growing waits, whenever it fails or hangs."""

    final = frozenset({"ended", "refused"})

    def __init__(self, place: Place, launcher: Launcher, first_wait: float, longest_wait: float) -> None:
        super().__init__(place.shown, first_wait, longest_wait)
        self._place = place
        self._launcher = launcher
        self.pid: int | None = None
        """The process that decodes, while there is one."""

    def _silence(self, seconds: float) -> str:
        return f"no picture for {seconds:.0f} s"

    async def _once(self) -> Problem:
        """One process until its end; why it ended."""
        try:
            run = await self._launcher.decode(self._place)
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
