"""Captions in the pictures of a real dub, as a viewer's FFmpeg reads them (DUB-8)."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av

from app.demo.read import OPTIONS, watch_address
from app.dubbing.worker.cea608 import LEAD, row_pairs, rows
from app.dubbing.worker.user_data import MARK, framing
from tests.embedded import ffmpeg_reads, pairs, rows_of, same, without_captions
from tests.integration.conftest import NewStack
from tests.stack import Stack, wait_for

SECONDS = 40.0


@dataclass
class Watched:
    """What was read of a path: its pictures, and the Unix time that belongs to 0 of its clock."""

    pictures: list[bytes] = field(default_factory=list)
    began: float = float("inf")


def watch(stack: Stack, path: str, seconds: float, file: Path) -> Watched:
    """Reads a path over RTMP for so long, into a file, not re-encoded."""
    found, until = Watched(), time.monotonic() + seconds
    with (
        av.open(watch_address(stack.settings, path), options=OPTIONS) as source,
        av.open(str(file), "w") as target,
    ):
        video = source.streams.video[0]
        made_up = framing("h264", video.codec_context.extradata)
        assert made_up is not None
        assert made_up.length_bytes == 4
        stream = target.add_stream_from_template(video)
        for packet in source.demux(video):
            if time.monotonic() > until:
                return found
            if not packet.size or packet.pts is None or packet.time_base is None:
                continue
            found.began = min(found.began, time.time() - float(packet.pts * packet.time_base))
            data = bytes(packet)
            found.pictures.append(without_captions(data, made_up) if MARK in data else data)
            packet.stream = stream
            target.mux(packet)
    return found


def told(stack: Stack, name: str) -> list[dict[str, Any]]:
    """The phrases that have a text, in the order in which they were said."""
    phrases = stack.http.get(f"/streams/{name}/es/phrases").json()["phrases"]
    return sorted((each for each in phrases if each["target"]), key=lambda each: float(each["start"]))


def test_the_pictures_of_a_dub_carry_its_captions_and_are_otherwise_the_source_s(
    new_stack: NewStack, tmp_path: Path
) -> None:
    """Text as in the WebVTT, begun when its sound begins; every byte that isn't a caption is the source's."""
    stack = new_stack(CAPTIONS_608="true", ASR_ENGINE="pocketsphinx")
    with stack.sample("signed"):
        wait_for("the dub", lambda: stack.ready_paths().get("dub/signed/es"), 60.0)
        wait_for("a phrase", lambda: told(stack, "signed") or None, 60.0)
        sources: list[Watched] = []
        original = threading.Thread(
            target=lambda: sources.append(watch(stack, "live/signed", SECONDS, tmp_path / "source.mkv"))
        )
        original.start()
        dub_file = tmp_path / "dub.mkv"
        dub = watch(stack, "dub/signed/es", SECONDS, dub_file)
        original.join()
        phrases = told(stack, "signed")
        vtt = stack.http.get("/streams/signed/es/captions.vtt").text

    settled = dub.pictures[len(dub.pictures) // 3 : -50]
    assert len(settled) > 100
    assert set(settled) <= set(sources[0].pictures)

    read = [same(row) for row in rows_of(ffmpeg_reads(dub_file))][1:-1]
    said = [same(row) for phrase in phrases for row in rows(phrase["target"])]
    print("read:", " / ".join(read))
    assert len(read) >= 5
    assert " ".join(read) in " ".join(said)
    assert " ".join(read) in same(" ".join(line for line in vtt.splitlines() if line and "-->" not in line))

    sent = pairs(dub_file)
    late, dubs_late = [], []
    for phrase in phrases:
        first = row_pairs(rows(phrase["target"])[0])
        for at in range(len(sent) - len(first)):
            if [pair for _, pair in sent[at : at + len(first)]] == first:
                late.append(dub.began + sent[at + LEAD][0] - phrase["shown_at"])
                dubs_late.append(phrase["lateness"])
    # A text that comes late has a dub that is as late, on a machine that has no time.
    behind = sorted(caption - voice for caption, voice in zip(late, dubs_late, strict=True))
    print("captions after the original, s:", " ".join(f"{each:+.2f}" for each in late))
    print("captions after the dub, s:", " ".join(f"{each:+.2f}" for each in behind))
    assert len(behind) >= 4
    assert abs(behind[len(behind) // 2]) < 0.6
