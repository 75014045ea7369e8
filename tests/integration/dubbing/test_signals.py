"""A transport stream with splices and timed ID3 is dubbed; its signals are in step with its pictures."""

from __future__ import annotations

import io
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from tests.integration.dubbing.spliced import (
    BACK,
    FRAME,
    OUT,
    Made,
    break_of,
    get,
    levels,
    phrases,
    plain,
    playlist,
    ranges,
    shown_at,
    tail_of,
    told,
    with_break,
)
from tests.stack import Stack, free_port, wait_for
from tests.transport import (
    PACKET,
    RATE,
    checksum,
    id3,
    metadata,
    offered_over_http,
    offered_over_tcp,
    segmentation,
    sent_over_udp,
    splice_insert,
    time_signal,
)

SETTINGS = {
    "TARGET_LANGUAGES": "es",
    "REPLAY_MINUTES": "5",
    "MAX_RECONNECT_DELAY": "1.0",
    "ASR_ENGINE": "pocketsphinx",
    "TTS_ENGINE": "espeak",
}
EVENT, OPPORTUNITY = 0x4A, 0x4B
BEGINS, ENDS = 0x34, 0x35
"""A provider's placement opportunity, as segmentation descriptors have it."""
JSON = {"content-type": "application/json"}


def inserted(made: Made) -> bytes:
    """The section that begins the break of `news`."""
    return splice_insert(EVENT, made.ticks(OUT), out=True, seconds=BACK - OUT)


def signalled(made: Made) -> bytes:
    """The section that begins the break of `film`."""
    return time_signal(made.ticks(OUT), segmentation(OPPORTUNITY, BEGINS, BACK - OUT))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """H.264 with B-frames and MPEG layer II; splice_insert and a tag."""
    file = tmp_path_factory.mktemp("made") / "sample.ts"
    coded = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-c:a", "mp2", "-b:a", "192k")
    stream = plain(file, *coded)
    back = splice_insert(EVENT, stream.ticks(BACK), out=False)
    tag = metadata(stream.ticks(16.0), id3("now playing: news"))
    return with_break(stream, inserted(stream), back, [tag])


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """H.265 with B-frames and AAC; time_signal with segmentation descriptors."""
    file = tmp_path_factory.mktemp("newer") / "sample.ts"
    quiet = ("-x265-params", "log-level=error")
    stream = plain(file, "-c:v", "libx265", "-preset", "ultrafast", *quiet, "-c:a", "aac")
    back = time_signal(stream.ticks(BACK), segmentation(OPPORTUNITY, ENDS))
    return with_break(stream, signalled(stream), back)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("signals"), ("media", "sts", "dubber"), SETTINGS) as stack:
        yield stack


@pytest.fixture(scope="module")
def far_end(stack: Stack) -> Iterator[tuple[int, Path]]:
    """FFmpeg waits on a port for who sends over SRT; every byte that comes is in the file."""
    port, file = free_port(socket.SOCK_DGRAM), stack.folder / "sent-on.ts"
    command = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-y", "-f", "data"]
    command += ["-i", f"srt://127.0.0.1:{port}?mode=listener", "-map", "0", "-c", "copy", "-f", "data"]
    with subprocess.Popen([*command, "-flush_packets", "1", str(file)]) as receiver:
        yield port, file
        receiver.kill()


def dubbed(stack: Stack) -> set[str]:
    """The streams that the dubber knows."""
    return {stream["name"] for stream in stack.http.get("/streams").json()["streams"]}


