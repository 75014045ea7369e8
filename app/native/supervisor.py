"""The supervisor: starts services in order of need, restarts what dies, stops all in reverse order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable

import httpx

from app.catalog import Service
from app.native.child import Child, is_healthy
from app.native.output import Lines
from app.native.plan import GOOD_RUN, Launch, delay_before_restart
from app.native.state import RunFolder

ASK_WHILE_STARTING = 0.2
ASK_WHILE_RUNNING = 5.0
# A service that gives no answer for this long is restarted; heavy load makes one late, not silent.
SILENT_FOR = 60.0


class StartFailed(RuntimeError):
    """A service did not get healthy at the first start."""


class Runner:
    """Keeps one service running: start, healthy, watch, and again after a backoff."""

    def __init__(
        self,
        launch: Launch,
        needs: list[Runner],
        lines: Lines,
        client: httpx.AsyncClient,
        on_up: Callable[[], None],
    ) -> None:
        self.launch = launch
        self.service = launch.service
        self.child = Child(launch, lines.write)
        self.healthy_once = asyncio.Event()
        self.settled = asyncio.Event()
        """Whether it is healthy, or left out."""
        self.stopping = False
        self._needs = needs
        self._lines = lines
        self._client = client
        self._on_up = on_up

    async def run(self) -> None:
        """Until cancelled. Raises StartFailed where the very first start fails, and it isn't spare."""
        for need in self._needs:
            await need.settled.wait()
        if missing := [need.service.name for need in self._needs if need.left_out]:
            await self._leave_out(f"needs {', '.join(missing)}")
        failures = 0
        while not self.stopping:
            began = time.monotonic()
            problem = await self._run_once()
            if self.stopping:
                return
            if not self.healthy_once.is_set():
                if not self.launch.spare:
                    raise StartFailed(f"{self.service.name} {problem}")
                await self._leave_out(problem)
            failures = 0 if time.monotonic() - began > GOOD_RUN else failures
            delay = delay_before_restart(failures)
            failures += 1
            self._lines.say(f"{self.service.name} {problem}; starting it again in {delay:g} s")
            await asyncio.sleep(delay)

    @property
    def left_out(self) -> bool:
        """Whether the others run without it."""
        return self.settled.is_set() and not self.healthy_once.is_set()

    async def _leave_out(self, problem: str) -> None:
        """Says so, and does nothing any more, until cancelled."""
        self._lines.say(f"{self.service.name} {problem}: the others run without it")
        self.settled.set()
        self._on_up()
        await asyncio.Event().wait()

    async def _run_once(self) -> str:
        """One life of the process; says how it ended."""
        began = time.monotonic()
        try:
            await self.child.start()
        except OSError as error:
            return f"can't be started: {error}"
        ended = asyncio.create_task(self.child.wait())
        try:
            if not await self._gets_healthy(ended):
                if ended.done():
                    return f"ended {spoken(ended.result())} before it was healthy"
                self.child.kill()
                await ended
                return f"was not healthy within {self.service.start_within:g} s"
            self._lines.say(f"{self.service.name} is up after {time.monotonic() - began:.1f} s")
            self.healthy_once.set()
            self.settled.set()
            self._on_up()
            if await self._falls_silent(ended):
                self.child.kill()
                await ended
                return f"gave no answer for {SILENT_FOR:g} s"
            return f"ended {spoken(ended.result())}"
        finally:
            ended.cancel()

    async def _gets_healthy(self, ended: asyncio.Task[int]) -> bool:
        deadline = time.monotonic() + self.service.start_within
        while not ended.done() and time.monotonic() < deadline:
            if await is_healthy(self._client, self.launch.health_url, self.launch.healthy):
                return not ended.done()
            await asyncio.wait({ended}, timeout=ASK_WHILE_STARTING)
        return False

    async def _falls_silent(self, ended: asyncio.Task[int]) -> bool:
        """Watches until the process ends (False) or has given no answer for too long (True)."""
        answered = time.monotonic()
        told = False
        while True:
            done, _ = await asyncio.wait({ended}, timeout=ASK_WHILE_RUNNING)
            if done:
                return False
            if await is_healthy(self._client, self.launch.health_url, self.launch.healthy):
                if told:
                    self._lines.say(f"{self.service.name} answers again")
                answered, told = time.monotonic(), False
            elif ended.done():
                return False
            elif time.monotonic() - answered > SILENT_FOR:
                return True
            elif not told and not self.stopping:
                self._lines.say(f"{self.service.name} gives no answer to {self.launch.health_url}")
                told = True


class Supervisor:
    """All services of one run."""

    def __init__(self, launches: list[Launch], lines: Lines, folder: RunFolder) -> None:
        self._lines = lines
        self._folder = folder
        self._stop = asyncio.Event()
        self._client = httpx.AsyncClient(trust_env=False)
        self.runners: list[Runner] = []
        for each in launches:
            # What is spare takes no time of those that somebody waits for.
            needs = [
                runner
                for runner in self.runners
                if runner.service.name in each.service.needs or (each.spare and not runner.launch.spare)
            ]
            self.runners.append(Runner(each, needs, lines, self._client, self._note))

    def ask_to_stop(self) -> None:
        """The first time: stops in order. The second time: kills at once."""
        if self._stop.is_set():
            self._lines.say("killing everything now")
            for runner in self.runners:
                runner.child.kill()
        self._stop.set()

    async def run(self, ready: asyncio.Event) -> int:
        """Until asked to stop; the exit status: 0, or 1 where a service could not be started."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.ask_to_stop)
        tasks = [asyncio.create_task(runner.run(), name=runner.service.name) for runner in self.runners]
        stop = asyncio.create_task(self._stop.wait())
        started = asyncio.create_task(self._all_started(ready))
        try:
            await asyncio.wait({stop, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            return self._tell_failure(tasks)
        finally:
            started.cancel()
            stop.cancel()
            await self._stop_all(tasks)
            await self._client.aclose()

    async def _all_started(self, ready: asyncio.Event) -> None:
        for runner in self.runners:
            await runner.settled.wait()
        ready.set()

    @property
    def services(self) -> tuple[Service, ...]:
        """All but those that are left out."""
        return tuple(runner.service for runner in self.runners if not runner.left_out)

    def _note(self) -> None:
        kept = (runner for runner in self.runners if not runner.left_out)
        self._folder.note_services({runner.service.name: runner.child.pid for runner in kept})

    def _tell_failure(self, tasks: list[asyncio.Task[None]]) -> int:
        for task, runner in zip(tasks, self.runners, strict=True):
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                self._lines.say(f"{error}. Its last lines:" if runner.child.last_lines else f"{error}")
                for line in runner.child.last_lines:
                    self._lines.write(runner.service.name, line)
                return 1
        return 0

    async def _stop_all(self, tasks: list[asyncio.Task[None]]) -> None:
        self._lines.say("stopping")
        for runner in self.runners:
            runner.stopping = True
        for runner, task in reversed(list(zip(self.runners, tasks, strict=True))):
            if runner.child.running and not await runner.child.stop(runner.service.grace):
                self._lines.say(
                    f"{runner.service.name} did not stop within {runner.service.grace:g} s: killed"
                )
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
        self._lines.say("stopped")


def spoken(status: int) -> str:
    """An exit status in words."""
    if status >= 0:
        return f"with exit code {status}"
    try:
        return f"by {signal.Signals(-status).name}"
    except ValueError:
        return f"by signal {-status}"
