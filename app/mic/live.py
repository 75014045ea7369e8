"""A client of live transcription, in WhisperLive's protocol."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

END = "END_OF_AUDIO"
OPEN_WITHIN = 5.0
LAST_WORDS_WITHIN = 60.0


class LiveProblem(RuntimeError):
    """The service can't be used. The message says why, and what to do."""


@dataclass(frozen=True)
class Words:
    """Words in the sound, with their time in seconds; those that are not final may still change."""

    start: float
    end: float
    text: str
    final: bool


class Reader:
    """Reads the messages of a connection; gives every final segment once."""

    def __init__(self) -> None:
        self._until = 0.0

    def read(self, segments: list[dict[str, Any]]) -> list[Words]:
        """What is new: final words in order, then those that may still change."""
        found = []
        for each in segments:
            words = Words(
                float(each["start"]), float(each["end"]), each["text"].strip(), bool(each["completed"])
            )
            if not words.final:
                found.append(words)
            elif words.end > self._until + 0.01:
                self._until = words.end
                found.append(words)
        return found


def greeting(language: str, model: str) -> str:
    """The first message of a connection."""
    return json.dumps(
        {
            "uid": uuid.uuid4().hex,
            "language": language,
            "task": "transcribe",
            "model": model or "small",
            "use_vad": True,
            "audio_format": "int16",
        }
    )


def problem_in(message: dict[str, Any]) -> str:
    """Why the service can't serve us, in words; empty where it can."""
    said = str(message.get("message", ""))
    if message.get("status") == "WAIT":
        return f"live has no free place now; try again in about {said} min (LIVE_MAX_CLIENTS allows more)"
    if message.get("status") == "ERROR":
        return f"live says: {said}"
    if said == "DISCONNECT":
        return "the longest time of a connection is over (LIVE_MAX_CONNECTION_TIME)"
    return ""


async def transcribe(
    address: str,
    key: str,
    hello: str,
    sound: AsyncIterable[bytes],
    on_words: Callable[[list[Words]], None],
) -> None:
    """Sends sound until it ends, and tells words until the last have come. Raises LiveProblem."""
    headers = {"Authorization": f"Bearer {key}"} if key else None
    try:
        async with connect(
            address, additional_headers=headers, open_timeout=OPEN_WITHIN, compression=None, proxy=None
        ) as connection:
            await connection.send(hello)
            await converse(connection, sound, on_words)
    except InvalidStatus as error:
        hint = "set API_KEYS as live has it" if error.response.status_code in (401, 403) else "see its log"
        raise LiveProblem(f"live at {address} answers {error.response.status_code}: {hint}") from None
    except (OSError, TimeoutError, WebSocketException) as error:
        start = '`make run ARGS="--services live"` starts it'
        raise LiveProblem(f"live can't be reached at {address} ({error}); {start}") from None


async def converse(
    connection: ClientConnection, sound: AsyncIterable[bytes], on_words: Callable[[list[Words]], None]
) -> None:
    """Both directions of a connection that has been greeted."""
    ready, reader = asyncio.Event(), Reader()

    async def listen() -> None:
        async for text in connection:
            message = json.loads(text)
            problem = problem_in(message)
            if problem:
                raise LiveProblem(problem)
            if message.get("message") == "SERVER_READY":
                ready.set()
            if "segments" in message:
                on_words(reader.read(message["segments"]))

    async def speak() -> None:
        await ready.wait()
        async for piece in sound:
            await connection.send(piece)
        await connection.send(END)

    listening, speaking = asyncio.create_task(listen()), asyncio.create_task(speak())
    try:
        await asyncio.wait((listening, speaking), return_when=asyncio.FIRST_COMPLETED)
        if listening.done():
            listening.result()
            raise LiveProblem("live ended the connection before the sound was over; see its log")
        speaking.result()
        async with asyncio.timeout(LAST_WORDS_WITHIN):
            await listening
    except ConnectionClosed as error:
        raise LiveProblem(f"the connection to live was lost ({error})") from None
    except TimeoutError:
        raise LiveProblem(f"the last words did not come within {LAST_WORDS_WITHIN:g} s") from None
    finally:
        for task in (listening, speaking):
            task.cancel()
        await asyncio.gather(listening, speaking, return_exceptions=True)
