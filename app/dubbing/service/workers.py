"""Worker processes: watched, killed when they hang, started again.

A worker lives as long as its pipe: it exits when the pipe closes, and the end of the pipe is how
its death is seen. That holds even when the fork server is killed, which loses the exit codes but
not the workers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic

import structlog

from app.dubbing.configs import Config
from app.dubbing.messages import Drain, Event, Stop
from app.dubbing.service.process import Process

SILENCE = 5.0
FIRST_STATE = 15.0
STOP_WITHIN = 3.0
DRAIN_WITHIN = 10.0
HEALTHY_AFTER = 30.0
LOOK_EVERY = 0.5
# Bytes. At work a worker takes 100 MB, of which it shares half with its fork server; its queues hold
# 100 MB more at most, and opening a picture of 8K takes some of that size. All share one container's 1 GB.
MOST_MEMORY = 512 << 20

log = structlog.get_logger()


def pause_before_restart(failures: int, first: float, longest: float) -> float:
    """Seconds to wait after the n-th death in a row: none, then `first`, doubling up to `longest`."""
    if failures <= 1:
        return 0.0
    return float(min(longest, first * 2.0 ** min(failures - 2, 60)))


@dataclass(frozen=True)
class Patience:
    """Times in seconds: silence before a kill, for the first word, for stopping, draining, until healthy.

    `memory` is the most that a worker may hold, in bytes.
    """

    silence: float = SILENCE
    first_state: float = FIRST_STATE
    stop_within: float = STOP_WITHIN
    drain_within: float = DRAIN_WITHIN
    healthy_after: float = HEALTHY_AFTER
    memory: int = MOST_MEMORY


PATIENCE = Patience()


class Keeper(Generic[Config]):
    """Keeps one process running until it is stopped: started again when it ends, killed when it hangs.

    `launch` starts it; `told` gets each event of it; `restarting` is called with a reason at each death.
    """

    def __init__(
        self,
        config: Config,
        launch: Callable[[Config], Awaitable[Process]],
        told: Callable[[Event], None],
        restarting: Callable[[str], None],
        patience: Patience = PATIENCE,
    ) -> None:
        self._config: Config = config
        self._launch: Callable[[Config], Awaitable[Process]] = launch
        self._told = told
        self._restarting = restarting
        self._patience = patience
        self._log = log.bind(**config.names)
        self._process: Process | None = None
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
            try:
                lasted, reason = await self._run_once()
            except Exception as error:
                # Whatever it was: a stream must not stay without its worker for good.
                self._log.exception("a worker could not be started or watched")
                lasted, reason = 0.0, f"could not be kept: {type(error).__name__}"
            if self._stopping.is_set():
                return
            failures = 1 if lasted >= self._patience.healthy_after else failures + 1
            pause = pause_before_restart(
                failures, self._config.reconnect_delay, self._config.max_reconnect_delay
            )
            self._log.warning("worker gone, starting it again", reason=reason, pause=pause)
            self._restarting(reason)
            await self._pause(pause)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass

    async def _run_once(self) -> tuple[float, str]:
        """One worker process from its start to its end: how long it lived, why it ended."""
        config = self._config
        try:
            process = await self._launch(config)
        except (OSError, EOFError) as error:
            return 0.0, f"did not start: {type(error).__name__}"
        self._process = process
        reason = ""
        try:
            process.listen(self._told)
            self._log.info("worker started", pid=process.pid)
            self._tell_again(process, config)
            reason = await self._watch(process)
        finally:
            self._process = None
            if not process.ended.is_set():
                process.kill()
            end = await asyncio.shield(asyncio.to_thread(process.close))
        return time.monotonic() - process.started_at, reason or end

    def _tell_again(self, process: Process, started_with: Config) -> None:
        """Tells a new process what has changed since it was configured; nothing by default."""

    async def _watch(self, process: Process) -> str:
        """Waits until the worker is gone, silent for too long, too big, or asked to stop."""
        ended = asyncio.create_task(process.ended.wait())
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            while True:
                patience = self._patience.silence if process.spoke else self._patience.first_state
                left = process.heard_at + patience - time.monotonic()
                if left <= 0:
                    return f"said nothing for {patience:g} s"
                taken = process.memory()
                if taken > self._patience.memory:
                    return f"took {taken >> 20} MB of memory; {self._patience.memory >> 20} MB are the most"
                # In steps, for the patience is another one as soon as the worker has spoken.
                step = min(left, self._patience.silence / 4, LOOK_EVERY)
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
