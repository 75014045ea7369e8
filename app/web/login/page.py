"""What people see of signing in: plain HTML forms, without any script."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import quote

from app.access.sessions import Session

FOLDER = Path(__file__).parents[1] / "pages"
BROWSERS = ("Edg", "OPR", "Firefox", "Chrome", "Safari")
CALLED = {"Edg": "Edge", "OPR": "Opera"}


def filled(file: str, **values: str) -> str:
    """A page with its values, which are HTML already."""
    return Template((FOLDER / file).read_text(encoding="utf-8")).substitute(values)


def login(token: str, to: str, problem: str, *, accounts: bool, issuer: bool) -> str:
    """The login page. `accounts` and `issuer` say which ways there are."""
    field = hidden("next", to) + hidden("token", token)
    return filled(
        "login.html",
        problem=told(problem),
        form=filled("login-form.html", fields=field, invalid=' aria-invalid="true"' if problem else "")
        if accounts
        else "",
        issuer=f'<p><a class="button" href="/login/oidc?next={quote(to, safe="/")}">Sign in with your '
        "organisation</a></p>"
        if issuer
        else "",
    )


def account(session: Session, sessions: Iterable[Session], problem: str, *, local: bool) -> str:
    """One's own sessions, and where the account is ours a form for another password."""
    token = hidden("token", session.token)
    return filled(
        "account.html",
        who=who(session),
        name=escape(session.name),
        role=session.role,
        problem=told(problem),
        token=token,
        sessions="\n".join(row(each, token, here=each.hash == session.hash) for each in sessions),
        password=filled("account-password.html", token=token) if local else "",
    )


def row(session: Session, token: str, *, here: bool) -> str:
    """One session in the list."""
    about = f"{browser(session.browser)}, since {when(session.made)}, last used {when(session.used)}"
    words = "this one" if here else "Sign out"
    label = f'aria-label="Sign out {escape(about)}"'
    button = (
        f'<span class="quiet">{words}</span>'
        if here
        else f'<form method="post" action="/account/end">{token}{hidden("session", session.hash)}'
        f"<button {label}>{words}</button></form>"
    )
    return f"<li><span>{escape(about)}</span> {button}</li>"


def who(session: Session | None) -> str:
    """Who is signed in, for the top of every page, with the way out; nothing where nobody is asked."""
    if session is None:
        return ""
    token = hidden("token", session.token)
    return (
        '<section class="who" aria-label="Account"><p>Signed in as '
        f'<a href="/account/">{escape(session.name)}</a>, {session.role}</p>'
        f'<form method="post" action="/logout">{token}<button>Sign out</button></form></section>'
    )


def told(problem: str) -> str:
    """What went wrong, so that a screen reader says it first."""
    return f'<p class="problem" role="alert" id="problem">{escape(problem)}</p>' if problem else ""


def hidden(name: str, value: str) -> str:
    """A field that nobody sees."""
    return f'<input type="hidden" name="{name}" value="{escape(value)}">'


def browser(agent: str) -> str:
    """A browser's name, as far as it says it."""
    name = next((each for each in BROWSERS if f"{each}/" in agent), "")
    return CALLED.get(name, name) or agent[:40] or "unknown browser"


def when(time: float) -> str:
    """A Unix time as it is shown."""
    return datetime.fromtimestamp(time, UTC).strftime("%d %b %H:%M UTC")
