"""Who says what in a file: its segments, once all are recognised, with the speakers of their words."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from string import ascii_uppercase

from app.speech.engines.voiceprint import Voiceprint
from app.speech.lines import Line
from app.speech.rest.transcribe import Job
from app.speech.rest.transcript import Segment
from app.speech.speakers import prints_of, runs, spoken, together
from app.speech.types import Samples


class Diarisation:
    """Tells speakers apart; the model is loaded for the first that asks."""

    def __init__(self, models_dir: Path) -> None:
        self._models_dir = models_dir
        self._model: Voiceprint | None = None
        self._lock = threading.Lock()

    def told(self, found: Iterable[Segment], blocks: Iterable[Samples], job: Job) -> Iterator[Segment]:
        """The segments, cut where the speaker changes; `blocks` are the sound from its start once more.

        Raises EngineMissing before anything is recognised where the model is not there, else as `found` does.
        """
        model = self._loaded()
        lines = [Line(each.start, each.end, "", each.words) for each in found]
        all_runs = runs(lines)
        long, prints = prints_of(model, _while_wanted(blocks, job), all_runs)
        voices: list[int | None] = [None] * len(all_runs)
        numbers = together(prints, [all_runs[each].seconds for each in long]) if long else []
        for number, voice in zip(long, numbers, strict=True):
            voices[number] = voice
        parts = [part for line in spoken(lines, all_runs, voices, alone=True) for part in line]
        names = labels(parts)
        for part in parts:
            yield Segment(part.start, part.end, part.words, speaker=names[part.speaker])

    def _loaded(self) -> Voiceprint:
        with self._lock:
            if self._model is None:
                model = Voiceprint(self._models_dir)
                model.load()
                self._model = model
            return self._model


def labels(parts: Sequence[Line]) -> dict[str, str]:
    """What OpenAI calls the speakers: A, B and so on, as they begin to speak; after Z comes AA."""
    speakers = dict.fromkeys(part.speaker for part in parts)
    return {name: label(number) for number, name in enumerate(speakers)}


def label(number: int) -> str:
    """The label with that number, from 0."""
    more, letter = divmod(number, len(ascii_uppercase))
    return (label(more - 1) if more else "") + ascii_uppercase[letter]


def _while_wanted(blocks: Iterable[Samples], job: Job) -> Iterator[Samples]:
    for block in blocks:
        job.check()
        yield block
