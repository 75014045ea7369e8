"""A stream joined with its dubs: segments, frames without holes, sounds found by their pictures."""

from __future__ import annotations

import io
import json
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from app.dubbing.join import boxes, encoder
from app.dubbing.join.joiner import ORIGINAL, Joiner, Ready
from app.dubbing.join.matching import Pictures, Place
from app.dubbing.join.sounds import FRAME, RATE, Sound
from app.dubbing.join.writer import Occupied, Writer
from app.dubbing.messages import Caption
from app.dubbing.service.playlists import playlist
from app.dubbing.showing import Index
from app.dubbing.start_codes import without_start_codes
from tests.showing_a_clip import PICTURES_A_SECOND, joined


def decoded(*parts: bytes) -> tuple[list[float], Any]:
    """The times of the frames of a file in parts, and its sound."""
    times, sounds = [], []
    with av.open(io.BytesIO(b"".join(parts)), "r") as file:
        for frame in file.decode(file.streams[0]):
            assert isinstance(frame, av.VideoFrame | av.AudioFrame)
            times.append(float(frame.time or 0.0))
            if isinstance(frame, av.AudioFrame):
                sounds.append(frame.to_ndarray()[0])
    return times, np.concatenate(sounds) if sounds else None


def loudest(sound: Any) -> float:
    """The frequency in Hz that is loudest."""
    return float(np.argmax(np.abs(np.fft.rfft(sound))) * RATE / len(sound))


def test_segments_are_cut_at_keyframes_and_each_has_every_sound(clip: Path, tmp_path: Path) -> None:
    writer = Writer(tmp_path, "news", 600.0, 1 << 30)
    joiner = Joiner(writer.begins)
    ready = joined(clip, writer, joiner)
    assert [round(each.cut.end - each.cut.start, 2) for each in ready] == [2.0, 2.0, 2.0, 2.0]
    assert all(set(each.sounds) == {ORIGINAL, "es"} for each in ready)
    begun = (writer.folder / writer_picture(ready)).read_bytes()
    times, _ = decoded(begun, *(each.picture for each in ready))
    assert len(times) == 8 * PICTURES_A_SECOND
    assert np.allclose(np.diff(sorted(times)), 1 / PICTURES_A_SECOND, atol=0.001)
    for language, frequency in ((ORIGINAL, 440.0), ("es", 880.0)):
        times, sound = decoded(encoder.sound_beginning(), *(each.sounds[language] for each in ready))
        assert np.allclose(np.diff(times), FRAME / RATE, atol=1e-4)
        assert times[0] == pytest.approx(ready[0].cut.start, abs=FRAME / RATE)
        assert times[-1] + FRAME / RATE == pytest.approx(ready[-1].cut.end, abs=FRAME / RATE)
        assert loudest(sound) == pytest.approx(frequency, abs=2.0)
    writer.close()


def writer_picture(ready: list[Ready]) -> str:
    """The file with the picture's beginning."""
    picture = ready[0].cut.picture
    assert picture is not None
    return picture.beginning


def test_where_a_dub_is_silent_the_original_is_heard() -> None:
    sound, filler = Sound(), [bytes([n]) for n in range(10)]
    for place in (2, 3, 4, 7):
        sound.put(place * FRAME + 100, b"dub")
    piece = sound.take(0, 10, lambda n: filler[n])
    assert piece.start == 100
    assert [frame == b"dub" for frame in piece.frames] == [n in (2, 3, 4, 7) for n in range(10)]
    assert piece.own
    assert not sound.take(10 * FRAME, 10, lambda n: filler[n]).own


def test_jitter_moves_no_frame_and_neither_loses_nor_doubles_any() -> None:
    sound = Sound()
    jitter = [0, 40, -40, 20, -20] * 20
    for number, moved in enumerate(jitter):
        sound.put(300 + number * FRAME + moved, bytes([number]))
    pieces = [sound.take(start * FRAME, 25, lambda _: b"hole") for start in (0, 25, 50, 75)]
    assert [piece.start % FRAME for piece in pieces] == [300] * 4
    assert [frame for piece in pieces for frame in piece.frames] == [bytes([n]) for n in range(100)]


