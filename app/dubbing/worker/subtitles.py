"""Which two bytes of captions each picture carries. Pure: times in, pairs out.

Rows roll up (RU2). A phrase is often known only shortly before it is heard, and a pop-on caption would be
seen only when all of it has been sent, a second and more at two bytes a picture; a rolling one is seen from
its first letters on, which are sent to be there when the sound begins. No row has to be erased to make room
for the next.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable

from app.dubbing.worker.cea608 import LEAD, NOTHING, Pair, erase_pairs, row_pairs, rows

SHOWN_AFTER = 2.0
"""Seconds that the rows stay after the end of a phrase that none follows."""
SPREAD = 0.6
"""The part of a phrase in which its rows begin: the last one must have been sent before the next phrase."""
LONGEST_INTERVAL = 0.1
MOST_WAITING = 64
REORDERED = 16
"""Pictures that can come between a picture and one that is shown before it, at most."""


class Subtitles:
    """Rows that wait for their time, and what is being sent. All times in seconds on the output's timeline.

    Not safe for threads: its user has a lock.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[float, float, str]] = []
        self._sending: deque[Pair] = deque()
        self._ordered: dict[float, Pair] = {}
        self._hide_at = 0.0
        self._shown = False
        self._last = 0.0
        self._interval = LONGEST_INTERVAL

    def add(self, start: float, end: float, text: str) -> None:
        """Shows the text from `start` to `end`; a row after another, each as the text before it is said."""
        found = rows(text)
        pace = SPREAD * (end - start) / max(sum(map(len, found)), 1)
        before = 0
        for row in found:
            heapq.heappush(self._waiting, (start + pace * before, end, row))
            before += len(row)
        # Where no picture leaves, nothing takes them.
        while len(self._waiting) > MOST_WAITING:
            heapq.heappop(self._waiting)

    def clear(self) -> None:
        """What is to come isn't shown, and what is shown goes."""
        self._waiting.clear()
        self._sending.clear()
        self._hide_at = self._last

    def pair(self, time: float, stamp: float, following: Iterable[float]) -> Pair:
        """The pair of the picture that is shown at `time`.

        Decoders read captions in the order in which pictures are shown: `stamp` is when this one is, on its
        source's clock, and `following` when those are that leave after it, as far as they are known.
        """
        for earlier in sorted(each for each in following if each < stamp and each not in self._ordered):
            self._ordered[earlier] = self._next(time + earlier - stamp)
        found = self._ordered.pop(stamp, None) or self._next(time)
        while len(self._ordered) > REORDERED:
            del self._ordered[next(iter(self._ordered))]
        return found

    def _next(self, time: float) -> Pair:
        self._interval = min(max(time - self._last, 0.001), LONGEST_INTERVAL)
        self._last = time
        while self._waiting and self._waiting[0][1] + SHOWN_AFTER < time:
            heapq.heappop(self._waiting)
        if not self._sending:
            if self._waiting and self._waiting[0][0] - LEAD * self._interval <= time:
                _, end, row = heapq.heappop(self._waiting)
                self._sending.extend(row_pairs(row))
                self._hide_at, self._shown = max(end, time) + SHOWN_AFTER, True
            elif self._shown and time >= self._hide_at:
                self._sending.extend(erase_pairs())
                self._shown = False
        return self._sending.popleft() if self._sending else NOTHING