@pytest.fixture(scope="module")
def streams(stack: Stack, made: Made, newer: Made, far_end: tuple[int, Path]) -> Iterator[Stack]:
    """`news` is sent over UDP and `film` is fetched over HTTP; both are joined until both breaks are over.

    The dub of `news` is sent on over SRT.
    """
    folder = Path(stack.settings.profiles_dir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "film.toml").write_text('breaks = "dub"\n', encoding="utf-8")
    port = free_port()
    with offered_over_http(newer.data) as http:
        for name, address in (
            ("news", f"udp://127.0.0.1:{port}"),
            ("film", f"http://127.0.0.1:{http}/film.ts"),
        ):
            assert stack.http.put(f"/sources/{name}", json={"address": address}).status_code == 201
        with sent_over_udp(made.data, port):
            # The dubber learns of them some time after the media server has them.
            wait_for("both are dubbed", lambda: {"news", "film"} <= dubbed(stack), 30.0)
            target = {"address": f"srt://127.0.0.1:{far_end[0]}?latency=200"}
            assert stack.http.put("/restreams/news/es/partner", json=target).status_code == 201
            wait_for(
                "both ends of both breaks are told",
                lambda: all(len(ranges(stack, name)) >= 2 for name in ("news", "film")),
                60.0,
            )
            yield stack
    for name in ("news", "film"):
        stack.http.delete(f"/sources/{name}", headers=JSON)


@pytest.fixture(scope="module")
def news(streams: Stack) -> str:
    assert told(streams, "news")["running"]
    return "news"


