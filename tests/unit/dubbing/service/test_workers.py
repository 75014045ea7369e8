"""Worker processes: real ones from the real fork server, running a stand-in for the dubbing itself."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from multiprocessing import forkserver
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dubbing.configs import WorkerConfig
from app.dubbing.messages import Bypass, Caption, Event, Phrase, Reword, SourceGone, SourceReady
from app.dubbing.service.keepers import Supervisor
from app.dubbing.service.launching import Launcher
from app.dubbing.service.process import Process
from app.dubbing.service.workers import Patience, pause_before_restart
from app.dubbing.states import State
from app.speech.protocol import Profile
from tests.unit.dubbing.service import stand_in_worker

PATIENCE = Patience(silence=2.0, first_state=10.0, stop_within=3.0, healthy_after=30.0)


def config(language: str = "es", reconnect_delay: float = 0.05) -> WorkerConfig:
    return WorkerConfig(
        stream="news",
        language=language,
        source_url="rtsp://u:secret@127.0.0.1/live/news",
        publish_url="rtsp://u:secret@127.0.0.1/dub/news/es",
        look_at="http://u:secret@127.0.0.1/v3/paths/get/dub/news/es",
        sts_addresses=("ws://127.0.0.1:5003",),
        source_language="en",
        voice="",
        profile="live",
        reconnect_delay=reconnect_delay,
        max_reconnect_delay=4 * reconnect_delay,
        record=False,
        log_level="info",
        log_format="plain",
    )


class Watched:
    """A supervisor and everything it told."""

    def __init__(self, launcher: Launcher, config: WorkerConfig, patience: Patience) -> None:
        self.events: list[Event] = []
        self.deaths: list[str] = []
        self.supervisor = Supervisor(config, launcher, self.events.append, self.deaths.append, patience)
        self.supervisor.start()

    @property
    def states(self) -> list[State]:
        return [event for event in self.events if isinstance(event, State)]

    def reads(self) -> str:
        """The address that the worker reads, as it told last; empty before it has."""
        told = [event.source for event in self.events if isinstance(event, Caption)]
        return told[-1] if told else ""

    def pids(self) -> set[int]:
        return {int(state.note) for state in self.states}

    async def running(self, besides: set[int] = frozenset()) -> int:  # type: ignore[assignment]
        """The process id of the worker that speaks now, once it is none of `besides`."""
        await until(lambda: bool(self.states) and int(self.states[-1].note) not in besides)
        return int(self.states[-1].note)

    async def stopped(self) -> None:
        task = self.supervisor.stop()
        assert task is not None
        await task


async def until(happened: Callable[[], bool], within: float = 20.0) -> None:
    async with asyncio.timeout(within):
        while not happened():
            await asyncio.sleep(0.01)


Watch = Callable[..., Watched]


@asynccontextmanager
async def watching() -> AsyncIterator[Watch]:
    launcher = Launcher(stand_in_worker.main)
    all_watched: list[Watched] = []

    def watch(language: str = "es", patience: Patience = PATIENCE, reconnect_delay: float = 0.05) -> Watched:
        all_watched.append(Watched(launcher, config(language, reconnect_delay), patience))
        return all_watched[-1]

    try:
        yield watch
    finally:
        await asyncio.gather(*(watched.stopped() for watched in all_watched))
        launcher.close()


def run(scenario: Callable[[Watch], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(60), watching() as watch:
            await scenario(watch)

    asyncio.run(whole())


def test_what_a_worker_says_arrives_in_order() -> None:
    async def scenario(watch: Watch) -> None:
        watched = watch()
        await until(lambda: len(watched.states) >= 3)
        assert [type(event) for event in watched.events[:3]] == [State, Caption, Phrase]
        positions = [state.position for state in watched.states]
        assert positions == sorted(positions)
        assert watched.supervisor.pid == int(watched.states[-1].note)

    run(scenario)


def test_a_killed_worker_is_started_again_at_once() -> None:
    async def scenario(watch: Watch) -> None:
        watched = watch()
        first = await watched.running()
        os.kill(first, signal.SIGKILL)
        second = await watched.running(besides={first})
        assert second != first
        assert watched.deaths == ["worker killed by SIGKILL"]

    run(scenario)


def test_the_death_of_one_worker_does_not_touch_another() -> None:
    async def scenario(watch: Watch) -> None:
        one, other = watch("es"), watch("fr")
        first, neighbour = await one.running(), await other.running()
        os.kill(first, signal.SIGKILL)
        await one.running(besides={first})
        heard = len(other.states)
        await until(lambda: len(other.states) > heard)
        assert other.pids() == {neighbour}
        assert other.deaths == []

    run(scenario)


def test_a_worker_that_was_healthy_for_a_while_is_started_again_at_once_each_time() -> None:
    async def scenario(watch: Watch) -> None:
        watched = watch(patience=Patience(healthy_after=0.0), reconnect_delay=3600.0)
        known: set[int] = set()
        for _ in range(3):
            pid = await watched.running(besides=known)
            known.add(pid)
            os.kill(pid, signal.SIGKILL)
        await watched.running(besides=known)

    run(scenario)


def test_a_worker_that_waits_for_its_next_start_can_be_stopped() -> None:
    async def scenario(watch: Watch) -> None:
        watched = watch(stand_in_worker.FAILING, reconnect_delay=3600.0)
        await until(lambda: len(watched.deaths) >= 2)
        await watched.stopped()
        assert len(watched.deaths) == 2

    run(scenario)


@pytest.mark.parametrize("stop", [signal.SIGSTOP, None])
def test_a_worker_that_says_nothing_is_killed_and_started_again(stop: signal.Signals | None) -> None:
    async def scenario(watch: Watch) -> None:
        watched = watch(
            stand_in_worker.SILENT if stop is None else "es", Patience(silence=0.5, stop_within=0.3)
        )
        first = await watched.running()
        if stop is not None:
            os.kill(first, stop)
        await watched.running(besides={first})
        assert watched.deaths[0] == "worker said nothing for 0.5 s"
        assert not psutil.pid_exists(first) or psutil.Process(first).status() == psutil.STATUS_ZOMBIE

    run(scenario)


def test_a_worker_that_takes_too_much_memory_is_killed_and_the_reason_told() -> None:
    async def scenario(watch: Watch) -> None:
        hungry = watch(stand_in_worker.HUNGRY, Patience(memory=300 << 20))
        modest = watch("es", Patience(memory=300 << 20))
        first = await hungry.running()
        await until(lambda: len(hungry.deaths) >= 1)
        assert hungry.deaths[0].startswith("worker took ")
        assert hungry.deaths[0].endswith(" MB of memory; 300 MB are the most")
        await hungry.running(besides={first})
        assert not psutil.pid_exists(first) or psutil.Process(first).status() == psutil.STATUS_ZOMBIE
        await modest.running()
        assert modest.deaths == []

    run(scenario)


def test_a_worker_that_never_says_anything_is_killed_too() -> None:
    async def scenario(watch: Watch) -> None:
        watched = watch(stand_in_worker.MUTE, Patience(silence=0.5, first_state=0.3))
        await until(lambda: len(watched.deaths) >= 2)
        assert set(watched.deaths) == {"worker said nothing for 0.3 s"}

    run(scenario)


def test_a_worker_that_fails_each_time_is_tried_again_with_its_exit_code_told() -> None:
    async def scenario(watch: Watch) -> None:
        watched = watch(stand_in_worker.FAILING)
        await until(lambda: len(watched.deaths) >= 3)
        assert set(watched.deaths) == {"worker ended with code 3"}

    run(scenario)


class FailingLauncher(Launcher):
    """Fails twice in a way that nobody foresaw."""

    failures = 2

    async def worker(self, config: WorkerConfig) -> Process:
        if self.failures:
            self.failures -= 1
            raise LookupError("unforeseen")
        return await super().worker(config)


def test_a_start_that_fails_in_an_unforeseen_way_is_tried_again() -> None:
    async def scenario(_: Watch) -> None:
        launcher = FailingLauncher(stand_in_worker.main)
        watched = Watched(launcher, config(), PATIENCE)
        await watched.running()
        assert watched.deaths == ["worker could not be kept: LookupError"] * 2
        await watched.stopped()
        launcher.close()

    run(scenario)


def test_a_stopped_worker_ends_by_itself_and_stays_away() -> None:
    async def scenario(watch: Watch) -> None:
        watched = watch()
        pid = await watched.running()
        await watched.stopped()
        assert not psutil.pid_exists(pid)
        assert watched.deaths == []
        assert watched.supervisor.pid is None

    run(scenario)


def test_a_worker_that_does_not_stop_is_killed() -> None:
    async def scenario(watch: Watch) -> None:
        watched = watch(stand_in_worker.STUBBORN, Patience(stop_within=0.2))
        pid = await watched.running()
        await watched.stopped()
        await until(lambda: not psutil.pid_exists(pid))

    run(scenario)


@pytest.mark.parametrize("language", ["es", stand_in_worker.STUBBORN])
def test_a_worker_is_given_the_time_to_play_out_what_it_has(language: str) -> None:
    async def scenario(watch: Watch) -> None:
        watched = watch(language, Patience(stop_within=0.0, drain_within=10.0))
        await watched.running()
        before = watched.states[-1].position
        task = watched.supervisor.stop(drain=True)
        assert task is not None
        await task
        assert watched.states[-1].position >= before + stand_in_worker.PLAYS_OUT / 2
        assert watched.deaths == []

    run(scenario)


def test_a_bypass_lasts_over_a_restart() -> None:
    async def scenario(watch: Watch) -> None:
        watched = watch()
        first = await watched.running()
        watched.supervisor.send(Bypass(True))
        await until(lambda: watched.states[-1].bypassed)
        os.kill(first, signal.SIGKILL)
        await watched.running(besides={first})
        await until(lambda: watched.states[-1].bypassed)

    run(scenario)


def test_an_edited_profile_lasts_over_a_restart() -> None:
    """DUB-11"""

    async def scenario(watch: Watch) -> None:
        watched = watch()
        first = await watched.running()
        watched.supervisor.send(Reword(Profile(subject="Football")))
        await until(lambda: watched.reads() == "Football")
        watched.events.clear()
        os.kill(first, signal.SIGKILL)
        await until(lambda: watched.reads() == "Football")

    run(scenario)


def test_the_address_that_a_publisher_changed_to_lasts_over_a_restart() -> None:
    async def scenario(watch: Watch) -> None:
        watched = watch()
        first = await watched.running()
        await until(lambda: watched.reads() == config().source_url)
        watched.supervisor.send(SourceReady("rtmp://127.0.0.1/live/news"))
        await until(lambda: watched.reads() == "rtmp://127.0.0.1/live/news")
        watched.events.clear()
        os.kill(first, signal.SIGKILL)
        await until(lambda: watched.reads() != "")
        assert watched.reads() == "rtmp://127.0.0.1/live/news"

    run(scenario)


def test_that_the_publisher_is_gone_lasts_over_a_restart() -> None:
    async def scenario(watch: Watch) -> None:
        watched = watch()
        first = await watched.running()
        watched.supervisor.send(SourceGone())
        await until(lambda: watched.reads() == "gone")
        watched.events.clear()
        os.kill(first, signal.SIGKILL)
        await until(lambda: watched.reads() == "gone")
        second = await watched.running()
        watched.supervisor.send(SourceReady(config().source_url))
        await until(lambda: watched.reads() == config().source_url)
        watched.events.clear()
        os.kill(second, signal.SIGKILL)
        await until(lambda: watched.reads() != "")
        assert watched.reads() == config().source_url

    run(scenario)


def test_an_address_that_changes_while_a_worker_starts_reaches_it() -> None:
    async def scenario(watch: Watch) -> None:
        watched = watch()
        while watched.supervisor.pid is None:
            watched.supervisor.send(SourceReady("rtmp://127.0.0.1/live/news"))
            await asyncio.sleep(0)
        await until(lambda: watched.reads() == "rtmp://127.0.0.1/live/news")
        # Told twice, the second time would find it the known one, and what was open already would stay.
        watched.supervisor.send(Reword(Profile(subject="Football")))
        await until(lambda: watched.reads() == "Football")
        told = [event.source for event in watched.events if isinstance(event, Caption)]
        assert told.count("rtmp://127.0.0.1/live/news") == 1

    run(scenario)


def test_a_killed_fork_server_costs_no_running_worker_and_is_replaced() -> None:
    async def scenario(watch: Watch) -> None:
        watched = watch()
        survivor = await watched.running()
        server = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
        os.kill(server, signal.SIGKILL)
        heard = len(watched.states)
        await until(lambda: len(watched.states) > heard + 5)
        assert watched.pids() == {survivor}
        newcomer = watch("fr")
        await newcomer.running()
        os.kill(survivor, signal.SIGKILL)
        await watched.running(besides={survivor})

    run(scenario)


def test_a_supervisor_waits_for_the_one_before_it() -> None:
    async def scenario(watch: Watch) -> None:
        before = asyncio.Event()
        launcher = Launcher(stand_in_worker.main)
        events: list[Event] = []
        supervisor = Supervisor(config(), launcher, events.append, lambda _: None, PATIENCE)
        predecessor = asyncio.create_task(_wait(before.wait()))
        supervisor.start(after=predecessor)
        other = watch()
        await other.running()
        assert events == []
        before.set()
        await until(lambda: bool(events))
        task = supervisor.stop()
        assert task is not None
        await task
        launcher.close()

    run(scenario)


async def _wait(something: Coroutine[Any, Any, object]) -> None:
    await something


def test_the_worker_s_addresses_are_not_shown_in_its_configuration() -> None:
    assert "secret" not in repr(config())


@given(st.integers(1, 10_000), st.floats(0.01, 10), st.floats(10, 100))
def test_pauses_grow_from_none_to_the_longest_and_never_shrink(n: int, first: float, longest: float) -> None:
    pause, later = pause_before_restart(n, first, longest), pause_before_restart(n + 1, first, longest)
    assert 0 <= pause <= later <= longest
    assert pause_before_restart(1, first, longest) == 0
    assert pause_before_restart(2, first, longest) == first
    assert pause_before_restart(3, first, longest) == min(longest, 2 * first)
