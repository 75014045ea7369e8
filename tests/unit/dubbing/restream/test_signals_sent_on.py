"""Signals are moved to the clock of what is sent on, and put into FFmpeg's own transport stream."""

from __future__ import annotations

import json
import subprocess
import time
from fractions import Fraction
from pathlib import Path

import av
import pytest

from app.dubbing.restream.programme import LARGEST_TAG, PACKET, SPLICES, Programme, packets
from app.dubbing.restream.signals import Signals
from app.dubbing.signals import scte35
from app.dubbing.signals.clock import RATE, ROUND, ClockMark
from app.dubbing.signals.kept import Metadata, Splice
from tests.transport import segmentation, splice_insert, time_signal

FIRST = ROUND - 2 * RATE
"""The stream's clock at the first picture: it begins anew 2 s later."""


def ticks(seconds: float) -> int:
    return (FIRST + round(seconds * RATE)) % ROUND


def picture(number: int) -> bytes:
    return bytes([number]) * 300


def splice_of(section: bytes, at: float) -> Splice:
    """As the stream's reader tells of it; `at` is where one belongs that tells no time."""
    [cue] = scte35.cues(section)
    return Splice(cue, ticks(at) if cue.ticks is None else cue.ticks, section)


def following(signals: Signals, *, seconds: int) -> None:
    """Pictures each second, shown half a second later than on the stream's own clock, with their marks."""
    for number in range(seconds):
        data = picture(number)
        signals.tell(ClockMark(ticks(number), data[-64:], time.monotonic()))
        signals.picture(data, number + 0.5)


@pytest.mark.parametrize(
    "section",
    [
        splice_insert(7, ticks(9.0), out=True, seconds=4.0),
        splice_insert(7, ticks(9.0), out=True, adjusted=RATE),
        time_signal(ticks(9.0), segmentation(8, 0x34, 30.0)),
    ],
)
def test_a_section_tells_the_time_of_its_picture_where_it_is_sent_and_else_the_same(section: bytes) -> None:
    signals = Signals()
    signals.tell(splice_of(section, 9.0))
    following(signals, seconds=2)
    [sent] = signals.sections(1.0)
    [was], [now] = scte35.cues(section), scte35.cues(sent)
    assert now.ticks == round(9.5 * RATE)
    assert (now.event, now.kind, now.seconds) == (was.event, was.kind, was.seconds)
    assert sent[9:-4] == section[9:-4]
    assert signals.sections(1.0) == []


def test_a_splice_at_once_is_sent_at_its_place() -> None:
    signals = Signals()
    section = splice_insert(7, None, out=True)
    following(signals, seconds=2)
    signals.tell(splice_of(section, 4.0))
    assert signals.sections(4.4) == []
    assert len(signals.sections(4.5)) == 1


def test_who_is_connected_to_anew_is_told_what_lies_ahead_and_nothing_that_is_over() -> None:
    signals = Signals()
    for event, at in ((1, 1.0), (2, 20.0)):
        signals.tell(splice_of(splice_insert(event, ticks(at), out=True), at))
    following(signals, seconds=4)
    signals.begin()
    assert signals.sections(0.0) == []
    signals.picture(picture(3), 10.0)
    [sent] = signals.sections(10.0)
    [cue] = scte35.cues(sent)
    assert (cue.event, cue.ticks) == (2, round(27.0 * RATE))


class File:
    """What is written, in memory."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)


def written(signals: Signals, section: bytes, *tags: bytes) -> bytes:
    """A second of silence as AAC, as FFmpeg writes it, with a section and tags for 1.25 s after it."""
    file = File()
    programme = Programme(file, signals)
    with av.open(programme, "w", format="mpegts", buffer_size=7 * PACKET) as target:
        stream = target.add_stream("aac", rate=48_000)
        for number in range(47):
            frame = av.AudioFrame(format="fltp", layout="stereo", samples=1024)
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.sample_rate, frame.pts, frame.time_base = 48_000, 1024 * number, Fraction(1, 48_000)
            target.mux(stream.encode(frame))
        if section:
            programme.put_section(section)
        for tag in tags:
            programme.put_tag(tag, 1.25)
        target.mux(stream.encode(None))
    return bytes(file.data)


def tracks(file: Path) -> list[str]:
    """What FFmpeg finds in it."""
    command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(file)]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return [each["codec_name"] for each in found["streams"]]


@pytest.mark.parametrize("size", [1, 20])
def test_ffmpeg_finds_the_section_whole_beside_its_own_tracks(tmp_path: Path, size: int) -> None:
    signals = Signals()
    signals.tell(ClockMark(0, b"", time.monotonic()))
    section = time_signal(900, b"".join(segmentation(event, 0x34, 30.0) for event in range(size)))
    assert len(packets(SPLICES, b"\0" + section, 0)) == (1 if size == 1 else 3)
    (tmp_path / "sent.ts").write_bytes(written(signals, section))
    assert tracks(tmp_path / "sent.ts") == ["aac", "scte_35", "timed_id3"]
    with av.open(str(tmp_path / "sent.ts")) as source:
        [data] = [bytes(packet) for packet in source.demux(source.streams.data[0]) if packet.size]
    assert data[: len(section)] == section


# Of 170 bytes a packet has none to spare, of 169 one, of 168 two.
@pytest.mark.parametrize("size", [12, 168, 169, 170, 171, 5000, LARGEST_TAG])
def test_ffmpeg_finds_tags_whole_and_at_their_time(tmp_path: Path, size: int) -> None:
    signals = Signals()
    signals.tell(ClockMark(0, b"", time.monotonic()))
    tags = [b"ID3" + bytes([number]) * (size - 3) for number in (1, 2)]
    (tmp_path / "sent.ts").write_bytes(written(signals, b"", *tags))
    with av.open(str(tmp_path / "sent.ts")) as source:
        [track] = [each for each in source.streams.data if each.name == "timed_id3"]
        found = [packet for packet in source.demux(track) if packet.size]
    assert [bytes(packet) for packet in found] == tags
    assert [float((packet.pts or 0) * packet.time_base) for packet in found] == [1.25, 1.25]


def test_a_tag_that_no_packet_holds_is_left_out() -> None:
    signals = Signals()
    signals.tell(ClockMark(0, b"", time.monotonic()))
    assert written(signals, b"", b"ID3" + bytes(LARGEST_TAG)) == written(signals, b"")


def test_a_tag_is_sent_shortly_before_its_time_once_and_not_when_that_is_over() -> None:
    signals = Signals()
    following(signals, seconds=2)
    for at in (0.2, 4.0):
        signals.tell(Metadata(ticks(at), b"ID3 %.0f" % at))
    assert signals.tags(3.0) == []
    [(shown, tag)] = signals.tags(4.1)
    assert (round(shown, 3), tag) == (4.5, b"ID3 4")
    assert signals.tags(4.5) == []


def test_a_tag_waits_until_a_picture_tells_where_it_belongs() -> None:
    signals = Signals()
    signals.tell(Metadata(ticks(0.0), b"ID3"))
    assert signals.tags(0.0) == []
    following(signals, seconds=2)
    assert [tag for _, tag in signals.tags(0.1)] == [b"ID3"]


def test_a_stream_without_signals_is_written_as_ffmpeg_does_it(tmp_path: Path) -> None:
    (tmp_path / "plain.ts").write_bytes(written(Signals(), b""))
    assert tracks(tmp_path / "plain.ts") == ["aac"]
