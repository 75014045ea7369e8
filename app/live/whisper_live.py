"""One client that speaks WhisperLive's protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal

from fastapi import WebSocket

from app.live.ear import Ear, Heard
from app.live.greeting import BadClient, Greeting, is_end, samples_of
from app.live.inlet import Inlet
from app.live.messages import Told
from app.live.session import PARTIALS, Hands, Session
from app.live.transcript import Segment, Transcript
from app.serving.sending import sending
from app.speech.gate import Gate
from app.speech.types import Samples

Translate = Callable[[str], str]


class WhisperLiveSession(Session):
    """Sound in as frames until END_OF_AUDIO; the transcript out as segments, translated where wanted."""

    def __init__(
        self, socket: WebSocket, greeting: Greeting, ear: Ear, hands: Hands, translate: Translate | None
    ) -> None:
        super().__init__(socket, Inlet(greeting.audio_format), Gate(), ear, hands)
        self._greeting = greeting
        self._translate = translate
        self._transcript = Transcript(greeting.shown, greeting.word_timestamps)
        self._translated: list[dict[str, Any]] = []

    async def tell(self, **message: Any) -> None:
        """Sends a message with the client's uid."""
        await self._send(message)

    async def _take(self, message: dict[str, Any]) -> bool:
        frame = message.get("bytes")
        if frame is None:
            frame = message.get("text") or ""
        if is_end(frame):
            return True
        if isinstance(frame, str):
            raise BadClient("after the first message come sound and END_OF_AUDIO, no other text")
        self._put_sound(frame)
        return False

    def _samples(self, piece: bytes) -> Samples:
        return samples_of(piece, self._greeting.audio_format)

    async def _tell_end(self, why: Literal["idle", "time"]) -> None:
        await self._send({"message": "DISCONNECT", "reason": why})

    async def _tell(self, heard: Heard) -> None:
        for words in heard.final:
            messages, segment = self._transcript.final(words)
            for segments in messages:
                await self._send({"segments": segments})
            if segment is not None:
                self._metrics.finals.inc()
                await self._tell_translated(segment)
        for segments in self._transcript.partial(heard.partial):
            await self._send({"segments": segments})

    async def _tell_translated(self, segment: Segment) -> None:
        if self._translate is None:
            return
        loop = asyncio.get_running_loop()
        text = await loop.run_in_executor(self._threads.at(PARTIALS), self._translate, segment.text)
        told = Segment(segment.start, segment.end, text).told(True, False)
        self._translated = [*self._translated, told][-self._greeting.shown :]
        await self._send({"translated_segments": self._translated})

    async def _send(self, message: dict[str, Any]) -> None:
        async with sending():
            await self._socket.send_text(Told.model_validate({"uid": self._greeting.uid, **message}).text())
