"""One WebSocket session of sts: takes sound and marks, answers every mark in order."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any, Protocol, TypeVar

import structlog
from fastapi import WebSocket, WebSocketDisconnect
from pydantic import ValidationError

from app.serving.sending import SEND_WITHIN
from app.speech.protocol import (
    Config,
    Dub,
    ErrorCode,
    Failure,
    PhraseMark,
    Profile,
    Speakers,
    unpack_sound,
)
from app.speech.sts.lane import Lane, Mark, Sound
from app.speech.sts.metrics import Metrics
from app.speech.sts.phrase import Dubber, Phrase, PhraseFailed
from app.speech.sts.room import LATE, Room
from app.speech.text.wording import prompt
from app.speech.types import SpeechError

log = structlog.get_logger(__name__)

MOST_UNANSWERED = 1000
"""Marks of a session whose answers may wait: for the speech engines, or for the client to read them."""
NO_ROOM = "this machine has no time for it: it dubs {} that came before"
CONTEXT = 3
"""Phrases before one that its translator is told of."""
"""Seconds within which a client takes an answer; one that does not is let go."""

Parsed = TypeVar("Parsed", Config, PhraseMark, Profile, Speakers)
Answer = tuple[Failure, None] | tuple[Dub, bytes]


class Refused(Exception):
    """A session that can't be opened."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class BadMessage(Exception):
    """A message of the client that the session can't go on after."""

    code: ErrorCode = "bad_message"


class TooMany(BadMessage):
    """More marks than a session may have open."""

    code: ErrorCode = "overloaded"


class Admission:
    """How many phrases may wait in this process; shared by its sessions."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.pending = 0

    def enter(self) -> bool:
        """Whether there is room for one more, which is then counted."""
        if self.pending >= self.limit:
            return False
        self.pending += 1
        return True

    def leave(self) -> None:
        """One less."""
        self.pending -= 1


class Peer(Protocol):
    """Whom a session dubs for."""

    async def receive(self) -> Mapping[str, Any]:
        """The next message in the shape of ASGI, as app/speech/protocol.py has them."""

    async def answer(self, message: Failure | Dub, pcm: bytes) -> None:
        """Tells what became of a phrase; `pcm` is its sound. Raises WebSocketDisconnect."""


class Wire:
    """A peer that speaks our own protocol over a WebSocket."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    async def receive(self) -> Mapping[str, Any]:
        """The next message."""
        return await self._socket.receive()

    async def answer(self, message: Failure | Dub, pcm: bytes) -> None:
        """Sends the message, and the sound after it."""
        try:
            async with asyncio.timeout(SEND_WITHIN):
                await self._socket.send_text(message.model_dump_json())
                if pcm:
                    await self._socket.send_bytes(pcm)
        except TimeoutError as error:
            raise WebSocketDisconnect from error


