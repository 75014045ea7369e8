"""Where a stream's splices leave the programme, on the output's timeline: nothing is dubbed there."""

from __future__ import annotations

from app.dubbing.signals.breaks import Breaks
from app.dubbing.signals.clock import ClockMark, StreamClock, tail_of
from app.dubbing.signals.kept import Signal, Splice
from app.dubbing.start_codes import picture_of
from app.dubbing.worker.mixer import SAMPLE_RATE
from app.dubbing.worker.source import Source, VideoPacket

Spans = tuple[tuple[int, int], ...]


class Untouched:
    """Takes in signals, and pictures at their places. `spans` are the breaks in samples, none if off."""

    def __init__(self, on: bool) -> None:
        self._on = on
        self._clock = StreamClock()
        self._breaks = Breaks()
        self._picture_in = picture_of(None)
        self.spans: Spans = ()

    def turn(self, on: bool) -> None:
        """Whether breaks are left as they are."""
        self._on = on
        self._find()

    def source_opened(self, source: Source) -> None:
        """The source is there (again)."""
        self._picture_in = picture_of(source.video)

    def take(self, signal: Signal) -> None:
        """The stream carries this."""
        match signal:
            case ClockMark():
                self._clock.mark(signal)
            case Splice():
                self._breaks.add(signal)
        self._find()

    def see(self, item: VideoPacket, placed: float) -> None:
        """A picture that is decoded then on the output's timeline."""
        if self._clock.used:
            tail = tail_of(self._picture_in(item.packet))
            self._clock.picture(tail, placed + item.shift, item.arrival)

    def covers(self, position: int) -> bool:
        """Whether that sample is in a break."""
        return any(start <= position < end for start, end in self.spans)

    def _find(self) -> None:
        found = []
        for each in self._breaks.all if self._on else ():
            start = self._clock.place(each.start)
            if start is not None:
                found.append((round(start * SAMPLE_RATE), round((start + each.seconds) * SAMPLE_RATE)))
        self.spans = tuple(found)
