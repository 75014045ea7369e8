"""Every language in one player: the playlists and pieces of all/<name>, for whoever may read the stream."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request, Response

from app.access.links import PARAMETER, Links
from app.access.store import store_of
from app.dubbing import showing
from app.dubbing.service import paths, playlists
from app.dubbing.service.auth import AccessRequest, allowed
from app.dubbing.service.clients import is_near, is_wrong
from app.dubbing.service.joining import Joined, Joining
from app.dubbing.service.shelf import Shelf
from app.dubbing.service.streams import Unknown
from app.dubbing.showing import Index
from app.serving.quick import Answers, Asked
from app.serving.throttle import Throttle, network_of
from app.settings import Settings

SHOWING_PATTERN = rf"{paths.NAME_PATTERN}(@{showing.STAMP_PATTERN})?"
ASKED = re.compile(rf"/all/(?P<name>{SHOWING_PATTERN})/(?P<file>[a-z0-9-]+\.[a-z0-9]+)")
PIECE = re.compile(rf"(picture|sound|text)(-{paths.LANGUAGE_PATTERN})?(-\d{{1,12}})*\.(m4s|mp4|vtt)")
KINDS = {"m4s": "video/mp4", "mp4": "video/mp4", "vtt": "text/vtt", "m3u8": "application/vnd.apple.mpegurl"}
BEGUN_WITHIN = 30.0
BEGINS_WITH = 2
"""Segments that are there before players are told of any."""
LOOK_EVERY = 0.1
PAUSE = 1.0
"""Seconds that a wrong password costs."""
A_YEAR, A_MINUTE, A_MOMENT = "max-age=31536000, immutable", "max-age=60", "max-age=1"
ADDRESS = re.compile(r'(URI=")([^"]+)(")|^([^#\n].*)$', re.MULTILINE)

Name = Annotated[str, Path(pattern=f"^{SHOWING_PATTERN}$")]


def router(settings: Settings, secret: str, joining: Joining, shelf: Shelf) -> APIRouter:
    """The routes over what is joined."""
    routes = APIRouter()
    throttle, links = Throttle(), Links(store_of(settings))
    scope = scope_of(settings)

    @routes.get("/joined")
    def joined() -> Joined:
        """The streams that can be watched in all their languages, now and again later."""
        shelf.tidy()
        return joining.view()

    @routes.get("/all/{name}/{file}")
    @routes.head("/all/{name}/{file}", include_in_schema=False)
    async def watch(request: Request, name: Name, file: str) -> Response:
        """A playlist, or a piece of picture, sound or subtitles.

        all/<name>/index.m3u8 is the stream as it is live, or its last showing in whole; replay.m3u8 is all
        that is kept; all/<name>@<time>/index.m3u8 is an earlier showing.
        """
        await admit(request, name.partition("@")[0])
        headers = shared(settings, request.headers.get("origin", ""))
        live = "@" not in name and joining.asked(name)
        index = await begun(name) if live and file == playlists.MASTER else shelf.find(name)
        if index is None or not index.segments:
            if live:
                raise HTTPException(503, "not ready yet; ask again", headers | {"retry-after": "2"})
            raise Unknown(f"{name!r} is neither live nor kept")
        content, age = in_memory(shelf, index, name, file)
        if playlists.is_playlist(file):
            if not isinstance(content, str):
                raise HTTPException(404, "there is no such playlist", headers)
            content = linked(content, request)
        elif content is None:
            try:
                if PIECE.fullmatch(file) is None:
                    raise FileNotFoundError(file)
                content = await shelf.piece(index.folder / file)
            except FileNotFoundError:
                raise HTTPException(404, "there is no such piece, or not any more", headers) from None
        return answer(content, file, f"{scope}, {age}", headers)

    async def begun(name: str) -> Index | None:
        """The showing, once it has segments enough to play."""
        until = shelf.clock() + BEGUN_WITHIN
        while True:
            index = shelf.find(name)
            if has_begun(index):
                return index
            if shelf.clock() > until or not joining.asked(name):
                return index
            await asyncio.sleep(LOOK_EVERY)

    async def admit(request: Request, name: str) -> None:
        """Lets those in who may read the stream. Raises HTTPException (401, 429)."""
        peer = request.client.host if request.client else ""
        user, password = credentials(request)
        asked = AccessRequest(
            user=user,
            password=password,
            ip=peer,
            action="read",
            path=paths.all_path(name),
            protocol="hls",
            query=request.url.query,
        )
        # By way of the console or the edge all viewers have one address: there the pause has to do.
        client = None if is_near(peer) else network_of(peer)
        if client is not None and throttle.is_held_back(client) and is_wrong(asked):
            raise HTTPException(429, "too many wrong passwords; wait a little")
        if allowed(asked, settings, secret, links):
            return
        if is_wrong(asked):
            if client is not None:
                throttle.wrong(client)
            await asyncio.sleep(PAUSE)
        raise HTTPException(
            401,
            "watching needs the user name and password of the media server, or a link",
            {
                "www-authenticate": 'Basic realm="Voicestack"',
                **shared(settings, request.headers.get("origin", "")),
            },
        )

    return routes


def at_once(settings: Settings, joining: Joining, shelf: Shelf) -> Answers:
    """What is answered without the application's work: to everyone, what lies in memory."""
    scope = scope_of(settings)

    def answers(asked: Asked) -> Response | None:
        found = ASKED.fullmatch(asked.target)
        if found is None or settings.media_read_user:
            return None
        name, file = found["name"], found["file"]
        live = "@" not in name and joining.asked(name)
        index = shelf.find(name)
        if (
            index is None
            or not index.segments
            or (live and file == playlists.MASTER and not has_begun(index))
        ):
            return None
        content, age = in_memory(shelf, index, name, file)
        if content is None:
            return None
        origin = asked.headers.get(b"origin", b"").decode()
        return answer(content, file, f"{scope}, {age}", shared(settings, origin))

    return answers


