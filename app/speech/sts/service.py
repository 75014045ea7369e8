"""sts: phrase in, translated phrase out, over the WebSocket that app/speech/protocol.py describes."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse

from app.access.gate import Gate, NotAdmitted
from app.service import Check, Readiness, create_app, meanwhile
from app.serving import asyncapi
from app.serving.asyncapi import Binary, Channel
from app.serving.late import LateSocket, Talk
from app.serving.sending import SEND_WITHIN
from app.settings import Settings
from app.speech import registry
from app.speech.protocol import (
    MOST_OFFERED,
    PATH,
    Config,
    Dub,
    Error,
    ErrorCode,
    Failure,
    PhraseMark,
    Profile,
    Ready,
    Speakers,
)
from app.speech.ranked import RankedExecutor
from app.speech.realtime.door import TRANSLATION
from app.speech.rest.models import source_of
from app.speech.sts import translation
from app.speech.sts.apart import Ear, Party, Roles
from app.speech.sts.lane import Lane
from app.speech.sts.metrics import Metrics
from app.speech.sts.pace import Pace
from app.speech.sts.phrase import Dubber
from app.speech.sts.room import Room
from app.speech.sts.session import Admission, BadMessage, Peer, Refused, Session, Wire, parse
from app.speech.sts.timely import Capacity, Speaker, calibrated
from app.speech.types import HurriedTranslator, SpeechError

log = structlog.get_logger(__name__)

DUBBING = Channel(
    PATH,
    "Phrases to dub: a config, then sound, and a mark for each phrase, which is answered.",
    takes=(
        Config,
        Profile,
        Speakers,
        PhraseMark,
        Binary("Sound", "The sample index of its first sample as int64, little-endian, then int16 mono PCM."),
    ),
    tells=(Ready, Dub, Failure, Error, Binary("DubbedSound", "The int16 mono PCM of the dub before it.")),
)
MAX_SESSIONS = 16
CONFIG_WITHIN = 10.0
SERVICE_RESTART = 1012  # a WebSocket's close code


class SpeechService:
    """The engines of the process and its sessions."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.gate = Gate(settings, "speech")
        self.engines = registry.choose(settings)
        self.readiness = Readiness()
        self.metrics = Metrics()
        self.admission = Admission(settings.sts_max_pending)
        self.room = Room()
        self.pace = Pace()
        self.capacity = Capacity()
        self.ear = Ear(settings.models_dir, self.metrics.whose.observe)
        self.sessions: set[Session] = set()
        self.opening = 0
        self.draining = False
        self.threads = RankedExecutor(max(2, os.cpu_count() or 1), "speech")
        self.executor = self.threads.at(0)
        self.ranks = itertools.count(1)
        self.metrics.sessions.set_function(lambda: len(self.sessions))
        self.metrics.resting.set_function(lambda: self.room.resting)
        self.metrics.pending.set_function(lambda: self.admission.pending)
        self.metrics.backlog.set_function(lambda: sum(s.lane.backlog for s in self.sessions))

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Loads the engines while /health says starting; frees them at the end."""
        try:
            async with meanwhile(self._load()):
                yield
        finally:
            await asyncio.to_thread(self.threads.close)
            await asyncio.to_thread(self.ear.close)
            self.engines.close()

    async def _load(self) -> None:
        loading = asyncio.get_running_loop().run_in_executor(self.executor, self._load_engines)
        if await self.readiness.after(loading, "a speech engine"):
            log.info("speech engines are ready", **{e.name: e.device for e in self.engines.all})

    def _load_engines(self) -> None:
        if isinstance(translator := self.engines.translator, HurriedTranslator):
            translator.told = lambda name: self.metrics.translated.labels(name).inc()
        self.engines.load()
        self.ear.load()
        self.capacity = calibrated(self.engines.synthesiser)

    async def drain(self) -> None:
        """Answers every phrase that was asked for, and then ends the sessions: clients find another host."""
        self.draining = True
        for session in self.sessions:
            session.drain()
        while self.sessions:
            await asyncio.sleep(0.05)

    async def translation(self) -> Check:
        """Whether the configured languages can be translated."""
        source = self.settings.source_language
        missing = [
            f"{source}-{target}"
            for target in self.settings.target_languages
            if not registry.translates(self.engines, source, target)
        ]
        return Check(not missing, f"no translator for {', '.join(missing)}" if missing else "")

    def details(self) -> Mapping[str, Any]:
        """What /health tells beside the common fields."""
        translator = self.engines.translator
        return {
            "engines": {
                role: {
                    "name": engine.name,
                    "device": engine.device,
                    "source": source_of(engine),
                    "memory_mb": engine.memory,
                    "licences": [f"{licence.part}: {licence.spdx}" for licence in engine.licences],
                }
                for role, engine in zip(
                    ("recogniser", "translator", "synthesiser"), self.engines.all, strict=True
                )
            },
            "languages": list(self.engines.recogniser.languages),
            "pairs": [f"{source}-{target}" for source, target in translator.pairs],
            "into_english": registry.into_english(self.engines, "en"),
            "voice_cost": round(self.capacity.cost, 2),
            "sessions": len(self.sessions),
            "resting": self.room.resting,
            "max_sessions": MAX_SESSIONS,
            "pending": self.admission.pending,
        }

    async def _admits(self, socket: WebSocket) -> bool:
        """Whether the client has a key; else it is told."""
        try:
            await self.gate.admit([socket.headers.get("authorization", "")], changes=True)
        except NotAdmitted as refusal:
            await socket.send_denial_response(JSONResponse({"detail": str(refusal)}, refusal.status))
            return False
        return True

    async def talk(self, socket: WebSocket) -> None:
        """One session, from its first message to its end."""
        if self.draining:
            await socket.close(SERVICE_RESTART)
            return
        if self.settings.api_keys and not await self._admits(socket):
            return
        await socket.accept()
        try:
            config = await first_message(socket)
            tells = frozenset(socket.query_params.getlist("tell"))
            async with self.session(Wire(socket), config, tells) as (session, ready):
                await socket.send_text(ready.model_dump_json())
                await session.run()
                if session.draining:
                    await socket.close(SERVICE_RESTART)
        except (Refused, BadMessage) as error:
            await refuse(socket, error.code, str(error))
        except (WebSocketDisconnect, RuntimeError):
            log.info("client went away")
        except SpeechError as error:
            await refuse(socket, "no_recogniser", str(error))

    @asynccontextmanager
    async def session(
        self, peer: Peer, config: Config, tells: frozenset[str] = frozenset()
    ) -> AsyncIterator[tuple[Session, Ready]]:
        """A session to run within the block, and what it is made of. Raises Refused."""
        if not self.readiness.ready:
            raise Refused("overloaded", f"not ready: {self.readiness.detail}")
        if len(self.sessions) + self.opening >= MAX_SESSIONS:
            raise Refused("overloaded", f"{MAX_SESSIONS} sessions are open, which is the most")
        self.opening += 1
        try:
            session, ready = await self._made(peer, config, tells)
        finally:
            self.opening -= 1
        self.sessions.add(session)
        if self.draining:
            session.drain()
        try:
            yield session, ready
        finally:
            self.sessions.discard(session)
            self.room.leave(session)
            await asyncio.get_running_loop().run_in_executor(None, session.lane.recogniser.close)

    async def _made(self, peer: Peer, config: Config, tells: frozenset[str]) -> tuple[Session, Ready]:
        engines = self.engines
        if not registry.translates(engines, config.source, config.target):
            same = " (that is what is spoken: nothing to dub)" if config.source == config.target else ""
            raise Refused("no_translator", f"no translator for {config.source}-{config.target}{same}")
        translate = registry.into_english(engines, config.target)
        loop = asyncio.get_running_loop()
        voices = await loop.run_in_executor(self.executor, engines.synthesiser.voices, config.target)
        voice = config.voice or next(iter(voices), "")
        has = engines.synthesiser.has
        if not voices or not await loop.run_in_executor(self.executor, has, voice, config.target):
            known = f"; there are: {', '.join(voices[:10])}" if voices else ""
            raise Refused("no_voice", f"no voice {voice!r} for {config.target}{known}")
        try:
            recogniser = await loop.run_in_executor(
                self.executor, engines.recogniser.session, config.source, translate
            )
        except SpeechError as error:
            raise Refused("no_recogniser", str(error)) from error
        speaker = Speaker(
            engines.synthesiser,
            config.target,
            voice,
            self.pace,
            self.capacity,
            lambda name: self.metrics.spoken.labels(name).inc(),
        )
        offered = await loop.run_in_executor(self.executor, engines.synthesiser.pitches, config.target)
        light = await loop.run_in_executor(self.executor, speaker.light_pitches)
        party = Party(self.ear, Roles(offered, light), config.target, engines.synthesiser.has)
        session = Session(
            peer,
            Lane(recogniser, config.sample_rate, config.source, party.listen),
            Dubber(
                engines,
                config.source,
                config.target,
                speaker,
                party,
                chosen=config.voice,
                tells=tells,
            ),
            self.admission,
            self.room,
            self.threads.at(next(self.ranks)),
            self.metrics,
        )
        await loop.run_in_executor(self.executor, session.reword, config.profile)
        voice = session.dubber.speaker.voice
        ready = Ready(
            recogniser=engines.recogniser.name,
            translator=(engines.recogniser if translate else engines.translator).name,
            synthesiser=registry.speaker(engines.synthesiser, config.target, voice),
            voice=voice,
            apart=self.ear.by if "speaker" in tells else "",
            voices=tuple(offered)[:MOST_OFFERED] if "speaker" in tells else (),
        )
        return session, ready


async def first_message(socket: WebSocket) -> Config:
    """What a client of our own protocol wants. Raises Refused and WebSocketDisconnect."""
    try:
        async with asyncio.timeout(CONFIG_WITHIN):
            message = await socket.receive()
    except TimeoutError:
        raise Refused("bad_config", f"no config message within {CONFIG_WITHIN:g} s") from None
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect
    try:
        return parse(message.get("text") or "", Config)
    except BadMessage as error:
        raise Refused("bad_config", f"the first message must be a config message: {error}") from error


async def refuse(socket: WebSocket, code: ErrorCode, message: str) -> None:
    """Tells the client why it can't go on, and closes."""
    log.warning("session refused", code=code, reason=message)
    with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
        async with asyncio.timeout(SEND_WITHIN):
            await socket.send_text(Error(code=code, message=message).model_dump_json())
            await socket.close(1008 if code.startswith("bad") else 1013)


def create(settings: Settings) -> FastAPI:
    """The sts application."""
    service = SpeechService(settings)
    app = create_app(
        "sts",
        settings,
        lifespan=service.lifespan,
        checks={"translation": service.translation},
        readiness=service.readiness,
        registry=service.metrics.registry,
        details=service.details,
        drain=service.drain,
    )

    def interpreting() -> Talk:
        # The types of OpenAI's API take half as long to load as all else here.
        from app.speech.sts.interpreting import Translations

        return Translations(service).talk

    app.add_api_websocket_route(PATH, service.talk)
    app.add_api_websocket_route(TRANSLATION, LateSocket(interpreting).talk)
    asyncapi.install(app, "sts", channels)
    translation.install(app, service)
    return app


def channels() -> tuple[Channel, ...]:
    """The WebSockets of sts."""
    from app.speech.sts.interpreting import CHANNEL

    return DUBBING, CHANNEL
