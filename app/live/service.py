"""live: transcription over WebSocket: WhisperLive's protocol at ws://host:9090/, OpenAI's at /v1/realtime."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import structlog
from fastapi import FastAPI, Response, WebSocket, WebSocketDisconnect

from app.access.gate import Gate, NotAdmitted
from app.live.ear import Ear
from app.live.greeting import END_OF_AUDIO, BadClient, Greeting, read_greeting
from app.live.messages import Told
from app.live.metrics import Metrics
from app.live.session import Hands, Session
from app.live.whisper_live import Translate, WhisperLiveSession
from app.service import Readiness, create_app, meanwhile
from app.serving import asyncapi
from app.serving.asyncapi import Binary, Channel, Word
from app.serving.late import LateSocket, Talk
from app.settings import Settings
from app.speech import registry
from app.speech.ranked import RankedExecutor
from app.speech.realtime.door import TRANSCRIPTION
from app.speech.types import SpeechError, Translator

WHISPER_LIVE = Channel(
    "/",
    "Live transcription in WhisperLive's protocol: a greeting, then sound until END_OF_AUDIO.",
    takes=(
        Greeting,
        Binary("Sound", "Mono sound at 16 kHz in the greeting's format, 512 KiB at most."),
        Word(END_OF_AUDIO, "No more sound comes: the rest is told, then the connection is closed."),
    ),
    tells=(Told,),
)
GREETING_WITHIN = 10.0
MOST_OPENING = 64
CLOSE_AFTER_WAIT = 0.2
BACKEND = "faster_whisper"
"""WhisperLive's client keeps finished segments only of a server that calls itself this."""
NORMAL, UNSUPPORTED, POLICY, RESTART, TRY_AGAIN = 1000, 1003, 1008, 1012, 1013

log = structlog.get_logger(__name__)


