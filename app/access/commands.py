"""`python -m app users`, `keys` and `links`: accounts, API keys and links, for whoever has the machine."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any

import typer

from app.access.accounts import ROLES, Accounts
from app.access.keys import SCOPES, Keys
from app.access.links import PARAMETER, Links, secret_of_cells
from app.access.sessions import Sessions
from app.access.store import AccessError, Store, store_of
from app.dubbing.service import paths
from app.native.plan import bracket
from app.settings import Settings, load
from app.settings.rules import SettingsError
from app.terminal import show_table, stop

PLAIN: Any = {"no_args_is_help": True, "add_completion": False}
users = typer.Typer(**PLAIN, help="Accounts that may sign in to the console.")
keys = typer.Typer(**PLAIN, help="API keys for programs.")
links = typer.Typer(**PLAIN, help="Links that open one stream for a while.")

Name = Annotated[str, typer.Argument(help="The account's name.")]
KeyName = Annotated[str, typer.Argument(help="The key's name.")]
LONGEST_LINK = 24 * 366.0


@contextmanager
def told() -> Iterator[tuple[Settings, Store]]:
    """The settings and the store; what goes wrong ends the program with its reason."""
    try:
        settings = load()
        yield settings, store_of(settings)
    except (AccessError, SettingsError) as error:
        stop(str(error), 1)


def password() -> str:
    """A password, asked for twice on a terminal, else the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password (12 characters or more): ")
    if getpass.getpass("Once more: ") != first:
        raise AccessError("the two passwords differ; nothing was changed")
    return first


def when(time: float | None) -> str:
    """A Unix time as people write it here."""
    return datetime.fromtimestamp(time).strftime("%Y-%m-%d %H:%M") if time else ""


@users.command("add")
def add_user(
    name: Name,
    role: Annotated[str, typer.Option(help="operator may change things, viewer may look.")] = "viewer",
) -> None:
    """Add an account; its password is asked for, or read from standard input."""
    with told() as (_, store):
        known = next((each for each in ROLES if each == role), None)
        if known is None:
            raise AccessError(f"{role!r} is no role: take operator or viewer")
        Accounts(store).add(name, password(), known)
    print(f"{name} may sign in to the console as {role}.")


@users.command("list")
def list_users() -> None:
    """Show the accounts, and how many sessions each has."""
    with told() as (_, store):
        sessions = Sessions(store)
        rows = [
            (each.name, each.role, when(each.made), len(sessions.of(each.name)))
            for each in Accounts(store).all()
        ]
    show_table(("Name", "Role", "Added", "Sessions"), rows)


@users.command("remove")
def remove_user(name: Name) -> None:
    """Remove an account and end its sessions."""
    with told() as (settings, store):
        accounts = Accounts(store)
        accounts.remove(name)
        is_last = not accounts.all() and not settings.oidc_issuer
    print(f"{name} is removed, and signed out.")
    if is_last:
        print("That was the last account: the console asks for no login any more.", file=sys.stderr)


@users.command("password")
def change_password(name: Name) -> None:
    """Give an account another password and end its sessions."""
    with told() as (_, store):
        Accounts(store).set_password(name, password())
    print(f"{name} has another password, and is signed out everywhere.")


@users.command("sessions")
def list_sessions(name: Annotated[str, typer.Argument(help="The account; all without.")] = "") -> None:
    """Show who is signed in."""
    with told() as (_, store):
        rows = [
            (each.name, each.role, when(each.made), when(each.used), each.browser)
            for each in Sessions(store).of(name)
        ]
    show_table(("Name", "Role", "Since", "Last used", "Browser"), rows)


@users.command("logout")
def logout(name: Name) -> None:
    """End all sessions of somebody; also of one who signs in by OpenID Connect."""
    with told() as (_, store):
        ended = Sessions(store).end(name)
    print(f"{name}: {ended} sessions ended.")


@keys.command("add")
def add_key(
    name: KeyName,
    scope: Annotated[list[str], typer.Option(help=f"What it opens; repeatable: {', '.join(SCOPES)}.")],
) -> None:
    """Make a key and print it: it is not kept, so that it can't be shown again."""
    with told() as (_, store):
        print(Keys(store).add(name, scope))


@keys.command("list")
def list_keys() -> None:
    """Show the keys, what they open, and when they were last used."""
    with told() as (_, store):
        rows = [
            (each.name, " ".join(each.scopes), when(each.made), when(each.used), when(each.revoked))
            for each in Keys(store).all()
        ]
    show_table(("Name", "Opens", "Made", "Last used", "Revoked"), rows)


@keys.command("revoke")
def revoke_key(name: KeyName) -> None:
    """End a key; it opens nothing from now on."""
    with told() as (_, store):
        Keys(store).revoke(name)
    print(f"{name} opens nothing any more.")


@links.command("add")
def add_link(
    path: Annotated[
        str, typer.Argument(help="The stream: all/NAME, dub/NAME/LANGUAGE, described/NAME or live/NAME.")
    ],
    hours: Annotated[float, typer.Option(min=0.01, max=LONGEST_LINK, help="How long it holds.")] = 24.0,
    publish: Annotated[bool, typer.Option("--publish", help="To publish live/NAME, not to watch.")] = False,
) -> None:
    """Print the addresses that open one stream until the hours are over."""
    with told() as (settings, store):
        live, joined = paths.live_name(path) is not None, paths.is_joined(path)
        if not live and (publish or not (joined or paths.is_output(path))):
            wanted = "live/NAME" if publish else "all/NAME, dub/NAME/LANGUAGE, described/NAME or live/NAME"
            raise AccessError(f"{path!r} is no stream: {wanted}")
        shared = secret_of_cells(settings)
        link = Links(store, shared).link(path, "publish" if publish else "read", hours * 3600)
    host = bracket(settings.media_public_host or settings.local_host)
    if joined and settings.cdn_url:
        print(f"{settings.cdn_url}/{path}/{link}/index.m3u8")
        return
    query = f"{PARAMETER}={link}"
    if joined:
        print(f"http://{host}:{settings.dubber_port}/{path}/index.m3u8?{query}")
        return
    rtmp = f"rtmp://{host}:{settings.media_rtmp_port}/{path}?{query}"
    rtsp = f"rtsp://{host}:{settings.media_rtsp_port}/{path}?{query}"
    hls = f"http://{host}:{settings.media_hls_port}/{path}/index.m3u8?{query}"
    print("\n".join((rtmp, rtsp) if publish else (rtsp, rtmp, hls)))


@links.command("revoke")
def revoke_links() -> None:
    """End every link at once."""
    with told() as (settings, store):
        Links(store).revoke()
    others = " Other cells hear of it within seconds." if settings.cells else ""
    print(f"No link that was made before opens anything any more.{others}")
