"""The transcript of one connection as WhisperLive's messages. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.speech.guards import hallucinated, without_loops
from app.speech.types import Word


@dataclass(frozen=True)
class Segment:
    """A piece of the transcript; times in seconds of the connection."""

    start: float
    end: float
    text: str
    words: tuple[Word, ...] = ()

    def told(self, completed: bool, with_words: bool) -> dict[str, Any]:
        """As the protocol has it: times as text, a space before the first word."""
        document: dict[str, Any] = {
            "start": f"{self.start:.3f}",
            "end": f"{self.end:.3f}",
            "text": f" {self.text}",
            "completed": completed,
        }
        if with_words:
            document["words"] = [
                {"word": f" {word.text}", "start": round(word.start, 3), "end": round(word.end, 3)}
                for word in self.words
            ]
        return document


class Transcript:
    """Finished segments, which never change and never overlap, and what is being said."""

    def __init__(self, shown: int, with_words: bool) -> None:
        self._finished: deque[Segment] = deque(maxlen=shown)
        self._with_words = with_words
        self._until = 0.0
        self._partial = ""

    def partial(self, words: Sequence[Word]) -> list[list[dict[str, Any]]]:
        """What is being said: the messages to send, none where it is nothing new."""
        segment = self._segment(words)
        if segment is None or segment.text == self._partial:
            return []
        self._partial = segment.text
        return [[*self._repeated(), segment.told(False, self._with_words)]]

    def final(self, words: Sequence[Word]) -> tuple[list[list[dict[str, Any]]], Segment | None]:
        """A finished segment and the messages to send; none where nothing was said.

        WhisperLive's client adds the last unfinished text to its subtitles unless it equals the last
        finished one, so the text is told as unfinished first.
        """
        segment = self._segment(words)
        if segment is None or hallucinated(segment.text):
            return [], None
        messages = self.partial(segment.words)
        self._until, self._partial = segment.end, ""
        self._finished.append(segment)
        return [*messages, self._repeated()], segment

    def _repeated(self) -> list[dict[str, Any]]:
        return [segment.told(True, self._with_words) for segment in self._finished]

    def _segment(self, words: Sequence[Word]) -> Segment | None:
        kept = without_loops(words)
        if not kept:
            return None
        moved, until = [], self._until
        for word in kept:
            start = max(word.start, until)
            until = max(word.end, start)
            moved.append(Word(word.text, start, until))
        text = " ".join(word.text for word in moved)
        return Segment(moved[0].start, max(until, moved[0].start + 0.001), text, tuple(moved))
