"""Speech by Kokoro-82M, a small neural voice, from the phonemes that eSpeak NG finds.

The voices that come with it are Japanese. How well they are understood in other languages is measured in
docs/benchmarks/speech-parts.md: Spanish and English well, Portuguese so-so.
It wants 0.3 of real time on a thread of a quick machine, twice that on a busy one.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.speech import licences
from app.speech.engines.espeak import said_by
from app.speech.models import places
from app.speech.models.table import KOKORO
from app.speech.sound import trimmed
from app.speech.types import EngineMissing, Samples, SpeechError, TooSlow

RATE = 24000
MOST_TOKENS = 150
"""About 10 s of speech. The model takes 510; the longer the piece, the more memory stays taken."""
LANGUAGES = {"es": "es", "en": "en-us", "pt": "pt-br"}
"""What it is understood in as well as the light voices or better, and what eSpeak NG calls them."""
JOINED = {
    "t‍ʃ": "ʧ", "d‍ʒ": "ʤ", "t‍s": "ʦ", "d‍z": "ʣ",
}  # fmt: skip
"""What eSpeak NG writes as two sounds with a joiner, and the vocabulary as one."""
ENGLISH = {
    "e‍ɪ": "A", "a‍ɪ": "I", "o‍ʊ": "O", "a‍ʊ": "W", "ɔ‍ɪ": "Y", "ə‍l": "ᵊl", "ɚ": "əɹ", "ɜː": "ɜɹ", "ɐ": "ə",
}  # fmt: skip
"""English diphthongs are letters of their own there."""
JOINERS = re.compile("[‍͜͡_̪̩]")
PUNCTUATION = re.compile(r"\s*([;:,.!?—…\"()“”]+)(?=\s|$)\s*")
FOREIGN = str.maketrans("¿¡«»–", "  “”—")


class Kokoro:
    """One model for all requests; it works on several at once."""

    name = "kokoro"
    licences = (licences.KOKORO_MODEL, licences.ESPEAK)
    memory = 500
    device = "cpu"
    languages: tuple[str, ...] = tuple(LANGUAGES)

    def __init__(self, models_dir: Path, program: str = "espeak-ng", threads: int = 0) -> None:
        self.models_dir = models_dir
        self.program = program
        self.threads = threads or max(1, (os.cpu_count() or 1) // 2)
        self.source = ""
        self._session: Any = None
        self._vocabulary: dict[str, int] = {}
        self._voices: dict[str, Samples] = {}
        self._lock = threading.Lock()

    def load(self) -> None:
        """Loads the model and speaks a word. Raises EngineMissing, saying how to get what is missing."""
        if importlib.util.find_spec("onnxruntime") is None:
            raise EngineMissing("TTS_ENGINE=kokoro, but onnxruntime is not installed: run `make setup`")
        if shutil.which(self.program) is None:
            raise EngineMissing(f"{self.program} is not installed; install it: apt-get install espeak-ng")
        folder = places.ready(KOKORO, self.models_dir)
        if folder is None:
            raise EngineMissing(
                f"TTS_ENGINE=kokoro, but its model is neither in {self.models_dir / KOKORO} nor in a package "
                "here: run `make setup`"
            )
        with self._lock:
            if self._session is not None:
                return
            self._vocabulary, self._voices, self._session = opened(folder, self.threads)
        self.source = places.source(KOKORO, self.models_dir)
        self.speak("Uno.", "es", "")

    def close(self) -> None:
        """Frees the model."""
        with self._lock:
            self._session = None

    def voices(self, language: str) -> Sequence[str]:
        """The model's voices: each speaks every language."""
        return VOICES if language in self.languages else ()

    def has(self, voice: str, language: str) -> bool:
        """Whether it has the voice for the language."""
        return voice in self.voices(language)

    def pitches(self, language: str) -> Mapping[str, float]:
        """Its voices but for the one that is misheard most."""
        return PITCHES if language in self.languages else {}

    def speak(self, text: str, language: str, voice: str, speed: float = 1.0) -> tuple[Samples, int]:
        """The speech without silence at its edges."""
        return self._speak(text, language, voice, speed, None)

    def speak_within(
        self, text: str, language: str, voice: str, speed: float, seconds: float
    ) -> tuple[Samples, int]:
        """The same. Raises TooSlow where it isn't ready after `seconds`; the work ends then."""
        import onnxruntime

        run = onnxruntime.RunOptions()
        over = threading.Event()

        def end() -> None:
            over.set()
            run.terminate = True

        timer = threading.Timer(max(0.0, seconds), end)
        timer.daemon = True
        timer.start()
        try:
            return self._speak(text, language, voice, speed, run)
        except Exception as error:
            if over.is_set():
                raise TooSlow(f"kokoro did not speak within {seconds:.2f} s") from error
            raise
        finally:
            timer.cancel()

    def _speak(self, text: str, language: str, voice: str, speed: float, run: Any) -> tuple[Samples, int]:
        session = self._session
        if session is None:
            raise SpeechError("kokoro is not loaded")
        name = voice or VOICES[0]
        if name not in self._voices or language not in LANGUAGES:
            raise SpeechError(f"no Kokoro voice {voice!r} for {language}")
        parts = []
        for tokens in pieces(self._tokens(text, language)):
            style = self._voices[name][len(tokens)].reshape(1, -1)
            (sound, *_) = session.run(
                None,
                {
                    "tokens": np.array([[0, *tokens, 0]], np.int64),
                    "style": style,
                    "speed": np.array([speed], np.float32),
                },
                run,
            )
            parts.append(np.asarray(sound, np.float32).reshape(-1))
        if not parts:
            return np.zeros(0, np.float32), RATE
        return trimmed(np.concatenate(parts), RATE), RATE

    def _tokens(self, text: str, language: str) -> list[int]:
        spoken = "".join(
            piece if is_mark else self._phonemes(piece, language) for piece, is_mark in clauses(text)
        )
        return tokens(spoken, self._vocabulary)

    def _phonemes(self, text: str, language: str) -> str:
        answer = said_by(self.program, ["-v", LANGUAGES[language], "-q", "--ipa=3", "--stdin"], text)
        return phonemes(answer.decode(errors="replace"), language)


