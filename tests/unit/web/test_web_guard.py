"""What the console refuses (DUB-8)."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.guard import Refused, safe_path
from app.web.upstreams import is_call, is_call_socket, is_for_operators, is_joined, is_playback


@pytest.mark.parametrize(
    "path",
    [
        "../auth",
        "streams/../auth",
        "streams/./x",
        "streams//x",
        "/etc/passwd",
        "a\\..\\b",
        "a/\x00",
        "a/\r\nb",
        "",
    ],
)
def test_a_path_that_climbs_or_that_two_servers_could_read_differently_is_refused(path: str) -> None:
    with pytest.raises(Refused):
        safe_path(path)


@given(st.text())
def test_a_path_is_either_refused_or_says_the_same_to_the_service_behind(path: str) -> None:
    try:
        passed_on = safe_path(path)
    except Refused:
        return
    assert unquote(passed_on) == path
    assert passed_on.isascii()
    assert not set(passed_on) & set("?#\\ \r\n")
    assert ".." not in passed_on.split("/")


def test_of_the_dubber_only_streams_recorded_phrases_events_and_health_are_shown() -> None:
    recorded = "recorded/match/es/phrases.zip"
    of_cells = ("ingest/match", "cell", "cells")
    shown = ("streams", "streams/match/es", recorded, "sources/match", *of_cells, "health")
    hidden = ("auth", "hooks/ready", "metrics", "docs", "openapi.json", "Streams", "streamsx")
    assert [path for path in (*shown, *hidden) if is_for_operators(path)] == list(shown)


def test_of_the_media_server_only_playlists_and_pieces_of_streams_are_shown() -> None:
    shown = ("live/match/index.m3u8", "dub/match/es/a_part1.mp4", "described/match/index.m3u8")
    hidden = ("live/match/", "dub/match/es", "other/match/index.m3u8", "dub/match/es/index.html")
    assert [path for path in (*shown, *hidden) if is_playback(path)] == list(shown)


def test_of_streams_in_all_languages_only_playlists_and_pieces_are_shown() -> None:
    shown = (
        "all/match/index.m3u8",
        "all/match@20260101T120000/sound-es-1.m4s",
        "all/match/text-es-1.vtt",
        "all/match/steered.m3u8",
        "all/match/steering.json",
    )
    hidden = (
        "all/match/",
        "all/match/index.json",
        "all/match/not-steering.json",
        "all/match/index.jsonl",
        "all/match",
        "joined/match/index.m3u8",
    )
    assert [path for path in (*shown, *hidden) if is_joined(path)] == list(shown)


def test_of_sales_only_calls_and_health_are_shown() -> None:
    shown = ("calls", "calls/a", "calls/a/export", "health")
    hidden = ("metrics", "docs", "callsx", "openapi.json", "")
    assert [path for path in (*shown, *hidden) if is_call(path)] == list(shown)


def test_of_sales_sockets_only_sound_and_events_of_a_call_are_shown() -> None:
    shown = ("calls/a/audio", "calls/a/events")
    hidden = ("calls/a", "calls/a/audio/x", "calls", "audio", "x/a/audio", "")
    assert [path for path in (*shown, *hidden) if is_call_socket(path)] == list(shown)