class Session:
    """Runs until the client goes or an error ends it."""

    def __init__(
        self,
        peer: Peer,
        lane: Lane,
        dubber: Dubber,
        admission: Admission,
        room: Room,
        executor: Executor,
        metrics: Metrics,
    ) -> None:
        self.peer = peer
        self.lane = lane
        self.dubber = dubber
        self.admission = admission
        self.room = room
        self.executor = executor
        self.metrics = metrics
        self.asked: asyncio.Queue[tuple[Phrase, asyncio.Future[Answer]] | None] = asyncio.Queue()
        self.context: deque[str] = deque(maxlen=CONTEXT)
        self.draining = False
        self._something = asyncio.Event()
        self._hearing: asyncio.Future[float] | None = None
        self._counted = 0.0
        self._untold = 0.0
        self._told_at = 0.0

    def drain(self) -> None:
        """Answers what was asked for until now, then ends: what comes later a client asks another host."""
        self.draining = True
        self.asked.put_nowait(None)

    async def run(self) -> None:
        """Until the client goes, or after `drain` all is answered.

        Raises BadMessage, or what the recogniser failed with.
        """
        tasks = [asyncio.create_task(part) for part in (self._read(), self._work(), self._answer())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended = [task for task in tasks if task.done()]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            if self._hearing is not None:
                await asyncio.wait([self._hearing])
            self._abandon()
        for task in ended:
            task.result()

    async def _read(self) -> None:
        while True:
            message = await self.peer.receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("bytes") is not None:
                self._sound(message["bytes"])
            else:
                self._told(message.get("text") or "")
            self._something.set()

    def _sound(self, message: bytes) -> None:
        try:
            position, pcm = unpack_sound(message)
        except ValueError as error:
            raise BadMessage(str(error)) from error
        self.lane.put_sound(Sound(position, pcm))
        self._count_dropped()

    def _count_dropped(self) -> None:
        """Counts the sound that the lane has dropped since, and logs its sum at most once a second."""
        fresh = self.lane.dropped - self._counted
        if fresh <= 0:
            return
        self._counted += fresh
        self.metrics.dropped.inc(fresh)
        self._untold += fresh
        if time.monotonic() - self._told_at >= 1.0:
            log.warning("recognition is behind: dropped the oldest sound", seconds=round(self._untold, 2))
            self._told_at, self._untold = time.monotonic(), 0.0

    def _told(self, text: str) -> None:
        match kind_of(text):
            case "profile":
                self.reword(parse(text, Profile))
            case "speakers":
                self.dubber.party.told(parse(text, Speakers))
            case _:
                self._phrase(text)

    def reword(self, profile: Profile) -> None:
        """The profile holds for what is recognised, translated and spoken from now on."""
        self.lane.recogniser.prompt(prompt(profile))
        self.dubber.reword(profile)

    def _phrase(self, text: str) -> None:
        mark = parse(text, PhraseMark)
        if not (math.isfinite(mark.deadline) and math.isfinite(mark.seconds) and mark.start <= mark.end):
            raise BadMessage("a phrase has finite seconds and deadline, and starts before it ends")
        if self.draining:
            return
        if max(self.asked.qsize(), self.lane.marks) >= MOST_UNANSWERED:
            raise TooMany(f"{MOST_UNANSWERED} phrases wait for their answers, which is the most")
        phrase = Phrase(mark)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.room.enter(self)
        rests = not self.room.admits(self)
        admitted = not rests and self.admission.enter()
        if admitted:
            answer.add_done_callback(lambda _: self.admission.leave())
        else:
            why = NO_ROOM.format(self.room.dubbed) if rests else "too many phrases are waiting"
            answer.set_result((phrase.failure("overloaded", why), None))
        self.asked.put_nowait((phrase, answer))
        self.lane.put_mark(Mark(phrase, not admitted, self._recognised(answer)))

    def _recognised(self, answer: asyncio.Future[Answer]) -> Callable[[Phrase, Exception | None], None]:
        loop = asyncio.get_running_loop()

        def done(phrase: Phrase, error: Exception | None) -> None:
            loop.call_soon_threadsafe(self._speak, phrase, error, answer)

        return done

    def _speak(self, phrase: Phrase, error: Exception | None, answer: asyncio.Future[Answer]) -> None:
        if answer.done():
            return
        if error is not None:
            _settle(answer, failed(phrase, error))
            return
        context = " ".join(self.context)
        if phrase.words:
            self.context.append(" ".join(word.text for word in phrase.words))
        spoken = asyncio.get_running_loop().run_in_executor(self.executor, self.dubber.dub, phrase, context)
        spoken.add_done_callback(lambda ended: _settle(answer, outcome(phrase, ended)))

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._something.wait()
            self._something.clear()
            while not self.lane.idle:
                self._hearing = loop.run_in_executor(self.executor, self.lane.work)
                self.metrics.heard.inc(await asyncio.shield(self._hearing))
                self._count_dropped()

    async def _answer(self) -> None:
        while asked := await self.asked.get():
            phrase, answer = asked
            try:
                async with asyncio.timeout(max(0.0, phrase.remaining)):
                    message, pcm = await asyncio.shield(answer)
            except TimeoutError:
                phrase.abandoned = True
                _settle(answer, failed(phrase, None))
                message, pcm = answer.result()
            except asyncio.CancelledError:
                self._give_up(phrase, answer)
                raise
            self.room.answered(self, late=late(message, phrase))
            self._count(message)
            await self.peer.answer(message, pcm or b"")

    def _count(self, message: Failure | Dub) -> None:
        if isinstance(message, Failure):
            self.metrics.phrases.labels(message.code).inc()
            return
        self.metrics.phrases.labels("dubbed").inc()
        for stage, seconds in message.timings.model_dump().items():
            self.metrics.stages.labels(stage).observe(seconds)

    def _abandon(self) -> None:
        while not self.asked.empty():
            if asked := self.asked.get_nowait():
                self._give_up(*asked)

    def _give_up(self, phrase: Phrase, answer: asyncio.Future[Answer]) -> None:
        phrase.abandoned = True
        answer.cancel()
        self.metrics.phrases.labels("abandoned").inc()


def late(message: Failure | Dub, phrase: Phrase) -> bool:
    """Whether an answer comes so late that its dub is, or would have been."""
    if isinstance(message, Failure):
        return message.code == "deadline"
    return phrase.remaining < min(LATE, phrase.mark.deadline / 2)


def failed(phrase: Phrase, error: BaseException | None) -> Answer:
    """The answer for a phrase that failed; None stands for its deadline."""
    if isinstance(error, PhraseFailed):
        return phrase.failure(error.code, str(error)), None
    if error is None:
        return phrase.failure("deadline", f"not ready within {phrase.mark.deadline:.2f} s"), None
    if isinstance(error, SpeechError):
        return phrase.failure("failed", str(error)), None
    log.error("phrase failed", id=phrase.mark.id, error=f"{type(error).__name__}: {error}")
    return phrase.failure("failed", f"{type(error).__name__} in the speech engine"), None


def outcome(phrase: Phrase, ended: asyncio.Future[tuple[Dub, bytes]]) -> Answer:
    """The answer that a finished piece of work gives."""
    if ended.cancelled():
        return failed(phrase, None)
    error = ended.exception()
    return failed(phrase, error) if error is not None else ended.result()


def _settle(answer: asyncio.Future[Answer], result: Answer) -> None:
    if not answer.done():
        answer.set_result(result)


def parse(text: str, kind: type[Parsed]) -> Parsed:
    """A JSON message of the client. Raises BadMessage that says what is wrong with it."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise BadMessage(why(error)) from error


def kind_of(text: str) -> str:
    """The type that a message says it is, empty where it says none."""
    try:
        return str(json.loads(text)["type"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def why(error: ValidationError) -> str:
    """A validation error in one line, without the input."""
    problems: list[dict[str, Any]] = json.loads(error.json(include_input=False, include_url=False))
    return "; ".join(f"{'.'.join(map(str, p['loc'])) or 'message'}: {p['msg']}" for p in problems[:5])
