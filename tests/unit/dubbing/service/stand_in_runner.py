"""Streams whose workers are stand-ins in the same process, for tests of what is decided about them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from app.dubbing.configs import WorkerConfig
from app.dubbing.messages import Command, Event
from app.dubbing.service.events import Hub
from app.dubbing.service.recorded import Recorded
from app.dubbing.service.streams import Streams
from app.dubbing.service.watcher import Publisher
from app.settings import load


class StandInRunner:
    """Remembers what it is told; the test speaks for the worker with `told` and `restarting`."""

    def __init__(
        self, config: WorkerConfig, told: Callable[[Event], None], restarting: Callable[[str], None]
    ) -> None:
        self.config = config
        self.told = told
        self.restarting = restarting
        self.commands: list[Command] = []
        self.started_after: asyncio.Task[None] | None = None
        self.stopped = False
        self.drains = False
        self.may_end = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self, after: asyncio.Task[None] | None = None) -> None:
        self.started_after = after
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        await self.may_end.wait()

    def send(self, command: Command) -> None:
        self.commands.append(command)

    def stop(self, *, drain: bool = False) -> asyncio.Task[None] | None:
        self.stopped, self.drains = True, drain
        return self._task


class World:
    """Streams, their stand-in runners in the order they were made, and a clock that the test turns."""

    def __init__(self, recorded: Recorded | None = None, /, **environment: str) -> None:
        self.runners: list[StandInRunner] = []
        self.now = 100.0
        self.hub = Hub()
        self.streams = Streams(
            load(environment),
            "of-this-run",
            self._make,
            self.hub,
            linger=60.0,
            clock=lambda: self.now,
            recorded=recorded,
        )

    def _make(
        self, config: WorkerConfig, told: Callable[[Event], None], restarting: Callable[[str], None]
    ) -> StandInRunner:
        self.runners.append(StandInRunner(config, told, restarting))
        return self.runners[-1]

    def see(self, *names: str, since: float = 1.0) -> None:
        """The watcher tells that these streams are published."""
        self.streams.seen({name: Publisher(name, since, "rtmpConn", ("H264",)) for name in names})

    def runner(self, language: str, name: str = "news") -> StandInRunner:
        """The newest runner for that dub."""
        return [
            runner
            for runner in self.runners
            if (runner.config.stream, runner.config.language) == (name, language)
        ][-1]
