"""One service as a child process: started, its lines passed on, asked for its health, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import struct
from collections import deque
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import psutil

from app.native import guard
from app.native.plan import Launch, environment

LONGEST_LINE = 1 << 16
LAST_LINES = 15
HEALTH_TIMEOUT = 2.0


class Child:
    """A service's process, in a session of its own: a terminal's Ctrl-C reaches only the supervisor."""

    def __init__(self, launch: Launch, show: Callable[[str, str], None]) -> None:
        self.launch = launch
        self.name = launch.service.name
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._show = show
        self._process: asyncio.subprocess.Process | None = None
        self._group: Group | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self.pid is not None

    async def start(self) -> None:
        """Starts the process. Raises OSError where it can't."""
        self.last_lines.clear()
        # With a pipe of asyncio's own its end counts as the process's, and a grandchild may hold it for long.
        ours, theirs = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *guard.command(os.getpid(), list(self.launch.command)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=theirs,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                env=environment(self.launch.service, os.environ) | dict(self.launch.variables),
            )
        except OSError:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        self._group = Group(self._process.pid)
        self._reading = asyncio.create_task(self._read(ours))

    async def _read(self, pipe: int) -> None:
        stream = asyncio.StreamReader(limit=LONGEST_LINE)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(pipe, "rb", 0)
        )
        with contextlib.closing(transport):
            while True:
                try:
                    line = await stream.readline()
                except ValueError:
                    # Longer than LONGEST_LINE; the stream has dropped that part.
                    continue
                if not line:
                    return
                text = line.decode("utf-8", "replace").rstrip()
                self.last_lines.append(text)
                self._show(self.name, text)

    async def wait(self) -> int:
        """The exit status once the process has ended; what is left of its process group is ended too."""
        assert self._process is not None
        status = await self._process.wait()
        self.kill()
        if self._reading is not None:
            # A grandchild in another session may hold the pipe open.
            with contextlib.suppress(TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(self._reading, 1.0)
        return status

    async def stop(self, grace: float) -> bool:
        """SIGTERM, then SIGKILL to the whole group after `grace` seconds. Whether it went by itself."""
        if not self.running or self._process is None:
            return True
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.wait(), grace)
            return True
        except TimeoutError:
            self.kill()
            await self.wait()
            return False

    def kill(self) -> None:
        """SIGKILL to the process and its group, at once; nothing where they have ended."""
        if self._group is not None:
            self._group.kill()
            if not self.running:
                # Nobody of it is left: its id may be anybody's from now on.
                self._group = None


class Group:
    """The process group of a leader that has just been started: signalled only while its id is its own.

    An id stays taken while any process of the group is left, and is given away anew after that.
    """

    def __init__(self, leader: int) -> None:
        self.id = leader
        try:
            self._leader: psutil.Process | None = psutil.Process(leader)
        except psutil.NoSuchProcess:
            # It ended, and was reaped, at once.
            self._leader = None

    def kill(self) -> None:
        """SIGKILL to all of it."""
        if self._given_away():
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.id, signal.SIGKILL)

    def _given_away(self) -> bool:
        """Whether the leader's id is that of a process that began at another time."""
        mine = self._leader is not None and self._leader.is_running()
        return not mine and psutil.pid_exists(self.id)


async def is_healthy(client: httpx.AsyncClient, url: str, healthy: frozenset[int]) -> bool:
    """Whether a service answers there with one of these statuses."""
    if url.startswith("postgres:"):
        return await answers_as_postgres(url)
    try:
        answer = await client.get(url, timeout=HEALTH_TIMEOUT)
    except httpx.HTTPError:
        return False
    return answer.status_code in healthy


SSL_REQUEST = struct.pack("!ii", 8, 80877103)
"""What PostgreSQL answers with one letter, whoever asks (its manual, Message Formats)."""


async def answers_as_postgres(url: str) -> bool:
    """Whether a PostgreSQL listens at postgres://host:port."""
    where = urlsplit(url)
    try:
        async with asyncio.timeout(HEALTH_TIMEOUT):
            reader, writer = await asyncio.open_connection(where.hostname, where.port)
            with contextlib.closing(writer):
                writer.write(SSL_REQUEST)
                return await reader.read(1) in (b"N", b"S")
    except (OSError, TimeoutError):
        return False
