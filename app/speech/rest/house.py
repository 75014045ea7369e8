"""What asr and tts have in common: the engine's life, the door, models, metrics, /health."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, Generic

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter, Gauge

from app.access.gate import Gate
from app.service import Readiness, create_app, meanwhile
from app.settings import Settings
from app.speech.lifecycle import E, Lifecycle
from app.speech.rest import errors
from app.speech.rest.bounds import Bounds
from app.speech.rest.door import Keys, Turnstile
from app.speech.rest.models import Models
from app.speech.rest.worker import Worker

MOST_AT_WORK = 2
"""Requests at work at once: engines use all cores for one, and each more holds a decoder's memory."""

Beside = Callable[[], AbstractAsyncContextManager[None]]


class House(Generic[E]):
    """One REST speech service around one engine."""

    def __init__(
        self, name: str, settings: Settings, new: Callable[[], E], model: str, aliases: Sequence[str]
    ) -> None:
        self.name = name
        self.settings = settings
        self.lifecycle: Lifecycle[E] = Lifecycle(new, settings.model_ttl)
        running = min(MOST_AT_WORK, os.cpu_count() or 1)
        self.turnstile = Turnstile(running, settings.max_waiting)
        self.worker = Worker(self.lifecycle, self.turnstile, running)
        self.models = Models(model, self.lifecycle.engine.name, aliases, int(time.time()))
        self.readiness = Readiness()
        self.registry = CollectorRegistry()
        self.requests = Counter(
            f"{name}_requests", "Requests by outcome.", ["outcome"], registry=self.registry
        )
        gauges: Mapping[str, tuple[str, Callable[[], float]]] = {
            "requests_inside": ("Requests that run or wait.", lambda: self.turnstile.inside),
            "requests_running": ("Requests at work.", lambda: self.turnstile.running),
            "model_loaded": ("1 while the model is loaded.", lambda: self.lifecycle.loaded),
            "model_memory_mb": ("Memory that the model holds.", lambda: self.lifecycle.memory_mb),
        }
        for gauge, (about, value) in gauges.items():
            Gauge(f"{name}_{gauge}", about, registry=self.registry).set_function(value)

    def app(self, beside: Beside | None = None, uploads: Collection[str] = ()) -> FastAPI:
        """The application, with errors, keys and /v1/models; `beside` runs as long as it does.

        The paths in `uploads` read their bodies themselves.
        """

        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            async with self.lifecycle.kept():
                try:
                    async with meanwhile(self._start()), beside() if beside else nullcontext():
                        yield
                finally:
                    await self.worker.close()

        app = create_app(
            self.name,
            self.settings,
            lifespan=lifespan,
            readiness=self.readiness,
            registry=self.registry,
            details=self.details,
        )
        errors.install(app)
        app.add_middleware(Bounds, deadline=self.settings.request_deadline, uploads=uploads)
        app.add_middleware(Keys, gate=Gate(self.settings, "speech"))

        @app.get("/v1/models")
        async def models() -> dict[str, Any]:
            """The models, whether they are loaded, and the memory they hold."""
            return self.models.listing(self.lifecycle)

        @app.get("/v1/models/{model}", responses=errors.DOCUMENTED)
        async def model(model: str) -> dict[str, Any]:
            """One model."""
            return self.models.one(model, self.lifecycle)

        return app

    async def _start(self) -> None:
        if not self.lifecycle.eager:
            self.readiness.ready, self.readiness.detail = True, ""
            return
        self.readiness.detail = "loading the model"
        await self.readiness.after(self.lifecycle.load(), "the model")

    def details(self) -> Mapping[str, Any]:
        """What /health tells beside the common fields."""
        return {
            "engine": self.lifecycle.engine.name,
            "device": self.lifecycle.engine.device,
            "model": self.models.name,
            "loaded": self.lifecycle.loaded,
            "requests": self.turnstile.inside,
        }

    async def counted(self, doing: Awaitable[Any]) -> Any:
        """Awaits a request's work and counts how it ended."""
        try:
            result = await doing
        except Exception as error:
            self.requests.labels(errors.told(error).code).inc()
            raise
        self.requests.labels("ok").inc()
        return result
