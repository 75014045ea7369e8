"""Speech by Coqui XTTS: any voice of which VOICES_DIR has a sample, in 17 languages."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.speech import device, licences
from app.speech.models.folders import folder_name
from app.speech.sound import trimmed
from app.speech.types import EngineMissing, Samples, SpeechError

DEFAULT_MODEL = "xtts-v2"
RATE = 24000
SAMPLES = (".wav", ".mp3", ".flac", ".ogg")
MOST_REMEMBERED = 16
"""Voices whose description (what XTTS makes of a sample, about 150 kB) is kept."""
LANGUAGES = (
    "en", "es", "fr", "de", "it", "pt", "pl", "tr", "ru", "nl", "cs", "ar", "zh", "hu", "ko", "ja", "hi",
)  # fmt: skip
"""The languages of XTTS v2 (its config.json)."""
_CODES = {"zh": "zh-cn"}


def torch_cuda_devices() -> int:
    """How many CUDA devices torch sees."""
    import torch

    return int(torch.cuda.device_count())


class Xtts:
    """One model for all requests, which take turns on it."""

    name = "xtts"
    licences = (licences.XTTS, licences.XTTS_MODEL)
    memory = 3000
    languages: tuple[str, ...] = LANGUAGES

    def __init__(
        self,
        model: str,
        wanted_device: str,
        models_dir: Path,
        voices_dir: Path,
        count: Callable[[], int] = torch_cuda_devices,
    ) -> None:
        self.folder = models_dir / folder_name(model or DEFAULT_MODEL)
        self.wanted_device = wanted_device
        self.voices_dir = voices_dir
        self.device = "cpu"
        self._count = count
        self._model: Any = None
        self._voices: dict[Path, tuple[Any, Any]] = {}
        self._turn = threading.Lock()

    def load(self) -> None:
        """Loads the model from its folder. Raises EngineMissing, saying how to get what is missing."""
        if importlib.util.find_spec("TTS") is None:
            raise EngineMissing(
                "TTS_ENGINE=xtts, but coqui-tts is not installed: use the CUDA image, or "
                "pip install 'voicestack[cuda]'"
            )
        if not (self.folder / "config.json").is_file():
            raise EngineMissing(
                f"TTS_ENGINE=xtts, but there is no model in {self.folder}: python -m app preload --models "
                f"{DEFAULT_MODEL} (its licence forbids commercial use; see docs/licences.md)"
            )
        from TTS.tts.configs.xtts_config import XttsConfig
        from TTS.tts.models.xtts import Xtts as Model

        self.device = device.choose(self.wanted_device, "TTS_DEVICE", self._count)
        config = XttsConfig()
        config.load_json(str(self.folder / "config.json"))
        try:
            model = Model.init_from_config(config)
            model.load_checkpoint(config, checkpoint_dir=str(self.folder), eval=True)
            model.to(self.device)
        except Exception as error:
            raise EngineMissing(
                f"the XTTS model in {self.folder} can't be loaded ({type(error).__name__}: {error}); "
                f"python -m app preload --force --models {DEFAULT_MODEL}"
            ) from error
        self._model = model

    def close(self) -> None:
        """Frees the model."""
        with self._turn:
            self._model = None
            self._voices.clear()

    def voices(self, language: str) -> Sequence[str]:
        """The samples in VOICES_DIR: each voice speaks every language."""
        return sorted(self._samples()) if language in self.languages else ()

    def pitches(self, language: str) -> Mapping[str, float]:
        """Its voices; how high each is, isn't known."""
        return dict.fromkeys(self.voices(language), 0.0)

    def has(self, voice: str, language: str) -> bool:
        """Whether it has the voice for the language."""
        return voice in self.voices(language)

    def speak(self, text: str, language: str, voice: str, speed: float = 1.0) -> tuple[Samples, int]:
        """The speech without silence at its edges, in the voice of a sample."""
        samples = self._samples()
        name = voice or next(iter(sorted(samples)), "")
        if name not in samples:
            raise SpeechError(
                f"no voice {name!r}: put a sample of 6 to 30 s into {self.voices_dir}/<voice>.wav"
            )
        with self._turn:
            if self._model is None:
                raise SpeechError("xtts is not loaded")
            latents, embedding = self._described(samples[name])
            spoken = self._model.inference(
                text, _CODES.get(language, language), latents, embedding, speed=speed
            )
        return trimmed(np.asarray(spoken["wav"], np.float32).reshape(-1), RATE), RATE

    def _described(self, sample: Path) -> tuple[Any, Any]:
        if sample not in self._voices:
            while len(self._voices) >= MOST_REMEMBERED:
                del self._voices[next(iter(self._voices))]
            self._voices[sample] = self._model.get_conditioning_latents(audio_path=[str(sample)])
        return self._voices[sample]

    def _samples(self) -> dict[str, Path]:
        if not self.voices_dir.is_dir():
            return {}
        return {file.stem: file for file in self.voices_dir.iterdir() if file.suffix.lower() in SAMPLES}
