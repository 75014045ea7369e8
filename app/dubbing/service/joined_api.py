"""Every language in one player: the playlists and pieces of all/<name>, for whoever may read the stream."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import Annotated, Protocol

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response

from app.access.links import PARAMETER, PATTERN
from app.dubbing import showing
from app.dubbing.service import paths, playlists
from app.dubbing.service.cdn import Cdn, until_its_end
from app.dubbing.service.joining import Joined, Joining
from app.dubbing.service.replicas import ASKED_AGAIN_AFTER, Replicas
from app.dubbing.service.shelf import Shelf
from app.dubbing.service.streams import Unknown
from app.dubbing.service.viewers import Viewers, question
from app.dubbing.showing import Index
from app.render.caddy import LEAD_HEADER
from app.serving.quick import Answers, Asked
from app.serving.sharing import shared
from app.settings import Settings

SHOWING_PATTERN = rf"{paths.NAME_PATTERN}(@{showing.STAMP_PATTERN})?"
LINK = "[A-Za-z0-9._~-]+"
ASKED = re.compile(
    rf"/all/(?P<name>{SHOWING_PATTERN})/((?P<within>{PATTERN})/)?(?P<file>[a-z0-9-]+\.[a-z0-9]+)"
    rf"(\?{PARAMETER}=(?P<link>{LINK}))?"
)
PIECE = re.compile(rf"(picture|sound|text)(-{paths.LANGUAGE_PATTERN})?(-\d{{1,12}})*\.(m4s|mp4|vtt)")
KINDS = {
    "m4s": "video/mp4",
    "mp4": "video/mp4",
    "vtt": "text/vtt",
    "m3u8": "application/vnd.apple.mpegurl",
    "json": "application/json",
}
BEGUN_WITHIN = 30.0
BEGINS_WITH = 2
"""Segments that are there before players are told of any."""
LOOK_EVERY = 0.1
A_YEAR, A_MINUTE, A_MOMENT = "max-age=31536000, immutable", "max-age=60", "max-age=1"
LEAD = LEAD_HEADER.lower().encode()
EACH_TIME = "no-store"
"""What is another one for each viewer."""

Name = Annotated[str, Path(pattern=f"^{SHOWING_PATTERN}$")]


class Elsewhere(Protocol):
    """Where a stream is watched that is not here."""

    async def answer(self, request: Request, name: str, file: str) -> Response | None:
        """What leads to a playlist there; None where it is nowhere."""


def router(
    settings: Settings,
    joining: Joining,
    viewers: Viewers,
    at_hand: AtHand,
    elsewhere: Elsewhere | None = None,
    cdn: Cdn | None = None,
) -> APIRouter:
    """The routes over what is joined, and on to `elsewhere` and the CDN."""
    routes = APIRouter()
    shelf = at_hand.shelf

    @routes.get("/joined")
    def joined() -> Joined:
        """The streams that can be watched in all their languages, now and again later."""
        shelf.tidy()
        return joining.view()

    @routes.get("/all/{name}/{file}")
    @routes.head("/all/{name}/{file}", include_in_schema=False)
    async def watch(
        request: Request, name: Name, file: str, current: Annotated[str, Query(alias="_HLS_pathway")] = ""
    ) -> Response:
        """A playlist, or a piece of picture, sound or subtitles.

        all/<name>/index.m3u8 is the stream as it is live, or its last showing in whole; steered.m3u8 is the
        same, spread over the read replicas; replay.m3u8 is all that is kept; all/<name>@<time>/index.m3u8 is
        an earlier showing.
        """
        return await watched(request, name, file, current=current)

    @routes.get("/all/{name}/{link}/{file}")
    @routes.head("/all/{name}/{link}/{file}", include_in_schema=False)
    async def watch_by_link(request: Request, name: Name, link: str, file: str) -> Response:
        """The same, opened by a link in the path, for a CDN that gives what it holds by the path alone."""
        if re.fullmatch(PATTERN, link) is None:
            raise HTTPException(404, "there is no such address")
        return await watched(request, name, file, within=link)

    async def watched(
        request: Request, name: str, file: str, within: str = "", current: str = ""
    ) -> Response:
        headers = shared(settings, request.headers.get("origin", ""))
        authorization, peer = request.headers.get("authorization", ""), request.client
        query = f"{PARAMETER}={within}" if within else request.url.query
        asked = question(stream_of(name), authorization, query, peer.host if peer else "")
        await viewers.come_in(asked, headers)
        if not within and cdn is not None and (leads_there := cdn.answer(request, name, file)) is not None:
            return leads_there
        live = at_hand.is_live(name)
        index = await begun(name) if live and file in playlists.BEGINNINGS else shelf.find(name)
        if index is None or not index.segments:
            if live:
                raise HTTPException(503, "not ready yet; ask again", headers | {"retry-after": "2"})
            leads_there = None
            if elsewhere is not None and not within and file in playlists.BEGINNINGS and "@" not in name:
                leads_there = await elsewhere.answer(request, name, file)
            if leads_there is not None:
                return leads_there
            raise Unknown(f"{name!r} is neither live nor kept")
        content, age = at_hand.in_memory(index, name, file, current, within)
        if content is None and PIECE.fullmatch(file) is not None:
            with suppress(FileNotFoundError):
                content = await shelf.piece(index.folder / file)
        if content is None:
            kind = "playlist" if playlists.is_playlist(file) else "piece"
            raise HTTPException(404, f"there is no such {kind}, or not any more", headers)
        link = "" if within else request.query_params.get(PARAMETER, "")
        return at_hand.answer(content, file, age, link, headers, within)

    async def begun(name: str) -> Index | None:
        """The showing, once it has segments enough to play."""
        until = shelf.clock() + BEGUN_WITHIN
        while True:
            index = shelf.find(name)
            if has_begun(index):
                return index
            if shelf.clock() > until or not at_hand.is_live(name):
                return index
            await asyncio.sleep(LOOK_EVERY)

    return routes


class AtHand:
    """What lies in memory of the showings: the same answers for both ways in which they are asked for."""

    def __init__(self, settings: Settings, joining: Joining, shelf: Shelf, replicas: Replicas) -> None:
        self._joining = joining
        self._replicas = replicas
        self._scope = "private" if settings.media_read_user else "public"
        self.shelf = shelf

    def is_live(self, name: str) -> bool:
        """Whether a stream of that name is joined; begins it where it is there."""
        return "@" not in name and self._joining.asked(name)

    def find(
        self, name: str, file: str, link: str, headers: dict[str, str], within: str = ""
    ) -> Response | None:
        """A file of a showing; None where that is not in memory, or has to be waited for."""
        live = self.is_live(name)
        index = self.shelf.find(name)
        if index is None or not index.segments:
            return None
        if live and file in playlists.BEGINNINGS and not has_begun(index):
            return None
        content, age = self.in_memory(index, name, file, within=within)
        return None if content is None else self.answer(content, file, age, link, headers, within)

    def in_memory(
        self, index: Index, name: str, file: str, current: str = "", within: str = ""
    ) -> tuple[str | bytes | None, str]:
        """What a file of a showing holds, None where that is not in memory, and how long it may be kept."""
        # Whoever is led elsewhere by a link in the path is not led on from there.
        if self._replicas and not within and file in (playlists.STEERED, playlists.STEERING):
            pathways = self._replicas.pathways(name, current)
            if file == playlists.STEERING:
                return playlists.steering(pathways, ASKED_AGAIN_AFTER), EACH_TIME
            return self.shelf.playlist(index, file, pathways), EACH_TIME
        if playlists.is_playlist(file):
            return self.shelf.playlist(index, file), age_of(name, index)
        if file == playlists.NO_TEXT:
            return playlists.NOTHING, A_YEAR
        return self.shelf.in_memory(index.folder / file), A_YEAR

    def answer(
        self, content: str | bytes, file: str, age: str, link: str, headers: dict[str, str], within: str = ""
    ) -> Response:
        """The file of that name, with this in it; `within` is the link where it stands in the path."""
        if isinstance(content, str) and playlists.is_playlist(file):
            content = linked(content, link)
        kind = KINDS[file.rpartition(".")[2]]
        # Whose caches may keep it, and for how long.
        kept = f"public, {until_its_end(age, within)}" if within else f"{self._scope}, {age}"
        return Response(content, media_type=kind, headers={**headers, "cache-control": kept})


def at_once(settings: Settings, viewers: Viewers, at_hand: AtHand) -> Answers:
    """What is answered without the application's work: what lies in memory, to who may watch."""

    def answers(asked: Asked) -> Response | None:
        found = ASKED.fullmatch(asked.target)
        if found is None:
            return None
        name, file, link, within = found["name"], found["file"], found["link"] or "", found["within"] or ""
        if LEAD in asked.headers or (link and within):
            return None
        authorization = asked.headers.get(b"authorization", b"").decode()
        query = f"{PARAMETER}={within}" if within else asked.target.partition("?")[2]
        if not viewers.may(question(stream_of(name), authorization, query, asked.client)):
            return None
        origin = asked.headers.get(b"origin", b"").decode()
        return at_hand.find(name, file, link, shared(settings, origin), within)

    return answers


def has_begun(index: Index | None) -> bool:
    """Whether a live showing has segments enough to play."""
    return index is not None and not index.ended and len(index.segments) >= BEGINS_WITH


def age_of(name: str, index: Index) -> str:
    """How long a playlist may be kept: under a stream's own name only until it is live again."""
    return A_MINUTE if index.ended and "@" in name else A_MOMENT


def linked(drawn: str, link: str) -> str:
    """The playlist; where it was opened by a link, what it names is opened by the same."""
    if re.fullmatch(LINK, link) is None:
        return drawn
    return playlists.readdressed(drawn, lambda address: f"{address}?{PARAMETER}={link}")


def stream_of(name: str) -> str:
    """The stream that a showing is of."""
    return name.partition("@")[0]