@pytest.mark.parametrize("name", ["news", "film"])
def test_a_splice_is_told_to_players_at_its_own_picture(
    streams: Stack, made: Made, newer: Made, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """splice_insert in H.264 over UDP, and time_signal in H.265 over HTTP."""
    stream, section = (made, inserted(made)) if name == "news" else (newer, signalled(newer))
    out, back = ranges(streams, name)[:2]
    begins, ends = break_of(streams, name)
    first = shown_at(streams, name, stream.at(OUT), begins)
    after = shown_at(streams, name, stream.at(BACK), ends)
    with capsys.disabled():
        print(
            f"\n{name}: out {1000 * (begins - first):+.1f} ms, "
            f"in {1000 * (ends - after):+.1f} ms of their pictures"
        )
    assert abs(begins - first) < FRAME / 2
    assert abs(ends - after) < FRAME / 2
    assert out["ID"] == back["ID"]
    assert out["START-DATE"] == back["START-DATE"]
    assert float(out["PLANNED-DURATION"]) == BACK - OUT
    assert out["SCTE35-OUT"] == f"0x{section.hex().upper()}"
    assert "SCTE35-IN" in back


def test_the_track_tells_the_language(stack: Stack, news: str) -> None:
    assert stack.http.post(f"/streams/{news}/spoken", json={"language": "auto"}).status_code == 200
    assert told(stack, news)["language"] == "en"
    master, _ = playlist(stack, news, "index.m3u8")
    assert 'NAME="Original (English)",LANGUAGE="en"' in master
    [stream] = [each for each in stack.http.get("/streams").json()["streams"] if each["name"] == news]
    assert stream["spoken"] == {"set": "auto", "heard": "en"}


def off(sounds: tuple[dict[int, float], dict[int, float]], windows: list[int]) -> float:
    """By how much the dub is off the original, as a rule: a sound may begin in the next window."""
    original, heard = sounds
    return float(np.median([abs(heard[at] - original[at]) for at in windows if original[at] > -50]))


def both_sounds(stack: Stack, name: str, until: float) -> tuple[dict[int, float], dict[int, float]]:
    """How loud original and dub are, once they are joined as far as that (Unix time)."""
    wait_for(
        f"the dub of {name} is joined",
        lambda: max(levels(stack, name, "replay-sound-es.m3u8"), default=0) > 4 * until,
        30.0,
        1.0,
    )
    return levels(stack, name, "replay-sound.m3u8"), levels(stack, name, "replay-sound-es.m3u8")


def test_in_a_break_the_original_is_heard_and_nothing_is_dubbed(
    stack: Stack, news: str, capsys: pytest.CaptureFixture[str]
) -> None:
    begins, ends = break_of(stack, news)
    wait_for(
        "something is dubbed after the break",
        lambda: any(each[0] > ends for each in phrases(stack, news)),
        30.0,
    )
    found = phrases(stack, news)
    spoken = [each for each in found if each[2] in ("in_time", "late")]
    assert spoken
    assert not [each for each in found if each[0] > begins - 0.1 and each[1] < ends - 0.1]
    sounds = original, heard = both_sounds(stack, news, ends + 4.0)
    both = sorted(original.keys() & heard.keys())

    def power(sound: dict[int, float], windows: list[int]) -> float:
        """How loud it is in all of them, in dB: by how little it is earlier or later does not matter."""
        return float(10 * np.log10(np.mean([10 ** (sound[at] / 10) for at in windows])))

    within = [at for at in both if 4 * begins + 1 < at < 4 * ends - 2]
    dubbed = [at for at in both if any(4 * each[0] + 1 < at < 4 * each[1] - 1 for each in spoken)]
    with capsys.disabled():
        print(
            f"\n{len(spoken)} dubbed; the break is {off(sounds, within):.2f} dB off, "
            f"phrases {off(sounds, dubbed):.2f} dB"
        )
    assert abs(power(original, within) - power(heard, within)) < 0.5
    assert off(sounds, dubbed) > 0.5


def test_where_breaks_are_dubbed_too_the_dub_goes_on_in_them(
    streams: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    begins, ends = break_of(streams, "film")
    within = wait_for(
        "a phrase of the break is dubbed",
        lambda: (
            [
                each
                for each in phrases(streams, "film")
                if begins - 0.1 < each[0] and each[1] < ends + 0.1 and each[2] in ("in_time", "late")
            ]
            or None
        ),
        30.0,
    )
    sounds = original, heard = both_sounds(streams, "film", ends)
    windows = [
        at
        for at in sorted(original.keys() & heard.keys())
        if any(4 * each[0] + 1 < at < 4 * each[1] - 1 for each in within)
    ]
    with capsys.disabled():
        print(f"\n{len(within)} dubbed in the break, which is {off(sounds, windows):.2f} dB off there")
    assert off(sounds, windows) > 0.5


def test_a_dub_that_is_sent_on_over_srt_has_splices_and_tags_at_their_pictures(
    news: str, made: Made, far_end: tuple[int, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert news
    _, file = far_end

    def sent_on() -> tuple[dict[bytes, int], list[bytes], list[tuple[int, bytes]]] | None:
        """When each picture is shown, the sections, and when each tag is meant for, once the picture after
        the break is there."""
        pictures: dict[bytes, int] = {}
        sections, tags = [], []
        with av.open(str(file), format="mpegts") as source:
            data = {each.name: each for each in source.streams.data}
            for packet in source.demux(source.streams.video[0], *data.values()):
                if packet.stream is data["scte_35"] and packet.size:
                    sections.append(bytes(packet))
                elif packet.stream is data["timed_id3"] and packet.pts is not None:
                    tags.append((packet.pts, bytes(packet)))
                elif packet.pts is not None:
                    pictures[tail_of(bytes(packet))] = packet.pts
        return (pictures, sections, tags) if tail_of(made.at(BACK + 1.0)) in pictures else None

    pictures, sections, tags = wait_for("the break is sent on", sent_on, 30.0, 1.0)
    [(meant_for, tag)] = tags
    assert tag == id3("now playing: news")
    off = meant_for - pictures[tail_of(made.at(16.0))]
    with capsys.disabled():
        print(f"\nID3 sent on over SRT: {off / 90:+.1f} ms of its picture")
    assert abs(off) / RATE < FRAME / 2
    back = splice_insert(EVENT, made.ticks(BACK), out=False)
    for at, sent, section in zip((OUT, BACK), sections, (inserted(made), back), strict=True):
        moved = int.from_bytes(sent[4:9]) & (1 << 33) - 1
        off = (made.ticks(at) + moved) % (1 << 33) - pictures[tail_of(made.at(at))]
        with capsys.disabled():
            print(f"\nsent on over SRT: {off / 90:+.1f} ms of its picture")
        assert abs(off) / RATE < FRAME / 2
        # All else of it is as it came.
        assert sent[:4] + sent[9 : len(section) - 4] == section[:4] + section[9:-4]
        assert sent[len(section) - 4 : len(section)] == checksum(sent[: len(section) - 4])


def test_a_tag_is_in_the_pieces_at_its_own_time(stack: Stack, news: str, made: Made) -> None:
    _, found = playlist(stack, news)
    assert found is not None
    pieces = [get(stack, f"{news}/{each.uri}").content for each in found.pieces]
    [(piece, data)] = [
        (piece, data)
        for piece, data in zip(found.pieces, pieces, strict=True)
        if b"https://aomedia.org/emsg/ID3" in data
    ]
    at = data.index(b"emsg") + 8
    scale, time = struct.unpack(">IQ", data[at : at + 12])
    assert id3("now playing: news") in data
    with av.open(io.BytesIO(get(stack, f"{news}/{piece.beginning}").content + data), "r") as container:
        packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
    [shown] = [
        float((packet.pts or 0) * packet.time_base)
        for packet in packets
        if tail_of(bytes(packet)) == tail_of(made.at(16.0))
    ]
    assert abs(time / scale - shown) < FRAME / 2


def test_a_transport_stream_is_fetched_over_tcp_and_again_when_it_breaks_off(
    stack: Stack, made: Made
) -> None:
    with offered_over_tcp(made.data[: len(made.data) // 6 // PACKET * PACKET]) as port:
        stack.http.put("/sources/sport", json={"address": f"tcp://127.0.0.1:{port}"})
        try:
            first = wait_for("it is published", lambda: stack.ready_paths().get("live/sport"), 30.0)
            wait_for(
                "it is published again",
                lambda: stack.ready_paths().get("live/sport", first) != first,
                60.0,
            )
            assert told(stack, "sport")["reconnects"] >= 1
        finally:
            assert stack.http.delete("/sources/sport", headers=JSON).status_code == 200
    wait_for("it is gone", lambda: "live/sport" not in stack.ready_paths(), 10.0)


def test_a_stream_comes_over_srt_with_a_passphrase_that_is_seen_nowhere(stack: Stack, made: Made) -> None:
    """FFmpeg sends it to where the dubber waits."""
    port, secret = free_port(socket.SOCK_DGRAM), "of-more-than-ten"
    address = f"srt://127.0.0.1:{port}?mode=listener&passphrase={secret}"
    answer = stack.http.put("/sources/match", json={"address": address})
    assert answer.json()["address"] == f"srt://127.0.0.1:{port}"
    file = stack.folder / "match.ts"
    file.write_bytes(made.data)
    wait_for("it waits", lambda: stack.is_healthy("dubber"), 5.0)
    command = [
        "ffmpeg",
        "-hide_banner",
        "-nostdin",
        "-loglevel",
        "error",
        "-re",
        "-i",
        str(file),
        "-map",
        "0:v",
    ]
    command += ["-map", "0:a", "-c", "copy", "-f", "mpegts"]
    sender = subprocess.Popen([*command, f"srt://127.0.0.1:{port}?mode=caller&passphrase={secret}"])
    try:
        wait_for("it is published", lambda: stack.ready_paths().get("live/match"), 30.0)
        assert told(stack, "match")["tracks"] == ["h264", "mp2"]
        lines = [" ".join(process.cmdline()) for process in stack.family("dubber")]
        assert secret not in "\n".join([stack.logs(), stack.http.get("/sources").text, *lines])
    finally:
        sender.kill()
        sender.wait()
        assert stack.http.delete("/sources/match", headers=JSON).status_code == 200
