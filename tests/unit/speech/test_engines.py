"""Which engine is chosen, where it runs, and what it says when it can't. (SPK-1, SPK-2)"""

from __future__ import annotations

import os
import resource
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import numpy as np
import onnxruntime
import psutil
import pytest

from app.settings import load
from app.speech import device, registry
from app.speech.auto import FirstThatSpeaks, whisper_model
from app.speech.engines import apertium, apertium_text, espeak, piper
from app.speech.engines.ctranslate2 import CTranslate2
from app.speech.engines.identity import Identity
from app.speech.engines.pipe import NullFlushPipe
from app.speech.engines.whisper import Whisper, is_silence
from app.speech.models import places
from app.speech.types import EngineMissing, SpeechError, Synthesiser


@pytest.mark.parametrize(
    ("variables", "names"),
    [
        ({}, ("whisper", "apertium", "auto")),
        ({"ASR_ENGINE": "whisper", "MT_ENGINE": "ctranslate2"}, ("whisper", "ctranslate2", "auto")),
        ({"MT_ENGINE": "identity", "TTS_ENGINE": "piper"}, ("whisper", "identity", "piper")),
        ({"ASR_ENGINE": "pocketsphinx", "TTS_ENGINE": "espeak"}, ("pocketsphinx", "apertium", "espeak")),
    ],
)
def test_engines_are_chosen_by_name(variables: dict[str, str], names: tuple[str, ...]) -> None:
    assert tuple(engine.name for engine in registry.choose(load(variables)).all) == names


def test_every_engine_that_can_be_set_states_its_licence_and_memory() -> None:
    for asr in ("auto", "pocketsphinx", "whisper"):
        for mt in ("apertium", "ctranslate2"):
            for tts in ("auto", "piper", "kokoro", "espeak"):
                engines = registry.choose(load({"ASR_ENGINE": asr, "MT_ENGINE": mt, "TTS_ENGINE": tts}))
                for engine in engines.all:
                    assert engine.licences, engine.name
                    assert engine.memory > 0, engine.name


@pytest.mark.parametrize(
    ("requested", "devices", "chosen"),
    [("cpu", 1, "cpu"), ("auto", 1, "cuda"), ("auto", 0, "cpu"), ("cuda", 2, "cuda")],
)
def test_the_device_follows_what_is_asked_and_what_is_there(
    requested: str, devices: int, chosen: str
) -> None:
    assert device.choose(requested, "ASR_DEVICE", lambda: devices) == chosen


def test_cuda_without_a_gpu_is_an_error_that_names_the_variable() -> None:
    with pytest.raises(EngineMissing, match="TTS_DEVICE=cuda"):
        device.choose("cuda", "TTS_DEVICE", lambda: 0)


def test_a_missing_translation_model_is_an_error_that_names_the_variable_and_the_folder(
    tmp_path: Path,
) -> None:
    with pytest.raises(EngineMissing, match=f"MT_MODEL=opus-mt-en-es.*{tmp_path}"):
        CTranslate2("opus-mt-en-es", "cpu", tmp_path).load()


