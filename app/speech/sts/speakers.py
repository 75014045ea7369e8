"""Who of a stream's speakers says a phrase, and which voice each of them has. Pure.

One voice must not become two: a speaker is new only where a phrase is long enough and clearly unlike all that
are known. What is too short to tell is said by whoever spoke last.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

MOST_SPEAKERS = 4
MOST_VOICES = 8
"""People who are told apart, and voices that are kept of them: one whose phrases an operator gave to another
speaker leaves room for another."""
SHORTEST = 0.7
"""Seconds of a phrase that its voice can be told by."""
NEW_FROM = 1.2
"""Seconds of a phrase that a new speaker can be found by."""
UNLIKE = 0.7
"""Likeness to every known voice below which it is another one's. Measured on phrases of 2 s in synthesised
voices: 95 in 100 are 0.83 or more alike to their own voice's mean, and at most 0.71 to another's (two English
voices of one engine, three semitones apart at most, 0.88: they are one here)."""
FREE_SEMITONES = 3.0
SEMITONE = 0.02
"""A voice rises and falls; each semitone beyond these takes so much of a phrase's likeness."""
OTHER_PITCH = 5.0
"""Semitones from all known voices beyond which, by pitch alone, it is another one's."""
NEARER = 2.0
"""Semitones that another voice must be nearer than that of who spoke last: by pitch alone."""
MEMORY = 60.0
"""Seconds of speech after which a voice's mean follows what is new instead of settling."""
SETTLED = 3.0
"""Seconds of a speaker after which the choice of a voice stays."""
HIGH = 150.0
"""Hz. Speakers below get a low voice, the others a high one."""


@dataclass(frozen=True)
class Impression:
    """What a phrase sounds like: its print (None without a model), pitch in Hz (0: unknown), seconds."""

    print: Floats | None
    pitch: float
    seconds: float


@dataclass(frozen=True)
class Voice:
    """A voice that has been heard: its number, the mean of its prints, its pitch in Hz, its seconds."""

    number: int
    print: Floats | None
    pitch: float
    seconds: float

    def with_more(self, heard: Impression) -> Voice:
        """The same after another phrase."""
        share = heard.seconds / (min(self.seconds, MEMORY) + heard.seconds)
        mean = self.print
        if heard.print is not None:
            mean = heard.print if mean is None else unit(mean + np.float32(share) * (heard.print - mean))
        pitch = self.pitch
        if heard.pitch:
            pitch = heard.pitch * (pitch / heard.pitch) ** (1 - share) if pitch else heard.pitch
        return replace(self, print=mean, pitch=pitch, seconds=self.seconds + heard.seconds)


@dataclass(frozen=True)
class Company:
    """The voices of a stream, and the number of who spoke last (0 before anybody has).

    `same` says whose phrases a voice's are where an operator corrected that.
    """

    voices: tuple[Voice, ...] = ()
    latest: int = 0
    same: tuple[tuple[int, int], ...] = ()

    def speaker(self, voice: int) -> int:
        """The speaker whose phrases a voice's are."""
        found = dict(self.same)
        for _ in self.voices:
            voice = found.get(voice, voice)
        return voice

    def heard(self, phrase: Impression) -> Company:
        """After a phrase: `latest` is the voice that says it."""
        if not self.voices:
            return self._with_new(phrase)
        if phrase.seconds < SHORTEST:
            return self
        one = nearest(self.voices, phrase, self.latest)
        if unlike(one, phrase):
            if self._has_room and phrase.seconds >= NEW_FROM:
                return self._with_new(phrase)
            # Another's, who can't be told apart yet: a mean of two would soon be neither's.
            return replace(self, latest=one.number)
        more = tuple(each.with_more(phrase) if each is one else each for each in self.voices)
        return replace(self, voices=more, latest=one.number)

    @property
    def _has_room(self) -> bool:
        people = {self.speaker(each.number) for each in self.voices}
        return len(people) < MOST_SPEAKERS and len(self.voices) < MOST_VOICES

    def _with_new(self, phrase: Impression) -> Company:
        number = max((each.number for each in self.voices), default=0) + 1
        new = Voice(number, phrase.print, phrase.pitch, phrase.seconds)
        return replace(self, voices=(*self.voices, new), latest=number)


def unit(vector: Floats) -> Floats:
    """The same direction, of length 1."""
    made: Floats = (vector / max(float(np.linalg.norm(vector)), 1e-9)).astype(np.float32)
    return made


def semitones(one: float, other: float) -> float:
    """How far two pitches in Hz are apart; 0 where one is unknown."""
    return abs(12 * math.log2(one / other)) if one > 0 and other > 0 else 0.0


def likeness(voice: Voice, phrase: Impression) -> float | None:
    """How alike the phrase is to the voice, up to 1; None without prints of both."""
    if voice.print is None or phrase.print is None:
        return None
    beyond = max(0.0, semitones(voice.pitch, phrase.pitch) - FREE_SEMITONES)
    return float(voice.print @ phrase.print) - SEMITONE * beyond


def nearest(voices: Sequence[Voice], phrase: Impression, latest: int) -> Voice:
    """The voice that the phrase is most like; by pitch alone, who spoke last goes on unless one is nearer."""
    likes = [likeness(each, phrase) for each in voices]
    if any(each is not None for each in likes):
        return max(zip(voices, likes, strict=True), key=lambda pair: -1.0 if pair[1] is None else pair[1])[0]

    def away(voice: Voice) -> float:
        stays = NEARER if voice.number == latest else 0.0
        return semitones(voice.pitch, phrase.pitch) - stays

    if not phrase.pitch:
        return next((each for each in voices if each.number == latest), voices[0])
    return min(voices, key=away)


def unlike(voice: Voice, phrase: Impression) -> bool:
    """Whether the phrase is clearly another voice's than the one that it is most like."""
    alike = likeness(voice, phrase)
    if alike is not None:
        return alike < UNLIKE
    return semitones(voice.pitch, phrase.pitch) > OTHER_PITCH


def fits(pitch: float, other: float) -> bool:
    """Whether a voice of the `other` pitch may stand for a speaker of this one; unknown fits all."""
    return not pitch or not other or (pitch < HIGH) == (other < HIGH)


def choose(pitch: float, offered: Mapping[str, float], taken: Sequence[str]) -> str:
    """A voice for a speaker of that pitch (Hz, 0: unknown), of those `offered` with theirs, best first.

    One that nobody has, as high or low as the speaker's; else of these one that the fewest have; else any.
    """
    fitting = [name for name, other in offered.items() if fits(pitch, other)]
    return min(fitting or offered, key=taken.count, default="")
