"""The lines that the supervisor shows."""

from __future__ import annotations

import io
import json

import pytest

from app.native.output import Lines, table_of_addresses


class Terminal(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_every_line_has_its_service_in_front_aligned() -> None:
    text = io.StringIO()
    lines = Lines(["sts", "media"], stream=text)
    lines.write("sts", "hello\n")
    lines.say("up")
    lines.close()
    assert text.getvalue() == "sts        | hello\nvoicestack | up\n"


def test_a_terminal_gets_colours_and_no_color_takes_them_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in Lines(["sts"], stream=Terminal()).format("sts", "x")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in Lines(["sts"], stream=Terminal()).format("sts", "x")


def test_credentials_in_an_address_are_not_shown() -> None:
    shown = Lines(["media"], stream=io.StringIO()).format("media", "reading rtsp://u:p@host/live/a")
    assert "u:p" not in shown


def test_json_lines_get_the_services_name_and_other_lines_become_events() -> None:
    lines = Lines(["sts"], "json", io.StringIO())
    assert json.loads(lines.format("sts", '{"event": "ready", "n": 1}')) == {
        "service": "sts",
        "event": "ready",
        "n": 1,
    }
    assert json.loads(lines.format("media", "INF listening")) == {
        "service": "media",
        "event": "INF listening",
    }


def test_a_reader_that_went_away_stops_nothing() -> None:
    text = io.StringIO()
    lines = Lines(["sts"], stream=text)
    text.close()
    lines.write("sts", "nobody reads this")
    lines.close()


def test_the_table_shows_long_addresses_whole() -> None:
    address = "http://127.0.0.1:8888/dub/NAME/es/index.m3u8"
    assert address in table_of_addresses([("Watch (HLS)", address)], coloured=False)
