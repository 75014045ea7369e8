"""The sound that the media server is given: AAC as it comes, everything else as AAC."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av

from app.dubbing.join.encoder import Encoder
from app.dubbing.join.sounds import FRAME, RATE
from app.dubbing.worker.decoder import SoundDecoder
from app.dubbing.worker.output import BIT_RATE


class Copied:
    """AAC: FFmpeg's muxer tells how it is coded, whatever it came in."""

    def __init__(self, target: Any, sound: av.AudioStream) -> None:
        self._stream = target.add_stream_from_template(sound)

    def packets(self, packet: Any) -> Iterator[tuple[float, Any]]:
        """The packet, and its time in seconds on the source's clock."""
        at = float((packet.dts if packet.pts is None else packet.pts) * packet.time_base)
        packet.stream = self._stream
        yield at, packet


class Encoded:
    """What players of RTMP and HLS don't take: MPEG layer II, AC-3, AAC in LATM."""

    def __init__(self, target: Any, sound: av.AudioStream) -> None:
        del sound
        self._stream = target.add_stream("aac", rate=RATE)
        self._stream.layout, self._stream.format, self._stream.bit_rate = "stereo", "fltp", BIT_RATE
        self._decoder, self._encoder = SoundDecoder(), Encoder()
        self._next = 0

    def packets(self, packet: Any) -> Iterator[tuple[float, Any]]:
        """The packets of AAC that are whole now, each with its time in seconds on the source's clock."""
        for start, samples in self._decoder.decode(packet):
            at = round(start * RATE)
            # Times are rounded, sound is not.
            at = self._next if abs(at - self._next) <= FRAME else at
            self._next = at + len(samples)
            for position, data in self._encoder.encode(at, samples):
                made: Any = av.Packet(data)
                made.stream, made.time_base = self._stream, Fraction(1, RATE)
                made.pts = made.dts = position
                made.is_keyframe = True
                yield position / RATE, made
