"""Playlists keep to the published rules: RFC 8216 and Apple's HLS authoring specification."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.dubbing.service.playlists import MASTER, playlist
from app.dubbing.showing import Picture, Segment, line_of, segment_of
from tests.hls import Playlist, faults, read

PICTURE = Picture("picture-100-0.mp4", "avc1.64001f", 1280, 720)
FIRST = Segment(
    number=100,
    at=1_800_000_000.25,
    start=0.2,
    seconds=2.0,
    broken=False,
    breaks=0,
    longest=2,
    picture=PICTURE,
    pictures=50,
    picture_bytes=500_000,
    sound_bytes=33_000,
    spoken="en",
    own=("es", "fr"),
    texts=("", "es"),
    languages=("es", "fr"),
)


def row(count: int) -> list[Segment]:
    """Segments that follow each other; in the fifth the source was lost for ten seconds."""
    found = []
    for n in range(count):
        lost = 10.0 if n >= 5 else 0.0
        found.append(
            replace(
                FIRST,
                number=100 + n,
                at=FIRST.at + 2.0 * n + lost,
                start=FIRST.start + 2.0 * n + lost,
                broken=n == 5,
                breaks=int(n >= 5),
                own=("es",) if n < 3 else ("es", "fr"),
            )
        )
    return found


def drawn(segments: list[Segment], file: str, *, ended: bool = False) -> Playlist:
    text = playlist(file, segments, ended=ended)
    assert text is not None
    return read(text)


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("count", [1, 7, 20])
def test_every_playlist_keeps_to_the_rules(count: int, ended: bool) -> None:
    segments = row(count)
    for file in (MASTER, "replay.m3u8"):
        master = drawn(segments, file, ended=ended)
        medias = {uri: drawn(segments, uri, ended=ended) for uri in master.addresses}
        assert len(medias) == 7
        assert faults(master, medias) == []


def test_the_picture_is_there_once_and_each_language_as_sound_and_subtitles() -> None:
    master = drawn(row(8), MASTER)
    assert [uri for uri, _ in master.variants] == ["picture.m3u8"]
    named = [(each["TYPE"], each["NAME"], each["LANGUAGE"], each["DEFAULT"]) for each in master.renditions]
    assert named == [
        ("AUDIO", "Original (English)", "en", "YES"),
        ("AUDIO", "Spanish", "es", "NO"),
        ("AUDIO", "French", "fr", "NO"),
        ("SUBTITLES", "Spanish", "es", "NO"),
        ("SUBTITLES", "French", "fr", "NO"),
        ("SUBTITLES", "Original (English)", "en", "NO"),
    ]
    [(_, variant)] = master.variants
    assert variant["CODECS"] == "avc1.64001f,mp4a.40.2"
    assert variant["RESOLUTION"] == "1280x720"
    assert variant["FRAME-RATE"] == "25.000"
    assert int(variant["BANDWIDTH"]) >= 8 * 533_000 / 2


def test_where_a_language_has_no_sound_yet_the_originals_is_named() -> None:
    french = drawn(row(8), "replay-sound-fr.m3u8")
    assert [piece.uri for piece in french.pieces][:4] == [
        *(f"sound-{number}.m4s" for number in (100, 101, 102)),
        "sound-fr-103.m4s",
    ]
    text = drawn(row(8), "text-fr.m3u8")
    assert {piece.uri for piece in text.pieces} == {"nothing.vtt"}


def test_a_live_player_is_told_of_little_and_one_that_goes_back_of_all() -> None:
    segments = row(30)
    live, replay = drawn(segments, "picture.m3u8"), drawn(segments, "replay-picture.m3u8")
    assert (len(live.pieces), len(replay.pieces)) == (8, 30)
    assert live.number("MEDIA-SEQUENCE") == 122
    assert live.number("DISCONTINUITY-SEQUENCE") == 1
    assert "ENDLIST" not in replay.tags


def test_what_has_ended_is_a_whole_that_can_be_watched_again() -> None:
    master = drawn(row(30), MASTER, ended=True)
    picture = drawn(row(30), master.variants[0][0], ended=True)
    assert picture.tags["PLAYLIST-TYPE"] == "VOD"
    assert "ENDLIST" in picture.tags
    assert len(picture.pieces) == 30


def test_without_a_picture_there_are_sounds_alone() -> None:
    segments = [replace(each, picture=None, pictures=0, picture_bytes=0) for each in row(8)]
    master = drawn(segments, MASTER)
    assert [(uri, variant["CODECS"]) for uri, variant in master.variants] == [("sound.m3u8", "mp4a.40.2")]
    assert playlist("picture.m3u8", segments, ended=False) is None
    medias = {uri: drawn(segments, uri) for uri in master.addresses}
    assert faults(master, medias) == []


@pytest.mark.parametrize(
    "file", ["sound-de.m3u8", "other.m3u8", "picture-es.m3u8", "index.jsonl", "text-.m3u8"]
)
def test_there_is_no_other_playlist(file: str) -> None:
    assert playlist(file, row(3), ended=False) is None


def test_a_line_of_the_index_is_the_segment() -> None:
    for segment in (FIRST, replace(FIRST, picture=None)):
        assert segment_of(line_of(segment)) == segment


def test_the_checks_find_what_breaks_the_rules() -> None:
    master = drawn(row(8), MASTER)
    medias = {uri: drawn(row(8), uri) for uri in master.addresses}
    other = drawn(row(9), "sound-es.m3u8")
    assert any("sound-es" in fault for fault in faults(master, {**medias, "sound-es.m3u8": other}))
    text = playlist("picture.m3u8", [replace(each, longest=1) for each in row(8)], ended=False) or ""
    assert any("longer than" in fault for fault in faults(master, {**medias, "picture.m3u8": read(text)}))
