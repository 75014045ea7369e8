"""The address /v1/realtime/translations of sts: from the handshake to the close."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog
from fastapi import WebSocket, WebSocketDisconnect
from openai.types.realtime import (
    RealtimeErrorEvent,
    RealtimeTranslationInputTranscriptDeltaEvent,
    RealtimeTranslationOutputAudioDeltaEvent,
    RealtimeTranslationOutputTranscriptDeltaEvent,
    RealtimeTranslationSessionClosedEvent,
    RealtimeTranslationSessionCreatedEvent,
    RealtimeTranslationSessionUpdatedEvent,
)

from app.access.gate import Gate
from app.serving.asyncapi import Channel
from app.speech import registry
from app.speech.cutter import SAMPLE_RATE
from app.speech.protocol import Config
from app.speech.realtime.door import NORMAL, RESTART, TRANSLATION, TRY_AGAIN, entered, model_of
from app.speech.realtime.line import Line, made
from app.speech.sts.interpreter import KINDS, MODEL, Idle, Interpreter, fresh
from app.speech.sts.session import BadMessage, Refused
from app.speech.types import SpeechError

if TYPE_CHECKING:
    from app.speech.sts.service import SpeechService

MOST_CLIENTS = 16
CHANNEL = Channel(
    TRANSLATION,
    "Live interpreting as OpenAI's realtime translations have it.",
    takes=tuple(KINDS.values()),
    tells=(
        RealtimeTranslationSessionCreatedEvent,
        RealtimeTranslationSessionUpdatedEvent,
        RealtimeTranslationSessionClosedEvent,
        RealtimeTranslationInputTranscriptDeltaEvent,
        RealtimeTranslationOutputTranscriptDeltaEvent,
        RealtimeTranslationOutputAudioDeltaEvent,
        RealtimeErrorEvent,
    ),
)
LONGEST = 3600
"""Seconds that a session lasts at most, as OpenAI's do."""

log = structlog.get_logger(__name__)


class Translations:
    """Clients of OpenAI's realtime translation; their phrases wait in the line of all others."""

    def __init__(self, service: SpeechService) -> None:
        self._service = service
        self._gate = Gate(service.settings, "speech")
        self._clients = 0
        # Voice activity detection holds the interpreter's lock: a second thread would gain nothing.
        self._gates = ThreadPoolExecutor(1, "sts-gate")

    async def talk(self, socket: WebSocket) -> None:
        """One connection, from its handshake to its close."""
        if not await entered(socket, self._gate):
            return
        with suppress(WebSocketDisconnect):
            line = Line(socket, KINDS)
            code = await self._served(line, model_of(socket, MODEL))
            with suppress(RuntimeError):
                await socket.close(code)

    async def _served(self, line: Line, model: str) -> int:
        """Serves the client; the code to close with. Raises WebSocketDisconnect."""
        service = self._service
        if service.draining:
            return RESTART
        if not service.readiness.ready:
            why = f"sts is not ready: {service.readiness.detail}"
            await line.complain(why, "engine_unavailable", ours=True)
            return TRY_AGAIN
        if self._clients >= MOST_CLIENTS:
            await line.complain("all places are taken; try again in a minute", "rate_limit_exceeded")
            return TRY_AGAIN
        self._clients += 1
        try:
            async with asyncio.timeout(LONGEST):
                return await self._interpreted(line, model)
        except (TimeoutError, Idle) as error:
            why = "nothing came for long" if isinstance(error, Idle) else "it lasted as long as it may"
            await line.complain(f"the session is over: {why}", "session_expired")
            return NORMAL
        except (Refused, BadMessage) as error:
            log.warning("interpreting refused", reason=str(error))
            await line.complain(str(error), error.code, ours=True)
            return TRY_AGAIN
        except SpeechError as error:
            await line.complain(str(error), "engine_unavailable", ours=True)
            return TRY_AGAIN
        finally:
            self._clients -= 1

    async def _interpreted(self, line: Line, model: str) -> int:
        service = self._service
        source = service.settings.source_language
        wishes = fresh(model, service.settings.target_languages[0], int(time.time()) + LONGEST)
        await line.send(made(RealtimeTranslationSessionCreatedEvent, "session.created", session=wishes))

        def translates(language: str) -> bool:
            return registry.translates(service.engines, source, language)

        interpreter = Interpreter(line, wishes, translates, self._gates)
        while await interpreter.begun():
            config = Config(source=source, target=interpreter.language, sample_rate=SAMPLE_RATE)
            async with service.session(interpreter, config) as (session, _):
                interpreter.session = session
                await session.run()
            if service.draining:
                return RESTART
            if interpreter.closed:
                break
        await line.send(made(RealtimeTranslationSessionClosedEvent, "session.closed"))
        return NORMAL
