"""Tiny random models in the real formats: what they say is gibberish, but they load and run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ctranslate2.specs import TransformerSpec
from ctranslate2.specs.whisper_spec import WhisperSpec
from sentencepiece import SentencePieceTrainer
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

WIDTH = 16
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Weights:
    """Fills the layers of a specification with the same random numbers each time."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(3)

    def array(self, *shape: int) -> np.ndarray:
        return self.random.normal(0, 0.2, shape).astype(np.float32)

    def linear(self, layer: Any, rows: int, columns: int = WIDTH) -> None:
        layer.weight = self.array(rows, columns)
        layer.bias = self.array(rows)

    def norm(self, layer: Any) -> None:
        layer.gamma = np.ones(WIDTH, np.float32)
        layer.beta = np.zeros(WIDTH, np.float32)

    def block(self, layer: Any, with_attention: bool) -> None:
        self.norm(layer.self_attention.layer_norm)
        self.linear(layer.self_attention.linear[0], 3 * WIDTH)
        self.linear(layer.self_attention.linear[1], WIDTH)
        if with_attention:
            self.norm(layer.attention.layer_norm)
            self.linear(layer.attention.linear[0], WIDTH)
            self.linear(layer.attention.linear[1], 2 * WIDTH)
            self.linear(layer.attention.linear[2], WIDTH)
        self.norm(layer.ffn.layer_norm)
        self.linear(layer.ffn.linear_0, 2 * WIDTH)
        self.linear(layer.ffn.linear_1, WIDTH, 2 * WIDTH)


def whisper(folder: Path, languages: tuple[str, ...] = ("en",)) -> None:
    """A Whisper of one layer, in the form that faster-whisper loads."""
    folder.mkdir(parents=True)
    heard = [f"<|{language}|>" for language in languages]
    special = ["<|endoftext|>", "<|startoftranscript|>", *heard, "<|translate|>", "<|transcribe|>"]
    special += ["<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
    special += [f"<|{step * 0.02:.2f}|>" for step in range(1501)]
    plain = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *(f"Ġ{letter}" for letter in LETTERS)]
    if len(languages) > 1:
        # CTranslate2 tells a Whisper of many languages by this word, which the English ones lack.
        plain.append("")
    tokens = [*plain, *special]
    tokenizer = Tokenizer(
        models.BPE(
            vocab={token: number for number, token in enumerate(plain)},
            merges=[("Ġ", letter) for letter in LETTERS],
        )
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in special])
    tokenizer.save(str(folder / "tokenizer.json"))

    fill = Weights()
    spec = WhisperSpec(1, 2, 1, 2)
    for convolution, channels in ((spec.encoder.conv1, 80), (spec.encoder.conv2, WIDTH)):
        convolution.weight = fill.array(WIDTH, channels, 3)
        convolution.bias = fill.array(WIDTH)
    spec.encoder.position_encodings.encodings = fill.array(1500, WIDTH)
    fill.norm(spec.encoder.layer_norm)
    fill.block(spec.encoder.layer[0], with_attention=False)
    spec.decoder.embeddings.weight = fill.array(len(tokens), WIDTH)
    spec.decoder.position_encodings.encodings = fill.array(448, WIDTH)
    fill.norm(spec.decoder.layer_norm)
    spec.decoder.projection.weight = spec.decoder.embeddings.weight
    fill.block(spec.decoder.layer[0], with_attention=True)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = []
    spec.config.lang_ids = [tokens.index(token) for token in heard]
    spec.config.alignment_heads = [(0, 0)]
    save(spec, folder, tokens)


def translator(folder: Path, *, nllb: bool, sentencepiece: bool) -> None:
    """A translator of one layer with tokenizer.json, or with SentencePiece models."""
    folder.mkdir(parents=True)
    if sentencepiece:
        pieces = train_sentencepiece(folder)
    else:
        pieces = ["▁", *LETTERS, *(f"▁{letter}" for letter in LETTERS)]
        tokenizer = Tokenizer(models.Unigram([("<unk>", 0.0), *((piece, -2.0) for piece in pieces)], 0))
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        tokenizer.save(str(folder / "tokenizer.json"))
    tokens = ["<unk>", "<s>", "</s>", *pieces, *(["eng_Latn", "spa_Latn", "fra_Latn"] if nllb else [])]

    fill = Weights()
    spec = TransformerSpec.from_config((1, 1), 2)
    spec.encoder.embeddings[0].weight = fill.array(len(tokens), WIDTH)
    spec.encoder.position_encodings.encodings = fill.array(300, WIDTH)
    fill.norm(spec.encoder.layer_norm)
    fill.block(spec.encoder.layer[0], with_attention=False)
    spec.decoder.embeddings.weight = spec.encoder.embeddings[0].weight
    spec.decoder.position_encodings.encodings = fill.array(300, WIDTH)
    fill.norm(spec.decoder.layer_norm)
    fill.linear(spec.decoder.projection, len(tokens))
    fill.block(spec.decoder.layer[0], with_attention=True)
    spec.register_source_vocabulary(tokens)
    spec.register_target_vocabulary(tokens)
    spec.validate()
    spec.optimize()
    spec.save(str(folder))


def save(spec: Any, folder: Path, tokens: list[str]) -> None:
    """Writes model.bin, config.json and the vocabulary."""
    spec.register_vocabulary(tokens)
    spec.validate()
    spec.optimize()
    spec.save(str(folder))


def train_sentencepiece(folder: Path) -> list[str]:
    """source.spm and target.spm, trained on a few words; returns their pieces."""
    text = folder / "text.txt"
    text.write_text("the rain in the morning\nthe news of the day\na quick brown fox\n" * 20)
    for side in ("source", "target"):
        SentencePieceTrainer.train(
            input=str(text),
            model_prefix=str(folder / side),
            vocab_size=40,
            minloglevel=2,
            hard_vocab_limit=False,
        )
        (folder / f"{side}.model").rename(folder / f"{side}.spm")
    listed = (folder / "source.vocab").read_text(encoding="utf-8").splitlines()
    return [line.split("\t")[0] for line in listed][3:]
