"""Whom the console lets in, and to do what: decided for every request and WebSocket before anything else."""

from __future__ import annotations

import asyncio
import hmac
import re
from contextlib import suppress
from urllib.parse import quote

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.gate import UNREADABLE, Gate, NotAdmitted
from app.access.links import Links, secret_of_cells
from app.access.sessions import Session, Sessions
from app.access.store import ACCOUNTS, AccessError, Store, store_of
from app.serving.guarding import SAFE_METHODS, answer
from app.settings import Settings
from app.web.login import cookies

LOOK_EVERY = 5.0
"""Seconds after which what is still being told or said is looked at again: a session may have ended."""
FREE = frozenset({"/login", "/login/oidc", "/login/callback", "/health", "/icon.svg"})
STYLES = re.compile(r"/css/[a-z]+\.css")
# Their forms have their token in a field, and anybody who is signed in may send them.
OWN_FORMS = ("/logout", "/account/")
# A call's events are only read; every other WebSocket brings sound in, which is work.
READ_SOCKETS = re.compile(r"/api/sales/calls/[^/]+/events")
HLS = "/hls/"
# What programs ask for, too, with a key: where a stream goes, and where it is.
DIRECTORY = re.compile(r"/api/dubber/(cells?|ingest/[^/]+)")
TOKEN = "x-page-token"
SIGN_IN = "sign in first"
ENDED = 1008

log = structlog.get_logger(__name__)


class Door:
    """Who may come in, by the accounts and sessions of the settings' store."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store: Store = store_of(settings)
        self.sessions = Sessions(self.store)
        self.links = Links(self.store, secret_of_cells(settings))
        self.gate = Gate(settings, "dubber")

    @property
    def is_open(self) -> bool:
        """Whether nobody is asked to sign in: there is neither an account nor an issuer."""
        return not self.settings.oidc_issuer and not self.store.holds(ACCOUNTS)

    def session(self, scope: Scope, headers: Headers) -> Session | None:
        """Whose request it is. Raises AccessError."""
        cookie, secure = cookies.found(scope, headers, cookies.SESSION)
        return self.sessions.find(cookie, secure=secure) if cookie else None

    def still(self, session: Session, scope: Scope) -> bool:
        """Whether a session still holds, with the same role."""
        try:
            secure = cookies.found(scope, Headers(scope=scope), cookies.SESSION)[1]
            found = self.sessions.look(session.hash, secure=secure)
        except AccessError:
            return False
        return found is not None and found.role == session.role

    def has_link(self, scope: Scope) -> bool:
        """Whether a player comes with a link to the stream that it asks for."""
        path = scope["path"].removeprefix(HLS).rpartition("/")[0]
        query = scope["query_string"].decode("latin-1")
        return scope["path"].startswith(HLS) and self.links.allows(query, path, "read")

    async def has_key(self, scope: Scope, headers: Headers) -> bool:
        """Whether a program asks with a key where a stream goes."""
        if scope["type"] != "http" or not DIRECTORY.fullmatch(scope["path"]):
            return False
        try:
            return bool((await self.gate.admit([headers.get("authorization", "")], changes=False)).key)
        except NotAdmitted:
            return False


class Login:
    """ASGI middleware: asks who is there, where somebody is asked at all, and puts the session into the
    request's state as `session`."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self.app = app
        self.door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on what may be asked, and answers everything else."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["session"] = None
        path = scope["path"]
        if path in FREE or STYLES.fullmatch(path):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            if await asyncio.to_thread(lambda: self.door.is_open or self.door.has_link(scope)):
                await self.app(scope, receive, send)
                return
            if await self.door.has_key(scope, headers):
                await self.app(scope, receive, send)
                return
            session = await asyncio.to_thread(self.door.session, scope, headers)
        except AccessError as error:
            log.error("accounts can't be read: nobody is let in", error=str(error))
            await answer(503, UNREADABLE)(scope, receive, send)
            return
        if session is None:
            await to_sign_in(scope, headers)(scope, receive, send)
            return
        if (problem := refusal(scope, headers, session)) is not None:
            await answer(403, problem)(scope, receive, send)
            return
        state["session"] = session
        await self._while_signed_in(session, scope, receive, send)

    async def _while_signed_in(self, session: Session, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the request; one that goes on is broken off when its session ends."""
        running = asyncio.create_task(_run(self.app, scope, receive, send))
        try:
            while not (await asyncio.wait((running,), timeout=LOOK_EVERY))[0]:
                if not await asyncio.to_thread(self.door.still, session, scope):
                    running.cancel()
                    await asyncio.wait((running,))
                    await end(scope, send)
                    return
            await running
        finally:
            if not running.done():
                running.cancel()
                await asyncio.wait((running,))


async def _run(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)


async def end(scope: Scope, send: Send) -> None:
    """Ends an answer or a WebSocket whose session has ended."""
    closing: Message = {"type": "http.response.body", "body": b"", "more_body": False}
    if scope["type"] == "websocket":
        closing = {"type": "websocket.close", "code": ENDED, "reason": "you are signed out"}
    with suppress(Exception):  # it may have ended meanwhile, or owe more bytes than will come
        await send(closing)


def refusal(scope: Scope, headers: Headers, session: Session) -> str | None:
    """Why somebody who is signed in may not do this; None where they may."""
    path = scope["path"]
    if scope["type"] == "websocket":
        if session.role == "operator" or READ_SOCKETS.fullmatch(path):
            return None
        return "viewers may look and listen; this takes an operator"
    if scope["method"] in SAFE_METHODS or path.startswith(OWN_FORMS):
        return None
    if session.role != "operator":
        return "viewers may look and listen, not change anything: ask an operator"
    if not hmac.compare_digest(headers.get(TOKEN, "").encode(), session.token.encode()):
        return "refused: the request does not come from a page of your session; load the page again"
    return None


def to_sign_in(scope: Scope, headers: Headers) -> ASGIApp:
    """What sends a person to the login page, and tells a script or a player that it needs one (401)."""
    if scope["type"] == "http" and scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
        return RedirectResponse(f"/login?next={quote(scope['path'])}", 303)
    return answer(401, SIGN_IN)


def session_of(request: Request) -> Session | None:
    """Who is signed in, None where nobody is asked."""
    found: Session | None = request.scope.get("state", {}).get("session")
    return found
