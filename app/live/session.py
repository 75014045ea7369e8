"""One client of live, from SERVER_READY to its close."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import structlog
from fastapi import WebSocket, WebSocketDisconnect

from app.live.ear import Ear, Heard
from app.live.gate import Gate, Spoken
from app.live.greeting import BadClient, Greeting, is_end, samples_of
from app.live.inlet import Inlet
from app.live.metrics import Metrics
from app.live.transcript import Segment, Transcript
from app.speech.cutter import Cut
from app.speech.ranked import RankedExecutor

SILENT_CLIENT = 2.0
"""Seconds without sound after which what was said is finished."""
IDLE_CLIENT = 300.0
"""Seconds without a frame, silence included, after which a client's place is somebody else's."""
MOST_WAITING = 600.0
"""Seconds of sound that may wait, noise as well; then the client is not read until there is room."""
SEND_WITHIN = 10.0
FINALS, PARTIALS = 0, 1

Translate = Callable[[str], str]

log = structlog.get_logger(__name__)


class Session:
    """Reads sound, has it listened to and recognised, tells the transcript.

    Each piece of sound goes through the gate in a thread of `gates`, and what may be speech to the
    recogniser in one of `threads`: nothing that takes long is done in the event loop.
    """

    def __init__(
        self,
        socket: WebSocket,
        greeting: Greeting,
        ear: Ear,
        gates: Executor,
        threads: RankedExecutor,
        metrics: Metrics,
        translate: Translate | None,
    ) -> None:
        self.ends = 0.0
        self.ear = ear
        self.drained = False
        self._idle = False
        self._socket = socket
        self._greeting = greeting
        self._gates = gates
        self._threads = threads
        self._metrics = metrics
        self._translate = translate
        self._inlet = Inlet(greeting.audio_format)
        self._gate = Gate()
        self._transcript = Transcript(greeting.shown, greeting.word_timestamps)
        self._translated: list[dict[str, Any]] = []
        self._sound, self._news, self._room = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._ended = self._over = False
        self._partial: Future[Heard] | None = None

    @property
    def waiting(self) -> float:
        """Seconds of sound that came and are not recognised."""
        return self._inlet.waiting + self.ear.waiting

    def drain(self) -> None:
        """Takes no more sound in; `run` ends once what came is told."""
        if self._reading is not None and not self._reading.done():
            self.drained = True
            self._reading.cancel()

    async def run(self, longest: float) -> None:
        """Until the client ends, leaves or sends nothing, `drain`, or `longest` s are over. Raises BadClient.

        What was said until then is told before the end.
        """
        self.ends = time.monotonic() + longest
        self._reading = reading = asyncio.create_task(self._read())
        rest = [asyncio.create_task(self._listen()), asyncio.create_task(self._work())]
        try:
            done, _ = await asyncio.wait({reading, *rest}, timeout=longest, return_when="FIRST_COMPLETED")
            overtime = not done
            if not reading.done():
                reading.cancel()
                await asyncio.wait({reading})
            if not reading.cancelled():
                reading.result()
            self._ended = True
            self._pause()
            await asyncio.gather(*rest)
        finally:
            for task in (reading, *rest):
                task.cancel()
            await asyncio.wait({reading, *rest})
        if overtime or self._idle:
            await self._send({"message": "DISCONNECT", "reason": "idle" if self._idle else "time"})

    async def tell(self, **message: Any) -> None:
        """Sends a message with the client's uid."""
        await self._send(message)

    async def _read(self) -> None:
        receiving: asyncio.Task[Any] | None = None
        came = time.monotonic()
        try:
            while True:
                receiving = receiving or asyncio.create_task(self._socket.receive())
                done, _ = await asyncio.wait({receiving}, timeout=SILENT_CLIENT)
                if not done:
                    self._pause()
                    if time.monotonic() - came >= IDLE_CLIENT:
                        self._idle = True
                        return
                    continue
                message, receiving = receiving.result(), None
                if message["type"] == "websocket.disconnect":
                    raise WebSocketDisconnect
                frame = message.get("bytes")
                if frame is None:
                    frame = message.get("text") or ""
                if is_end(frame):
                    return
                if isinstance(frame, str):
                    raise BadClient("after the first message come sound and END_OF_AUDIO, no other text")
                self._inlet.put(frame)
                self._sound.set()
                while self.waiting > MOST_WAITING:
                    self._room.clear()
                    await self._room.wait()
                came = time.monotonic()
        finally:
            if receiving is not None:
                receiving.cancel()

    def _pause(self) -> None:
        self._inlet.pause()
        self._sound.set()

    async def _listen(self) -> None:
        """Passes what came through the gate, until the sound has ended."""
        loop = asyncio.get_running_loop()
        while True:
            await self._sound.wait()
            self._sound.clear()
            while not self._inlet.idle:
                piece, pauses = self._inlet.take()
                self._put(await loop.run_in_executor(self._gates, self._hear, piece, pauses))
                self._room.set()
            if self._ended:
                self._over = True
                self._news.set()
                return

    def _hear(self, piece: bytes, pauses: bool) -> list[Spoken | Cut]:
        items = self._gate.feed(samples_of(piece, self._greeting.audio_format))
        return items + self._gate.flush() if pauses else items

    def _put(self, items: list[Spoken | Cut]) -> None:
        if items:
            self.ear.put(items)
            self._news.set()
        if self._partial is not None and any(isinstance(item, Cut) for item in items):
            # Work that waits for its turn as a partial result asks anew, as the end of a phrase.
            self._partial.cancel()

    async def _work(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while not self.ear.idle:
                rank = FINALS if self.ear.is_final else PARTIALS
                job = self._threads.at(rank).submit(self.ear.work)
                self._partial = job if rank == PARTIALS else None
                done = asyncio.wrap_future(job)
                try:
                    await asyncio.wait({done})
                except asyncio.CancelledError:
                    if not job.cancel():
                        await asyncio.wait({done})
                    raise
                if job.cancelled():
                    continue
                heard = done.result()
                self._room.set()
                await self._tell(heard)
            if self._over:
                return

    async def _tell(self, heard: Heard) -> None:
        for seconds in heard.waited:
            self._metrics.lag.observe(seconds)
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
        try:
            async with asyncio.timeout(SEND_WITHIN):
                await self._socket.send_text(json.dumps({"uid": self._greeting.uid, **message}))
        except (TimeoutError, RuntimeError, OSError) as error:
            raise WebSocketDisconnect from error
