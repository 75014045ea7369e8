"""A stream with its comments spoken where nobody speaks, as described/<name>, which the dubber publishes."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time

import structlog

from app.commentary.messages import Comment, Description, Source
from app.commentary.speech import NotSpoken, Sound, Speech
from app.commentary.streams import NotTaken, Streams

RENEW_EVERY = 2.0
LIVE = "live/"
NEW_SCENE = ("cut", "fade", "start")
SENTENCE_END = re.compile(r"(?<=[.!?…。！？])\s+")

log = structlog.get_logger()


class NotDescribed(ValueError):
    """That source can't be published with descriptions. The message says which can."""


def described(source: Source) -> str:
    """The name of the stream that a source is. Raises NotDescribed where it is none of ours."""
    if source.kind != "stream" or not source.name.startswith(LIVE):
        raise NotDescribed("only a stream of the media server, live/<name>, can have an audio description")
    return source.name.removeprefix(LIVE)


class DescriptionTrack:
    """Renews the description at the dubber while it is wanted, and gives it what is said."""

    def __init__(self, name: str, streams: Streams, speech: Speech) -> None:
        self._name = name
        self._streams = streams
        self._speech = speech
        self._view = Description(path=f"described/{name}")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins."""
        self._task = asyncio.create_task(self._keep(), name=f"description of {self._name}")

    def stop(self) -> None:
        """Ends it, in a moment."""
        if self._task is not None:
            self._task.cancel()

    async def close(self) -> None:
        """Ends it, and waits for that."""
        self.stop()
        if self._task is not None:
            await asyncio.wait([self._task])

    def view(self) -> Description:
        """How it is."""
        return self._view

    async def say(self, comment: Comment, sound: Sound, seen: float) -> None:
        """Has a comment said, sentence by sentence, about what was seen then (monotonic)."""
        sentences = SENTENCE_END.split(comment.text)
        try:
            for index, sentence in enumerate(sentences):
                if len(sentences) > 1:
                    sound = await self._speech.speak(sentence, comment.language)
                new_scene = comment.why in NEW_SCENE and index == 0
                await self._streams.say(self._name, sound.wav, time.monotonic() - seen, new_scene)
        except (NotSpoken, NotTaken) as problem:
            log.info("a comment was not said in the stream", reason=str(problem))

    async def _keep(self) -> None:
        try:
            while True:
                self._view = await self._renewed()
                await asyncio.sleep(RENEW_EVERY)
        finally:
            # Where it is not told, it ends by itself in 15 s.
            with contextlib.suppress(NotTaken):
                await asyncio.shield(self._streams.end(self._name))

    async def _renewed(self) -> Description:
        path = self._view.path
        try:
            told = await self._streams.describe(self._name)
            return Description(
                path=path,
                running=told["phase"] == "running",
                said=told["said"],
                dropped=told["dropped"],
                detail=told["problem"],
            )
        except NotTaken as problem:
            return Description(path=path, detail=str(problem))
        except (KeyError, ValueError):
            return Description(
                path=path, detail="the dubber's answer is not understood: is it as new as this?"
            )
