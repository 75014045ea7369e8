"""Sales: listens to calls through `live` and tells the objections in them as they happen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

from app.access.gate import Gate, ask_for_keys, own_key
from app.llm.configured import configured
from app.sales import api, sockets, writing
from app.sales.buffer import Buffer
from app.sales.call import LiveCall
from app.sales.calls import Calls
from app.sales.found import Found
from app.sales.kept import Kept
from app.sales.listener import Live
from app.sales.messages import Segment
from app.sales.metrics import Metrics
from app.sales.model_engine import ModelEngine
from app.sales.rule_engine import RuleEngine
from app.service import Check, create_app, meanwhile
from app.serving.limit import BodyLimit
from app.settings import Settings

HEALTH_WITHIN = 0.6


def create(settings: Settings) -> FastAPI:
    """The application of sales."""
    metrics = Metrics()
    rules = RuleEngine()

    model = configured(settings)
    # With `auto` the rules look at once and the model adds what they missed; with `llm` it decides alone.
    alone = settings.objection_engine == "llm"

    def on_new(call: LiveCall) -> None:
        metrics.watch(call)
        if model is not None and settings.objection_engine != "rules":
            buffer = Buffer(
                settings.buffer_time_threshold, settings.buffer_min_segments, settings.buffer_min_chars
            )
            ModelEngine(model, call, buffer, rules.look if alone else nothing)

    kept = Kept(settings.data_dir / "calls", settings.calls_kept_days)
    calls = Calls(live_of(settings), nothing if alone else rules.look, on_new, kept)
    metrics.calls = calls
    metrics.model = model
    client = httpx.AsyncClient(trust_env=False, timeout=HEALTH_WITHIN)

    async def live_answers() -> Check:
        await client.get(f"{settings.live_address.replace('ws', 'http', 1)}/health")
        return Check(True, "live answers")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await calls.restore()
        try:
            async with meanwhile(calls.end_forgotten()):
                yield
        finally:
            await calls.close()
            await client.aclose()
            if model is not None:
                await model.close()

    app = create_app(
        "sales",
        settings,
        lifespan=lifespan,
        checks={"live": live_answers, "calls": kept.check},
        registry=metrics.registry,
        details=lambda: {"llm": {"configured": model is not None}},
        drain=calls.drain,
    )
    app.add_middleware(BodyLimit)
    ask_for_keys(app, Gate(settings, "sales", closed_by_api_keys=False))
    api.install(app, calls)
    app.include_router(writing.router(calls, model))
    sockets.install(app, calls)
    return app


def nothing(_: Sequence[Segment]) -> Sequence[Found]:
    """No objections: where another engine looks."""
    return ()


def live_of(settings: Settings) -> Live:
    """Where `live` is and how it is asked."""
    return Live(
        address=settings.live_address,
        model=settings.whisper_model,
        first_wait=settings.reconnect_delay,
        longest_wait=settings.max_reconnect_delay,
        key=lambda: own_key(settings),
    )
