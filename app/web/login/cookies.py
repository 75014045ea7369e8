"""The console's cookies: the session's, and one that ties the login form to a browser."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import Scope

from app.access.sessions import LONGEST

SESSION, FORM = "voicestack", "voicestack-form"
HOST = "__Host-"
"""Before a cookie's name: only https sets it, for this host alone, and no neighbouring name can."""
FORM_HOLDS = 3600


def is_told_https(scope: Scope, headers: Mapping[str, str]) -> bool:
    """Whether what is in front of us says that the browser is on https. Who lies about it only keeps his own
    browser from signing in."""
    forwarded = headers.get("x-forwarded-proto", "").split(",")[0].strip()
    return scope.get("scheme") in ("https", "wss") or forwarded == "https"


def is_https(scope: Scope, headers: Mapping[str, str]) -> bool:
    """The same, as far as one can tell: a form that was sent says where its page is from."""
    return is_told_https(scope, headers) or headers.get("origin", "").startswith("https://")


def sent(headers: Headers) -> dict[str, str]:
    """The cookies of a request."""
    return cookie_parser("; ".join(headers.getlist("cookie")))


def found(scope: Scope, headers: Headers, name: str) -> tuple[str, bool]:
    """A cookie of ours, and whether https alone could have set it; over https no other one counts."""
    cookies = sent(headers)
    if value := cookies.get(HOST + name):
        return value, True
    return ("" if is_told_https(scope, headers) else cookies.get(name, "")), False


def others(header: str) -> str:
    """A Cookie header without ours: what stands behind the console never sees a session."""
    ours = {prefix + name for prefix in ("", HOST) for name in (SESSION, FORM)}
    pairs = (pair.strip() for pair in header.split(";"))
    return "; ".join(pair for pair in pairs if pair and pair.partition("=")[0].strip() not in ours)


def put(response: Response, name: str, value: str, *, secure: bool) -> None:
    """Gives the browser a cookie that no script reads and that no other site's form brings along."""
    response.set_cookie(
        HOST + name if secure else name,
        value,
        max_age=int(LONGEST) if name == SESSION else FORM_HOLDS,
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def drop(response: Response, name: str) -> None:
    """Takes the cookie back, under both its names."""
    response.delete_cookie(name, path="/", httponly=True, samesite="lax")
    response.delete_cookie(HOST + name, path="/", secure=True, httponly=True, samesite="lax")
