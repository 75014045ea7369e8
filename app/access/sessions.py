"""Sessions: who is signed in where. A cookie names one; of its secret only the hash is kept here."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from app.access.accounts import ROLES, Role
from app.access.store import Store, hashed

IDLE = 30 * 60.0
"""Seconds without a request after which a session has ended. An open page asks every few seconds."""
LONGEST = 12 * 3600.0
"""Seconds after which one signs in again, however busy."""
NOTED_EVERY = 60.0
MOST_EACH = 20
LONGEST_BROWSER = 200


@dataclass(frozen=True)
class Session:
    """Somebody who is signed in. `hash` names the session, `made` and `used` are Unix times in seconds.

    `token` proves to a request that it comes from a page of this session.
    """

    hash: str
    name: str
    role: Role
    browser: str
    made: float
    used: float
    token: str


class Sessions:
    """The sessions in a store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def begin(self, name: str, role: Role | None, browser: str, *, secure: bool) -> str:
        """Begins a session and gives the cookie's value. `role` is what an issuer said, None for an account.

        Of more than MOST_EACH sessions of one name the least recent ends.
        """
        secret, now = secrets.token_urlsafe(32), self.store.clock()
        values = (hashed(secret), name, role or "", browser[:LONGEST_BROWSER], secure, now, now)
        with self.store.open() as connection:
            connection.execute("DELETE FROM sessions WHERE used < ? OR made < ?", (now - IDLE, now - LONGEST))
            connection.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)", values)
            connection.execute(
                "DELETE FROM sessions WHERE name = ? AND hash NOT IN "
                "(SELECT hash FROM sessions WHERE name = ? ORDER BY used DESC, made DESC LIMIT ?)",
                (name, name, MOST_EACH),
            )
        return f"{secret}.{self.store.sign('sessions', secret)}"

    def find(self, cookie: str, *, secure: bool) -> Session | None:
        """Whose session a cookie names, and notes that it is used; None where it has ended or is not ours.

        One that began over https is found over https alone, and the other way round.
        """
        secret, _, signature = cookie.partition(".")
        if not signature or not self.store.exists or not self.store.is_signed(signature, "sessions", secret):
            return None
        return self.look(hashed(secret), secure=secure, used=True)

    def look(self, session: str, *, secure: bool, used: bool = False) -> Session | None:
        """The session of that hash where it holds; its account's role is asked for each time."""
        now = self.store.clock()
        with self.store.open() as connection:
            row = connection.execute(
                "SELECT s.*, CASE issued WHEN '' THEN u.role ELSE issued END AS role FROM sessions s "
                "LEFT JOIN users u ON u.name = s.name WHERE hash = ? AND secure = ?",
                (session, secure),
            ).fetchone()
            if row is None or row["role"] not in ROLES:
                return None
            if now - row["used"] >= IDLE or now - row["made"] >= LONGEST:
                connection.execute("DELETE FROM sessions WHERE hash = ?", (session,))
                return None
            if used and now - row["used"] >= NOTED_EVERY:
                connection.execute("UPDATE sessions SET used = ? WHERE hash = ?", (now, session))
        token = self.store.sign("pages", session)
        return Session(session, row["name"], row["role"], row["browser"], row["made"], row["used"], token)

    def of(self, name: str = "") -> list[Session]:
        """The sessions of that name that hold, or all, the most recent first."""
        if not self.store.exists:
            return []
        with self.store.open() as connection:
            rows = connection.execute(
                "SELECT hash, secure FROM sessions WHERE ? IN ('', name) ORDER BY used DESC", (name,)
            ).fetchall()
        found = (self.look(row["hash"], secure=bool(row["secure"])) for row in rows)
        return [each for each in found if each is not None]

    def end(self, name: str, session: str = "") -> int:
        """Ends one session of that name, or all; gives how many."""
        with self.store.open() as connection:
            return connection.execute(
                "DELETE FROM sessions WHERE name = ? AND ? IN ('', hash)", (name, session)
            ).rowcount
