"""Pictures with captions in them, made by the worker's own parts, and what FFmpeg reads from them."""

from __future__ import annotations

import fractions
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import av

from app.dubbing.worker.cea608 import NOTHING, rows
from app.dubbing.worker.publisher import shown
from app.dubbing.worker.subtitles import REORDERED, Subtitles
from app.dubbing.worker.user_data import MARK, Framing, framing, with_caption

RATE = 25
SAID = [
    (2.0, 5.0, "¡El árbitro señaló penalti! ¿Quién lo lanzará? Müller, François y Ångström"),
    (6.0, 9.0, "Ñandú ñoño: más acción, Çà et là, “Straße” così ô ®½ {50 %}"),
    (10.0, 11.0, "Ahora sí, al fin."),
]


def clip(path: Path, encoder: str, seconds: float, options: Sequence[str] = ()) -> None:
    """A test picture, 25 a second."""
    source = f"testsrc=size=160x90:rate={RATE}"
    command = ["ffmpeg", "-y", "-loglevel", "error", "-f", "lavfi", "-i", source, "-t", str(seconds)]
    encoding = ["-pix_fmt", "yuv420p", "-c:v", encoder, "-preset", "ultrafast", *options]
    subprocess.run([*command, *encoding, str(path)], check=True)


def packets(path: Path) -> tuple[list[av.Packet[Any]], Framing]:
    """A file's pictures in decoding order, and how they are made up."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        found = [packet for packet in container.demux(stream) if packet.size]
        context = stream.codec_context
        made_up = framing(context.name, context.extradata)
    assert made_up is not None
    return found, made_up


def caption(path: Path, out: Path, subtitles: Subtitles, known: Callable[[float], None]) -> None:
    """Copies the file with captions; `known` is called before each picture with its time."""
    found, made_up = packets(path)
    first = min(shown(packet) for packet in found)
    with av.open(str(path)) as source, av.open(str(out), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for at, packet in enumerate(found):
            time = shown(packet) - first
            known(time)
            following = [shown(later) for later in found[at + 1 : at + 1 + REORDERED]]
            pair = subtitles.pair(time, shown(packet), following)
            copy: av.Packet[Any] = av.Packet(with_caption(bytes(packet), made_up, pair))
            copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
            copy.is_keyframe, copy.stream = packet.is_keyframe, stream
            target.mux(copy)


def captioned(path: Path, known_before: float = 60.0) -> Path:
    """The clip with what is said, each text known so long before it is heard."""
    subtitles, waiting = Subtitles(), list(SAID)

    def known(time: float) -> None:
        while waiting and waiting[0][0] - known_before <= time:
            subtitles.add(*waiting.pop(0))

    out = path.with_stem(f"captioned-{known_before:g}")
    caption(path, out, subtitles, known)
    return out


def expected() -> list[str]:
    """The rows of what is said."""
    return [row for _, _, text in SAID for row in rows(text)]


def pairs(path: Path) -> list[tuple[float, tuple[int, int]]]:
    """The time of each picture and its pair of field 1, as FFmpeg's decoder hands them out."""
    found = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            data = frame.side_data.get("A53_CC")
            triple = bytes(cast(bytes, data)) if data is not None else bytes((0xFC, *NOTHING))
            assert triple[0] == 0xFC
            assert frame.pts is not None
            found.append(
                (float(frame.pts * (frame.time_base or fractions.Fraction())), (triple[1], triple[2]))
            )
    return found


def ffmpeg_reads(path: Path, kind: str = "srt") -> str:
    """FFmpeg's captions of a file: srt decoded, scc as pairs."""
    command = [
        "ffmpeg",
        "-loglevel",
        "error",
        "-f",
        "lavfi",
        "-i",
        f"movie={path}[out0+subcc]",
        "-map",
        "0:s",
    ]
    copy = ["-c", "copy"] if kind == "scc" else []
    done = subprocess.run([*command, *copy, "-f", kind, "-"], check=True, stdout=subprocess.PIPE)
    return done.stdout.decode()


def rows_of(srt: str) -> list[str]:
    """The row that each caption of an SRT document brought in: its last, as rows roll up."""
    shown = [
        re.sub(r"<[^>]*>|\{[^}]*\\[^}]*\}", "", block).splitlines()[2:] for block in srt.strip().split("\n\n")
    ]
    return [lines[-1] for lines in shown if lines]


def same(row: str) -> str:
    """The row with the signs that decoders show in different ways written alike."""
    return row.strip().replace("’", "'").replace("—", "-")


def without_captions(data: bytes, made_up: Framing) -> bytes:
    """A picture without the first unit that holds captions, taken apart anew."""
    at = data.index(MARK)
    if not made_up.length_bytes:
        begin = data.rindex(b"\0\0\0\1", 0, at)
        end = at + len(MARK) + 7
        return data[:begin] + data[end:]
    begin, size = 0, made_up.length_bytes
    while True:
        end = begin + size + int.from_bytes(data[begin : begin + size], "big")
        if MARK in data[begin:end]:
            return data[:begin] + data[end:]
        begin = end
