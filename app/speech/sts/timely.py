"""Speaks a stream's dubs with its voice while that is quick enough, and with a light one where it is not.

A neural voice takes a good part of the time that its speech lasts; how large a part depends on the machine
and on what else it does. That is measured when the voice is loaded and at every phrase, and a phrase that
would be late is spoken by the light voice instead. A voice that changes from phrase to phrase would be
tiresome: after one that was too slow the light one speaks until a few would have been ready, each time more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from app.speech.auto import FirstThatSpeaks
from app.speech.sts.apart import Role
from app.speech.sts.pace import Pace
from app.speech.types import Samples, Synthesiser, TooSlow

MAY_BE_LATE = 1.9
"""Seconds that a phrase's deadline lets a dub start late, at most (app/dubbing/worker/profiles.py)."""
REST = 5
LONGEST_REST = 80
"""Phrases that must fit before the voice that was too slow for one speaks again, at first and at most."""
MEMORY = 0.3
CALIBRATION = "El gobierno anunció ayer los precios."
"""Two and a half seconds of speech, as phrases mostly have: a longer sentence costs less a second."""


@runtime_checkable
class Hurried(Protocol):
    """An engine that can break off."""

    def speak_within(
        self, text: str, language: str, voice: str, speed: float, seconds: float
    ) -> tuple[Samples, int]:
        """As `speak`. Raises TooSlow after `seconds`."""


class Capacity:
    """How many seconds of work a second of speech takes, in this process. Learns from every phrase."""

    def __init__(self) -> None:
        self.cost = 0.0
        self._quiet = 0.0
        self._lock = threading.Lock()

    def calibrate(self, engine: Synthesiser, language: str) -> None:
        """Measures the engine on one sentence."""
        started = time.monotonic()
        samples, rate = engine.speak(CALIBRATION, language, "")
        took = time.monotonic() - started
        with self._lock:
            self.cost = self._quiet = took * rate / max(1, samples.size)

    def learn(self, took: float, seconds: float) -> None:
        """Takes note of what `seconds` of speech took."""
        if seconds > 0.3:
            with self._lock:
                self.cost += MEMORY * (took / seconds - self.cost)

    def missed(self) -> None:
        """It took longer than was thought; how much longer isn't known."""
        with self._lock:
            self.cost *= 1.0 + MEMORY

    def forget(self) -> None:
        """Nothing was measured this time: a machine that was busy need not be so any more."""
        with self._lock:
            self.cost += MEMORY / REST * (self._quiet - self.cost)


def calibrated(synthesiser: Synthesiser) -> Capacity:
    """The capacity for the engine that may be too slow, where there is one among the loaded."""
    capacity = Capacity()
    for choice in synthesiser.choices if isinstance(synthesiser, FirstThatSpeaks) else ():
        if isinstance(choice, Hurried):
            capacity.calibrate(choice, choice.languages[0])
    return capacity


@dataclass
class Speaker:
    """The voice of one stream. Its `speak` runs in one thread at a time."""

    synthesiser: Synthesiser
    language: str
    voice: str
    pace: Pace
    capacity: Capacity
    spoken: Callable[[str], None] = lambda _: None
    """Told the name of the engine that spoke."""
    name: str = field(default="", init=False)
    """The engine that spoke last."""
    _resting: int = field(default=0, init=False)
    _rest: int = field(default=REST, init=False)

    def speak(
        self, text: str, seconds: float, remaining: float, role: Role | None = None
    ) -> tuple[Samples, int]:
        """The text at a pace that takes about `seconds`, ready in good time before `remaining` is over.

        In the voice of the `role`, where there is one.
        """
        engine, voice = self.synthesiser, role.voice if role else self.voice
        if isinstance(engine, FirstThatSpeaks):
            engine = engine.choice(self.language, voice)
        light = self._light(engine)
        if light is None:
            return self._say(engine, voice, text, seconds, None)
        budget = remaining - MAY_BE_LATE
        needed = self.pace.natural(self.language, voice, text) * self.capacity.cost
        fits = needed < budget
        if self._resting == 0 and fits:
            try:
                spoken = self._say(engine, voice, text, seconds, budget)
                self._rest = max(REST, self._rest - 1)
                return spoken
            except TooSlow:
                self.capacity.missed()
        if self._resting == 0:
            self._resting, self._rest = self._rest, min(LONGEST_REST, 2 * self._rest)
        elif fits:
            self._resting -= 1
        self.capacity.forget()
        other = role.light if role and role.light else light.voices(self.language)[0]
        if not light.has(other, self.language) and isinstance(self.synthesiser, FirstThatSpeaks):
            light = self.synthesiser.choice(self.language, other)
        return self._say(light, other, text, seconds, None)

    def light_pitches(self) -> Mapping[str, float]:
        """The voices of the engines that need no time, with their pitches, best first."""
        if not isinstance(self.synthesiser, FirstThatSpeaks):
            return {}
        light = [choice for choice in self.synthesiser.choices if not isinstance(choice, Hurried)]
        return FirstThatSpeaks(light).pitches(self.language) if light else {}

    def _light(self, engine: Synthesiser) -> Synthesiser | None:
        """The best choice for the language that needs no time; None where `engine` needs none."""
        if not isinstance(self.synthesiser, FirstThatSpeaks) or not isinstance(engine, Hurried):
            return None
        speaking = [choice for choice in self.synthesiser.choices if choice.voices(self.language)]
        return next((choice for choice in speaking if not isinstance(choice, Hurried)), None)

    def _say(
        self, engine: Synthesiser, voice: str, text: str, seconds: float, budget: float | None
    ) -> tuple[Samples, int]:
        speed = self.pace.speed(self.language, voice, text, seconds)
        started = time.monotonic()
        if budget is not None and isinstance(engine, Hurried):
            samples, rate = engine.speak_within(text, self.language, voice, speed, budget)
            self.capacity.learn(time.monotonic() - started, samples.size / rate)
        else:
            samples, rate = engine.speak(text, self.language, voice, speed)
        self.pace.learn(self.language, voice, text, speed, samples.size / rate)
        self.name = engine.name
        self.spoken(engine.name)
        return samples, rate
