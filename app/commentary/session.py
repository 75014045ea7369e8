"""One session: a source is watched, what happens is put into words, told and spoken."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

import structlog

from app.commentary import profile
from app.commentary.change import Look, change, look
from app.commentary.describer import CannotDescribe, SceneDescriber, Seen
from app.commentary.description import DescriptionTrack, described
from app.commentary.frames.provider import Frame, FrameProvider
from app.commentary.log import Log
from app.commentary.messages import (
    Change,
    Comment,
    CommentEvent,
    Describing,
    NewSession,
    Part,
    Session,
    SessionEvent,
    Wishes,
)
from app.commentary.on_screen import OnScreen
from app.commentary.pace import NEW_SCENE, WEIGHTS, Pacer
from app.commentary.reading import Reader
from app.commentary.scene import Happening, Scene
from app.commentary.speech import NotSpoken, Sound, Speech
from app.commentary.streams import Streams
from app.commentary.translation import Translation
from app.commentary.vision import Vision

MAX_COMMENTS = 1000
SOUNDS_KEPT = 5
WINDOW = 6
"""Frames that are kept, each different from the one before."""
TELL_EVERY = 1.0
NOTEWORTHY = 0.03
ENGLISH = "en"

log = structlog.get_logger()


class LiveSession:
    """A session as it goes on. Bounded: the oldest comments, sounds and frames go first."""

    def __init__(
        self,
        id: str,
        asked: NewSession,
        provider: FrameProvider,
        vision: Vision | None,
        speech: Speech,
        translation: Translation,
        streams: Streams,
        reader: Reader | None = None,
    ) -> None:
        self.id = id
        self.source = asked.source
        self.wishes = Wishes(**asked.model_dump(exclude={"source"}))
        self.started = datetime.now(UTC)
        self.comments: deque[Comment] = deque(maxlen=MAX_COMMENTS)
        self.log = Log()
        self.provider = provider
        self.pacer = Pacer(asked.pace)
        self.on_comment: list[Callable[[Comment], None]] = []
        self.on_sound: list[Callable[[Sound], None]] = []
        """Who plays what is spoken, beside the pages."""
        self.stopped = False
        self._began = time.monotonic()
        self._vision = vision
        self._speech = speech
        self._translation = translation
        self._streams = streams
        self._track: DescriptionTrack | None = None
        self._words = SceneDescriber()
        self._scene = Scene()
        # A model reads by itself.
        self._text = OnScreen(reader if vision is None else None)
        self._window: deque[tuple[Frame, Look]] = deque(maxlen=WINDOW)
        self._sounds: dict[int, Sound] = {}
        self._ids = 0
        self._quiet_at = 0.0
        self._saying: asyncio.Task[None] | None = None
        self._voicing = False
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Begins to watch."""
        self._describe(self.wishes.describe)
        await self.provider.open()
        self._tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._tell_state())]

    async def close(self) -> None:
        """Ends it; its comments stay."""
        self.stopped = True
        for task in [*self._tasks, *([self._saying] if self._saying else [])]:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._text.close()
        await self.provider.close()
        if self._track is not None:
            await self._track.close()
            self._track = None
        self._window.clear()
        self._sounds.clear()
        self.log.state(self._event())
        self.log.close()

    @property
    def ended(self) -> bool:
        """Whether nothing will happen in it any more."""
        return self.stopped or self.provider.health.ended

    def change(self, wishes: Change) -> None:
        """Comments otherwise from now on. Raises UnknownProfile, NotDescribed.

        Another profile brings its own pace and words, where none are asked for with it.
        """
        changes = wishes.model_dump(exclude_none=True)
        if wishes.profile is not None and wishes.profile != self.wishes.profile:
            changes = {"pace": profile.get(wishes.profile).pace, "prompt": ""} | changes
        if wishes.describe is not None:
            self._describe(wishes.describe)
        self.wishes = self.wishes.model_copy(update=changes)
        self.pacer.pace = self.wishes.pace
        self.log.state(self._event())

    def sound(self, comment: int) -> Sound | None:
        """A comment as it was spoken, where that is still kept."""
        return self._sounds.get(comment)

    @property
    def state(self) -> Literal["waiting", "watching", "lost", "ended"]:
        """How it is with its source."""
        if self.ended:
            return "ended"
        if self.provider.health.healthy:
            return "watching"
        return "waiting" if self.provider.latest is None and self.provider.health.problem is None else "lost"

    @property
    def describer(self) -> Describing:
        """Who describes, and how that is; what can't be told in the language that is asked for is said."""
        found = describing(self._vision)
        problem = self._translation.problems.get(self.wishes.language)
        if found.name != self._words.name or not problem:
            return found
        parts = [found.detail, f"comments are in English: {problem}"]
        return found.model_copy(update={"detail": "; ".join(filter(None, parts))})

    def view(self) -> Session:
        """The session as it is now."""
        health = self.provider.health
        return Session(
            id=self.id,
            source=self.source,
            wishes=self.wishes,
            started=self.started.isoformat(timespec="seconds"),
            state=self.state,
            detail=str(health.problem) if health.problem and not self.stopped else "",
            frames_per_second=0.0 if self.ended else health.frames_per_second,
            reconnects=health.reconnects,
            speaking=time.monotonic() < self._quiet_at,
            last_comment=self.comments[-1] if self.comments else None,
            describer=self.describer,
            speech=Part(healthy=not self._speech.problem, detail=self._speech.problem),
            description=self._track.view() if self._track is not None else None,
        )

    def _describe(self, on: bool) -> None:
        """Has the stream published with descriptions, or no more. Raises NotDescribed."""
        if on and self._track is None:
            self._track = DescriptionTrack(described(self.source), self._streams, self._speech)
            self._track.start()
        elif not on and self._track is not None:
            self._track.stop()
            self._track = None

    async def _watch(self) -> None:
        number = 0
        while (frame := await self.provider.newer(number)) is not None:
            number = frame.number
            seen = look(frame.picture)
            for happened in self._scene.step(seen, frame.arrived):
                self.pacer.offer(happened)
                if WEIGHTS[happened.what] == NEW_SCENE:
                    self._text.new_scene()
            self._keep(frame, seen)
            self._text.see(frame, seen)
            if self._text.waiting and self.pacer.idle:
                self.pacer.offer(Happening("text", frame.arrived, "even", None, texts=self._text.waiting))
            self._say_what_is_due(frame)

    def _say_what_is_due(self, frame: Frame) -> None:
        if self._saying is not None and not self._saying.done():
            # What a slow voice would still say of the scene before is past.
            if not (self._voicing and self.pacer.new_scene):
                return
            self._saying.cancel()
            self._voicing = False
        happened = self.pacer.due(time.monotonic(), self._quiet_at)
        if happened is not None:
            self._saying = asyncio.create_task(self._say(happened, frame))

    async def _say(self, happened: Happening, frame: Frame) -> None:
        """Finds words, tells them, speaks them; what is stale by then is dropped."""
        try:
            text, describer, language = await self._words_for(happened, frame)
            if not text:
                return
            if not self.pacer.holds(happened):
                self.pacer.dropped += 1
                return
            comment = self._tell(text, describer, language, happened, frame)
            # Speech that nobody would hear is not made.
            heard = self.wishes.speech and (self.log.listeners or self.on_sound)
            if heard or self._track is not None:
                await self._speak(comment)
        except Exception:
            log.exception("a comment failed", session=self.id)

    async def _words_for(self, happened: Happening, frame: Frame) -> tuple[str, str, str]:
        """What is to be said, by which describer, and in which language that is."""
        language = self.wishes.language
        seen = Seen(
            happened=happened,
            frames=[kept for kept, _ in self._window if kept.number < frame.number] + [frame],
            prompt=self.wishes.prompt or profile.get(self.wishes.profile).prompt,
            instruction=self.wishes.instruction,
            language=language,
            said=[comment.text for comment in self.comments],
            brief=self._track is not None,
        )
        if self._vision is not None:
            with contextlib.suppress(CannotDescribe):
                return await self._vision.describe(seen), self._vision.name, language
        text = await self._words.describe(seen)
        if language != ENGLISH:
            translated = await self._translation.translate(text, language)
            if translated is not None:
                return translated, self._words.name, language
        return text, self._words.name, ENGLISH

    def _tell(self, text: str, describer: str, language: str, happened: Happening, frame: Frame) -> Comment:
        self._ids += 1
        now = time.monotonic()
        comment = Comment(
            id=self._ids,
            seen=round(happened.at - self._began, 3),
            shown=round(now - self._began, 3),
            position=round(max(0.0, frame.position - (frame.arrived - happened.at)), 3),
            text=text,
            why=happened.why,
            describer=describer,
            language=language,
        )
        self.comments.append(comment)
        self._text.told(happened.texts, happened.at)
        self.log.tell(CommentEvent(**comment.model_dump()).model_dump_json())
        for told in self.on_comment:
            told(comment)
        return comment

    async def _speak(self, comment: Comment) -> None:
        self._voicing = True
        try:
            sound = await self._speech.speak(comment.text, comment.language)
        except NotSpoken as problem:
            log.info("a comment was not spoken", reason=str(problem))
            return
        finally:
            # One that was cancelled may end after the next has begun.
            if asyncio.current_task() is self._saying:
                self._voicing = False
        self._quiet_at = time.monotonic() + sound.seconds
        self._sounds[comment.id] = sound
        while len(self._sounds) > SOUNDS_KEPT:
            del self._sounds[min(self._sounds)]
        comment.spoken = round(sound.seconds, 3)
        self.log.tell(CommentEvent(**comment.model_dump()).model_dump_json())
        for play in self.on_sound:
            play(sound)
        if self._track is not None:
            await self._track.say(comment, sound, self._began + comment.seen)

    def _keep(self, frame: Frame, seen: Look) -> None:
        """Keeps the frame where it shows something that the last one that was kept does not."""
        if self._window:
            found = change(self._window[-1][1], seen)
            if max(found.area, found.histogram) < NOTEWORTHY:
                return
        self._window.append((frame, seen))

    async def _tell_state(self) -> None:
        while not self.ended:
            self.log.state(self._event())
            await asyncio.sleep(TELL_EVERY)
        self.log.state(self._event())
        if self._saying is not None:
            await asyncio.wait([self._saying])
        self.log.close()

    def _event(self) -> str:
        return SessionEvent(**self.view().model_dump()).model_dump_json()


def describing(vision: Vision | None) -> Describing:
    """Who describes, and how that is."""
    if vision is None:
        return Describing(name="scene", healthy=True)
    return Describing(
        name="scene" if vision.problem else "llm",
        healthy=not vision.problem,
        detail=f"what is measured is told instead: {vision.problem}" if vision.problem else "",
        calls=vision.calls,
        cost=round(vision.model.usage.cost, 6),
    )
