"""Which splices and tags lie in a segment, and how playlists name them. Seconds on the showing's timeline."""

from __future__ import annotations

from dataclasses import dataclass

from app.dubbing.showing import Splice as Told
from app.dubbing.signals.breaks import LONGEST
from app.dubbing.signals.clock import StreamClock
from app.dubbing.signals.kept import Metadata, Signal, Splice

MOST = 64
MOST_TAGS = 1000
OVERDUE = 60.0
"""So long after its planned end a break is still ended by who comes back."""
ROUNDED = 0.002
"""Times are rounded to milliseconds on the way: what is at a segment's first picture is in that segment."""
LATE = 5.0
"""A tag that comes so much after its segment is lost."""


@dataclass
class _Placed:
    splice: Splice
    at: float
    date: float
    id: str
    until: float
    open: bool = True


class Cues:
    """Takes signals in, and gives those of each segment, in order."""

    def __init__(self, clock: StreamClock) -> None:
        self._clock = clock
        self._waiting: list[Splice] = []
        self._open: list[_Placed] = []
        self._tags: list[Metadata] = []

    def take(self, signal: Signal) -> None:
        """The stream carries this."""
        match signal:
            case Splice(cue) if cue.cancelled:
                self._waiting = [each for each in self._waiting if each.cue.event != cue.event]
            case Splice():
                self._waiting = [*self._waiting[1 - MOST :], signal]
            case Metadata():
                self._tags = [*self._tags[1 - MOST_TAGS :], signal]

    def splices(self, at: float, start: float, end: float) -> tuple[Told, ...]:
        """Those in the segment from `start` to `end` that came `at` (Unix), and breaks that go on in it."""
        found: list[Told] = []
        due, self._waiting = self._due(end)
        for splice, placed in due:
            date = at + placed - start
            if splice.cue.kind == "in":
                self._come_back(found, splice, placed, date, start)
                continue
            one = _Placed(splice, placed, date, name_of(splice, date), placed)
            if splice.cue.kind == "out":
                one.until = placed + (splice.cue.seconds or LONGEST)
                self._open = [*self._open[1 - MOST :], one]
            else:
                found.append(told(one))
        going_on = [told(each) for each in self._open if each.until > start or each.at >= start]
        # Who comes back later than planned says so.
        self._open = [
            each for each in self._open if each.until > end or (each.open and each.until > end - OVERDUE)
        ]
        return (*going_on, *found)

    def tags(self, start: float, end: float) -> list[tuple[float, bytes]]:
        """The tags in that segment, each with its time; one that came too late for its own is in the next."""
        found: list[tuple[float, bytes]] = []
        left = []
        for tag in self._tags:
            placed = self._clock.place(tag.ticks)
            if placed is None or placed >= end - ROUNDED:
                left.append(tag)
            elif placed > start - LATE:
                found.append((max(placed, start), tag.tag))
        self._tags = left
        return sorted(found)

    def _due(self, end: float) -> tuple[list[tuple[Splice, float]], list[Splice]]:
        due, waiting = [], []
        for splice in self._waiting:
            placed = self._clock.place(splice.ticks)
            if placed is None or placed >= end - ROUNDED:
                waiting.append(splice)
            else:
                due.append((splice, placed))
        return sorted(due, key=lambda each: each[1]), waiting

    def _come_back(self, found: list[Told], splice: Splice, placed: float, date: float, start: float) -> None:
        """Ends the break that it belongs to, by its event, or whichever is open."""
        before = [each for each in self._open if each.open and each.at < placed]
        own = [each for each in before if each.splice.cue.event == splice.cue.event] or before
        if not own:
            one = _Placed(splice, placed, date, name_of(splice, date), placed)
            found.append(told(one))
            return
        left = own[-1]
        left.until, left.open = max(placed, start + 0.001), False
        section = splice.section.hex().upper()
        found.append(Told(left.id, left.date, "in", section, round(placed - left.at, 3)))


def told(one: _Placed) -> Told:
    """As the showing's index has it."""
    return Told(
        one.id, one.date, one.splice.cue.kind, one.splice.section.hex().upper(), one.splice.cue.seconds
    )


def name_of(splice: Splice, date: float) -> str:
    """What it is called: events' numbers come again, so the second that it is in, too."""
    return f"splice-{splice.cue.event:08X}-{int(date)}"
