"""SVOX Pico: it speaks, at the pace it is asked for, and what ends its program ends nothing else."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.speech.engines.pico import RATE, VOICES, Pico
from app.speech.types import SpeechError

SENTENCE = "El gobierno anunció ayer que los precios bajarán."


@pytest.fixture(scope="module")
def pico() -> Iterator[Pico]:
    engine = Pico()
    engine.load()
    yield engine
    engine.close()


@pytest.mark.parametrize("language", VOICES)
def test_each_language_is_spoken(pico: Pico, language: str) -> None:
    for voice in pico.voices(language):
        samples, rate = pico.speak("Radio 1, hotel.", language, voice)
        assert rate == RATE
        assert 0.5 < len(samples) / rate < 4
        assert float(np.sqrt(np.mean(np.square(samples)))) > 0.01


def test_a_quicker_pace_is_shorter(pico: Pico) -> None:
    natural, _ = pico.speak(SENTENCE, "es", "")
    quick, _ = pico.speak(SENTENCE, "es", "", 1.25)
    assert 0.7 < len(quick) / len(natural) < 0.95


def test_its_program_is_started_anew_after_it_was_killed(pico: Pico) -> None:
    pico.speak(SENTENCE, "es", "")
    before = pico.pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    psutil.Process(before).wait(5)
    assert len(pico.speak(SENTENCE, "es", "")[0]) > RATE
    assert pico.pid not in (None, before)


def test_a_voice_it_has_not_is_refused(pico: Pico) -> None:
    with pytest.raises(SpeechError, match="no Pico voice"):
        pico.speak("hello", "ja", "")
    with pytest.raises(SpeechError, match="no Pico voice"):
        pico.speak("hello", "en", "../../etc/passwd")


@given(st.text(max_size=200))
def test_no_text_breaks_it(pico: Pico, text: str) -> None:
    """A phrase's text may be anything that a translator makes."""
    with suppress(SpeechError):  # some has nothing to say
        pico.speak(text, "es", "")
    assert len(pico.speak("Uno.", "es", "")[0]) > 1000
