"""Where speech is in a whole piece, and how it is packed for the recogniser."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from app.speech.cutter import CHUNK
from app.speech.rest.transcribe import RULES, Phrase, Probability
from app.speech.types import RECOGNISER_RATE, Samples

PAUSES = replace(RULES, silence=0.2)
"""Windows may end in a short pause, or they could not be filled."""
LONGEST_GAP = 2.0
"""Seconds of silence that stay in the sound: in more, Whisper makes words up."""
EXACT = 0.25
"""Seconds to which the length of windows is found."""


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


def packed(found: Iterable[Phrase], sound: Samples) -> list[Phrase]:
    """Neighbouring phrases as one, in as few windows as can be and those as short as can be: the recogniser
    hears 30 s at once, and each window costs it what the longest does. The silence in between stays."""
    phrases = list(found)
    fewest = windows(phrases, RULES.longest)
    low, high = 0.0, RULES.longest
    while high - low > EXACT:
        tried = (low + high) / 2
        if len(closer := windows(phrases, tried)) == len(fewest):
            fewest, high = closer, tried
        else:
            low = tried
    joined = []
    for first, last in fewest:
        begin, end = (round(at * RECOGNISER_RATE) for at in (first.start, last.end))
        joined.append(Phrase(first.start, sound[begin:end], last.pause))
    return joined


def windows(phrases: Iterable[Phrase], longest: float) -> list[tuple[Phrase, Phrase]]:
    """The first and the last phrase of each window of so many seconds; a longer phrase has one of its own."""
    found: list[tuple[Phrase, Phrase]] = []
    for phrase in phrases:
        if found:
            first, last = found[-1]
            if phrase.end - first.start <= longest and phrase.start - last.end <= LONGEST_GAP:
                found[-1] = first, phrase
                continue
        found.append((phrase, phrase))
    return found
