"""Signing in and out: the login page, an issuer's way, and one's own sessions."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping
from urllib.parse import parse_qsl

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from app.access.accounts import Accounts, Role
from app.access.sessions import Session
from app.access.store import AccessError
from app.serving.throttle import EVERY, Throttle, network_of
from app.web.login import cookies, page
from app.web.login.door import Door, session_of
from app.web.login.oidc import Issuer, NotSignedIn

MOST_WAITING = 16
"""Passwords that wait to be looked at, one at a time: each takes 64 MiB and 100 ms."""
MAX_FORM = 4096
FORM_TYPE = "application/x-www-form-urlencoded"
NEXT = re.compile(r"/(?:[A-Za-z0-9_-]+/)*[A-Za-z0-9_-]*(?:#[A-Za-z0-9/_.~%-]*)?")
WRONG = "The name or the password is wrong."
OLD = "This page was open for too long. Try again."
BUSY = "Too many people are signing in at once. Try again in a moment."
HELD_BACK = f"There were too many wrong passwords from your network. Wait {EVERY:g} seconds and try again."
OWN_WRONG = "Your present password is wrong."

log = structlog.get_logger(__name__)


class Desk:
    """Where people sign in: accounts, the throttle, and the issuer where there is one."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.accounts = Accounts(door.store)
        self.issuer = Issuer(door.settings) if door.settings.oidc_issuer else None
        self.throttle = Throttle()
        self._waiting = 0
        self._looking = asyncio.Lock()

    async def problem(self, name: str, password: str, client: str) -> tuple[int, str] | None:
        """Status and words where somebody doesn't get in by these; None where they do."""
        if self.throttle.is_held_back(client):
            return 429, HELD_BACK
        if self._waiting >= MOST_WAITING:
            return 503, BUSY
        self._waiting += 1
        try:
            async with self._looking:
                is_right = await asyncio.to_thread(self.accounts.verify, name, password)
        finally:
            self._waiting -= 1
        if is_right:
            return None
        self.throttle.wrong(client)
        # Never the name: people type passwords there.
        log.warning("a sign-in was refused", client=client)
        return 401, WRONG

    def admit(
        self, request: Request, name: str, role: Role | None, to: str, *, status: int = 303
    ) -> RedirectResponse:
        """A new session, whatever the browser had before, and the way on."""
        sessions, scope, headers = self.door.sessions, request.scope, request.headers
        if (old := self.door.session(scope, headers)) is not None:
            sessions.end(old.name, old.hash)
        secure = cookies.is_https(scope, headers)
        cookie = sessions.begin(name, role, headers.get("user-agent", ""), secure=secure)
        log.info("signed in", user=name, client=client_of(request))
        response = RedirectResponse(to, status)
        cookies.drop(response, cookies.FORM)
        cookies.put(response, cookies.SESSION, cookie, secure=secure)
        return response

    def login_page(self, request: Request, to: str, problem: str = "", status: int = 200) -> Response:
        """The login page, tied to this browser."""
        tie, _ = cookies.found(request.scope, request.headers, cookies.FORM)
        tie = tie or secrets.token_urlsafe(32)
        token = self.door.store.sign("forms", tie)
        names = bool(self.accounts.all())
        response = HTMLResponse(
            page.login(token, to, problem, accounts=names, issuer=self.issuer is not None), status
        )
        secure = cookies.is_https(request.scope, request.headers)
        cookies.put(response, cookies.FORM, tie, secure=secure)
        return private(response)

    def is_tied(self, request: Request, form: Mapping[str, str]) -> bool:
        """Whether a login form was sent by the browser that was given it."""
        tie, _ = cookies.found(request.scope, request.headers, cookies.FORM)
        return bool(tie) and self.door.store.is_signed(form.get("token", ""), "forms", tie)


