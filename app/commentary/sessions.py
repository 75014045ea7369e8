"""All sessions: how many there may be, and what stays of those that are over."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from app.commentary import profile
from app.commentary.description import described
from app.commentary.frames.allowed import Place, place_of
from app.commentary.frames.provider import FrameProvider
from app.commentary.messages import NewSession
from app.commentary.reading import configured
from app.commentary.session import LiveSession
from app.commentary.speech import Speech
from app.commentary.streams import Streams
from app.commentary.translation import Translation
from app.commentary.vision import Vision
from app.settings import Settings

if TYPE_CHECKING:
    from app.commentary.rooms.rooms import Rooms

MAX_RUNNING = 4
MAX_KEPT = 20

Provide = Callable[[Place], FrameProvider]


class Unknown(LookupError):
    """There is no such session, or no such comment in it."""


class Full(RuntimeError):
    """As many sessions go on as may."""


class Sessions:
    """The sessions, the newest first; of those that are over the oldest goes when there are too many."""

    def __init__(
        self,
        settings: Settings,
        provide: Provide,
        vision: Vision | None,
        speech: Speech,
        translation: Translation,
        streams: Streams,
        on_new: Callable[[LiveSession], None],
        rooms: Rooms | None = None,
    ) -> None:
        self.all: list[LiveSession] = []
        self._settings = settings
        self._provide = provide
        self._vision = vision
        self._speech = speech
        self._translation = translation
        self._streams = streams
        self._on_new = on_new
        self._rooms = rooms
        self._reader = configured(settings.models_dir)

    @property
    def running(self) -> list[LiveSession]:
        """Those that go on."""
        return [session for session in self.all if not session.ended]

    async def new(self, asked: NewSession) -> LiveSession:
        """A session that has begun.

        Raises SourceProblem, UnknownProfile, NotDescribed, Full, and what Rooms.new does.
        """
        if asked.describe:
            described(asked.source)
        chosen = profile.get(asked.profile)
        if "pace" not in asked.model_fields_set:
            asked = asked.model_copy(update={"pace": chosen.pace})
        if asked.source.kind == "livekit" and self._rooms is not None:
            return await self._in_room(asked, self._rooms)
        return await self.begin(asked, self._provide(place_of(asked.source, self._settings)))

    async def _in_room(self, asked: NewSession, rooms: Rooms) -> LiveSession:
        """A session whose comments are heard and read in the room that it watches."""
        room = rooms.new(asked.source.name)
        try:
            session = await self.begin(asked, room)
        except Full:
            await room.close()
            raise
        session.on_sound.append(room.say)
        session.on_comment.append(room.write)
        return session

    async def begin(self, asked: NewSession, provider: FrameProvider) -> LiveSession:
        """A session over that provider, which it opens and closes. Raises Full."""
        if len(self.running) >= MAX_RUNNING:
            raise Full(f"{MAX_RUNNING} sessions go on already: end one of them")
        session = LiveSession(
            secrets.token_hex(8),
            asked,
            provider,
            self._vision,
            self._speech,
            self._translation,
            self._streams,
            self._reader,
        )
        self.all.insert(0, session)
        over = [each for each in self.all if each.ended]
        for each in over[::-1][: max(0, len(self.all) - MAX_KEPT)]:
            self.all.remove(each)
            await each.close()
        self._on_new(session)
        await session.open()
        return session

    def get(self, id: str) -> LiveSession:
        """The session of that id. Raises Unknown."""
        for session in self.all:
            if session.id == id:
                return session
        raise Unknown("there is no such session")

    async def remove(self, id: str) -> None:
        """Ends a session and forgets it. Raises Unknown."""
        session = self.get(id)
        self.all.remove(session)
        await session.close()

    async def close(self) -> None:
        """Ends them all."""
        await asyncio.gather(*(session.close() for session in self.all))
