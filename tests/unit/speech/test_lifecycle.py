"""An engine is loaded once, never freed in use, freed after idleness, and loaded again. (SPK-2, SPK-6)"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from app.speech.licences import Licence
from app.speech.lifecycle import Lifecycle
from app.speech.rest.door import Turnstile
from app.speech.rest.errors import ApiError
from app.speech.rest.worker import Worker
from app.speech.types import EngineMissing


class Machine:
    """An engine that does nothing but remember; `gate` holds its loading up."""

    name = "machine"
    licences: tuple[Licence, ...] = ()
    memory = 1
    device = "cpu"
    loads = 0
    gate = threading.Event()
    broken = False

    def __init__(self) -> None:
        self.closed = False

    def load(self) -> None:
        type(self).loads += 1
        assert self.gate.wait(5.0)
        if self.broken:
            raise EngineMissing("no machine")

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def kind() -> type[Machine]:
    """A class of engine of the test's own, whose loading is not held up."""

    class Own(Machine):
        gate = threading.Event()

    Own.gate.set()
    return Own


def test_many_users_at_once_load_it_once(kind: type[Machine]) -> None:
    async def scene() -> None:
        life = Lifecycle(kind, 0.0)
        kind.gate.clear()

        async def use() -> None:
            async with life.use():
                pass

        users = [asyncio.create_task(use()) for _ in range(5)]
        await asyncio.sleep(0)
        users[0].cancel()
        kind.gate.set()
        done = await asyncio.gather(*users, return_exceptions=True)
        assert isinstance(done[0], asyncio.CancelledError)
        assert done[1:] == [None] * 4
        assert (kind.loads, life.users, life.loaded) == (1, 0, True)

    asyncio.run(scene())


def test_it_is_freed_when_idle_but_never_in_use_and_loaded_again(kind: type[Machine]) -> None:
    async def scene() -> None:
        life = Lifecycle(kind, 0.02)
        async with life.kept():
            async with life.use() as engine:
                assert not await life.unload()
                await asyncio.sleep(0.1)
                assert life.loaded
                assert not engine.closed
            async with asyncio.timeout(5.0):
                while life.loaded:
                    await asyncio.sleep(0.005)
                while not engine.closed:
                    await asyncio.sleep(0.005)
            async with life.use() as again:
                assert again is not engine
        assert kind.loads == 2
        assert again.closed

    asyncio.run(scene())


def test_one_that_cannot_be_loaded_is_tried_again_at_the_next_request(kind: type[Machine]) -> None:
    async def scene() -> None:
        life = Lifecycle(kind, 0.0)
        kind.broken = True
        for _ in range(2):
            with pytest.raises(EngineMissing):
                await life.load()
        kind.broken = False
        async with life.use():
            assert life.loaded

    asyncio.run(scene())


def test_a_client_that_leaves_keeps_its_turn_until_its_thread_has_ended(kind: type[Machine]) -> None:
    async def scene() -> None:
        turnstile = Turnstile(1, 1)
        worker = Worker(Lifecycle(kind, 0.0), turnstile, 1)
        left, hold = threading.Event(), threading.Event()

        def work(_: Machine) -> Iterator[int]:
            yield 1
            assert hold.wait(5.0)
            yield 2

        parts = worker.parts(work, left, float("inf"))
        assert await anext(parts) == 1
        await parts.aclose()
        assert left.is_set()
        assert (turnstile.running, worker.lifecycle.users) == (1, 1)
        hold.set()
        await worker.close()
        assert (turnstile.running, worker.lifecycle.users) == (0, 0)

    asyncio.run(scene())


def test_a_deadline_ends_the_wait_and_a_failure_is_passed_on(kind: type[Machine]) -> None:
    async def scene() -> None:
        worker = Worker(Lifecycle(kind, 0.0), Turnstile(1, 1), 1)
        left = threading.Event()

        def slow(_: Machine) -> Iterator[int]:
            assert left.wait(5.0)
            yield from ()

        def broken(_: Machine) -> Iterator[int]:
            raise EngineMissing("gone")
            yield 1

        with pytest.raises(TimeoutError):
            await anext(worker.parts(slow, left, asyncio.get_running_loop().time() + 0.05))
        with pytest.raises(EngineMissing):
            await anext(worker.parts(broken, threading.Event(), float("inf")))
        await worker.close()

    asyncio.run(scene())


def test_more_than_may_wait_are_refused_at_once() -> None:
    turnstile = Turnstile(1, 1)
    with turnstile.entered(), turnstile.entered():
        with pytest.raises(ApiError) as raised:
            turnstile.entered().__enter__()
        assert raised.value.status == 503
    with turnstile.entered():
        assert turnstile.inside == 1
