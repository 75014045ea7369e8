"""A phrase of a text with its words' times, and who said it."""

from __future__ import annotations

from dataclasses import dataclass

from app.speech.types import Word


@dataclass(frozen=True)
class Line:
    """A segment's content. `paragraph`: one begins here."""

    start: float
    end: float
    speaker: str
    words: tuple[Word, ...]
    paragraph: bool = False

    @property
    def text(self) -> str:
        """Its words in a row."""
        return " ".join(word.text for word in self.words)
