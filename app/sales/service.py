"""Sales: listens to calls through `live` and tells the objections in them as they happen."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

from app.sales import api, sockets
from app.sales.call import LiveCall
from app.sales.calls import Calls
from app.sales.listener import Live
from app.sales.metrics import Metrics
from app.sales.rule_engine import RuleEngine
from app.service import Check, create_app
from app.settings import Settings

HEALTH_WITHIN = 0.6


def create(settings: Settings) -> FastAPI:
    """The application of sales."""
    metrics = Metrics()
    rules = RuleEngine()

    def on_new(call: LiveCall) -> None:
        metrics.watch(call)

    calls = Calls(live_of(settings), rules.look, on_new)
    metrics.calls = calls
    client = httpx.AsyncClient(trust_env=False, timeout=HEALTH_WITHIN)

    async def live_answers() -> Check:
        await client.get(f"{settings.live_address.replace('ws', 'http', 1)}/health")
        return Check(True, "live answers")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        forgotten = asyncio.create_task(calls.end_forgotten(), name="forgotten calls")
        try:
            yield
        finally:
            forgotten.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await forgotten
            await calls.close()
            await client.aclose()

    app = create_app("sales", lifespan=lifespan, checks={"live": live_answers}, registry=metrics.registry)
    api.install(app, calls)
    sockets.install(app, calls)
    return app


def live_of(settings: Settings) -> Live:
    """Where `live` is and how it is asked."""
    key = settings.api_keys[0].get_secret_value() if settings.api_keys else ""
    return Live(
        address=settings.live_address,
        model=settings.whisper_model,
        first_wait=settings.reconnect_delay,
        longest_wait=settings.max_reconnect_delay,
        key=key,
    )
