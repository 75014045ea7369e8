"""Addresses of SRT as people paste them, and what is said of those that can't be used."""

from __future__ import annotations

import pytest

from app.dubbing.srt_address import Address, BadAddress, joined, parse


def test_everything_that_an_address_may_have_is_read() -> None:
    said = (
        "srt://ingest.example.org:9000?streamid=match&passphrase=a-phrase-for-tests&latency=300&pbkeylen=32"
    )
    assert parse(said) == Address("ingest.example.org", 9000, "match", "a-phrase-for-tests", 0.3, 32)


@pytest.mark.parametrize("told", ["#!::r=live/match,m=publish", "%23!::r=live/match,m=publish"])
def test_a_stream_id_may_stand_there_as_it_is(told: str) -> None:
    assert parse(f"srt://example.org:9000?streamid={told}").streamid == "#!::r=live/match,m=publish"


def test_a_listener_needs_no_host() -> None:
    assert parse("srt://:9000?mode=listener") == Address("", 9000, listen=True)


def test_what_ffmpeg_wants_besides_is_passed_over() -> None:
    assert parse("srt://[2001:db8::1]:9000?pkt_size=1316&transtype=live") == Address("2001:db8::1", 9000)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("srt://example.org", "a port"),
        ("srt://:9000", "a host"),
        ("srt://example.org:99999", "a port"),
        ("srt://example.org:9000/live", "srt://host:port"),
        ("rtmp://example.org:9000", "srt://host:port"),
        ("srt://secret:word@example.org:9000", "srt://host:port"),
        ("srt://example.org:9000?passphrase=secret", "10 to 79 bytes"),
        (f"srt://example.org:9000?streamid={'secret' * 100}", "512 bytes"),
        ("srt://example.org:9000?latency=secret", "numbers"),
        ("srt://example.org:9000?latency=nan", "numbers"),
        ("srt://example.org:9000?latency=120000", "0 to 8000"),
        ("srt://example.org:9000?pbkeylen=20", "16, 24 or 32"),
        ("srt://example.org:9000?pbkeylen=inf", "numbers"),
        ("srt://example.org:9000?mode=rendezvous", "caller or listener"),
        ("srt://example.org:9000?secret=1", "options here are"),
    ],
)
def test_what_is_wrong_is_told_without_what_stands_there(said: str, why: str) -> None:
    with pytest.raises(BadAddress, match=why) as problem:
        parse(said)
    assert "secret" not in str(problem.value)


def test_an_address_shows_no_key() -> None:
    address = parse("srt://example.org:9000?streamid=match-secret&passphrase=a-secret-phrase")
    assert "secret" not in repr(address)


def test_keys_given_apart_go_before_those_in_the_address() -> None:
    said = joined("srt://example.org:9000?streamid=old&latency=80", "#!::r=a&b", "a-phrase for tests")
    assert parse(said) == Address("example.org", 9000, "#!::r=a&b", "a-phrase for tests", 0.08)
    assert joined("srt://example.org:9000", "", "") == "srt://example.org:9000"
