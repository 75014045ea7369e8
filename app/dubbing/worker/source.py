"""The worker's input: a stream of the media server, over RTSP and TCP, as timed packets and frames."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

import av
import av.error
import numpy as np

from app.dubbing import vp9
from app.dubbing.states import Track
from app.dubbing.tracks import Chosen, Named, roles
from app.dubbing.worker.decoder import Samples, SoundDecoder, unusable

READ_TIMEOUT = 5.0
PROBE_TIME = 1.0
LONG_PROBE_TIME = 10.0
BURST_GAP = 0.005
LONGEST_BURST = 5.0
LONGEST_HELD = 1.0
MOST_HELD_BYTES = 32 << 20
NONE_CHOSEN = Chosen()
MOST_SHIFT = 2.0

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

    @property
    def shift(self) -> float:
        """How much later than decoded it is shown, in seconds. Where the source tells no decoding times,
        `time` is one of our own.
        """
        if self.packet.pts is None or self.packet.time_base is None:
            return 0.0
        return min(max(float(self.packet.pts * self.packet.time_base) - self.time, -MOST_SHIFT), MOST_SHIFT)


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


class Background(Sound):
    """Sound of the track that goes on beside the voice."""


Item = VideoPacket | Sound


class Source:
    """An open connection to a stream. A context manager; iterate over `items()`.

    Raises SourceError where the stream can't be opened or breaks off. Sound that can't be used is left
    out where there is a picture, and `problem` says so. `roles` says which sound track, or channel, is
    the voice and which, if any, goes on beside it, as `chosen` or as the tracks are called.
    """

    def __init__(self, url: str, chosen: Chosen = NONE_CHOSEN) -> None:
        self._connect(url, PROBE_TIME)
        if not self._picture_known():
            self.close()
            self._connect(url, LONG_PROBE_TIME)
        if not self._picture_known():
            self.close()
            raise SourceError(f"the picture's format is not known: no keyframe in {LONG_PROBE_TIME:.0f} s")
        if self.video is None and not self._sounds:
            self.close()
            raise SourceError("the stream has neither video nor audio that can be read")
        self.choose(chosen)
        if self.video is None and self._heard is None:
            self.close()
            raise SourceError(self.problem)

    def choose(self, chosen: Chosen) -> None:
        """These tracks from the next packet on; may be called from another thread."""
        found = roles([named(sound) for sound in self._sounds], chosen)
        self.audio = None if found.voice is None else self._sounds[found.voice]
        self.problem = unusable(self.audio.codec_context.rate) if self.audio is not None else ""
        self._heard = None if self.problem else self.audio
        self._beside = None if found.background is None else self._sounds[found.background]
        self.roles = found

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
        self._sounds = tuple(self._container.streams.audio)

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
        for index, sound in enumerate(self._sounds):
            codec, says = sound.codec_context, named(sound)
            detail = f"{codec.rate} Hz {getattr(codec.layout, 'name', '')}"
            use = self.roles.use(index)
            one = self.roles.channel if use == "voice" and self.roles.channel != "both" else ""
            found.append(Track("audio", codec.name, detail, index + 1, says.title, says.language, use, one))
        return tuple(found)

    def items(self) -> Iterator[Item]:
        """Packets and sound in the order of arrival. Raises SourceError at the end of the stream."""
        yield from settle_arrivals(self._demux())

    def _demux(self) -> Iterator[Item]:
        # Of several sound tracks others may be chosen while it lasts.
        sounds = self._sounds if len(self._sounds) > 1 else (self._heard,)
        streams = [stream for stream in (self.video, *sounds) if stream is not None]
        decoder = SoundDecoder()
        beside = SoundDecoder()
        last_video = float("-inf")
        try:
            for packet in self._container.demux(streams):
                arrival = time.monotonic()
                if packet.pts is None and packet.dts is None:
                    continue
                if packet.stream is self.video:
                    if packet.stream.codec_context.name == vp9.NAME:
                        packet.is_keyframe = vp9.is_key(bytes(packet)[:1])
                    last_video = decoding_time(packet, last_video)
                    yield VideoPacket(last_video, arrival, cast("VideoData", packet))
                    continue
                if packet.stream is self._heard:
                    for start, samples in decoder.decode(packet):
                        yield from self._divided(start, arrival, samples)
                    self._judge(decoder.problem)
                elif packet.stream is self._beside:
                    for start, samples in beside.decode(packet):
                        yield Background(start, arrival, samples)
        except (av.error.FFmpegError, OSError) as error:
            raise SourceError(reason(error)) from None
        raise SourceError("the stream has ended")

    def _divided(self, start: float, arrival: float, samples: Samples) -> Iterator[Sound]:
        """The voice in what its track has, and what goes on beside it there."""
        found = self.roles
        if found.channel == "both":
            yield Sound(start, arrival, samples)
            return
        voice = 0 if found.channel == "left" else 1
        yield Sound(start, arrival, channel(samples, voice))
        if found.divides:
            yield Background(start, arrival, channel(samples, 1 - voice))

    def _judge(self, problem: str) -> None:
        """Goes on with the picture alone where the sound can't be used; without one there is nothing left."""
        if problem and self.video is None:
            raise SourceError(problem)
        self.problem = problem


def named(sound: av.AudioStream) -> Named:
    """What a sound track says of itself: MPEG-TS has language and flags; our media server passes none on."""
    metadata = sound.metadata
    flags = sound.disposition
    described = av.stream.Disposition.visual_impaired | av.stream.Disposition.hearing_impaired
    return Named(
        title=metadata.get("title", ""),
        language=metadata.get("language", ""),
        clean=bool(flags & av.stream.Disposition.clean_effects),
        described=bool(flags & (described | av.stream.Disposition.descriptions)),
        channels=sound.codec_context.channels,
    )


def channel(samples: Samples, number: int) -> Samples:
    """One channel (0 is the left one) of sound of shape (n, 2), on both."""
    return np.repeat(samples[:, [number]], 2, axis=1)


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
