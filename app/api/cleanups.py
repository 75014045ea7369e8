"""The addresses of a transcript's clean-up: ask for it, see it, take or leave what it changes."""

from __future__ import annotations

import uuid
from typing import cast

from fastapi import APIRouter

from app.api.messages import ChangedPhrase, ChapterView, CleanupState, CleanupView, OfVersion
from app.api.owners import Owner
from app.archive.cleaning import difference
from app.archive.cleanups import Cleanups, actions, chapters
from app.archive.transcripts import Conflict, Transcripts

NO_MODEL = (
    "no language model is set up: set LLM_MODEL, and LLM_BASE_URL (Ollama, LM Studio) or OPENROUTER_API_KEY"
)


def router(transcripts: Transcripts, cleanups: Cleanups, *, available: bool) -> APIRouter:
    """All of them; `available` says whether there is a language model."""
    routes = APIRouter(prefix="/transcripts/{transcript}/cleanup", tags=["clean-up"])

    async def view(transcript: uuid.UUID) -> CleanupView:
        known = await cleanups.of(transcript)
        if known is None:
            return CleanupView(available=available)
        segments = {each.id: each for each in await transcripts.segments(transcript)}
        return CleanupView(
            available=available,
            state=cast("CleanupState", known.state),
            problem=known.problem,
            progress=round(known.done / known.parts, 3) if known.parts else 0.0,
            refused=known.refused,
            changes=[
                ChangedPhrase(
                    segment=each["segment"],
                    start=segments[each["segment"]].start,
                    paragraph=each["paragraph"],
                    parts=list(difference(each["before"], each["after"])),
                )
                for each in known.changes
                # What was edited since is its editor's.
                if each["segment"] in segments and segments[each["segment"]].text == each["before"]
            ],
            summary=known.summary,
            chapters=[ChapterView(**each) for each in chapters(known)],
            actions=actions(known),
        )

    @routes.get("")
    async def one(owner: Owner, transcript: uuid.UUID) -> CleanupView:
        """How far it is, and what it changes."""
        await transcripts.get(owner, transcript)
        return await view(transcript)

    @routes.post("", status_code=202)
    async def ask(owner: Owner, transcript: uuid.UUID) -> CleanupView:
        """Has the language model put in signs and paragraphs, and sum it up. Changes nothing by itself."""
        if not available:
            raise Conflict(NO_MODEL)
        await transcripts.get(owner, transcript)
        await cleanups.ask(transcript)
        return await view(transcript)

    @routes.post("/take")
    async def take(owner: Owner, transcript: uuid.UUID, wish: OfVersion) -> CleanupView:
        """Makes its changes an edit, which can be undone."""
        await transcripts.get(owner, transcript)
        await cleanups.take(transcript, wish.version)
        return await view(transcript)

    @routes.post("/leave")
    async def leave(owner: Owner, transcript: uuid.UUID) -> CleanupView:
        """Leaves the text as it is; gives up a clean-up that is unfinished."""
        await transcripts.get(owner, transcript)
        await cleanups.leave(transcript)
        return await view(transcript)

    return routes
