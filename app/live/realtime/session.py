"""One client of the realtime API: base64 in, turns of a conversation out."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from fastapi import WebSocket
from openai.types.realtime import (
    ConversationItemAdded,
    ConversationItemDone,
    InputAudioBufferAppendEvent,
    InputAudioBufferClearedEvent,
    InputAudioBufferClearEvent,
    InputAudioBufferCommitEvent,
    InputAudioBufferCommittedEvent,
    InputAudioBufferSpeechStartedEvent,
    InputAudioBufferSpeechStoppedEvent,
    SessionUpdatedEvent,
)
from openai.types.realtime import (
    ConversationItemInputAudioTranscriptionCompletedEvent as TranscriptionCompleted,
)
from openai.types.realtime import ConversationItemInputAudioTranscriptionDeltaEvent as TranscriptionDelta
from pydantic import BaseModel

from app.live.ear import Ear, Heard
from app.live.inlet import Inlet
from app.live.realtime.wishes import Wishes, changed, language_of, prompt_of, turns_of
from app.live.session import Hands, Session
from app.live.transcript import Transcript
from app.speech.cutter import SAMPLE_RATE, Cut
from app.speech.gate import RULES, Gate, Spoken
from app.speech.realtime.door import NORMAL
from app.speech.realtime.line import RATE, BadEvent, Line, Update, made, new_id, sound
from app.speech.sound import Resampler, from_pcm
from app.speech.types import RecogniserSession, Samples, Word

LANGUAGE = "input.transcription.language"
SHORTEST_COMMIT = 2 * RATE // 10
"""Bytes of sound that a commit needs: 100 ms, as OpenAI has it."""
INPUT = "input_audio_buffer"
TRANSCRIPTION = "conversation.item.input_audio_transcription"

KINDS: dict[str, type[BaseModel]] = {
    "session.update": Update,
    f"{INPUT}.append": InputAudioBufferAppendEvent,
    f"{INPUT}.commit": InputAudioBufferCommitEvent,
    f"{INPUT}.clear": InputAudioBufferClearEvent,
}


@dataclass
class Item:
    """A turn: who speaks until a pause, or until the client commits."""

    id: str = field(default_factory=lambda: new_id("item"))
    start: int = 0
    is_told: bool = False
    dropped: bool = False
    seconds: float = 0.0
    phrases: list[str] = field(default_factory=list)
    told: str = ""
    """What the deltas have said of the phrase that is being spoken."""


@dataclass
class Phrase:
    """What the recogniser has yet to settle: a phrase of an item, or, without sound, its end alone."""

    item: Item
    has_sound: bool
    is_last: bool


class RealtimeSession(Session):
    """Events in and out. An item's deltas only add words that don't change any more."""

    def __init__(
        self, line: Line, wishes: Wishes, recogniser: RecogniserSession, ear: Ear, hands: Hands, socket: Any
    ) -> None:
        super().__init__(socket, Inlet("int16", RATE), Gate(turns_of(wishes) or RULES), ear, hands)
        self._line = line
        self._wishes = wishes
        self._recogniser = recogniser
        self._resampler = Resampler(RATE, SAMPLE_RATE)
        self._transcript = Transcript(1, False)
        self._uncommitted = 0
        self._item = Item()
        self._before: str | None = None
        self._phrases: deque[Phrase] = deque()

    async def begin(self, message: dict[str, Any]) -> None:
        """Takes the first sound, before `run`."""
        await self._take(message)

    async def _take(self, message: dict[str, Any]) -> bool:
        async with self._line.event(message) as event:
            match event:
                case InputAudioBufferAppendEvent(audio=audio):
                    pcm = sound(audio)
                    self._put_sound(pcm)
                    self._uncommitted += len(pcm)
                case InputAudioBufferCommitEvent():
                    if self._uncommitted < SHORTEST_COMMIT:
                        raise nothing_to_commit()
                    self._uncommitted = 0
                    self._pause(self._commit)
                case InputAudioBufferClearEvent():
                    self._uncommitted = 0
                    self._pause(self._clear)
                case Update():
                    await self._update(event)
        return False

    def _samples(self, piece: bytes) -> Samples:
        return self._resampler(from_pcm(piece))

    async def _update(self, update: Update) -> None:
        new = changed(self._wishes, update, ("*",))
        if language_of(new) != language_of(self._wishes):
            why = "the language stays what it was at the first sound: open another session"
            raise BadEvent(why, "unsupported_language", f"session.audio.{LANGUAGE}")
        if turns_of(new) != turns_of(self._wishes):
            self._pause(self._turn_otherwise)
        self._wishes = new
        self._recogniser.prompt(prompt_of(new))
        await self._line.send(updated(new))

    @property
    def _by_itself(self) -> bool:
        """Whether turns end by themselves."""
        return turns_of(self._wishes) is not None

    async def _turn_otherwise(self, _: list[Spoken | Cut]) -> None:
        self._gate = Gate(turns_of(self._wishes) or RULES, self._gate.position)

    async def _listened(self, items: list[Spoken | Cut]) -> None:
        told: list[BaseModel] = []
        for cut in items:
            if isinstance(cut, Cut):
                told += self._started(cut.start)
                ends = cut.pause and self._by_itself
                self._phrases.append(Phrase(self._item, True, ends))
                if ends:
                    told += self._stopped(cut.end)
        if self._gate.open is not None:
            told += self._started(self._gate.open)
        await super()._listened(items)
        for event in told:
            await self._line.send(event)

    def _started(self, position: int) -> list[BaseModel]:
        if self._item.is_told or not self._by_itself:
            return []
        self._item.is_told, self._item.start = True, position
        place = {"item_id": self._item.id, "audio_start_ms": milliseconds(position)}
        return [made(InputAudioBufferSpeechStartedEvent, f"{INPUT}.speech_started", **place)]

    def _stopped(self, position: int) -> list[BaseModel]:
        place = {"item_id": self._item.id, "audio_end_ms": milliseconds(position)}
        stopped = made(InputAudioBufferSpeechStoppedEvent, f"{INPUT}.speech_stopped", **place)
        return [stopped, *self._committed(position)]

    def _committed(self, position: int) -> list[BaseModel]:
        """The item ends there; the next one begins."""
        item, before = self._item, self._before
        item.seconds = max(0, position - item.start) / SAMPLE_RATE
        self._item, self._before = Item(start=position), item.id
        content = {
            "id": item.id,
            "object": "realtime.item",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_audio", "transcript": None}],
        }
        place: dict[str, Any] = {"previous_item_id": before}
        return [
            made(InputAudioBufferCommittedEvent, f"{INPUT}.committed", item_id=item.id, **place),
            made(ConversationItemAdded, "conversation.item.added", item=content, **place),
            made(ConversationItemDone, "conversation.item.done", item=content, **place),
        ]

    async def _commit(self, items: list[Spoken | Cut]) -> None:
        """All up to the client's commit was listened to."""
        if self._by_itself and any(isinstance(each, Cut) for each in items):
            # The pause that a commit is has ended the turn by itself.
            return
        self._phrases.append(Phrase(self._item, False, True))
        for event in self._committed(self._gate.position):
            await self._line.send(event)
        await self._ended_items()

    async def _clear(self, items: list[Spoken | Cut]) -> None:
        """All up to where the client gives its sound up was listened to: none of it is told."""
        if self._by_itself and any(isinstance(each, Cut) for each in items):
            self._phrases[-1].item.dropped = True
        self._item.dropped = True
        self._item = Item(start=self._gate.position)
        await self._line.send(cleared())

    async def _tell(self, heard: Heard) -> None:
        for words in heard.final:
            _, segment = self._transcript.final(words)
            phrase = self._phrases.popleft()
            if segment is not None:
                self._metrics.finals.inc()
                await self._say(phrase.item, segment.text)
                phrase.item.phrases.append(segment.text)
            phrase.item.told = ""
            if phrase.is_last:
                await self._complete(phrase.item)
            await self._ended_items()
        if heard.settled:
            item = self._phrases[0].item if self._phrases else self._item
            await self._say(item, text_of(heard.settled))

    async def _ended_items(self) -> None:
        while self._phrases and not self._phrases[0].has_sound:
            await self._complete(self._phrases.popleft().item)

    async def _say(self, item: Item, text: str) -> None:
        """Tells what the text adds to what was told of the phrase; nothing where it says something else."""
        if item.dropped or not text.startswith(item.told) or text == item.told:
            return
        fresh = text[len(item.told) :]
        is_next = item.phrases and not item.told
        item.told = text
        place = {"item_id": item.id, "content_index": 0}
        delta = f" {fresh}" if is_next else fresh
        await self._line.send(made(TranscriptionDelta, f"{TRANSCRIPTION}.delta", delta=delta, **place))

    async def _complete(self, item: Item) -> None:
        if item.dropped:
            return
        told = {
            "item_id": item.id,
            "content_index": 0,
            "transcript": " ".join(item.phrases),
            "usage": {"type": "duration", "seconds": round(item.seconds, 3)},
        }
        await self._line.send(made(TranscriptionCompleted, f"{TRANSCRIPTION}.completed", **told))

    async def _tell_end(self, why: Literal["idle", "time"]) -> None:
        if why == "idle":
            await closed_idle(self._socket)
        else:
            await self._line.complain("the session lasted as long as it may", "session_expired")


async def closed_idle(socket: WebSocket) -> None:
    """Lets a client go that sends nothing. Agents give up at an error; after a close they connect again."""
    with suppress(RuntimeError):
        await socket.close(NORMAL, "nothing came for long: the session is over")


def nothing_to_commit() -> BadEvent:
    """What a client is told that commits without sound."""
    least = 1000 * SHORTEST_COMMIT // (2 * RATE)
    return BadEvent(f"there is nothing to commit: send {least} ms of sound first", f"{INPUT}_commit_empty")


def updated(wishes: Wishes) -> BaseModel:
    """Tells the configuration that holds now."""
    return made(SessionUpdatedEvent, "session.updated", session=wishes)


def cleared() -> BaseModel:
    """Tells that the sound that waited is given up."""
    return made(InputAudioBufferClearedEvent, f"{INPUT}.cleared")


def text_of(words: Sequence[Word]) -> str:
    """The words as a text."""
    return " ".join(word.text for word in words)


def milliseconds(position: int) -> int:
    """A sample index at 16 kHz as a time."""
    return round(1000 * position / SAMPLE_RATE)
