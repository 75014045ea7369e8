"""A client of sales: sound into a call, its words and objections out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterable, Callable, Mapping
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

END = "END_OF_AUDIO"
OPEN_WITHIN = 5.0
ENDED_WITHIN = 60.0

Event = dict[str, Any]


class SalesProblem(RuntimeError):
    """The service can't be used. The message says why, and what to do."""


async def converse(
    address: str,
    language: str,
    sound: AsyncIterable[bytes],
    on_event: Callable[[Event], None],
    headers: Mapping[str, str],
) -> None:
    """Opens a call of one channel, sends it sound, tells its events, and ends it. Raises SalesProblem."""
    try:
        async with httpx.AsyncClient(
            base_url=address, trust_env=False, timeout=30.0, headers=dict(headers)
        ) as client:
            call = await new_call(client, language)
            sockets = address.replace("http", "ws", 1) + f"/calls/{call}"
            async with connect(
                f"{sockets}/events", proxy=None, open_timeout=OPEN_WITHIN, additional_headers=headers
            ) as events:
                telling = asyncio.create_task(tell(events, on_event))
                try:
                    await first_of(
                        speak(f"{sockets}/audio?channel=call&format=int16&rate=16000", sound, headers),
                        telling,
                    )
                    await client.post(f"/calls/{call}/end")
                    async with asyncio.timeout(ENDED_WITHIN):
                        await telling
                finally:
                    telling.cancel()
                    await asyncio.gather(telling, return_exceptions=True)
    except (OSError, TimeoutError, httpx.HTTPError, WebSocketException) as error:
        start = '`make run ARGS="--services sales"` starts it'
        raise SalesProblem(f"sales can't be reached at {address} ({error}); {start}") from None


async def new_call(client: httpx.AsyncClient, language: str) -> str:
    """The id of a new call. Raises SalesProblem where sales refuses one."""
    asked = {"title": "Microphone", "language": language, "channels": ["call"]}
    answer = await client.post("/calls", json=asked)
    if answer.status_code != 201:
        raise SalesProblem(f"sales takes no call: {answer.json().get('detail', answer.status_code)}")
    return str(answer.json()["id"])


async def speak(address: str, sound: AsyncIterable[bytes], headers: Mapping[str, str]) -> None:
    """Sends the sound; waits until its last words are there and sales closes."""
    async with connect(
        address, proxy=None, open_timeout=OPEN_WITHIN, compression=None, additional_headers=headers
    ) as connection:
        async for piece in sound:
            await connection.send(piece)
        await connection.send(END)
        async with asyncio.timeout(ENDED_WITHIN):
            await connection.wait_closed()


async def tell(events: AsyncIterable[str | bytes], on_event: Callable[[Event], None]) -> None:
    """Tells every event until the call is over."""
    async for text in events:
        event: Event = json.loads(text)
        on_event(event)
        if event["type"] == "state" and event["state"] == "ended":
            return


async def first_of(speaking: Any, telling: asyncio.Task[None]) -> None:
    """Speaks until that is done, or until the call is over."""
    task = asyncio.create_task(speaking)
    try:
        await asyncio.wait((task, telling), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
