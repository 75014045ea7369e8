"""Worker processes, started from a fork server: what each kind runs."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection

import structlog

from app.dubbing.configs import (
    Config,
    DescribeConfig,
    IntakeConfig,
    JoinConfig,
    RestreamConfig,
    WorkerConfig,
)
from app.dubbing.service.process import Process
from app.forked import ForkServer
from app.service import configure_logging

Main = Callable[[Config, Connection], None]


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
        super().__init__(["app.dubbing.service.launching", *preload])
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
