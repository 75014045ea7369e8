"""Every language in one player: the playlists and pieces of all/<name>, for whoever may read the stream."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request, Response

from app.access.links import PARAMETER, Links
from app.access.store import store_of
from app.dubbing import showing
from app.dubbing.service import paths, playlists
from app.dubbing.service.auth import AccessRequest, allowed
from app.dubbing.service.clients import is_near, is_wrong
from app.dubbing.service.joining import Joined, Joining
from app.dubbing.service.streams import Unknown
from app.dubbing.showing import Index
from app.serving.throttle import Throttle, network_of
from app.settings import Settings

SHOWING_PATTERN = rf"{paths.NAME_PATTERN}(@{showing.STAMP_PATTERN})?"
PIECE = re.compile(rf"(picture|sound|text)(-{paths.LANGUAGE_PATTERN})?(-\d{{1,12}})*\.(m4s|mp4|vtt)")
KINDS = {"m4s": "video/mp4", "mp4": "video/mp4", "vtt": "text/vtt", "m3u8": "application/vnd.apple.mpegurl"}
BEGUN_WITHIN = 30.0
BEGINS_WITH = 2
"""Segments that are there before players are told of any."""
LOOK_EVERY = 0.1
MOST_IN_MEMORY = 64 << 20
"""Bytes of pieces."""
PAUSE = 1.0
"""Seconds that a wrong password costs."""
A_YEAR, A_MINUTE, A_MOMENT = "max-age=31536000, immutable", "max-age=60", "max-age=1"
ADDRESS = re.compile(r'(URI=")([^"]+)(")|^([^#\n].*)$', re.MULTILINE)

Name = Annotated[str, Path(pattern=f"^{SHOWING_PATTERN}$")]


class Shelf:
    """The showings that are read, and their playlists, each drawn once."""

    def __init__(self, root: FilePath, clock: Callable[[], float]) -> None:
        self._root = root
        self._clock = clock
        self._newest: dict[str, tuple[float, list[FilePath]]] = {}
        self._indexes: dict[FilePath, Index] = {}
        self._drawn: dict[tuple[FilePath, str], tuple[int, bool, str]] = {}
        self._pieces: OrderedDict[FilePath, bytes] = OrderedDict()
        self._bytes = 0

    def find(self, name: str) -> Index | None:
        """The showing of that name, which is a stream's newest where it tells no time."""
        if "@" in name:
            folder = self._root / name
            folders = [folder] if folder.is_dir() else []
        else:
            folders = self._found(name)
        for folder in folders:
            index = self._indexes.setdefault(folder, Index(folder))
            index.refresh()
            return index
        return None

    def _found(self, name: str) -> list[FilePath]:
        """The stream's newest showing, as it was a moment ago."""
        looked, folders = self._newest.get(name, (0.0, []))
        if not folders or self._clock() > looked + LOOK_EVERY:
            folders = showing.showings(self._root, name)[-1:]
            if folders:
                self._newest[name] = self._clock(), folders
        return folders

    def playlist(self, index: Index, file: str) -> str | None:
        """A playlist of a showing that has segments; None where it has none of that name."""
        key, last = (index.folder, file), index.segments[-1].number
        known = self._drawn.get(key)
        if known is None or known[:2] != (last, index.ended):
            drawn = playlists.playlist(file, index.segments, ended=index.ended)
            if drawn is None:
                return None
            known = self._drawn[key] = last, index.ended, drawn
        return known[2]

    async def piece(self, file: FilePath) -> bytes:
        """A piece, from memory where many ask for the same. Raises FileNotFoundError."""
        if (known := self._pieces.get(file)) is not None:
            self._pieces.move_to_end(file)
            return known
        data = await asyncio.to_thread(file.read_bytes)
        if file not in self._pieces:
            self._pieces[file] = data
            self._bytes += len(data)
        while self._bytes > MOST_IN_MEMORY:
            self._bytes -= len(self._pieces.popitem(last=False)[1])
        return data

    def tidy(self) -> None:
        """Forgets showings that are there no more."""
        there = set(showing.showings(self._root))
        self._indexes = {folder: index for folder, index in self._indexes.items() if folder in there}
        self._newest.clear()
        self._drawn = {key: drawn for key, drawn in self._drawn.items() if key[0] in there}


def router(
    settings: Settings, secret: str, joining: Joining, clock: Callable[[], float] = time.monotonic
) -> APIRouter:
    """The routes over what is joined."""
    routes = APIRouter()
    shelf, throttle, links = Shelf(joining.root, clock), Throttle(), Links(store_of(settings))
    scope = "private" if settings.media_read_user else "public"

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
        headers = shared(request)
        live = "@" not in name and joining.asked(name)
        index = await begun(name) if live and file == playlists.MASTER else shelf.find(name)
        if index is None or not index.segments:
            if live:
                raise HTTPException(503, "not ready yet; ask again", headers | {"retry-after": "2"})
            raise Unknown(f"{name!r} is neither live nor kept")
        if playlists.is_playlist(file):
            drawn = shelf.playlist(index, file)
            if drawn is None:
                raise HTTPException(404, "there is no such playlist", headers)
            # Of a stream's own name only until it is live again.
            age = A_MINUTE if index.ended and "@" in name else A_MOMENT
            return answer(linked(drawn, request), file, f"{scope}, {age}", headers)
        if file == playlists.NO_TEXT:
            return answer(playlists.NOTHING, file, f"{scope}, {A_YEAR}", headers)
        try:
            if PIECE.fullmatch(file) is None:
                raise FileNotFoundError(file)
            return answer(await shelf.piece(index.folder / file), file, f"{scope}, {A_YEAR}", headers)
        except FileNotFoundError:
            raise HTTPException(404, "there is no such piece, or not any more", headers) from None

    async def begun(name: str) -> Index | None:
        """The showing, once it has segments enough to play."""
        until = clock() + BEGUN_WITHIN
        while True:
            index = shelf.find(name)
            if index is not None and not index.ended and len(index.segments) >= BEGINS_WITH:
                return index
            if clock() > until or not joining.asked(name):
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
            {"www-authenticate": 'Basic realm="Voicestack"', **shared(request)},
        )

    def shared(request: Request) -> dict[str, str]:
        """Lets pages of our sites read it."""
        origin = request.headers.get("origin", "")
        found = {"vary": "origin"} if settings.allowed_origins else {}
        if origin in settings.allowed_origins:
            found["access-control-allow-origin"] = origin
        return found

    return routes


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
