"""One run of a worker as the dubber holds it: told, listened to, measured, killed."""

from __future__ import annotations

import asyncio
import contextlib
import select
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from threading import Thread

import psutil

from app.dubbing.messages import Command, Event
from app.dubbing.states import HEARTBEATS

EXIT_WITHIN = 1.0


class Process:
    """One run of a worker: the process, its pipe, and a thread that reads what it says."""

    def __init__(self, process: ForkServerProcess, pipe: Connection) -> None:
        self._process = process
        self._pipe = pipe
        self.pid = process.pid or 0
        try:
            # Knows the time of birth too, so that a kill never hits another process of that number.
            self._handle: psutil.Process | None = psutil.Process(self.pid)
        except psutil.NoSuchProcess:
            self._handle = None
        self.heard_at = self.started_at = time.monotonic()
        self.spoke = False
        self.ended = asyncio.Event()
        self._reader: Thread | None = None

    def listen(self, handle: Callable[[Event], None]) -> None:
        """Reads events in a thread and hands them to `handle` in the running event loop."""
        loop = asyncio.get_running_loop()
        self._reader = Thread(target=self._read, args=(loop, handle), daemon=True, name=f"worker-{self.pid}")
        self._reader.start()

    def _read(self, loop: asyncio.AbstractEventLoop, handle: Callable[[Event], None]) -> None:
        try:
            while True:
                event = self._pipe.recv()
                if isinstance(event, HEARTBEATS):
                    self.heard_at, self.spoke = time.monotonic(), True
                loop.call_soon_threadsafe(handle, event)
        except (EOFError, OSError, RuntimeError):
            # The worker is gone, or the dubber itself is.
            pass
        finally:
            try:
                loop.call_soon_threadsafe(self.ended.set)
            except RuntimeError:
                self.kill()

    def send(self, command: Command) -> bool:
        """Tells the worker, or nobody (False) where it is gone or does not listen any more."""
        try:
            if not self._writable():
                return False
            self._pipe.send(command)
        except (OSError, ValueError):
            return False
        return True

    def _writable(self) -> bool:
        # Not select(), which knows no descriptor above 1023.
        poll = select.poll()
        poll.register(self._pipe.fileno(), select.POLLOUT)
        return bool(poll.poll(0))

    def memory(self) -> int:
        """The bytes of memory that it holds, 0 where it is gone."""
        if self._handle is None:
            return 0
        try:
            return int(self._handle.memory_info().rss)
        except psutil.Error:
            return 0

    def kill(self) -> None:
        """SIGKILL, to this very process only."""
        if self._handle is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                self._handle.kill()

    def close(self) -> str:
        """Closes everything that belongs to a process that has closed its pipe; says how it ended."""
        wait([self._process.sentinel], timeout=EXIT_WITHIN)
        code = self._process.exitcode
        self.kill()
        if self._reader is not None:
            self._reader.join(EXIT_WITHIN)
        self._pipe.close()
        if code is not None:
            self._process.close()
        if code is not None and code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return "ended by itself" if code in (0, None) else f"ended with code {code}"
