"""Who is not read, or sends without pause, is not taken for dead; who is dead is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, WebSocket
from starlette.types import ASGIApp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.catalog import CATALOG
from app.service import configure_logging, how_to_serve
from app.serving.guarding import answer
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

    async with served(app) as address, connect(address, proxy=None) as socket:
        yield socket


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """Serves it for WITHIN seconds at most; the address of its WebSocket."""
    pings: dict[str, Any] = {
        "ws": Counted,
        "ws_ping_interval": 0.02,
        "ws_ping_timeout": 0.02,
        "log_config": None,
        "log_level": "info",
    }
    server = uvicorn.Server(uvicorn.Config(app, port=free_port(), **pings))
    task = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(WITHIN):
            while not server.started:
                await asyncio.sleep(0.01)
            yield f"ws://127.0.0.1:{server.config.port}/"
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


def test_who_is_refused_is_told_why_and_it_is_no_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        async with served(answer(401, "no key")) as address:
            with pytest.raises(InvalidStatus) as refused:
                await connect(address, proxy=None)
        assert refused.value.response.status_code == 401

    configure_logging("info", "plain")
    # Whatever another test has made of it: uvicorn's own configuration keeps what it logs from going further.
    logger = logging.getLogger("uvicorn.error")
    logger.addHandler(caplog.handler)
    try:
        asyncio.run(play())
    finally:
        logger.removeHandler(caplog.handler)
    assert any("401" in record.getMessage() for record in caplog.records)
    assert {record.levelname for record in caplog.records} == {"INFO"}


def test_every_service_is_served_that_way() -> None:
    for service in CATALOG:
        if service.module is not None:
            assert issubclass(how_to_serve(service, load({}))["ws"], PatientWebSockets)
