"""From what a publisher sent and a reader received: delay, skew, gaps. Pure collecting."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from app.demo.lines import Event
from app.demo.statistics import Spread, pair_nearest, slope, spread

SETTLING = 3.0
SAME_BEEP = 0.5


@dataclass(frozen=True)
class Figures:
    """What was measured. Times in seconds.

    `delay` is from sending a picture to receiving it, `delay_slope` its trend in seconds an hour;
    `skew` is how much later than its flash a beep is heard, by the output's timestamps;
    `gaps` are holes or overlaps over 5 ms in the sound's timestamps; `longest_stall` the longest time
    in which nothing arrived, 0 where none was over 0.1 s.
    """

    seconds: float
    delay: Spread
    delay_slope: float
    skew: Spread
    gaps: int
    longest_gap: float
    longest_stall: float
    pictures: int
    level: Spread
    problem: str


@dataclass
class Measurement:
    """Collects the events of a publisher and a reader, which come from two threads.

    What arrives in the first 3 s after the reader has connected is left out: it comes in a burst.
    """

    sent: dict[int, float] = field(default_factory=dict)
    delays: list[tuple[float, float]] = field(default_factory=list)
    flashes: list[float] = field(default_factory=list)
    beeps: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    stalls: list[float] = field(default_factory=list)
    levels: list[float] = field(default_factory=list)
    first_at: float | None = None
    last_at: float | None = None
    problem: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def on_sent(self, event: Event) -> None:
        """An event of the publisher."""
        with self._lock:
            if event["type"] == "sent":
                self.sent[event["frame"]] = event["at"]
            elif event["type"] == "problem":
                self.problem = f"publishing: {event['message']}"

    def on_received(self, event: Event) -> None:
        """An event of the reader."""
        with self._lock:
            match event["type"]:
                case "frame":
                    self._frame(event["number"], event["at"])
                case "flash" if self._settled:
                    self.flashes.append(event["pts"])
                case "beep" if self._settled:
                    self.beeps.append(event["pts"])
                case "gap" if self._settled:
                    self.gaps.append(event["seconds"])
                case "stall" if self._settled:
                    self.stalls.append(event["seconds"])
                case "level" if self._settled:
                    self.levels.append(event["level"])
                case "problem":
                    self.problem = f"reading: {event['message']}"

    @property
    def _settled(self) -> bool:
        first, last = self.first_at, self.last_at
        return first is not None and last is not None and last - first >= SETTLING

    @property
    def received(self) -> bool:
        """Whether pictures of the sample have arrived."""
        return self.first_at is not None

    @property
    def latest_delay(self) -> float | None:
        """The picture delay in seconds of the newest picture."""
        return self.delays[-1][1] if self.delays else None

    def _frame(self, number: int, at: float) -> None:
        if self.first_at is None:
            self.first_at = at
        self.last_at = at
        sent = self.sent.get(number)
        if sent is not None and self._settled:
            self.delays.append((at, at - sent))

    def figures(self) -> Figures:
        """Everything measured so far."""
        with self._lock:
            pairs = pair_nearest(self.flashes, self.beeps, SAME_BEEP)
            delays = [delay for _, delay in self.delays]
            return Figures(
                seconds=(self.last_at or 0.0) - (self.first_at or 0.0),
                delay=spread(delays),
                delay_slope=3600 * slope([at for at, _ in self.delays], delays),
                skew=spread([beep - flash for flash, beep in pairs]),
                gaps=len(self.gaps),
                longest_gap=max(map(abs, self.gaps), default=0.0),
                longest_stall=max(self.stalls, default=0.0),
                pictures=len(self.delays),
                level=spread(self.levels),
                problem=self.problem,
            )
