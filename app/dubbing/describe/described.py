"""A delayed stream with descriptions: they wait for a gap in the dialogue, and are dropped without one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from app.dubbing.describe.dialogue import Dialogue
from app.dubbing.describe.place import BETWEEN, Placement, Sentence, place
from app.dubbing.worker import fit
from app.dubbing.worker.delayed import Delayed, Samples
from app.dubbing.worker.mixer import SAMPLE_RATE as MIX_RATE
from app.dubbing.worker.source import Source
from app.speech.client.voice import Voice
from app.speech.cutter import CHUNK, SAMPLE_RATE

DELAY = 8.0
"""Seconds: time to describe and speak, and to hear a gap to its end before it is played."""
DUCK = 0.5
LATEST = 6.0
"""Seconds after what it tells at which a description may still begin."""
DECIDED = 0.5
"""Seconds before it is played at which a place is fixed."""
MOST_WAITING = 16
LEVEL_OVER = 100
"""Chunks of speech over which its level is taken: 3 s."""


@dataclass(frozen=True)
class _Ready:
    """A sentence, its sound, and the same with short pauses."""

    sentence: Sentence
    rate: int
    sound: Samples
    quick: Samples


class Described(Delayed):
    """Its picture as it came, its sound with sentences in the gaps. `said` and `dropped` count these."""

    def __init__(self) -> None:
        super().__init__(DELAY, DUCK)
        self._voice = Voice(self._chunk, self._step)
        self._dialogue = Dialogue(2 * DELAY)
        self._power = 0.0
        self._silent_until: float | None = None
        self._waiting: list[_Ready] = []
        self._last_id = 0
        self._quiet_from = 0.0
        self.said = 0
        self.dropped = 0

    def hear(self, position: int, samples: Samples) -> None:
        """Listens for speech."""
        self._voice.hear(position, samples)

    def pause(self) -> None:
        """What is not heard may be speech."""
        self._step()
        self._voice.reset()

    def source_opened(self, source: Source) -> None:
        """A source without sound is silent."""
        super().source_opened(source)
        soundless = source.audio is None or bool(source.problem)
        self._silent_until = self._now() if soundless else None

    def say(self, ago: float, new_scene: bool, rate: int, pcm: bytes) -> None:
        """Takes a sentence about what was seen `ago` seconds ago: mono sound, 16 bit.

        A new scene ends what waits to be said of the one before.
        """
        sound = fit.trim(np.frombuffer(pcm, "<i2").astype(np.float32) / 32768.0, rate)
        quick = fit.tighten(sound, rate)
        with self.lock:
            if not self.timeline.started or not len(sound) or len(self._waiting) >= MOST_WAITING:
                self.dropped += 1
                return
            self._last_id += 1
            wanted = self._now() - ago
            sentence = Sentence(
                self._last_id,
                wanted,
                wanted + LATEST,
                len(sound) / rate,
                len(quick) / rate / fit.COMFORTABLE_SPEED,
            )
            if new_scene:
                self._waiting = [self._until(each, wanted) for each in self._waiting]
            self._waiting.append(_Ready(sentence, rate, sound, quick))

    def look(self) -> None:
        """Gives the next sentence its place where it is time to. To be called often."""
        with self.lock:
            self._hear_nothing()
            free_from = max(self.mixer.free_from() / MIX_RATE, self._quiet_from)
            self._drop([each for each in self._waiting if each.sentence.latest < free_from])
            placed = place(self._dialogue.gaps(), [each.sentence for each in self._waiting], free_from)
            if not placed or placed[0].start > self.playhead() + DECIDED:
                return
            ready = next(each for each in self._waiting if each.sentence.id == placed[0].id)
        self._put(ready, placed[0], self._shaped(ready, placed[0].seconds))

    def _put(self, ready: _Ready, placement: Placement, shaped: Samples) -> None:
        with self.lock:
            start = round(placement.start * MIX_RATE)
            if self.mixer.free_from() > start:
                # Shaping took too long: the next look finds another place.
                return
            self.mixer.place(shaped, start)
            self._quiet_from = (start + len(shaped)) / MIX_RATE + BETWEEN
            self.said += 1
            self._waiting.remove(ready)
            told = (ready.sentence.wanted, ready.sentence.id)
            self._drop([e for e in self._waiting if (e.sentence.wanted, e.sentence.id) < told])

    def _shaped(self, ready: _Ready, seconds: float) -> Samples:
        sound = ready.sound if seconds >= ready.sentence.seconds else ready.quick
        speed = max(1.0, len(sound) / ready.rate / seconds)
        return fit.match_level(fit.retime(sound, ready.rate, speed, MIX_RATE), float(np.sqrt(self._power)))

    def _drop(self, gone: list[_Ready]) -> None:
        self.dropped += len(gone)
        ids = {each.sentence.id for each in gone}
        self._waiting = [each for each in self._waiting if each.sentence.id not in ids]

    def _now(self) -> float:
        """Where the source is now."""
        return self.playhead() + DELAY

    def _hear_nothing(self) -> None:
        if self._silent_until is not None and (now := self._now()) > self._silent_until:
            self._dialogue.hear(self._silent_until, now, 0.0)
            self._silent_until = now

    def _chunk(self, position: int, samples: Samples, probability: float) -> None:
        start, end = position / SAMPLE_RATE, (position + CHUNK) / SAMPLE_RATE
        with self.lock:
            if self._dialogue.hear(start, end, probability):
                power = float(np.mean(np.square(samples), dtype=np.float64))
                self._power += (power - self._power) / LEVEL_OVER if self._power else power

    def _step(self) -> None:
        with self.lock:
            self._dialogue.step()

    @staticmethod
    def _until(ready: _Ready, latest: float) -> _Ready:
        sentence = ready.sentence
        return replace(ready, sentence=replace(sentence, latest=min(sentence.latest, latest)))