def test_a_missing_whisper_model_is_an_error_that_names_the_variable(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    with pytest.raises(EngineMissing, match="ASR_MODEL=broken"):
        Whisper("broken", "cpu", tmp_path).load()


def test_a_whisper_segment_is_silence_only_where_both_scores_say_so() -> None:
    assert is_silence(0.9, -1.5)
    assert not is_silence(0.9, -0.5)
    assert not is_silence(0.1, -1.5)


def test_identity_refuses_to_pass_a_text_off_as_a_translation() -> None:
    assert Identity().translate("hello", "en", "en") == "hello"
    assert not Identity().supports("en", "es")
    with pytest.raises(SpeechError, match="en-es"):
        Identity().translate("hello", "en", "es")


def test_apertium_reports_the_pairs_of_its_installed_modes_without_variants(tmp_path: Path) -> None:
    for name in ("eng-spa", "spa-eng", "spa-eng_US", "oci-fra"):
        (tmp_path / f"{name}.mode").write_text("lt-proc 'a.bin'")

    assert set(apertium.Apertium(tmp_path).pairs) == {("en", "es"), ("es", "en"), ("oci", "fr")}


def test_every_program_of_a_mode_flushes_at_null_bytes(tmp_path: Path) -> None:
    mode = tmp_path / "eng-spa.mode"
    mode.write_text("lt-proc '/a b.bin' | apertium-tagger -g $2 '/c.prob' | lt-proc $1 '/d.bin'\n")

    assert apertium.command(mode)[-1] == (
        "lt-proc -z '/a b.bin' | apertium-tagger -z -g  '/c.prob' | lt-proc -z -g '/d.bin'"
    )


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("the rain and i", "The rain and I."),
        ("", ""),
        ("is it [so]?", "is it so ?"),
        ("a^b$c\\d/e", "A b c d e."),
        ("one\x00two", "One two."),
    ],
)
def test_apertium_is_told_a_sentence_without_its_reserved_characters(text: str, prepared: str) -> None:
    assert apertium_text.prepare(text) == prepared


def test_marks_of_unknown_words_are_found_and_taken_out() -> None:
    marked = "El *gubment @x #pagar dicho.[][ ]"

    assert apertium_text.unknown_words(marked) == ("gubment", "x", "pagar")
    assert apertium_text.clean(marked) == "El gubment x pagar dicho."
    assert apertium_text.with_capitals("on tuesday in Paris", ("tuesday", "Paris")) == "on Tuesday in Paris"


def test_a_program_that_never_answers_is_ended_within_its_time() -> None:
    pipe = NullFlushPipe("sleeper", ("/bin/sh", "-c", "cat >/dev/null"), timeout=0.2)
    with pytest.raises(SpeechError, match="no answer"):
        pipe.ask("hello")
    assert pipe.pid is None


def test_a_program_may_take_its_time_to_start_and_none_after_that() -> None:
    slow = ("/bin/sh", "-c", "sleep 0.5; head -c 6; sleep 60")
    pipe = NullFlushPipe("slow to start", slow, timeout=0.2, starting=30.0)
    assert pipe.ask("hello") == "hello"
    with pytest.raises(SpeechError, match=r"within 0\.2 s"):
        pipe.ask("world")


def test_a_program_that_ends_is_started_again_once() -> None:
    pipe = NullFlushPipe("one answer", ("/bin/sh", "-c", "head -c 6"), timeout=5.0)
    assert pipe.ask("hello") == "hello"
    assert pipe.ask("world") == "world"
    assert pipe.starts == 2
    pipe.close()


def test_a_program_answers_a_service_that_has_more_than_a_thousand_files_open() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    pipe = NullFlushPipe("cat", ("/bin/sh", "-c", "cat"), timeout=5.0)
    with ExitStack() as ended:
        ended.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1200), hard))
        ended.callback(pipe.close)
        null = os.open(os.devnull, os.O_RDONLY)
        ended.callback(os.close, null)
        while (latest := os.dup(null)) < 1024:
            ended.callback(os.close, latest)
        ended.callback(os.close, latest)
        assert pipe.ask("x") == "x"


def test_a_program_that_cannot_work_is_told() -> None:
    pipe = NullFlushPipe("broken", ("/bin/sh", "-c", "exit 1"), timeout=5.0)
    with pytest.raises(SpeechError, match="broken ended"):
        pipe.ask("hello")


def test_espeak_voices_leave_out_those_of_a_synthesiser_that_is_not_installed() -> None:
    listing = (
        "Pty Language       Age/Gender VoiceName          File                 Other Languages\n"
        " 3  es-es           --/F      spanish-mbrola-3   mb/mb-es3            (es 3)\n"
        " 5  es-419          --/M      Spanish_(Latin_America) roa/es-419      (es-mx 6)(es 6)\n"
        " 5  es              --/M      Spanish_(Spain)    roa/es\n"
    )
    assert espeak.voice_names(listing, "es") == ("es", "es-419")


