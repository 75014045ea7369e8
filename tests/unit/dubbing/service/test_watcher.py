"""The watcher: which streams are published, by looking each second and at each hook."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from app.dubbing.service.media_api import MediaPath, MediaUnreachable, Source
from app.dubbing.service.watcher import Publisher, Watcher, publishers

SINCE = datetime(2026, 11, 20, 10, tzinfo=UTC)


def path(name: str, ready: bool = True) -> MediaPath:
    return MediaPath(name=name, ready=ready, readyTime=SINCE, source=Source(type="rtmpConn"), tracks=["H264"])


class Media:
    """A media server whose paths the test sets; None: out of reach; an exception: raised."""

    def __init__(self, *answers: list[MediaPath] | Exception | None) -> None:
        self.answers = list(answers)
        self.looks = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def paths(self) -> list[MediaPath]:
        self.looks += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        await self.gate.wait()
        if answer is None:
            raise MediaUnreachable("out of reach")
        if isinstance(answer, Exception):
            raise answer
        return answer


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not happened():
            await asyncio.sleep(0.005)


def watch(
    media: Media,
    interval: float,
    done: Callable[[Watcher, list[dict[str, Publisher]]], bool],
    hook: Callable[[Watcher], None] = lambda _: None,
) -> tuple[Watcher, list[dict[str, Publisher]]]:
    async def go() -> tuple[Watcher, list[dict[str, Publisher]]]:
        seen: list[dict[str, Publisher]] = []
        watcher = Watcher(media, seen.append, interval)
        task = asyncio.create_task(watcher.run())
        await until(lambda: media.looks >= 1)
        hook(watcher)
        await until(lambda: done(watcher, seen))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return watcher, seen

    return asyncio.run(go())


def test_only_ready_live_paths_are_publishers() -> None:
    found = publishers(
        [path("live/news"), path("live/idle", ready=False), path("dub/news/es"), path("live/a/b"), path("x")]
    )
    assert found == {"news": Publisher("news", SINCE.timestamp(), "rtmpConn", ("H264",))}


def test_a_publisher_is_found_without_any_hook() -> None:
    media = Media([], [path("live/news")])
    _, seen = watch(media, 0.1, lambda _, seen: bool(seen and seen[-1]))
    assert list(seen[0]) == []
    assert list(seen[-1]) == ["news"]


def test_a_hook_makes_it_look_at_once() -> None:
    media = Media([], [path("live/news")])
    _, seen = watch(media, 3600.0, lambda _, seen: bool(seen and seen[-1]), Watcher.look_now)
    assert list(seen[-1]) == ["news"]


def test_a_hook_during_a_look_makes_it_look_again() -> None:
    media = Media([], [path("live/news")])
    media.gate.clear()

    def hook(watcher: Watcher) -> None:
        watcher.look_now()
        media.gate.set()

    _, seen = watch(media, 3600.0, lambda _, seen: len(seen) == 2, hook)
    assert [list(found) for found in seen] == [[], ["news"]]


def test_a_media_server_out_of_reach_ends_no_stream_and_is_tried_on() -> None:
    media = Media([path("live/news")], None, None, [path("live/news")])
    problems: list[str] = []

    def done(watcher: Watcher, seen: list[dict[str, Publisher]]) -> bool:
        problems.append(watcher.problem)
        return media.looks > 4 and len(seen) >= 2

    watcher, seen = watch(media, 0.06, done)
    assert "out of reach" in problems
    assert all(list(found) == ["news"] for found in seen)
    assert watcher.problem == ""


def test_what_nobody_foresaw_is_told_and_does_not_end_the_watch() -> None:
    media = Media(LookupError("unforeseen"), [path("live/news")])
    problems: list[str] = []

    def done(watcher: Watcher, seen: list[dict[str, Publisher]]) -> bool:
        problems.append(watcher.problem)
        return bool(seen)

    watcher, _ = watch(media, 0.06, done)
    assert "looking for publishers failed: LookupError" in problems
    assert watcher.problem == ""


def test_a_listener_that_fails_is_told_again() -> None:
    async def go() -> None:
        told = 0

        def seen(_: dict[str, Publisher]) -> None:
            nonlocal told
            told += 1
            if told == 1:
                raise LookupError("unforeseen")

        watcher = Watcher(Media([path("live/news")]), seen, 0.06)
        task = asyncio.create_task(watcher.run())
        await until(lambda: told >= 2 and watcher.problem == "")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(go())
