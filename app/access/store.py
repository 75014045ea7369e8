"""The file that accounts, sessions and keys are kept in: SQLite, for its owner alone (mode 600).

It is made when the first account, key or link is: until then nobody is asked for anything. Every process of
ours that has the folder reads and writes it, so that what is revoked is revoked everywhere at once.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from app.settings import Settings

FOLDER = "access"
FILE = "access.sqlite3"
BUSY = 2.0
"""Seconds that a write waits for another process's."""
TABLES = """
CREATE TABLE IF NOT EXISTS users (
    name TEXT PRIMARY KEY, role TEXT NOT NULL, password TEXT NOT NULL, made REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS sessions (
    hash TEXT PRIMARY KEY, name TEXT NOT NULL, issued TEXT NOT NULL, browser TEXT NOT NULL,
    secure INTEGER NOT NULL, made REAL NOT NULL, used REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, hash TEXT NOT NULL, scopes TEXT NOT NULL,
    made REAL NOT NULL, used REAL, revoked REAL
) STRICT;
CREATE TABLE IF NOT EXISTS secrets (purpose TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""


class AccessError(Exception):
    """What was asked for can't be done. The message says why, for people."""


class Store:
    """The file in `folder`; times are Unix times in seconds, `clock` tells now."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = folder / FILE
        self.clock = clock

    @property
    def exists(self) -> bool:
        """Whether anything was ever kept."""
        return self.path.exists()

    def stamp(self) -> tuple[int, ...]:
        """The file's state, another one after each change of it. Raises AccessError."""
        try:
            found = self.path.stat()
        except OSError as error:
            raise AccessError(f"{self.path} can't be used: {error}") from error
        return found.st_ctime_ns, found.st_mtime_ns, found.st_size, found.st_ino

    @staticmethod
    def changed(stamp: tuple[int, ...]) -> float:
        """When the file had come to that state (Unix time)."""
        return stamp[0] / 1e9

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """A connection whose changes are kept at the end of the block. Makes the file where there is none.

        Raises AccessError where it can't be read or written: whoever asks is then let in nowhere.
        """
        try:
            if not self.exists:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            with closing(sqlite3.connect(self.path, timeout=BUSY)) as connection:
                connection.row_factory = sqlite3.Row
                if not connection.execute("PRAGMA user_version").fetchone()[0]:
                    connection.executescript(f"BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = 1; COMMIT;")
                with connection:
                    yield connection
        except (OSError, sqlite3.Error) as error:
            if isinstance(error, sqlite3.IntegrityError):
                raise
            raise AccessError(f"{self.path} can't be used: {error}") from error

    def secret(self, purpose: str) -> bytes:
        """A secret of our own for that purpose, made when it is first asked for."""
        with self.open() as connection:
            query = "SELECT value FROM secrets WHERE purpose = ?"
            found = connection.execute(query, (purpose,)).fetchone()
            if found is None:
                new = secrets.token_hex(32)
                connection.execute("INSERT OR IGNORE INTO secrets VALUES (?, ?)", (purpose, new))
                found = connection.execute(query, (purpose,)).fetchone()
        return bytes.fromhex(found["value"])

    def sign(self, purpose: str, *texts: str) -> str:
        """What only we can say about these texts; see `signed`."""
        return signed(self.secret(purpose), *texts)

    def is_signed(self, signature: str, purpose: str, *texts: str) -> bool:
        """Whether that is what we signed; compared in constant time."""
        return hmac.compare_digest(signature.encode(), self.sign(purpose, *texts).encode())

    def forget(self, purpose: str) -> None:
        """Makes a new secret of the one for that purpose: nothing that was signed holds any more."""
        with self.open() as connection:
            connection.execute("DELETE FROM secrets WHERE purpose = ?", (purpose,))

    def number(self, purpose: str) -> int:
        """A number that was kept for that purpose; 0 where there is none."""
        if not self.exists:
            return 0
        with self.open() as connection:
            found = connection.execute("SELECT value FROM secrets WHERE purpose = ?", (purpose,)).fetchone()
        return int(found["value"]) if found else 0

    def keep(self, purpose: str, number: int) -> None:
        """Keeps a number for that purpose, where it is a higher one."""
        query = (
            "INSERT INTO secrets VALUES (?, ?) ON CONFLICT (purpose) DO UPDATE SET value = excluded.value "
            "WHERE CAST(excluded.value AS INTEGER) > CAST(value AS INTEGER)"
        )
        with self.open() as connection:
            connection.execute(query, (purpose, str(number)))

    def holds(self, *queries: str) -> bool:
        """Whether one of these queries finds something; nothing does where there is no file."""
        if not self.exists:
            return False
        with self.open() as connection:
            return any(connection.execute(query).fetchone() is not None for query in queries)


ACCOUNTS = "SELECT 1 FROM users"
KEYS = "SELECT 1 FROM keys WHERE revoked IS NULL"


def store_of(settings: Settings) -> Store:
    """The store under DATA_DIR."""
    return Store(settings.data_dir / FOLDER)


def signed(secret: bytes, *texts: str) -> str:
    """What only who has the secret can say about these texts: an HMAC (SHA-256), in hexadecimal."""
    # NUL can't be in any of them, so that no two lists of texts are signed alike.
    return hmac.new(secret, "\0".join(texts).encode(), hashlib.sha256).hexdigest()


def hashed(secret: str) -> str:
    """How a long random secret is kept: nobody can find it from this, so that nothing slow is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()
