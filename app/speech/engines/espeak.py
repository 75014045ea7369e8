"""Speech by eSpeak NG, as a program of its own: small, quick, and in more than a hundred languages."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence

import numpy as np

from app.speech import licences
from app.speech.sound import from_pcm, trimmed
from app.speech.types import EngineMissing, Samples, SpeechError

PROGRAM = "espeak-ng"
TIMEOUT = 10.0
WORDS_PER_MINUTE = 150
"""Natural pace (a choice; eSpeak's own is 175): the slower, the better it is understood. Where the time of a
phrase is short, it speaks up to a quarter faster."""
FALLBACK_RATE = 22050
OTHERS = {"": 104.0, "+f2": 198.0, "+m3": 106.0}
"""Variants that speakers are given, and their pitch in Hz: they are understood as well as the plain voice."""
VARIANT_FILE = re.compile(r"!v/([^(]*?)\s*(?:\(|$)")


def said_by(program: str, arguments: Sequence[str], text: str) -> bytes:
    """What eSpeak NG answers to a text. Raises SpeechError where it fails or takes longer than TIMEOUT."""
    try:
        done = subprocess.run(
            [program, *arguments],
            input=text.encode(),
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SpeechError(f"{program} failed: {type(error).__name__}") from error
    if done.returncode:
        raise SpeechError(f"{program} failed: {done.stderr.decode(errors='replace').strip()[:200]}")
    return done.stdout


class Espeak:
    """eSpeak NG through its command line: text on stdin, WAV on stdout."""

    name = "espeak"
    licences = (licences.ESPEAK,)
    memory = 10
    device = "cpu"

    def __init__(self, program: str = PROGRAM) -> None:
        self.program = program
        self._voices: dict[str, tuple[str, ...]] = {}
        self._languages: tuple[str, ...] = ()
        self._variants: tuple[str, ...] = ()
        self._lock = threading.Lock()

    def load(self) -> None:
        """Checks that the program is there and speaks. Raises EngineMissing."""
        if shutil.which(self.program) is None:
            raise EngineMissing(f"{self.program} is not installed; install it: apt-get install espeak-ng")
        self.speak("one", "en", "")

    def close(self) -> None:
        """Nothing stays open."""

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that `espeak-ng --voices` lists, without their regions."""
        with self._lock:
            if not self._languages:
                listing = self._run(["--voices"], "").decode(errors="replace")
                self._languages = tuple(sorted({name.split("-")[0] for name in voice_names(listing, "")}))
            return self._languages

    def voices(self, language: str) -> Sequence[str]:
        """The voices of a language, as `espeak-ng --voices` lists them; none for an unknown language."""
        if language not in self.languages:
            return ()
        with self._lock:
            if language not in self._voices:
                listing = self._run([f"--voices={language}"], "").decode(errors="replace")
                self._voices[language] = voice_names(listing, language)
            return self._voices[language]

    @property
    def variants(self) -> tuple[str, ...]:
        """What may follow a voice's name and a plus sign, as `espeak-ng --voices=variant` lists it."""
        with self._lock:
            if not self._variants:
                listing = self._run(["--voices=variant"], "").decode(errors="replace")
                self._variants = variant_names(listing)
            return self._variants

    def has(self, voice: str, language: str) -> bool:
        """Whether it has the voice for the language and the variant. eSpeak opens a file of that name."""
        plain, plus, variant = voice.partition("+")
        return plain in self.voices(language) and (not plus or variant in self.variants)

    def pitches(self, language: str) -> Mapping[str, float]:
        """The language's first voice and variants of it."""
        first = next(iter(self.voices(language)), "")
        offered = {f"{first}{variant}": pitch for variant, pitch in OTHERS.items()} if first else {}
        return {voice: pitch for voice, pitch in offered.items() if self.has(voice, language)}

    def speak(self, text: str, language: str, voice: str, speed: float = 1.0) -> tuple[Samples, int]:
        """The speech without silence at its edges. `voice` as eSpeak names it (es, es+f3, es-419).

        Raises SpeechError for a voice or language that it does not list.
        """
        if not (self.has(voice, language) if voice else language in self.languages):
            raise SpeechError(f"{self.program} has no voice {voice or language!r}")
        pace = round(WORDS_PER_MINUTE * speed)
        wav = self._run(
            ["-v", voice or language, "-s", str(pace), "-b", "1", "-z", "--stdin", "--stdout"], text
        )
        samples, rate = read_wav(wav)
        return trimmed(samples, rate), rate

    def _run(self, arguments: Sequence[str], text: str) -> bytes:
        return said_by(self.program, arguments, text)


def voice_names(listing: str, language: str) -> tuple[str, ...]:
    """Voice names from `espeak-ng --voices`: the plain language first, MBROLA's (not installed) left out."""
    names = []
    for line in listing.splitlines()[1:]:
        columns = line.split()
        if len(columns) >= 5 and not columns[4].startswith("mb/"):
            names.append(columns[1])
    return tuple(sorted(dict.fromkeys(names), key=lambda name: (name != language, name)))


def variant_names(listing: str) -> tuple[str, ...]:
    """The variants' files from `espeak-ng --voices=variant`: by these names they are asked for."""
    found = (VARIANT_FILE.search(line) for line in listing.splitlines()[1:])
    return tuple(sorted({match[1] for match in found if match and match[1]}))


def read_wav(wav: bytes) -> tuple[Samples, int]:
    """Samples and rate of a WAV file on a pipe, whose header cannot know its length."""
    place = wav.find(b"data")
    if not wav.startswith(b"RIFF") or place < 0:
        return np.zeros(0, np.float32), FALLBACK_RATE
    pcm = wav[place + 8 :]
    return from_pcm(pcm[: len(pcm) // 2 * 2]), int.from_bytes(wav[24:28], "little")
