"""News for listeners: bounded, told when something was missed; captions at their time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from sse_starlette import ServerSentEvent

from app.dubbing.service import feeds, views
from app.dubbing.service.events import Hub, Missed
from app.serving.feed import Feed
from tests.unit.dubbing.service.stand_in_runner import World
from tests.unit.dubbing.service.stand_in_worker import caption, phrase, state


def view(id: int, shown_at: float) -> views.Caption:
    return views.Caption(stream="news", language="es", **vars(caption(id, shown_at)))


def test_a_slow_listener_loses_the_oldest_and_is_told_how_many() -> None:
    async def go() -> None:
        hub = Hub()
        with hub.listen(lambda _: True, size=3) as listener:
            for number in range(5):
                hub.tell("caption", view(number, 0.0), "news", "es")
            first = await listener.next()
            assert first.kind == "missed"
            assert first.document == Missed(count=2)
            ids = [json.loads((await listener.next()).data)["id"] for _ in range(3)]
            assert ids == [2, 3, 4]
        assert hub.listeners == 0

    asyncio.run(go())


def test_of_the_streams_document_only_the_newest_waits() -> None:
    async def go() -> None:
        world = World()
        with world.hub.listen(lambda _: True) as listener:
            world.hub.tell("streams", world.streams.view())
            world.hub.tell("caption", view(1, 0.0), "news", "es")
            world.see("news")
            world.hub.tell("streams", world.streams.view())
            assert (await listener.next()).kind == "caption"
            assert json.loads((await listener.next()).data)["streams"][0]["name"] == "news"

    asyncio.run(go())


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 100)), max_size=40), st.integers(1, 10))
def test_captions_come_in_the_order_of_their_times_and_never_early_or_twice(
    given_captions: list[tuple[int, int]], size: int
) -> None:
    queue = feeds.CaptionQueue(size)
    for id, shown_at in given_captions:
        queue.add(view(id, float(shown_at)))
    assert queue.wait(0.0) is None or queue.wait(0.0) >= 0  # type: ignore[operator]
    found: list[views.Caption] = []
    for now in range(0, 101, 10):
        due = queue.due(float(now))
        assert all(one.shown_at <= now for one in due)
        found.extend(due)
    assert [one.shown_at for one in found] == sorted(one.shown_at for one in found)
    assert len({one.id for one in found}) == len(found)
    assert len(found) <= size
    assert queue.wait(100.0) is None
    latest = dict(given_captions)
    assert all(latest[one.id] == one.shown_at for one in found)


def closing(feed: AsyncIterator[ServerSentEvent]) -> aclosing[AsyncGenerator[ServerSentEvent, None]]:
    """The feed, which is a generator, closed at the end."""
    return aclosing(cast("AsyncGenerator[ServerSentEvent, None]", feed))


async def take(feed: AsyncIterator[ServerSentEvent], count: int) -> list[tuple[str, dict[str, Any]]]:
    found = []
    async with asyncio.timeout(10):
        for _ in range(count):
            event = await anext(feed)
            found.append((str(event.event), json.loads(str(event.data))))
    return found


def test_a_new_listener_gets_the_streams_first_and_then_everything_that_happens() -> None:
    async def go() -> None:
        world = World()
        world.see("news")
        async with closing(feeds.everything(world.streams, world.hub)) as feed:
            [(kind, document)] = await take(feed, 1)
            assert kind == "streams"
            assert document["streams"][0]["dubs"][0]["path"] == "dub/news/es"
            world.runner("es").told(caption(7))
            world.runner("es").told(phrase(7))
            (one, said), (two, done) = await take(feed, 2)
            assert (one, said["id"], said["stream"], said["language"]) == ("caption", 7, "news", "es")
            assert (two, done["outcome"], done["stream"], done["language"]) == (
                "phrase",
                "in_time",
                "news",
                "es",
            )

    asyncio.run(go())


def test_captions_are_replayed_for_thirty_seconds_and_later_ones_wait_for_their_time() -> None:
    async def go() -> None:
        world, now = World(), 1000.0
        world.see("news")
        runner = world.runner("es")
        for id, shown_at in ((1, 960.0), (2, 980.0), (3, 999.0), (4, 1000.05)):
            runner.told(caption(id, shown_at))
        start = asyncio.get_running_loop().time()

        def clock() -> float:
            return now + asyncio.get_running_loop().time() - start

        async with closing(feeds.captions(world.streams, world.hub, "news", "es", clock)) as feed:
            first = await take(feed, 3)
            assert [document["id"] for _, document in first] == [2, 3, 4]
            assert clock() >= 1000.05
            runner.told(caption(5, clock() + 0.1))
            [(_, document)] = await take(feed, 1)
            assert document["id"] == 5
            assert clock() >= document["shown_at"]

    asyncio.run(go())


def test_the_streams_are_told_at_a_change_and_each_second() -> None:
    async def go() -> None:
        world = World()
        task = asyncio.create_task(feeds.tell_streams(world.streams, world.hub))
        with world.hub.listen(lambda news: news.kind == "streams") as listener:
            async with asyncio.timeout(10):
                world.see("news")
                while not json.loads((await listener.next()).data)["streams"]:
                    pass
                world.runner("es").told(state())
                while True:
                    document = json.loads((await listener.next()).data)
                    if document["streams"][0]["dubs"][0]["status"] == "dubbing":
                        break
                assert (await listener.next()).kind == "streams"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(go())


def test_a_client_that_takes_nothing_is_let_go() -> None:
    async def go() -> None:
        world = World()
        feed = Feed(feeds.everything(world.streams, world.hub), send_within=0.05)
        never = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await never.wait()
            return {}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                await never.wait()

        async with asyncio.timeout(10):
            await feed({"type": "http", "method": "GET"}, receive, send)
        assert world.hub.listeners == 0

    asyncio.run(go())
