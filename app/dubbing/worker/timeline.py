"""Source timestamps to one output timeline that only grows, whatever the source does.

Pure: timestamps and arrival times in, output times out. All in seconds.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

AHEAD = 0.5
BACKWARD = 0.5
FORWARD = 2.0
PATIENCE = 1.0
SETTLING = 2.0
SLEW = 0.002


@dataclass
class _Track:
    time: float
    arrival: float
    offset: float
    behind_since: float | None = None


class Timeline:
    """Places packets of all tracks of a source on the output timeline.

    An epoch is a constant offset from source time to output time; a jump of the source's clock, or a
    new connection, opens a new one at the place where the output has arrived. Both the current epoch
    and the one before are kept, because tracks don't jump at the same packet. `base` is the arrival
    time of output time 0 at the least latency seen: arrival - base is where the source is now, and
    everything is played `delay` after that.
    """

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._offsets: list[float] = []
        self._tracks: dict[Hashable, _Track] = {}
        self._base = 0.0
        self._started: float | None = None
        self._settled_at = 0.0
        self._furthest = 0.0
        self._least: float | None = None
        self._least_since = 0.0
        self.epochs = 0

    @property
    def started(self) -> bool:
        """Whether anything has been placed yet."""
        return self._started is not None

    def playhead(self, now: float) -> float:
        """The output time that is due to leave at `now`; negative while the first is still waiting."""
        if self._started is None:
            return -self._delay
        return now - self._base - self._delay

    def reconnect(self) -> None:
        """The source was lost: whatever it sends next stands in no relation to what came before."""
        self._tracks.clear()
        self._offsets.clear()

    def place(self, track: Hashable, time: float, arrival: float) -> float | None:
        """The output time of a packet, or None where it came too late to be played.

        Packets of one track come in decoding order; `time` is the decoding time.
        """
        if self._started is None:
            self._started = arrival
            self._base = arrival
            self._settled_at = arrival + SETTLING
        known = self._tracks.get(track)
        jumped = known is None or self._is_jump(known, time, arrival)
        if known is None:
            known = self._tracks[track] = _Track(time, arrival, 0.0)
        known.time, known.arrival = time, arrival
        if not jumped and -self._delay <= self._ahead(time, known.offset, arrival) <= AHEAD:
            return self._advance(known, time, arrival)
        for offset in self._offsets:
            if abs(self._ahead(time, offset, arrival)) <= AHEAD:
                known.offset = offset
                return self._advance(known, time, arrival)
        if not jumped and self._ahead(time, known.offset, arrival) < 0:
            if known.behind_since is None:
                known.behind_since = arrival
            if arrival - known.behind_since < PATIENCE:
                return None
        self._open(known, time, arrival)
        return self._advance(known, time, arrival)

    def beside(self, track: Hashable, time: float, arrival: float) -> float | None:
        """Where a packet belongs by the clock of a track that is placed, on which it has no influence.

        None before anything was placed. What is far off `track` goes by whatever clock fits it best.
        """
        known = self._tracks.get(track)
        if known is not None and -self._delay <= self._ahead(time, known.offset, arrival) <= FORWARD:
            return time + known.offset
        if not self._offsets:
            return None
        return time + min(self._offsets, key=lambda offset: abs(self._ahead(time, offset, arrival)))

    def _ahead(self, time: float, offset: float, arrival: float) -> float:
        return time + offset - (arrival - self._base)

    def _is_jump(self, previous: _Track, time: float, arrival: float) -> bool:
        step = time - previous.time
        return step < -BACKWARD or step > arrival - previous.arrival + FORWARD

    def _open(self, track: _Track, time: float, arrival: float) -> None:
        start = max(arrival - self._base, self._furthest if self.epochs else 0.0)
        track.offset = start - time
        self._offsets = [track.offset, *self._offsets[:1]]
        self.epochs += 1
        self._least = None
        self._settled_at = arrival + SETTLING

    def _advance(self, track: _Track, time: float, arrival: float) -> float:
        track.behind_since = None
        if track.offset == self._offsets[0]:
            self._follow(self._ahead(time, track.offset, arrival), arrival)
        self._furthest = max(self._furthest, time + track.offset)
        return time + track.offset

    def _follow(self, ahead: float, arrival: float) -> None:
        """Keeps `base` at the least latency: at once while a connection settles, later by slewing.

        What is ahead came faster than any before. Where the least of ten seconds is behind, the
        clocks drift apart, and the pace follows by 2 ms a second at most.
        """
        if ahead > 0 and arrival < self._settled_at:
            self._base -= ahead
            return
        if self._least is None or arrival - self._least_since > 10.0:
            if self._least is not None:
                limit = SLEW * 10.0
                self._base -= max(-limit, min(limit, self._least))
            self._least, self._least_since = ahead, arrival
        else:
            self._least = max(self._least, ahead)
