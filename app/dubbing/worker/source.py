"""The worker's input: a stream of the media server, over RTSP and TCP, as timed packets and frames."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

import av
import av.error

from app.dubbing.messages import Track
from app.dubbing.worker.decoder import Samples, SoundDecoder, unusable

READ_TIMEOUT = 5.0
PROBE_TIME = 1.0
LONG_PROBE_TIME = 10.0
BURST_GAP = 0.005
LONGEST_BURST = 5.0
LONGEST_HELD = 1.0
MOST_HELD_BYTES = 32 << 20

VideoData: TypeAlias = "av.Packet[av.VideoStream]"


class SourceError(Exception):
    """The source can't be read (any more): why, in words that carry no credentials."""


@dataclass(frozen=True)
class VideoPacket:
    """An encoded packet. `time` is its decoding time in seconds on the source's clock."""

    time: float
    arrival: float
    packet: VideoData

    @property
    def size(self) -> int:
        """Its bytes in memory."""
        return self.packet.size


@dataclass(frozen=True)
class Sound:
    """Decoded sound at 48 kHz, stereo float32 of shape (n, 2), at `time` on the source's clock."""

    time: float
    arrival: float
    samples: Samples

    @property
    def size(self) -> int:
        """Its bytes in memory."""
        return self.samples.nbytes


Item = VideoPacket | Sound


class Source:
    """An open connection to a stream. A context manager; iterate over `items()`.

    Raises SourceError where the stream can't be opened or breaks off. Sound that can't be used is left
    out where there is a picture, and `problem` says so.
    """

    def __init__(self, url: str) -> None:
        self._connect(url, PROBE_TIME)
        if not self._picture_known():
            self.close()
            self._connect(url, LONG_PROBE_TIME)
        if not self._picture_known():
            self.close()
            raise SourceError(f"the picture's format is not known: no keyframe in {LONG_PROBE_TIME:.0f} s")
        if self.video is None and self.audio is None:
            self.close()
            raise SourceError("the stream has neither video nor audio that can be read")
        self.problem = unusable(self.audio.codec_context.rate) if self.audio is not None else ""
        self._heard = None if self.problem else self.audio
        if self.video is None and self._heard is None:
            self.close()
            raise SourceError(self.problem)

    def _connect(self, url: str, probe_time: float) -> None:
        try:
            self._container = av.open(
                url,
                options=options(url, probe_time),
                timeout=(READ_TIMEOUT + probe_time, READ_TIMEOUT),
            )
        except (av.error.FFmpegError, OSError) as error:
            raise SourceError(reason(error)) from None
        self.video = next(iter(self._container.streams.video), None)
        self.audio = next(iter(self._container.streams.audio), None)

    def _picture_known(self) -> bool:
        """Whether the picture can be copied; it can't before its size is known."""
        return self.video is None or self.video.codec_context.width > 0

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection; a container leaks memory unless closed."""
        self._container.close()

    @property
    def tracks(self) -> tuple[Track, ...]:
        """What the source carries, for people to read."""
        found = []
        if self.video is not None:
            context = self.video.codec_context
            found.append(Track("video", context.name, f"{context.width}x{context.height}"))
        if self.audio is not None:
            layout = getattr(self.audio.codec_context.layout, "name", "")
            found.append(
                Track("audio", self.audio.codec_context.name, f"{self.audio.codec_context.rate} Hz {layout}")
            )
        return tuple(found)

    def items(self) -> Iterator[Item]:
        """Packets and sound in the order of arrival. Raises SourceError at the end of the stream."""
        yield from settle_arrivals(self._demux())

    def _demux(self) -> Iterator[Item]:
        streams = [stream for stream in (self.video, self._heard) if stream is not None]
        decoder = SoundDecoder()
        last_video = float("-inf")
        try:
            for packet in self._container.demux(streams):
                arrival = time.monotonic()
                if packet.pts is None and packet.dts is None:
                    continue
                if packet.stream is self.video:
                    last_video = decoding_time(packet, last_video)
                    yield VideoPacket(last_video, arrival, cast("VideoData", packet))
                    continue
                for start, samples in decoder.decode(packet):
                    yield Sound(start, arrival, samples)
                self._judge(decoder.problem)
        except (av.error.FFmpegError, OSError) as error:
            raise SourceError(reason(error)) from None
        raise SourceError("the stream has ended")

    def _judge(self, problem: str) -> None:
        """Goes on with the picture alone where the sound can't be used; without one there is nothing left."""
        if problem and self.video is None:
            raise SourceError(problem)
        self.problem = problem


def options(url: str, probe_time: float) -> dict[str, str]:
    """FFmpeg's options for that address. An RTMP input with a `timeout` would listen, not connect."""
    common = {
        "analyzeduration": str(round(probe_time * 1e6)),
        "fflags": "+genpts+discardcorrupt",
    }
    wait = str(round(READ_TIMEOUT * 1e6))
    if url.startswith("rtmp"):
        return common | {"rw_timeout": wait}
    return common | {"rtsp_transport": "tcp", "timeout": wait}


def decoding_time(packet: av.Packet[Any], last: float) -> float:
    """The decoding time of a packet in seconds.

    RTP carries presentation times only; where FFmpeg could not work out the decoding time of a
    stream with B-frames, it is the presentation time, held back to the order of arrival.
    """
    assert packet.time_base is not None
    stamp = packet.dts if packet.dts is not None else packet.pts
    assert stamp is not None
    seconds = float(stamp * packet.time_base)
    if packet.dts is None and last - 1.0 < seconds <= last:
        return last + 0.001
    return seconds


def settle_arrivals(items: Iterator[Item]) -> Iterator[Item]:
    """Gives what came in one burst at the start the arrival times it would have had without it.

    While a stream is being probed its packets wait, and then come all at once. They are held until
    one comes that had to be waited for, and dated back from it; for a second and 32 MB at most, for
    some streams never leave a gap.
    """
    held: list[Item] = []
    size = 0
    try:
        for item in items:
            if held and item.arrival - held[-1].arrival >= BURST_GAP:
                yield from date_back(held)
                yield item
                break
            held.append(item)
            size += item.size
            if item.arrival - held[0].arrival >= LONGEST_HELD or size >= MOST_HELD_BYTES:
                yield from date_back(held)
                break
    except SourceError:
        yield from date_back(held)
        raise
    # Or it would stay in memory for as long as the stream lasts.
    held.clear()
    yield from items


def date_back(burst: list[Item]) -> Iterator[Item]:
    """The items of a burst, dated by their age when the newest of them came, never after they came."""
    newest = max((item.time for item in burst), default=0.0)
    came = max((item.arrival for item in burst), default=0.0)
    for item in burst:
        age = min(max(newest - item.time, 0.0), LONGEST_BURST)
        yield replace(item, arrival=min(item.arrival, came - age))


def reason(error: Exception) -> str:
    """An FFmpeg error in words, without the address that it may quote."""
    strerror = getattr(error, "strerror", None)
    return str(strerror or type(error).__name__)
