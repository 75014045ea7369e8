"""One session's sound and marks in their order, and the recogniser that hears them.

`put_sound` and `put_mark` are cheap and belong to the event loop; `work` does what is waiting, in a
worker thread, one call at a time.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np

from app.speech.protocol import PhraseMark, SpokenWord
from app.speech.sound import Resampler, from_pcm
from app.speech.sts.phrase import Phrase
from app.speech.text.clauses import held
from app.speech.types import RECOGNISER_RATE, Polyglot, RecogniserSession, Samples, SpeechError

LONGEST_BACKLOG = 20.0
LONGEST_FEED = 0.5
STALE_BACKLOG = 1.0
LONGEST_PHRASE = 8.0
"""Seconds of sound that are kept to tell by who says a phrase."""
MOST_SOUNDS = 4000
"""Pieces of sound that may wait, however short they are."""


@dataclass(frozen=True)
class Sound:
    """Sound that waits: the position of its first sample, and its PCM."""

    position: int
    pcm: bytes

    @property
    def end(self) -> int:
        """Position after its last sample."""
        return self.position + len(self.pcm) // 2


@dataclass(frozen=True)
class Mark:
    """A phrase mark that waits; `refused` where it only moves the recogniser on."""

    phrase: Phrase
    refused: bool
    done: Callable[[Phrase, Exception | None], None]


class Lane:
    """Keeps the recogniser on the client's timeline; a step in positions resets it.

    `source` is the language that the session was opened for; `listen` is given each phrase's sound at 16 kHz,
    to tell later who says it.
    """

    def __init__(
        self,
        recogniser: RecogniserSession,
        sample_rate: int,
        source: str = "",
        listen: Callable[[Samples], Future[int] | None] = lambda _: None,
    ) -> None:
        self.recogniser = recogniser
        self.source = source
        self.rate = sample_rate
        self.dropped = 0.0
        self.resets = 0
        self._items: deque[Sound | Mark] = deque()
        self._waiting = 0
        self._sounds = 0
        self._lock = threading.Lock()
        self._resampler = Resampler(sample_rate, RECOGNISER_RATE)
        self._origin: int | None = None
        self._next = 0
        self._held: tuple[SpokenWord, ...] = ()
        self._listen = listen
        self._recent: deque[Samples] = deque()
        self._recent_end = 0

    @property
    def backlog(self) -> float:
        """Seconds of sound that wait."""
        return self._waiting / self.rate

    @property
    def marks(self) -> int:
        """How many marks wait."""
        return len(self._items) - self._sounds

    @property
    def idle(self) -> bool:
        """Whether nothing waits."""
        return not self._items

    def put_sound(self, sound: Sound) -> None:
        """Queues sound; what is over the bound is dropped, oldest first, and counted in `dropped`."""
        with self._lock:
            self._items.append(sound)
            self._sounds += 1
            self._waiting += sound.end - sound.position
            while self.backlog > LONGEST_BACKLOG or self._sounds > MOST_SOUNDS:
                oldest = next(item for item in self._items if isinstance(item, Sound))
                self._items.remove(oldest)
                self._sounds -= 1
                self._waiting -= oldest.end - oldest.position
                self.dropped += (oldest.end - oldest.position) / self.rate

    def put_mark(self, mark: Mark) -> None:
        """Queues a mark, after the sound it is about."""
        with self._lock:
            self._items.append(mark)

    def work(self) -> float:
        """Does the next thing that waits: some sound, or one mark. Returns the seconds of sound heard."""
        item = self._take()
        if isinstance(item, Sound):
            self._hear(item)
            return (item.end - item.position) / self.rate
        if isinstance(item, Mark):
            try:
                self._mark(item)
            except Exception as error:
                item.done(item.phrase, error)
            else:
                item.done(item.phrase, None)
        return 0.0

    def _take(self) -> Sound | Mark | None:
        """The next item; sound that follows on is joined, up to LONGEST_FEED seconds."""
        with self._lock:
            self._drop_stale()
            if not self._items:
                return None
            first = self._items.popleft()
            if isinstance(first, Mark):
                return first
            self._sounds -= 1
            parts, end = [first.pcm], first.end
            while (
                self._items
                and isinstance(following := self._items[0], Sound)
                and following.position == end
                and (following.end - first.position) / self.rate <= LONGEST_FEED
            ):
                self._items.popleft()
                self._sounds -= 1
                parts.append(following.pcm)
                end = following.end
            self._waiting -= end - first.position
            return Sound(first.position, b"".join(parts))

    def _drop_stale(self) -> None:
        """Gives up sound of phrases that nobody waits for any more: decoding it would make the next late too.

        Sound that is missing makes the recogniser start afresh, so it is only done a second behind.
        """
        if self.backlog < STALE_BACKLOG:
            return
        stale = [
            index for index, item in enumerate(self._items) if isinstance(item, Mark) and item.phrase.over
        ]
        if not stale:
            return
        before, after = list(self._items)[: stale[-1]], list(self._items)[stale[-1] :]
        for item in before:
            if isinstance(item, Sound):
                self._sounds -= 1
                self._waiting -= item.end - item.position
                self.dropped += (item.end - item.position) / self.rate
        self._items = deque([*(item for item in before if isinstance(item, Mark)), *after])

    def _hear(self, sound: Sound) -> None:
        if self._origin is None or sound.position != self._next:
            if self._origin is not None:
                self.resets += 1
                self.recogniser.reset()
                if isinstance(self.recogniser, Polyglot):
                    self.recogniser.silence((sound.position - self._next) / self.rate)
            self._origin = sound.position
            self._resampler = Resampler(self.rate, RECOGNISER_RATE)
            self._recent.clear()
            self._recent_end = 0
        self._next = sound.end
        samples = self._resampler(from_pcm(sound.pcm))
        self.recogniser.feed(samples)
        self._keep(samples)

    def _keep(self, samples: Samples) -> None:
        self._recent.append(samples)
        self._recent_end += samples.size
        while (
            sum(each.size for each in self._recent) - self._recent[0].size > LONGEST_PHRASE * RECOGNISER_RATE
        ):
            self._recent.popleft()

    def _sound_of(self, mark: PhraseMark) -> Samples:
        """What was heard of a phrase, at 16 kHz; of a long one its end."""
        assert self._origin is not None
        whole = np.concatenate([*self._recent, np.zeros(0, np.float32)])
        begin = self._recent_end - whole.size
        first, last = (
            (at - self._origin) * RECOGNISER_RATE // self.rate - begin for at in (mark.start, mark.end)
        )
        return whole[max(0, first) : max(0, last)]

    def _mark(self, mark: Mark) -> None:
        phrase = mark.phrase
        started = time.monotonic()
        phrase.waited = started - phrase.arrived
        if self._origin is None:
            return
        until = (phrase.mark.end - self._origin) / self.rate
        if mark.refused or phrase.over:
            self.recogniser.skip(until)
            phrase.check()
            return
        recogniser = self.recogniser
        if isinstance(recogniser, Polyglot):
            if phrase.mark.spoken:
                recogniser.listen_for(phrase.mark.spoken)
        elif phrase.mark.spoken not in ("", self.source):
            raise SpeechError(f"the recogniser here knows {self.source} alone, not {phrase.mark.spoken!r}")
        phrase.whose = self._listen(self._sound_of(phrase.mark))
        words = recogniser.commit(until, phrase.mark.pause)
        if isinstance(recogniser, Polyglot):
            phrase.translated = recogniser.translates
            phrase.language = recogniser.language if recogniser.language != self.source else ""
        phrase.recognise = time.monotonic() - started
        heard = tuple(
            SpokenWord(
                text=word.text,
                start=self._origin + round(word.start * self.rate),
                end=self._origin + round(word.end * self.rate),
            )
            for word in words
        )
        phrase.words = self._whole_clauses(heard, phrase)

    def _whole_clauses(self, heard: tuple[SpokenWord, ...], phrase: Phrase) -> tuple[SpokenWord, ...]:
        """The words to dub now: what the phrase before left, and of these without what had better wait.

        No word waits twice.
        """
        words, self._held = self._held + heard, ()
        if phrase.mark.pause or phrase.translated or not heard:
            return words
        count = min(held(words, phrase.language or self.source, self.rate), len(heard))
        if not count or count == len(words):
            return words
        self._held = words[-count:]
        return words[:-count]
