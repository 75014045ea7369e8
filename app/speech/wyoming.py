"""The Wyoming protocol, by which Home Assistant uses asr and tts. (https://github.com/OHF-Voice/wyoming)"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from functools import partial

import numpy as np
import structlog
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import Event
from wyoming.info import AsrModel, AsrProgram, Attribution, Describe, Info, TtsProgram, TtsVoice
from wyoming.server import AsyncEventHandler, AsyncTcpServer
from wyoming.tts import Synthesize

from app import __version__
from app.access.gate import is_closed
from app.access.store import AccessError, store_of
from app.settings import Settings
from app.speech.rest.errors import ApiError
from app.speech.rest.house import House
from app.speech.rest.sentences import sentences
from app.speech.rest.transcribe import Job, segments
from app.speech.rest.transcript import Segment
from app.speech.sound import Resampler, from_pcm, to_pcm
from app.speech.tts import voices
from app.speech.types import RECOGNISER_RATE, Recogniser, Samples, Synthesiser
from app.speech.wyoming_door import Client

log = structlog.get_logger(__name__)

LONGEST_COMMAND = 120.0
"""Seconds of sound in one request: what is spoken to an assistant, not files."""
LONGEST_TEXT = 4096
SAMPLE_WIDTH = 2
LANGUAGE = re.compile(r"[a-z]{2,3}")
OURS = Attribution(name="Voicestack", url="")

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], AsyncEventHandler]


@asynccontextmanager
async def served(address: str, port: int, handler: Handler) -> AsyncIterator[None]:
    """A Wyoming server, for the time of the block."""
    server = AsyncTcpServer(address, port)
    await server.start(handler)
    log.info("Wyoming protocol is served", port=port)
    try:
        yield
    finally:
        await server.stop()


def is_shut(settings: Settings) -> bool:
    """Whether the other doors ask for keys, and this one, which can't, is meant to be open for nobody."""
    if settings.wyoming_without_keys or settings.stays_here:
        return False
    try:
        return is_closed(settings, store_of(settings))
    except AccessError as error:
        log.error("accounts and keys can't be read: nobody is let in", error=str(error))
        return True


def language_of(asked: Transcribe) -> str:
    """The language that a client asks for, or none. Raises ApiError where it is no ISO 639 code."""
    language = (asked.language or "").lower().replace("_", "-").split("-")[0]
    if language and not LANGUAGE.fullmatch(language):
        raise ApiError(400, f"{language[:20]!r} is no language code; send for example en", "bad_language")
    return language


