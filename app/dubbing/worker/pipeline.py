"""What a worker's two ends share: timeline, delay line, mixer, phrases and the way to the speech hosts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.dubbing.messages import Caption, Phrase, WorkerConfig
from app.dubbing.worker.delay_line import DelayLine
from app.dubbing.worker.listener import Listener
from app.dubbing.worker.mixer import SAMPLE_RATE, Mixer
from app.dubbing.worker.output import Output, OutputError
from app.dubbing.worker.phrases import Phrases
from app.dubbing.worker.profiles import PROFILES
from app.dubbing.worker.recorder import Recorder
from app.dubbing.worker.source import Item, Source, VideoData, VideoPacket
from app.dubbing.worker.sts_client import Answer, StsClient
from app.dubbing.worker.timeline import Timeline
from app.speech.cutter import Cut, Rules
from app.speech.protocol import Config

MOST_BYTES = 64 << 20
SPARE_SECONDS = 3.0
JOIN_WITHIN = round(0.02 * SAMPLE_RATE)


@dataclass(frozen=True)
class Shape:
    """What readers of the output had to be told when it began: the video codec, or None."""

    video: str | None


class Pipeline:
    """Takes items from the source to their places; the publisher takes them from there.

    `lock` guards the timeline, the delay line and the mixer.
    """

    def __init__(self, config: WorkerConfig, tell: Callable[[Caption | Phrase], None]) -> None:
        self.profile = PROFILES[config.profile]
        self.lock = threading.RLock()
        self.timeline = Timeline(self.profile.delay)
        self.delay_line: DelayLine[VideoData] = DelayLine(MOST_BYTES)
        self.mixer = Mixer(self.profile.delay + SPARE_SECONDS)
        self.recorder = Recorder(tell, self.profile.longest_phrase, config.record)
        self.phrases = Phrases(
            self.profile, self.mixer, self.lock, self.playhead, self.recorder.tell, self.recorder.placed
        )
        self.speech = StsClient(
            config.sts_addresses,
            Config(
                source=config.source_language,
                target=config.language,
                voice=config.voice,
                profile=config.wording,
            ),
            kept_seconds=self.profile.longest_phrase + 2.0,
            on_answer=self._answered,
        )
        self.bypassed = False
        self.spoken = ""
        self.heard = ""
        self.engines: tuple[str, ...] = ()
        self.note = ""
        self.shape: Shape | None = None
        self._source: Source | None = None
        self._listener = Listener(
            Rules(longest=self.profile.longest_phrase, window=self.profile.cut_window),
            self._send_sound,
            self._ask,
        )
        self._next_sound: int | None = None

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
            placed = self.timeline.place("audio", item.time, item.arrival)
            if placed is None:
                return
            position = self._join(round(placed * SAMPLE_RATE))
            self.mixer.write_original(position, item.samples)
        self._next_sound = position + len(item.samples)
        if not self.bypassed:
            self._listener.hear(position, item.samples)

    def source_lost(self) -> None:
        """The source is about to close: what it has said is dubbed, what comes next stands alone."""
        with self.lock:
            self._source = None
            self.timeline.reconnect()
            self.delay_line.lose()
        self._next_sound = None
        self._listener.pause()

    def bypass(self, on: bool) -> None:
        """Original sound only, or dubbing again; takes effect at once."""
        self.bypassed = on
        if on:
            self.phrases.forget()

    def _take_video(self, item: VideoPacket) -> None:
        placed = self.timeline.place("video", item.time, item.arrival)
        if placed is None:
            self.delay_line.lose()
            return
        packet = item.packet
        self.delay_line.push(placed, packet.size, packet.is_keyframe, packet)

    def _join(self, position: int) -> int:
        """Sound that follows within 20 ms follows at once: timestamps are rounded, sound is not."""
        following = self._next_sound
        if following is not None and abs(position - following) <= JOIN_WITHIN:
            return following
        return position

    def _send_sound(self, position: int, pcm: bytes) -> None:
        self.recorder.hear(position, pcm)
        self.speech.send_sound(position, pcm)

    def _ask(self, cut: Cut) -> None:
        if not self.bypassed:
            mark = self.phrases.cut(cut)
            self.recorder.cut(mark.id, mark.start, mark.end)
            self.speech.ask(mark.model_copy(update={"spoken": self.spoken}))

    def _answered(self, answer: Answer) -> None:
        self.heard = answer.language or self.heard
        if answer.dub is not None:
            self.engines, self.note = answer.dub.engines, answer.dub.note
        if not self.bypassed:
            self.phrases.answered(answer)
