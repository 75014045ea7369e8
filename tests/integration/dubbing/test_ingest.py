"""Two cells, each a media server and a dubber of its own: where streams go, and on from one that is lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx

from app.demo.measure import Measurement
from app.demo.publish import publish
from app.demo.sample import sample_video
from tests.stack import Stack, free_port, wait_for

NewStack = Callable[..., Stack]


def place(stack: Stack, stream: str) -> str:
    """Where that cell's directory says that the stream is to be published, over RTMP."""
    address = f"http://127.0.0.1:{stack.settings.dubber_port}/ingest/{stream}"
    answer = httpx.get(address, trust_env=False, timeout=10.0)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return str(found["publish"]["rtmp"])


def has(stack: Stack, stream: str) -> bool:
    """Whether that cell dubs the stream."""
    address = f"http://127.0.0.1:{stack.settings.dubber_port}/streams/{stream}"
    answer = httpx.get(address, trust_env=False, timeout=10.0)
    return answer.status_code == 200 and any(each["status"] == "dubbing" for each in answer.json()["dubs"])


def test_streams_are_shared_out_stay_where_they_are_and_go_on_when_their_cell_is_lost(
    new_stack: NewStack,
) -> None:
    dubbers = [free_port(), free_port()]
    first = new_stack(DUBBER_PORT=str(dubbers[0]), CELLS=f"http://127.0.0.1:{dubbers[1]}")
    second = new_stack(DUBBER_PORT=str(dubbers[1]), CELLS=f"http://127.0.0.1:{dubbers[0]}")
    cells = {each.settings.media_rtmp_port: each for each in (first, second)}

    address = place(first, "news")
    home = cells[urlsplit(address).port or 0]
    other = second if home is first else first
    assert place(first, "news") == address, "it is awaited there"
    publisher = publish(address, sample_video(60.0), Measurement().on_sent)
    try:
        wait_for("the stream is dubbed where it was sent", lambda: has(home, "news"), 60)
        assert place(second, "news") == address, "every cell knows where it is"
        assert cells[urlsplit(place(other, "match")).port or 0] is other, "the other has less to do"
    finally:
        publisher.stop()
    assert place(other, "news") == address, "it may come back to its viewers"

    home.kill("media")
    moved = wait_for(
        "it goes to the other cell",
        lambda: (place(other, "news") != address) and place(other, "news"),
        20,
    )
    assert cells[urlsplit(str(moved)).port or 0] is other
    began = time.monotonic()
    publisher = publish(str(moved), sample_video(60.0), Measurement().on_sent)
    try:
        wait_for("the stream is dubbed there", lambda: has(other, "news"), 60)
        print(f"dubbed again {time.monotonic() - began:.1f} s after the publisher connected")
    finally:
        publisher.stop()
    home.kill("dubber")
    assert place(other, "news") == moved
