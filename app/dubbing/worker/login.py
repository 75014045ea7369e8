"""How a worker logs in at the media server: with the credentials that stand in its addresses."""

from __future__ import annotations

import base64
from urllib.parse import SplitResult, unquote


def basic(address: SplitResult) -> str:
    """The value of an Authorization header with the user and password of the address (RFC 7617)."""
    login = f"{unquote(address.username or '')}:{unquote(address.password or '')}"
    return f"Basic {base64.b64encode(login.encode()).decode()}"
