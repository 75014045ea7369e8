"""Whose request it is: each key of API_KEYS has its own transcripts; without keys all are one owner's."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import Depends, HTTPException, Request

from app.settings import Settings
from app.speech.rest.door import allowed

EVERYONE = "everyone"


def owner_of(key: str) -> str:
    """Whose transcripts a key is for."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def first_owner(settings: Settings) -> str:
    """Whose the watched folder is: the first key's, as the console's are."""
    return owner_of(settings.api_keys[0].get_secret_value()) if settings.api_keys else EVERYONE


async def owner(request: Request) -> str:
    """The owner. Raises HTTPException 401 where no valid key was sent."""
    settings: Settings = request.app.state.settings
    if not settings.api_keys:
        return EVERYONE
    header = request.headers.get("authorization", "")
    for key in settings.api_keys:
        if allowed(header, [key]):
            return owner_of(key.get_secret_value())
    raise HTTPException(
        401,
        "no valid API key; send `Authorization: Bearer <key>` with one of API_KEYS",
        {"WWW-Authenticate": "Bearer"},
    )


Owner = Annotated[str, Depends(owner)]
