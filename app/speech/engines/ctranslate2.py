"""Translation by a CTranslate2 model: OPUS-MT (one pair) or NLLB-200 (many languages)."""

from __future__ import annotations

import importlib.util
import itertools
import json
import re
import threading
from pathlib import Path
from typing import Any

from app.speech import device, licences
from app.speech.engines.subwords import Subwords, open_subwords
from app.speech.models.folders import folder_name
from app.speech.types import EngineMissing, SpeechError

NLLB = {
    "ar": "arb_Arab", "bg": "bul_Cyrl", "ca": "cat_Latn", "cs": "ces_Latn", "da": "dan_Latn",
    "de": "deu_Latn", "el": "ell_Grek", "en": "eng_Latn", "es": "spa_Latn", "et": "est_Latn",
    "eu": "eus_Latn", "fa": "pes_Arab", "fi": "fin_Latn", "fr": "fra_Latn", "gl": "glg_Latn",
    "he": "heb_Hebr", "hi": "hin_Deva", "hr": "hrv_Latn", "hu": "hun_Latn", "id": "ind_Latn",
    "it": "ita_Latn", "ja": "jpn_Jpan", "ko": "kor_Hang", "lt": "lit_Latn", "lv": "lvs_Latn",
    "nl": "nld_Latn", "no": "nob_Latn", "pl": "pol_Latn", "pt": "por_Latn", "ro": "ron_Latn",
    "ru": "rus_Cyrl", "sk": "slk_Latn", "sl": "slv_Latn", "sr": "srp_Cyrl", "sv": "swe_Latn",
    "tr": "tur_Latn", "uk": "ukr_Cyrl", "vi": "vie_Latn", "zh": "zho_Hans",
}  # fmt: skip
"""ISO 639-1 codes and NLLB-200's own (FLORES-200 list)."""
OPUS_NAME = re.compile(r"(?:^|[-_])([a-z]{2,3})[-_]([a-z]{2,3})$")
COMPUTE = {"cpu": "int8", "cuda": "float16"}
END = "</s>"
LONGEST = 256


class CTranslate2:
    """One model folder: model.bin, vocabulary, and tokenizer.json or SentencePiece models beside it."""

    name = "ctranslate2"
    licences = (licences.CTRANSLATE2, licences.OPUS_MT_MODELS, licences.NLLB_MODELS)
    memory = 800

    def __init__(self, model: str, wanted_device: str, models_dir: Path) -> None:
        self.model_name = model
        self.folder = models_dir / folder_name(model)
        self.wanted_device = wanted_device
        self.device = "cpu"
        self.many = False
        self.adds_end = False
        self._known: frozenset[str] = frozenset()
        self._subwords: Subwords | None = None
        self._model: Any = None
        self._turn = threading.Lock()

    def load(self) -> None:
        """Loads the model and its tokenizer. Raises EngineMissing, naming the variable."""
        if importlib.util.find_spec("ctranslate2") is None:
            raise EngineMissing("MT_ENGINE=ctranslate2 is not installed: pip install 'voicestack[speech]'")
        if not self.model_name or not (self.folder / "model.bin").is_file():
            raise EngineMissing(
                f"MT_MODEL={self.model_name or '(empty)'}: there is no CTranslate2 model in {self.folder}; "
                "`python -m app models best --pair en-es` fetches one, or put its folder there (model.bin, "
                "vocabulary, tokenizer), for example MT_MODEL=opus-mt-en-es"
            )
        import ctranslate2

        self.device = device.choose(self.wanted_device, "ASR_DEVICE")
        try:
            self._model = ctranslate2.Translator(
                str(self.folder), device=self.device, compute_type=COMPUTE[self.device]
            )
        except (RuntimeError, ValueError) as error:
            raise EngineMissing(f"MT_MODEL={self.model_name} can't be loaded: {error}") from error
        self._subwords = open_subwords(self.folder)
        self._known = vocabulary(self.folder)
        self.many = any(code in self._known for code in NLLB.values())
        self.adds_end = adds_end(self.folder)
        if self.pairs:
            self._run("one", *self.pairs[0])

    def close(self) -> None:
        """Frees the model."""
        self._model = None

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """NLLB: every two languages of its vocabulary. OPUS-MT: the pair in the folder's name."""
        if self.many:
            here = [language for language, code in NLLB.items() if code in self._known]
            return tuple(itertools.permutations(here, 2))
        named = OPUS_NAME.search(self.model_name)
        return ((named.group(1), named.group(2)),) if named else ()

    def supports(self, source: str, target: str) -> bool:
        """Whether the model translates that pair."""
        return (source, target) in self.pairs

    def translate(self, text: str, source: str, target: str, context: str = "") -> str:  # noqa: ARG002
        """The most likely translation. Raises SpeechError."""
        if not self.supports(source, target):
            raise SpeechError(f"the model {self.model_name} does not translate {source}-{target}")
        return self._run(text, source, target) if text.strip() else ""

    def _run(self, text: str, source: str, target: str) -> str:
        if self._model is None or self._subwords is None:
            raise SpeechError("the translator is not loaded")
        with self._turn:
            result = self._model.translate_batch(
                [self.source_tokens(text, source)],
                target_prefix=[[NLLB[target]]] if self.many else None,
                beam_size=2,
                max_decoding_length=LONGEST,
                no_repeat_ngram_size=4,
            )[0]
            tokens = [token for token in result.hypotheses[0] if token not in (END, NLLB.get(target))]
            return self._subwords.join(tokens)

    def source_tokens(self, text: str, source: str) -> list[str]:
        """What the model reads: NLLB's starts with its language, and each ends with END once."""
        if self._subwords is None:
            raise SpeechError("the translator is not loaded")
        tokens = [token for token in self._subwords.split(text) if token != END]
        tokens = [token for token in tokens if token not in NLLB.values()][:LONGEST]
        start = [NLLB[source]] if self.many else []
        return [*start, *tokens, *([] if self.adds_end else [END])]


def vocabulary(folder: Path) -> frozenset[str]:
    """Every token that the model can write, from whichever vocabulary file the converter wrote."""
    for name in ("shared_vocabulary", "target_vocabulary"):
        if (listed := folder / f"{name}.json").is_file():
            return frozenset(json.loads(listed.read_text(encoding="utf-8")))
        if (lines := folder / f"{name}.txt").is_file():
            return frozenset(lines.read_text(encoding="utf-8").splitlines())
    raise EngineMissing(f"there is no shared_vocabulary.json or target_vocabulary.json in {folder}")


def adds_end(folder: Path) -> bool:
    """Whether the model appends the end token to its source by itself (config.json, add_source_eos)."""
    config = folder / "config.json"
    if not config.is_file():
        return False
    return bool(json.loads(config.read_text(encoding="utf-8")).get("add_source_eos", False))
