"""One phrase on its way through sts: what was asked, how far it has come, how it ended."""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import dataclass, field

import structlog

from app.speech.models.folders import folder_name
from app.speech.protocol import Dub, Failure, FailureCode, PhraseMark, Profile, SpokenWord, Timings
from app.speech.registry import Engines
from app.speech.sound import to_pcm
from app.speech.sts.apart import Party
from app.speech.sts.timely import Speaker
from app.speech.text.wording import Wording
from app.speech.types import Engine, HurriedTranslator, SpeechError

log = structlog.get_logger(__name__)

MOST_NAMED = 10
"""Voices that a note lists."""
TRANSLATOR_SHARE = 1 / 3
"""Of the time left: 0.5 s in the live profile. The rest is for the other translator and the voice."""


class PhraseFailed(Exception):
    """The phrase gets no dub."""

    def __init__(self, code: FailureCode, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Phrase:
    """A phrase mark and the moments (time.monotonic) of its way."""

    mark: PhraseMark
    arrived: float = field(default_factory=time.monotonic)
    abandoned: bool = False
    waited: float = 0.0
    recognise: float = 0.0
    words: tuple[SpokenWord, ...] = ()
    language: str = ""
    translated: bool = False
    whose: Future[int] | None = None
    """Which voice says it, where speakers are told apart."""

    @property
    def remaining(self) -> float:
        """Seconds until its deadline; negative afterwards."""
        return self.arrived + self.mark.deadline - time.monotonic()

    @property
    def over(self) -> bool:
        """Whether its deadline has passed, or nobody waits for it."""
        return self.abandoned or self.remaining <= 0

    def check(self) -> None:
        """Raises PhraseFailed where it is over."""
        if self.over:
            raise PhraseFailed("deadline", f"not ready within {self.mark.deadline:.2f} s")

    def failure(self, code: FailureCode, message: str) -> Failure:
        """The message that tells that it failed."""
        return Failure(id=self.mark.id, code=code, message=message, language=self.language)


@dataclass
class Dubber:
    """Turns recognised words into the dub of one session. Its methods run in worker threads.

    `tells` are the optional fields that each dub has; `chosen` is the voice that the session was opened for.
    """

    engines: Engines
    source: str
    target: str
    speaker: Speaker
    party: Party
    chosen: str = ""
    tells: frozenset[str] = frozenset()
    wording: Wording = field(init=False)
    note: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self.first_voice = self.speaker.voice
        self.reword(Profile())

    def reword(self, profile: Profile) -> None:
        """From the next phrase on. A voice that isn't there changes nothing, and is told in the note."""
        self.wording = Wording(profile, self.target)
        self.note = ""
        voice = profile.voice or self.first_voice
        there = voice == self.speaker.voice or self.engines.synthesiser.has(voice, self.target)
        self.everybody = profile.voice if there and profile.voice else self.chosen
        if there:
            self.speaker.voice = voice
        else:
            known = ", ".join(self.engines.synthesiser.voices(self.target)[:MOST_NAMED])
            wrong = f"there is no voice {voice!r} for {self.target}, but {known}"
            self.note = f"{wrong}; {self.speaker.voice} goes on"
            log.warning("no such voice; the old one goes on", voice=voice, language=self.target)

    def dub(self, phrase: Phrase, context: str) -> tuple[Dub, bytes]:
        """Translates and speaks the phrase's words. Raises PhraseFailed."""
        text = " ".join(word.text for word in phrase.words)
        if not text:
            raise PhraseFailed("no_speech", "no words were recognised")
        phrase.check()
        spoken = phrase.language or self.source
        translator = self.engines.translator
        if spoken == self.target and not translator.supports(self.target, self.target):
            raise PhraseFailed("same_language", f"{self.target} is what is spoken: nothing to dub")
        started = time.monotonic()
        try:
            wording = self.wording
            if isinstance(translator, HurriedTranslator):
                translator = translator.within(phrase.remaining * TRANSLATOR_SHARE)
            target = text if phrase.translated else wording.translated(translator, text, spoken, context)
            translated = time.monotonic()
            if not target:
                raise PhraseFailed("no_speech", "the translation is empty")
            phrase.check()
            told = self.party.speaker(phrase.whose, self.everybody)
            spoken_by, role = told or (None, None)
            samples, rate = self.speaker.speak(
                wording.spoken(target), phrase.mark.seconds, phrase.remaining, role
            )
        except SpeechError as error:
            raise PhraseFailed("failed", str(error)) from error
        recogniser = named(self.engines.recogniser)
        made_by = (recogniser, recogniser if phrase.translated else named(translator), self.speaker.name)
        timings = Timings(
            waited=round(phrase.waited, 4),
            recognise=round(phrase.recognise, 4),
            translate=round(translated - started, 4),
            synthesise=round(time.monotonic() - translated, 4),
        )
        answer = Dub(
            id=phrase.mark.id,
            source="" if phrase.translated else text,
            target=target,
            words=() if phrase.translated else phrase.words,
            language=phrase.language,
            engines=tuple(dict.fromkeys(made_by)) if "engines" in self.tells else (),
            note="; ".join(filter(None, (self.note, self.party.note))) if "note" in self.tells else "",
            speaker=spoken_by if "speaker" in self.tells else None,
            timings=timings,
            sample_rate=rate,
            samples=samples.size,
        )
        return answer, to_pcm(samples)


def named(engine: Engine) -> str:
    """An engine's name with its model's, where it has one of several."""
    model = folder_name(getattr(engine, "model_name", ""))
    return f"{engine.name} {model}".strip()
