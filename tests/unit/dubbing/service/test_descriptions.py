"""Streams with descriptions at the dubber: kept while renewed, sentences sent to a real process (COM-5)."""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import Awaitable, Callable, Iterator

import httpx
import pytest
from fastapi import FastAPI

from app.dubbing.service import api, description_api, descriptions
from app.dubbing.service.descriptions import Descriptions
from app.dubbing.service.launching import Launcher
from app.settings import load
from tests.unit.dubbing.service.stand_in_runner import World
from tests.unit.dubbing.service.test_workers import until

JSON = {"content-type": "application/json"}
WAV = {"content-type": "audio/wav"}


def sound(seconds: float, channels: int = 1, rate: int = 22_050) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as opened:
        opened.setnchannels(channels)
        opened.setsampwidth(2)
        opened.setframerate(rate)
        opened.writeframes(bytes([0, 64]) * round(seconds * rate) * channels)
    return file.getvalue()


Play = Callable[[World, Descriptions, httpx.AsyncClient], Awaitable[None]]


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    launcher = Launcher()
    yield launcher
    launcher.close()


def scenario(launcher: Launcher, play: Play) -> None:
    async def go() -> None:
        world = World()
        app = FastAPI()
        api.install(app, world.streams, world.hub)
        # Nothing is there to be read: the process goes on looking for it.
        settings = load({"MEDIA_RTMP_PORT": "9", "MEDIA_RTSP_PORT": "9"})
        kept = Descriptions(settings, "of-this-run", world.streams, launcher.describe)
        app.include_router(description_api.router(kept))
        world.see("news")
        transport = httpx.ASGITransport(app=app)
        try:
            async with (
                asyncio.timeout(60),
                httpx.AsyncClient(transport=transport, base_url="http://d") as http,
            ):
                await play(world, kept, http)
        finally:
            await kept.close()

    asyncio.run(go())


def test_a_sentence_reaches_the_process_whole_and_one_without_a_stream_is_dropped(launcher: Launcher) -> None:
    async def play(_: World, kept: Descriptions, http: httpx.AsyncClient) -> None:
        assert (await http.put("/descriptions/news", headers=JSON)).status_code == 201
        assert (await http.put("/descriptions/news", headers=JSON)).status_code == 200
        assert (await http.get("/descriptions")).json()[0]["path"] == "described/news"
        # Until the process is there, nobody takes them.
        await until(lambda: bool(kept._kept["news"].keeper and kept._kept["news"].keeper.pid))
        for _count in range(3):
            answer = await http.post("/descriptions/news/sentences?ago=1", content=sound(12.0), headers=WAV)
            assert answer.status_code == 202, answer.text
        await until(lambda: kept.view()[0].dropped == 3)
        assert kept._kept["news"].lost == 0
        assert (await http.delete("/descriptions/news", headers=JSON)).status_code == 200
        assert (await http.get("/descriptions")).json() == []

    scenario(launcher, play)


def test_it_ends_when_nobody_renews_it_and_with_its_stream(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(world: World, kept: Descriptions, http: httpx.AsyncClient) -> None:
        await http.put("/descriptions/news", headers=JSON)
        kept.follow()
        assert len(kept.view()) == 1
        monkeypatch.setattr(descriptions, "KEPT_FOR", -1.0)
        await http.put("/descriptions/news", headers=JSON)
        kept.follow()
        assert kept.view() == []
        monkeypatch.setattr(descriptions, "KEPT_FOR", 60.0)
        await http.put("/descriptions/news", headers=JSON)
        world.see()
        world.now += 100.0
        world.see()
        kept.follow()
        assert kept.view() == []

    scenario(launcher, play)


@pytest.mark.parametrize(
    ("name", "body", "headers", "status", "words"),
    [
        ("news", b"", WAV, 422, "no WAV file"),
        ("news", b"RIFF" + bytes(100), WAV, 422, "no WAV file"),
        ("news", sound(1.0, channels=2), WAV, 422, "one channel"),
        ("news", sound(1.0, rate=4000), WAV, 422, "one channel"),
        ("news", sound(31.0, rate=8000), WAV, 422, "no longer than 30 s"),
        ("news", bytes(5 << 20), WAV, 413, "no larger than 4 MiB"),
        ("news", sound(1.0), {"content-type": "text/plain"}, 415, "audio/wav"),
        ("other", sound(1.0), WAV, 404, "streams that have: news"),
    ],
)
def test_what_is_no_sentence_is_told(
    launcher: Launcher, name: str, body: bytes, headers: dict[str, str], status: int, words: str
) -> None:
    async def play(_: World, kept: Descriptions, http: httpx.AsyncClient) -> None:
        kept.keep("news")
        answer = await http.post(f"/descriptions/{name}/sentences", content=body, headers=headers)
        assert (answer.status_code, words in answer.text) == (status, True), answer.text

    scenario(launcher, play)


def test_a_stream_that_is_not_there_has_no_descriptions(launcher: Launcher) -> None:
    async def play(_: World, _kept: Descriptions, http: httpx.AsyncClient) -> None:
        answer = await http.put("/descriptions/nobody", headers=JSON)
        assert answer.status_code == 404
        assert "streams: news" in answer.json()["detail"]
        assert (await http.put("/descriptions/news")).status_code == 415

    scenario(launcher, play)
