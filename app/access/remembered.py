"""Links that were right a moment ago, so that who watches by one costs no look into the store for each piece.

What is remembered is no link and no secret, only hashes of both. The file's state tells each time whether
anything was written since; where a file system tells that late, the secret itself is looked at each second.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict

from app.access.links import Links, secret_of_cells
from app.access.store import Store, store_of
from app.settings import Settings

LOOK_EVERY = 1.0
"""Seconds after which a link that was ended holds no more, at the latest."""
SETTLED_AFTER = 0.1
"""Seconds after which a second change of the file has another time than the first."""
MOST = 4096


class RememberedLinks(Links):
    """The same answers as Links gives. For one thread."""

    def __init__(self, store: Store, shared: str = "") -> None:
        super().__init__(store, shared)
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._secret = b""
        self._stamp: tuple[int, ...] = ()
        self._looked = -LOOK_EVERY
        self._settled = False

    def is_right(self, until: str, signature: str, path: str, action: str) -> bool:
        """Whether we signed that; see Links."""
        self._look()
        known = self._hashed("\0".join((until, signature, path, action)).encode())
        if known in self._right:
            self._right.move_to_end(known)
            return True
        if not super().is_right(until, signature, path, action):
            return False
        self._right[known] = None
        if len(self._right) > MOST:
            self._right.popitem(last=False)
        return True

    def _look(self) -> None:
        """Forgets all links where the secret is another one than it was."""
        now, stamp = time.monotonic(), self.store.stamp() if self.store.exists else ()
        if stamp == self._stamp and self._settled and now - self._looked < LOOK_EVERY:
            return
        settled = bool(stamp) and time.time() - self.store.changed(stamp) > SETTLED_AFTER
        secret = self._hashed(b"".join(self.secrets()))
        if secret != self._secret:
            self._right.clear()
        self._secret, self._stamp, self._settled, self._looked = secret, stamp, settled, now

    def _hashed(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, key=self._key, digest_size=32).digest()


def links_of(settings: Settings) -> RememberedLinks:
    """Those by the store under DATA_DIR, and of all cells where there are others."""
    return RememberedLinks(store_of(settings), secret_of_cells(settings))
