"""Which streams are joined: those that somebody watches, or all where they are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from app.dubbing.service import joining
from app.dubbing.service.joining import Joining
from app.dubbing.service.launching import Launcher
from app.settings import load
from tests.unit.dubbing.service.stand_in_runner import World
from tests.unit.dubbing.service.stand_in_worker import state
from tests.unit.dubbing.service.test_workers import until

Play = Callable[[World, Joining], Awaitable[None]]


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    launcher = Launcher()
    yield launcher
    launcher.close()


def scenario(launcher: Launcher, folder: Path, play: Play, **more: str) -> None:
    async def go() -> None:
        world = World()
        # Nothing is there to be read: the process goes on looking for it.
        settings = load({"MEDIA_RTMP_PORT": "9", "MEDIA_RTSP_PORT": "9", "DATA_DIR": str(folder), **more})
        joined = Joining(settings, "of-this-run", world.streams, world.hub, launcher.join)
        try:
            async with asyncio.timeout(60):
                await play(world, joined)
        finally:
            await joined.close()

    asyncio.run(go())


def names(joined: Joining) -> list[str]:
    return sorted(joined._kept)


def test_nothing_is_joined_until_somebody_watches_and_no_more_when_nobody_does(
    launcher: Launcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(world: World, joined: Joining) -> None:
        assert not joined.asked("news")
        world.see("news")
        joined.follow()
        assert names(joined) == []
        assert joined.asked("news")
        joined.follow()
        assert names(joined) == ["news"]
        await until(lambda: "news" in joined.view().problems)
        monkeypatch.setattr(joining, "KEPT_FOR", -1.0)
        assert joined.asked("news")
        joined.follow()
        assert names(joined) == []
        await joined.close()
        assert list((tmp_path / "joined").glob("news@*")) == []

    scenario(launcher, tmp_path, play)


def test_where_streams_are_kept_each_is_joined_as_long_as_it_is_there(
    launcher: Launcher, tmp_path: Path
) -> None:
    async def play(world: World, joined: Joining) -> None:
        world.see("news", "sport")
        joined.follow()
        assert names(joined) == ["news", "sport"]
        world.see("sport")
        world.now += 100.0
        world.see("sport")
        joined.follow()
        assert names(joined) == ["sport"]

    scenario(launcher, tmp_path, play, REPLAY_MINUTES="10")


def test_the_process_reads_the_dubs_that_run(launcher: Launcher, tmp_path: Path) -> None:
    async def play(world: World, joined: Joining) -> None:
        world.see("news")
        joined.asked("news")
        await until(lambda: bool(joined._kept["news"].state.problem != "starting"))
        assert joined._kept["news"].state.languages == ()
        world.runners[0].told(state())
        joined.follow()
        await until(lambda: joined._kept["news"].state.languages == ("es",))
        world.streams.stop("news", "es")
        joined.follow()
        await until(lambda: joined._kept["news"].state.languages == ())

    scenario(launcher, tmp_path, play)


def test_a_folder_that_cannot_be_written_is_told(launcher: Launcher, tmp_path: Path) -> None:
    (tmp_path / "joined").write_text("a file where the folder should be")

    async def play(world: World, joined: Joining) -> None:
        assert await joined.check() is None
        world.see("news")
        joined.asked("news")
        await until(lambda: "news" in joined.view().problems and "written" in joined.view().problems["news"])
        check = await joined.check()
        assert check is not None
        assert not check.ok
        assert str(tmp_path / "joined") in check.detail

    scenario(launcher, tmp_path, play)