def install(app: FastAPI, door: Door) -> Desk:
    """Adds the addresses to the console."""
    desk = Desk(door)

    @app.get("/login")
    async def login_page(request: Request) -> Response:
        """The login page; the console where nobody has to sign in."""
        to = way(request.query_params.get("next", ""))
        if door.is_open:
            return RedirectResponse(to, 303)
        return desk.login_page(request, to)

    @app.post("/login")
    async def login(request: Request) -> Response:
        """Signs in with a name and a password."""
        if door.is_open:
            return RedirectResponse("/", 303)
        form = await read_form(request)
        to = way(form.get("next", ""))
        if not desk.is_tied(request, form):
            return desk.login_page(request, to, OLD, 403)
        name, password = form.get("name", ""), form.get("password", "")
        problem = await desk.problem(name, password, client_of(request))
        if problem is not None:
            response = desk.login_page(request, to, problem[1], problem[0])
            if problem[0] != 401:
                response.headers["retry-after"] = str(int(EVERY))
            return response
        return desk.admit(request, name, None, to)

    @app.get("/login/oidc")
    async def to_issuer(request: Request) -> Response:
        """Sends the browser to the issuer."""
        to = way(request.query_params.get("next", ""))
        if desk.issuer is None:
            return RedirectResponse("/login", 303)
        try:
            response, tie = await desk.issuer.send(request, callback(request), to)
        except NotSignedIn as error:
            return desk.login_page(request, to, str(error), 502)
        secure = cookies.is_https(request.scope, request.headers)
        cookies.put(response, cookies.FORM, tie, secure=secure)
        return private(response)

    @app.get("/login/callback")
    async def from_issuer(request: Request) -> Response:
        """The browser comes back from the issuer."""
        if desk.issuer is None:
            return RedirectResponse("/login", 303)
        tie, _ = cookies.found(request.scope, request.headers, cookies.FORM)
        try:
            name, role, to = await desk.issuer.welcome(request, tie)
        except NotSignedIn as error:
            log.warning("a sign-in was refused", client=client_of(request), reason=str(error))
            return desk.login_page(request, "/", str(error), 403)
        return desk.admit(request, name, role, to)

    @app.post("/logout")
    async def logout(request: Request) -> Response:
        """Ends the session."""
        session = session_of(request)
        if session is None or not is_own_form(await read_form(request), session):
            return RedirectResponse("/", 303)
        door.sessions.end(session.name, session.hash)
        log.info("signed out", user=session.name)
        return goodbye()

    @app.get("/account")
    async def account_without_slash() -> Response:
        return RedirectResponse("/account/", 303)

    @app.get("/account/")
    async def account(request: Request) -> Response:
        """One's own sessions, and another password."""
        session = session_of(request)
        return RedirectResponse("/", 303) if session is None else account_page(session)

    @app.post("/account/end")
    async def end(request: Request) -> Response:
        """Ends one of one's own sessions, or all of them."""
        session = session_of(request)
        form = await read_form(request)
        if session is None or not is_own_form(form, session):
            return RedirectResponse("/account/", 303)
        chosen = form.get("session", "")
        door.sessions.end(session.name, chosen)
        log.info("sessions ended", user=session.name)
        return goodbye() if chosen in ("", session.hash) else RedirectResponse("/account/", 303)

    @app.post("/account/password")
    async def password(request: Request) -> Response:
        """Another password for one's own account; every other session ends."""
        session = session_of(request)
        form = await read_form(request)
        if session is None or not is_own_form(form, session):
            return RedirectResponse("/account/", 303)
        problem = await desk.problem(session.name, form.get("present", ""), client_of(request))
        if problem is not None:
            words = OWN_WRONG if problem[0] == 401 else problem[1]
            return account_page(session, words, problem[0] if problem[0] != 401 else 422)
        try:
            await asyncio.to_thread(desk.accounts.set_password, session.name, form.get("new", ""))
        except AccessError as error:
            return account_page(session, f"Nothing was changed: {error}.", 422)
        log.info("password changed", user=session.name)
        return desk.admit(request, session.name, None, "/account/")

    def account_page(session: Session, problem: str = "", status: int = 200) -> Response:
        local = any(each.name == session.name for each in desk.accounts.all())
        found = door.sessions.of(session.name)
        return private(HTMLResponse(page.account(session, found, problem, local=local), status))

    return desk


def goodbye() -> Response:
    """To the login page, without a cookie."""
    response = RedirectResponse("/login", 303)
    cookies.drop(response, cookies.SESSION)
    return private(response)


def private(response: Response) -> Response:
    """A response that nothing keeps."""
    response.headers["cache-control"] = "no-store"
    return response


def way(to: str) -> str:
    """Where to go on after signing in: an address of the console's own, else its first page."""
    return to if NEXT.fullmatch(to) else "/"


def callback(request: Request) -> str:
    """The address to which the issuer sends the browser back, as the browser knows it; the host is one of
    ours, or the request would not have come this far."""
    scheme = "https" if cookies.is_https(request.scope, request.headers) else "http"
    return f"{scheme}://{request.headers.get('host', '')}/login/callback"


def client_of(request: Request) -> str:
    """Whom a wrong password slows down."""
    return network_of(request.client.host if request.client else "")


def is_own_form(form: Mapping[str, str], session: Session) -> bool:
    """Whether a form was sent by a page of this session."""
    return secrets.compare_digest(form.get("token", "").encode(), session.token.encode())


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form; none where it is too long, or no form."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != FORM_TYPE:
        return {}
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_FORM:
            return {}
    return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=16))
