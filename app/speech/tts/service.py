"""tts: text to speech over REST, as OpenAI's clients speak it; over the Wyoming protocol where asked for."""

from __future__ import annotations

import asyncio
import base64
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Annotated, Any, Literal, cast

import numpy as np
from fastapi import FastAPI, Request, Response
from prometheus_client import Counter
from pydantic import BaseModel, Field, StringConstraints

from app.settings import Settings
from app.speech import registry
from app.speech.rest import errors
from app.speech.rest.bounds import Streamed
from app.speech.rest.events import event
from app.speech.rest.house import House
from app.speech.rest.models import TTS_ALIASES
from app.speech.rest.sentences import sentences
from app.speech.rest.worker import CLIENT_CLOSED, ClientLeft, first, unless_left
from app.speech.tts import voices
from app.speech.tts.encode import TYPES, Encoder, Format
from app.speech.types import Samples, Synthesiser
from app.speech.wyoming import speaking

LONGEST_INPUT = 4096
"""Characters, as OpenAI has it."""


class VoiceId(BaseModel):
    """A voice as an object, which OpenAI's clients may send."""

    id: str = Field(max_length=200)


class Wishes(BaseModel):
    """The body of a speech request."""

    input: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_INPUT)
    ] = Field(description="What is spoken.")
    model: str = Field("tts-1", max_length=200)
    voice: Annotated[str, Field(max_length=200)] | VoiceId = ""
    response_format: Format = "mp3"
    speed: float = Field(1.0, ge=0.25, le=4.0)
    stream_format: Literal["audio", "sse"] = "audio"
    instructions: str = Field("", max_length=LONGEST_INPUT, description="Taken, and of no effect here.")
    language: str = Field(
        "", pattern=r"^([a-z]{2,3})?$", description="Ours: ISO 639 code; empty tells the voice."
    )


class Speeches:
    """The requests of tts."""

    def __init__(self, settings: Settings) -> None:
        def new() -> Synthesiser:
            return cast(Synthesiser, registry.FACTORIES["tts"][settings.tts_engine](settings))

        self.settings = settings
        self.house: House[Synthesiser] = House("tts", settings, new, settings.tts_model, TTS_ALIASES)
        self.characters = Counter("tts_characters", "Characters spoken.", registry=self.house.registry)
        self.seconds = Counter("tts_sound_seconds", "Speech made.", registry=self.house.registry)

    async def answer(self, request: Request, wishes: Wishes) -> Response:
        """Speech, of which the first sentence is ready when the answer begins."""
        deadline = time.monotonic() + self.settings.request_deadline
        self.house.models.check(wishes.model)
        async with AsyncExitStack() as stack:
            stack.enter_context(self.house.turnstile.entered())
            parts = self.house.worker.parts(
                lambda engine: self.speak(engine, wishes, left), left := threading.Event(), deadline
            )
            stack.push_async_callback(parts.aclose)
            try:
                begun = await unless_left(request, asyncio.create_task(first(parts))) or b""
            except ClientLeft:
                return Response(status_code=CLIENT_CLOSED)
            # The place in the queue is kept until the stream ends.
            kept = stack.pop_all()
        if wishes.stream_format == "sse":
            return Streamed(as_events(begun, parts), kept, media_type="text/event-stream")
        return Streamed(as_sound(begun, parts), kept, media_type=TYPES[wishes.response_format])

    def speak(self, engine: Synthesiser, wishes: Wishes, left: threading.Event) -> Iterator[bytes]:
        """The file in parts, one or more a sentence. Runs in a worker thread."""
        asked = wishes.voice if isinstance(wishes.voice, str) else wishes.voice.id
        voice, language = voices.choose(
            engine, asked or self.settings.tts_model, wishes.language, self.settings.first_language
        )
        encoder = Encoder(wishes.response_format)
        for sentence in sentences(wishes.input):
            if left.is_set():
                return
            samples, rate = engine.speak(sentence, language, voice, wishes.speed)
            self.characters.inc(len(sentence))
            self.seconds.inc(samples.size / rate)
            if samples.size:
                yield encoder.add(with_pause(samples, rate), rate)
        yield encoder.finish()


PAUSE = 0.25
"""Seconds of silence after a sentence; engines give their speech without any at its edges."""


def with_pause(samples: Samples, rate: int) -> Samples:
    """The speech of a sentence with the silence that follows it."""
    return np.concatenate([samples, np.zeros(round(PAUSE * rate), np.float32)])


async def as_sound(begun: bytes, parts: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The parts as they are made. An error cuts the connection, so that no client takes it for the end."""
    yield begun
    async for part in parts:
        yield part


async def as_events(begun: bytes, parts: AsyncIterator[bytes]) -> AsyncGenerator[str, None]:
    """OpenAI's events: speech.audio.delta with base64, then speech.audio.done; errors as `error`."""
    try:
        yield event(_delta(begun))
        async for part in parts:
            yield event(_delta(part))
        yield event({"type": "speech.audio.done"})
    except Exception as error:
        told = errors.told(error)
        yield event(errors.body(told.status, str(told), told.code, told.param))


def _delta(part: bytes) -> dict[str, Any]:
    return {"type": "speech.audio.delta", "audio": base64.b64encode(part).decode()}


def create(settings: Settings) -> FastAPI:
    """The FastAPI application of tts."""
    service = Speeches(settings)
    app = service.house.app(speaking(service.house))
    sound: dict[str, Any] = {each: {} for each in (*TYPES.values(), "text/event-stream")}
    answers: dict[int | str, dict[str, Any]] = {
        200: {"description": "The speech.", "content": sound},
        **errors.DOCUMENTED,
    }

    @app.post("/v1/audio/speech", responses=answers, response_class=Response)
    async def speech(request: Request, wishes: Wishes) -> Response:
        """Speak a text."""
        answer: Response = await service.house.counted(service.answer(request, wishes))
        return answer

    @app.get("/v1/voices", responses=errors.DOCUMENTED)
    async def all_voices() -> dict[str, Any]:
        """The voices and their languages."""
        async with service.house.lifecycle.use() as engine:
            return await asyncio.to_thread(voices.listing, engine)

    return app
