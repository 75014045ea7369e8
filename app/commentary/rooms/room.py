"""One room, watched: a FrameProvider over whoever shows a camera in it, and the voice that speaks there."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Any

from livekit import rtc

from app.commentary.frames.coming_back import ComingBack
from app.commentary.frames.provider import Picture
from app.commentary.messages import Comment
from app.commentary.rooms.door import WATCHER, Door
from app.commentary.rooms.visit import Visit, Visitor
from app.commentary.rooms.voice import Voice
from app.commentary.rooms.watching import Watching
from app.commentary.speech import Sound


class Room(Visitor["WatchingVisit"], ComingBack):
    """The one that watches a room."""

    def __init__(self, name: str, door: Door, first_wait: float, longest_wait: float) -> None:
        super().__init__(f"room {name}", name, door, first_wait, longest_wait)
        self._began = time.monotonic()

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

    def _new_visit(self) -> WatchingVisit:
        return WatchingVisit(self.name, self._door, self._take)

    def _take(self, picture: Picture) -> None:
        self._slot.put(picture, time.monotonic() - self._began)


class WatchingVisit(Visit):
    """Watches one camera, and speaks."""

    def __init__(self, name: str, door: Door, take: Callable[[Picture], None]) -> None:
        super().__init__(name, door, WATCHER)
        self._take = take
        self.voice = Voice(self.room, "commentary")
        self._watching: dict[str, Watching] = {}

    def _listen(self) -> None:
        room = self.room
        room.on("track_published", lambda *_: self._choose())
        room.on("track_unpublished", lambda *_: self._choose())
        room.on("participant_disconnected", lambda *_: self._choose())
        room.on("track_subscribed", self._watch)
        room.on("track_unsubscribed", lambda _, publication, __: self._leave_off(publication.sid))

    async def _entered(self) -> None:
        await self.voice.open()
        self._choose()

    def _ending(self) -> list[Coroutine[Any, Any, None]]:
        ending = [each.close() for each in self._watching.values()]
        self._watching.clear()
        return [*ending, self.voice.close()]

    def _choose(self) -> None:
        """Watches one camera: the one that is watched already, else the first there is."""
        cameras = [
            publication
            for guest in self.room.remote_participants.values()
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
