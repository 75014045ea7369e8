"""Worker processes: started from a fork server, watched, killed when they hang, started again.

A worker lives as long as its pipe: it exits when the pipe closes, and the end of the pipe is how
its death is seen. That holds even when the fork server is killed, which loses the exit codes but
not the workers.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Generic, TypeVar

import structlog

from app.dubbing.configs import DescribeConfig, IntakeConfig, JoinConfig, RestreamConfig, WorkerConfig
from app.dubbing.messages import (
    Breaks,
    Bypass,
    ChooseTracks,
    Command,
    Drain,
    Dubbed,
    Event,
    RecordPhrases,
    Reword,
    Said,
    SentencePart,
    Signalled,
    SourceReady,
    SpeechAddresses,
    Spoken,
    Stop,
    TellApart,
)
from app.dubbing.service.process import Process
from app.dubbing.signals.kept import Recent
from app.forked import ForkServer
from app.service import configure_logging

SILENCE = 5.0
FIRST_STATE = 15.0
STOP_WITHIN = 3.0
DRAIN_WITHIN = 10.0
HEALTHY_AFTER = 30.0
LOOK_EVERY = 0.5
TRIES, TRY_AGAIN = 50, 0.02
# Bytes. At work a worker takes 100 MB, of which it shares half with its fork server; its queues hold
# 100 MB more at most, and opening a picture of 8K takes some of that size. All share one container's 1 GB.
MOST_MEMORY = 512 << 20

Config = TypeVar("Config", WorkerConfig, RestreamConfig, DescribeConfig, JoinConfig, IntakeConfig)
Main = Callable[[Config, Connection], None]
log = structlog.get_logger()


def pause_before_restart(failures: int, first: float, longest: float) -> float:
    """Seconds to wait after the n-th death in a row: none, then `first`, doubling up to `longest`."""
    if failures <= 1:
        return 0.0
    return float(min(longest, first * 2.0 ** min(failures - 2, 60)))


def run_real_worker(config: WorkerConfig, pipe: Connection) -> None:
    """The worker of the product; imported in the process that runs it, and in the fork server."""
    from app.dubbing.worker.worker import main

    main(config, pipe)


def run_restream(config: RestreamConfig, pipe: Connection) -> None:
    """What sends a dub on to another server; imported in the process that runs it."""
    from app.dubbing.restream.process import main

    main(config, pipe)


def run_describe(config: DescribeConfig, pipe: Connection) -> None:
    """What publishes a stream with descriptions; imported in the process that runs it."""
    from app.dubbing.describe.process import main

    main(config, pipe)


def run_join(config: JoinConfig, pipe: Connection) -> None:
    """What joins a stream with its dubs; imported in the process that runs it."""
    from app.dubbing.join.process import main

    main(config, pipe)


def run_intake(config: IntakeConfig, pipe: Connection) -> None:
    """What takes a transport stream in; imported in the process that runs it."""
    from app.dubbing.intake.process import main

    main(config, pipe)


def in_child(main: Main[Config], config: Config, pipe: Connection) -> None:
    """What a worker process runs. Ctrl-C reaches the whole terminal; the dubber stops its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    configure_logging(config.log_level, config.log_format)
    structlog.contextvars.bind_contextvars(**config.names)
    main(config, pipe)
    # A thread that hangs in FFmpeg must not keep the process.
    os._exit(0)


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


PRELOAD = (
    "app.dubbing.worker.worker",
    "app.dubbing.restream.process",
    "app.dubbing.describe.process",
    "app.dubbing.join.process",
    "app.dubbing.intake.process",
)


class Launcher(ForkServer):
    """Starts worker processes."""

    def __init__(
        self,
        worker: Main[WorkerConfig] = run_real_worker,
        preload: tuple[str, ...] = PRELOAD,
    ) -> None:
        super().__init__(["app.dubbing.service.workers", *preload])
        self._worker = worker

    async def worker(self, config: WorkerConfig) -> Process:
        """A new worker process. Raises OSError or EOFError where the fork server has just died."""
        return await self._started(self._worker, config, f"dub-{config.stream}-{config.language}")

    async def restream(self, config: RestreamConfig) -> Process:
        """A new process that sends a dub on. Raises as `worker` does."""
        name = f"restream-{config.stream}-{config.language}-{config.target}"
        return await self._started(run_restream, config, name)

    async def describe(self, config: DescribeConfig) -> Process:
        """A new process that publishes a stream with descriptions. Raises as `worker` does."""
        return await self._started(run_describe, config, f"describe-{config.stream}")

    async def join(self, config: JoinConfig) -> Process:
        """A new process that joins a stream with its dubs. Raises as `worker` does."""
        return await self._started(run_join, config, f"join-{config.stream}")

    async def intake(self, config: IntakeConfig) -> Process:
        """A new process that takes a transport stream in. Raises as `worker` does."""
        return await self._started(run_intake, config, f"intake-{config.stream}")

    async def _started(self, main: Main[Config], config: Config, name: str) -> Process:
        return Process(*await self.start(in_child, main, config, name=name))


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


