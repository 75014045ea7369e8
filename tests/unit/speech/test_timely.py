"""A stream's voice is the good one while there is time for it, else a light one. (SPK-1, DUB-2)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import pytest

from app.speech import licences
from app.speech.auto import FirstThatSpeaks
from app.speech.engines.espeak import Espeak
from app.speech.licences import Licence
from app.speech.sts.pace import Pace
from app.speech.sts.timely import MAY_BE_LATE, REST, Capacity, Speaker, calibrated
from app.speech.types import Samples, Synthesiser, TooSlow

TEXT = "Los precios de la energía bajarán"
RATE = 1000


class StandIn:
    """A good voice that takes as long as the test says, on paper."""

    name = "good"
    licences: tuple[Licence, ...] = (licences.KOKORO_MODEL,)
    memory = 1
    device = "cpu"
    languages: tuple[str, ...] = ("es",)
    slow = False

    def load(self) -> None:
        """Nothing to load."""

    def close(self) -> None:
        """Nothing to free."""

    def voices(self, language: str) -> Sequence[str]:
        return ("good",) if language == "es" else ()

    def has(self, voice: str, language: str) -> bool:
        return voice in self.voices(language)

    def pitches(self, language: str) -> Mapping[str, float]:
        return dict.fromkeys(self.voices(language), 0.0)

    def speak(self, _text: str, _language: str, _voice: str, _speed: float = 1.0) -> tuple[Samples, int]:
        return np.ones(2 * RATE, np.float32), RATE

    def speak_within(
        self, text: str, language: str, voice: str, speed: float, _seconds: float
    ) -> tuple[Samples, int]:
        if self.slow:
            raise TooSlow("on paper")
        return self.speak(text, language, voice, speed)


@pytest.fixture
def spoken() -> list[str]:
    """Who spoke, in order."""
    return []


def speaker(good: StandIn, spoken: list[str], cost: float = 0.0) -> Speaker:
    capacity = Capacity()
    capacity.cost = cost
    return Speaker(
        FirstThatSpeaks([good, cast(Synthesiser, Espeak())]), "es", "good", Pace(), capacity, spoken.append
    )


def test_the_good_voice_speaks_while_there_is_time(spoken: list[str]) -> None:
    voice = speaker(StandIn(), spoken)
    for _ in range(3):
        voice.speak(TEXT, 0.0, MAY_BE_LATE + 1.0)
    assert spoken == ["good"] * 3


def test_a_phrase_that_would_be_late_is_spoken_by_the_light_voice(spoken: list[str]) -> None:
    voice = speaker(StandIn(), spoken, cost=0.8)
    samples, rate = voice.speak(TEXT, 0.0, MAY_BE_LATE + 1.0)

    assert spoken == ["espeak"]
    assert voice.name == "espeak"
    assert samples.size / rate > 1.0


def test_one_that_takes_longer_than_thought_is_broken_off_within_the_phrase(spoken: list[str]) -> None:
    good = StandIn()
    good.slow = True
    voice = speaker(good, spoken, cost=0.1)
    voice.speak(TEXT, 0.0, MAY_BE_LATE + 1.0)

    assert spoken == ["espeak"]
    assert voice.capacity.cost > 0.1 * 0.9


def test_the_voice_does_not_change_from_phrase_to_phrase_and_rests_longer_each_time(
    spoken: list[str],
) -> None:
    good = StandIn()
    voice = speaker(good, spoken)
    rests = []
    for _ in range(3):
        good.slow = True
        voice.speak(TEXT, 0.0, MAY_BE_LATE + 1.0)
        good.slow = False
        before = len(spoken)
        while spoken[-1] == "espeak":
            voice.speak(TEXT, 0.0, MAY_BE_LATE + 1.0)
        rests.append(len(spoken) - before - 1)

    assert rests[0] == REST
    assert rests == sorted(set(rests))


def test_an_only_voice_speaks_however_little_time_there_is(spoken: list[str]) -> None:
    voice = Speaker(StandIn(), "es", "good", Pace(), Capacity(), spoken.append)
    voice.speak(TEXT, 0.0, 0.1)
    assert spoken == ["good"]


def test_what_was_measured_on_a_busy_machine_is_forgotten_by_and_by() -> None:
    capacity = Capacity()
    capacity.calibrate(StandIn(), "es")
    quiet = capacity.cost
    for _ in range(10):
        capacity.learn(4.0, 2.0)
    assert capacity.cost > 1.5
    for _ in range(100):
        capacity.forget()
    assert capacity.cost == pytest.approx(quiet, abs=0.01)


def test_only_a_voice_that_can_be_too_slow_is_measured() -> None:
    assert calibrated(cast(Synthesiser, Espeak())).cost == 0.0
    assert calibrated(FirstThatSpeaks([StandIn(), cast(Synthesiser, Espeak())])).cost > 0.0
