"""One speech host as a worker sees it: a WebSocket that is kept open, with backoff."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

import structlog
from pydantic import ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from app.protocol import Config, Dub, Error, Failure, Ready

FIRST_RETRY = 0.25
LONGEST_RETRY = 2.0
OPEN_TIMEOUT = 3.0
READY_TIMEOUT = 30.0
MOST_WAITING = 400
MAX_ANSWER_BYTES = 8 << 20

log = structlog.get_logger()

OnAnswer = Callable[["Host", Dub | Failure, bytes], None]
OnChange = Callable[["Host"], None]


class Refused(Exception):
    """The host answered the configuration with an error: what it said."""


class Host:
    """Keeps a configured session open at one address.

    `ready_since` is the monotonic time since when it could be used, or None; `problem` says in words
    why it can't. Sound and marks are queued, and a host that doesn't take them in is disconnected.
    """

    def __init__(self, address: str, config: Config, on_answer: OnAnswer, on_change: OnChange) -> None:
        self.address = address
        self.problem = "not connected yet"
        self.ready_since: float | None = None
        self._config = config
        self._on_answer = on_answer
        self._on_change = on_change
        self._outgoing: asyncio.Queue[str | bytes] = asyncio.Queue(MOST_WAITING)
        self._connection: ClientConnection | None = None
        self._rested_until = 0.0

    @property
    def usable(self) -> bool:
        """Whether a phrase can be sent to it now."""
        return self.ready_since is not None and time.monotonic() >= self._rested_until

    def send(self, message: str | bytes) -> None:
        """Queues a message; disconnects a host that has fallen behind."""
        try:
            self._outgoing.put_nowait(message)
        except asyncio.QueueFull:
            self.rest("it does not take in the sound fast enough", 5.0)

    def rest(self, problem: str, seconds: float) -> None:
        """Leaves the host alone for a while and starts a new session then."""
        self.problem = problem
        self._rested_until = time.monotonic() + seconds
        if self._connection is not None:
            self._connection.transport.abort()

    async def run(self) -> None:
        """Connects, and connects again, until cancelled."""
        delay = FIRST_RETRY
        while True:
            try:
                await self._session()
            except Refused as refused:
                self._down(str(refused))
                delay = LONGEST_RETRY
            except (OSError, TimeoutError, WebSocketException, ValueError) as error:
                self._down(describe(error))
            if self._connection is not None:
                self._connection, delay = None, FIRST_RETRY
            await asyncio.sleep(max(delay, self._rested_until - time.monotonic()))
            delay = min(delay * 2, LONGEST_RETRY)

    def _down(self, problem: str) -> None:
        was_ready = self.ready_since is not None
        self.ready_since = None
        if time.monotonic() >= self._rested_until:
            self.problem = problem
        if was_ready:
            log.warning("speech host lost", address=self.address, problem=self.problem)
        self._on_change(self)

    async def _session(self) -> None:
        async with connect(
            f"{self.address.rstrip('/')}/sts",
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
                raise ValueError("it answered out of turn")
            self._connection = connection
            while not self._outgoing.empty():
                self._outgoing.get_nowait()
            self.problem = ""
            self.ready_since = time.monotonic()
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
                answer = parse(await connection.recv())
                if isinstance(answer, Error):
                    raise Refused(answer.message)
                if isinstance(answer, Ready):
                    raise ValueError("it answered out of turn")
                sound = await connection.recv() if isinstance(answer, Dub) and answer.samples else b""
                if not isinstance(sound, bytes):
                    raise ValueError("it announced sound and sent text")
                self._on_answer(self, answer, sound)
        finally:
            sender.cancel()

    async def _send_all(self, connection: ClientConnection) -> None:
        while True:
            await connection.send(await self._outgoing.get())


def parse(text: str | bytes) -> Ready | Dub | Failure | Error:
    """A JSON message of the server. Raises ValueError for anything else."""
    kinds: dict[str, type[Ready | Dub | Failure | Error]] = {
        "ready": Ready,
        "dub": Dub,
        "failure": Failure,
        "error": Error,
    }
    if isinstance(text, bytes):
        raise ValueError("it sent sound that it had not announced")
    try:
        content = json.loads(text)
        return kinds[content["type"]].model_validate(content)
    except (json.JSONDecodeError, KeyError, TypeError, ValidationError) as error:
        raise ValueError(f"its answer is not understood: {type(error).__name__}") from None


def describe(error: Exception) -> str:
    """Why a host can't be reached, in a few words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionClosed):
        return "the connection broke off"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there (connection refused)"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error) or type(error).__name__
