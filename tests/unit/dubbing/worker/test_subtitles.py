"""Captions in the copied picture (DUB-8): which, when, and nothing else in it changes."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dubbing.worker.cea608 import BASIC, EXTENDED, LEAD, NOTHING, SPECIAL, erase_pairs, row_pairs, rows
from app.dubbing.worker.subtitles import SHOWN_AFTER, Subtitles
from app.dubbing.worker.user_data import MARK, Framing, framing, has_captions, with_caption
from tests.embedded import (
    RATE,
    SAID,
    captioned,
    clip,
    expected,
    ffmpeg_reads,
    packets,
    pairs,
    rows_of,
    same,
    without_captions,
)

ENCODERS = {
    "h264-b-frames.mp4": ("libx264", ["-bf", "3", "-g", "50"]),
    "h264.ts": ("libx264", ["-bf", "0", "-g", "25"]),
    "hevc-b-frames.mp4": ("libx265", ["-x265-params", "log-level=none:bframes=3:keyint=50"]),
    "hevc.ts": ("libx265", ["-x265-params", "log-level=none:bframes=0:keyint=25"]),
}
units = st.lists(
    st.sampled_from([b"\0\0\0\1", b"\0\0\1", b"\x67\x42", b"\x65\x88", b"\x26\1", b"\0", b"\x03abc"]),
    max_size=12,
).map(b"".join) | st.binary(max_size=80)


@pytest.fixture(scope="module", params=ENCODERS)
def encoded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip in each codec, with B-frames and lengths, without B-frames and with start codes."""
    path: Path = tmp_path_factory.mktemp("encoded") / request.param
    encoder, options = ENCODERS[request.param]
    clip(path, encoder, 14.0, options)
    return path


def test_ffmpeg_reads_the_same_rows_accents_included(encoded: Path) -> None:
    out = captioned(encoded)
    wanted = [same(row) for row in expected()]
    assert [same(row) for row in rows_of(ffmpeg_reads(out))] == wanted


def test_the_first_letters_are_there_when_the_sound_begins_and_all_before_it_ends(encoded: Path) -> None:
    """Two bytes a picture are enough where a text is known 0.3 s before it is heard; the figures are told."""
    begins, ends = begin_and_end(captioned(encoded))
    late_begins, late_ends = begin_and_end(captioned(encoded, known_before=0.0))
    for (start, end, text), begin, whole, late, late_whole in zip(
        SAID, begins, ends, late_begins, late_ends, strict=True
    ):
        print(
            f"{len(text)} characters in {end - start:g} s: begin {begin - start:+.2f} s, "
            f"known when heard {late - start:+.2f} s, "
            f"whole {whole - end:+.2f} s and {late_whole - end:+.2f} s after its end"
        )
        assert abs(begin - start) <= 0.2
        assert late - start <= 0.5
        assert late_whole <= end + 1.0


def begin_and_end(path: Path) -> tuple[list[float], list[float]]:
    """When each phrase's first letters and its last ones are sent, in seconds."""
    found = pairs(path)
    first = found[0][0]
    begins, ends = [], []
    at = 0
    for _, _, text in SAID:
        times: list[float] = []
        for row in rows(text):
            sent = row_pairs(row)
            while [pair for _, pair in found[at : at + len(sent)]] != sent:
                at += 1
            times += [found[at + LEAD][0] - first, found[at + len(sent) - 1][0] - first]
            at += len(sent)
        begins.append(times[0])
        ends.append(times[-1])
    return begins, ends


def test_every_picture_carries_a_pair_in_the_order_of_showing(encoded: Path) -> None:
    found = [pair for _, pair in pairs(captioned(encoded))]
    assert len(found) == 14 * RATE
    said = [pair for pair in found if pair != NOTHING]
    wanted = [pair for row in expected() for pair in row_pairs(row)]
    erased = len(erase_pairs())
    assert said[-erased:] == erase_pairs()
    assert [pair for pair in said if pair not in erase_pairs()] == wanted
    assert all(byte.bit_count() % 2 for pair in found for byte in pair)


def test_without_the_captions_every_byte_is_as_it_was(encoded: Path) -> None:
    units, made_up = packets(encoded)
    sent = itertools.cycle([*row_pairs("¡Así!"), *erase_pairs(), NOTHING])
    for unit in map(bytes, units):
        marked = with_caption(unit, made_up, next(sent))
        assert has_captions(marked)
        assert not has_captions(unit)
        assert without_captions(marked, made_up) == unit


@given(units, st.sampled_from([(codec, size) for codec in ("h264", "hevc") for size in (0, 1, 4)]))
def test_any_bytes_come_back(data: bytes, kind: tuple[str, int]) -> None:
    """Broken units too, and those that have no slice."""
    codec, size = kind
    marked = with_caption(data, Framing(codec, size), (0x94, 0x2C))
    if marked != data:
        begin = marked.index(MARK) - (3 if codec == "h264" else 4) - (size or 4)
        length = len(marked) - len(data)
        assert marked[:begin] + marked[begin + length :] == data


@given(st.text(max_size=120))
def test_rows_fit_and_are_sent_in_seven_bits_with_odd_parity(text: str) -> None:
    for row in rows(text):
        assert 0 < len(row) <= 32
        assert all(character in BASIC or character in SPECIAL or character in EXTENDED for character in row)
        assert all(byte.bit_count() % 2 for pair in row_pairs(row) for byte in pair)


def test_other_latin_letters_lose_their_marks_and_other_scripts_are_left_out() -> None:
    assert rows("Příliš žluťoučký kůň, 5 €…") == ["Prílis zlutoucky kun, 5 EUR..."]
    assert rows("НАТО и NATO") == []
    assert rows("مرحبا") == []
    assert rows("Gol 🎉 de Ana") == ["Gol de Ana"]


def test_rows_go_when_nothing_follows_and_at_once_where_the_original_is_wanted() -> None:
    subtitles = Subtitles()
    subtitles.add(1.0, 2.0, "Hola")
    subtitles.add(30.0, 31.0, "Nunca")
    sent = [(at / RATE, subtitles.pair(at / RATE, at, ())) for at in range(10 * RATE)]
    [gone, _] = [time for time, pair in sent if pair == erase_pairs()[0]]
    assert gone == pytest.approx(2.0 + SHOWN_AFTER, abs=0.1)
    subtitles.add(10.0, 14.0, "Hola")
    for at in range(10 * RATE, 11 * RATE):
        subtitles.pair(at / RATE, at, ())
    subtitles.clear()
    rest = [subtitles.pair(at / RATE, at, ()) for at in range(11 * RATE, 35 * RATE)]
    assert rest[:2] == erase_pairs()
    assert set(rest[2:]) == {NOTHING}


def test_what_nobody_saw_while_no_picture_left_is_not_shown_afterwards() -> None:
    subtitles = Subtitles()
    for minute in range(60):
        subtitles.add(60.0 * minute, 60.0 * minute + 3, "Antes " + 30 * "y mucho más ")
    subtitles.add(3600.0, 3603.0, "Ahora")
    sent = [subtitles.pair(3599.0 + at / RATE, at / RATE, ()) for at in range(3 * RATE)]
    assert [pair for pair in sent if pair != NOTHING] == row_pairs("Ahora")


def test_codecs_without_captions_have_no_framing() -> None:
    assert framing("vp8", None) is None
    assert framing("h264", None) == Framing("h264", 0)
