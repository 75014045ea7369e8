"""A clip as if it were a live stream with one dub."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np

from app.dubbing.join import boxes, encoder
from app.dubbing.join.joiner import Joiner, Ready
from app.dubbing.join.sounds import RATE
from app.dubbing.join.writer import Writer
from app.dubbing.messages import Caption
from app.dubbing.signals.clock import RATE as CLOCK
from app.dubbing.signals.clock import ClockMark, tail_of
from app.dubbing.signals.kept import Signal

SECONDS = 9
PICTURES_A_SECOND = 10


def tone(seconds: float, frequency: float) -> Any:
    """A tone, stereo, of shape (n, 2)."""
    wave = 0.3 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * RATE)) / RATE)
    return np.repeat(wave[:, None], 2, axis=1).astype(np.float32)


def joined(
    clip: Path, writer: Writer, joiner: Joiner, seconds: float = SECONDS, signals: Sequence[Signal] = ()
) -> list[Ready]:
    """Everything of the clip, as if it came in real time and its dub a second later.

    Signals are told as who takes a stream in tells them; the stream's clock is that of the clip.
    """
    began = time.monotonic()
    with av.open(str(clip)) as source:
        video = source.streams.video[0]
        begun = boxes.picture_beginning(video)
        picture = writer.picture(begun, boxes.codecs(begun), 160, 90)
        joiner.source_opened(picture, True)
        joiner.languages({"es": 1.0})
        sound = tone(seconds, 440.0)
        for packet in source.demux(video):
            if packet.dts is None or packet.pts is None:
                continue
            at = float(packet.dts * packet.time_base)
            shift = float((packet.pts - packet.dts) * packet.time_base)
            data = bytes(packet)
            joiner.take_picture(at, shift, packet.is_keyframe, data, began + at)
            if signals and packet.is_keyframe:
                joiner.take_signal(ClockMark(round((at + shift) * CLOCK), tail_of(data), began + at))
        for signal in signals:
            joiner.take_signal(signal)
        for at in np.arange(0.0, seconds, 0.1):
            first = round(at * RATE)
            joiner.take_original(float(at), sound[first : first + 4800], began + float(at))
        for start, data in encoder.Encoder().encode(0, tone(seconds, 880.0)):
            joiner.take_dub("es", start / RATE, data)
    return joiner.ready(began + 3600.0)


def shown(
    clip: Path,
    root: Path,
    name: str = "news",
    seconds: float = SECONDS,
    said_at: float = 0.0,
    signals: Sequence[Signal] = (),
) -> Writer:
    """A whole showing of it, which has ended; a sentence was said so many seconds after its first picture."""
    writer = Writer(root, name, 600.0, 1 << 30)
    joiner = Joiner(writer.begins)
    if said_at:
        # It is heard a second later, by when it was dubbed.
        heard = time.time() + said_at + 1.0
        joiner.take_caption("es", Caption(1, 0.0, 1.0, heard, heard + 1.5, "Good morning", "Buenos días"))
    ready = joined(clip, writer, joiner, seconds, signals)
    for each in ready:
        writer.write(each, "en")
    writer.end()
    writer.close()
    return writer
