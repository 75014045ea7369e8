"""A stand-in for a GPU: sts as it is, with a recogniser that takes as long for each piece and no processor.

`python -m tests.bench.stand_ins.speech_host`, settings by environment as ever. One piece at a time is at
work, as on one GPU. What it "hears" is made up; everything behind it is real.
"""

from __future__ import annotations

import threading
import time

from app.service import serve
from app.settings import load
from app.speech import registry
from app.speech.licences import Licence
from app.speech.types import RecogniserSession, Samples, Word

PIECE = 0.2
"""Seconds for a piece, whatever its length."""
TEXT = "the council met again today and the mayor said that the bridge will be open next year"
A_WORD = 0.4

gpu = threading.Lock()


class Paced:
    """Takes its time for English."""

    name = "stand-in"
    licences: tuple[Licence, ...] = ()
    memory = 0
    device = "cpu"
    languages: tuple[str, ...] = ("en",)
    hears_anew = False
    into_english = False

    def load(self) -> None:
        """Nothing to load."""

    def close(self) -> None:
        """Nothing to free."""

    def session(self, language: str, translate: bool = False) -> RecogniserSession:  # noqa: ARG002
        """A speaker who says the same over and over."""
        return Repeating()


class Repeating:
    """A word each 0.4 s of sound."""

    def __init__(self) -> None:
        self._told = 0.0

    def feed(self, samples: Samples) -> None:
        """Hears nothing of it."""

    def commit(self, until: float, pause: bool) -> list[Word]:  # noqa: ARG002
        """The words up to there, once the stand-in has had its time."""
        with gpu:
            time.sleep(PIECE)
        numbers = range(round(self._told / A_WORD), round(until / A_WORD))
        self._told = until
        words = TEXT.split()
        return [Word(words[at % len(words)], at * A_WORD, (at + 1) * A_WORD) for at in numbers]

    def partial(self) -> list[Word]:
        """Nothing that may change."""
        return []

    def skip(self, until: float) -> None:
        """Gives up what was said before."""
        self._told = until

    def prompt(self, text: str) -> None:
        """Has no use for it."""

    def reset(self) -> None:
        """Begins anew."""
        self._told = 0.0

    def close(self) -> None:
        """Nothing to give back."""


def main() -> None:
    """Serves until SIGTERM."""
    registry.FACTORIES["asr"]["pocketsphinx"] = lambda *_, **__: Paced()
    serve("sts", load())


if __name__ == "__main__":
    main()
