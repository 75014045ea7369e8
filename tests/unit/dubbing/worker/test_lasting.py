"""What goes on whatever fails in it: tasks, a worker's threads, and a worker whose thread is gone."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from app.dubbing.configs import WorkerConfig
from app.dubbing.messages import Event
from app.dubbing.service.keepers import Supervisor
from app.dubbing.service.launching import Launcher
from app.dubbing.service.workers import Patience
from app.dubbing.states import State
from app.dubbing.worker.delayed import Shape
from app.dubbing.worker.pipeline import Pipeline
from app.dubbing.worker.publisher import LONGEST_RETRY, Publisher
from app.dubbing.worker.puller import Puller
from app.dubbing.worker.running import PUBLISHER_PATIENCE
from app.dubbing.worker.source import Item
from app.lasting import Failures, lasting
from tests.unit.dubbing.service import stand_in_worker
from tests.unit.dubbing.service.test_workers import config, until
from tests.unit.dubbing.worker.lying_clip import clip

WITHIN = 20.0


def test_a_task_that_fails_or_ends_begins_again() -> None:
    async def go() -> None:
        runs = 0
        third = asyncio.Event()

        async def run() -> None:
            nonlocal runs
            runs += 1
            if runs == 1:
                raise LookupError("unforeseen")
            if runs == 3:
                third.set()

        task = asyncio.create_task(lasting("it", run))
        async with asyncio.timeout(WITHIN):
            await third.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(go())


def test_waits_after_failures_grow_to_the_longest() -> None:
    failures = Failures(0.5, 4.0)
    assert [failures.next() for _ in range(5)] == [0.5, 1.0, 2.0, 4.0, 4.0]


class Failing(Pipeline):
    """Fails at the first item and at the first look at its shape, in a way that nobody foresaw."""

    def __init__(self, config: WorkerConfig) -> None:
        super().__init__(config, lambda _: None)
        self.takes = self.looks = 0
        self.taken = threading.Event()
        self.looked = threading.Event()

    def take(self, item: Item) -> None:
        self.takes += 1
        if self.takes == 1:
            raise LookupError("unforeseen")
        super().take(item)
        self.taken.set()

    @property
    def shape(self) -> Shape | None:
        self.looks += 1
        if self.looks == 1:
            raise LookupError("unforeseen")
        self.looked.set()
        return None

    @shape.setter
    def shape(self, _: Shape | None) -> None:
        pass


@contextmanager
def running(run: Callable[[], None], stopping: threading.Event) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield thread
    finally:
        stopping.set()
        thread.join()


def test_the_source_is_opened_again_after_what_nobody_foresaw(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.nut", 48_000, 4800)
    settings = replace(config(), source_url=str(path))
    pipeline, stopping = Failing(settings), threading.Event()
    puller = Puller(settings, pipeline, stopping)
    with running(puller.run, stopping):
        assert pipeline.taken.wait(WITHIN)
        assert puller.reconnects >= 1


def test_publishing_goes_on_after_what_nobody_foresaw() -> None:
    pipeline, stopping = Failing(config()), threading.Event()
    publisher = Publisher("rtsp://127.0.0.1:1/dub/news/es", pipeline, stopping, lambda: False)
    with running(publisher.run, stopping):
        assert pipeline.looked.wait(WITHIN)
        assert publisher.problem == "publishing failed: LookupError"


def test_a_publisher_that_waits_after_a_failure_still_counts_as_at_work() -> None:
    assert LONGEST_RETRY < PUBLISHER_PATIENCE


@pytest.mark.parametrize("part", [None, *stand_in_worker.PARTS])
def test_a_worker_whose_thread_is_gone_is_replaced_and_one_with_all_is_not(part: str | None) -> None:
    async def go() -> None:
        events: list[Event] = []
        deaths: list[str] = []
        launcher = Launcher(stand_in_worker.real_without_a_part)
        settings = replace(config(part or "es"), source_url="rtsp://127.0.0.1:1/", sts_addresses=())
        patience = Patience(first_state=2.0) if part else Patience()
        supervisor = Supervisor(settings, launcher, events.append, deaths.append, patience)
        supervisor.start()
        if part is None:
            await until(lambda: sum(isinstance(event, State) for event in events) > 3)
            assert deaths == []
        else:
            await until(lambda: bool(deaths))
            assert "said nothing" in deaths[0]
        task = supervisor.stop()
        assert task is not None
        await task
        launcher.close()

    asyncio.run(go())
