"""What the media server calls: /auth before each connection, /hooks when a publisher comes or goes."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError

from app.access.links import Links
from app.dubbing.service.auth import AccessRequest, allowed
from app.dubbing.service.clients import MediaServers, client_of, is_wrong
from app.dubbing.service.guards import no_browser
from app.dubbing.service.watcher import Watcher
from app.serving.throttle import Throttle
from app.settings import Settings

MAX_BODY = 64 * 1024


def router(settings: Settings, secret: str, watcher: Watcher, links: Links) -> APIRouter:
    """The routes, for the media server alone."""
    throttle, servers = Throttle(), MediaServers(settings.media_host)
    routes = APIRouter(dependencies=[Depends(no_browser)], include_in_schema=False)

    @routes.post("/auth")
    async def auth(request: Request) -> Response:
        """200 where the connection is allowed, else 401, which makes RTSP clients send credentials.

        429 for who has sent too many wrong ones: whether these are right is not told.
        """
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_BODY:
                return Response(status_code=401)
        try:
            asked = AccessRequest.model_validate_json(body)
        except ValidationError:
            # Never FastAPI's own answer to a bad body: it repeats what was sent, passwords too.
            return Response(status_code=401)
        peer = request.client.host if request.client else ""
        client = client_of(asked, peer, by_media_server=await servers.asks_from(peer))
        if client is not None and throttle.is_held_back(client) and is_wrong(asked):
            return Response(status_code=429)
        if allowed(asked, settings, secret, links):
            return Response(status_code=200)
        if client is not None and is_wrong(asked):
            throttle.wrong(client)
        return Response(status_code=401)

    @routes.post("/hooks/{event}", status_code=204)
    async def hook(event: Literal["ready", "not-ready"], path: str) -> None:
        """A publisher came or went: the watcher looks at once."""
        del event, path
        watcher.look_now()

    return routes
