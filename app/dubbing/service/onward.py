"""Viewers who ask this cell for a stream of another one: they are sent there."""

from __future__ import annotations

import asyncio
from urllib.parse import urljoin

import httpx
import structlog
from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from app.access.links import PARAMETER, Links
from app.dubbing.service import paths, playlists
from app.dubbing.service.cells import KNOWN_FOR, Cell, Directory
from app.dubbing.service.fresh import Fresh
from app.dubbing.service.joined_api import KINDS, linked
from app.serving.sharing import shared
from app.settings import Settings

BY_THE_CONSOLE = "/hls"
"""What the console has before all/<name>, and says (X-Forwarded-Prefix): its viewers go on to a console."""
BEGUN_WITHIN = 35.0
LINK_HOLDS = 24 * 3600.0
"""Seconds for which who came with a password may watch at the other cell: those of `links add`."""
MOST = 256
"""Playlists of other cells that are remembered."""
NOT_KEPT = {"cache-control": "no-store"}

log = structlog.get_logger(__name__)


class Onward:
    """Says where a stream is watched that this cell has not. Only what cells tell becomes an address."""

    def __init__(
        self, settings: Settings, directory: Directory, client: httpx.AsyncClient, links: Links
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._client = client
        self._links = links
        self._playlists: dict[str, Fresh[str | None]] = {}

    async def answer(self, request: Request, name: str, file: str) -> Response | None:
        """What leads to that playlist at the cell that has the stream now; None where none has it.

        That is a redirect; where watching needs a password it is one with a link, for who asks was let in
        here. A page of another site that may read here is given the playlist itself, for a browser that is
        redirected to a third site says no more who asks (Origin: null), and is then refused.
        """
        cell = await self._directory.having(name)
        by_the_console = request.headers.get("x-forwarded-prefix") == BY_THE_CONSOLE
        base = "" if cell is None else f"{cell.console}{BY_THE_CONSOLE}" if by_the_console else cell.watch
        if cell is None or not base.startswith("http"):
            return None
        origin = request.headers.get("origin", "")
        headers = shared(self._settings, origin) | NOT_KEPT
        stream = paths.all_path(name)
        link = self._link(request, stream)
        closed = bool(self._settings.media_read_user) and not link
        if origin in self._settings.allowed_origins and not closed:
            drawn = await self._playlist(cell, stream, file)
            if drawn is not None:
                return Response(linked(drawn, link), media_type=KINDS["m3u8"], headers=headers)
        query = f"?{PARAMETER}={link}" if link else ""
        return RedirectResponse(f"{base}/{stream}/{file}{query}", 307, headers)

    def _link(self, request: Request, stream: str) -> str:
        """What opens the stream at every cell: the link by which it was asked for, else a new one; empty
        where none is needed, or none would hold there."""
        if not self._settings.media_read_user or not self._links.shared:
            return ""
        return self._links.same_or_new(request.query_params.get(PARAMETER, ""), stream, LINK_HOLDS)

    async def _playlist(self, cell: Cell, stream: str, file: str) -> str | None:
        """A playlist at that cell, which leads there; None where it gives none."""
        address = f"{cell.watch}/{stream}/{file}"

        async def ask() -> str | None:
            try:
                # Whoever opens a stream first waits until it has begun to be joined.
                async with asyncio.timeout(BEGUN_WITHIN):
                    answer = await self._client.get(
                        address, headers=self._password(stream), timeout=BEGUN_WITHIN
                    )
            except (httpx.HTTPError, TimeoutError) as problem:
                log.warning("a cell gives no playlist", cell=cell.name, problem=str(problem))
                return None
            return leading_to(address, answer.text) if answer.status_code == httpx.codes.OK else None

        if address not in self._playlists and len(self._playlists) >= MOST:
            self._playlists.clear()
        return await self._playlists.setdefault(address, Fresh(ask, KNOWN_FOR)).get()

    def _password(self, stream: str) -> dict[str, str]:
        """What lets this cell in at another one, where watching needs a password."""
        if not self._settings.media_read_user:
            return {}
        return self._links.as_password(stream, "read", BEGUN_WITHIN)


def leading_to(own: str, drawn: str) -> str:
    """The playlist at that address, with whole addresses in it."""
    return playlists.readdressed(drawn, lambda address: urljoin(own, address))
