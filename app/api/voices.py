"""The addresses of the voices that are known in later recordings: list and forget."""

from __future__ import annotations

import uuid

from fastapi import APIRouter

from app.api.messages import VoiceList, VoiceView
from app.api.owners import Owner
from app.archive.voices import Voices


def router(voices: Voices, *, kept: bool) -> APIRouter:
    """Both of them; `kept` says whether VOICE_PRINTS is on."""
    routes = APIRouter(prefix="/voices", tags=["voices"])

    @routes.get("")
    async def every(owner: Owner) -> VoiceList:
        """The voices that are known."""
        found = await voices.every(owner)
        views = [VoiceView(id=each.id, name=each.name, made_at=each.made_at) for each in found]
        return VoiceList(kept=kept, voices=views)

    @routes.delete("/{voice}", status_code=204)
    async def forget(owner: Owner, voice: uuid.UUID) -> None:
        """Deletes what is kept of a voice. Names that it has in transcripts stay."""
        await voices.forget(owner, voice)

    return routes
