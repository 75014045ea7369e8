"""The last job of a transcript whose speakers are to be told apart: from its words and its sound to names.
And, where that is switched on, the job that keeps the voice of a speaker who was given a name."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import structlog
from procrastinate import App, RetryStrategy

from app.archive import jobs
from app.archive.rows import line
from app.archive.storage import Storage
from app.archive.voices import Voices
from app.archive.work import MOST_ATTEMPTS, Work
from app.speech import speakers
from app.speech.engines.voiceprint import Voiceprint
from app.speech.lines import Line
from app.speech.rest.decode import blocks
from app.speech.rest.errors import ApiError
from app.speech.types import SpeechError

log = structlog.get_logger(__name__)


class Apart:
    """Tells speakers apart; the model is loaded for the first that wants it.

    Without `voices` nobody is known by the voice, and none is kept.
    """

    def __init__(self, work: Work, storage: Storage, models_dir: Path, voices: Voices | None = None) -> None:
        self.work = work
        self.voices = voices
        self.storage = storage
        self.models_dir = models_dir
        self._model: Voiceprint | None = None

    def install(self, queue: App) -> None:
        """Makes these tasks of the queue."""
        again = RetryStrategy(max_attempts=MOST_ATTEMPTS, exponential_wait=2)
        queue.task(name=jobs.TELL, queue=jobs.SPEAKERS, retry=again)(self.tell)
        queue.task(name=jobs.KNOW, queue=jobs.SPEAKERS, retry=again)(self.know)

    async def tell(self, transcript: str) -> None:
        """Names the speakers of a transcript and ends it; without names where that can't be done."""
        known = uuid.UUID(transcript)
        segments = await self.work.written(known)
        if segments is None:
            return
        lines = [line(each) for each in segments]
        named = await self.voices.known_to(known) if self.voices else []
        try:
            found, names = await asyncio.to_thread(self.told, known, lines, named)
        except (SpeechError, ApiError, OSError) as error:
            log.warning("speakers are not told apart", transcript=transcript, reason=str(error))
            await self.work.spoken(known, [], {}, f"its speakers are not told apart: {error}")
            return
        changed = [
            (segment, parts)
            for segment, parts, before in zip(segments, found, lines, strict=True)
            if parts != [before]
        ]
        await self.work.spoken(known, changed, names)

    async def know(self, transcript: str, speaker: str, name: str) -> None:
        """Keeps the voice of a speaker who has that name."""
        known = uuid.UUID(transcript)
        segments = await self.voices.said(known, speaker, name) if self.voices else []
        if self.voices is None or not segments:
            return
        try:
            made = await asyncio.to_thread(self.voice, known, [line(each) for each in segments])
        except (SpeechError, ApiError, OSError) as error:
            log.warning("a voice is not kept", transcript=transcript, reason=str(error))
            return
        if made is not None:
            await self.voices.keep(known, speaker, name, made.tolist())

    def told(
        self, transcript: uuid.UUID, lines: Sequence[Line], named: Sequence[tuple[str, Sequence[float]]]
    ) -> tuple[list[list[Line]], dict[str, str]]:
        """What becomes of each line, and the names of speakers whose voices are known.

        Raises SpeechError, ApiError, OSError.
        """
        all_runs = speakers.runs(lines)
        long, prints = self._prints(transcript, all_runs)
        voices: list[int | None] = [None] * len(all_runs)
        if not long:
            return speakers.spoken(lines, all_runs, voices), {}
        seconds = [all_runs[number].seconds for number in long]
        numbers = speakers.together(prints, seconds)
        for number, voice in zip(long, numbers, strict=True):
            voices[number] = voice
        made = {voice: _voice(prints, seconds, [each == voice for each in numbers]) for voice in set(numbers)}
        known = speakers.known(made, [(name, np.asarray(each, np.float32)) for name, each in named])
        called = speakers.called(voices)
        names = {called[voice]: name for voice, name in known.items()}
        return speakers.spoken(lines, all_runs, voices, alone=bool(known)), names

    def voice(self, transcript: uuid.UUID, lines: Sequence[Line]) -> speakers.Floats | None:
        """The print of whoever says these lines; None where that is too little."""
        all_runs = speakers.runs(lines)
        long, prints = self._prints(transcript, all_runs)
        seconds = [all_runs[number].seconds for number in long]
        return speakers.voiced(prints, seconds) if sum(seconds) >= speakers.ENOUGH else None

    def _prints(
        self, transcript: uuid.UUID, all_runs: Sequence[speakers.Run]
    ) -> tuple[list[int], speakers.Floats]:
        """The numbers of the runs that are long enough, and a print of each."""
        if self._model is None:
            model = Voiceprint(self.models_dir)
            model.load()
            self._model = model
        with self.storage.opened(transcript) as sound:
            return speakers.prints_of(self._model, blocks(sound, float("inf")), all_runs)


def _voice(prints: speakers.Floats, seconds: Sequence[float], own: Sequence[bool]) -> speakers.Floats:
    """The print of a voice, by the prints that are its own."""
    return speakers.voiced(prints[list(own)], [each for each, mine in zip(seconds, own, strict=True) if mine])
