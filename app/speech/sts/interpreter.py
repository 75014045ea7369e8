"""A client of OpenAI's realtime translation as a session sees it: events to phrases, dubs to events."""

from __future__ import annotations

import asyncio
import base64
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from typing import Any, Literal

import av
import numpy as np
from openai.types.realtime import (
    RealtimeTranslationInputAudioBufferAppendEvent,
    RealtimeTranslationInputTranscriptDeltaEvent,
    RealtimeTranslationOutputAudioDeltaEvent,
    RealtimeTranslationOutputTranscriptDeltaEvent,
    RealtimeTranslationSession,
    RealtimeTranslationSessionCloseEvent,
    RealtimeTranslationSessionUpdatedEvent,
)
from pydantic import BaseModel

from app.speech.cutter import SAMPLE_RATE, Cut, Rules
from app.speech.gate import Gate, Spoken
from app.speech.protocol import Dub, Failure, PhraseMark, pack_sound
from app.speech.realtime.line import RATE, BadEvent, Line, Update, made, merged, new_id, sound
from app.speech.sound import Resampler, from_pcm
from app.speech.sts.session import Session

RULES = Rules(longest=4.3, window=1.5)
"""Phrases as long as in the profile `steady`: who listens hears them one after the other."""
DEADLINE = 8.0
"""Seconds that a phrase may take. A slow voice takes what it may: with more, people would wait for it."""
MOST_ASKED = 2
"""Phrases without an answer after which no more is listened to: a file that is sent at once waits."""
PIECE = 2 * RATE
"""Bytes of sound that are listened to at once."""
IDLE = 300.0
"""Seconds without an event, silence included, after which a session is over."""
LONGEST_DELTA = 2 * RATE
"""Bytes of sound in an event: one second."""
MODEL = "gpt-realtime-translate"
QUIET: tuple[str, ...] = ("no_speech", "same_language")
"""Why a phrase has no dub without anything being wrong."""

MESSAGE = {"type": "websocket.receive"}

KINDS: dict[str, type[BaseModel]] = {
    "session.update": Update,
    "session.input_audio_buffer.append": RealtimeTranslationInputAudioBufferAppendEvent,
    "session.close": RealtimeTranslationSessionCloseEvent,
}

Wishes = RealtimeTranslationSession


class Idle(Exception):
    """Nothing came from the client for long."""


def fresh(model: str, language: str, expires: int) -> Wishes:
    """What holds until the client wishes for something else. `expires` is a Unix time in seconds."""
    audio = {"input": {"noise_reduction": None, "transcription": None}, "output": {"language": language}}
    content = {"type": "translation", "id": new_id("sess"), "expires_at": expires, "model": model}
    return Wishes.model_validate({**content, "audio": audio})


def changed(wishes: Wishes, update: Update, translates: Callable[[str], bool]) -> Wishes:
    """The wishes with an update. Raises BadEvent, also where the language can't be had."""
    for name in ("type", "model", "id", "expires_at"):
        if name in update.session and update.session[name] != getattr(wishes, name):
            raise BadEvent(f"{name} is settled when the session begins", param=f"session.{name}")
    new = merged(wishes, update.session)
    if not translates(language := language_of(new)):
        why = f"no translator here into {language!r}"
        raise BadEvent(why, "unsupported_language", "session.audio.output.language")
    return new


def language_of(wishes: Wishes) -> str:
    """The language to translate into (ISO 639)."""
    output = wishes.audio.output
    return ((output and output.language) or "").strip().lower().split("-")[0]


