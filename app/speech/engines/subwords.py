"""Text to a translation model's subwords and back, with whichever tokenizer lies in its folder."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Protocol

from app.speech.types import EngineMissing

SPM_SOURCE = ("source.spm", "sentencepiece.bpe.model", "spm.model", "sentencepiece.model")
SPM_TARGET = ("target.spm", *SPM_SOURCE[1:])


class Subwords(Protocol):
    """Splits source text, joins target subwords."""

    def split(self, text: str) -> list[str]:
        """The subwords of a text."""

    def join(self, tokens: list[str]) -> str:
        """The text of subwords."""


class TokenizerFile:
    """tokenizer.json, as the `tokenizers` library writes it."""

    def __init__(self, path: Path) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(path))

    def split(self, text: str) -> list[str]:
        """The subwords of a text, without special tokens."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).tokens)

    def join(self, tokens: list[str]) -> str:
        """The text of subwords; unknown ones are left out."""
        ids = [self._tokenizer.token_to_id(token) for token in tokens]
        text = self._tokenizer.decode([i for i in ids if i is not None], skip_special_tokens=True)
        return str(text).strip()


class SentencePiece:
    """SentencePiece models, one for each side or one for both."""

    def __init__(self, source: Path, target: Path) -> None:
        if importlib.util.find_spec("sentencepiece") is None:
            raise EngineMissing("this MT_MODEL needs SentencePiece: pip install sentencepiece")
        self._source = _processor(source)
        self._target = _processor(target)

    def split(self, text: str) -> list[str]:
        """The subwords of a text."""
        return list(self._source.encode(text, out_type=str))

    def join(self, tokens: list[str]) -> str:
        """The text of subwords."""
        return str(self._target.decode(tokens)).strip()


def _processor(path: Path) -> Any:
    from sentencepiece import SentencePieceProcessor

    return SentencePieceProcessor(model_file=str(path))


def open_subwords(folder: Path) -> Subwords:
    """The tokenizer in a model's folder: SentencePiece models first, else tokenizer.json."""
    source = next((folder / name for name in SPM_SOURCE if (folder / name).is_file()), None)
    target = next((folder / name for name in SPM_TARGET if (folder / name).is_file()), None)
    if source is not None and target is not None:
        return SentencePiece(source, target)
    if (folder / "tokenizer.json").is_file():
        return TokenizerFile(folder / "tokenizer.json")
    raise EngineMissing(
        f"there is no tokenizer in {folder}: neither tokenizer.json nor source.spm, target.spm"
    )
