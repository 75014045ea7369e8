"""Who says a phrase, and which voice each speaker has: pure decisions. (DUB-3)"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.speech.auto import FirstThatSpeaks
from app.speech.engines.espeak import Espeak
from app.speech.engines.pico import Pico
from app.speech.engines.piper import Piper
from app.speech.pitch import median_pitch
from app.speech.protocol import KnownSpeaker, Speakers
from app.speech.sound import Resampler
from app.speech.sts.apart import ONE_VOICE, Ear, Party, Role, Roles
from app.speech.sts.speakers import (
    HIGH,
    MOST_SPEAKERS,
    NEW_FROM,
    SETTLED,
    SHORTEST,
    Company,
    Impression,
    choose,
    unit,
)
from app.speech.types import RECOGNISER_RATE, Samples, Synthesiser

OFFERED = {"her": 220.0, "him": 100.0, "other her": 200.0, "other him": 110.0}


def print_of(who: int, chance: int = 0) -> np.ndarray:
    """A print near that of one of several people, who are far from each other."""
    noise = np.random.default_rng(chance).normal(0, 0.03, 256)
    return unit((np.eye(256)[who] + noise).astype(np.float32))


@st.composite
def phrases(draw: st.DrawFn) -> list[tuple[int, Impression]]:
    """Phrases of up to four people, a fifth apart and half a semitone up and down, of whatever length."""
    found = []
    for number, who in enumerate(draw(st.lists(st.integers(0, MOST_SPEAKERS - 1), min_size=1, max_size=40))):
        seconds = draw(st.floats(0.2, 7.0))
        bend = draw(st.floats(0.971, 1.029))
        found.append((who, Impression(print_of(who, number), 90 * 1.5**who * bend, seconds)))
    return found


@given(phrases(), st.booleans())
def test_nobody_is_two_people_and_short_phrases_are_the_last_one_s(
    said: list[tuple[int, Impression]], by_pitch: bool
) -> None:
    company = Company()
    named: dict[int, int] = {}
    for who, heard in said:
        phrase = replace(heard, print=None) if by_pitch else heard
        before = company
        company = company.heard(phrase)
        if not before.voices:
            named[company.latest] = who
        elif phrase.seconds < SHORTEST:
            assert company == before
        elif company.voices[-1].number not in named:
            assert phrase.seconds >= NEW_FROM
            assert who not in named.values(), "somebody who is known is not new"
            named[company.latest] = who
        elif who in named.values():
            assert named[company.latest] == who
    assert len(company.voices) <= MOST_SPEAKERS


@given(st.lists(st.integers(0, 20), max_size=40))
def test_there_are_never_more_speakers_than_may_be(people: list[int]) -> None:
    company = Company()
    for number, who in enumerate(people):
        company = company.heard(Impression(print_of(who, number), 0.0, 3.0))
    assert len(company.voices) <= MOST_SPEAKERS


def test_a_correction_stands_and_leaves_room_for_another() -> None:
    company = Company()
    for who in range(MOST_SPEAKERS):
        company = company.heard(Impression(print_of(who), 0.0, 3.0))
    corrected = replace(company, same=((2, 1), (3, 2)))
    assert corrected.speaker(corrected.heard(Impression(print_of(1, 9), 0.0, 3.0)).latest) == 1
    assert corrected.speaker(3) == 1
    assert corrected.heard(Impression(print_of(7), 0.0, 3.0)).latest == MOST_SPEAKERS + 1
    assert replace(company, same=((1, 2), (2, 1))).speaker(1) in (1, 2), "a circle ends"


@given(st.lists(st.floats(60, 400), min_size=1, max_size=8))
def test_voices_are_as_high_as_their_speakers_and_stay(pitches: list[float]) -> None:
    roles = Roles(OFFERED, OFFERED)
    first = [roles.role(number, pitch, 5.0, "") for number, pitch in enumerate(pitches, 1)]
    assert all(
        (OFFERED[each.voice] >= HIGH) == (pitch >= HIGH) for each, pitch in zip(first, pitches, strict=True)
    )
    assert [roles.role(number, 100.0, 9.0, "") for number in range(1, len(pitches) + 1)] == first
    assert len({each.voice for each in first[:2]}) == len(first[:2]), "two speakers, two voices"


def test_a_voice_that_turns_out_to_be_too_low_changes_until_it_is_settled() -> None:
    roles = Roles(OFFERED, {})
    assert roles.role(1, 0.0, 1.0, "") == Role("her")
    assert roles.role(1, 95.0, SETTLED - 1, "") == Role("him")
    assert roles.role(1, 190.0, SETTLED + 1, "") == Role("him")
    assert roles.role(1, 190.0, SETTLED + 1, "wanted").voice == "wanted"
    assert choose(100.0, {"alone": 200.0}, []) == "alone"
    assert choose(100.0, {}, []) == ""


def test_another_host_goes_on_with_whom_an_earlier_one_knew(tmp_path: Path) -> None:
    ear = Ear(tmp_path)
    ear.load()
    one = Party(ear, Roles(OFFERED, {}), "es", lambda voice, _: voice in OFFERED)
    assert one.listen(np.zeros(RECOGNISER_RATE, np.float32)) is None, "off until it is told"
    given_voices = {1: "other him", 2: "her"}
    known = tuple(KnownSpeaker(number=n, pitch=100, seconds=9, voice=v) for n, v in given_voices.items())
    one.told(Speakers(known=known, voices={2: "nobody"}))
    assert "no voice 'nobody'" in one.note
    sound = np.zeros(RECOGNISER_RATE // 2, np.float32)
    heard = one.listen(sound)
    told = one.speaker(heard, "")
    assert told is not None
    assert (told[0].number, told[1].voice) == (1, "other him")
    assert one.speaker(None, "") is None
    one.told(Speakers(same={1: 2}))
    told = one.speaker(one.listen(sound), "")
    assert told is not None
    assert (told[0].number, told[1].voice) == (2, "her")
    alone = Party(ear, Roles({"her": 200.0}, {}), "es", lambda *_: True)
    alone.told(Speakers())
    assert ONE_VOICE.format("es") in alone.note
    one.told(Speakers(known=(KnownSpeaker(number=1, print="AAA"),)))
    ear.close()


@pytest.mark.parametrize("engine", [Pico(), Espeak()], ids=lambda each: each.name)
def test_what_an_engine_tells_of_its_voices_pitch_is_so(engine: Pico | Espeak) -> None:
    engine.load()
    offered = engine.pitches("es")
    assert {pitch >= HIGH for pitch in offered.values()} == {True, False}
    for voice, pitch in offered.items():
        assert engine.has(voice, "es")
        samples, rate = engine.speak("Los precios de la energía bajarán antes del verano.", "es", voice)
        heard = median_pitch(Resampler(rate, RECOGNISER_RATE)(samples))
        assert pitch / 1.15 < heard < pitch * 1.15, voice
    engine.close()


@given(st.floats(70, 380))
def test_a_tone_is_as_high_as_it_is(pitch: float) -> None:
    at = np.arange(RECOGNISER_RATE) / RECOGNISER_RATE
    tone = np.sum([np.sin(2 * np.pi * pitch * each * at) / each for each in range(1, 6)], axis=0)
    assert median_pitch((0.1 * tone).astype(np.float32)) == pytest.approx(pitch, rel=0.03)
    noise = np.random.default_rng(1).normal(0, 0.1, RECOGNISER_RATE).astype(np.float32)
    assert median_pitch(noise) == median_pitch(np.zeros(9, np.float32)) == 0.0


class Counted(Piper):
    """Piper, which counts what it says."""

    said = 0

    def speak(self, text: str, language: str, voice: str, speed: float = 1.0) -> tuple[Samples, int]:
        self.said += 1
        return super().speak(text, language, voice, speed)


def test_a_voice_is_measured_only_where_speakers_are_told_apart(tmp_path: Path) -> None:
    ear, piper = Ear(tmp_path), Counted(tmp_path)
    ear.load()
    offered = FirstThatSpeaks([cast(Synthesiser, piper), cast(Synthesiser, Espeak())]).pitches("en")
    [voice] = piper.voices("en")
    party = Party(ear, Roles(offered, {}), "en", piper.has)
    party.told(Speakers(on=False))
    assert (list(offered), voice in offered, piper.said) == ([voice], True, 0)
    party.told(Speakers())
    heard = party.listen(np.zeros(RECOGNISER_RATE // 2, np.float32))
    assert heard is not None
    heard.result()
    assert (piper.said, offered[voice] < HIGH, piper.said) == (1, True, 1)
    ear.close()
