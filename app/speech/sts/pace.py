"""How fast a dub must be spoken to take the time of its original. Pure."""

from __future__ import annotations

FASTEST = 1.25
FIRST_GUESS = 15.0
MEMORY = 0.2


class Pace:
    """Learns how many characters a second a voice speaks at its natural pace."""

    def __init__(self) -> None:
        self._characters_per_second: dict[tuple[str, str], float] = {}

    def speed(self, language: str, voice: str, text: str, seconds: float) -> float:
        """1.0 (natural) up to FASTEST, so that `text` takes about `seconds`; 1.0 where that is 0."""
        if seconds <= 0:
            return 1.0
        return min(FASTEST, max(1.0, self.natural(language, voice, text) / seconds))

    def natural(self, language: str, voice: str, text: str) -> float:
        """Seconds that `text` takes at the voice's natural pace."""
        return len(text) / self._characters_per_second.get((language, voice), FIRST_GUESS)

    def learn(self, language: str, voice: str, text: str, speed: float, seconds: float) -> None:
        """Takes note of how long `text` took at `speed`."""
        if seconds <= 0.3 or len(text) < 5:
            return
        seen = len(text) / (seconds * speed)
        key = (language, voice)
        known = self._characters_per_second.get(key, seen)
        self._characters_per_second[key] = known + MEMORY * (seen - known)
