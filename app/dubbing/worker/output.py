"""The worker's output: copied video and mixed sound, published over RTSP and TCP."""

from __future__ import annotations

import fractions
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import av
import av.error
import numpy as np
import numpy.typing as npt
import structlog

from app.dubbing.worker.cea608 import Pair
from app.dubbing.worker.mixer import SAMPLE_RATE
from app.dubbing.worker.source import reason
from app.dubbing.worker.user_data import Framing, framing, has_captions, with_caption

Samples = npt.NDArray[np.float32]
Encoded: TypeAlias = "av.Packet[Any]"

WRITE_TIMEOUT = 4.0
BIT_RATE = 128_000
BLOCK = 960
FIRST_SOUND = 4 * BLOCK
"""Samples: AAC's encoder gives its first frame of 1024 with the second, the muxer sends it with the third."""
PRIMING = 1024
"""Samples: so long before its first sample the encoder's first frame begins."""
LEAST_DELTA = "1"
"""Microseconds that what was sent waits for other tracks: 0 would be for as long as it takes.

The first sound waited for the second picture: where the process got no time just then, its sound was
that much behind its picture for as long as the publication lasted.
"""
SOUND_CODECS = ("aac", "libopus")
VIDEO_TIME_BASE = fractions.Fraction(1, 90_000)
AUDIO_TIME_BASE = fractions.Fraction(1, SAMPLE_RATE)


log = structlog.get_logger()


class OutputError(Exception):
    """The output can't be written (any more): why, in words that carry no credentials."""


@dataclass
class _Sound:
    stream: Any
    waiting: av.AudioFifo
    # Position of the first sample that went into `waiting`, which wants to count from 0.
    start: int = 0


class Output:
    """A publication: the video as it came, and the sound as AAC and as Opus, at 48 kHz, stereo.

    Every protocol takes what it can carry: RTMP and HLS the AAC, WebRTC the Opus.

    A context manager, which connects when it is entered. All times are in seconds on the output's
    timeline. Raises OutputError where the media server refuses or goes away. A silent peer freezes
    every Python thread until the timeout (a property of FFmpeg's RTSP output), which is why a parent
    watches the process.
    """

    def __init__(self, url: str, video: av.VideoStream | None) -> None:
        try:
            self._container: Any = av.open(
                url,
                "w",
                format="rtsp",
                options={
                    "rtsp_transport": "tcp",
                    "max_interleave_delta": LEAST_DELTA,
                    "timeout": str(round(WRITE_TIMEOUT * 1e6)),
                    # VP9 in RTP is a standard by now (RFC 9628); FFmpeg calls it an experiment.
                    "strict": "experimental",
                },
            )
            self._video = self._container.add_stream_from_template(video) if video is not None else None
            self._sounds = [self._add_sound(codec) for codec in SOUND_CODECS]
            self._samples_sent: int | None = None
            context = video.codec_context if video is not None else None
            self._framing = framing(context.name, context.extradata) if context is not None else None
            self._captioned = False
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise OutputError(reason(error)) from None

    def __enter__(self) -> Output:
        try:
            self._container.start_encoding()
        except (av.error.FFmpegError, OSError) as error:
            self.close()
            raise OutputError(reason(error)) from None
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the publication; what is still in the encoder is lost on purpose."""
        try:
            self._container.close()
        except (av.error.FFmpegError, OSError):
            return

    def write_video(
        self, packet: av.Packet[Any], decoding: float, presentation: float, pair: Pair | None = None
    ) -> None:
        """Sends a packet as it came, at new times; with that pair of captions, where it can carry them."""
        if self._video is None:
            return
        if pair is not None and self._framing is not None:
            packet = self._with_caption(packet, pair, self._framing)
        packet.stream = self._video
        packet.time_base = VIDEO_TIME_BASE
        packet.dts = round(decoding / VIDEO_TIME_BASE)
        packet.pts = max(round(presentation / VIDEO_TIME_BASE), packet.dts)
        self._mux(packet)

    def write_sound(self, position: int, samples: Samples) -> None:
        """Sends sound of shape (n, 2) that starts at sample `position`; a step in it is sent as one."""
        self.send(self.encoded(position, samples))

    def send(self, packets: Iterable[Encoded]) -> None:
        """Sends what `encoded` gave."""
        for packet in packets:
            self._mux(packet)

    def encoded(self, position: int, samples: Samples) -> Iterator[Encoded]:
        """The same sound, yet to be sent."""
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="fltp", layout="stereo")
        frame.sample_rate = SAMPLE_RATE
        frame.time_base = AUDIO_TIME_BASE
        for sound in self._sounds:
            if position != self._samples_sent:
                sound.waiting, sound.start = av.AudioFifo(), position
            frame.pts = position - sound.start
            sound.waiting.write(frame)
            for part in sound.waiting.read_many(sound.stream.codec_context.frame_size):
                part.pts = (part.pts or 0) + sound.start
                yield from sound.stream.encode(part)
        self._samples_sent = position + len(samples)

    def _with_caption(self, packet: av.Packet[Any], pair: Pair, framing: Framing) -> av.Packet[Any]:
        data = bytes(packet)
        if not self._captioned and has_captions(data):
            log.warning("the picture brings captions of its own, which stay; it gets no others")
            self._captioned = True
        if self._captioned:
            return packet
        captioned: av.Packet[Any] = av.Packet(with_caption(data, framing, pair))
        captioned.is_keyframe = packet.is_keyframe
        return captioned

    def _add_sound(self, codec: str) -> _Sound:
        stream = self._container.add_stream(codec, rate=SAMPLE_RATE)
        stream.layout = "stereo"
        stream.format = "flt" if codec == "libopus" else "fltp"
        stream.bit_rate = BIT_RATE
        return _Sound(stream, av.AudioFifo())

    def _mux(self, packet: av.Packet[Any]) -> None:
        codec, decoding = packet.stream.codec_context.name, packet.dts
        try:
            self._container.mux_one(packet)
        except (av.error.FFmpegError, OSError) as error:
            raise OutputError(f"{reason(error)} ({codec} at {decoding})") from None
