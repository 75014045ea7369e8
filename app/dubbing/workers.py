"""Worker processes: started from a fork server, watched, killed when they hang, started again.

A worker lives as long as its pipe: it exits when the pipe closes, and the end of the pipe is how
its death is seen. That holds even when the fork server is killed, which loses the exit codes but
not the workers.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import forkserver, get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from threading import Thread

import psutil
import structlog

from app.dubbing.messages import Bypass, Command, Drain, Event, State, Stop, WorkerConfig

SILENCE = 5.0
FIRST_STATE = 15.0
STOP_WITHIN = 3.0
DRAIN_WITHIN = 10.0
HEALTHY_AFTER = 30.0
EXIT_WITHIN = 1.0

Main = Callable[[WorkerConfig, Connection], None]
log = structlog.get_logger()


def pause_before_restart(failures: int, first: float, longest: float) -> float:
    """Seconds to wait after the n-th death in a row: none, then `first`, doubling up to `longest`."""
    if failures <= 1:
        return 0.0
    return float(min(longest, first * 2.0 ** min(failures - 2, 60)))


def run_real_worker(config: WorkerConfig, pipe: Connection) -> None:
    """The worker of the product; imported in the process that runs it, and in the fork server."""
    from app.dubbing.worker import main

    main(config, pipe)


def in_child(main: Main, config: WorkerConfig, pipe: Connection) -> None:
    """What a worker process runs. Ctrl-C reaches the whole terminal; the dubber stops its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    main(config, pipe)


@dataclass(frozen=True)
class Patience:
    """Times in seconds: silence before a kill, for the first word, for stopping, draining, until healthy."""

    silence: float = SILENCE
    first_state: float = FIRST_STATE
    stop_within: float = STOP_WITHIN
    drain_within: float = DRAIN_WITHIN
    healthy_after: float = HEALTHY_AFTER


PATIENCE = Patience()


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
                if isinstance(event, State):
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

    def send(self, command: Command) -> None:
        """Tells the worker, or nobody where it is gone or does not listen any more."""
        try:
            if self._writable():
                self._pipe.send(command)
        except (OSError, ValueError):
            pass

    def _writable(self) -> bool:
        # Not select(), which knows no descriptor above 1023.
        poll = select.poll()
        poll.register(self._pipe.fileno(), select.POLLOUT)
        return bool(poll.poll(0))

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


class Launcher:
    """Starts worker processes from one fork server that has imported what they need."""

    def __init__(
        self, main: Main = run_real_worker, preload: tuple[str, ...] = ("app.dubbing.worker",)
    ) -> None:
        self._main = main
        self._context: ForkServerContext = get_context("forkserver")
        self._context.set_forkserver_preload(["app.dubbing.workers", *preload])
        # One thread: multiprocessing's start is not made for several at once.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="start-worker")

    def warm_up(self) -> None:
        """Starts the fork server, whose imports take a second or two, before the first worker is needed."""
        self._starter.submit(forkserver.ensure_running)

    async def start(self, config: WorkerConfig) -> Process:
        """A new worker process. Raises OSError or EOFError where the fork server has just died."""
        return await asyncio.get_running_loop().run_in_executor(self._starter, self._start, config)

    def _start(self, config: WorkerConfig) -> Process:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=in_child,
            args=(self._main, config, theirs),
            name=f"dub-{config.stream}-{config.language}",
            daemon=True,
        )
        try:
            process.start()
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return Process(process, ours)

    def close(self) -> None:
        """Ends the thread that starts workers."""
        self._starter.shutdown(wait=False, cancel_futures=True)


class Supervisor:
    """Keeps one stream's dub running in a worker process until it is stopped.

    `told` gets each event of the worker; `restarting` is called with a reason at each death.
    """

    def __init__(
        self,
        config: WorkerConfig,
        launcher: Launcher,
        told: Callable[[Event], None],
        restarting: Callable[[str], None],
        patience: Patience = PATIENCE,
    ) -> None:
        self._config = config
        self._launcher = launcher
        self._told = told
        self._restarting = restarting
        self._patience = patience
        self._log = log.bind(stream=config.stream, language=config.language)
        self._process: Process | None = None
        self._bypassed = False
        self._stopping = asyncio.Event()
        self._drains = False
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The worker's process id, None between two runs."""
        return self._process.pid if self._process else None

    def start(self, after: asyncio.Task[None] | None = None) -> None:
        """Begins; waits for `after` first, the run of a supervisor that is stopping."""
        self._task = asyncio.create_task(self._run(after), name=f"dub {self._config.stream}")

    def send(self, command: Command) -> None:
        """Tells the worker; a bypass is remembered for the runs to come."""
        if isinstance(command, Bypass):
            self._bypassed = command.on
        if self._process is not None:
            self._process.send(command)

    def stop(self, *, drain: bool = False) -> asyncio.Task[None] | None:
        """Asks the worker to finish, kills it where it does not; the task ends when it is gone.

        `drain`: what it has taken in is played out first.
        """
        self._drains = drain
        self._stopping.set()
        return self._task

    async def _run(self, after: asyncio.Task[None] | None) -> None:
        if after is not None:
            await asyncio.wait([after])
        failures = 0
        while not self._stopping.is_set():
            lasted, reason = await self._run_once()
            if self._stopping.is_set():
                return
            failures = 1 if lasted >= self._patience.healthy_after else failures + 1
            pause = pause_before_restart(
                failures, self._config.reconnect_delay, self._config.max_reconnect_delay
            )
            self._log.warning("worker gone, starting it again", reason=reason, pause=pause)
            self._restarting(f"worker {reason}")
            await self._pause(pause)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass

    async def _run_once(self) -> tuple[float, str]:
        """One worker process from its start to its end: how long it lived, why it ended."""
        try:
            process = await self._launcher.start(self._config)
        except (OSError, EOFError) as error:
            return 0.0, f"did not start: {type(error).__name__}"
        self._process = process
        process.listen(self._told)
        self._log.info("worker started", pid=process.pid)
        reason = ""
        try:
            if self._bypassed:
                process.send(Bypass(True))
            reason = await self._watch(process)
        finally:
            self._process = None
            if not process.ended.is_set():
                process.kill()
            end = await asyncio.shield(asyncio.to_thread(process.close))
        return time.monotonic() - process.started_at, reason or end

    async def _watch(self, process: Process) -> str:
        """Waits until the worker is gone, silent for too long, or asked to stop."""
        ended = asyncio.create_task(process.ended.wait())
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            while True:
                patience = self._patience.silence if process.spoke else self._patience.first_state
                left = process.heard_at + patience - time.monotonic()
                if left <= 0:
                    return f"said nothing for {patience:g} s"
                # In steps, for the patience is another one as soon as the worker has spoken.
                step = min(left, self._patience.silence / 4)
                await asyncio.wait({ended, stopping}, timeout=step, return_when=asyncio.FIRST_COMPLETED)
                if ended.done():
                    return ""
                if stopping.done():
                    process.send(Drain() if self._drains else Stop())
                    within = self._patience.drain_within if self._drains else self._patience.stop_within
                    await asyncio.wait({ended}, timeout=within)
                    return "stopped"
        finally:
            ended.cancel()
            stopping.cancel()