class Supervisor(Keeper[WorkerConfig]):
    """Keeps one stream's dub running in a worker process, and remembers what the operator told it."""

    def __init__(
        self,
        config: WorkerConfig,
        launcher: Launcher,
        told: Callable[[Event], None],
        restarting: Callable[[str], None],
        patience: Patience = PATIENCE,
    ) -> None:
        super().__init__(
            config, launcher.worker, told, lambda reason: restarting(f"worker {reason}"), patience
        )
        self._bypassed = False
        self._signals = Recent()

    def send(self, command: Command) -> None:
        """Tells the worker; what is to last is remembered for the runs to come."""
        if isinstance(command, Bypass):
            self._bypassed = command.on
        if isinstance(command, Spoken):
            self._config = replace(self._config, source_language=command.language)
        if isinstance(command, SourceReady):
            self._config = replace(self._config, source_url=command.source_url)
        if isinstance(command, RecordPhrases):
            self._config = replace(self._config, record=command.on)
        if isinstance(command, Reword):
            self._config = replace(self._config, wording=command.profile)
        if isinstance(command, ChooseTracks):
            self._config = replace(self._config, chosen=command.chosen, source_url=command.source_url)
        if isinstance(command, Breaks):
            self._config = replace(self._config, breaks_original=command.original)
        if isinstance(command, Signalled):
            self._signals.add(command.signal)
        if isinstance(command, TellApart):
            self._config = replace(self._config, speakers=command.speakers)
        if isinstance(command, SpeechAddresses):
            self._config = replace(self._config, sts_addresses=command.addresses)
        if self._process is not None:
            self._process.send(command)

    def _tell_again(self, process: Process, started_with: WorkerConfig) -> None:
        if self._bypassed:
            process.send(Bypass(True))
        if self._config != started_with:
            process.send(SourceReady(self._config.source_url))
            process.send(Spoken(self._config.source_language))
            process.send(RecordPhrases(self._config.record))
            process.send(Reword(self._config.wording))
            process.send(ChooseTracks(self._config.chosen, self._config.source_url))
            process.send(Breaks(self._config.breaks_original))
            process.send(TellApart(self._config.speakers))
            process.send(SpeechAddresses(self._config.sts_addresses))
        for each in self._signals:
            process.send(Signalled(each))


class JoinKeeper(Keeper[JoinConfig]):
    """Keeps the process that joins a stream with its dubs, and remembers what it was told."""

    def __init__(
        self,
        config: JoinConfig,
        launch: Callable[[JoinConfig], Awaitable[Process]],
        told: Callable[[Event], None],
        restarting: Callable[[str], None],
    ) -> None:
        super().__init__(config, launch, told, restarting)
        self._dubbed = Dubbed(())
        self._signals = Recent()

    def send(self, command: SourceReady | ChooseTracks | Spoken | Dubbed | Said | Signalled) -> None:
        """Tells the process; what is to last is remembered for the runs to come."""
        match command:
            case SourceReady(url):
                self._config = replace(self._config, source_url=url)
            case ChooseTracks(chosen, url):
                self._config = replace(self._config, chosen=chosen, source_url=url)
            case Spoken(language):
                self._config = replace(self._config, spoken=language)
            case Dubbed():
                self._dubbed = command
            case Signalled(each):
                self._signals.add(each)
        if self._process is not None:
            self._process.send(command)

    def _tell_again(self, process: Process, started_with: JoinConfig) -> None:
        if self._config != started_with:
            process.send(ChooseTracks(self._config.chosen, self._config.source_url))
            process.send(SourceReady(self._config.source_url))
            process.send(Spoken(self._config.spoken))
        process.send(self._dubbed)
        for each in self._signals:
            process.send(Signalled(each))


class DescribeKeeper(Keeper[DescribeConfig]):
    """Keeps the process that publishes a stream with descriptions."""

    def source_ready(self, source_url: str) -> None:
        """The publisher is there again, at this address."""
        self._config = replace(self._config, source_url=source_url)
        if self._process is not None:
            self._process.send(SourceReady(source_url))

    def choose(self, command: ChooseTracks) -> None:
        """Other sound tracks of the source."""
        self._config = replace(self._config, chosen=command.chosen, source_url=command.source_url)
        if self._process is not None:
            self._process.send(command)

    async def say(self, parts: Sequence[SentencePart]) -> bool:
        """Sends a sentence; False where the process did not take it in: it is forgotten then."""
        for part in parts:
            # The pipe holds a few parts: a process that is at work takes them out.
            for _ in range(TRIES):
                if self._process is None:
                    return False
                if self._process.send(part):
                    break
                await asyncio.sleep(TRY_AGAIN)
            else:
                return False
        return True

    def _tell_again(self, process: Process, started_with: DescribeConfig) -> None:
        if self._config != started_with:
            process.send(ChooseTracks(self._config.chosen, self._config.source_url))
            process.send(SourceReady(self._config.source_url))
