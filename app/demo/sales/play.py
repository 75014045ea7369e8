"""Plays the call into sales, as sound in real time or as text, and follows what comes out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import httpx
from pydantic import TypeAdapter
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from app.demo.sales.script import Placed
from app.sales.messages import Call, Channel, Event

BLOCK_SECONDS = 0.1
TEXT_PACE = 0.1
FLUSH_WITHIN = 30.0
EVENT: TypeAdapter[Event] = TypeAdapter(Event)

OnEvent = Callable[[Event, float], None]


class PlayError(RuntimeError):
    """Sales broke the call off. The message says what it said."""


class Clock:
    """The time in the call, in seconds, which sound sets by its own pace and text by what it says."""

    def __init__(self) -> None:
        self._set_at = time.monotonic()
        self._time = 0.0

    def set(self, seconds: float) -> None:
        """It is now this time in the call."""
        self._set_at, self._time = time.monotonic(), seconds

    @property
    def now(self) -> float:
        """The time in the call."""
        return self._time + time.monotonic() - self._set_at


class Player:
    """One call; `on_event` gets each event and its time of arrival in the call."""

    def __init__(
        self, address: str, title: str, on_event: OnEvent, headers: Mapping[str, str] | None = None
    ) -> None:
        self._http = httpx.AsyncClient(base_url=address, headers=headers, trust_env=False, timeout=30.0)
        self._headers = headers
        self._sockets = address.replace("http", "ws", 1)
        self._title = title
        self._on_event = on_event
        self._clock = Clock()
        self._shift = 0.0

    async def play_sound(self, tracks: Mapping[Channel, bytes], rate: int) -> Call:
        """Plays each channel's sound (int16) at its own pace. Raises PlayError."""
        call = await self._new(list(tracks))
        begun = time.monotonic()
        started = asyncio.Event()

        async def channel(name: Channel, sound: bytes) -> None:
            address = f"{self._sockets}/calls/{call.id}/audio?channel={name}&format=int16&rate={rate}"
            async with connect(
                address, proxy=None, compression=None, additional_headers=self._headers
            ) as socket:
                if not started.is_set():
                    started.set()
                    self._shift = time.monotonic() - begun
                    self._clock.set(0.0)
                await self._pace(socket.send, sound, rate)
                await socket.send("END_OF_AUDIO")
                with suppress(ConnectionClosed):
                    async with asyncio.timeout(FLUSH_WITHIN):
                        await socket.recv()
                if socket.close_code != 1000:
                    raise PlayError(
                        socket.close_reason or f"the sound's connection ended ({socket.close_code})"
                    )

        return await self._followed(call, [channel(name, sound) for name, sound in tracks.items()])

    async def play_text(self, placed: Sequence[Placed], channels: list[Channel]) -> Call:
        """Says the lines as text, one right after the other. Raises PlayError."""
        call = await self._new(channels)

        async def lines() -> None:
            for each in placed:
                self._clock.set(each.end)
                await self._post(
                    f"/calls/{call.id}/text",
                    {
                        "channel": each.line.channel,
                        "start": each.start,
                        "end": each.end,
                        "text": each.line.text,
                    },
                )
                await asyncio.sleep(TEXT_PACE)

        return await self._followed(call, [lines()])

    async def close(self) -> None:
        """Closes its connections."""
        await self._http.aclose()

    async def _pace(self, send: Callable[[bytes], object], sound: bytes, rate: int) -> None:
        size = int(rate * BLOCK_SECONDS) * 2
        for start in range(0, len(sound), size):
            # Sound exists once it has been said: a block is due at its end.
            wait = (start + size) / (2 * rate) - self._clock.now
            if wait > 0:
                await asyncio.sleep(wait)
            await send(sound[start : start + size])  # type: ignore[misc]

    async def _followed(self, call: Call, doing: Sequence[object]) -> Call:
        following = asyncio.create_task(self._follow(call.id))
        try:
            async with asyncio.TaskGroup() as group:
                for each in doing:
                    group.create_task(each)  # type: ignore[arg-type]
            ended = Call.model_validate(await self._post(f"/calls/{call.id}/end", None))
            async with asyncio.timeout(FLUSH_WITHIN):
                await following
            return ended
        except* PlayError as errors:
            raise errors.exceptions[0] from None
        except* (OSError, httpx.HTTPError, ConnectionClosed) as errors:
            raise PlayError(f"sales broke off: {errors.exceptions[0]}") from None
        finally:
            following.cancel()

    async def _follow(self, id: str) -> None:
        async with connect(
            f"{self._sockets}/calls/{id}/events", proxy=None, additional_headers=self._headers
        ) as socket:
            with suppress(ConnectionClosed):
                async for message in socket:
                    event = EVENT.validate_json(message)
                    if event.type != "state":
                        event.start -= self._shift
                        event.end -= self._shift
                    self._on_event(event, self._clock.now)

    async def _new(self, channels: list[Channel]) -> Call:
        return Call.model_validate(await self._post("/calls", {"title": self._title, "channels": channels}))

    async def _post(self, path: str, document: object) -> object:
        try:
            answer = await self._http.post(path, json=document)
        except httpx.HTTPError as error:
            raise PlayError(f"sales cannot be reached: {error}") from None
        if answer.is_error:
            raise PlayError(f"sales answered {answer.status_code}: {answer.text[:200]}")
        return answer.json()
