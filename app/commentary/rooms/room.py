"""One room, watched: a FrameProvider over whoever shows a camera in it, and the voice that speaks there."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from livekit import rtc
from livekit.rtc.participant import PublishTrackError

from app.commentary.frames.coming_back import ComingBack
from app.commentary.frames.problem import Problem, SourceProblem
from app.commentary.frames.provider import Picture
from app.commentary.messages import Comment
from app.commentary.rooms.door import Door
from app.commentary.rooms.voice import Voice
from app.commentary.rooms.watching import Watching
from app.commentary.speech import Sound

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


class Room(ComingBack):
    """The one that watches a room: comes back by itself, and leaves when everybody has left."""

    final = frozenset({"left"})

    def __init__(self, name: str, door: Door, first_wait: float, longest_wait: float) -> None:
        super().__init__(f"room {name}", first_wait, longest_wait)
        self.name = name
        self.connected = False
        self._door = door
        self._began = time.monotonic()
        self._visit: Visit | None = None

    @property
    def guests(self) -> int:
        """How many are in the room, beside the one that watches."""
        return self._visit.guests if self._visit is not None else 0

    def _silence(self, seconds: float) -> str:  # noqa: ARG002
        return "no camera is shown in the room"

    def say(self, sound: Sound) -> None:
        """Speaks it in the room."""
        if self._visit is not None:
            self._visit.voice.say(sound)

    def write(self, comment: Comment) -> None:
        """Sends it there as a caption."""
        if self._visit is not None:
            self._visit.write(comment.text)

    async def _once(self) -> Problem:
        """One visit until its end; why it ended."""
        visit = Visit(self.name, self._door, self._take)
        try:
            await visit.open()
            self._visit, self._problem, self.connected = visit, None, True
            leave_at = time.monotonic() + NOBODY_CAME
            while True:
                if visit.guests:
                    leave_at = time.monotonic() + EMPTY_AFTER
                left = leave_at - time.monotonic()
                if left <= 0:
                    return Problem("left")
                if (problem := await visit.over(min(1.0, left))) is not None:
                    return problem
        except SourceProblem as problem:
            return problem.problem
        finally:
            self._visit = None
            await visit.close()
            self._heard, self.connected = time.monotonic(), False

    def _take(self, picture: Picture) -> None:
        self._slot.put(picture, time.monotonic() - self._began)


class Visit:
    """Being in a room once: its connection, the camera that is watched, the voice."""

    def __init__(self, name: str, door: Door, take: Callable[[Picture], None]) -> None:
        self._name = name
        self._door = door
        self._take = take
        self._room = rtc.Room()
        self.voice = Voice(self._room)
        self._watching: dict[str, Watching] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._over: asyncio.Future[Problem] = asyncio.get_running_loop().create_future()
        self._resume: asyncio.TimerHandle | None = None

    @property
    def guests(self) -> int:
        """How many others are there."""
        return len(self._room.remote_participants)

    async def open(self) -> None:
        """Goes in. Raises SourceProblem."""
        await self._door.make(self._name)
        room = self._room
        room.on("track_published", lambda *_: self._choose())
        room.on("track_unpublished", lambda *_: self._choose())
        room.on("participant_disconnected", lambda *_: self._choose())
        room.on("track_subscribed", self._watch)
        room.on("track_unsubscribed", lambda _, publication, __: self._leave_off(publication.sid))
        room.on("disconnected", lambda *_: self._end(Problem("unreachable", "LiveKit ended the connection")))
        room.on("reconnecting", self._wait_for_it)
        room.on("reconnected", self._has_come_back)
        # Without servers of others for finding one's own address: LiveKit's is reached directly.
        options = rtc.RoomOptions(
            auto_subscribe=False, connect_timeout=JOIN_WITHIN, rtc_config=rtc.RtcConfiguration(ice_servers=[])
        )
        try:
            async with asyncio.timeout(JOIN_WITHIN):
                await room.connect(self._door.address, self._door.watcher(self._name), options)
                await self.voice.open()
        except (TimeoutError, rtc.ConnectError, PublishTrackError) as error:
            log.info("a room was not entered", room=self._name, reason=str(error))
            raise SourceProblem("unreachable", "LiveKit lets nobody in") from None
        self._choose()

    async def over(self, within: float) -> Problem | None:
        """Why it is over; None where it still goes on after that many seconds."""
        await asyncio.wait([self._over], timeout=within)
        return self._over.result() if self._over.done() else None

    def write(self, text: str) -> None:
        """Sends a caption to everybody there."""
        attributes = {"lk.transcription_final": "true"}
        self._do(self._send(text, attributes))

    async def close(self) -> None:
        """Goes out, and ends what belongs to it."""
        if self._resume is not None:
            self._resume.cancel()
        for task in list(self._tasks):
            task.cancel()
        ending = [each.close() for each in self._watching.values()]
        self._watching.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN):
                await asyncio.gather(*ending, self.voice.close(), return_exceptions=True)
                await self._room.disconnect()

    async def _send(self, text: str, attributes: dict[str, str]) -> None:
        try:
            await self._room.local_participant.send_text(text, topic=CAPTIONS, attributes=attributes)
        except Exception as error:
            # The SDK raises plain Exception; a caption less ends no visit.
            log.info("a caption was not sent", room=self._name, reason=str(error))

    def _choose(self) -> None:
        """Watches one camera: the one that is watched already, else the first there is."""
        cameras = [
            publication
            for guest in self._room.remote_participants.values()
            for publication in guest.track_publications.values()
            if publication.kind == rtc.TrackKind.KIND_VIDEO
        ]
        if cameras and not any(camera.subscribed for camera in cameras):
            cameras[0].set_subscribed(True)

    def _watch(self, track: rtc.Track, publication: rtc.RemoteTrackPublication, _: object) -> None:
        if publication.sid not in self._watching:
            self._watching[publication.sid] = Watching(track, self._take)

    def _leave_off(self, sid: str) -> None:
        if (watching := self._watching.pop(sid, None)) is not None:
            self._do(watching.close())
        self._choose()

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
