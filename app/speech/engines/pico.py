"""Speech by SVOX Pico: five languages, a hundredth of real time, understood nearly as well as a neural voice.

The package ttspico carries it with its voices. How well it is understood is in
docs/benchmarks/speech-parts.md.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.speech import licences
from app.speech.engines.pipe import Resident, readable
from app.speech.sound import from_pcm, trimmed
from app.speech.types import EngineMissing, Samples, SpeechError

RATE = 16000
LEVEL = 100
"""Pico's own pace: about 15 characters a second in Spanish."""
STRETCH = 1.5
"""A level changes the pace less than it says: measured, 140 makes Spanish 1.22 times quicker."""
TIMEOUT = 10.0
LONGEST_SOUND = 600 * RATE * 2
PROGRAM = Path(__file__).with_name("pico_program.py")
VOICES = {
    "de": ("de-DE",),
    "en": ("en-GB", "en-US"),
    "es": ("es-ES",),
    "fr": ("fr-FR",),
    "it": ("it-IT",),
}
BASE_PITCH = 190.0
"""Hz, about, of all its voices: they are women's."""
VARIANTS = {"low": 65, "high": 130, "deep": 60}
"""Other people by the same voice: levels of its pitch. Of Spanish 6 % is misheard with each, as without."""
# Pico takes markup, and its parser is C of 2009: what could be markup doesn't reach it.
PLAIN: dict[int, str] = dict.fromkeys((*range(32), 127, *map(ord, "<>&\\")), " ")


class Pico:
    """One program for all languages, asked by one thread at a time; it is started anew where it ends."""

    name = "pico"
    licences = (licences.PICO,)
    memory = 20
    device = "cpu"
    languages: tuple[str, ...] = tuple(VOICES)

    def __init__(self) -> None:
        self._resident = Resident((sys.executable, "-I", str(PROGRAM), str(languages_folder())))
        self._lock = threading.Lock()

    def load(self) -> None:
        """Starts the program and speaks a word. Raises EngineMissing."""
        if importlib.util.find_spec("ctts") is None:
            raise EngineMissing("TTS_ENGINE=pico, but the package ttspico is not installed: run `make setup`")
        try:
            self.speak("Uno.", "es", "")
        except SpeechError as error:
            raise EngineMissing(f"SVOX Pico does not speak: {error}; run `make setup`") from error

    def close(self) -> None:
        """Ends the program."""
        with self._lock:
            self._resident.end()

    @property
    def pid(self) -> int | None:
        """Process id of the program while it runs."""
        return self._resident.pid

    def voices(self, language: str) -> Sequence[str]:
        """The voices of a language; none for one that Pico does not speak."""
        return VOICES.get(language, ())

    def has(self, voice: str, language: str) -> bool:
        """Whether it has the voice for the language, with one of its variants (`es-ES+low`) or as it is."""
        plain, plus, variant = voice.partition("+")
        return plain in self.voices(language) and (not plus or variant in VARIANTS)

    def pitches(self, language: str) -> Mapping[str, float]:
        """The voices of a language, then their variants."""
        plain = dict.fromkeys(self.voices(language), BASE_PITCH)
        return plain | {
            f"{name}+{variant}": BASE_PITCH * level / LEVEL
            for variant, level in VARIANTS.items()
            for name in plain
        }

    def speak(self, text: str, language: str, voice: str, speed: float = 1.0) -> tuple[Samples, int]:
        """The speech without silence at its edges. Raises SpeechError."""
        name = voice or next(iter(self.voices(language)), "")
        if not self.has(name, language):
            raise SpeechError(f"no Pico voice {voice!r} for {language}")
        plain, _, variant = name.partition("+")
        asked = {
            "language": plain,
            "rate": round(LEVEL * speed**STRETCH),
            "pitch": VARIANTS.get(variant, LEVEL),
            "text": text.translate(PLAIN),
        }
        with self._lock:
            try:
                pcm = self._ask(json.dumps(asked).encode() + b"\n")
            except (OSError, SpeechError) as error:
                self._resident.end()
                raise SpeechError(f"SVOX Pico failed: {error}") from error
        if not pcm:
            raise SpeechError("SVOX Pico said nothing")
        return trimmed(from_pcm(pcm), RATE), RATE

    def _ask(self, question: bytes) -> bytes:
        process = self._resident.running()
        assert process.stdin is not None
        assert process.stdout is not None
        end = time.monotonic() + TIMEOUT
        process.stdin.write(question)
        process.stdin.flush()
        length = int.from_bytes(self._read(process, 4, end), "little")
        if length > LONGEST_SOUND:
            raise SpeechError(f"{length} bytes of speech are too many")
        return self._read(process, length, end)

    @staticmethod
    def _read(process: subprocess.Popen[bytes], count: int, end: float) -> bytes:
        assert process.stdout is not None
        answer = bytearray()
        while len(answer) < count:
            if not readable(process.stdout, end - time.monotonic()):
                raise SpeechError(f"no answer within {TIMEOUT:g} s")
            block = os.read(process.stdout.fileno(), count - len(answer))
            if not block:
                raise SpeechError("its program ended")
            answer += block
        return bytes(answer)


def languages_folder() -> Path:
    """Where the package ttspico puts the languages: in the environment's own folder."""
    return Path(sys.prefix) / "languages"
