"""What of the text on screen has not been told yet: each is told once, when it appears. Pure."""

from __future__ import annotations

from difflib import SequenceMatcher

SHORTEST = 3
"""Letters that a text has at least: a clock or a score would be told again and again."""
ALIKE = 0.75
"""Share from which on two readings are of the same text."""
FORGOTTEN_AFTER = 60.0
"""Seconds without a text after which it is told anew."""
MOST_AT_ONCE = 3
LONGEST = 120
MOST_KNOWN = 200


class Texts:
    """The texts of one source. Times in seconds."""

    def __init__(self) -> None:
        self.waiting: tuple[str, ...] = ()
        """Those that are on screen and have not been told."""
        self._known: dict[str, float] = {}
        """When each text that was told was on screen last."""

    def seen(self, lines: list[str], at: float) -> None:
        """These are on screen now, and no others."""
        self._known = {text: last for text, last in self._known.items() if at - last < FORGOTTEN_AFTER}
        new: list[str] = []
        for line in lines:
            if sum(letter.isalpha() for letter in line) < SHORTEST:
                continue
            told = [text for text in self._known if alike(text, line)]
            self._known.update(dict.fromkeys(told, at))
            if not told and not any(alike(text, line) for text in new):
                new.append(line[:LONGEST])
        self.waiting = tuple(new[:MOST_AT_ONCE])

    def told(self, texts: tuple[str, ...], at: float) -> None:
        """They have been told."""
        self._known.update(dict.fromkeys(texts, at))
        while len(self._known) > MOST_KNOWN:
            del self._known[min(self._known, key=lambda text: self._known[text])]
        self.waiting = tuple(text for text in self.waiting if text not in texts)


def alike(one: str, other: str) -> bool:
    """Whether both are readings of the same text."""
    first, second = (letters(text) for text in (one, other))
    return first == second or SequenceMatcher(None, first, second, autojunk=False).ratio() > ALIKE


def letters(text: str) -> str:
    """Its letters and digits alone, all small."""
    return "".join(each for each in text.casefold() if each.isalnum())