VOICES = ("jf_nezumi", "jf_tebukuro", "jf_gongitsune", "jm_kumo", "jf_alpha")
"""The voices in the package, best first."""
PITCHES = {"jf_nezumi": 235.0, "jf_gongitsune": 222.0, "jm_kumo": 90.0, "jf_tebukuro": 314.0}
"""Hz, measured on Spanish."""


def opened(folder: Path, threads: int) -> tuple[dict[str, int], dict[str, Samples], Any]:
    """Vocabulary, voices and ONNX session of the model in a folder. Raises EngineMissing."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that wait actively take the cores from recognition.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        vocabulary = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))["vocab"]
        with np.load(folder / "voices.npz", allow_pickle=False) as stored:
            voices = {name: np.asarray(stored[name], np.float32) for name in VOICES}
        session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise EngineMissing(
            f"the Kokoro model in {folder} can't be loaded ({type(error).__name__}: {error}); "
            f"python -m app preload --force --models {KOKORO}"
        ) from error
    return vocabulary, voices, session


def clauses(text: str) -> list[tuple[str, bool]]:
    """A text in pieces between its punctuation marks, each with whether it is such a mark.

    eSpeak NG speaks no marks, and the model takes its melody from them.
    """
    found: list[tuple[str, bool]] = []
    for number, piece in enumerate(PUNCTUATION.split(text.translate(FOREIGN).strip())):
        if number % 2:
            found.append((f"{piece} ", True))
        elif piece.strip():
            found.append((piece.strip(), False))
    return found


def phonemes(written: str, language: str) -> str:
    """eSpeak NG's IPA as the model writes it."""
    text = " ".join(written.split())
    for pair, one in {**JOINED, **(ENGLISH if language == "en" else {})}.items():
        text = text.replace(pair, one)
    # Another language's word inside stands between marks such as (en) and (es).
    return JOINERS.sub("", re.sub(r"\([a-z-]+\)", "", text)).replace("g", "ɡ")


def tokens(spoken: str, vocabulary: Mapping[str, int]) -> list[int]:
    """The numbers of the phonemes; what the vocabulary does not have is left out."""
    return [vocabulary[sound] for sound in spoken.strip() if sound in vocabulary]


SENTENCE_ENDS = {4, 5, 6, 10}  # . ! ? …
CLAUSE_ENDS = {1, 2, 3, 9}  # ; : , —
SPACE = 16


def pieces(found: Sequence[int], most: int = MOST_TOKENS) -> list[list[int]]:
    """The tokens in pieces that the model takes: cut after a sentence, else a clause, else a word."""
    rest, cut = list(found), []
    while len(rest) > most:
        end = most
        for marks in (SENTENCE_ENDS, CLAUSE_ENDS, {SPACE}):
            found_at = [place for place in range(most) if rest[place] in marks]
            if found_at:
                end = found_at[-1] + 1
                break
        cut.append(rest[:end])
        rest = rest[end:]
    silent = SENTENCE_ENDS | CLAUSE_ENDS | {SPACE}
    return [piece for piece in [*cut, rest] if not silent.issuperset(piece)]
