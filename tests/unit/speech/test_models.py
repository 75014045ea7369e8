"""faster-whisper and CTranslate2 translation load and run, on tiny models made here. (SPK-2)"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.speech.engines.ctranslate2 import END, CTranslate2
from app.speech.engines.whisper import Whisper
from app.speech.rest.transcript import Segment
from app.speech.types import RECOGNISER_RATE, SpeechError
from tests.unit.speech import tiny_models


def noise(seconds: float) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, int(seconds * RECOGNISER_RATE)).astype(np.float32)


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Whisper:
    folder = tmp_path_factory.mktemp("models")
    tiny_models.whisper(folder / "tiny")
    engine = Whisper("tiny", "auto", folder)
    engine.load()
    return engine


def test_a_whisper_model_loads_from_its_folder_and_tells_its_languages(whisper: Whisper) -> None:
    assert whisper.device in ("cpu", "cuda")
    assert whisper.languages == ("en",)
    with pytest.raises(SpeechError, match="'es'"):
        whisper.session("es")


def test_whisper_hears_nothing_in_silence(whisper: Whisper) -> None:
    session = whisper.session("en")
    session.feed(np.zeros(RECOGNISER_RATE, np.float32))

    assert session.commit(1.0, pause=True) == []


@pytest.mark.parametrize("sentencepiece", [False, True])
def test_an_opus_model_translates_the_pair_in_its_name(tmp_path: Path, sentencepiece: bool) -> None:
    tiny_models.translator(tmp_path / "opus-mt-en-es", nllb=False, sentencepiece=sentencepiece)
    engine = CTranslate2("opus-mt-en-es", "cpu", tmp_path)
    engine.load()

    assert engine.pairs == (("en", "es"),)
    assert engine.source_tokens("the rain", "en")[-1] == END
    assert isinstance(engine.translate("the rain in the morning", "en", "es"), str)
    assert engine.translate("  ", "en", "es") == ""
    with pytest.raises(SpeechError, match="en-fr"):
        engine.translate("the rain", "en", "fr")


def test_an_nllb_model_is_told_both_languages(tmp_path: Path) -> None:
    tiny_models.translator(tmp_path / "nllb", nllb=True, sentencepiece=False)
    engine = CTranslate2("nllb", "cpu", tmp_path)
    engine.load()

    assert set(engine.pairs) == {(a, b) for a in ("en", "es", "fr") for b in ("en", "es", "fr") if a != b}
    tokens = engine.source_tokens("the rain", "en")
    assert (tokens[0], tokens[-1]) == ("eng_Latn", END)
    text = engine.translate("the rain", "en", "fr")
    assert "fra_Latn" not in text
    assert END not in text


def test_whisper_takes_several_phrases_of_a_file_at_once(whisper: Whisper) -> None:
    noise = np.random.default_rng(3).normal(0, 0.2, 2 * RECOGNISER_RATE).astype(np.float32)
    segments, language = whisper.transcribe_batch([noise, noise, noise], "", "", "transcribe")

    assert language == "en"
    assert segments
    assert all(0.0 <= segment.start <= segment.end <= 6.0 for segment in segments)
    assert all(0.0 <= word.start <= word.end <= 6.0 for segment in segments for word in segment.words)


def test_whisper_of_many_languages_finds_them_out_and_translates(tmp_path: Path) -> None:
    tiny_models.whisper(tmp_path / "tiny", ("en", "es", "de"))
    engine = Whisper("somebody/tiny", "cpu", tmp_path)
    engine.load()
    sound = [noise(2.0)]
    said, found = engine.transcribe_batch(sound, "", "", "transcribe")
    translated, told = engine.transcribe_batch(sound, "es", "", "translate")

    assert {"en", "es", "de"} <= set(engine.languages)
    assert found in ("en", "es", "de")
    assert told == "es"
    # What it says is gibberish; that its scores differ shows that it was told to translate.
    assert scores(translated) != scores(engine.transcribe_batch(sound, "es", "", "transcribe")[0])
    assert scores(said) == scores(engine.transcribe_batch(sound, found, "", "transcribe")[0])


def scores(segments: list[Segment]) -> list[float]:
    assert segments
    return [segment.average_log_probability for segment in segments]