def test_a_piper_voice_in_the_folder_is_found_with_its_language_and_comes_first(tmp_path: Path) -> None:
    for name, described in (("es_ES-x", "{}"), ("any", '{"language": {"code": "en_GB"}}')):
        (tmp_path / f"{name}.onnx").write_bytes(b"")
        (tmp_path / f"{name}.onnx.json").write_text(described)
    (tmp_path / "alone.onnx").write_bytes(b"")
    engine = piper.Piper(tmp_path)

    assert list(engine.voices("es")) == ["es_ES-x"]
    assert list(engine.voices("en")) == ["any", "en_US-joe-medium"]
    assert list(engine.voices("de")) == []


def test_a_loaded_piper_has_the_voices_of_its_languages_ready() -> None:
    engine = piper.Piper(Path("no-such-folder"), warm=("es", "en"))
    engine.load()

    assert list(engine._loaded) == ["en_US-joe-medium"]


def test_a_piper_voice_says_a_text_in_the_same_way_after_every_start() -> None:
    spoken = []
    for start in (1, 2):
        onnxruntime.set_seed(start)
        spoken.append(piper.Piper(Path("no-such-folder")).speak("Good morning.", "en", "")[0])

    assert np.array_equal(spoken[0], spoken[1])


def test_a_piper_voice_that_is_broken_is_named_when_it_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "es_ES-x.onnx").write_bytes(b"")
    (tmp_path / "es_ES-x.onnx.json").write_text("{}")
    with pytest.raises(EngineMissing, match="es_ES-x"):
        piper.Piper(tmp_path, warm=("es",)).load()


def test_auto_picks_piper_where_it_has_a_voice_and_espeak_elsewhere() -> None:
    engine = FirstThatSpeaks(
        [cast(Synthesiser, piper.Piper(Path("no-such-folder"))), cast(Synthesiser, espeak.Espeak())]
    )

    assert engine.choice("en", "").name == "piper"
    assert engine.choice("es", "").name == "espeak"
    assert engine.choice("es", "es+f3").name == "espeak"
    with pytest.raises(SpeechError, match="nobody"):
        engine.choice("es", "nobody")


@pytest.mark.parametrize(
    ("variables", "any_language", "model"),
    [
        ({}, False, "tiny.en"),
        ({}, True, "base"),
        ({"SOURCE_LANGUAGE": "es"}, False, "base"),
        ({"ASR_MODEL": "small"}, True, "small"),
    ],
)
def test_auto_takes_the_whisper_model_that_knows_the_language(
    tmp_path: Path, variables: dict[str, str], any_language: bool, model: str
) -> None:
    assert whisper_model(load({"DATA_DIR": str(tmp_path), **variables}), any_language) == model


def test_without_a_model_auto_hears_with_pocketsphinx_and_speaks_without_the_neural_voice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "carried", lambda *_: None)
    engines = registry.choose(load({"DATA_DIR": str(tmp_path)}))

    assert engines.recogniser.name == "pocketsphinx"
    assert registry.speaker(engines.synthesiser, "es", "es") == "espeak"


def test_a_whisper_model_that_cannot_be_loaded_leaves_the_light_recogniser(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "tiny.en"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"not a model")
    recogniser = registry.recogniser(load({"DATA_DIR": str(tmp_path)}))
    assert recogniser.name == "whisper"
    recogniser.load()

    assert recogniser.name == "pocketsphinx"
    assert recogniser.languages == ("en",)
    recogniser.close()


def test_the_licence_table_in_the_documentation_names_every_part() -> None:
    from app.speech.licences import ALL

    table = (Path(__file__).parents[3] / "docs" / "licences.md").read_text(encoding="utf-8")
    for licence in ALL:
        assert f"| {licence.part} |" in table
        assert licence.spdx in table


def test_no_shell_is_left_after_a_pipe_is_closed() -> None:
    pipe = NullFlushPipe("cat", ("/bin/sh", "-c", "cat"), timeout=5.0)
    assert pipe.ask("x") == "x"
    pid = pipe.pid
    pipe.close()
    assert pid is not None
    assert not psutil.pid_exists(pid)
