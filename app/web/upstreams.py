"""The services behind the console, and what of each it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin

import httpx

from app.access.gate import authorization
from app.service import Check, Checker
from app.settings import Settings
from app.web.login.door import Door
from app.web.proxy import Upstream
from app.web.sockets import SocketUpstream

WHOLE_TEXT = 4 << 20
"""Bytes of a text that is kept as a transcript: a day of speech."""
LONGEST_SILENCE = 30.0
HEALTH_WITHIN = 0.6
LINK_HOLDS = 60.0


@dataclass(frozen=True)
class Upstreams:
    """Every service that the console passes something on to."""

    dubber: Upstream
    media: Upstream
    joined: Upstream
    live: Upstream
    live_sockets: SocketUpstream
    sales: Upstream
    sales_sockets: SocketUpstream
    archive: Upstream
    commentary: Upstream
    livekit: Upstream
    livekit_sockets: SocketUpstream


def upstreams(settings: Settings, door: Door) -> Upstreams:
    """Where the services are, from the settings."""
    host = f"[{settings.media_host}]" if ":" in settings.media_host else settings.media_host

    def own(_: str) -> Mapping[str, str]:
        return authorization(settings)

    def link(path: str) -> Mapping[str, str]:
        # Who is signed in needs no second password: the console has a link for just this request.
        if not settings.media_read_user or door.is_open:
            return {}
        stream = path.rpartition("/")[0].partition("@")[0]
        return door.links.as_password(stream, "read", LINK_HOLDS)

    return Upstreams(
        dubber=Upstream(
            name="dubber",
            address=settings.dubber_address,
            prefix="/api/dubber",
            methods=frozenset({"GET", "PUT", "POST", "DELETE"}),
            allows=is_for_operators,
            headers=own,
        ),
        media=Upstream(
            name="media server",
            address=f"http://{host}:{settings.media_hls_port}",
            prefix="/hls",
            methods=frozenset({"GET"}),
            allows=is_playback,
            credentials=True,
            headers=link,
        ),
        joined=Upstream(
            name="dubber",
            address=settings.dubber_address,
            prefix="/hls",
            methods=frozenset({"GET"}),
            allows=is_joined,
            credentials=True,
            headers=lambda path: {**link(path), "X-Forwarded-Prefix": "/hls"},
            leads_on=True,
        ),
        live=Upstream(
            name="live transcription",
            address=settings.live_address.replace("ws", "http", 1),
            prefix="/api/live",
            methods=frozenset({"GET"}),
            allows=lambda path: path == "health",
        ),
        live_sockets=SocketUpstream(
            name="live transcription",
            address=settings.live_address,
            allows=lambda path: path == "",
            headers=own,
        ),
        sales=Upstream(
            name="sales service",
            address=settings.sales_address,
            prefix="/api/sales",
            methods=frozenset({"GET", "POST", "DELETE"}),
            allows=is_call,
            headers=own,
            patience=max(LONGEST_SILENCE, settings.llm_timeout + 5.0),
        ),
        sales_sockets=SocketUpstream(
            name="sales service",
            address=settings.sales_address.replace("http", "ws", 1),
            allows=is_call_socket,
            headers=own,
        ),
        archive=Upstream(
            name="archive",
            address=f"{settings.api_address}/api/v1",
            prefix="/api/archive",
            methods=frozenset({"GET", "HEAD", "OPTIONS", "POST", "PATCH", "DELETE"}),
            allows=is_archive,
            headers=own,
            resumable=True,
            most=WHOLE_TEXT,
        ),
        commentary=Upstream(
            name="commentary service",
            address=f"{settings.commentary_address}/api",
            prefix="/api/commentary",
            methods=frozenset({"GET", "POST", "PATCH", "DELETE"}),
            allows=is_commentary,
            headers=own,
            told_who_asks=True,
        ),
        livekit=Upstream(
            name="LiveKit server",
            address=settings.livekit_address.replace("ws", "http", 1),
            prefix="/api/livekit",
            methods=frozenset({"GET"}),
            allows=lambda path: path in {"rtc/validate", "rtc/v1/validate"},
            credentials=True,
        ),
        livekit_sockets=SocketUpstream(
            name="LiveKit server",
            address=settings.livekit_address,
            allows=lambda path: path in {"rtc", "rtc/v1"},
        ),
    )


def is_for_operators(path: str) -> bool:
    """Whether the console shows that address of the dubber; the media server's /auth and /hooks never."""
    shown = {"streams", "recorded", "restreams", "sources", "joined", "events", "health"}
    shown |= {"ingest", "cell", "cells"}
    return path.split("/")[0] in shown


def is_playback(path: str) -> bool:
    """Whether that is a playlist or a piece of a stream: original, dubbed or with descriptions."""
    outputs, pieces = ("live/", "dub/", "described/"), (".m3u8", ".mp4", ".mp", ".m4s", ".ts")
    return path.startswith(outputs) and path.endswith(pieces)


def is_joined(path: str) -> bool:
    """Whether that is a playlist or a piece of a stream in all its languages."""
    return path.startswith("all/") and path.endswith((".m3u8", ".mp4", ".m4s", ".vtt", "/steering.json"))


def is_call(path: str) -> bool:
    """Whether that address of sales is about calls, or its health."""
    return path == "health" or path.split("/")[0] == "calls"


def is_call_socket(path: str) -> bool:
    """Whether that is where the sound of a call goes in, or its events come out."""
    parts = path.split("/")
    return len(parts) == 3 and parts[0] == "calls" and parts[2] in {"audio", "events"}


def is_archive(path: str) -> bool:
    """Whether that address of api is about uploads and what becomes of them."""
    return path.split("/")[0] in {"transcripts", "uploads", "search", "events", "voices"}


def is_commentary(path: str) -> bool:
    """Whether that address of commentary is one that its page needs."""
    return path.split("/")[0] in {"sessions", "sources", "profiles", "status", "livekit"}


def reaches(upstream: Upstream, path: str, client: httpx.AsyncClient) -> Checker:
    """A check whether a service answers."""

    async def check() -> Check:
        await client.get(urljoin(upstream.address, path), timeout=HEALTH_WITHIN)
        return Check(True, f"the {upstream.name} answers")

    return check


def reaches_where_in_use(upstream: Upstream, client: httpx.AsyncClient, expected: bool) -> Checker:
    """A check of a service that need not run: it counts where it is configured, or has once answered."""
    reach, seen = reaches(upstream, "/health", client), expected

    async def check() -> Check | None:
        nonlocal seen
        try:
            found = await reach()
        except httpx.HTTPError:
            if seen:
                raise
            return None
        seen = True
        return found

    return check
