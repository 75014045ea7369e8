"""A service that is told to stop finishes what it has accepted while it still serves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn

from app.service import DrainingServer, create_app
from app.settings import load
from tests.stack import free_port


@asynccontextmanager
async def serving(drain_takes: asyncio.Event, said: list[str], grace: float) -> AsyncIterator[DrainingServer]:
    """A service whose drain ends when `drain_takes` is set; it says what happens to it."""

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        yield
        said.append("ended")

    async def drain() -> None:
        said.append("draining")
        await drain_takes.wait()
        said.append("drained")

    app = create_app("sts", load({}), lifespan=lifespan, drain=drain)
    server = DrainingServer(uvicorn.Config(app, port=free_port(), log_config=None), grace)
    task = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(20):
            while not server.started:
                await asyncio.sleep(0.01)
            yield server
    finally:
        server.force_exit = server.should_exit = True
        await task


async def healthy(server: DrainingServer) -> int:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"http://127.0.0.1:{server.config.port}/health")).status_code


async def until(said: list[str], word: str) -> None:
    while word not in said:
        await asyncio.sleep(0.01)


def test_what_was_accepted_is_finished_before_anything_closes() -> None:
    async def play() -> None:
        said: list[str] = []
        drained = asyncio.Event()
        async with serving(drained, said, 60.0) as server:
            server.should_exit = True
            await until(said, "draining")
            assert await healthy(server) == 200
            drained.set()
            await until(said, "ended")
            assert said == ["draining", "drained", "ended"]
            with pytest.raises(httpx.ConnectError):
                await healthy(server)

    asyncio.run(play())


@pytest.mark.parametrize(("grace", "forced"), [(4.2, False), (60.0, True)])
def test_a_drain_that_does_not_end_is_given_up_in_time_or_on_demand(grace: float, forced: bool) -> None:
    async def play() -> None:
        said: list[str] = []
        async with serving(asyncio.Event(), said, grace) as server:
            server.should_exit = True
            await until(said, "draining")
            server.force_exit = forced
            while not server.config.loaded or server.servers[0].is_serving():
                await asyncio.sleep(0.01)
            assert "drained" not in said

    asyncio.run(play())
