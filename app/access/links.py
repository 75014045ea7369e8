"""Links that open one stream, to read it or to publish it, until a time: `?link=<until>.<signature>`."""

from __future__ import annotations

import hmac
from base64 import b64encode
from typing import Literal
from urllib.parse import parse_qs

from app.access.keys import shared_key
from app.access.store import Store, signed
from app.settings import Settings

Action = Literal["read", "publish"]
PARAMETER = "link"
USER = "voicestack-link"
"""Who sends a link as a password."""
PATTERN = r"[0-9]{1,12}\.[0-9a-f]{64}"
"""What a link looks like, as a regular expression."""
PURPOSE = "links"
ENDED = "links ended"


class Links:
    """Links by the secret in a store; with `shared`, a secret that all cells have, by one that they have in
    common, too: it comes from that and from when links were ended last, of which cells tell each other."""

    def __init__(self, store: Store, shared: str = "") -> None:
        self.store = store
        self.shared = shared

    @property
    def ended(self) -> int:
        """When links were ended last, at any cell, as a Unix time in milliseconds; 0 for never."""
        return self.store.number(ENDED)

    def secrets(self) -> list[bytes]:
        """What links may be signed with, first what new ones are."""
        if not self.shared:
            return [self.store.secret(PURPOSE)]
        common = bytes.fromhex(signed(self.shared.encode(), PURPOSE, str(self.ended)))
        # Those that were made before there was another cell hold, too.
        return [common, *([self.store.secret(PURPOSE)] if self.store.exists else [])]

    def make(self, path: str, action: Action, seconds: float) -> str:
        """The query of a link to that path, such as dub/news/es, that holds for so long."""
        return f"{PARAMETER}={self.link(path, action, seconds)}"

    def link(self, path: str, action: Action, seconds: float) -> str:
        """The link itself, as it stands in a path or is sent as a password."""
        until = str(int(self.store.clock() + seconds))
        return f"{until}.{signed(self.secrets()[0], path, action, until)}"

    def same_or_new(self, given: str, path: str, seconds: float) -> str:
        """What opens that path to read it: the given link, where it is right, else a new one for so long."""
        if self.allows(f"{PARAMETER}={given}", path, "read"):
            return given
        return self.link(path, "read", seconds)

    def as_password(self, path: str, action: Action, seconds: float) -> dict[str, str]:
        """The same as the header of a request."""
        login = f"{USER}:{self.link(path, action, seconds)}"
        return {"Authorization": "Basic " + b64encode(login.encode()).decode()}

    def allows(self, query: str, path: str, action: str) -> bool:
        """Whether a query holds a link to this path for this action whose time is not over."""
        if f"{PARAMETER}=" not in query or not (self.shared or self.store.exists):
            return False
        until, _, signature = parse_qs(query).get(PARAMETER, [""])[-1].partition(".")
        # ASCII alone: int() takes other digits too, and what is signed is the text.
        if not (until.isascii() and until.isdigit() and len(until) <= 12):
            return False
        return self.is_right(until, signature, path, action) and self.store.clock() < int(until)

    def is_right(self, until: str, signature: str, path: str, action: str) -> bool:
        """Whether we signed that, whatever time it is."""
        given = signature.encode()
        right = [signed(secret, path, action, until).encode() for secret in self.secrets()]
        return any(hmac.compare_digest(given, each) for each in right)

    def revoke(self) -> None:
        """Ends every link at once, also those that the console uses itself; at other cells once they hear."""
        self.hear(max(round(self.store.clock() * 1000), self.ended + 1))

    def hear(self, ended: int) -> None:
        """Links were ended then, here or at another cell: none that was made before holds."""
        if ended > self.ended:
            self.store.forget(PURPOSE)
            self.store.keep(ENDED, ended)


def secret_of_cells(settings: Settings) -> str:
    """What links are signed with so that they hold at every cell; empty where there is one cell alone."""
    return shared_key(settings) if settings.cells else ""
