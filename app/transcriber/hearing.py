"""A piece while it is recognised: what of it waits to be written down."""

from __future__ import annotations

from itertools import takewhile

import numpy as np

from app.archive.work import Heard, Order
from app.speech.rest.transcribe import Job, phrases, recognised
from app.speech.rest.transcript import Segment
from app.speech.types import RECOGNISER_RATE, Recogniser
from app.transcriber import cut, voice
from app.transcriber.sentences import sentences

FIRST_BATCH = 2
"""Windows of a file that are recognised first, so that there is something to read soon."""


class Hearing:
    """One piece. `recognise` runs in a thread, all else beside it; times are from where the order starts."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.job = Job(order.language, order.vocabulary)
        self.seconds = 0.0
        """How much there is to recognise, once it is read."""
        self._found: list[Segment] = []
        self._taken = 0
        self._until = 0.0

    def recognise(self, engine: Recogniser, piece: bytes) -> None:
        """Recognises what is not written down yet. Raises FileNotFoundError, Cancelled, SpeechError."""
        job = self.job
        if not job.language and len(engine.languages) == 1 and "*" not in engine.languages:
            # It can't find a language out: it knows but one.
            job.language = engine.languages[0]
        if self.order.number == 0 and not self.order.heard:
            job.first_batch = FIRST_BATCH
        whole = np.concatenate(list(cut.read(piece)))
        sound = whole[round(self.order.heard * RECOGNISER_RATE) :]
        blocks = np.split(sound, range(RECOGNISER_RATE, sound.size, RECOGNISER_RATE))
        found = phrases(blocks, job, voice.probability(sound), voice.PAUSES)
        for each in recognised(engine, voice.packed(found, sound), job):
            self._found += sentences(each)
        self.seconds = job.settled = sound.size / RECOGNISER_RATE

    def new(self, first_language: str) -> Heard:
        """What was recognised since the last time that anything was taken."""
        until = self.job.settled
        settled = takewhile(lambda each: each.start < until, self._found[self._taken :])
        return Heard(
            self.order.heard + self._until,
            self.order.heard + until,
            tuple(settled),
            self.job.detected or self.order.language or first_language,
        )

    def taken(self, heard: Heard) -> None:
        """This is written down."""
        self._taken += len(heard.segments)
        self._until = heard.until - self.order.heard
