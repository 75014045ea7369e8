"""What all services share: the FastAPI factory with /health and /metrics, logs, and a clean stop."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from uvicorn.config import STARTUP_FAILURE

from app import __version__, catalog
from app.native.guard import PRIVATE
from app.serving import guarding
from app.serving.connections import PatientHttp, PatientSocket, raise_descriptors
from app.serving.hiding import hide_credentials as hide_credentials
from app.serving.hiding import hide_in_event
from app.serving.rate import RateLimit, Rates
from app.settings import Settings, load

log = structlog.get_logger(__name__)

CHECK_TIMEOUT = 0.7
CLOSING = 2  # seconds of the grace period that are left for closing
FORCED_WITHIN = 0.2
# asyncio takes so many connections before the first of them can make room for the last: with more, a burst
# uses up the descriptors. Those that the system keeps meanwhile are another matter.
ACCEPTED_AT_ONCE = 16
KEPT_WAITING = 1024


@dataclass(frozen=True)
class Check:
    """Whether something a service depends on is reachable, and what to tell people about it."""

    ok: bool
    detail: str = ""


# None: that dependency is not in use here, and is not told of.
Checker = Callable[[], Awaitable[Check | None]]
Drain = Callable[[], Awaitable[None]]
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class Readiness:
    """Whether a service has finished starting; /health answers 503 until it has."""

    def __init__(self) -> None:
        self.ready = False
        self.detail = "starting"

    async def after(self, loading: Awaitable[None], what: str) -> bool:
        """Whether the service is ready now that this is loaded; /health and the log say why it is not."""
        try:
            await loading
        except Exception as error:
            self.detail = hide_credentials(str(error))
            log.error(f"{what} can't be loaded", error=self.detail)
            return False
        self.ready, self.detail = True, ""
        return True


@asynccontextmanager
async def meanwhile(work: Coroutine[Any, Any, Any]) -> AsyncIterator[None]:
    """Does the work beside the block, and ends it with the block at the latest."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def create_app(
    name: str,
    settings: Settings,
    *,
    lifespan: Lifespan | None = None,
    checks: Mapping[str, Checker] | Callable[[], Mapping[str, Checker]] | None = None,
    readiness: Readiness | None = None,
    registry: CollectorRegistry | None = None,
    details: Callable[[], Mapping[str, Any]] | None = None,
    drain: Drain | None = None,
) -> FastAPI:
    """A FastAPI application with GET /health and GET /metrics, for nobody but its own hosts and pages.

    /health answers within 1 s: 200 with status "ok" or "degraded" (something in `checks` is out of
    reach), 503 with "starting" until `readiness.ready`. `details` adds fields of the service's own.
    Where `checks` are a function, they may be others each time.
    `drain` finishes what was accepted, after SIGTERM and before any connection is closed.
    """
    service = catalog.get(name)

    @asynccontextmanager
    async def no_lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    app = FastAPI(
        title=f"Voicestack {name}",
        description=service.title,
        version=__version__,
        lifespan=lifespan or no_lifespan,
    )

    app.add_middleware(guarding.Guard, hosts=guarding.hosts(settings), origins=settings.allowed_origins)
    app.add_middleware(RateLimit, rates=Rates())
    app.state.drain = drain

    @app.get("/health")
    async def health(response: Response) -> dict[str, Any]:
        """Status, version, and what the service depends on."""
        results = await run_checks((checks() if callable(checks) else checks) or {})
        if readiness is not None and not readiness.ready:
            status, response.status_code = "starting", 503
        elif all(check.ok for check in results.values()):
            status = "ok"
        else:
            status = "degraded"
        return {
            "service": name,
            "status": status,
            "version": __version__,
            "detail": readiness.detail if readiness is not None else "",
            "depends_on": {
                key: {"reachable": check.ok, "detail": check.detail} for key, check in results.items()
            },
            **(details() if details else {}),
        }

    @app.get("/metrics")
    async def metrics() -> Response:
        """Metrics in Prometheus text format."""
        content = generate_latest(registry) if registry is not None else b""
        return Response(content, media_type=CONTENT_TYPE_LATEST)

    return app


