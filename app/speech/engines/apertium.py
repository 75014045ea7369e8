"""Translation by Apertium: one resident pipeline of its programs for each language pair.

The programs are started with -z, so that each flushes its output at a null byte: one phrase costs a
few milliseconds instead of a start of ten programs. (Apertium's mode files and null flush are
described at wiki.apertium.org/wiki/Modes and /wiki/Daemon.)
"""

from __future__ import annotations

import re
import shutil
import threading
from pathlib import Path

from app.speech import licences
from app.speech.engines.apertium_repair import repaired
from app.speech.engines.apertium_text import clean, ending, prepare, unknown_words, with_capitals
from app.speech.engines.pipe import NullFlushPipe
from app.speech.types import EngineMissing, SpeechError

MODES = Path("/usr/share/apertium/modes")
TIMEOUT, STARTING = 3.0, 20.0
"""Seconds for an answer, and for the first: ten programs read dictionaries, maybe while a host boots."""
END = "[][\n]"
"""What apertium-destxt puts at the end of a text: without it lt-proc -b waits for more."""
THREE = {"en": "eng", "es": "spa", "fr": "fra", "pt": "por", "ca": "cat", "it": "ita", "de": "deu"}
TWO = {three: two for two, three in THREE.items()}
PROGRAM = re.compile(r"(^|\| )([a-z-]+)")


class Apertium:
    """Rule-based translation for the pairs whose Debian packages are installed."""

    name = "apertium"
    licences = (licences.APERTIUM, licences.APERTIUM_DATA)
    memory = 60
    device = "cpu"

    def __init__(self, modes: Path = MODES, warm: tuple[tuple[str, str], ...] = ()) -> None:
        self.modes = modes
        self.warm = warm
        self._pipes: dict[tuple[str, str], NullFlushPipe] = {}
        self._lock = threading.Lock()

    def load(self) -> None:
        """Starts the pipelines of the pairs to warm. Raises EngineMissing without Apertium."""
        if shutil.which("apertium-transfer") is None or not self.pairs:
            raise EngineMissing(
                "MT_ENGINE=apertium, but no Apertium language pair is installed; "
                "install one, for example: apt-get install apertium-eng-spa"
            )
        for source, target in self.warm:
            if self.supports(source, target):
                self.translate("good morning", source, target)

    def close(self) -> None:
        """Ends the pipelines."""
        with self._lock:
            for pipe in self._pipes.values():
                pipe.close()
            self._pipes.clear()

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The installed pairs, from the mode files' names (variants such as spa-eng_US are left out)."""
        found = []
        for mode in sorted(self.modes.glob("*-*.mode")):
            source, _, target = mode.stem.partition("-")
            if "_" not in mode.stem and "-" not in target:
                found.append((TWO.get(source, source), TWO.get(target, target)))
        return tuple(found)

    def supports(self, source: str, target: str) -> bool:
        """Whether the pair's mode is installed."""
        return (source, target) in self.pairs

    def translate(self, text: str, source: str, target: str, context: str = "") -> str:  # noqa: ARG002
        """The translation, without Apertium's marks. Raises SpeechError; a dead pipeline is restarted."""
        if not self.supports(source, target):
            raise SpeechError(f"no Apertium pair {source}-{target} is installed")
        pipe = self._pipe(source, target)
        prepared = prepare(text)
        if not prepared:
            return ""
        marked = pipe.ask(prepared + END)
        unknown = unknown_words(marked)
        if unknown and (capitals := with_capitals(prepared, unknown)) != prepared:
            retried = pipe.ask(capitals + END)
            if len(unknown_words(retried)) < len(unknown):
                marked, prepared = retried, capitals
        return ending(repaired(clean(marked), prepared, target), text)

    def _pipe(self, source: str, target: str) -> NullFlushPipe:
        with self._lock:
            pair = (source, target)
            if pair not in self._pipes:
                mode = self.modes / f"{THREE.get(source, source)}-{THREE.get(target, target)}.mode"
                name = f"apertium {source}-{target}"
                self._pipes[pair] = NullFlushPipe(name, command(mode), TIMEOUT, STARTING)
            return self._pipes[pair]


def command(mode: Path) -> tuple[str, ...]:
    """The shell command of a mode file: every program flushes at null bytes, unknown words are marked."""
    pipeline = mode.read_text(encoding="utf-8").strip().replace("$1", "-g").replace("$2", "")
    return ("/bin/sh", "-c", PROGRAM.sub(r"\1\2 -z", pipeline))
