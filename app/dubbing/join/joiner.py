"""Cuts a stream into segments at its keyframes, and gives each its sounds and subtitles when these are there.

All times are in seconds on the showing's timeline: when the picture, or the sound, came from the source.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from app.dubbing.captions import Cue, timestamp, webvtt
from app.dubbing.join import encoder
from app.dubbing.join.both import Both
from app.dubbing.join.boxes import VIDEO_RATE, Sample, fragment
from app.dubbing.join.cues import Cues
from app.dubbing.join.events import event_boxes
from app.dubbing.join.matching import Pictures
from app.dubbing.join.sounds import FRAME, RATE, Piece, Sound
from app.dubbing.messages import Caption
from app.dubbing.showing import Picture, Splice
from app.dubbing.signals.clock import ClockMark, StreamClock, tail_of
from app.dubbing.signals.kept import Signal
from app.dubbing.worker.timeline import Timeline

BEHIND = 3.0
"""Pictures that come later than this are lost."""
SHORTEST = 2.0
"""A segment has so much, at the least, where the source goes on."""
LONGEST = 20.0
MOST_BYTES = 64 << 20
GRACE = 1.5
"""How long a sound that is late is waited for."""
MOST_CAPTIONS = 500
VTT_CLOCK = 1 << 33
ORIGINAL = ""


@dataclass(frozen=True)
class Shown:
    """A picture: when it is decoded and how much later it is shown."""

    decoding: float
    shift: float
    key: bool
    data: bytes


@dataclass(frozen=True)
class Cut:
    """A segment that waits for its sounds. It came `at` (Unix); `pictures` may be none."""

    at: float
    start: float
    end: float
    decoded_until: float
    broken: bool
    picture: Picture | None
    pictures: list[Shown] = field(repr=False)


@dataclass(frozen=True)
class Ready:
    """A segment that is whole: the contents of its files by language ("": the original, what is spoken)."""

    cut: Cut
    picture: bytes = field(repr=False)
    sounds: dict[str, bytes] = field(repr=False)
    texts: dict[str, str] = field(repr=False)
    splices: tuple[Splice, ...] = ()


class Joiner:
    """Takes in pictures, sounds and captions, from several threads, and gives segments.

    `begins` is where the showing goes on, in seconds.
    """

    def __init__(self, begins: float) -> None:
        self.lock = threading.RLock()
        self.pictures = Pictures()
        self._clock = StreamClock()
        self._cues = Cues(self._clock)
        self._timeline = Timeline(BEHIND)
        self._begins = begins
        self._original = encoder.Encoder()
        self._next_sound: int | None = None
        self._both: Both | None = None
        self._sounds: dict[str, Sound] = {ORIGINAL: Sound()}
        self._delays: dict[str, float] = {}
        self._captions: dict[tuple[str, int], Caption] = {}
        self._placed: dict[tuple[str, int], tuple[Caption, float]] = {}
        self._waiting: list[Shown] = []
        self._bytes = 0
        self._start: float | None = None
        self._epoch = 0
        self._broken = begins > 0
        self._picture: Picture | None = None
        self._has_picture = False
        self._cuts: deque[Cut] = deque()
        self._grid: int | None = None
        self._number = 0

    def now(self, arrival: float) -> float:
        """What comes from the source at `arrival` (monotonic), without delay, belongs there."""
        return self._begins + self._timeline.playhead(arrival) + BEHIND

    @property
    def started(self) -> bool:
        """Whether anything has come yet."""
        return self._timeline.started

    def languages(self, delays: dict[str, float]) -> None:
        """These are dubbed now, each so many seconds behind its source."""
        with self.lock:
            self._delays = dict(delays)
            for language in delays:
                self._sounds.setdefault(language, Sound())

    def source_opened(self, picture: Picture | None, has_picture: bool) -> None:
        """The source is there (again); `picture` is None where it has none that can be carried."""
        with self.lock:
            self._picture, self._has_picture = picture, has_picture and picture is not None

    def source_lost(self) -> None:
        """What comes next stands alone."""
        with self.lock:
            self._break()
            self._timeline.reconnect()
            self._next_sound = None

    def take_picture(self, decoding: float, shift: float, key: bool, data: bytes, arrival: float) -> None:
        """A picture of the source: `decoding` on its own clock, shown `shift` later."""
        with self.lock:
            placed = self._timeline.place("video", decoding, arrival)
            if placed is None:
                self._break()
                return
            placed += self._begins
            self._see_steps()
            self.pictures.add(data, placed + shift)
            if self._clock.used:
                self._clock.picture(tail_of(data), placed + shift, arrival)
            if not self._has_picture:
                return
            if key:
                self._keyframe(placed, placed + shift)
            if self._start is None:
                return
            if placed - self._start > LONGEST or self._bytes > MOST_BYTES:
                self._break()
                return
            self._waiting.append(Shown(placed, shift, key, data))
            self._bytes += len(data)

    def take_original(self, position: float, samples: encoder.Samples, arrival: float) -> None:
        """Sound of the source, of shape (n, 2) at 48 kHz; `position` in seconds on its own clock."""
        with self.lock:
            placed = self._timeline.place("audio", position, arrival)
            if placed is None:
                return
            at = round((placed + self._begins) * RATE)
            if self._both is not None:
                self._both.put(at, samples, beside=False)
                self._take_both(arrival)
                return
            if self._next_sound is not None and abs(at - self._next_sound) <= FRAME:
                at = self._next_sound
            self._next_sound = at + len(samples)
            if not self._has_picture:
                self._sound_alone(at / RATE)
            self._encode(at, samples)

    def take_background(self, position: float, samples: encoder.Samples, arrival: float) -> None:
        """What goes on beside the voice, which then is the source's other sound."""
        with self.lock:
            placed = self._timeline.beside("audio", position, arrival)
            if placed is None:
                return
            self._both = self._both or Both()
            self._both.put(round((placed + self._begins) * RATE), samples, beside=True)
            self._take_both(arrival)

    def take_one_sound(self) -> None:
        """The source's sound is one again."""
        with self.lock:
            self._both = None

    def take_signal(self, signal: Signal) -> None:
        """What the stream carries beside its picture and sound."""
        with self.lock:
            if isinstance(signal, ClockMark):
                self._clock.mark(signal)
            else:
                self._cues.take(signal)

    def take_dub(self, language: str, at: float, data: bytes) -> None:
        """A frame of a dub, where it belongs on the showing's timeline."""
        with self.lock:
            if language in self._sounds:
                self._sounds[language].put(round(at * RATE), data)

    def take_caption(self, language: str, caption: Caption) -> None:
        """What is said, or a later wording of the same."""
        with self.lock:
            self._captions[language, caption.id] = caption
            if len(self._captions) > MOST_CAPTIONS:
                oldest = next(iter(self._captions))
                del self._captions[oldest]
                self._placed.pop(oldest, None)

    def ready(self, now: float) -> list[Ready]:
        """The segments that are whole at `now` (monotonic)."""
        found = []
        with self.lock:
            while self._cuts and self._is_whole(self._cuts[0], now):
                found.append(self._made(self._cuts.popleft()))
        return found

    def _keyframe(self, decoding: float, shown: float) -> None:
        if self._start is None:
            self._start = shown
            return
        # Half a picture's time: keyframes each two seconds come a little early and a little late.
        if shown - self._start >= SHORTEST - 0.02:
            self._cut(shown, decoding)
            self._start = shown

    def _sound_alone(self, at: float) -> None:
        self._see_steps()
        if self._start is None:
            self._start = at
        while at - self._start >= SHORTEST:
            # As long as frames of sound allow, so that each segment is as long as it says.
            end = self._start + math.floor(SHORTEST * RATE / FRAME) * FRAME / RATE
            self._cut(end, end)
            self._start = end

    def _take_both(self, arrival: float) -> None:
        assert self._both is not None
        for at, samples in self._both.due(self.now(arrival)):
            if not self._has_picture:
                self._sound_alone(at / RATE)
            self._encode(at, samples)

    def _encode(self, at: int, samples: encoder.Samples) -> None:
        for start, data in self._original.encode(at, samples):
            self._sounds[ORIGINAL].put(start, data)

    def _see_steps(self) -> None:
        """What comes after a step of the source's clock does not follow from what came before it."""
        if self._timeline.epochs != self._epoch:
            if self._epoch:
                self._break()
            self._epoch = self._timeline.epochs

    def _break(self) -> None:
        """Whatever comes next does not follow from what came."""
        if self._start is not None and self._waiting:
            step = self._step()
            last = self._waiting[-1]
            end = max(each.decoding + each.shift for each in self._waiting) + step
            self._cut(end, last.decoding + step)
        if self._start is not None:
            self._broken = True
        self._start = None
        self._waiting, self._bytes = [], 0

    def _step(self) -> float:
        """The time from one picture to the next, about."""
        first, last = self._waiting[0].decoding, self._waiting[-1].decoding
        return (last - first) / (len(self._waiting) - 1) if len(self._waiting) > 1 else 0.04

    def _cut(self, end: float, decoded_until: float) -> None:
        assert self._start is not None
        if self._has_picture and not self._waiting:
            return
        picture = self._picture if self._has_picture else None
        # When this came, by the clock of the world.
        at = time.time() - (self.now(time.monotonic()) - self._start)
        self._cuts.append(Cut(at, self._start, end, decoded_until, self._broken, picture, self._waiting))
        self._waiting, self._bytes, self._broken = [], 0, False

    def _is_whole(self, cut: Cut, now: float) -> bool:
        until = round(cut.end * RATE) + FRAME
        for language, sound in self._sounds.items():
            if language != ORIGINAL and language not in self._delays:
                continue
            if sound.until >= until:
                continue
            if self.now(now) < cut.end + self._delays.get(language, 0.0) + GRACE:
                return False
        return True

    def _made(self, cut: Cut) -> Ready:
        start, end = round(cut.start * RATE), round(cut.end * RATE)
        if cut.broken or self._grid is None or abs(self._grid - start) > FRAME:
            self._grid = start
        count = max(1, math.ceil((end - self._grid) / FRAME - 0.5))
        grid, self._grid = self._grid, self._grid + count * FRAME
        number, self._number = self._number, self._number + 1
        original = self._sounds[ORIGINAL].take(grid, count, lambda _: encoder.silence())
        sounds = {ORIGINAL: fragment_of(number, original)}
        for language, sound in self._sounds.items():
            if language == ORIGINAL:
                continue
            piece = sound.take(grid, count, lambda n: original.frames[n])
            if piece.own:
                sounds[language] = fragment_of(number, piece)
        picture = b""
        if cut.pictures:
            events = event_boxes(number, self._cues.tags(cut.start, cut.end))
            begins = round(cut.pictures[0].decoding * VIDEO_RATE)
            picture = fragment(number, begins, samples_of(cut), events)
        splices = self._cues.splices(cut.at, cut.start, cut.end)
        return Ready(cut, picture, sounds, self._texts(cut), splices)

    def _texts(self, cut: Cut) -> dict[str, str]:
        cues: dict[str, list[Cue]] = {}
        spoken = min(self._delays, default=None)
        for (language, id), caption in self._captions.items():
            if language not in self._delays:
                continue
            moved = self._moved(cut, language, id)
            start, end = caption.shown_at + moved, caption.hidden_at + moved
            if start >= cut.end or end <= cut.start:
                continue
            cues.setdefault(language, []).append(Cue(start, end, caption.target))
            if language == spoken:
                cues.setdefault(ORIGINAL, []).append(Cue(start, end, caption.source))
        return {language: text_of(cut.start, some) for language, some in cues.items()}

    def _moved(self, cut: Cut, language: str, id: int) -> float:
        """From a caption's time (Unix) to the showing's: the same in each segment that it is in.

        A dub's output is that much behind its source, whose time the showing has.
        """
        caption = self._captions[language, id]
        known = self._placed.get((language, id))
        if known is None or known[0] != caption:
            known = self._placed[language, id] = caption, cut.start - cut.at - self._delays[language]
        return known[1]


def fragment_of(number: int, piece: Piece) -> bytes:
    """A piece of sound as its file."""
    return fragment(number, piece.start, [Sample(data, FRAME) for data in piece.frames])


def samples_of(cut: Cut) -> list[Sample]:
    """The pictures of a segment; each lasts until the next one is decoded."""
    times = [round(each.decoding * VIDEO_RATE) for each in cut.pictures]
    ends = [*times[1:], round(cut.decoded_until * VIDEO_RATE)]
    return [
        Sample(each.data, max(1, end - time), each.key, round(each.shift * VIDEO_RATE))
        for each, time, end in zip(cut.pictures, times, ends, strict=True)
    ]


def text_of(start: float, cues: Iterable[Cue]) -> str:
    """The subtitles of a segment as WebVTT, whose clock the header ties to the picture's."""
    clock = round(start * VIDEO_RATE) % VTT_CLOCK
    head = f"WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:{clock},LOCAL:{timestamp(round(start * 1000))}\n"
    return webvtt(cues).replace("WEBVTT\n", head, 1)
