"""Sources with several sound tracks, as FFmpeg reads them: what they say of themselves, what is used."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from app.dubbing.tracks import Channel, Chosen, Roles
from app.dubbing.worker.source import Background, Item, Sound, Source, SourceError
from app.dubbing.worker.timeline import Timeline

LEVELS = (0.1, 0.2, 0.4)


def clip(path: Path, *metadata: str, count: int = 2) -> Path:
    """A second of as many tones as that; the n-th track is as loud as the n-th of LEVELS."""
    inputs, maps = list[str](), list[str]()
    for number, level in enumerate(LEVELS[:count]):
        inputs += ["-f", "lavfi", "-i", f"aevalsrc={level}*sin(2764*t)|0:c=stereo:d=1"]
        maps += ["-map", f"{number}:a"]
    command = ["ffmpeg", "-loglevel", "error", *inputs, *maps, "-c:a", "aac", *metadata, str(path)]
    subprocess.run(command, check=True)
    return path


def lossless(path: Path, tones: str) -> Path:
    """A second of tones, one for each channel."""
    command = ["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", f"aevalsrc={tones}:d=1", "-c:a", "flac"]
    subprocess.run([*command, str(path)], check=True)
    return path


def collected(source: Source) -> list[Item]:
    """All items to the end of the file, which is told by an error."""
    reading, found = source.items(), list[Item]()
    with pytest.raises(SourceError, match="the stream has ended"):
        found.extend(reading)
    return found


def level(found: list[Item], kind: type[Sound]) -> float:
    """The amplitude of the tone in the items of that kind."""
    sound = np.concatenate([item.samples for item in found if type(item) is kind])[:, 0]
    return float(np.sqrt(2 * np.mean(np.square(sound))))


def test_titles_of_the_source_tell_voice_and_background_and_both_are_read(tmp_path: Path) -> None:
    named = ("-metadata:s:a:0", "title=International sound", "-metadata:s:a:1", "title=Commentary")
    with Source(str(clip(tmp_path / "clip.mkv", *named))) as source:
        assert source.roles == Roles(1, 0)
        told = [(track.number, track.title, track.use) for track in source.tracks]
        assert told == [(1, "International sound", "background"), (2, "Commentary", "voice")]
        found = collected(source)
    assert level(found, Sound) == pytest.approx(LEVELS[1], rel=0.1)
    assert level(found, Background) == pytest.approx(LEVELS[0], rel=0.1)


@pytest.mark.parametrize(
    "marks",
    [
        ["-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=zxx"],
        ["-metadata:s:a:0", "language=eng", "-disposition:a:1", "clean_effects"],
    ],
    ids=["no-linguistic-content", "clean-effects"],
)
def test_a_transport_stream_tells_by_language_and_flag(tmp_path: Path, marks: list[str]) -> None:
    with Source(str(clip(tmp_path / "clip.ts", *marks))) as source:
        assert source.roles == Roles(0, 1)
        assert source.tracks[0].language == "eng"


def test_of_tracks_without_names_the_first_is_heard_alone(tmp_path: Path) -> None:
    with Source(str(clip(tmp_path / "clip.ts"))) as source:
        assert source.roles == Roles(0)
        found = collected(source)
    assert {type(item) for item in found} == {Sound}
    assert level(found, Sound) == pytest.approx(LEVELS[0], rel=0.1)


def test_another_choice_holds_from_the_next_packet_on(tmp_path: Path) -> None:
    with Source(str(clip(tmp_path / "clip.mkv", count=3)), Chosen(1, 2)) as source:
        assert source.roles == Roles(0, 1)
        source.choose(Chosen(3, 1))
        found = collected(source)
        assert [track.use for track in source.tracks] == ["background", "", "voice"]
    assert level(found, Sound) == pytest.approx(LEVELS[2], rel=0.1)
    assert level(found, Background) == pytest.approx(LEVELS[0], rel=0.1)


def test_a_choice_of_a_track_that_is_not_there_is_told(tmp_path: Path) -> None:
    with Source(str(clip(tmp_path / "clip.mkv")), Chosen(1, 3)) as source:
        assert source.roles.problem == "sound track 3 was chosen, but the source has 2 sound tracks"
        assert {type(item) for item in collected(source)} == {Sound}


def test_the_background_goes_by_the_voice_s_clock_and_never_moves_it() -> None:
    timeline = Timeline(2.8)
    assert timeline.beside("audio", 5.0, 100.0) is None
    assert timeline.place("audio", 5.0, 100.0) == 0.0
    assert timeline.beside("audio", 4.8, 100.0) == pytest.approx(-0.2)
    assert timeline.beside("audio", 5.3, 100.1) == pytest.approx(0.3)
    timeline.beside("audio", 9000.0, 100.2)
    assert timeline.place("audio", 5.5, 100.5) == pytest.approx(0.5)
    assert timeline.epochs == 1
    assert timeline.place("audio", 900.0, 101.0) == pytest.approx(1.0)
    assert timeline.beside("audio", 6.0, 101.0) == pytest.approx(1.0)
    assert timeline.beside("audio", 900.1, 101.1) == pytest.approx(1.1)


@pytest.mark.parametrize(("voice", "volume", "other"), [("left", 0.1, 0.3), ("right", 0.3, 0.1)])
def test_voice_and_background_on_two_channels_of_one_track_are_taken_apart(
    tmp_path: Path, voice: Channel, volume: float, other: float
) -> None:
    file = lossless(tmp_path / "clip.mkv", "0.1*sin(2764*t)|0.3*sin(2764*t)")
    with Source(str(file), Chosen(channel=voice)) as source:
        assert [(track.use, track.channel) for track in source.tracks] == [("voice", voice)]
        found = collected(source)
    assert level(found, Sound) == pytest.approx(volume, rel=0.01)
    assert level(found, Background) == pytest.approx(other, rel=0.01)
    sounds = [item for item in found if isinstance(item, Sound)]
    assert all(np.array_equal(item.samples[:, 0], item.samples[:, 1]) for item in sounds)


def test_of_a_voice_on_one_channel_beside_another_track_the_other_channel_is_left_out(tmp_path: Path) -> None:
    with Source(str(clip(tmp_path / "clip.mkv")), Chosen(1, 2, "left")) as source:
        found = collected(source)
    assert level(found, Sound) == pytest.approx(LEVELS[0], rel=0.1)
    assert level(found, Background) == pytest.approx(LEVELS[1], rel=0.1)


def test_a_channel_of_a_track_that_has_but_one_is_told(tmp_path: Path) -> None:
    file = lossless(tmp_path / "mono.mkv", "0.1*sin(2764*t)")
    with Source(str(file), Chosen(channel="left")) as source:
        assert "sound track 1 has one channel" in source.roles.problem
        assert source.tracks[0].channel == ""
        assert {type(item) for item in collected(source)} == {Sound}
