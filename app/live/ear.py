"""One connection's recogniser: takes what the gate let through, one piece of work at a time."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

from app.live.agreement import Agreement
from app.speech.cutter import SAMPLE_RATE, Cut
from app.speech.gate import Spoken
from app.speech.sound import from_pcm
from app.speech.types import RecogniserSession, Word

LONGEST_FEED = 2 * SAMPLE_RATE
"""Sound that one piece of work takes at most, so that the others get their turn."""

MOST_AT_ONCE = 16 * SAMPLE_RATE
"""The same for a recogniser that hears all of a phrase anew, which costs hardly more than hearing little."""

STALE = 1.0
"""Seconds of waiting sound that make a partial result not worth finding."""

UNFINISHED = 0.25
"""Seconds before the end of the sound in which a word may be the beginning of a longer one (a choice)."""

SHORTEST_GUESS = SAMPLE_RATE // 2
"""Samples of speech that make a partial result worth finding, where that means to hear all of it anew."""


@dataclass(frozen=True)
class Heard:
    """What a piece of work brought; times in seconds of the connection.

    `settled` are those words of `partial` that don't change any more.
    `waited` is how long the end of a phrase had been known when it was settled, in seconds.
    """

    final: list[list[Word]] = field(default_factory=list)
    partial: list[Word] = field(default_factory=list)
    settled: list[Word] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)


class Ear:
    """What waits for the recogniser, and the work on it. `put` and `work` may be in different threads.

    Where each partial result is found from the sound anew, finding them takes at most half of the time:
    after one, there is none until as long has passed as that one took, waiting for its turn included, and
    none in a pause. So they get rarer the more clients there are, and the end of a phrase finds the
    recogniser free.
    """

    def __init__(self, recogniser: RecogniserSession, hears_anew: bool) -> None:
        self._recogniser = recogniser
        self._hears_anew = hears_anew
        self._items: deque[Spoken | tuple[Cut, float]] = deque()
        # What was put and what was taken, in bytes and in ends of phrases: one thread counts each.
        self._put, self._taken = 0, 0
        self._ends_put, self._ends_taken = 0, 0
        self._agreement = Agreement()
        self._origin: int | None = None
        self._next = 0
        self._asked = 0.0
        self._next_guess = 0.0
        self._unsettled = 0
        self._said: list[Word] = []
        self._speaking = False

    def put(self, items: list[Spoken | Cut]) -> None:
        """Queues what the gate told."""
        now = time.monotonic()
        if not self._items:
            self._asked = now
        self._put += sum(len(item.pcm) for item in items if isinstance(item, Spoken))
        self._ends_put += sum(isinstance(item, Cut) for item in items)
        self._items.extend((item, now) if isinstance(item, Cut) else item for item in items)

    @property
    def waiting(self) -> float:
        """Seconds of sound that wait."""
        return (self._put - self._taken) / 2 / SAMPLE_RATE

    @property
    def idle(self) -> bool:
        """Whether nothing waits."""
        return not self._items

    @property
    def is_final(self) -> bool:
        """Whether the end of a phrase waits: such work goes before partial results."""
        return self._ends_put > self._ends_taken

    def work(self) -> Heard:
        """Hears some of what waits, and settles the phrases that end in it.

        What is being said is not told while the end of a phrase or much sound waits: it is stale then.
        """
        asked = self._asked
        if ended := self._hear():
            return self._settle(ended)
        if self.is_final or self.waiting > STALE:
            return Heard()
        if self._hears_anew:
            return self._guess(asked)
        return Heard(partial=self._moved(self._recogniser.partial()))

    def close(self) -> None:
        """Gives the recogniser back."""
        self._recogniser.close()

    def _hear(self) -> list[tuple[Cut, float]]:
        """Takes up to LONGEST_FEED, or up to the end of a phrase; the ends of phrases that it met.

        A recogniser that hears anew needs as long for three phrases as for one: it takes all that wait.
        """
        most = MOST_AT_ONCE if self._hears_anew else LONGEST_FEED
        ended: list[tuple[Cut, float]] = []
        parts: list[Spoken] = []
        size = 0
        while self._items and (self._hears_anew or not ended):
            item = self._items[0]
            if isinstance(item, tuple):
                ended.append(item)
                self._ends_taken += 1
            elif size >= most or (ended and item.position != (parts[-1].end if parts else self._next)):
                break
            else:
                if parts and parts[-1].end != item.position:
                    self._feed(parts)
                    parts = []
                parts.append(item)
                size += item.end - item.position
                self._taken += len(item.pcm)
            self._items.popleft()
        if parts:
            self._feed(parts)
        return ended

    def _feed(self, parts: list[Spoken]) -> None:
        if self._origin is None or parts[0].position != self._next:
            if self._origin is not None:
                self._recogniser.reset()
            self._origin = parts[0].position
        self._next = parts[-1].end
        self._unsettled += sum(part.end - part.position for part in parts if part.voiced)
        self._speaking = parts[-1].voiced
        self._recogniser.feed(from_pcm(b"".join(part.pcm for part in parts)))

    def _settle(self, ended: list[tuple[Cut, float]]) -> Heard:
        if self._origin is None:
            return Heard([[] for _ in ended])
        self._unsettled = 0
        last, _ = ended[-1]
        until = (last.end - self._origin) / SAMPLE_RATE
        rest = self._agreement.finish(self._moved(self._recogniser.commit(until, last.pause)))
        words, self._said = [*self._said, *rest], []
        phrases = []
        for cut, _ in ended[:-1]:
            phrases.append([word for word in words if word.middle < cut.end / SAMPLE_RATE])
            words = words[len(phrases[-1]) :]
        now = time.monotonic()
        return Heard([*phrases, words], waited=[now - known for _, known in ended])

    def _guess(self, asked: float) -> Heard:
        too_soon = time.monotonic() < self._next_guess or self._unsettled < SHORTEST_GUESS
        if too_soon or not self._speaking:
            return self._so_far()
        words = self._moved(self._recogniser.partial())
        settled = self._agreement.propose(words, self._next / SAMPLE_RATE - UNFINISHED)
        if settled and self._origin is not None:
            self._recogniser.skip(settled[-1].end - self._origin / SAMPLE_RATE)
        self._said += settled
        now = time.monotonic()
        self._next_guess = now + (now - asked)
        return self._so_far()

    def _so_far(self) -> Heard:
        return Heard(partial=[*self._said, *self._agreement.pending], settled=list(self._said))

    def _moved(self, words: list[Word]) -> list[Word]:
        offset = (self._origin or 0) / SAMPLE_RATE
        return [Word(word.text, word.start + offset, word.end + offset) for word in words]
