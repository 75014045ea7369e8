"""The console: its pages, and every service that they need, all under one address and port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import FileResponse
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from app import cache
from app.service import Check, create_app
from app.settings import Settings
from app.web import pages, rooms
from app.web.guard import SecurityHeaders
from app.web.libraries import library
from app.web.login import routes as login
from app.web.login.door import Door, Login
from app.web.proxy import Proxy, problem
from app.web.sample_call import NotSpoken, SampleCall, can_speak
from app.web.sockets import Sockets
from app.web.upstreams import reaches, reaches_where_in_use, upstreams

STATIC = Path(__file__).parent / "static"
HLS_JS_VERSION = "1.6.7"
HLS_JS_MISSING = "hls.js is missing: run `make setup`"
GENERATED_PAGES = frozenset({"/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json"})
NO_LOGIN = (
    "the console asks for no login: whoever reaches it may change everything; "
    "`python -m app users add NAME --role operator` adds the first account"
)

log = structlog.get_logger(__name__)


def create(settings: Settings) -> FastAPI:
    """The application of the `web` service."""
    proxy, sockets, sample_call = Proxy(), Sockets(), SampleCall()
    door = Door(settings)
    behind = upstreams(settings, door)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if settings.oidc_issuer:
            # What the services ask each other by is signed with what lies there.
            await asyncio.to_thread(door.store.secret, "house")
        elif door.is_open and not settings.stays_here:
            log.warning(NO_LOGIN)
        async with proxy.client:
            yield

    async def has_player() -> Check:
        return Check(True) if hls_js().is_file() else Check(False, HLS_JS_MISSING)

    app = create_app(
        "web",
        settings,
        lifespan=lifespan,
        checks={
            "dubber": reaches(behind.dubber, "/health", proxy.client),
            "media": reaches(behind.media, "/", proxy.client),
            "live": reaches_where_in_use(behind.live, proxy.client, bool(settings.whisper_host)),
            "sales": reaches_where_in_use(behind.sales, proxy.client, bool(settings.sales_url)),
            "api": reaches_where_in_use(behind.archive, proxy.client, bool(settings.api_url)),
            "commentary": reaches_where_in_use(
                behind.commentary, proxy.client, bool(settings.commentary_url)
            ),
            "hls.js": has_player,
        },
    )
    # FastAPI's own pages load scripts from elsewhere, which the security policy forbids.
    app.router.routes[:] = [
        route for route in app.router.routes if getattr(route, "path", "") not in GENERATED_PAGES
    ]
    app.add_middleware(SecurityHeaders, camera=settings.livekit_enabled)
    # Behind the guard against other hosts and other sites, before everything else.
    app.user_middleware.append(Middleware(Login, door=door))
    login.install(app, door)

    @app.get("/settings.json")
    async def page_settings() -> dict[str, Any]:
        """What the page has to know; no secret."""
        return {
            "rtmp_port": settings.media_rtmp_port,
            "rtmps_port": settings.media_rtmps_port,
            "srt_port": settings.media_srt_port,
            "srt_needs_passphrase": bool(settings.media_srt_passphrase.get_secret_value()),
            "publishing_needs_password": bool(settings.media_publish_user),
            "source_language": settings.first_language,
            "target_languages": list(settings.target_languages),
            "sample_call": can_speak(),
            "cells": bool(settings.cells),
        }

    @app.get("/libraries/hls.js")
    async def player_library() -> Response:
        """hls.js of the version that the page asks for by `?v=`, from this user's cache."""
        return library(hls_js(), HLS_JS_MISSING)

    @app.get("/sample-call.wav")
    async def sound_of_sample_call() -> Response:
        """A made-up sales call of two voices; the first time it takes some seconds to speak."""
        if not can_speak():
            return problem(404, "no voice is installed here to speak the sample call with: run `make setup`")
        try:
            return FileResponse(await sample_call.file(), media_type="audio/wav")
        except NotSpoken as error:
            return problem(503, f"the sample call could not be spoken: {error}")

    @app.api_route("/api/dubber/{path:path}", methods=list(behind.dubber.methods))
    async def to_dubber(request: Request, path: str) -> Response:
        return await proxy.forward(request, path, behind.dubber)

    @app.api_route("/hls/{path:path}", methods=list(behind.media.methods))
    async def to_media(request: Request, path: str) -> Response:
        return await proxy.forward(request, path, behind.joined if path.startswith("all/") else behind.media)

    @app.websocket("/api/live")
    async def socket_to_live(browser: WebSocket) -> None:
        await sockets.forward(browser, "", behind.live_sockets)

    @app.api_route("/api/live/{path:path}", methods=list(behind.live.methods))
    async def to_live(request: Request, path: str) -> Response:
        return await proxy.forward(request, path, behind.live)

    @app.websocket("/api/sales/{path:path}")
    async def socket_to_sales(browser: WebSocket, path: str) -> None:
        await sockets.forward(browser, path, behind.sales_sockets)

    @app.api_route("/api/sales/{path:path}", methods=list(behind.sales.methods))
    async def to_sales(request: Request, path: str) -> Response:
        return await proxy.forward(request, path, behind.sales)

    @app.api_route("/api/archive/{path:path}", methods=list(behind.archive.methods))
    async def to_archive(request: Request, path: str) -> Response:
        return await proxy.forward(request, path, behind.archive)

    @app.api_route("/api/commentary/{path:path}", methods=list(behind.commentary.methods))
    async def to_commentary(request: Request, path: str) -> Response:
        return await proxy.forward(request, path, behind.commentary)

    if settings.livekit_enabled:
        rooms.install(app, proxy, sockets, behind)
    pages.install(app, (*pages.PAGES, *((pages.ROOMS,) if settings.livekit_enabled else ())))
    app.mount("/", StaticFiles(directory=STATIC))
    return app


def hls_js() -> Path:
    """Where the player library lies; it may not be there yet."""
    return cache.browser_library("hls.js", HLS_JS_VERSION, "hls.min.js")
