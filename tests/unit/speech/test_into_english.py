"""Into English from anywhere: what is spoken is found out, corrected, and translated by Whisper. (SPK-7)"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.settings import SettingsError, load
from app.speech.engines.kokoro import Kokoro
from app.speech.engines.piper import Piper
from app.speech.engines.pocketsphinx import PocketSphinx
from app.speech.engines.whisper import LONG_SILENCE, Whisper
from app.speech.guards import plain
from app.speech.models.table import BASE, TINY_EN
from app.speech.sound import Resampler
from app.speech.types import AUTO, RECOGNISER_RATE, Samples, SpeechError

SPANISH = "El presidente viaja a Brasil el martes para firmar un acuerdo comercial."
ENGLISH = "The president travels to Brazil on Tuesday to sign a trade agreement."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the models of their packages are put."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def whisper(folder: Path) -> Whisper:
    """The real base, from its packages."""
    engine = Whisper(BASE, "cpu", folder)
    engine.load()
    return engine


@pytest.fixture(scope="module")
def spanish(folder: Path) -> Samples:
    """SPANISH, spoken."""
    engine = Kokoro(folder)
    engine.load()
    samples, rate = engine.speak(SPANISH, "es", "")
    return Resampler(rate, RECOGNISER_RATE)(samples)


@pytest.fixture(scope="module")
def english() -> Samples:
    """ENGLISH, spoken."""
    samples, rate = Piper(Path("no-voices")).speak(ENGLISH, "en", "")
    return Resampler(rate, RECOGNISER_RATE)(samples)


def test_the_language_is_found_out_and_the_words_are_english(whisper: Whisper, spanish: Samples) -> None:
    session = whisper.session(AUTO, translate=True)
    assert session.language == ""
    session.feed(spanish)

    words = session.commit(spanish.size / RECOGNISER_RATE, pause=True)

    assert session.language == "es"
    assert session.translates
    assert {"president", "brazil"} <= {plain(word.text) for word in words}
    assert all(0 <= word.start < word.end <= spanish.size / RECOGNISER_RATE + 0.01 for word in words)


def test_english_is_written_down_as_it_is(whisper: Whisper, english: Samples) -> None:
    session = whisper.session(AUTO, translate=True)
    session.feed(english)
    words = session.commit(english.size / RECOGNISER_RATE, pause=True)

    assert session.language == "en"
    assert not session.translates
    assert {"president", "brazil"} <= {plain(word.text) for word in words}


def test_another_language_is_noticed_after_a_long_silence_alone(
    whisper: Whisper, spanish: Samples, english: Samples
) -> None:
    session = whisper.session(AUTO, translate=True)
    session.feed(spanish)
    session.commit(spanish.size / RECOGNISER_RATE, pause=True)
    for silence, language in ((LONG_SILENCE / 2, "es"), (LONG_SILENCE, "en")):
        session.reset()
        session.silence(silence)
        session.feed(english)
        session.commit(english.size / RECOGNISER_RATE, pause=True)
        assert session.language == language


def test_a_correction_is_kept_and_can_be_taken_back(whisper: Whisper, spanish: Samples) -> None:
    session = whisper.session(AUTO, translate=True)
    session.listen_for("pt")
    session.feed(spanish)
    session.commit(spanish.size / RECOGNISER_RATE, pause=True)
    assert session.language == "pt"

    session.listen_for(AUTO)
    session.reset()
    session.feed(spanish)
    session.commit(spanish.size / RECOGNISER_RATE, pause=True)
    assert session.language == "es"

    with pytest.raises(SpeechError, match="does not know the language 'xx'"):
        session.listen_for("xx")


def test_silence_has_no_language_and_no_words(whisper: Whisper) -> None:
    session = whisper.session("es", translate=True)
    session.feed(np.zeros(2 * RECOGNISER_RATE, np.float32))
    assert session.commit(2.0, pause=True) == []


def test_models_that_know_english_alone_say_so(folder: Path) -> None:
    tiny = Whisper(TINY_EN, "cpu", folder)
    tiny.load()
    with pytest.raises(SpeechError, match=r"tiny\.en knows en alone"):
        tiny.session(AUTO)
    with pytest.raises(SpeechError, match=r"tiny\.en does not translate"):
        tiny.session("en", translate=True)
    with pytest.raises(SpeechError, match="pocketsphinx knows English"):
        PocketSphinx().session(AUTO)


def test_auto_is_a_source_language_where_an_engine_can_find_it_out() -> None:
    assert load({"SOURCE_LANGUAGE": "auto"}).first_language == "en"
    assert load({"SOURCE_LANGUAGE": "fr"}).first_language == "fr"
    for engine in ({"ASR_ENGINE": "pocketsphinx"}, {"ASR_MODEL": "tiny.en"}):
        with pytest.raises(SettingsError, match=r"SOURCE_LANGUAGE=auto: .* knows English alone"):
            load({"SOURCE_LANGUAGE": "auto"} | engine)
