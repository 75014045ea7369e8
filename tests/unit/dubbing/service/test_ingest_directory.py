"""Which cell a stream goes to, what cells tell of themselves, and what is passed over."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from app.dubbing.service.cells import Cell, Directory, NoCell, place, publish_addresses, told
from app.settings import load

HERE, THERE = "", "http://10.0.1.11:4200/api/dubber"
SETTINGS = load({"CELLS": THERE, "API_KEYS": "hush", "TARGET_LANGUAGES": "es"})


def cell(name: str = "a", **changes: object) -> Cell:
    """A cell that takes streams and has none."""
    known = {"takes": True, "publish": {"rtmp": f"rtmp://{name}:1935/live/{{stream}}"}, "streams": [],
             "ready": [], "dubs": 0}  # fmt: skip
    return Cell.model_validate({"name": name, **known, **changes})


def test_a_new_stream_goes_to_the_cell_with_the_fewest_dubs() -> None:
    cells = {HERE: cell(dubs=3), THERE: cell(dubs=2)}
    assert place("news", cells, {}, 1) == THERE
    assert place("news", {HERE: cell(), THERE: cell()}, {}, 1) == HERE


def test_streams_that_were_promised_and_are_not_there_yet_count_as_those_that_are() -> None:
    cells = {HERE: cell(dubs=2), THERE: cell(dubs=1)}
    assert place("news", cells, {"match": THERE}, 2) == HERE
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
    mine = told(edged, [("news", True), ("match", False)], 2, takes=True)
    assert (mine.name, mine.streams, mine.ready) == ("streaming-2.example.org", ["news", "match"], ["news"])


def find(*answers: httpx.Response | Exception, own: Cell, streams: tuple[str, ...] = ("news",)) -> list[str]:
    """The cells that a directory with one other cell names, which answers so."""
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

    async def ask() -> list[str]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            directory = Directory(SETTINGS, mine, client)
            return [(await directory.find(each)).publish["rtmp"] for each in streams]

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
