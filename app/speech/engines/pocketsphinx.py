"""Recognition by PocketSphinx: one decoder runs on across phrase cuts and decodes as sound arrives."""

from __future__ import annotations

import importlib.util
import threading
from typing import Any

from app.speech import licences
from app.speech.sound import to_pcm
from app.speech.types import RECOGNISER_RATE, EngineMissing, Samples, SpeechError, Word

FRAME = 0.01
LONGEST_UTTERANCE = 20.0
FILLERS = frozenset({"<s>", "</s>", "<sil>", "[NOISE]", "[SPEECH]", "++NOISE++"})
SPARE_DECODERS = 2


class PocketSphinx:
    """US English, with the model that the package carries. Decoders are pooled: each costs about 1 s."""

    name = "pocketsphinx"
    licences = (licences.POCKETSPHINX, licences.POCKETSPHINX_MODEL)
    memory = 120
    device = "cpu"
    languages: tuple[str, ...] = ("en",)

    def __init__(self) -> None:
        self._free: list[Any] = []
        self._lock = threading.Lock()

    def load(self) -> None:
        """Makes the first decoder. Raises EngineMissing without the package."""
        if importlib.util.find_spec("pocketsphinx") is None:
            raise EngineMissing(
                "ASR_ENGINE=pocketsphinx, but it is not installed: pip install 'voicestack[speech]'"
            )
        self._give_back(new_decoder())

    def close(self) -> None:
        """Frees the spare decoders."""
        with self._lock:
            self._free.clear()

    def session(self, language: str) -> PocketSphinxSession:
        """A session on a spare decoder, or on a new one."""
        if language not in self.languages:
            raise SpeechError(f"pocketsphinx knows English (en), not {language!r}")
        with self._lock:
            decoder = self._free.pop() if self._free else None
        return PocketSphinxSession(decoder or new_decoder(), self._give_back)

    def _give_back(self, decoder: Any) -> None:
        with self._lock:
            if len(self._free) < SPARE_DECODERS:
                self._free.append(decoder)


def new_decoder() -> Any:
    """A decoder with the package's own model, silent on the console."""
    from pocketsphinx import Decoder

    return Decoder(samprate=RECOGNISER_RATE, loglevel="FATAL", bestpath=False, fwdflat=False)


class PocketSphinxSession:
    """A running utterance; words leave it in order, each once."""

    def __init__(self, decoder: Any, give_back: Any) -> None:
        self._decoder = decoder
        self._give_back = give_back
        self._base = 0
        self._heard = 0
        self._committed = 0.0
        decoder.start_utt()

    def feed(self, samples: Samples) -> None:
        """Decodes the sound."""
        self._decoder.process_raw(to_pcm(samples), False, False)
        self._heard += samples.size

    def commit(self, until: float, pause: bool) -> list[Word]:
        """The words of the running hypothesis in their turn; at a pause the utterance ends."""
        base = self._base / RECOGNISER_RATE
        if pause or (self._heard - self._base) / RECOGNISER_RATE > LONGEST_UTTERANCE:
            self._decoder.end_utt()
            words = self._words(base)
            self._decoder.start_utt()
            self._base = self._heard
        else:
            words = self._words(base)
        done = [word for word in words if self._committed <= word.middle < until]
        if done:
            self._committed = done[-1].end
        self._committed = max(self._committed, until - 0.3)
        return done

    def skip(self, until: float) -> None:
        """Words up to `until` will not be told."""
        self._committed = max(self._committed, until)

    def reset(self) -> None:
        """Starts afresh."""
        self._decoder.end_utt()
        self._base = self._heard = 0
        self._committed = 0.0
        self._decoder.start_utt()

    def close(self) -> None:
        """Gives the decoder back."""
        self._decoder.end_utt()
        self._give_back(self._decoder)

    def _words(self, base: float) -> list[Word]:
        found = []
        for part in self._decoder.seg() or ():
            if part.word not in FILLERS:
                text = part.word.split("(")[0]
                found.append(Word(text, base + part.start_frame * FRAME, base + (part.end_frame + 1) * FRAME))
        return found
