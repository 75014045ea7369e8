"""The last job of a transcript whose speakers are to be told apart: from its words and its sound to names."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import structlog
from procrastinate import App, RetryStrategy

from app.archive import jobs
from app.archive.editing import Line
from app.archive.rows import line
from app.archive.storage import Storage
from app.archive.work import MOST_ATTEMPTS, Work
from app.speech.engines.voiceprint import SPAN, Voiceprint
from app.speech.rest.decode import blocks
from app.speech.rest.errors import ApiError
from app.speech.types import Samples, SpeechError
from app.transcriber import speakers

log = structlog.get_logger(__name__)

MOST_PRINTS = 8
"""Prints of a run: more of the same voice tell nothing new."""


class Apart:
    """Tells speakers apart; the model is loaded for the first that wants it."""

    def __init__(self, work: Work, storage: Storage, models_dir: Path) -> None:
        self.work = work
        self.storage = storage
        self.models_dir = models_dir
        self._model: Voiceprint | None = None

    def install(self, queue: App) -> None:
        """Makes it a task of the queue."""
        again = RetryStrategy(max_attempts=MOST_ATTEMPTS, exponential_wait=2)
        queue.task(name=jobs.TELL, queue=jobs.SPEAKERS, retry=again)(self.tell)

    async def tell(self, transcript: str) -> None:
        """Names the speakers of a transcript and ends it; without names where that can't be done."""
        known = uuid.UUID(transcript)
        segments = await self.work.written(known)
        if segments is None:
            return
        lines = [line(each) for each in segments]
        try:
            found = await asyncio.to_thread(self.told, known, lines)
        except (SpeechError, ApiError, OSError) as error:
            log.warning("speakers are not told apart", transcript=transcript, reason=str(error))
            await self.work.spoken(known, [], f"its speakers are not told apart: {error}")
            return
        changed = [
            (segment, parts)
            for segment, parts, before in zip(segments, found, lines, strict=True)
            if parts != [before]
        ]
        await self.work.spoken(known, changed, "")

    def told(self, transcript: uuid.UUID, lines: Sequence[Line]) -> list[list[Line]]:
        """What becomes of each line. Raises SpeechError, ApiError, OSError."""
        if self._model is None:
            model = Voiceprint(self.models_dir)
            model.load()
            self._model = model
        all_runs = speakers.runs(lines)
        long = [number for number, run in enumerate(all_runs) if run.seconds >= speakers.SHORTEST]
        spans = [(all_runs[number].start, all_runs[number].end) for number in long]
        with self.storage.opened(transcript) as sound:
            stretches = speakers.stretches(blocks(sound, float("inf")), spans)
            prints = [self._print(self._model, each) for each in stretches]
        voices: list[int | None] = [None] * len(all_runs)
        if prints:
            seconds = [all_runs[number].seconds for number in long]
            for number, voice in zip(long, speakers.together(np.stack(prints), seconds), strict=True):
                voices[number] = voice
        return speakers.spoken(lines, all_runs, voices)

    @staticmethod
    def _print(model: Voiceprint, sound: Samples) -> speakers.Floats:
        last = max(0, sound.size - SPAN)
        count = min(MOST_PRINTS, 1 + 2 * last // SPAN)
        begins = [round(each) for each in np.linspace(0, last, count)] if count > 1 else [0]
        mean = model.prints(sound, begins).mean(axis=0)
        made: speakers.Floats = mean / max(float(np.linalg.norm(mean)), 1e-9)
        return made