def in_memory(shelf: Shelf, index: Index, name: str, file: str) -> tuple[str | bytes | None, str]:
    """What a file of a showing holds, None where that is not in memory, and how long it may be kept."""
    if playlists.is_playlist(file):
        return shelf.playlist(index, file), age_of(name, index)
    if file == playlists.NO_TEXT:
        return playlists.NOTHING, A_YEAR
    return shelf.in_memory(index.folder / file), A_YEAR


def scope_of(settings: Settings) -> str:
    """Whose caches may keep what is watched."""
    return "private" if settings.media_read_user else "public"


def has_begun(index: Index | None) -> bool:
    """Whether a live showing has segments enough to play."""
    return index is not None and not index.ended and len(index.segments) >= BEGINS_WITH


def age_of(name: str, index: Index) -> str:
    """How long a playlist may be kept: under a stream's own name only until it is live again."""
    return A_MINUTE if index.ended and "@" in name else A_MOMENT


def shared(settings: Settings, origin: str) -> dict[str, str]:
    """The headers that let pages of our sites read it."""
    found = {"vary": "origin"} if settings.allowed_origins else {}
    if origin in settings.allowed_origins:
        found["access-control-allow-origin"] = origin
    return found


def answer(content: str | bytes, file: str, caching: str, headers: dict[str, str]) -> Response:
    """The file of that name, with this in it."""
    kind = KINDS[file.rpartition(".")[2]]
    return Response(content, media_type=kind, headers={**headers, "cache-control": caching})


def linked(drawn: str, request: Request) -> str:
    """The playlist; where it was opened by a link, what it names is opened by the same."""
    link = request.query_params.get(PARAMETER)
    if not link or re.fullmatch(r"[A-Za-z0-9._~-]+", link) is None:
        return drawn

    def with_link(found: re.Match[str]) -> str:
        if found[4]:
            return f"{found[4]}?{PARAMETER}={link}"
        return f"{found[1]}{found[2]}?{PARAMETER}={link}{found[3]}"

    return ADDRESS.sub(with_link, drawn)


def credentials(request: Request) -> tuple[str, str]:
    """User and password that the request comes with; empty where there are none."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "?", ""
    return user, password
