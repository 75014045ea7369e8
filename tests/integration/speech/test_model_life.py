"""asr with a Whisper of many languages: translation, and a model that is freed when idle. (SPK-2, SPK-3)"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.speech.conftest import spoken
from tests.integration.speech.test_openai import client, wav
from tests.stack import Stack, wait_for
from tests.unit.speech import tiny_models

TTL = 3.0
FREED_WITHIN = 30.0


def test_a_whisper_translates_is_freed_when_idle_and_back_for_the_next_request(tmp_path: Path) -> None:
    tiny_models.whisper(tmp_path / "data/models/tiny", ("en", "es", "de"))
    chosen = {"ASR_ENGINE": "whisper", "ASR_MODEL": "tiny", "ASR_DEVICE": "cpu", "MODEL_TTL": str(TTL)}
    file = ("a.wav", wav(spoken("The government will help the schools.")))
    with Stack(tmp_path, ("asr",), chosen) as running:
        asr = client(running.settings.asr_port)

        def loaded() -> bool:
            return bool(asr.models.retrieve("whisper-1").loaded)  # type: ignore[attr-defined]

        with pytest.warns(DeprecationWarning, match="deprecated"):
            translated = asr.audio.translations.create(
                model="whisper-1", file=file, response_format="verbose_json"
            )
        written = asr.audio.transcriptions.create(
            model="tiny", file=file, language="es", response_format="verbose_json"
        )
        assert translated.language in ("en", "es", "de")
        assert written.language == "es"
        assert written.duration == pytest.approx(translated.duration)
        assert wait_for("the model freed", lambda: not loaded(), FREED_WITHIN)

        events = list(asr.audio.transcriptions.create(model="whisper-1", file=file, stream=True))
        assert events[-1].type == "transcript.text.done"
        assert loaded()