class Interpreter:
    """A client as a session's peer. The session is another one after each change of the language.

    `translates` says whether a language can be had.
    """

    def __init__(
        self, line: Line, wishes: Wishes, translates: Callable[[str], bool], gates: Executor
    ) -> None:
        self.session: Session | None = None
        self.closed = False
        self._line = line
        self._wishes = wishes
        self._translates = translates
        self._gates = gates
        self._gate = Gate(RULES)
        self._resampler = Resampler(RATE, SAMPLE_RATE)
        self._unheard = bytearray()
        self._messages: deque[dict[str, Any]] = deque()
        self._asked: dict[int, int] = {}
        self._answered = asyncio.Event()
        self._phrases = 0
        self._ends = False
        self._told: set[type[BaseModel]] = set()

    @property
    def language(self) -> str:
        """The language to translate into."""
        return language_of(self._wishes)

    async def begun(self) -> bool:
        """Follows events until there is sound to translate; False where the client closes instead.

        Raises WebSocketDisconnect and Idle.
        """
        self._ends = self.closed
        while not self._unheard and not self.closed:
            await self._event()
        return not self.closed

    async def receive(self) -> Mapping[str, Any]:
        """The next message for the session. Raises WebSocketDisconnect and Idle."""
        while not self._messages:
            if self._unheard:
                await self._hear()
            elif self._ends and self.session is not None:
                # It ends once it has answered what it was asked; nothing is read meanwhile.
                self.session.drain()
                await asyncio.Event().wait()
            else:
                await self._event()
        return self._messages.popleft()

    async def answer(self, message: Failure | Dub, pcm: bytes) -> None:
        """Tells what became of a phrase: its texts and its sound, or why there is none."""
        elapsed = self._asked.pop(message.id)
        self._answered.set()
        if isinstance(message, Failure):
            if message.code not in QUIET:
                await self._line.complain(message.message, message.code, ours=True)
            return
        heard = self._wishes.audio.input
        if heard is not None and heard.transcription is not None and message.source:
            await self._tell_text(
                RealtimeTranslationInputTranscriptDeltaEvent, "input", message.source, elapsed
            )
        await self._tell_text(
            RealtimeTranslationOutputTranscriptDeltaEvent, "output", message.target, elapsed
        )
        for delta in parts(at_our_rate(pcm, message.sample_rate)):
            await self._line.send(
                made(
                    RealtimeTranslationOutputAudioDeltaEvent,
                    "session.output_audio.delta",
                    delta=base64.b64encode(delta).decode(),
                    elapsed_ms=elapsed,
                    sample_rate=RATE,
                    channels=1,
                    format="pcm16",
                )
            )

    async def _tell_text(
        self,
        kind: type[BaseModel],
        name: Literal["input", "output"],
        text: str,
        at: int,
    ) -> None:
        delta = f" {text}" if kind in self._told else text
        self._told.add(kind)
        await self._line.send(made(kind, f"session.{name}_transcript.delta", delta=delta, elapsed_ms=at))

    async def _event(self) -> None:
        try:
            async with asyncio.timeout(IDLE):
                message = await self._line.receive()
        except TimeoutError:
            raise Idle from None
        async with self._line.event(message) as event:
            match event:
                case RealtimeTranslationInputAudioBufferAppendEvent(audio=audio):
                    self._unheard += sound(audio)
                case RealtimeTranslationSessionCloseEvent():
                    self.closed = True
                    self._end()
                case Update():
                    before = self.language
                    self._wishes = changed(self._wishes, event, self._translates)
                    if self.language != before:
                        self._end()
                    updated = made(
                        RealtimeTranslationSessionUpdatedEvent, "session.updated", session=self._wishes
                    )
                    await self._line.send(updated)

    def _end(self) -> None:
        """What was said ends here, and so does this session."""
        self._ends = True
        self._put(self._gate.flush())

    async def _hear(self) -> None:
        while len(self._asked) >= MOST_ASKED:
            self._answered.clear()
            await self._answered.wait()
        piece = bytes(self._unheard[:PIECE])
        del self._unheard[:PIECE]
        loop = asyncio.get_running_loop()
        self._put(await loop.run_in_executor(self._gates, self._listened, piece))

    def _listened(self, piece: bytes) -> list[Spoken | Cut]:
        return self._gate.feed(self._resampler(from_pcm(piece)))

    def _put(self, items: list[Spoken | Cut]) -> None:
        for item in items:
            if isinstance(item, Spoken):
                self._messages.append({**MESSAGE, "bytes": pack_sound(item.position, item.pcm)})
                continue
            self._phrases += 1
            self._asked[self._phrases] = round(1000 * item.end / SAMPLE_RATE)
            mark = PhraseMark(
                id=self._phrases,
                start=item.start,
                end=item.end,
                deadline=DEADLINE,
                pause=item.pause,
                seconds=(item.end - item.start) / SAMPLE_RATE,
            )
            self._messages.append({**MESSAGE, "text": mark.model_dump_json()})


def at_our_rate(pcm: bytes, rate: int) -> bytes:
    """int16 mono PCM at RATE."""
    if rate == RATE or not pcm:
        return pcm
    frame = av.AudioFrame.from_ndarray(np.frombuffer(pcm, "<i2")[None, :].copy(), format="s16", layout="mono")
    frame.sample_rate = rate
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    frames = [*resampler.resample(frame), *resampler.resample(None)]
    return b"".join(each.to_ndarray().tobytes() for each in frames)


def parts(pcm: bytes) -> Iterator[bytes]:
    """Sound in pieces of LONGEST_DELTA bytes at most."""
    for start in range(0, len(pcm), LONGEST_DELTA):
        yield pcm[start : start + LONGEST_DELTA]
