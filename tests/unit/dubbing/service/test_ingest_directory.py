"""Which cell a stream goes to, what cells tell of themselves, and what is passed over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from app.access.links import Links
from app.access.store import Store
from app.dubbing.service import cells, views
from app.dubbing.service.cells import Cell, Directory, NoCell, Seen, place, publish_addresses, told
from app.settings import load

HERE, THERE = "", "http://10.0.1.11:4200/api/dubber"
SETTINGS = load({"CELLS": THERE, "API_KEYS": "hush", "TARGET_LANGUAGES": "es"})

LINKS = Links(Store(Path("/nowhere")))


def cell(name: str = "a", **changes: object) -> Cell:
    """A cell that takes streams and has none."""
    known = {"takes": True, "publish": {"rtmp": f"rtmp://{name}:1935/live/{{stream}}"}, "streams": [],
             "ready": [], "dubs": 0}  # fmt: skip
    return Cell.model_validate({"name": name, **known, **changes})


def brief(name: str, ready: bool = True, **dubs: str) -> views.Brief:
    """A stream as other cells show it."""
    return views.Brief.model_validate({"name": name, "ready": ready, "dubs": dubs})


def test_a_new_stream_goes_to_the_cell_with_the_fewest_dubs() -> None:
    both = {HERE: cell(dubs=3), THERE: cell(dubs=2)}
    assert place("news", both, {}, 1) == THERE
    assert place("news", {HERE: cell(), THERE: cell()}, {}, 1) == HERE


def test_streams_that_were_promised_and_are_not_there_yet_count_as_those_that_are() -> None:
    both = {HERE: cell(dubs=2), THERE: cell(dubs=1)}
    assert place("news", both, {"match": THERE}, 2) == HERE
    arrived = {HERE: cell(dubs=4), THERE: cell(dubs=3, streams=["match"], ready=["match"])}
    assert place("news", arrived, {"match": THERE}, 2) == THERE


def test_a_stream_goes_where_it_is_or_was_or_was_sent_however_much_there_is_to_do() -> None:
    busy: dict[str, Any] = {"dubs": 9}
    idle = cell()
    assert place("news", {HERE: idle, THERE: cell(streams=["news"], ready=["news"], **busy)}, {}, 1) == THERE
    assert place("news", {HERE: idle, THERE: cell(streams=["news"], **busy)}, {}, 1) == THERE
    assert place("news", {HERE: idle, THERE: cell(**busy)}, {"news": THERE}, 1) == THERE
    both = {HERE: cell(streams=["news"]), THERE: cell(streams=["news"], ready=["news"])}
    assert place("news", both, {}, 1) == THERE, "where it is counts more than where it was"


def test_a_cell_that_is_not_there_or_takes_nothing_is_named_to_nobody() -> None:
    assert place("news", {HERE: cell()}, {"news": THERE}, 1) == HERE
    assert place("news", {HERE: cell(dubs=9), THERE: cell(takes=False, streams=["news"])}, {}, 1) == HERE
    assert place("news", {HERE: cell(takes=False)}, {}, 1) is None


def test_addresses_are_those_that_the_world_sees_and_beside_an_edge_encrypted_ones_come_first() -> None:
    plain = publish_addresses(load({"MEDIA_PUBLIC_HOST": "203.0.113.9"}))
    assert plain["rtmp"] == "rtmp://203.0.113.9:1935/live/{stream}"
    assert plain["srt"] == "srt://203.0.113.9:8890?streamid=publish:live/{stream}"
    assert "rtmps" not in plain
    edged = publish_addresses(load({"DOMAIN": "streaming-2.example.org", "MEDIA_PUBLIC_HOST": "203.0.113.9"}))
    assert next(iter(edged)) == "rtmps"
    assert edged["whip"] == "https://streaming-2.example.org/live/{stream}/whip"


def test_a_cell_tells_its_streams_and_where_people_and_viewers_find_it() -> None:
    edged = load({"DOMAIN": "streaming-2.example.org", "MEDIA_PUBLIC_HOST": "203.0.113.9"})
    streams = [brief("news", es="dubbing"), brief("match", ready=False)]
    mine = told(edged, streams, 2, takes=True)
    assert (mine.name, mine.streams, mine.ready) == ("streaming-2.example.org", ["news", "match"], ["news"])
    assert mine.console == mine.watch == "https://streaming-2.example.org"
    assert mine.shown == streams
    other_port = load({"DOMAIN": "a.example.org", "EDGE_HTTPS_PORT": "8443"})
    assert told(other_port, [], 0, takes=True).console == "https://a.example.org:8443"
    plain = told(load({"MEDIA_PUBLIC_HOST": "fd00::7"}), [], 0, takes=True)
    assert (plain.console, plain.watch) == ("http://[fd00::7]:4200", "http://[fd00::7]:8003")
    assert told(load({}), [], 0, takes=True).console == "http://127.0.0.1:4200"


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "https://b/path", "https://a@b", "//b", "https://b?x", "https://b\n"]
)
def test_an_address_that_is_more_than_an_origin_is_not_what_a_cell_tells(address: str) -> None:
    for field in ("console", "watch"):
        with pytest.raises(ValidationError):
            cell(**{field: address})


@asynccontextmanager
async def directory(own: Cell, *answers: httpx.Response | Exception) -> AsyncIterator[Directory]:
    """A directory with one other cell, which answers so, each time with the next one or the last."""
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url == f"{THERE}/cell"
        assert request.headers["authorization"] == "Bearer hush"
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, Exception):
            raise found
        return found

    async def mine() -> Cell:
        return own

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        yield Directory(SETTINGS, mine, client, LINKS)


def find(*answers: httpx.Response | Exception, own: Cell, streams: tuple[str, ...] = ("news",)) -> list[str]:
    """The cells that such a directory names."""

    async def ask() -> list[str]:
        async with directory(own, *answers) as asked:
            return [(await asked.find(each)).publish["rtmp"] for each in streams]

    return asyncio.run(ask())


def seen(*answers: httpx.Response | Exception, times: int = 1) -> list[list[Seen]]:
    """What such a directory tells of all cells, asked that often."""

    async def ask() -> list[list[Seen]]:
        async with directory(cell("a", dubs=1), *answers) as asked:
            return [(await asked.all()).cells for _ in range(times)]

    return asyncio.run(ask())


def test_many_that_are_asked_for_at_once_are_shared_out() -> None:
    other = httpx.Response(200, text=cell("b").model_dump_json())
    found = find(other, own=cell("a"), streams=("one", "two", "one", "three"))
    assert found == [
        "rtmp://a:1935/live/one", "rtmp://b:1935/live/two", "rtmp://a:1935/live/one", "rtmp://a:1935/live/three",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectError("refused"), httpx.ReadTimeout("late"), httpx.Response(401, text="no"),
        httpx.Response(200, text="<html>"), httpx.Response(200, json={"name": "b"}),
    ],
)  # fmt: skip
def test_whoever_does_not_answer_as_a_cell_does_is_passed_over(answer: httpx.Response | Exception) -> None:
    assert find(answer, own=cell("a", dubs=9)) == ["rtmp://a:1935/live/news"]


def test_a_cell_that_is_lost_is_not_named_again() -> None:
    there = httpx.Response(200, text=cell("b").model_dump_json())
    found = find(there, httpx.ConnectError("gone"), own=cell("a", dubs=9), streams=("news", "news"))
    assert found == ["rtmp://b:1935/live/news", "rtmp://a:1935/live/news"]


def test_where_nobody_takes_streams_that_is_said() -> None:
    with pytest.raises(NoCell, match="1 of 2 cells answer"):
        find(httpx.ConnectError("gone"), own=cell(takes=False))


CONSOLE = "https://b.example.org"
NEWS = cell("b", console=CONSOLE, streams=["news"], ready=["news"], shown=[brief("news", es="dubbing")])


def test_all_cells_are_told_with_their_streams_and_one_that_is_silent_by_its_last_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cells, "KNOWN_FOR", 0.0)
    there = httpx.Response(200, text=NEWS.model_dump_json())
    first, second = seen(there, httpx.ConnectError("gone"), times=2)
    mine, other = first
    assert (mine.name, mine.own, mine.answers, mine.dubs) == ("a", True, True, 1)
    assert (other.name, other.own, other.answers, other.console) == ("b", False, True, CONSOLE)
    assert other.streams == [brief("news", es="dubbing")]
    silent = second[1]
    assert (silent.name, silent.answers, silent.console, silent.streams) == ("b", False, CONSOLE, [])


def test_one_that_never_answered_is_called_by_its_address() -> None:
    [[mine, other]] = seen(httpx.ConnectError("gone"))
    assert (mine.name, other.name, other.answers, other.console) == ("a", "10.0.1.11", False, "")


def test_however_many_want_to_know_cells_are_asked_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "KNOWN_FOR", 3600.0)
    asked = 0

    def answer(_: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        return httpx.Response(200, text=NEWS.model_dump_json())

    async def mine() -> Cell:
        return cell("a")

    async def ask() -> list[str | None]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            many = Directory(SETTINGS, mine, client, LINKS)
            wanted = [*("news" for _ in range(10)), *(f"nobody-{number}" for number in range(40))]
            found = await asyncio.gather(*(many.having(each) for each in wanted))
            await asyncio.gather(*(many.all() for _ in range(10)))
            return [each.name if each else None for each in found]

    assert asyncio.run(ask()) == ["b"] * 10 + [None] * 40
    assert asked == 1


def test_with_one_cell_nobody_is_asked() -> None:
    async def nobody() -> Cell:
        raise AssertionError("asked")

    async def ask() -> Cell | None:
        async with httpx.AsyncClient() as client:
            return await Directory(load({}), nobody, client, LINKS).having("news")

    assert asyncio.run(ask()) is None


@pytest.mark.parametrize("word", ["hush", ""])
def test_links_that_were_ended_at_another_cell_are_ended_here_where_they_are_in_common(
    tmp_path: Path, word: str
) -> None:
    links = Links(Store(tmp_path), word)
    before, told_so = links.make("live/news", "publish", 60), cell("b", links_ended=1_800_000_000_000)
    asked = 0

    def answer(_: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        return httpx.Response(200, text=told_so.model_dump_json())

    async def mine() -> Cell:
        return cell("a")

    async def hear() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            directory = Directory(SETTINGS, mine, client, links)
            running = asyncio.create_task(directory.run())
            await directory.all()
            while not asked:
                await asyncio.sleep(0.01)
            running.cancel()

    assert links.allows(before, "live/news", "publish")
    asyncio.run(asyncio.wait_for(hear(), 20))
    assert links.ended == (told_so.links_ended if word else 0)
    assert links.allows(before, "live/news", "publish") == (not word)


@pytest.mark.parametrize("when", [-1, 1 << 53, "now"])
def test_a_time_that_can_not_be_ends_no_links(when: object) -> None:
    with pytest.raises(ValidationError):
        cell(links_ended=when)
