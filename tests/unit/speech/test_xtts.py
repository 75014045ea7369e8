"""XTTS through a stand-in for coqui-tts: neither weights nor a GPU can be had here. (SPK-2, SPK-4)"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from app.settings import load
from app.speech import registry
from app.speech.engines.xtts import RATE, Xtts
from app.speech.types import EngineMissing, SpeechError


class StandInModel:
    """Has the methods of TTS.tts.models.xtts.Xtts that we call; speaks a tone as long as the text."""

    def __init__(self) -> None:
        self.device = ""
        self.described: list[list[str]] = []
        self.asked: list[tuple[str, str, float]] = []

    def load_checkpoint(self, _config: Any, checkpoint_dir: str, eval: bool) -> None:
        assert eval
        if not (Path(checkpoint_dir) / "model.pth").is_file():
            raise FileNotFoundError("model.pth")

    def to(self, device: str) -> None:
        self.device = device

    def get_conditioning_latents(self, audio_path: list[str]) -> tuple[str, str]:
        self.described.append(audio_path)
        return ("latents", audio_path[0])

    def inference(
        self, text: str, language: str, _latents: Any, _embedding: Any, speed: float
    ) -> dict[str, Any]:
        self.asked.append((text, language, speed))
        return {"wav": np.full(round(len(text) * 1000 / speed), 0.5, np.float32)}


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> StandInModel:
    """The stand-in, in the place of the package."""
    made = StandInModel()

    class Config:
        def load_json(self, path: str) -> None:
            assert path.endswith("config.json")

    class Factory:
        @staticmethod
        def init_from_config(_config: Any) -> StandInModel:
            return made

    for name in ("TTS", "TTS.tts", "TTS.tts.configs", "TTS.tts.configs.xtts_config", "TTS.tts.models"):
        module = ModuleType(name)
        module.__spec__ = ModuleSpec(name, None)
        monkeypatch.setitem(sys.modules, name, module)
    models = ModuleType("TTS.tts.models.xtts")
    models.Xtts = Factory  # type: ignore[attr-defined]
    sys.modules["TTS.tts.configs.xtts_config"].XttsConfig = Config  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "TTS.tts.models.xtts", models)
    return made


@pytest.fixture
def engine(tmp_path: Path) -> Xtts:
    """An engine with a model folder and two voices."""
    folder = tmp_path / "models/xtts-v2"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.pth").write_bytes(b"weights")
    voices = tmp_path / "voices"
    voices.mkdir()
    for name in ("anna.wav", "bert.wav", "notes.txt"):
        (voices / name).write_bytes(b"sample")
    return Xtts("", "auto", tmp_path / "models", voices, lambda: 0)


def test_a_voice_is_a_sample_and_speaks_every_language(engine: Xtts, model: StandInModel) -> None:
    engine.load()
    samples, rate = engine.speak("Hola.", "es", "anna", 1.25)

    assert engine.voices("es") == ["anna", "bert"]
    assert engine.voices("xx") == ()
    assert (samples.size, rate) == (4000, RATE)
    assert model.asked == [("Hola.", "es", 1.25)]
    assert model.device == "cpu"


def test_a_sample_is_described_once(engine: Xtts, model: StandInModel) -> None:
    engine.load()
    for _ in range(3):
        engine.speak("Hello.", "en", "bert")

    assert len(model.described) == 1


def test_what_is_missing_is_told_with_the_way_to_get_it(engine: Xtts, model: StandInModel) -> None:
    assert model.device == ""
    with pytest.raises(SpeechError, match="not loaded"):
        engine.speak("Hello.", "en", "anna")
    (engine.folder / "model.pth").unlink()
    with pytest.raises(EngineMissing, match="--force"):
        engine.load()
    (engine.folder / "config.json").unlink()
    with pytest.raises(EngineMissing, match="preload --models xtts-v2"):
        engine.load()
    with pytest.raises(SpeechError, match="no voice 'carl'"):
        engine.speak("Hello.", "en", "carl")


def test_cuda_without_a_device_is_an_error(engine: Xtts, model: StandInModel) -> None:
    engine.wanted_device = "cuda"
    with pytest.raises(EngineMissing, match="TTS_DEVICE=cuda"):
        engine.load()
    assert model.device == ""


def test_the_settings_choose_it_by_name(tmp_path: Path) -> None:
    settings = load({"TTS_ENGINE": "xtts", "DATA_DIR": str(tmp_path)})
    engine = registry.FACTORIES["tts"]["xtts"](settings)

    assert engine.name == "xtts"
    with pytest.raises(EngineMissing, match="coqui-tts is not installed"):
        engine.load()
