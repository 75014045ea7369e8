"""The address /v1/realtime of live: from the handshake to the first sound, and to the close."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from fastapi import WebSocket, WebSocketDisconnect
from openai.types.realtime import (
    InputAudioBufferAppendEvent,
    InputAudioBufferClearEvent,
    InputAudioBufferCommitEvent,
    SessionCreatedEvent,
)

from app.live import session as sessions
from app.live.ear import Ear
from app.live.realtime.session import (
    KINDS,
    RealtimeSession,
    cleared,
    closed_idle,
    nothing_to_commit,
    updated,
)
from app.live.realtime.wishes import MODEL, Wishes, changed, fresh, language_of, prompt_of
from app.speech.realtime.door import NORMAL, RESTART, TRY_AGAIN, entered, model_of
from app.speech.realtime.line import Line, Update, made
from app.speech.types import SpeechError

if TYPE_CHECKING:
    from app.live.service import Live


class Realtime:
    """Clients of OpenAI's realtime API, which take the same places as all others of live."""

    def __init__(self, live: Live) -> None:
        self._live = live

    async def talk(self, socket: WebSocket) -> None:
        """One connection, from its handshake to its close."""
        if not await entered(socket, self._live.gate):
            self._live.metrics.refused.labels("key").inc()
            return
        with suppress(WebSocketDisconnect, RuntimeError):
            await socket.close(await self._served(socket, Line(socket, KINDS)))

    async def _served(self, socket: WebSocket, line: Line) -> int:
        """Serves the client; the code to close with. Raises WebSocketDisconnect."""
        live = self._live
        if live.draining:
            return RESTART
        if not live.readiness.ready:
            await line.complain(
                f"live is not ready: {live.readiness.detail}", "engine_unavailable", ours=True
            )
            return TRY_AGAIN
        if live.places >= live.settings.live_max_clients:
            live.metrics.refused.labels("full").inc()
            await line.complain("all places are taken; try again in a minute", "rate_limit_exceeded")
            return TRY_AGAIN
        live.places += 1
        try:
            return await self._transcribed(socket, line)
        except SpeechError as error:
            live.metrics.refused.labels("message").inc()
            await line.complain(str(error), "engine_unavailable", ours=True)
            return TRY_AGAIN
        finally:
            live.places -= 1

    async def _transcribed(self, socket: WebSocket, line: Line) -> int:
        live = self._live
        longest = live.settings.live_max_connection_time
        wishes = fresh(model_of(socket, MODEL), live.default_language, int(time.time() + longest))
        await line.send(made(SessionCreatedEvent, "session.created", session=wishes))
        try:
            wishes, first = await self._agreed(line, wishes)
        except TimeoutError:
            await closed_idle(socket)
            return NORMAL
        language = language_of(wishes) or live.default_language
        recogniser = await asyncio.to_thread(live.recogniser.session, language)
        ear = Ear(recogniser, live.recogniser.hears_anew)
        session = RealtimeSession(line, wishes, recogniser, ear, live.hands, socket)
        try:
            recogniser.prompt(prompt_of(wishes))
            await session.begin(first)
            live.sessions.add(session)
            if not live.draining:
                await session.run(longest)
            return RESTART if live.draining else NORMAL
        finally:
            live.sessions.discard(session)
            await asyncio.shield(asyncio.to_thread(ear.close))

    async def _agreed(self, line: Line, wishes: Wishes) -> tuple[Wishes, dict[str, Any]]:
        """What the client wishes for until it sends sound, and the message with that.

        Raises WebSocketDisconnect, and TimeoutError where nothing comes.
        """
        while True:
            async with asyncio.timeout(sessions.IDLE_CLIENT):
                message = await line.receive()
            async with line.event(message) as event:
                match event:
                    case InputAudioBufferAppendEvent():
                        return wishes, dict(message)
                    case InputAudioBufferCommitEvent():
                        raise nothing_to_commit()
                    case InputAudioBufferClearEvent():
                        await line.send(cleared())
                    case Update():
                        wishes = changed(wishes, event, self._live.recogniser.languages)
                        await line.send(updated(wishes))