class Listener(Client):
    """asr: transcribe, audio-start, audio-chunk…, audio-stop; then transcript."""

    def __init__(
        self,
        house: House[Recogniser],
        connected: set[Client],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        super().__init__(connected, reader, writer, partial(is_shut, house.settings))
        self._house = house
        self._language = ""
        self._begin(RECOGNISER_RATE)

    def _begin(self, rate: int) -> None:
        self._rate = rate
        self._resampler = Resampler(rate, RECOGNISER_RATE)
        self._parts: list[Samples] = []
        self._size = 0

    async def answer(self, event: Event) -> bool:
        """Collects sound, and answers at its end."""
        if Describe.is_type(event.type):
            await self.write_event(listener_info(self._house).event())
        elif Transcribe.is_type(event.type):
            self._language = language_of(Transcribe.from_event(event))
        elif AudioStart.is_type(event.type):
            self._begin(AudioStart.from_event(event).rate)
        elif AudioChunk.is_type(event.type):
            self._hear(AudioChunk.from_event(event))
        elif AudioStop.is_type(event.type):
            parts = self._parts
            self._begin(self._rate)
            await self.write_event(Transcript(text=await self._transcribe(parts)).event())
        return True

    def _hear(self, chunk: AudioChunk) -> None:
        if chunk.width != SAMPLE_WIDTH or chunk.channels < 1 or not 4000 <= chunk.rate <= 192_000:
            raise ApiError(400, "sound must be int16 PCM of 4 to 192 kHz", "unsupported_sound")
        if chunk.rate != self._rate:
            self._begin(chunk.rate)
        whole = len(chunk.audio) // (SAMPLE_WIDTH * chunk.channels) * SAMPLE_WIDTH * chunk.channels
        samples = from_pcm(chunk.audio[:whole]).reshape(-1, chunk.channels).mean(axis=1, dtype=np.float32)
        self._size += samples.size
        if self._size > LONGEST_COMMAND * self._rate:
            self._begin(self._rate)
            raise ApiError(400, f"the sound is longer than {LONGEST_COMMAND:g} s", "audio_too_long")
        self._parts.append(self._resampler(samples))

    async def _transcribe(self, parts: list[Samples]) -> str:
        house = self._house
        known = house.lifecycle.engine.languages
        language = self._language or ("" if "*" in known or len(known) > 1 else known[0])
        deadline = self.deadline = time.monotonic() + house.settings.request_deadline
        job = Job(language, deadline=deadline)

        def work(engine: Recogniser) -> Iterator[Segment]:
            return segments(engine, parts, job)

        with house.turnstile.entered():
            async with aclosing(house.worker.parts(work, job.left, deadline)) as found:
                return " ".join([segment.text async for segment in found])


class Speaker(Client):
    """tts: synthesize; then audio-start, audio-chunk…, audio-stop."""

    def __init__(
        self,
        house: House[Synthesiser],
        connected: set[Client],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        super().__init__(connected, reader, writer, partial(is_shut, house.settings))
        self._house = house

    async def answer(self, event: Event) -> bool:
        """Speaks a text, sentence by sentence."""
        if Describe.is_type(event.type):
            async with self._house.lifecycle.use() as engine:
                info = await asyncio.to_thread(speaker_info, engine)
            await self.write_event(info.event())
        elif Synthesize.is_type(event.type):
            await self._speak(Synthesize.from_event(event))
        return True

    async def _speak(self, asked: Synthesize) -> None:
        if len(asked.text) > LONGEST_TEXT:
            raise ApiError(400, f"the text is longer than {LONGEST_TEXT} characters", "text_too_long")
        house, left = self._house, threading.Event()
        name = (asked.voice.name if asked.voice else "") or ""
        spoken = ((asked.voice.language if asked.voice else "") or "").replace("_", "-").split("-")[0].lower()

        def work(engine: Synthesiser) -> Iterator[tuple[Samples, int]]:
            voice, language = voices.choose(engine, name, spoken, house.settings.first_language)
            for sentence in sentences(asked.text):
                if left.is_set():
                    return
                yield engine.speak(sentence, language, voice)

        started = 0
        deadline = self.deadline = time.monotonic() + house.settings.request_deadline
        with house.turnstile.entered():
            async with aclosing(house.worker.parts(work, left, deadline)) as parts:
                async for samples, rate in parts:
                    if not started:
                        started = rate
                        await self.write_event(AudioStart(rate, SAMPLE_WIDTH, 1).event())
                    await self.write_event(AudioChunk(rate, SAMPLE_WIDTH, 1, to_pcm(samples)).event())
        await self.write_event(AudioStop().event())


def listener_info(house: House[Recogniser]) -> Info:
    """What asr offers."""
    engine = house.lifecycle.engine
    model = AsrModel(
        name=house.models.name,
        attribution=OURS,
        installed=True,
        description=None,
        version=__version__,
        languages=[code for code in engine.languages if code != "*"] or ["en"],
    )
    return Info(asr=[AsrProgram("voicestack", OURS, True, "Voicestack asr", __version__, models=[model])])


def speaker_info(engine: Synthesiser) -> Info:
    """What tts offers."""
    offered = [
        TtsVoice(each["id"], OURS, True, None, __version__, languages=each["languages"])
        for each in voices.listing(engine)["data"]
    ]
    return Info(tts=[TtsProgram("voicestack", OURS, True, "Voicestack tts", __version__, voices=offered)])


def listening(house: House[Recogniser]) -> Callable[[], AbstractAsyncContextManager[None]] | None:
    """asr's server, where WYOMING_ENABLED."""
    settings = house.settings
    if not settings.wyoming_enabled:
        return None
    return partial(served, settings.bind_address, settings.asr_wyoming_port, partial(Listener, house, set()))


def speaking(house: House[Synthesiser]) -> Callable[[], AbstractAsyncContextManager[None]] | None:
    """tts's server, where WYOMING_ENABLED."""
    settings = house.settings
    if not settings.wyoming_enabled:
        return None
    return partial(served, settings.bind_address, settings.tts_wyoming_port, partial(Speaker, house, set()))
