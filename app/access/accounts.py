"""Local accounts: a name, a role, and a password of which only the argon2 hash is kept."""

from __future__ import annotations

import os
import re
import sqlite3
from base64 import b64encode
from dataclasses import dataclass
from typing import Literal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.access.store import AccessError, Store

Role = Literal["operator", "viewer"]
ROLES: tuple[Role, ...] = ("operator", "viewer")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
SHORTEST, LONGEST = 12, 256
FEWEST_DIFFERENT = 5
# RFC 9106's choice for little memory: 64 MiB, three passes; some 100 ms on one core.
HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)


@dataclass(frozen=True)
class Account:
    """Somebody who may sign in; `made` as Unix time in seconds."""

    name: str
    role: Role
    made: float


class Accounts:
    """The accounts in a store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def all(self) -> list[Account]:
        """All of them, by name."""
        if not self.store.exists:
            return []
        with self.store.open() as connection:
            rows = connection.execute("SELECT name, role, made FROM users ORDER BY name").fetchall()
        return [Account(**row) for row in rows]

    def role(self, name: str) -> Role | None:
        """What the account of that name may do; None where there is none."""
        return next((each.role for each in self.all() if each.name == name), None)

    def add(self, name: str, password: str, role: Role) -> None:
        """Adds an account. Raises AccessError for a name that is taken or impossible, and a weak password."""
        if not NAME.fullmatch(name):
            raise AccessError(f"{name!r} is no name: 1 to 64 letters, digits and . _ @ + -")
        check(name, password)
        try:
            with self.store.open() as connection:
                values = (name, role, HASHER.hash(password), self.store.clock())
                connection.execute("INSERT INTO users VALUES (?, ?, ?, ?)", values)
        except sqlite3.IntegrityError:
            raise AccessError(f"there is an account {name} already") from None

    def remove(self, name: str) -> None:
        """Removes an account and ends its sessions. Raises AccessError where there is none."""
        self._change(name, "DELETE FROM users WHERE name = ?", (name,))

    def set_password(self, name: str, password: str) -> None:
        """Gives an account another password and ends its sessions. Raises AccessError."""
        check(name, password)
        self._change(name, "UPDATE users SET password = ? WHERE name = ?", (HASHER.hash(password), name))

    def verify(self, name: str, password: str) -> bool:
        """Whether that is the account's password. Takes as long for a name that nobody has."""
        with self.store.open() as connection:
            row = connection.execute("SELECT password FROM users WHERE name = ?", (name,)).fetchone()
        kept = row["password"] if row is not None else nobodys()
        try:
            HASHER.verify(kept, password[:LONGEST])
        except (VerificationError, InvalidHashError):
            return False
        return row is not None

    def _change(self, name: str, statement: str, values: tuple[str, ...]) -> None:
        with self.store.open() as connection:
            if connection.execute(statement, values).rowcount == 0:
                raise AccessError(f"there is no account {name}")
            connection.execute("DELETE FROM sessions WHERE name = ? AND issued = ''", (name,))


def nobodys() -> str:
    """What a password for a name that nobody has is compared with: a hash of nothing, that takes as long."""
    salt, value = (b64encode(os.urandom(size)).decode().rstrip("=") for size in (16, 32))
    return f"$argon2id$v=19$m={HASHER.memory_cost},t={HASHER.time_cost},p={HASHER.parallelism}${salt}${value}"


def check(name: str, password: str) -> None:
    """Raises AccessError for a password that is guessed too easily, or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise AccessError(f"a password has {SHORTEST} to {LONGEST} characters")
    if len(set(password)) < FEWEST_DIFFERENT or name.lower() in password.lower():
        raise AccessError("that password is guessed too easily: take words that belong to nothing of yours")
