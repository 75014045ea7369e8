"""A CDN before all/<name> where watching needs a password: a link in the path, and viewers who are led to it.

A CDN that keys on the path alone gives what it holds to whoever has the link, and to nobody else: what
playlists name lies below the same path. Viewers are given the same link for hours, so that they share it.
"""

from __future__ import annotations

import re
import time

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from app.access.links import PARAMETER, Links
from app.dubbing.service import paths, playlists
from app.render.caddy import LEAD_HEADER
from app.settings import Settings

PERIOD = 12 * 3600
"""Seconds: who came with a password is given a link that holds for one to two of these, the same for all."""
AGE = re.compile(r"max-age=(\d+)(, immutable)?")


class Cdn:
    """Leads viewers there, who were let in here. `CDN_URL` is where it is; without it nobody is led."""

    def __init__(self, settings: Settings, links: Links) -> None:
        self._at = settings.cdn_url
        self._closed = bool(settings.media_read_user)
        self._links = links

    def answer(self, request: Request, name: str, file: str) -> Response | None:
        """What leads to that file at the CDN, where the edge says that who asks has come past it."""
        if not self._at or LEAD_HEADER not in request.headers or file not in playlists.OPENED_BY:
            return None
        stream, within = paths.all_path(name.partition("@")[0]), ""
        if self._closed:
            link = self._links.same_or_new(request.query_params.get(PARAMETER, ""), stream, self._holds())
            within = f"{link}/"
        there = f"{self._at}/{paths.all_path(name)}/{within}{file}"
        return RedirectResponse(there, 307, {"cache-control": "no-store"})

    def _holds(self) -> float:
        now = self._links.store.clock()
        return (now // PERIOD + 2) * PERIOD - now


def until_its_end(age: str, link: str, now: float | None = None) -> str:
    """How long what a link opens may be held: not longer than the link."""
    left = int(link.partition(".")[0]) - int(time.time() if now is None else now)
    found = AGE.fullmatch(age)
    return age if found is None or int(found[1]) <= left else f"max-age={max(0, left)}"
