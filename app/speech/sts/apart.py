"""The speakers of a session: told apart beside recognition, each with a voice that stays.

A phrase's voice is looked at in a thread of its own while the phrase is recognised and translated, so that
its dub need not wait for it.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog

from app.speech.engines.voiceprint import SPAN, Voiceprint
from app.speech.pitch import median_pitch
from app.speech.protocol import KnownSpeaker, Speakers
from app.speech.sts.speakers import SETTLED, Company, Floats, Impression, Voice, choose, fits, unit
from app.speech.types import RECOGNISER_RATE, EngineMissing, Samples

PATIENCE = 0.1
"""Seconds that a dub waits at most for who says it: more would be heard as delay."""
LONG = 3 * RECOGNISER_RATE
"""Samples of a phrase that two prints are made of, rather than one."""
BY_PITCH = "speakers are told apart by their pitch alone: `make setup` brings the model of voices"
ONE_VOICE = "there is one voice for {}: all speakers have it"

log = structlog.get_logger(__name__)


class Ear:
    """What tells voices apart, for all sessions of a process: the model, or without it pitch alone."""

    def __init__(self, models_dir: Path, told: Callable[[float], None] = lambda _: None) -> None:
        self._model: Voiceprint | None = Voiceprint(models_dir)
        self._told = told
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="speakers")

    @property
    def by(self) -> str:
        """What speakers are told apart by: voice or pitch."""
        return "voice" if self._model is not None else "pitch"

    def load(self) -> None:
        """Reads the model; without it pitch tells."""
        try:
            if self._model is not None:
                self._model.load()
        except EngineMissing as error:
            log.warning("speakers are told apart by pitch alone", reason=str(error))
            self._model = None

    def close(self) -> None:
        """Ends its thread."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def listen(self, sound: Samples, then: Callable[[Impression], int]) -> Future[int]:
        """What `then` makes of the sound, one after the other in the order asked."""

        def work() -> int:
            started = time.monotonic()
            found = then(self.impression(sound))
            self._told(time.monotonic() - started)
            return found

        return self._thread.submit(work)

    def before_that(self, work: Callable[[], None]) -> None:
        """Does this before it listens to what comes after."""

        def done() -> None:
            try:
                work()
            except Exception:
                log.exception("what tells speakers apart could not be prepared")

        self._thread.submit(done)

    def impression(self, sound: Samples) -> Impression:
        """What speech at 16 kHz sounds like."""
        return Impression(self._print(sound), median_pitch(sound), sound.size / RECOGNISER_RATE)

    def _print(self, sound: Samples) -> Floats | None:
        if self._model is None or not sound.size:
            return None
        last = max(0, sound.size - SPAN)
        begins = [last // 2] if sound.size < LONG else [last // 4, 3 * last // 4]
        # One after the other: two at once take three times as long as one.
        return unit(np.stack([self._model.prints(sound, [each])[0] for each in begins]).mean(axis=0))


@dataclass(frozen=True)
class Role:
    """What speaks for a speaker: its voice, and a light engine's for when that would be too slow."""

    voice: str
    light: str = ""


class Roles:
    """Which speaker has which voice. `offered` and `light` are voices with their pitches, best first."""

    def __init__(self, offered: Mapping[str, float], light: Mapping[str, float]) -> None:
        self.offered = offered
        self._light = light
        self._roles: dict[int, Role] = {}

    def measure(self) -> None:
        """Has the voices measured that need to be, so that no phrase waits for that."""
        for voices in (self.offered, self._light):
            dict(voices)

    def role(self, speaker: int, pitch: float, seconds: float, wanted: str) -> Role:
        """The speaker's role, which stays once it is settled; an operator's `wanted` voice wins."""
        known = self._roles.get(speaker)
        others = [role for number, role in self._roles.items() if number != speaker]
        if known is None or (seconds < SETTLED and not fits(pitch, self.offered.get(known.voice, 0.0))):
            voice = choose(pitch, self.offered, [role.voice for role in others])
            light = choose(pitch, self._light, [role.light for role in others])
            known = self._roles[speaker] = Role(voice, voice if voice in self._light else light)
        return Role(wanted, known.light) if wanted else known

    def remember(self, speaker: int, voice: str, pitch: float) -> None:
        """An earlier session gave the speaker this voice."""
        if voice in self.offered:
            others = [role.light for role in self._roles.values()]
            light = voice if voice in self._light else choose(pitch, self._light, others)
            self._roles[speaker] = Role(voice, light)


class Party:
    """A session's speakers. Off until it is told; its methods may be called from any thread."""

    def __init__(self, ear: Ear, roles: Roles, language: str, has: Callable[[str, str], bool]) -> None:
        self._ear = ear
        self._has = has
        self._missing: list[str] = []
        self._roles = roles
        self._language = language
        self._lock = threading.Lock()
        self._company = Company()
        self._wanted: dict[int, str] = {}
        self.on = False

    @property
    def note(self) -> str:
        """What the operator should know; empty where nothing."""
        if not self.on:
            return ""
        notes = [BY_PITCH] if self._ear.by == "pitch" else []
        if len(self._roles.offered) < 2:
            notes.append(ONE_VOICE.format(self._language))
        notes += [f"there is no voice {each!r} for {self._language}" for each in self._missing]
        return "; ".join(notes)

    def told(self, message: Speakers) -> None:
        """From the next phrase on. Voices that aren't there are left out, and told in the note."""
        wanted = {
            number: voice for number, voice in message.voices.items() if self._has(voice, self._language)
        }
        with self._lock:
            self.on = message.on
            self._wanted = wanted
            self._missing = sorted({*message.voices.values()} - {*wanted.values()})
            voices = self._company.voices
            if message.known:
                voices = tuple(remembered(each) for each in message.known)
                for each in message.known:
                    self._roles.remember(each.number, each.voice, each.pitch)
            longest = max(voices, key=lambda each: each.seconds, default=NOBODY).number
            latest = longest if message.known else self._company.latest
            self._company = Company(voices, latest, tuple(message.same.items()))
        if message.on:
            self._ear.before_that(self._roles.measure)

    def listen(self, sound: Samples) -> Future[int] | None:
        """The number of the voice that says this phrase, later; None while speakers are not told apart."""
        return self._ear.listen(sound, self._heard) if self.on else None

    def speaker(self, heard: Future[int] | None, chosen: str) -> tuple[KnownSpeaker, Role] | None:
        """Who says a phrase, and with which voice: the one `chosen` for all, where there is one.

        Whoever spoke last where that isn't known in time; None where nobody is known.
        """
        if heard is None:
            return None
        try:
            number = heard.result(PATIENCE)
        except NotYet:
            number = self._company.latest
        except Exception:
            log.exception("a phrase's speaker could not be told")
            number = self._company.latest
        with self._lock:
            voices = {each.number: each for each in self._company.voices}
            if number not in voices:
                return None
            speaker = self._company.speaker(number)
            voice = voices.get(speaker, voices[number])
            wanted = self._wanted.get(speaker, "") or chosen
            role = self._roles.role(speaker, voice.pitch, voice.seconds, wanted)
            return described(voice, speaker, role.voice), role

    def _heard(self, impression: Impression) -> int:
        with self._lock:
            self._company = self._company.heard(impression)
            return self._company.latest


NOBODY = Voice(0, None, 0.0, 0.0)


def remembered(speaker: KnownSpeaker) -> Voice:
    """A voice as an earlier session told of it; what is no print counts as none."""
    made: Floats | None = None
    try:
        raw = base64.b64decode(speaker.print)
    except ValueError:
        raw = b""
    if len(raw) == 512:
        numbers = np.frombuffer(raw, "<f2").astype(np.float32)
        made = unit(numbers) if np.isfinite(numbers).all() and numbers.any() else None
    return Voice(speaker.number, made, speaker.pitch, speaker.seconds)


def described(voice: Voice, number: int, speaks: str) -> KnownSpeaker:
    """A voice for another session to go on by."""
    made = "" if voice.print is None else base64.b64encode(voice.print.astype("<f2").tobytes()).decode()
    return KnownSpeaker(
        number=number,
        pitch=round(voice.pitch, 1),
        seconds=round(voice.seconds, 1),
        voice=speaks,
        print=made,
    )