class Live:
    """The engines, the threads they work in, and the clients."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.gate = Gate(settings, "live")
        self.recogniser = registry.recogniser(settings)
        self.translator = cast(Translator, registry.FACTORIES["mt"][settings.mt_engine](settings))
        self.readiness = Readiness()
        self.sessions: set[Session] = set()
        self.places = 0
        self.opening = 0
        self.draining = False
        # A recogniser that hears anew takes one at a time: one thread, or the order is lost there.
        threads = 1 if self.recogniser.hears_anew else os.cpu_count() or 1
        self.threads = RankedExecutor(threads, "live")
        # Voice activity detection holds the interpreter's lock: a second thread would gain nothing.
        self.gates = ThreadPoolExecutor(1, "live-gate")
        self.metrics = Metrics(lambda: self.places, lambda: sum(session.waiting for session in self.sessions))
        self.hands = Hands(self.gates, self.threads, self.metrics)
        self._translating = asyncio.Lock()
        self._translator_loaded = False

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Loads the recogniser while /health says starting; frees it at the end."""
        try:
            async with meanwhile(self._load()):
                yield
        finally:
            self.gates.shutdown(wait=False, cancel_futures=True)
            await asyncio.to_thread(self.threads.close)
            self.recogniser.close()
            self.translator.close()

    async def _load(self) -> None:
        if await self.readiness.after(asyncio.to_thread(self.recogniser.load), "the recogniser"):
            log.info("live is ready", recogniser=self.recogniser.name, device=self.recogniser.device)

    async def drain(self) -> None:
        """Takes no more clients and no more sound; ends once all that came is told as finished."""
        self.draining = True
        for session in self.sessions:
            session.drain()
        while self.sessions:
            await asyncio.sleep(0.05)

    def details(self) -> Mapping[str, Any]:
        """What /health tells beside the common fields."""
        return {
            "engine": self.recogniser.name,
            "languages": list(self.recogniser.languages),
            "clients": self.places,
            "max_clients": self.settings.live_max_clients,
        }

    async def talk(self, socket: WebSocket) -> None:
        """One connection, from its handshake to its close."""
        offered = [part.strip() for part in socket.headers.get("sec-websocket-protocol", "").split(",")]
        try:
            await self.gate.admit(credentials(socket, offered), changes=True)
        except NotAdmitted as refusal:
            self.metrics.refused.labels("key").inc()
            await socket.send_denial_response(Response(str(refusal), status_code=refusal.status))
            return
        await socket.accept(subprotocol="bearer" if offered[0] == "bearer" else None)
        with suppress(WebSocketDisconnect, RuntimeError):
            await self._serve(socket)

    async def _serve(self, socket: WebSocket) -> None:
        if self.draining:
            await socket.close(RESTART)
            return
        if self.opening >= MOST_OPENING:
            await socket.close(TRY_AGAIN, "too many connections are opening")
            return
        uid = ""
        try:
            self.opening += 1
            try:
                greeting = await first_message(socket)
                uid = greeting.uid
            finally:
                self.opening -= 1
            if self.draining:
                await socket.close(RESTART)
                return
            if not self.readiness.ready:
                raise BadClient(f"live is not ready: {self.readiness.detail}")
            if self.places >= self.settings.live_max_clients:
                await self._turn_away(socket, uid)
                return
            self.places += 1
            try:
                drained = await self._transcribe(socket, greeting)
            finally:
                self.places -= 1
            await socket.close(RESTART if drained else NORMAL)
        except (BadClient, SpeechError) as error:
            self.metrics.refused.labels("message").inc()
            log.warning("client refused", reason=str(error))
            await socket.send_text(Told(uid=uid, status="ERROR", message=str(error)).text())
            await socket.close(UNSUPPORTED if isinstance(error, BadClient) else POLICY)

    async def _turn_away(self, socket: WebSocket, uid: str) -> None:
        """Tells how many minutes until a place is free at the latest, as WhisperLive does."""
        self.metrics.refused.labels("full").inc()
        longest = self.settings.live_max_connection_time
        free = min((session.ends for session in self.sessions), default=time.monotonic() + longest)
        minutes = max(0.0, free - time.monotonic()) / 60
        await socket.send_text(Told(uid=uid, status="WAIT", message=minutes).text())
        await asyncio.sleep(CLOSE_AFTER_WAIT)
        await socket.close(TRY_AGAIN)

    async def _transcribe(self, socket: WebSocket, greeting: Greeting) -> bool:
        """Serves the client; whether it was ended by the drain."""
        language = greeting.language or self.default_language
        warnings = []
        if greeting.task != "transcribe":
            warnings.append(f"live does not do {greeting.task[:40]!r}; it transcribes in the language spoken")
        translate = await self._translate(greeting, language, warnings)
        recogniser = await asyncio.to_thread(self.recogniser.session, language)
        ear = Ear(recogniser, self.recogniser.hears_anew)
        session = WhisperLiveSession(socket, greeting, ear, self.hands, translate)
        try:
            await session.tell(message="SERVER_READY", backend=BACKEND)
            if greeting.language is None:
                await session.tell(language=language, language_prob=1.0)
            for warning in warnings:
                await session.tell(status="WARNING", message=warning)
            self.sessions.add(session)
            if not self.draining:
                await session.run(self.settings.live_max_connection_time)
            return session.drained or not session.ends
        finally:
            self.sessions.discard(session)
            await asyncio.shield(asyncio.to_thread(ear.close))

    @property
    def default_language(self) -> str:
        """What is spoken where a client does not say it (ISO 639)."""
        known = self.recogniser.languages
        source = self.settings.first_language
        return source if source in known or "*" in known else known[0]

    async def _translate(self, greeting: Greeting, source: str, warnings: list[str]) -> Translate | None:
        target = greeting.target_language or ""
        if not greeting.enable_translation or source == target:
            return None
        try:
            async with self._translating:
                if not self._translator_loaded:
                    await asyncio.to_thread(self.translator.load)
                    self._translator_loaded = True
            if self.translator.supports(source, target):
                return lambda text: self.translator.translate(text, source, target)
            warnings.append(
                f"no translator for {source}-{target}; set MT_ENGINE, or ask for another language"
            )
        except SpeechError as error:
            warnings.append(f"no translation: {error}")
        return None


def credentials(socket: WebSocket, offered: list[str]) -> list[str]:
    """The Authorization headers that a client sent, in one of the three ways that there are."""
    ways = [socket.headers.get("authorization", ""), f"Bearer {socket.query_params.get('token', '')}"]
    if offered[0] == "bearer" and len(offered) > 1:
        ways.append(f"Bearer {offered[1]}")
    return ways


async def first_message(socket: WebSocket) -> Greeting:
    """The client's wishes. Raises BadClient, also where they don't come in time."""
    try:
        async with asyncio.timeout(GREETING_WITHIN):
            message = await socket.receive()
    except TimeoutError:
        raise BadClient(f"no first message within {GREETING_WITHIN:g} s") from None
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect
    return read_greeting(message.get("text"))


def create(settings: Settings) -> FastAPI:
    """The FastAPI application of live."""
    live = Live(settings)
    app = create_app(
        "live",
        settings,
        lifespan=live.lifespan,
        readiness=live.readiness,
        registry=live.metrics.registry,
        details=live.details,
        drain=live.drain,
    )

    def realtime() -> Talk:
        # The types of OpenAI's API take half as long to load as all else here.
        from app.live.realtime.door import Realtime

        return Realtime(live).talk

    app.add_api_websocket_route("/", live.talk)
    app.add_api_websocket_route(TRANSCRIPTION, LateSocket(realtime).talk)
    asyncapi.install(app, "live", channels)
    return app


def channels() -> tuple[Channel, ...]:
    """The WebSockets of live."""
    from app.live.realtime.events import CHANNEL

    return WHISPER_LIVE, CHANNEL
