"""Who comes past a CDN is led to it, with a link in the path that many share."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastapi import Request, Response
from hypothesis import given
from hypothesis import strategies as st

from app.access.links import Links
from app.access.store import Store
from app.dubbing.service.cdn import PERIOD, Cdn, until_its_end
from app.dubbing.service.joined_api import A_MOMENT, A_YEAR, EACH_TIME
from app.render.caddy import LEAD_HEADER
from app.settings import load
from tests.unit.access.moved_clock import Clock

AT = "https://watch.example.org"
CLOSED = {"MEDIA_READ_USER": "viewer", "MEDIA_READ_PASSWORD": "out-word"}
BY_THE_EDGE = (LEAD_HEADER.lower().encode(), b"cdn")


@pytest.fixture
def links(tmp_path: Path) -> Links:
    return Links(Store(tmp_path, Clock()))


def led(
    links: Links,
    settings: dict[str, str],
    query: str = "",
    name: str = "news",
    file: str = "index.m3u8",
    header: tuple[bytes, bytes] = BY_THE_EDGE,
) -> Response | None:
    request = Request({"type": "http", "headers": [header], "query_string": query.encode()})
    return Cdn(load({"CDN_URL": AT, **settings}), links).answer(request, name, file)


def link_in(answer: Response | None, begins: str = f"{AT}/all/news/", ends: str = "/index.m3u8") -> str:
    """The link in the path that somebody is led to."""
    assert answer is not None
    assert (answer.status_code, answer.headers["cache-control"]) == (307, "no-store")
    there = answer.headers["location"]
    assert there.startswith(begins)
    assert there.endswith(ends)
    return there.removeprefix(begins).removesuffix(ends)


def test_who_came_with_a_password_gets_a_link_that_all_share_for_hours(links: Links) -> None:
    clock = links.store.clock
    assert isinstance(clock, Clock)
    clock.now = 1000 * PERIOD + 1.5
    first = link_in(led(links, CLOSED))
    assert links.allows(f"link={first}", "all/news", "read")
    assert not links.allows(f"link={first}", "all/sport", "read")
    clock.now = 1001 * PERIOD - 0.5
    assert link_in(led(links, CLOSED)) == first
    clock.now += 1
    second = link_in(led(links, CLOSED))
    assert second != first
    assert links.allows(f"link={first}", "all/news", "read"), "it holds for one period more"
    clock.now += PERIOD
    assert not links.allows(f"link={first}", "all/news", "read")


def test_a_link_goes_along_as_it_is_and_gets_no_longer(links: Links) -> None:
    mine = links.make("all/news", "read", 60).partition("=")[2]
    assert link_in(led(links, CLOSED, f"link={mine}")) == mine
    assert link_in(led(links, CLOSED, "link=1.2")) != "1.2"


def test_an_earlier_showing_is_opened_by_the_link_of_its_stream(links: Links) -> None:
    name = "news@20260131T190000"
    link = link_in(led(links, CLOSED, name=name), f"{AT}/all/{name}/")
    assert links.allows(f"link={link}", "all/news", "read")


def test_nobody_is_led_but_by_the_edge_to_a_cdn_that_is_known_and_by_what_opens_a_stream(
    links: Links,
) -> None:
    assert led(links, CLOSED, header=(b"x-forwarded-prefix", b"/hls")) is None
    assert led(links, {**CLOSED, "CDN_URL": ""}) is None
    for file in ("picture.m3u8", "picture-1.m4s", "steering.json"):
        assert led(links, CLOSED, file=file) is None
    opened = led(links, {})
    assert opened is not None
    assert urlsplit(opened.headers["location"]).path == "/all/news/index.m3u8"


@given(left=st.integers(-100, 10**9))
def test_nothing_is_held_for_longer_than_the_link_that_opens_it(left: int) -> None:
    now = 1_800_000_000
    link = f"{now + left}.{64 * 'a'}"
    assert until_its_end(EACH_TIME, link, now) == EACH_TIME
    for age, seconds in ((A_MOMENT, 1), (A_YEAR, 31536000)):
        held = until_its_end(age, link, now)
        assert held == (age if left >= seconds else f"max-age={max(0, left)}")
