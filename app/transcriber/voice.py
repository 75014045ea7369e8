"""Where speech is in a whole piece, and how it is packed for the recogniser."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator

import numpy as np

from app.speech.cutter import CHUNK
from app.speech.rest.transcribe import RULES, Phrase, Probability
from app.speech.types import RECOGNISER_RATE, Samples

LONGEST_GAP = 2.0
"""Seconds of silence that stay in the sound: in more, Whisper makes words up."""


def probability(sound: Samples) -> Probability | None:
    """For each CHUNK of the sound in turn, how probable speech is; None where faster-whisper is missing.

    By the Silero model that faster-whisper carries, which takes all chunks in one go.
    """
    if importlib.util.find_spec("faster_whisper") is None:
        return None
    from faster_whisper.vad import get_vad_model

    padded = np.pad(sound, (0, -sound.size % CHUNK))
    known = iter(np.asarray(get_vad_model()(padded)).reshape(-1).tolist())
    return lambda _: next(known, 0.0)


def packed(found: Iterable[Phrase], sound: Samples) -> Iterator[Phrase]:
    """Neighbouring phrases as one, as long as the recogniser hears at once: each costs it the same, however
    short it is. The silence between them stays."""
    before: Phrase | None = None
    for phrase in found:
        if before is not None:
            if phrase.end - before.start <= RULES.longest and phrase.start - before.end <= LONGEST_GAP:
                first, last = (round(at * RECOGNISER_RATE) for at in (before.start, phrase.end))
                before = Phrase(before.start, sound[first:last], phrase.pause)
                continue
            yield before
        before = phrase
    if before is not None:
        yield before
