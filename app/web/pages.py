"""The console's pages: what is on one of them, in the frame that they have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from string import Template

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from app.access.sessions import Session
from app.web.login.door import session_of
from app.web.login.page import who

FOLDER = Path(__file__).parent / "pages"
STYLES = ("base", "page", "parts")
LISTENING = (*STYLES, "listening")
ARCHIVE = (*LISTENING, "uploads")
WATCHING = (*LISTENING, "commentary")
CURRENT = ' aria-current="page"'


@dataclass(frozen=True)
class Page:
    """One page: its address, its name in the navigation, what its main part is, its script and styles."""

    path: str
    name: str
    title: str
    main: str
    script: str
    styles: tuple[str, ...] = STYLES


PAGES = (
    Page("/", "Dubbing", "Voicestack console", "the stream", "main.js"),
    Page(
        "/transcribe/", "Transcribe", "Transcribe – Voicestack", "the transcript", "transcribe.js", LISTENING
    ),
    Page("/calls/", "Calls", "Calls – Voicestack", "the call", "calls.js", LISTENING),
    Page("/uploads/", "Uploads", "Uploads – Voicestack", "the uploads", "uploads.js", ARCHIVE),
    Page(
        "/commentary/", "Commentary", "Commentary – Voicestack", "the commentary", "commentary.js", WATCHING
    ),
)

ROOMS = Page("/rooms/", "Rooms", "Rooms – Voicestack", "the room", "rooms.js", LISTENING)
"""Only where LIVEKIT_ENABLED."""


def install(app: FastAPI, pages: tuple[Page, ...] = PAGES) -> None:
    """Adds the pages' addresses."""
    for page in pages:
        app.add_route(page.path, answer(page, pages))
        if page.path != "/":
            app.add_route(page.path.rstrip("/"), elsewhere(page.path))


def answer(page: Page, pages: tuple[Page, ...]) -> Callable[[Request], Response]:
    """What answers requests for the page; what is somebody's own is kept nowhere."""

    def answered(request: Request) -> Response:
        session = session_of(request)
        headers = {"cache-control": "no-store"} if session else None
        return HTMLResponse(rendered(page, session, pages), headers=headers)

    return answered


def elsewhere(path: str) -> Callable[[Request], Response]:
    """What sends a browser to that path."""
    return lambda _: RedirectResponse(path)


def rendered(page: Page, session: Session | None = None, pages: tuple[Page, ...] = PAGES) -> str:
    """The page's HTML, for whoever is signed in, with links to these pages."""
    return Template((FOLDER / "layout.html").read_text(encoding="utf-8")).substitute(
        title=page.title,
        styles="\n  ".join(f'<link rel="stylesheet" href="/css/{style}.css">' for style in page.styles),
        script=page.script,
        main=page.main,
        links="\n        ".join(link(each, here=each == page) for each in pages),
        who=who(session),
        token=session.token if session else "",
        body=(FOLDER / f"{page.name.lower()}.html").read_text(encoding="utf-8"),
    )


def link(page: Page, *, here: bool) -> str:
    """The page in the navigation."""
    return f'<li><a href="{page.path}"{CURRENT if here else ""}>{page.name}</a></li>'
