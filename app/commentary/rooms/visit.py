"""Being in a room once: its connection, who is there, and when that is over."""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import abstractmethod
from collections.abc import Coroutine, Mapping
from typing import Any, Generic, TypeVar

import structlog
from livekit import rtc
from livekit.rtc.participant import PublishTrackError

from app.commentary.frames.coming_back import Again
from app.commentary.frames.problem import Problem, SourceProblem
from app.commentary.rooms.door import OURS, Door

JOIN_WITHIN = 5.0
RESUME_WITHIN = 2.0
"""Seconds that LiveKit's own client is given to come back, before all is begun anew."""
EMPTY_AFTER = 10.0
"""Seconds without anybody after which the room is left; a page that is loaded again is back by then."""
NOBODY_CAME = 60.0
"""The same after going in: others come back later than we, where the server was away."""
CLOSE_WITHIN = 3.0
CAPTIONS = "lk.transcription"

log = structlog.get_logger()


class Visit:
    """One visit to a room, as `identity`."""

    def __init__(self, name: str, door: Door, identity: str) -> None:
        self.name = name
        self.room = rtc.Room()
        self._door = door
        self._identity = identity
        self._tasks: set[asyncio.Task[None]] = set()
        self._over: asyncio.Future[Problem] = asyncio.get_running_loop().create_future()
        self._resume: asyncio.TimerHandle | None = None

    @property
    def guests(self) -> int:
        """How many people are there."""
        return sum(identity not in OURS for identity in self.room.remote_participants)

    async def open(self) -> None:
        """Goes in. Raises SourceProblem."""
        await self._door.make(self.name)
        room = self.room
        self._listen()
        room.on("disconnected", lambda *_: self._end(Problem("unreachable", "LiveKit ended the connection")))
        room.on("reconnecting", self._wait_for_it)
        room.on("reconnected", self._has_come_back)
        # Without servers of others for finding one's own address: LiveKit's is reached directly.
        options = rtc.RoomOptions(
            auto_subscribe=False, connect_timeout=JOIN_WITHIN, rtc_config=rtc.RtcConfiguration(ice_servers=[])
        )
        try:
            async with asyncio.timeout(JOIN_WITHIN):
                await room.connect(self._door.address, self._door.ours(self.name, self._identity), options)
                await self._entered()
        except (TimeoutError, rtc.ConnectError, PublishTrackError) as error:
            log.info("a room was not entered", room=self.name, reason=str(error))
            raise SourceProblem("unreachable", "LiveKit lets nobody in") from None

    async def last(self) -> Problem:
        """Stays until that is over; why it is."""
        leave_at = time.monotonic() + NOBODY_CAME
        while True:
            if self.guests:
                leave_at = time.monotonic() + EMPTY_AFTER
            left = leave_at - time.monotonic()
            if left <= 0:
                return Problem("left")
            await asyncio.wait([self._over], timeout=min(1.0, left))
            if self._over.done():
                return self._over.result()

    def write(self, text: str, to: list[str] | None = None, more: Mapping[str, str] | None = None) -> None:
        """Sends a caption to everybody there, or to these."""
        attributes = {"lk.transcription_final": "true", **(more or {})}
        self._do(self._send(text, to, attributes))

    async def close(self) -> None:
        """Goes out, and ends what belongs to it."""
        if self._resume is not None:
            self._resume.cancel()
        for task in list(self._tasks):
            task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN):
                await asyncio.gather(*self._ending(), return_exceptions=True)
                await self.room.disconnect()

    def _listen(self) -> None:
        """Asks to be told of what happens in the room, before it is entered."""

    async def _entered(self) -> None:
        """Does what is to be done first."""

    def _ending(self) -> list[Coroutine[Any, Any, None]]:
        """What is to be ended before the room is left."""
        return []

    async def _send(self, text: str, to: list[str] | None, attributes: dict[str, str]) -> None:
        try:
            await self.room.local_participant.send_text(
                text, destination_identities=to, topic=CAPTIONS, attributes=attributes
            )
        except Exception as error:
            # The SDK raises plain Exception; a caption less ends no visit.
            log.info("a caption was not sent", room=self.name, reason=str(error))

    def _wait_for_it(self) -> None:
        if self._resume is None:
            lost = Problem("unreachable", "the connection to LiveKit was lost")
            self._resume = asyncio.get_running_loop().call_later(RESUME_WITHIN, self._end, lost)

    def _has_come_back(self) -> None:
        if self._resume is not None:
            self._resume.cancel()
            self._resume = None

    def _end(self, problem: Problem) -> None:
        if not self._over.done():
            self._over.set_result(problem)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


Stay = TypeVar("Stay", bound=Visit)


class Visitor(Again, Generic[Stay]):
    """One that visits a room time and again, and leaves it when everybody has left."""

    final = frozenset({"left"})

    def __init__(self, shown: str, name: str, door: Door, first_wait: float, longest_wait: float) -> None:
        super().__init__(shown, first_wait, longest_wait)
        self.name = name
        self._door = door
        self._visit: Stay | None = None

    @property
    def guests(self) -> int:
        """How many people are in the room."""
        return self._visit.guests if self._visit is not None else 0

    @property
    def connected(self) -> bool:
        """Whether it is in the room now."""
        return self._visit is not None

    @abstractmethod
    def _new_visit(self) -> Stay:
        """The next visit, not begun yet."""

    async def _once(self) -> Problem:
        """One visit until its end; why it ended."""
        visit = self._new_visit()
        try:
            await visit.open()
            self._visit, self._problem = visit, None
            return await visit.last()
        except SourceProblem as problem:
            return problem.problem
        finally:
            self._visit = None
            await visit.close()
            self._heard = time.monotonic()
