"""The console: its pages, and every service that they need, all under one address and port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from app import cache
from app.service import Check, Checker, create_app
from app.settings import Settings
from app.web.guard import SecurityHeaders
from app.web.proxy import Upstream, forward, new_client, problem

STATIC = Path(__file__).parent / "static"
HLS_JS_VERSION = "1.6.7"
HLS_JS_MISSING = "hls.js is missing: run `make setup`"
GENERATED_PAGES = frozenset({"/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json"})
A_YEAR = "public, max-age=31536000, immutable"


def create(settings: Settings) -> FastAPI:
    """The application of the `web` service."""
    client = new_client()
    dubber, media = upstreams(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with client:
            yield

    def reaches(upstream: Upstream, path: str) -> Checker:
        async def check() -> Check:
            await client.get(f"{upstream.address}{path}", timeout=0.6)
            return Check(True, f"the {upstream.name} answers")

        return check

    async def has_player() -> Check:
        return Check(True) if hls_js().is_file() else Check(False, HLS_JS_MISSING)

    app = create_app(
        "web",
        lifespan=lifespan,
        checks={"dubber": reaches(dubber, "/health"), "media": reaches(media, "/"), "hls.js": has_player},
    )
    # FastAPI's own pages load scripts from elsewhere, which the security policy forbids.
    app.router.routes[:] = [
        route for route in app.router.routes if getattr(route, "path", "") not in GENERATED_PAGES
    ]
    app.add_middleware(SecurityHeaders)

    @app.get("/settings.json")
    async def page_settings() -> dict[str, Any]:
        """What the page has to know; no secret."""
        return {
            "rtmp_port": settings.media_rtmp_port,
            "publishing_needs_password": bool(settings.media_publish_user),
            "source_language": settings.source_language,
            "target_languages": list(settings.target_languages),
        }

    @app.get("/libraries/hls.js")
    async def player_library() -> Response:
        """hls.js of the version that the page asks for by `?v=`, from this user's cache."""
        if not hls_js().is_file():
            return problem(404, HLS_JS_MISSING)
        return FileResponse(hls_js(), media_type="text/javascript", headers={"cache-control": A_YEAR})

    @app.api_route("/api/dubber/{path:path}", methods=list(dubber.methods))
    async def to_dubber(request: Request, path: str) -> Response:
        return await forward(request, path, dubber, client)

    @app.api_route("/hls/{path:path}", methods=list(media.methods))
    async def to_media(request: Request, path: str) -> Response:
        return await forward(request, path, media, client)

    app.mount("/", StaticFiles(directory=STATIC, html=True))
    return app


def hls_js() -> Path:
    """Where the player library lies; it may not be there yet."""
    return cache.browser_library("hls.js", HLS_JS_VERSION, "hls.min.js")


def upstreams(settings: Settings) -> tuple[Upstream, Upstream]:
    """The dubber and the media server's HLS, and what of each the console passes on."""
    host = f"[{settings.media_host}]" if ":" in settings.media_host else settings.media_host
    return (
        Upstream(
            name="dubber",
            address=settings.dubber_address,
            prefix="/api/dubber",
            methods=frozenset({"GET", "PUT", "POST", "DELETE"}),
            allows=is_for_operators,
        ),
        Upstream(
            name="media server",
            address=f"http://{host}:{settings.media_hls_port}",
            prefix="/hls",
            methods=frozenset({"GET"}),
            allows=is_playback,
            credentials=True,
        ),
    )


def is_for_operators(path: str) -> bool:
    """Whether the console shows that address of the dubber; the media server's /auth and /hooks never."""
    return path.split("/")[0] in {"streams", "events", "health"}


def is_playback(path: str) -> bool:
    """Whether that is a playlist or a piece of a stream, original or dubbed."""
    return path.startswith(("live/", "dub/")) and path.endswith((".m3u8", ".mp4", ".mp", ".m4s", ".ts"))
