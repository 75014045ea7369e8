"""One room, interpreted: everybody speaks their own language, and hears and reads it of the others."""

from __future__ import annotations

import asyncio
import io
import wave
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import structlog
from livekit import rtc
from livekit.rtc.participant import PublishTrackError

from app.access.keys import shared_key
from app.commentary.rooms.door import INTERPRETER, LANGUAGE, OURS, Door
from app.commentary.rooms.speaker import Speaker
from app.commentary.rooms.visit import Visit, Visitor
from app.commentary.rooms.voice import Voice
from app.commentary.speech import Sound
from app.speech.client.sts_client import Answer
from app.speech.protocol import Dub

MOST_WAITING = 4
MOST_SAID = 50
NOTHING_SAID = ("no_speech", "same_language")

log = structlog.get_logger()


@dataclass(frozen=True)
class Said:
    """A phrase of a speaker (their identity), as it was heard, and in another language."""

    speaker: str
    language: str
    heard: str
    into: str
    text: str


class InterpretedRoom(Visitor["InterpretingVisit"]):
    """The one that interprets in a room."""

    def __init__(self, name: str, door: Door, first_wait: float, longest_wait: float) -> None:
        super().__init__(f"interpreted room {name}", name, door, first_wait, longest_wait)
        self.ended = False
        self.said: deque[Said] = deque(maxlen=MOST_SAID)

    @property
    def languages(self) -> set[str]:
        """The languages of those who are there."""
        return self._visit.languages if self._visit is not None else set()

    @property
    def problem(self) -> str:
        """What is wrong, for people; empty where nothing is."""
        if self._visit is not None:
            return "; ".join(f"{into}: {why}" for into, why in sorted(self._visit.problems.items()))
        return str(self._problem or "")

    def _is_over(self) -> None:
        self.ended = True

    def _new_visit(self) -> InterpretingVisit:
        return InterpretingVisit(self.name, self._door, self.said)


class InterpretingVisit(Visit):
    """Hears everybody who speaks, and has a track for each language that somebody needs."""

    def __init__(self, name: str, door: Door, said: deque[Said]) -> None:
        super().__init__(name, door, INTERPRETER)
        self._addresses = door.settings.sts_addresses
        self._key = shared_key(door.settings)
        self._said = said
        self._speakers: dict[str, tuple[str, Speaker]] = {}
        self._voices: dict[str, Voice] = {}
        self._written: deque[tuple[str, int]] = deque(maxlen=MOST_SAID)
        self._failed: dict[str, str] = {}
        self._loop = asyncio.get_running_loop()
        self._following = asyncio.Lock()

    @property
    def languages(self) -> set[str]:
        """The languages of those who are there."""
        return set(self._spoken().values())

    @property
    def problems(self) -> dict[str, str]:
        """What is wrong, by language."""
        return self._failed | {
            into: why for _, speaker in self._speakers.values() for into, why in speaker.problems.items()
        }

    def _listen(self) -> None:
        room = self.room
        for event in ("participant_connected", "participant_disconnected", "participant_attributes_changed"):
            room.on(event, lambda *_: self._do(self._follow()))
        room.on("track_published", lambda publication, _: self._take(publication))
        room.on("track_subscribed", self._hear)
        room.on("track_unsubscribed", lambda _, publication, __: self._leave_off(publication.sid))

    async def _entered(self) -> None:
        for guest in self.room.remote_participants.values():
            for publication in guest.track_publications.values():
                self._take(publication)

    def _ending(self) -> list[Coroutine[Any, Any, None]]:
        ending = [speaker.close() for _, speaker in self._speakers.values()]
        ending += [voice.close() for voice in self._voices.values()]
        self._speakers.clear()
        self._voices.clear()
        return ending

    def _spoken(self) -> dict[str, str]:
        """The language of each guest by identity."""
        return {
            identity: language
            for identity, guest in self.room.remote_participants.items()
            if identity not in OURS and (language := guest.attributes.get(LANGUAGE, ""))
        }

    def _take(self, publication: rtc.RemoteTrackPublication) -> None:
        if publication.kind == rtc.TrackKind.KIND_AUDIO:
            publication.set_subscribed(True)

    def _hear(
        self, track: rtc.Track, publication: rtc.RemoteTrackPublication, guest: rtc.RemoteParticipant
    ) -> None:
        language = self._spoken().get(guest.identity)
        if language is None or publication.sid in self._speakers:
            return
        speaker = guest.identity

        def answered(into: str, answer: Answer) -> None:
            self._loop.call_soon_threadsafe(self._answered, speaker, language, into, answer)

        self._speakers[publication.sid] = (
            speaker,
            Speaker(track, language, self._addresses, answered, self._key),
        )
        self._do(self._follow())

    def _leave_off(self, sid: str) -> None:
        if (found := self._speakers.pop(sid, None)) is not None:
            self._do(found[1].close())

    async def _follow(self) -> None:
        """Who needs which language has changed."""
        async with self._following:
            spoken = self._spoken()
            for identity, speaker in list(self._speakers.values()):
                wanted = {language for guest, language in spoken.items() if guest != identity}
                for language in wanted - {speaker.language} - self._voices.keys():
                    await self._open_voice(language)
                await speaker.interpret(wanted)

    async def _open_voice(self, language: str) -> None:
        voice = Voice(self.room, f"dub-{language}", MOST_WAITING)
        try:
            await voice.open()
        except PublishTrackError as error:
            self._failed[language] = f"LiveKit takes no track ({error})"
            return
        self._voices[language] = voice

    def _answered(self, speaker: str, language: str, into: str, answer: Answer) -> None:
        if answer.dub is None:
            if answer.code not in NOTHING_SAID:
                self._failed[into] = answer.problem or answer.code
            return
        self._failed.pop(into, None)
        self._tell(speaker, language, into, answer.dub, answer.pcm)

    def _tell(self, speaker: str, language: str, into: str, dub: Dub, pcm: bytes) -> None:
        self._said.append(Said(speaker, language, dub.source, into, dub.target))
        spoken = self._spoken()
        if dub.source and (speaker, dub.id) not in self._written:
            self._written.append((speaker, dub.id))
            self._write(dub.source, speaker, language, spoken)
        self._write(dub.target, speaker, into, spoken)
        if (voice := self._voices.get(into)) is not None and pcm:
            voice.say(Sound(wav(pcm, dub.sample_rate), dub.samples / dub.sample_rate))

    def _write(self, text: str, speaker: str, language: str, spoken: dict[str, str]) -> None:
        """Captions are read by those whose language it is."""
        if readers := [guest for guest, theirs in spoken.items() if theirs == language]:
            self.write(text, readers, {"speaker": speaker, LANGUAGE: language})


def wav(pcm: bytes, rate: int) -> bytes:
    """Mono int16 PCM as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as opened:
        opened.setnchannels(1)
        opened.setsampwidth(2)
        opened.setframerate(rate)
        opened.writeframes(pcm)
    return file.getvalue()