async def run_checks(checks: Mapping[str, Checker]) -> dict[str, Check]:
    """Runs all checks at once; one that takes longer than 0.7 s or raises counts as out of reach."""

    async def one(checker: Checker) -> Check | None:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT):
                return await checker()
        except TimeoutError:
            return Check(False, "no answer in time")
        except Exception as error:
            return Check(False, hide_credentials(str(error) or type(error).__name__))

    results = await asyncio.gather(*(one(checker) for checker in checks.values()))
    found = zip(checks, results, strict=True)
    return {name: check for name, check in found if check is not None}


def configure_logging(level: str, style: str) -> None:
    """Sends structlog's and the standard library's logs to stderr, as plain lines or JSON."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso" if style == "json" else "%H:%M:%S", utc=style == "json"),
        structlog.processors.format_exc_info,
        hide_in_event,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("uvicorn.access", "asyncio", "httpx", "httpcore", "websockets"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    logging.getLogger("uvicorn.error").addFilter(is_worth_telling)


def is_worth_telling(record: logging.LogRecord) -> bool:
    """All but the error that uvicorn logs of each WebSocket that is refused with a status (without a key)."""
    return record.msg != "ASGI callable returned without completing handshake."


def serve(name: str, settings: Settings, *, reload: bool = False) -> None:
    """Runs a service in this process until SIGTERM or SIGINT, then drains within its grace period.

    With `reload`, a process of its own runs it, started anew whenever the code of `app` changes.
    """
    service = catalog.get(name)
    if service.module is None:
        raise catalog.UnknownService(f"{name} is not a Python service; `python -m app run` starts it")
    configure_logging(settings.log_level, settings.log_format)
    raise_descriptors()
    os.umask(PRIVATE)
    if reload:
        os.environ["SERVICE_MODE"] = name
        uvicorn.run(
            "app.service:from_environment",
            factory=True,
            reload=True,
            reload_dirs=[str(Path(__file__).parent)],
            **how_to_serve(service, settings),
        )
        return
    options = how_to_serve(service, settings) | {"backlog": ACCEPTED_AT_ONCE}
    server = DrainingServer(uvicorn.Config(create(name, settings), **options), service.grace)
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(STARTUP_FAILURE)


def how_to_serve(service: catalog.Service, settings: Settings) -> dict[str, Any]:
    """uvicorn's options for a service."""
    return {
        "host": settings.bind_address,
        "port": getattr(settings, service.port("http").setting),
        "log_config": None,
        "timeout_graceful_shutdown": max(1, int(service.grace) - CLOSING),
        "ws_ping_interval": 5.0,
        "ws_ping_timeout": 5.0,
        "ws_max_size": 1 << 20,
        "http": PatientHttp,
        "ws": PatientSocket,
    }


class DrainingServer(uvicorn.Server):
    """Serves on while the application's `drain` finishes what was accepted, and stops then.

    `grace` is the time in seconds from SIGTERM to SIGKILL; a second Ctrl-C does not wait for the drain.
    """

    def __init__(self, config: uvicorn.Config, grace: float) -> None:
        super().__init__(config)
        self._grace = grace

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts as uvicorn does; the system keeps more connections waiting than are taken at once."""
        await super().startup(sockets)
        for listener in (each for server in self.servers for each in server.sockets):
            with socket.fromfd(listener.fileno(), listener.family, listener.type) as same:
                same.listen(KEPT_WAITING)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drains, then stops as uvicorn does."""
        drain: Drain | None = self.config.app.state.drain  # type: ignore[union-attr]
        if drain is not None:
            began = time.monotonic()
            until = began + self._grace - 2 * CLOSING
            draining = asyncio.ensure_future(drain())
            while not draining.done() and not self.force_exit and (left := until - time.monotonic()) > 0:
                await asyncio.wait([draining], timeout=min(left, FORCED_WITHIN))
            draining.cancel()
            used = time.monotonic() - began
            self.config.timeout_graceful_shutdown = max(1, int(self._grace - used) - CLOSING)
        await super().shutdown(sockets)


def create(name: str, settings: Settings) -> FastAPI:
    """A service's application, from its own module."""
    app: FastAPI = importlib.import_module(str(catalog.get(name).module)).create(settings)
    return app


def from_environment() -> FastAPI:
    """The application of the service that SERVICE_MODE names, for a process that is started anew."""
    settings = load()
    configure_logging(settings.log_level, settings.log_format)
    return create(os.environ["SERVICE_MODE"], settings)
