"""Who is not read, or sends without pause, is not taken for dead; who is dead is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, WebSocket
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from app.catalog import CATALOG
from app.service import how_to_serve
from app.serving.keepalive import PatientWebSockets
from app.settings import load
from tests.stack import free_port

WITHIN = 20.0
ASKED = 3


class Counted(PatientWebSockets):
    """Counts the pongs that did not come in time."""

    late = 0

    def keepalive_timeout(self) -> None:
        Counted.late += 1
        super().keepalive_timeout()


async def late() -> None:
    """Waits until several pongs have not come in time."""
    while Counted.late < ASKED:
        await asyncio.sleep(0.01)


@asynccontextmanager
async def talking(read: asyncio.Event) -> AsyncIterator[ClientConnection]:
    """A client of a service that reads once `read` is set, and then says how many frames there were."""
    Counted.late = 0
    app = FastAPI()

    @app.websocket("/")
    async def listen(socket: WebSocket) -> None:
        await socket.accept()
        await read.wait()
        frames = 0
        while await socket.receive_bytes():
            frames += 1
        await socket.send_text(str(frames))

    pings: dict[str, Any] = {
        "ws": Counted,
        "ws_ping_interval": 0.02,
        "ws_ping_timeout": 0.02,
        "log_config": None,
    }
    server = uvicorn.Server(uvicorn.Config(app, port=free_port(), **pings))
    task = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(WITHIN):
            while not server.started:
                await asyncio.sleep(0.01)
            async with connect(f"ws://127.0.0.1:{server.config.port}/", proxy=None) as socket:
                yield socket
    finally:
        server.force_exit = server.should_exit = True
        await task


def test_who_is_not_read_for_long_is_still_there_afterwards() -> None:
    async def play() -> None:
        read = asyncio.Event()
        async with talking(read) as socket:
            for _ in range(4):
                await socket.send(b"sound")
            await late()
            read.set()
            await socket.send(b"")
            assert await socket.recv() == "4"

    asyncio.run(play())


def test_who_answers_nothing_any_more_is_closed() -> None:
    async def play() -> None:
        read = asyncio.Event()
        read.set()
        async with talking(read) as socket:
            socket.protocol.receive_data = lambda _: None  # type: ignore[method-assign,assignment]
            with pytest.raises(ConnectionClosed):
                await socket.recv()

    asyncio.run(play())


def test_every_service_is_served_that_way() -> None:
    for service in CATALOG:
        if service.module is not None:
            assert issubclass(how_to_serve(service, load({}))["ws"], PatientWebSockets)
