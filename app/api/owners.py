"""Whose request it is: each API key has its own transcripts; without keys all are one owner's."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import Depends, HTTPException, Request

from app.access.gate import Gate, NotAdmitted
from app.serving.guarding import SAFE_METHODS
from app.settings import Settings

EVERYONE = "everyone"


def owner_of(key: str) -> str:
    """Whose transcripts a key is for."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def first_owner(settings: Settings) -> str:
    """Whose the watched folder is: the first key's, as the console's are."""
    return owner_of(settings.api_keys[0].get_secret_value()) if settings.api_keys else EVERYONE


async def owner(request: Request) -> str:
    """The owner. Raises HTTPException 401 where no valid key was sent, 403 for a key that may not."""
    settings: Settings = request.app.state.settings
    header = request.headers.get("authorization", "")
    try:
        gate = Gate(settings, "uploads")
        admitted = await gate.admit([header], changes=request.method not in SAFE_METHODS)
    except NotAdmitted as refusal:
        challenge = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else None
        raise HTTPException(refusal.status, str(refusal), challenge) from None
    return owner_of(admitted.key) if admitted.key else first_owner(settings)


Owner = Annotated[str, Depends(owner)]
