"""API keys: each has a name, and scopes that say which services it opens, to read or to change too."""

from __future__ import annotations

import hmac
import re
import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from app.access.store import AccessError, Store, hashed
from app.settings import Settings

SERVICES = ("speech", "live", "sales", "uploads", "dubber", "commentary")
SCOPES = tuple(f"{service}:{kind}" for service in SERVICES for kind in ("read", "write"))
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@+-]{0,63}")
KEY = re.compile(r"vs_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
NOTED_EVERY = 60.0


@dataclass(frozen=True)
class Key:
    """An API key without its secret; times as Unix times in seconds."""

    id: str
    name: str
    scopes: tuple[str, ...]
    made: float
    used: float | None
    revoked: float | None

    def opens(self, service: str, *, changes: bool) -> bool:
        """Whether it opens that service for this: who may write may read."""
        return f"{service}:write" in self.scopes or (not changes and f"{service}:read" in self.scopes)


class Keys:
    """The keys in a store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def add(self, name: str, scopes: Iterable[str]) -> str:
        """Makes a key and gives it, for the only time. Raises AccessError."""
        if not NAME.fullmatch(name):
            raise AccessError(f"{name!r} is no name: 1 to 64 letters, digits, spaces and . _ @ + -")
        wanted = sorted({scope_of(each) for each in scopes})
        if not wanted:
            raise AccessError(f"say what the key opens, with --scope; the scopes are: {', '.join(SCOPES)}")
        key, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        values = (key, name, hashed(secret), " ".join(wanted), self.store.clock())
        try:
            with self.store.open() as connection:
                connection.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?, NULL, NULL)", values)
        except sqlite3.IntegrityError:
            raise AccessError(f"there is or was a key {name!r}: take another name") from None
        return f"vs_{key}_{secret}"

    def all(self) -> list[Key]:
        """All of them, also those that are revoked, the newest last."""
        if not self.store.exists:
            return []
        with self.store.open() as connection:
            return [read(row) for row in connection.execute("SELECT * FROM keys ORDER BY made")]

    def revoke(self, name: str) -> None:
        """Ends a key. Raises AccessError where there is none of that name that holds."""
        with self.store.open() as connection:
            statement = "UPDATE keys SET revoked = ? WHERE name = ? AND revoked IS NULL"
            if connection.execute(statement, (self.store.clock(), name)).rowcount == 0:
                raise AccessError(f"there is no key {name!r} that could be revoked")

    def find(self, given: str) -> Key | None:
        """The key that was given, and notes that it is used; None where it is revoked or none of ours."""
        parts = KEY.fullmatch(given)
        if parts is None or not self.store.exists:
            return None
        now = self.store.clock()
        with self.store.open() as connection:
            row = connection.execute("SELECT * FROM keys WHERE id = ?", (parts[1],)).fetchone()
            expected = row["hash"] if row is not None else hashed("")
            is_right = hmac.compare_digest(hashed(parts[2]), expected)
            if row is None or not is_right or row["revoked"] is not None:
                return None
            if row["used"] is None or now - row["used"] >= NOTED_EVERY:
                connection.execute("UPDATE keys SET used = ? WHERE id = ?", (now, row["id"]))
        return read(row)


def scope_of(text: str) -> str:
    """A scope as it is kept: `speech` alone is speech:write. Raises AccessError with the choices."""
    scope = text if ":" in text else f"{text}:write"
    if scope not in SCOPES:
        raise AccessError(f"unknown scope {text!r}; the scopes are: {', '.join(SCOPES)}")
    return scope


def read(row: sqlite3.Row) -> Key:
    """A key as it is kept."""
    scopes = tuple(row["scopes"].split())
    return Key(row["id"], row["name"], scopes, row["made"], row["used"], row["revoked"])


def shared_key(settings: Settings) -> str:
    """The first of API_KEYS, which every host is given; empty where there is none."""
    return settings.api_keys[0].get_secret_value() if settings.api_keys else ""
