"""A channel's connection to `live`: a WhisperLive client that comes back whenever it is lost."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.frames import CloseCode

from app.sales.sound import RATE, Samples, SoundQueue, Timeline
from app.sales.whisper_live import END_OF_AUDIO, Idle, Reader, Said, ServerProblem, greeting
from app.service import hide_credentials

OPEN_WITHIN = 5.0
READY_WITHIN = 60.0
CLOSE_WITHIN = 2.0
FLUSH_WITHIN = 15.0
"""Seconds that `live` is given for the last words after the end of the sound."""
CROSSED = 10.0
"""Seconds: a server that says nothing came for long can't have heard what was sent within them."""
MAX_MESSAGE = 1 << 20

log = structlog.get_logger()


@dataclass(frozen=True)
class Live:
    """Where `live` is and how it is asked. Waiting times in seconds; the key never shows."""

    address: str
    model: str
    first_wait: float
    longest_wait: float
    key: Callable[[], str] = field(default=str, repr=False)


@dataclass(frozen=True)
class Told:
    """What a listener calls: with what is being said, what was said, and how the connection is."""

    partial: Callable[[Said], None]
    final: Callable[[Said], None]
    connected: Callable[[bool, str], None]


class Listener:
    """Hands a channel's sound to `live` and its text on; times in seconds since the sound began."""

    def __init__(self, live: Live, language: str, told: Told) -> None:
        self._live = live
        self._language = language
        self._told = told
        self._queue = SoundQueue()
        self._settled = 0
        self._ended = False
        self._was_ready = False
        self._sent_at = 0.0
        self._limit: asyncio.Timeout | None = None
        self._news = asyncio.Event()
        self.reconnects = 0

    @property
    def dropped(self) -> float:
        """Seconds of sound that could not be recognised."""
        return self._queue.dropped / RATE

    @property
    def has_ended(self) -> bool:
        """Whether no more sound comes."""
        return self._ended

    def feed(self, samples: Samples) -> None:
        """Takes sound at 16 kHz in."""
        self._queue.put(samples)
        self._news.set()

    def end(self) -> None:
        """No more sound comes; `run` returns when its last words are there, within FLUSH_WITHIN."""
        if not self._ended:
            self._ended = True
            self._news.set()
            self._limit_flush()

    async def run(self) -> None:
        """Listens until the sound has ended and all of it is heard."""
        try:
            async with asyncio.timeout(None) as self._limit:
                if self._ended:
                    self._limit_flush()
                await self._listen()
        except TimeoutError:
            self._queue.abandon()
            self._told.connected(False, f"live did not give the last words within {FLUSH_WITHIN:g} s")
        finally:
            self._limit = None

    def _limit_flush(self) -> None:
        if self._limit is not None:
            self._limit.reschedule(asyncio.get_running_loop().time() + FLUSH_WITHIN)

    async def _listen(self) -> None:
        wait = self._live.first_wait
        while True:
            self._was_ready = False
            try:
                if await self._connection():
                    return
                problem = "live ended the connection"
            except Idle:
                await self._sound_again()
                if self._is_all_sent():
                    return
                continue
            except (
                OSError,
                TimeoutError,
                InvalidHandshake,
                InvalidURI,
                ConnectionClosed,
                ServerProblem,
            ) as lost:
                problem = in_words(lost)
            if self._was_ready or STARTING in problem:
                # What has only just started is there in a moment, however long it was gone before.
                wait = self._live.first_wait
            self.reconnects += 1
            self._queue.rewind(self._settled)
            self._told.connected(False, problem)
            log.info("live transcription is lost", reason=problem, again_in=wait)
            await asyncio.sleep(wait)
            wait = min(wait * 2, self._live.longest_wait)

    async def _sound_again(self) -> None:
        """Leaves live in peace, which has heard everything, until there is more for it or the end.

        Sound that crossed with its goodbye is sent again.
        """
        if time.monotonic() - self._sent_at < CROSSED:
            self._queue.rewind(self._settled)
        else:
            self._settled = self._queue.sent
            self._queue.settle(self._settled)
        while not self._queue.waiting and not self._ended:
            self._news.clear()
            await self._news.wait()

    async def _connection(self) -> bool:
        """One connection to its end: whether everything is heard."""
        key = self._live.key()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with connect(
            self._live.address,
            additional_headers=headers,
            compression=None,
            proxy=None,
            open_timeout=OPEN_WITHIN,
            close_timeout=CLOSE_WITHIN,
            max_size=MAX_MESSAGE,
        ) as socket:
            reader, timeline = Reader(), Timeline()
            await socket.send(greeting(self._language, self._live.model))
            async with asyncio.timeout(READY_WITHIN):
                while not reader.ready:
                    reader.read(await socket.recv())
            self._was_ready = True
            self._told.connected(True, "")
            sending = asyncio.create_task(self._send(socket, timeline))
            try:
                async for message in socket:
                    self._hear(reader, timeline, message)
            except ConnectionClosed:
                if not self._is_all_sent():
                    raise
            finally:
                sending.cancel()
                with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                    await sending
            return self._is_all_sent()

    async def _send(self, socket: ClientConnection, timeline: Timeline) -> None:
        while True:
            self._news.clear()
            while block := self._queue.take():
                position, samples = block
                timeline.sent(position, samples.size)
                self._sent_at = time.monotonic()
                await socket.send(samples.tobytes())
            if self._ended:
                await socket.send(END_OF_AUDIO)
                return
            await self._news.wait()

    def _hear(self, reader: Reader, timeline: Timeline, message: str | bytes) -> None:
        heard = reader.read(message)
        for said in heard.final:
            start, end = timeline.position(said.start), timeline.position(said.end)
            self._settled = max(self._settled, end)
            self._queue.settle(self._settled)
            self._told.final(Said(start / RATE, max(start, end) / RATE, said.text))
        if heard.partial is not None:
            start, end = timeline.position(heard.partial.start), timeline.position(heard.partial.end)
            self._told.partial(Said(start / RATE, max(start, end) / RATE, heard.partial.text))

    def _is_all_sent(self) -> bool:
        return self._ended and self._queue.waiting == 0


def in_words(lost: Exception) -> str:
    """Why the connection is lost, for people; never with a key in it."""
    match lost:
        case ServerProblem():
            return str(lost)
        case InvalidStatus() if lost.response.status_code in (401, 403):
            return "live refuses the key: set API_KEYS for both alike"
        case InvalidStatus():
            return f"live answered {lost.response.status_code}"
        case TimeoutError():
            return "live does not answer in time"
        case ConnectionClosed() if lost.rcvd is not None and lost.rcvd.code == CloseCode.SERVICE_RESTART:
            return "live is being restarted"
        case ConnectionClosed():
            return "live broke the connection off"
    return f"live cannot be reached: {hide_credentials(str(lost))[:200]}"


STARTING = "is not ready"
"""What live says of itself until its recogniser is loaded."""
