"""Recognition by PocketSphinx, incremental: it decodes as sound arrives and keeps context across cuts.

At a commit the running utterance is ended, so that PocketSphinx's second and third pass (which the
running hypothesis lacks) settle its words. Then a new utterance starts, not at the cut but at a word
about `CARRY` seconds before it: the words of that overlap are the language model's and the acoustic
context for what follows, and are not told again. The overlap is decoded with the next sound, after
the answer has left. The running mean of the features (CMN) lives on, and the session learns how to
warp the frequency axis for the speaker's voice (see voice.py).
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from app.speech import licences
from app.speech.engines.sphinx_library import Decoder, Setting
from app.speech.engines.voice import VoiceScout
from app.speech.sound import to_pcm
from app.speech.types import RECOGNISER_RATE, EngineMissing, Samples, SpeechError, Word

FRAME = 0.01
CARRY = 1.0
LATEST_START = 0.5
"""Where no word starts at CARRY seconds before the cut, the overlap is this much longer."""
LONGEST_UTTERANCE = 12.0
REVISABLE = 0.3
"""A word that turns up only now is still told where it lies at most this long before the last cut."""
SPARE_DECODERS = 2
CEPSTRAL_MEAN = "40,3,-1"


class PocketSphinx:
    """US English, with the model that the package carries. Decoders are pooled: each takes a second."""

    name = "pocketsphinx"
    licences = (licences.POCKETSPHINX, licences.POCKETSPHINX_MODEL)
    memory = 220
    device = "cpu"
    languages: tuple[str, ...] = ("en",)
    hears_anew = False
    into_english = False

    def __init__(self, background: bool = True) -> None:
        self._free: list[Decoder] = []
        self._scout = VoiceScout(lambda: Decoder(settings()), background)
        self._lock = threading.Lock()

    def load(self) -> None:
        """Makes the first decoder. Raises EngineMissing without the package."""
        if importlib.util.find_spec("pocketsphinx") is None:
            raise EngineMissing(
                "ASR_ENGINE=pocketsphinx, but it is not installed: pip install 'voicestack[speech]'"
            )
        self._give_back(Decoder(settings()))

    def close(self) -> None:
        """Frees the spare decoders."""
        with self._lock:
            spare, self._free = self._free, []
        self._scout.close()
        for decoder in spare:
            decoder.close()

    def session(self, language: str, translate: bool = False) -> PocketSphinxSession:
        """A session on a spare decoder, or on a new one. Raises SpeechError."""
        if translate or language not in self.languages:
            raise SpeechError(f"pocketsphinx knows English (en), not {language!r}")
        with self._lock:
            decoder = self._free.pop() if self._free else None
        return PocketSphinxSession(decoder or Decoder(settings()), self._give_back, self._scout)

    def _give_back(self, decoder: Decoder) -> None:
        decoder.forget_speaker(CEPSTRAL_MEAN)
        with self._lock:
            if len(self._free) < SPARE_DECODERS:
                self._free.append(decoder)
                return
        decoder.close()


def settings() -> dict[str, Setting]:
    """The settings of a decoder: the package's own model and PocketSphinx's defaults but for these."""
    from pocketsphinx import get_model_path

    model = Path(get_model_path()) / "en-us"
    return {
        "hmm": str(model / "en-us"),
        "lm": str(model / "en-us.lm.bin"),
        "dict": str(model / "cmudict-en-us.dict"),
        "samprate": float(RECOGNISER_RATE),
    }


class PocketSphinxSession:
    """Overlapping utterances of one speaker; words leave it in order, each once."""

    def __init__(self, decoder: Decoder, give_back: Callable[[Decoder], None], scout: VoiceScout) -> None:
        self._decoder: Decoder | None = decoder
        self._give_back = give_back
        self._voice = scout.listener()
        self._running = False
        self._sound: Samples = np.zeros(0, np.float32)
        self._start = 0
        self._told = 0.0
        self._held: list[Word] = []

    def feed(self, samples: Samples) -> None:
        """Decodes the sound, and before it the overlap that waits."""
        running = self._running
        self._sound = np.concatenate([self._sound, samples])
        if running:
            self._open().feed(to_pcm(samples))
        else:
            self._begin()
        if self._sound.size > LONGEST_UTTERANCE * RECOGNISER_RATE:
            self._held += self._settle(self._heard - CARRY, pause=False)

    def commit(self, until: float, pause: bool) -> list[Word]:
        """The settled words up to `until`."""
        words = self._held + self._settle(until, pause)
        self._held = [word for word in words if word.middle >= until]
        return [word for word in words if word.middle < until]

    def partial(self) -> list[Word]:
        """The words of the running utterance's first pass, and those held back."""
        if not self._running:
            return list(self._held)
        words = spoken(self._open().segments(), self._start / RECOGNISER_RATE)
        return self._held + settled(words, self._told, self._heard)

    def skip(self, until: float) -> None:
        """The words up to `until` are not told; the utterance runs on."""
        self._told = max(self._told, until)
        self._held = [word for word in self._held if word.middle >= until]

    def prompt(self, text: str) -> None:
        """Has no use for it."""

    def reset(self) -> None:
        """Starts afresh at time 0; the running mean of the features stays."""
        self._end()
        self._sound = np.zeros(0, np.float32)
        self._start, self._told, self._held = 0, 0.0, []

    def close(self) -> None:
        """Gives the decoder back to the pool."""
        self._end()
        decoder, self._decoder = self._decoder, None
        if decoder is not None:
            self._give_back(decoder)

    @property
    def _heard(self) -> float:
        return (self._start + self._sound.size) / RECOGNISER_RATE

    def _open(self) -> Decoder:
        if self._decoder is None:
            raise SpeechError("the recogniser's session is closed")
        return self._decoder

    def _begin(self) -> None:
        if (factor := self._voice.changed()) is not None:
            self._open().warp(factor)
        self._open().start()
        self._open().feed(to_pcm(self._sound))
        self._running = True

    def _end(self) -> None:
        if self._running and self._decoder is not None:
            self._decoder.end()
        self._running = False

    def _settle(self, until: float, pause: bool) -> list[Word]:
        """Ends the utterance, takes its words up to `until`, and places the start of the next."""
        if not self._running:
            if until <= self._told or self._sound.size == 0:
                return []
            self._begin()
        self._end()
        offset = self._start / RECOGNISER_RATE
        words = spoken(self._open().segments(), offset)
        fresh = settled(words, self._told, until)
        self._voice.heard(self._sound, self._start, words)
        self._told = max(self._told, until - REVISABLE, *(word.end for word in fresh))
        self._keep_from(until if pause else next_start(words, until, offset))
        return fresh

    def _keep_from(self, time: float) -> None:
        surplus = min(max(0, round(time * RECOGNISER_RATE) - self._start), self._sound.size)
        self._sound = self._sound[surplus:]
        self._start += surplus


def spoken(segments: list[tuple[str, int, int]], offset: float) -> list[Word]:
    """The words of a hypothesis without its fillers and its marks of pronunciation, as in read(2)."""
    return [
        Word(text.split("(")[0], offset + first * FRAME, offset + (last + 1) * FRAME)
        for text, first, last in segments
        if text[:1] not in "<[+"
    ]


def settled(words: list[Word], told: float, until: float) -> list[Word]:
    """The words whose middle lies in [told, until), none of them starting before `told`."""
    return [Word(word.text, max(word.start, told), word.end) for word in words if told <= word.middle < until]


def next_start(words: list[Word], until: float, earliest: float) -> float:
    """Where the next utterance starts: at the last word that starts CARRY seconds before the cut."""
    starts = [word.start for word in words if word.start <= until - CARRY]
    return max(earliest, starts[-1] if starts else until - CARRY - LATEST_START)
