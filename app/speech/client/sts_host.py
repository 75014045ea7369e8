"""One speech host as a worker sees it: a WebSocket that is kept open, with backoff."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from urllib.parse import urlencode

import structlog
from pydantic import ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.frames import CloseCode

from app.backoff import Backoff
from app.speech.protocol import (
    LONGEST_MESSAGE,
    PATH,
    TELL,
    Config,
    Dub,
    Error,
    Failure,
    Profile,
    Ready,
)

FIRST_RETRY = 0.25
LONGEST_RETRY = 2.0
FIRST_REST = 2.0
LONGEST_REST = 30.0
FIRST_FULL = 60.0
LONGEST_FULL = 480.0
OPEN_TIMEOUT = 3.0
READY_TIMEOUT = 30.0
MOST_WAITING = 400
MAX_ANSWER_BYTES = 8 << 20
# What we close a connection with where the other side breaks the rules of WebSockets, or our limits.
RULES_BROKEN = {CloseCode.PROTOCOL_ERROR, CloseCode.INVALID_DATA, CloseCode.MESSAGE_TOO_BIG}

log = structlog.get_logger()

OnAnswer = Callable[["Host", Dub | Failure, bytes], None]
OnChange = Callable[["Host"], None]


class Refused(Exception):
    """The host answered the configuration with an error: what it said."""


class Misbehaved(Exception):
    """The host sent what no host may send: what that was."""


class Host:
    """Keeps a configured session open at one address.

    `ready_since` is the monotonic time since when it could be used, or None; `problem` says in words
    why it can't. `full` is whether it has lately had no time for this session. `doubt` says what it did
    wrong last, until it has answered well; `heard_at` is the monotonic time of its last message; `apart` by
    what it tells speakers apart, empty where it can't, and `voices` what these can have. Sound and marks
    are queued, and a host that doesn't take them in is disconnected.
    """

    def __init__(
        self, address: str, config: Config, on_answer: OnAnswer, on_change: OnChange, key: str = ""
    ) -> None:
        self.address = address
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.problem = "not connected yet"
        self.ready_since: float | None = None
        self.doubt = ""
        self.heard_at = 0.0
        self.apart = ""
        self.voices: tuple[str, ...] = ()
        self._retries = Backoff(FIRST_RETRY, LONGEST_RETRY)
        self._rests = Backoff(FIRST_REST, LONGEST_REST)
        # Many are refused at once: they must not all come back at once.
        self._refusals = Backoff(FIRST_FULL, LONGEST_FULL, jitter=0.5)
        self._config = config
        self._on_answer = on_answer
        self._on_change = on_change
        self._outgoing: asyncio.Queue[str | bytes] = asyncio.Queue(MOST_WAITING)
        self._connection: ClientConnection | None = None
        self._rested_until = 0.0
        self._full_until = 0.0

    @property
    def full(self) -> bool:
        """Whether it has lately had no time for this session: it is there, but others come first."""
        return time.monotonic() < self._full_until

    @property
    def usable(self) -> bool:
        """Whether a phrase can be sent to it now."""
        return self.ready_since is not None and not self.rests_for

    @property
    def rests_for(self) -> float:
        """The seconds for which it is still left alone."""
        return max(0.0, self._rested_until - time.monotonic())

    def send(self, message: str | bytes) -> None:
        """Queues a message; disconnects a host that has fallen behind."""
        try:
            self._outgoing.put_nowait(message)
        except asyncio.QueueFull:
            self.rest("it does not take in the sound fast enough", 5.0)

    def reword(self, profile: Profile) -> None:
        """The profile holds for the session that is open, and for those to come."""
        self._config = self._config.model_copy(update={"profile": profile})
        if self.ready_since is not None:
            self.send(profile.model_dump_json())

    def answered_well(self) -> None:
        """It has done for a phrase what it is there for: what it did before is forgiven."""
        self.doubt = ""
        self._retries.reset()
        self._rests.reset()
        self._refusals.reset()
        self._full_until = 0.0

    def refused(self) -> None:
        """It has no time for this session; it counts as full for longer each time, until it answers well."""
        if not self.full:
            self._full_until = time.monotonic() + self._refusals.next()

    def anew(self) -> None:
        """Begins a new session: one that has asked for phrases would keep its place among those that ask."""
        self.ready_since = None
        if self._connection is not None:
            self._connection.transport.abort()

    def rest(self, problem: str, seconds: float) -> None:
        """Leaves the host alone for so long at least, and starts a new session then.

        For longer each time, until it answers well.
        """
        self.problem = problem
        self._rested_until = time.monotonic() + max(seconds, self._rests.next())
        if self._connection is not None:
            self._connection.transport.abort()

    async def run(self) -> None:
        """Connects, and connects again, until cancelled."""
        while True:
            wait = LONGEST_RETRY
            try:
                await self._session()
            except Refused as refused:
                self._down(str(refused))
            except Misbehaved as error:
                self._misbehaved(str(error))
            except (OSError, TimeoutError, WebSocketException) as error:
                self._down(describe(error))
                wait = self._retries.next()
            except Exception as error:
                # This task is the only one that connects: whatever it was must not end it.
                log.exception("a session with a speech host failed", address=self.address)
                self._misbehaved(f"unforeseen: {type(error).__name__}")
            self._connection = None
            await asyncio.sleep(max(wait, self.rests_for))

    def _misbehaved(self, problem: str) -> None:
        problem = problem[:LONGEST_MESSAGE]
        self.doubt = problem
        self.rest(problem, FIRST_REST)
        self._down(problem)

    def _down(self, problem: str) -> None:
        was_ready = self.ready_since is not None
        self.ready_since = None
        if not self.rests_for:
            self.problem = problem
        if was_ready:
            log.warning("speech host lost", address=self.address, problem=self.problem)
        self._on_change(self)

    async def _session(self) -> None:
        async with connect(
            f"{self.address.rstrip('/')}{PATH}?{urlencode([('tell', each) for each in TELL])}",
            additional_headers=self._headers,
            open_timeout=OPEN_TIMEOUT,
            close_timeout=0.5,
            ping_interval=2.0,
            ping_timeout=4.0,
            max_size=MAX_ANSWER_BYTES,
            compression=None,
            proxy=None,
        ) as connection:
            await connection.send(self._config.model_dump_json())
            async with asyncio.timeout(READY_TIMEOUT):
                ready = parse(await connection.recv())
            if isinstance(ready, Error):
                raise Refused(ready.message)
            if not isinstance(ready, Ready):
                raise Misbehaved("it answered out of turn")
            self._connection = connection
            while not self._outgoing.empty():
                self._outgoing.get_nowait()
            self.problem = ""
            self.apart, self.voices = ready.apart, ready.voices
            self.ready_since = self.heard_at = time.monotonic()
            log.info(
                "speech host ready",
                address=self.address,
                recogniser=ready.recogniser,
                translator=ready.translator,
                synthesiser=ready.synthesiser,
                voice=ready.voice,
            )
            self._on_change(self)
            await self._exchange(connection)

    async def _exchange(self, connection: ClientConnection) -> None:
        sender = asyncio.create_task(self._send_all(connection))
        try:
            while True:
                answer = parse(await self._receive(connection))
                if isinstance(answer, Error):
                    raise Refused(answer.message)
                if isinstance(answer, Ready):
                    raise Misbehaved("it answered out of turn")
                sound = b""
                if isinstance(answer, Dub) and answer.samples:
                    sound = sound_of(answer, await self._receive(connection))
                self._on_answer(self, answer, sound)
        finally:
            sender.cancel()

    async def _receive(self, connection: ClientConnection) -> str | bytes:
        try:
            message = await connection.recv()
        except ConnectionClosed as error:
            if error.sent is not None and error.sent.code in RULES_BROKEN:
                raise Misbehaved(f"it broke the rules: {error.sent.reason or error.sent.code}") from None
            raise
        self.heard_at = time.monotonic()
        return message

    async def _send_all(self, connection: ClientConnection) -> None:
        try:
            while True:
                await connection.send(await self._outgoing.get())
        except ConnectionClosed:
            # Whoever receives sees it too.
            return
        except Exception:
            log.exception("sending to a speech host failed", address=self.address)
            connection.transport.abort()


def parse(text: str | bytes) -> Ready | Dub | Failure | Error:
    """A JSON message of the server. Raises Misbehaved for anything else."""
    kinds: dict[str, type[Ready | Dub | Failure | Error]] = {
        "ready": Ready,
        "dub": Dub,
        "failure": Failure,
        "error": Error,
    }
    if isinstance(text, bytes):
        raise Misbehaved("it sent sound that it had not announced")
    try:
        content = json.loads(text)
        return kinds[content["type"]].model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "content"
        raise Misbehaved(f"its answer can't be true: {where}: {first['msg']}") from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Misbehaved(f"its answer is not understood: {type(error).__name__}") from None


def sound_of(dub: Dub, message: str | bytes) -> bytes:
    """The PCM that follows a dub. Raises Misbehaved where it is not what was announced."""
    if isinstance(message, str):
        raise Misbehaved("it announced sound and sent text")
    if len(message) != 2 * dub.samples:
        raise Misbehaved(f"it announced {2 * dub.samples} bytes of sound and sent {len(message)}")
    return message


def describe(error: Exception) -> str:
    """Why a host can't be reached, in a few words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionClosed):
        return "the connection broke off"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there (connection refused)"
    if isinstance(error, InvalidStatus) and error.response.status_code in (401, 403):
        return "it does not take our key: give it the same API_KEYS"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error) or type(error).__name__
