"""Sales' WebSockets: a channel's sound in, a call's events out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import get_args

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from starlette.websockets import WebSocketState

from app.sales.api import MAX_LISTENERS, number
from app.sales.calls import Calls, Conflict, Unknown
from app.sales.listener import Listener
from app.sales.messages import Event
from app.sales.resample import Resampler
from app.sales.sound import RATE, BadSound, Format, decode
from app.serving import asyncapi
from app.serving.asyncapi import Binary, Channel, Word

END = "END_OF_AUDIO"
RATES = (8_000, 48_000)
MAX_FRAME = 256 * 1024
UNSUPPORTED = 1003
POLICY_VIOLATION = 1008
TOO_BIG = 1009
TRY_AGAIN_LATER = 1013


CHANNELS = (
    Channel(
        "/calls/{id}/audio",
        "The sound of `channel` in `format` (int16, float32) at `rate` Hz; closed after the last words.",
        takes=(
            Binary("Sound", f"Mono sound in that format, {MAX_FRAME} bytes at most."),
            Word(END, "No more sound comes."),
        ),
    ),
    Channel(
        "/calls/{id}/events",
        "What happens in a call: its state, what was kept after the number `since`, then what comes.",
        tells=get_args(Event),
    ),
)


def install(app: FastAPI, calls: Calls) -> None:
    """Adds the WebSockets to the application."""
    asyncapi.install(app, "sales", lambda: CHANNELS)

    @app.websocket("/calls/{id}/audio")
    async def audio(
        socket: WebSocket, id: str, channel: str = "call", format: str = "int16", rate: str = str(RATE)
    ) -> None:
        """Binary frames of sound; END_OF_AUDIO ends it; the socket closes after the last words."""
        await socket.accept()
        problem = problem_with(format, rate)
        if problem:
            await close(socket, POLICY_VIOLATION, problem)
            return
        try:
            listener = calls.open(id, channel)
        except (Unknown, Conflict) as error:
            await close(socket, POLICY_VIOLATION, str(error))
            return
        form: Format = "int16" if format == "int16" else "float32"
        try:
            ended = await receive(socket, listener, form, Resampler(int(rate), RATE))
        finally:
            # What it sent is still heard, and its sender may come back: as another source.
            listener.end()
        if ended:
            await calls.finish(id, channel, listener)
            await close(socket, 1000, "")

    @app.websocket("/calls/{id}/events")
    async def events(socket: WebSocket, id: str, since: str = "0") -> None:
        """The events of the call as text messages: its state, those kept after `since`, then what happens."""
        await socket.accept()
        try:
            call = calls.get(id)
        except Unknown as error:
            await close(socket, POLICY_VIOLATION, str(error))
            return
        if call.log.listeners >= MAX_LISTENERS:
            await close(socket, TRY_AGAIN_LATER, f"{MAX_LISTENERS} listeners follow this call already")
            return

        async def tell() -> None:
            async for entry in call.log.follow(number(since), call.state_event()):
                await socket.send_text(entry.data)

        call.log.listeners += 1
        try:
            await first_of(tell(), until_gone(socket))
        finally:
            call.log.listeners -= 1
        await close(socket, 1000, "")


def problem_with(format: str, rate: str) -> str:
    """What is wrong with the announced sound, in words; empty where nothing is."""
    if format not in ("int16", "float32"):
        return f"format is int16 or float32, not {format[:20]!r}"
    if not (rate.isascii() and rate.isdigit() and len(rate) < 7 and RATES[0] <= int(rate) <= RATES[1]):
        return f"rate is {RATES[0]} to {RATES[1]} samples a second, not {rate[:20]!r}"
    return ""


async def receive(socket: WebSocket, listener: Listener, form: Format, resampler: Resampler) -> bool:
    """Takes sound in until it ends (True) or its sender is gone or sends something else (False)."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return False
        frame = message.get("bytes")
        text = message.get("text")
        if text == END or frame == END.encode():
            return True
        if frame is None:
            await close(socket, UNSUPPORTED, f"sound comes in binary frames; the only text is {END}")
            return False
        if len(frame) > MAX_FRAME:
            await close(socket, TOO_BIG, f"a frame is larger than {MAX_FRAME} bytes")
            return False
        if listener.has_ended:
            await close(socket, 1000, "the call is over")
            return False
        try:
            listener.feed(resampler(decode(frame, form)))
        except BadSound as error:
            await close(socket, UNSUPPORTED, str(error))
            return False


async def until_gone(socket: WebSocket) -> None:
    """Waits until the other side goes; whatever it says is ignored."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def first_of(*doings: Awaitable[None]) -> None:
    """Ends all of them when the first one ends."""
    tasks = [asyncio.ensure_future(doing) for doing in doings]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        error = task.exception() if not task.cancelled() else None
        if error is not None and not isinstance(error, (WebSocketDisconnect, RuntimeError)):
            raise error


async def close(socket: WebSocket, code: int, reason: str) -> None:
    """Closes the socket; one that is gone already is left alone."""
    if socket.application_state is WebSocketState.CONNECTED:
        try:
            await socket.close(code, reason.encode()[:120].decode(errors="ignore"))
        except (RuntimeError, WebSocketDisconnect):
            return
