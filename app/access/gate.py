"""What a service asks a program for: one of API_KEYS, a key that was made for it, or our services' own."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterable
from dataclasses import dataclass

import structlog
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access.keys import Keys, shared_key
from app.access.store import ACCOUNTS, KEYS, AccessError, Store, store_of
from app.serving.guarding import SAFE_METHODS, answer
from app.settings import Settings

HOUSE = "vs_house_"
NO_KEY = (
    "no valid API key; send `Authorization: Bearer <key>` with one of API_KEYS, "
    "or one of `python -m app keys add`"
)
UNREADABLE = "accounts and keys can't be read, so that nobody is let in: see this service's log"

log = structlog.get_logger(__name__)


class NotAdmitted(Exception):
    """Whoever asks may not. The message says why; `status` is the HTTP status for it."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


@dataclass(frozen=True)
class Admitted:
    """Who is let in: `key` names the key, and is empty for our own services and where nobody is asked."""

    key: str = ""


class Gate:
    """The door of a service, which `service` names among the scopes.

    It asks for a key where there are accounts, keys, or an issuer; API_KEYS alone closes it too, where it is
    `closed_by_api_keys`.
    """

    def __init__(self, settings: Settings, service: str, *, closed_by_api_keys: bool = True) -> None:
        self.settings = settings
        self.service = service
        self.store = store_of(settings)
        self.keys = Keys(self.store)
        self._closed = bool(settings.api_keys and closed_by_api_keys)

    @property
    def asks(self) -> bool:
        """Whether it asks for a key. Raises AccessError."""
        return self._closed or is_closed(self.settings, self.store)

    async def admit(self, headers: Iterable[str], *, changes: bool) -> Admitted:
        """Who comes with one of these Authorization headers, to read or to change. Raises NotAdmitted."""
        try:
            if self.settings.api_keys:
                for header in headers:
                    if (given := bearer(header)) and given in self._named(given):
                        return Admitted(given)
            if not self.store.exists and not self.asks:
                return Admitted()
            return await asyncio.to_thread(self._look, [bearer(header) for header in headers], changes)
        except AccessError as error:
            log.error("accounts and keys can't be read: nobody is let in", error=str(error))
            raise NotAdmitted(503, UNREADABLE) from None

    def _named(self, given: str) -> list[str]:
        """Which of API_KEYS that is; all are compared, in constant time."""
        keys = [key.get_secret_value() for key in self.settings.api_keys]
        same = [hmac.compare_digest(given.encode(), key.encode()) for key in keys]
        return [key for key, is_same in zip(keys, same, strict=True) if is_same]

    def _look(self, given: list[str], changes: bool) -> Admitted:
        if not self.asks:
            return Admitted()
        for each in given:
            if each.startswith(HOUSE) and self.store.exists:
                if self.store.is_signed(each.removeprefix(HOUSE), "house"):
                    return Admitted()
            elif (key := self.keys.find(each)) is not None:
                if key.opens(self.service, changes=changes):
                    return Admitted(key.id)
                verb = "change" if changes else "read"
                raise NotAdmitted(403, f"the key {key.name!r} may not {verb} here: it opens {key.scopes}")
        raise NotAdmitted(401, NO_KEY)


class Keyed:
    """ASGI middleware before a service's addresses. What `free` begins with needs no key: what tells nothing,
    and what asks for something else."""

    def __init__(self, app: ASGIApp, gate: Gate, free: tuple[str, ...]) -> None:
        self.app = app
        self.gate = gate
        self.free = free

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or says why not (401, 403)."""
        if scope["type"] in ("http", "websocket") and not scope["path"].startswith(self.free):
            headers = Headers(scope=scope)
            try:
                changes = scope.get("method", "CONNECT") not in SAFE_METHODS
                await self.gate.admit([headers.get("authorization", "")], changes=changes)
            except NotAdmitted as refusal:
                await answer(refusal.status, str(refusal))(scope, receive, send)
                return
        await self.app(scope, receive, send)


def ask_for_keys(app: FastAPI, gate: Gate, *free: str) -> None:
    """Closes an application's addresses, behind the guard against other hosts and other sites."""
    app.user_middleware.append(Middleware(Keyed, gate=gate, free=("/health", "/metrics", *free)))


def is_closed(settings: Settings, store: Store) -> bool:
    """Whether there is an issuer, an account or a key. Raises AccessError."""
    return bool(settings.oidc_issuer) or store.holds(ACCOUNTS, KEYS)


def bearer(header: str) -> str:
    """The key in an Authorization header, empty for none."""
    scheme, _, given = header.partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""


def own_key(settings: Settings) -> str:
    """The key by which our services ask each other: the first of API_KEYS, which works from host to host, or
    what whoever has the store can sign; empty where there is neither. Raises AccessError."""
    if key := shared_key(settings):
        return key
    store = store_of(settings)
    return HOUSE + store.sign("house") if store.exists else ""


def authorization(settings: Settings) -> dict[str, str]:
    """The header with which one of our services asks another; empty where there is no key."""
    key = own_key(settings)
    return {"Authorization": f"Bearer {key}"} if key else {}