def test_a_dubs_pictures_tell_where_its_sound_belongs() -> None:
    pictures, place = Pictures(), Place()
    for number in range(50):
        pictures.add(b"start" + bytes(80) + number.to_bytes(4, "big"), number / 25)
    for number in range(50):
        # The same pictures, with other headers, on a clock of their own; the clock of the world is 0.4 s off.
        at = 100.0 + number / 25
        place.latency(at, at + 3.0)
        shown = pictures.find(b"other" + bytes(90) + number.to_bytes(4, "big"), number / 25 + 0.4)
        assert shown is not None
        place.seen(at, shown, at + 3.0)
    assert place.matched
    assert place.offset == pytest.approx(-100.0, abs=1e-6)


def test_still_pictures_are_told_apart_by_the_clock() -> None:
    pictures = Pictures()
    for second in range(10):
        pictures.add(bytes(100), float(second * 2))
    assert pictures.find(bytes(100), 6.3) == 6.0
    assert pictures.find(bytes(100), 25.0) is None


def test_without_a_picture_the_clock_has_to_do() -> None:
    place = Place()
    for number in range(100):
        at = number / 47
        late = 0.3 if number == 50 else 0.01
        latency = place.latency(at, 1000.0 + at + late)
        place.by_clock(1000.0 + latency - 1000.0 - 2.8, 1000.0 + at + late)
    assert place.offset is not None
    assert not place.matched
    assert place.offset == pytest.approx(1000.01 - 2.8, abs=0.001)


def test_captions_are_on_the_pictures_time(clip: Path, tmp_path: Path) -> None:
    writer = Writer(tmp_path, "news", 600.0, 1 << 30)
    joiner = Joiner(writer.begins)
    # Heard a second after it was said: it came 2.5 s after the first picture,.
    heard = time.time() + 2.5 + 1.0
    joiner.take_caption("es", Caption(1, 0.0, 1.0, heard, heard + 1.0, "Good <morning>", "Buenos días"))
    ready = joined(clip, writer, joiner)
    told = {language: text for each in ready for language, text in each.texts.items()}
    assert set(told) == {ORIGINAL, "es"}
    assert "Buenos días" in told["es"]
    assert "Good &lt;morning&gt;" in told[ORIGINAL]
    second = ready[1]
    assert set(second.texts) == {ORIGINAL, "es"}
    clock = round(second.cut.start * boxes.VIDEO_RATE)
    assert second.texts["es"].startswith(f"WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:{clock},LOCAL:00:00:0")
    begins = second.texts["es"].split("\n")[3].split(" --> ")[0]
    assert float(begins[-6:]) == pytest.approx(2.5 + ready[0].cut.start, abs=0.2)
    writer.close()


def test_one_process_writes_a_stream_and_the_next_goes_on_after_it(clip: Path, tmp_path: Path) -> None:
    writer = Writer(tmp_path, "news", 600.0, 1 << 30)
    ready = joined(clip, writer, Joiner(writer.begins))
    for each in ready:
        writer.write(each, "en")
    with pytest.raises(Occupied):
        Writer(tmp_path, "news", 600.0, 1 << 30)
    writer.close()
    again = Writer(tmp_path, "news", 600.0, 1 << 30)
    assert again.folder == writer.folder
    assert again.number == writer.number
    assert again.begins > 0
    again.end()
    again.close()
    other = Writer(tmp_path, "news", 600.0, 1 << 30)
    assert other.begins == 0
    other.close()


def test_what_is_too_old_or_too_much_is_deleted(clip: Path, tmp_path: Path) -> None:
    writer = Writer(tmp_path, "news", 4.1, 1 << 30)
    ready = joined(clip, writer, Joiner(writer.begins))
    for turn in range(12):
        for each in ready:
            cut = replace(each.cut, start=each.cut.start + turn * 8, end=each.cut.end + turn * 8)
            writer.write(replace(each, cut=cut), "en")
    index = Index(writer.folder)
    index.refresh()
    # The index may hold a few more than there are to be, and is written anew now and then.
    assert len(index.segments) <= 2 + 23
    assert index.segments[-1].number == writer.number - 1
    writer.close()


