"""What pages of other sites may read."""

from __future__ import annotations

from app.settings import Settings


def shared(settings: Settings, origin: str) -> dict[str, str]:
    """The headers that let pages of our sites read an answer."""
    found = {"vary": "origin"} if settings.allowed_origins else {}
    if origin in settings.allowed_origins:
        found["access-control-allow-origin"] = origin
    return found
