"""One client of live, from its first sound to its close: the same for each protocol."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import WebSocket, WebSocketDisconnect

from app.live.ear import Ear, Heard
from app.live.inlet import Inlet
from app.live.metrics import Metrics
from app.speech.cutter import Cut
from app.speech.gate import Gate, Spoken
from app.speech.ranked import RankedExecutor
from app.speech.types import Samples

SILENT_CLIENT = 2.0
"""Seconds without sound after which what was said is finished."""
IDLE_CLIENT = 300.0
"""Seconds without a frame, silence included, after which a client's place is somebody else's."""
MOST_WAITING = 600.0
"""Seconds of sound that may wait, noise as well; then the client is not read until there is room."""
FINALS, PARTIALS = 0, 1

Then = Callable[[list[Spoken | Cut]], Awaitable[None]]
"""What is done once all sound before a pause was listened to; gets what the gate found at its end."""


@dataclass(frozen=True)
class Hands:
    """What all clients of live share: threads for the gates, threads for the recogniser, metrics."""

    gates: Executor
    threads: RankedExecutor
    metrics: Metrics


class Session(ABC):
    """Reads sound, has it listened to and recognised; what is read and told is the protocol's.

    Each piece of sound goes through the gate in a thread of `gates`, and what may be speech to the
    recogniser in one of `threads`: nothing that takes long is done in the event loop.
    """

    def __init__(self, socket: WebSocket, inlet: Inlet, gate: Gate, ear: Ear, hands: Hands) -> None:
        self.ends = 0.0
        self.ear = ear
        self.drained = False
        self._idle = False
        self._socket = socket
        self._gates = hands.gates
        self._threads = hands.threads
        self._metrics = hands.metrics
        self._inlet = inlet
        self._gate = gate
        self._sound, self._news, self._room = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._ended = self._over = False
        self._partial: Future[Heard] | None = None
        self._after_pauses: deque[Then | None] = deque()

    @abstractmethod
    async def _take(self, message: dict[str, Any]) -> bool:
        """A message of the client; whether it was the last. Raises BadClient."""

    @abstractmethod
    def _samples(self, piece: bytes) -> Samples:
        """A piece of the sound that came, as float32 at 16 kHz. Called in a thread, in order."""

    @abstractmethod
    async def _tell(self, heard: Heard) -> None:
        """Tells the client what was recognised."""

    @abstractmethod
    async def _tell_end(self, why: Literal["idle", "time"]) -> None:
        """Tells the client why the session ends: nothing came for long, or it lasted as long as it may."""

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
            await self._tell_end("idle" if self._idle else "time")

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
                if await self._take(message):
                    return
                while self.waiting > MOST_WAITING:
                    self._room.clear()
                    await self._room.wait()
                came = time.monotonic()
        finally:
            if receiving is not None:
                receiving.cancel()

    def _put_sound(self, frame: bytes) -> None:
        """Takes sound in. Raises BadClient for a frame that is too large, or ends in half a sample."""
        self._inlet.put(frame)
        self._sound.set()

    def _pause(self, then: Then | None = None) -> None:
        """What was said ends here, and `then` is done."""
        if self._inlet.pause(always=then is not None):
            self._after_pauses.append(then)
        self._sound.set()

    async def _listen(self) -> None:
        """Passes what came through the gate, until the sound has ended."""
        loop = asyncio.get_running_loop()
        while True:
            await self._sound.wait()
            self._sound.clear()
            while not self._inlet.idle:
                piece, pauses = self._inlet.take()
                items = await loop.run_in_executor(self._gates, self._hear, piece, pauses)
                await self._listened(items)
                self._room.set()
                if pauses and (then := self._after_pauses.popleft()) is not None:
                    await then(items)
            if self._ended:
                self._over = True
                self._news.set()
                return

    def _hear(self, piece: bytes, pauses: bool) -> list[Spoken | Cut]:
        items = self._gate.feed(self._samples(piece))
        return items + self._gate.flush() if pauses else items

    async def _listened(self, items: list[Spoken | Cut]) -> None:
        """Hands on to the recogniser what the gate let through."""
        self._put(items)

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
                for seconds in heard.waited:
                    self._metrics.lag.observe(seconds)
                await self._tell(heard)
            if self._over:
                return
