"""Where a viewer is led whose stream is at another cell."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from fastapi import Request, Response

from app.access.links import Links
from app.access.remembered import links_of
from app.access.store import Store
from app.dubbing.service import onward
from app.dubbing.service.auth import allowed
from app.dubbing.service.cells import Cell, Directory
from app.dubbing.service.onward import Onward, leading_to
from app.dubbing.service.viewers import question
from app.settings import load

PAGE, THERE = "https://player.example.org", "http://10.0.1.11:4200/api/dubber"
KNOWN = {"CELLS": THERE, "ALLOWED_ORIGINS": PAGE, "API_KEYS": "hush", "DATA_DIR": "/nowhere"}
LOCKED = {"MEDIA_READ_USER": "viewer", "MEDIA_READ_PASSWORD": "out-word"}
NOTHING_MORE: Mapping[str, str] = {}
WATCH, CONSOLE = "https://b.example.org", "https://console.b.example.org"
LINKS = Links(Store(Path("/nowhere")), "hush")
"""Those of another cell."""
MASTER = '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,URI="sound-es.m3u8"\n#EXT-X-STREAM-INF:BANDWIDTH=1\npicture.m3u8\n'
LEADING = MASTER.replace("sound-es", f"{WATCH}/all/news/sound-es").replace(
    "picture", f"{WATCH}/all/news/picture"
)


def cell(name: str, *ready: str, watch: str = WATCH) -> Cell:
    """A cell that has these streams."""
    told = {"name": name, "takes": True, "publish": {}, "streams": ready, "ready": ready, "dubs": 0}
    return Cell.model_validate({**told, "watch": watch, "console": CONSOLE if watch else ""})


def led(
    headers: Mapping[str, str],
    *,
    name: str = "news",
    other: Cell | None = None,
    playlist: httpx.Response | None = None,
    times: int = 1,
    settings: Mapping[str, str] = NOTHING_MORE,
    file: str = "index.m3u8",
    link: str = "1.2",
) -> tuple[list[Response | None], int]:
    """What viewers are answered who ask so at once, and how often the other was asked for a playlist."""
    asked = 0

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        if str(request.url) == f"{THERE}/cell":
            return httpx.Response(200, text=(other or cell("b", "news")).model_dump_json())
        assert str(request.url) == f"{WATCH}/all/news/{file}"
        password = request.headers.get("authorization", "")
        assert bool(password) == ("MEDIA_READ_USER" in settings)
        assert not password or allowed(question("news", password, "", ""), load(LOCKED), "", LINKS)
        asked += 1
        return playlist or httpx.Response(200, text=MASTER)

    async def mine() -> Cell:
        return cell("a")

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    query = f"link={link}&to=https://evil.example".encode()
    request = Request({"type": "http", "headers": raw, "query_string": query})

    async def ask() -> list[Response | None]:
        known = load({**KNOWN, **settings})
        links = links_of(known)
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            leads = Onward(known, Directory(known, mine, client, links), client, links)
            return await asyncio.gather(*(leads.answer(request, name, file) for _ in range(times)))

    return asyncio.run(ask()), asked


def test_a_viewer_goes_to_the_address_that_the_cell_tells_and_takes_no_query_along() -> None:
    for headers, there in (
        ({}, f"{WATCH}/all/news/index.m3u8"),
        ({"host": "evil.example", "x-forwarded-host": "evil.example"}, f"{WATCH}/all/news/index.m3u8"),
        ({"x-forwarded-prefix": "/hls"}, f"{CONSOLE}/hls/all/news/index.m3u8"),
        ({"x-forwarded-prefix": "//evil.example"}, f"{WATCH}/all/news/index.m3u8"),
    ):
        [answer], _ = led(headers)
        assert answer is not None
        assert (answer.status_code, answer.headers["location"]) == (307, there)
        assert answer.headers["cache-control"] == "no-store"


def test_a_viewer_who_is_to_be_steered_is_steered_there_too() -> None:
    [answer], _ = led({}, file="steered.m3u8")
    assert answer is not None
    assert answer.headers["location"] == f"{WATCH}/all/news/steered.m3u8"
    [page], asked = led({"origin": PAGE}, file="steered.m3u8")
    assert page is not None
    assert (page.status_code, bytes(page.body).decode(), asked) == (200, LEADING, 1)


def test_a_stream_that_no_cell_has_leads_nowhere_and_neither_does_a_cell_that_tells_no_address() -> None:
    assert led({}, name="nobody") == ([None], 0)
    assert led({}, other=cell("b", "news", watch="")) == ([None], 0)


def test_a_page_that_may_read_gets_the_playlist_and_however_many_ask_it_is_fetched_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(onward, "KNOWN_FOR", 3600.0)
    answers, asked = led({"origin": PAGE}, times=20)
    assert asked == 1
    for answer in answers:
        assert answer is not None
        assert (answer.status_code, bytes(answer.body).decode()) == (200, LEADING)
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert (answer.headers["cache-control"], answer.headers["vary"]) == ("no-store", "origin")


def test_where_that_gives_none_or_reading_is_closed_or_the_page_is_a_strangers_it_is_a_redirect() -> None:
    refused = httpx.Response(401)
    for (answers, asked), origin, expected in (
        (led({"origin": PAGE}, playlist=refused), PAGE, 1),
        (led({"origin": PAGE}, settings={**LOCKED, "API_KEYS": ""}), PAGE, 0),
        (led({"origin": "https://evil.example"}), None, 0),
    ):
        [answer] = answers
        assert answer is not None
        assert (answer.status_code, asked) == (307, expected)
        assert answer.headers.get("access-control-allow-origin") == origin


def test_where_reading_is_closed_who_was_let_in_here_is_let_in_there() -> None:
    mine = LINKS.make("all/news", "read", 60).partition("=")[2]
    for link in ("1.2", mine, ""):
        [answer], _ = led({}, settings=LOCKED, link=link)
        assert answer is not None
        there, _, query = answer.headers["location"].partition("?")
        assert there == f"{WATCH}/all/news/index.m3u8"
        assert LINKS.allows(query, "all/news", "read")
        assert not LINKS.allows(query, "all/sport", "read")
        assert not LINKS.allows(query, "all/news", "publish")
        assert (query == f"link={mine}") == (link == mine), "whose link is over soon is given no longer one"
    [answer], _ = led({}, settings={**LOCKED, "API_KEYS": ""})
    assert answer is not None
    assert answer.headers["location"] == f"{WATCH}/all/news/index.m3u8"


def test_a_page_that_may_read_gets_a_playlist_whose_addresses_open_there() -> None:
    [answer], asked = led({"origin": PAGE}, settings=LOCKED)
    assert answer is not None
    assert (answer.status_code, asked) == (200, 1)
    found = re.findall(rf'{WATCH}/all/news/[a-z-]+\.m3u8\?([^"\s]+)', bytes(answer.body).decode())
    assert len(found) == 2
    assert all(LINKS.allows(query, "all/news", "read") for query in found)


def test_all_addresses_of_a_playlist_become_whole_ones() -> None:
    assert leading_to(f"{WATCH}/all/news/index.m3u8", MASTER) == LEADING
