"""The media server's control API, answered from documents as MediaMTX 1.13.1 sends them."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from app.dubbing.service.media_api import MediaApi, MediaPath, MediaUnreachable

LIVE = {
    "name": "live/news",
    "confName": "~^live/([A-Za-z0-9_.-]+)$",
    "source": {"type": "rtmpConn", "id": "5b0f"},
    "ready": True,
    "readyTime": "2026-11-20T10:00:00.123456789Z",
    "tracks": ["H264", "MPEG-4 Audio"],
    "bytesReceived": 1,
    "bytesSent": 2,
    "readers": [],
}
IDLE = {**LIVE, "name": "live/idle", "source": None, "ready": False, "readyTime": None, "tracks": []}


def ask(answer: Any) -> list[MediaPath]:
    async def go() -> list[MediaPath]:
        api = MediaApi("127.0.0.1", 9997, transport=httpx.MockTransport(answer))
        try:
            return await api.paths()
        finally:
            await api.close()

    return asyncio.run(go())


def page(items: list[Any], pages: int = 1) -> httpx.Response:
    return httpx.Response(200, json={"itemCount": len(items), "pageCount": pages, "items": items})


def test_a_path_is_read_with_its_publisher() -> None:
    ready, idle = ask(lambda _: page([LIVE, IDLE]))
    assert ready.name == "live/news"
    assert ready.ready
    assert ready.source is not None
    assert ready.source.type == "rtmpConn"
    assert ready.tracks == ["H264", "MPEG-4 Audio"]
    assert ready.ready_time is not None
    assert ready.ready_time.timestamp() == pytest.approx(1795168800.123456)
    assert not idle.ready
    assert idle.source is None


def test_all_pages_are_read() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        number = int(request.url.params["page"])
        return page([{**LIVE, "name": f"live/{number}"}], pages=3)

    assert [path.name for path in ask(answer)] == ["live/0", "live/1", "live/2"]


def test_no_paths_are_no_pages() -> None:
    assert ask(lambda _: page([], pages=0)) == []


def refuse(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("All connection attempts failed", request=request)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refuse, "out of reach"),
        (lambda _: httpx.Response(401, json={"error": "authentication error"}), "answered 401"),
        (lambda _: httpx.Response(200, text="<html>"), "out of reach"),
        (lambda _: httpx.Response(200, json={"items": []}), "another form"),
        (lambda _: httpx.Response(200, json=[1]), "another form"),
    ],
)
def test_anything_else_is_told_in_words(answer: Any, words: str) -> None:
    with pytest.raises(MediaUnreachable, match=words):
        ask(answer)
