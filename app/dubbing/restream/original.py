"""The original's sound as a second track: frames of AAC at a dub's own times, without a hole.

The dub carries the source's own pictures, by which it is known where the original belongs (app/dubbing/join).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import structlog

from app.backoff import Backoff
from app.dubbing.join.both import Both
from app.dubbing.join.encoder import Encoder, silence
from app.dubbing.join.matching import Pictures, Place
from app.dubbing.join.sounds import FRAME, RATE, Piece, Sound
from app.dubbing.messages import Original
from app.dubbing.start_codes import picture_of
from app.dubbing.tracks import Chosen
from app.dubbing.worker.output import BIT_RATE
from app.dubbing.worker.reach import Reach
from app.dubbing.worker.source import Background, Source, SourceError, VideoPacket, reason
from app.dubbing.worker.source import Sound as Heard

MOST_HELD = 60 * RATE // FRAME
"""Frames that wait for their place."""
LONGEST_STEP = 5 * RATE
LONGEST_BACK = 1.0
TICK = Fraction(1, RATE)

log = structlog.get_logger()


class Second:
    """Reads the source in a thread of its own; `problem` says why it can't. All else is under one lock."""

    def __init__(self, backoff: Backoff) -> None:
        self._backoff = backoff
        self._lock = threading.Lock()
        self._told = threading.Event()
        self._where: Original | None = None
        self._reach = Reach("", Chosen())
        self.problem = ""
        self._forget()

    def tell(self, where: Original) -> None:
        """Where the source is, which of its sounds are heard, and how far behind it the dub."""
        before, self._where = self._where, where
        if before is None or (before.source_url, before.chosen) != (where.source_url, where.chosen):
            self._reach.choose(where.chosen, where.source_url)
        if not where.there:
            self._reach.publisher_gone()
        elif before is not None and not before.there:
            self._reach.wake()
        self._told.set()

    def spoken(self, within: float) -> str | None:
        """The language that is spoken, empty where it is not known, None where nothing is told in time."""
        self._told.wait(within)
        return self._where.spoken if self._where is not None else None

    def start(self) -> None:
        """Begins to read, as soon as it is known where."""
        threading.Thread(target=self._run, name="original", daemon=True).start()

    def begin(self) -> None:
        """The dub is read anew: its times are others."""
        with self._lock:
            self._place, self._sound = Place(), Sound()

    def passed(self, data: bytes | None, at: float, shown: float) -> None:
        """A packet of the dub, decoded `at` and `shown` on its own clock; `data` where it is a picture."""
        arrival = time.monotonic()
        with self._lock:
            latency = self._place.latency(at, arrival)
            if self._ahead is None or self._where is None:
                return
            about = shown + latency - self._ahead - self._where.delay
            if data is not None:
                found = self._pictures.find(data, about)
                if found is not None:
                    self._place.seen(shown, found, arrival)
            else:
                self._place.by_clock(about - shown, arrival)
            if self._place.offset is None:
                return
            while self._held:
                position, frame = self._held.popleft()
                self._sound.put(position - round(self._place.offset * RATE), frame)

    def take(self, start: int, count: int) -> Piece:
        """The `count` frames from there on, in samples of the dub's own times; silence for those missing."""
        with self._lock:
            return self._sound.take(start, count, lambda _: silence())

    def _forget(self) -> None:
        """The source is read anew: its times are others."""
        with self._lock:
            self._pictures, self._place, self._sound = Pictures(), Place(), Sound()
            self._encoder = Encoder()
            self._both: Both | None = None
            self._arrivals = Place()
            self._ahead: float | None = None
            self._next: int | None = None
            self._now = 0.0
            self._held: deque[tuple[int, bytes]] = deque(maxlen=MOST_HELD)

    def _run(self) -> None:
        self._told.wait()
        while True:
            try:
                with self._reach.opened() as source:
                    self._forget()
                    self._take_all(source)
            except SourceError as error:
                self.problem = str(error)
            except Exception as error:
                log.exception("reading the original failed")
                self.problem = reason(error)
            self._reach.rest(self._backoff.next())

    def _take_all(self, source: Source) -> None:
        picture_in = picture_of(source.video)
        for item in source.items():
            self._backoff.reset()
            self.problem = source.problem
            with self._lock:
                self._ahead = self._arrivals.latency(item.time, item.arrival)
                if isinstance(item, VideoPacket):
                    self._pictures.add(picture_in(item.packet), item.time + item.shift)
                elif source.roles.apart:
                    self._hear_both(item, item.arrival - self._ahead)
                else:
                    self._hear(item)
            if self._reach.elsewhere:
                return

    def _hear(self, item: Heard) -> None:
        self._both = None
        at = round(item.time * RATE)
        if self._next is not None and abs(at - self._next) <= FRAME:
            at = self._next
        self._next = at + len(item.samples)
        self._held.extend(self._encoder.encode(at, item.samples))

    def _hear_both(self, item: Heard, now: float) -> None:
        """Voice, or what goes on beside it, where the source is at `now` on its own clock."""
        # Where the clock went back, nothing would be due until it is there again.
        if self._both is None or now < self._now - LONGEST_BACK:
            self._both = Both()
        self._now = now
        self._both.put(round(item.time * RATE), item.samples, beside=isinstance(item, Background))
        for at, samples in self._both.due(now):
            self._held.extend(self._encoder.encode(at, samples))


class Track:
    """The second sound track of a target."""

    def __init__(self, target: Any, language: str) -> None:
        self._stream = target.add_stream("aac", rate=RATE)
        self._stream.layout, self._stream.bit_rate = "stereo", BIT_RATE
        self._stream.metadata["language"] = language
        self._next: int | None = None

    def until(self, second: Second, at: float, begin: float) -> Iterator[av.Packet[Any]]:
        """Its packets up to the dub's own time `at`, whose `begin` is the output's 0."""
        now, zero = round(at * RATE), round(begin * RATE)
        if self._next is None or abs(now - self._next) > LONGEST_STEP:
            self._next = now
        count = (now - self._next) // FRAME
        if count <= 0:
            return
        piece = second.take(self._next, count)
        self._next += count * FRAME
        for number, frame in enumerate(piece.frames):
            packet = av.Packet(frame)
            packet.time_base = TICK
            packet.pts = packet.dts = max(piece.start + number * FRAME - zero, 0)
            packet.duration = FRAME
            packet.stream = self._stream
            yield packet
