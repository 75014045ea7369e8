"""What of LiveKit the console shows: its library, and the way to its rooms under the console's own address.

A page over TLS reaches them so without a certificate of their own; picture and sound go their own way.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request, WebSocket
from starlette.responses import Response

from app import cache
from app.web.libraries import library
from app.web.proxy import Proxy
from app.web.sockets import Sockets
from app.web.upstreams import Upstreams

VERSION = "2.15.0"
MISSING = "livekit-client is missing: run `make livekit`"


def install(app: FastAPI, proxy: Proxy, sockets: Sockets, behind: Upstreams) -> None:
    """Adds the routes."""

    @app.get("/libraries/livekit-client.js")
    async def client_library() -> Response:
        """livekit-client of the version that the page asks for by `?v=`, from this user's cache."""
        return library(livekit_client(), MISSING)

    @app.websocket("/api/livekit/{path:path}")
    async def socket_to_rooms(browser: WebSocket, path: str) -> None:
        await sockets.forward(browser, path, behind.livekit_sockets)

    @app.api_route("/api/livekit/{path:path}", methods=list(behind.livekit.methods))
    async def to_rooms(request: Request, path: str) -> Response:
        return await proxy.forward(request, path, behind.livekit)


def livekit_client() -> Path:
    """Where the library lies; it may not be there yet."""
    return cache.browser_library("livekit-client", VERSION, "livekit-client.umd.js")