def test_an_index_with_half_a_line_is_read(clip: Path, tmp_path: Path) -> None:
    writer = Writer(tmp_path, "news", 600.0, 1 << 30)
    ready = joined(clip, writer, Joiner(writer.begins))
    first = writer.write(ready[0], "en")
    writer.close()
    file = writer.folder / "index.jsonl"
    file.write_bytes(file.read_bytes() + json.dumps({"number": 5}).encode() + b"\n" + b'{"numb')
    index = Index(writer.folder)
    index.refresh()
    assert index.segments == [first]
    assert playlist("index.m3u8", index.segments, ended=False)


@pytest.mark.parametrize(
    ("encoder_name", "expected"),
    [("libx264", "avc1.64000a"), ("libx265", "hvc1.1.6.L30.90"), ("libvpx-vp9", "vp09.00.10.08")],
)
def test_codecs_are_named_as_browsers_want_them(tmp_path: Path, encoder_name: str, expected: str) -> None:
    file = tmp_path / "clip.mp4"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=10:duration=0.5"]
    command += ["-pix_fmt", "yuv420p", "-c:v", encoder_name]
    command += ["-x265-params", "log-level=error"] if encoder_name == "libx265" else []
    subprocess.run([*command, str(file)], check=True)
    with av.open(str(file)) as source:
        begun = boxes.picture_beginning(source.streams.video[0])
    assert boxes.codecs(begun) == expected


def test_start_codes_become_lengths() -> None:
    data = b"\0\0\0\1\x67abc" + b"\0\0\1\x65" + b"d" * 300
    assert without_start_codes(data) == b"\0\0\0\4\x67abc" + (301).to_bytes(4, "big") + b"\x65" + b"d" * 300


def test_a_segment_that_cannot_be_written_leaves_no_gap_in_the_numbers(clip: Path, tmp_path: Path) -> None:
    writer = Writer(tmp_path, "news", 600.0, 1 << 30)
    ready = joined(clip, writer, Joiner(writer.begins))
    writer.write(ready[0], "en")
    (writer.folder / f"sound-es-{writer.number}.m4s").mkdir()
    with pytest.raises(OSError, match="directory"):
        writer.write(ready[1], "en")
    (writer.folder / f"sound-es-{writer.number}.m4s").rmdir()
    later = writer.write(ready[2], "en")
    assert later.broken
    assert not writer.write(ready[3], "en").broken
    index = Index(writer.folder)
    index.refresh()
    assert [each.number for each in index.segments] == [later.number - 1, later.number, later.number + 1]
    writer.close()


def test_what_a_killed_process_left_half_written_is_deleted(clip: Path, tmp_path: Path) -> None:
    writer = Writer(tmp_path, "news", 600.0, 1 << 30)
    writer.write(joined(clip, writer, Joiner(writer.begins))[0], "en")
    half = writer.folder / f"picture-{writer.number}.m4s"
    half.write_bytes(b"half")
    there = set(writer.folder.iterdir()) - {half}
    writer.close()
    again = Writer(tmp_path, "news", 600.0, 1 << 30)
    assert set(again.folder.iterdir()) == there
    again.close()


def test_those_that_are_live_share_the_room(clip: Path, tmp_path: Path) -> None:
    alone, other = (Writer(tmp_path, name, 600.0, 3 << 20) for name in ("news", "sport"))
    ready = joined(clip, alone, Joiner(alone.begins))
    for turn in range(20):
        for each in ready:
            cut = replace(each.cut, start=each.cut.start + turn * 8, end=each.cut.end + turn * 8)
            alone.write(replace(each, cut=cut), "en")
    index = Index(alone.folder)
    index.refresh()
    kept = index.segments
    newest = kept[-round((3 << 20) / 2 / (kept[-1].picture_bytes + 2 * kept[-1].sound_bytes)) :]
    assert len(newest) < len(kept) <= 20 + 1.1 * len(newest) + 2
    for writer in (alone, other):
        writer.close()
