"""Which names of voices a client may ask for: what is listed, and nothing that leads elsewhere. (SPK-6)"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import cast

import pytest

from app.speech.auto import FirstThatSpeaks
from app.speech.engines.espeak import Espeak, variant_names
from app.speech.engines.piper import Piper
from app.speech.protocol import Config
from app.speech.rest.errors import ApiError
from app.speech.sts.session import BadMessage, parse
from app.speech.tts.voices import choose
from app.speech.types import SpeechError, Synthesiser

CLIMBING = "es+../../../../../../../../etc/passwd"
NOT_LISTED = (
    CLIMBING,
    "es+nosuch",
    "es+",
    "es+f3+f3",
    "es\0",
    "es+f3\0",
    "\0",
    "es\n",
    "-h",
    "roa/es",
    "es+F3",
)


@pytest.fixture(scope="module")
def engine() -> FirstThatSpeaks:
    """What TTS_ENGINE=auto makes."""
    return FirstThatSpeaks([cast(Synthesiser, Piper(Path("no-such-folder"))), cast(Synthesiser, Espeak())])


@pytest.mark.parametrize("voice", NOT_LISTED)
def test_a_voice_or_variant_that_is_not_listed_is_refused(engine: FirstThatSpeaks, voice: str) -> None:
    for language in ("es", ""):
        with pytest.raises(ApiError) as raised:
            choose(engine, voice, language, "en")
        assert (raised.value.status, raised.value.code) == (404, "voice_not_found")
    assert not engine.has(voice, "es")
    for speaker in (engine, Espeak()):
        with pytest.raises(SpeechError, match="no voice"):
            speaker.speak("Hola.", "es", voice)


@pytest.mark.parametrize("language", ["es\0", "../../etc", "es+f3", "-h", "xx"])
def test_a_language_that_is_not_listed_has_no_voices_and_is_not_spoken(language: str) -> None:
    assert not Espeak().voices(language)
    with pytest.raises(SpeechError, match="no voice"):
        Espeak().speak("Hola.", language, "")


@pytest.mark.parametrize("voice", ["es", "es-419", "es+f3", "es+Alex", "es+Mr serious"])
def test_listed_voices_and_variants_speak(engine: FirstThatSpeaks, voice: str) -> None:
    assert choose(engine, voice, "es", "en") == (voice, "es")
    samples, rate = engine.speak("Hola.", "es", voice)
    assert samples.size > rate / 10


def test_piper_has_no_variants(engine: FirstThatSpeaks) -> None:
    assert engine.has("en_US-joe-medium", "en")
    assert not engine.has("en_US-joe-medium+f3", "en")


def test_variants_go_by_the_names_of_their_files() -> None:
    listing = (
        "Pty Language       Age/Gender VoiceName          File                 Other Languages\n"
        " 5  variant         --/F      female3            !v/f3                \n"
        " 5  variant         --/M      Mr_Serious         !v/Mr serious        \n"
        " 5  variant         --/M      Storm              !v/Storm             (en-us 5)\n"
    )
    assert variant_names(listing) == ("Mr serious", "Storm", "f3")


def test_every_variant_that_espeak_lists_is_known_by_its_file() -> None:
    listing = subprocess.run(
        ["espeak-ng", "--voices=variant"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(Espeak().variants) == len(listing) - 1


@pytest.mark.parametrize("field", ["voice", "source", "target"])
def test_a_config_message_with_a_control_character_is_a_bad_one(field: str) -> None:
    good = {"source": "en", "target": "es", "voice": "es+f3"}
    assert parse(json.dumps(good), Config).voice == "es+f3"
    for bad in ("es\0", "es\n", "x" * 201):
        with pytest.raises(BadMessage, match=field):
            parse(json.dumps({**good, field: bad}), Config)
