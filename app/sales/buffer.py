"""Groups what was said for a language model, so that it reads whole thoughts and is asked seldom. Pure.

The phrase rules look at every segment at once and need no buffer; docs/decisions/0015-objections.md says
how the two belong together.
"""

from __future__ import annotations

from app.sales.messages import Segment


class Buffer:
    """Segments that wait to be looked at together.

    A group is full with `min_chars` characters, or with `min_segments` segments that span `threshold`
    seconds of the call. Whatever is there is due `threshold` seconds after the first of it arrived, so
    that no last words are left waiting.
    """

    def __init__(self, threshold: float, min_segments: int, min_chars: int) -> None:
        self._threshold = threshold
        self._min_segments = min_segments
        self._min_chars = min_chars
        self._waiting: list[Segment] = []
        self._since = 0.0

    @property
    def deadline(self) -> float | None:
        """When what waits is due, on the clock of `add`; None where nothing waits."""
        return self._since + self._threshold if self._waiting else None

    def add(self, segment: Segment, now: float) -> list[Segment]:
        """Takes a segment in that arrived at `now` (s); gives the group where that made it full or due."""
        if not self._waiting:
            self._since = now
        self._waiting.append(segment)
        return self.take() if self._is_full() else self.due(now)

    def due(self, now: float) -> list[Segment]:
        """The group where it has waited long enough, else nothing."""
        deadline = self.deadline
        return self.take() if deadline is not None and now >= deadline else []

    def take(self) -> list[Segment]:
        """Whatever waits, as at the end of a call."""
        group, self._waiting = self._waiting, []
        return group

    def _is_full(self) -> bool:
        if sum(len(segment.text) for segment in self._waiting) >= self._min_chars:
            return True
        span = max(each.end for each in self._waiting) - min(each.start for each in self._waiting)
        return len(self._waiting) >= self._min_segments and span >= self._threshold
