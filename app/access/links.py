"""Links that open one stream, to read it or to publish it, until a time: `?link=<until>.<signature>`."""

from __future__ import annotations

from base64 import b64encode
from typing import Literal
from urllib.parse import parse_qs

from app.access.store import Store

Action = Literal["read", "publish"]
PARAMETER = "link"
USER = "voicestack-link"
"""Who sends a link as a password."""
PURPOSE = "links"


class Links:
    """Links by the secret in a store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def make(self, path: str, action: Action, seconds: float) -> str:
        """The query of a link to that path, such as dub/news/es, that holds for so long."""
        until = str(int(self.store.clock() + seconds))
        return f"{PARAMETER}={until}.{self.store.sign(PURPOSE, path, action, until)}"

    def as_password(self, path: str, action: Action, seconds: float) -> dict[str, str]:
        """The same as the header of a request."""
        secret = self.make(path, action, seconds).partition("=")[2]
        return {"Authorization": "Basic " + b64encode(f"{USER}:{secret}".encode()).decode()}

    def allows(self, query: str, path: str, action: str) -> bool:
        """Whether a query holds a link to this path for this action whose time is not over."""
        if f"{PARAMETER}=" not in query or not self.store.exists:
            return False
        until, _, signature = parse_qs(query).get(PARAMETER, [""])[-1].partition(".")
        # ASCII alone: int() takes other digits too, and what is signed is the text.
        if not (until.isascii() and until.isdigit() and len(until) <= 12):
            return False
        return self.is_right(until, signature, path, action) and self.store.clock() < int(until)

    def is_right(self, until: str, signature: str, path: str, action: str) -> bool:
        """Whether we signed that, whatever time it is."""
        return self.store.is_signed(signature, PURPOSE, path, action, until)

    def revoke(self) -> None:
        """Ends every link at once, also those that the console uses itself."""
        self.store.forget(PURPOSE)
