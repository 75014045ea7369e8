"""A stream played a fixed time after it came, its picture as it is, its sound with more mixed over it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.dubbing.worker.delay_line import DelayLine
from app.dubbing.worker.loudness import Leveller
from app.dubbing.worker.mixer import DUCK, SAMPLE_RATE, Mixer
from app.dubbing.worker.output import Output, OutputError
from app.dubbing.worker.source import Background, Item, Source, VideoData, VideoPacket
from app.dubbing.worker.subtitles import Subtitles
from app.dubbing.worker.timeline import Timeline

Samples = npt.NDArray[np.float32]

MOST_BYTES = 64 << 20
SPARE_SECONDS = 3.0
JOIN_WITHIN = round(0.02 * SAMPLE_RATE)


@dataclass(frozen=True)
class Shape:
    """What readers of the output had to be told when it began: the video codec, or None."""

    video: str | None


class Delayed:
    """Takes items from the source to their places; the publisher takes them from there.

    `delay` is in seconds, `duck` the gain of the original under what is mixed over it, `loudness` what the
    original is brought to in LUFS, None for as it comes. `lock` guards the timeline, the delay line, the
    mixer and the subtitles that the picture carries, None for as it comes. What is heard goes to `hear`;
    `pause` says that it breaks off.
    """

    def __init__(self, delay: float, duck: float = DUCK, loudness: float | None = None) -> None:
        self.lock = threading.RLock()
        self.timeline = Timeline(delay)
        self.delay_line: DelayLine[VideoData] = DelayLine(MOST_BYTES)
        self.mixer = Mixer(delay + SPARE_SECONDS, duck)
        self.subtitles: Subtitles | None = None
        self.shape: Shape | None = None
        self._leveller = None if loudness is None else Leveller(loudness)
        self._whole_leveller: Leveller | None = None
        self._source: Source | None = None
        self._next_sound: int | None = None
        self._next_background: int | None = None

    def hear(self, position: int, samples: Samples) -> None:
        """Original sound of shape (n, 2) at sample `position` (48 kHz), as it comes."""

    def see(self, item: VideoPacket, placed: float) -> None:
        """A picture that is decoded at `placed` on the output's timeline, as it comes."""

    def pause(self) -> None:
        """The original sound stops or jumps."""

    def playhead(self) -> float:
        """The output time that is due to leave now, in seconds."""
        return self.timeline.playhead(time.monotonic())

    def played_out(self) -> bool:
        """Whether everything that was taken in has left."""
        with self.lock:
            return self.playhead() >= max(self.mixer.end / SAMPLE_RATE, self.delay_line.last)

    def source_opened(self, source: Source) -> None:
        """Takes note of what the source is made of."""
        with self.lock:
            self._source = source
            self.shape = Shape(source.video.codec_context.name if source.video else None)

    def prepare_output(self, url: str) -> tuple[Shape, Output]:
        """An output of the source's shape, not connected yet. Raises OutputError without a source."""
        with self.lock:
            if self._source is None or self.shape is None:
                raise OutputError("there is no source to publish")
            return self.shape, Output(url, self._source.video)

    def start_output(self) -> None:
        """The output begins, or goes on after a stall, at the playhead: what was due before is lost."""
        with self.lock:
            self.mixer.skip_to(max(0, round(self.playhead() * SAMPLE_RATE)))

    def take(self, item: Item) -> None:
        """Puts an item of the source in its place."""
        with self.lock:
            if isinstance(item, VideoPacket):
                self._take_video(item)
                return
            if self._source is not None:
                self.mixer.replaces = self._source.roles.apart
            if isinstance(item, Background):
                self._take_background(item)
                return
            placed = self.timeline.place("audio", item.time, item.arrival)
            if placed is None:
                return
            position = joined(round(placed * SAMPLE_RATE), self._next_sound)
            levels = self._leveller is not None and not self.mixer.replaces
            samples = self._leveller.level(item.samples) if levels and self._leveller else item.samples
            self.mixer.write_original(position, samples)
        self._next_sound = position + len(samples)
        self.hear(position, samples)

    def read_sound(self, count: int) -> Samples:
        """The next samples that are heard, shape (count, 2). To be called under `lock`."""
        samples = self.mixer.read(count)
        if self._leveller is None or not self.mixer.replaces:
            return samples
        # Voice and background are loud together: neither tells alone how loud.
        if self._whole_leveller is None:
            self._whole_leveller = Leveller(self._leveller.target)
        return self._whole_leveller.level(samples)

    def source_lost(self) -> None:
        """The source is about to close: what comes next stands alone."""
        with self.lock:
            self._source = None
            self.timeline.reconnect()
            self.delay_line.lose()
        self._next_sound = self._next_background = None
        self.pause()

    def _take_video(self, item: VideoPacket) -> None:
        placed = self.timeline.place("video", item.time, item.arrival)
        if placed is None:
            self.delay_line.lose()
            return
        self.see(item, placed)
        packet = item.packet
        self.delay_line.push(placed, packet.size, packet.is_keyframe, packet)

    def _take_background(self, item: Background) -> None:
        placed = self.timeline.beside("audio", item.time, item.arrival)
        if placed is None:
            return
        position = joined(round(placed * SAMPLE_RATE), self._next_background)
        self.mixer.write_background(position, item.samples)
        self._next_background = position + len(item.samples)


def joined(position: int, following: int | None) -> int:
    """Sound that follows within 20 ms follows at once: timestamps are rounded, sound is not."""
    if following is not None and abs(position - following) <= JOIN_WITHIN:
        return following
    return position
