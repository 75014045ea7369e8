"""The addresses of transcripts: list, search, text, edits, exports, sound, progress."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import func, select
from sse_starlette import EventSourceResponse, ServerSentEvent

from app.api.messages import (
    SEEN,
    Changes,
    EditView,
    EditWish,
    ExcerptView,
    Found,
    OfVersion,
    SegmentView,
    TextWish,
    TranscriptView,
    WholeTranscript,
)  # fmt: skip
from app.api.messages import Transcripts as TranscriptList
from app.api.owners import Owner
from app.api.sound import sound as sound_of
from app.api.uploads import Arrivals
from app.archive import cleanups, edits, search
from app.archive.exports import MEDIA_TYPES, Format, export
from app.archive.storage import PEAKS
from app.archive.tables import State, Transcript
from app.archive.transcripts import Transcripts
from app.archive.voices import Voices

LOOK = 1.0
"""Seconds between looks for news."""
OVERLAP = timedelta(seconds=10)
"""How far back each look goes: a change counts from when it began, and may be seen only later."""
MOST = 200
PRIVATE = {"cache-control": "private, no-cache"}


def router(transcripts: Transcripts, arrivals: Arrivals, voices: Voices | None = None) -> APIRouter:
    """All of them. `voices` keeps those of speakers who are given a name."""
    routes = APIRouter(tags=["transcripts"])

    async def views(found: list[Transcript]) -> list[TranscriptView]:
        progress = await transcripts.progress([each.id for each in found])
        return [TranscriptView.of(each, progress.get(each.id)) for each in found]

    async def view(owner: str, transcript: uuid.UUID, *, deleted: bool = False) -> TranscriptView:
        return (await views([await transcripts.get(owner, transcript, deleted=deleted)]))[0]

    @routes.post("/transcripts", status_code=201)
    async def upload(request: Request, owner: Owner) -> TranscriptView:
        """A file in one request (multipart: file, title, language, vocabulary, speakers); large: /uploads."""
        return TranscriptView.of(await arrivals.whole(request, owner), None)

    @routes.post("/transcripts/text", status_code=201)
    async def text(owner: Owner, wish: TextWish) -> TranscriptView:
        """A text that was written down elsewhere, such as on the live page, becomes a transcript."""
        lines = wish.lines
        if not lines:
            raise HTTPException(422, "segments: there is no word in them")
        new = await transcripts.written(owner, wish.title, wish.language, lines, has_sound=wish.sound)
        return await view(owner, new)

    @routes.get("/transcripts")
    async def every(
        owner: Owner,
        state: State | None = None,
        tag: Annotated[str, Query(max_length=100, pattern=SEEN)] = "",
        before: datetime | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
    ) -> TranscriptList:
        """Transcripts, newest first."""
        async with transcripts.sessions() as session:
            wanted = search.Filter(state or "", tag, before)
            found = list(await search.listed(session, owner, wanted, limit))
        more = found[-1].made_at if len(found) == limit else None
        return TranscriptList(transcripts=await views(found), before=more)

    @routes.get("/search")
    async def look(owner: Owner, words: Annotated[str, Query(min_length=1, max_length=200)]) -> Found:
        """What was said anywhere, and titles: words, "words in a row", -without; where that is little, names
        that are written a little otherwise, too."""
        words = words.replace("\x00", "")
        async with transcripts.sessions() as session:
            titled = list(await search.titled(session, owner, words, 20))
            said = await search.said(session, owner, words)
        phrases = [ExcerptView(**vars(each) | {"parts": list(each.parts)}) for each in said]
        return Found(transcripts=await views(titled), phrases=phrases)

    @routes.get("/events")
    async def events(owner: Owner) -> EventSourceResponse:
        """Every transcript that changes from now on, as server-sent events."""
        return EventSourceResponse(news(transcripts, owner, views))

    @routes.get("/transcripts/{transcript}")
    async def one(owner: Owner, transcript: uuid.UUID) -> WholeTranscript:
        """A transcript with its text, as far as it is."""
        found = await transcripts.get(owner, transcript)
        base = (await views([found]))[0]
        segments = [SegmentView.of(each) for each in await transcripts.segments(transcript)]
        same = await transcripts.same(found)
        return WholeTranscript(**base.model_dump(), segments=segments, same_as=same)

    @routes.patch("/transcripts/{transcript}")
    async def change(owner: Owner, transcript: uuid.UUID, changes: Changes) -> TranscriptView:
        """Changes title, tags or speakers' names."""
        values = changes.model_dump(exclude_none=True)
        if values:
            before = (await transcripts.get(owner, transcript)).speakers
            await transcripts.change(owner, transcript, **values)
            if voices is not None and changes.speakers is not None:
                await voices.named(transcript, before, changes.speakers)
        return await view(owner, transcript)

    @routes.delete("/transcripts/{transcript}", status_code=204)
    async def delete(owner: Owner, transcript: uuid.UUID) -> None:
        """Deletes it with its file; it can be restored for DELETED_KEPT_DAYS."""
        await transcripts.delete(owner, transcript)

    @routes.post("/transcripts/{transcript}/restore")
    async def restore(owner: Owner, transcript: uuid.UUID) -> TranscriptView:
        """Takes a deletion back."""
        await transcripts.restore(owner, transcript)
        return await view(owner, transcript)

    @routes.post("/transcripts/{transcript}/cancel")
    async def cancel(owner: Owner, transcript: uuid.UUID) -> TranscriptView:
        """Stops the work on it; what is written down stays."""
        await transcripts.cancel(owner, transcript)
        return await view(owner, transcript)

    @routes.post("/transcripts/{transcript}/again")
    async def again(owner: Owner, transcript: uuid.UUID) -> TranscriptView:
        """Works off what failed or was cancelled once more."""
        await transcripts.again(owner, transcript)
        return await view(owner, transcript)

    @routes.post("/transcripts/{transcript}/edits")
    async def edit(owner: Owner, transcript: uuid.UUID, wish: EditWish) -> WholeTranscript:
        """Edits a segment: another text, split, merge with the next, another speaker."""
        await transcripts.get(owner, transcript)
        await edits.edit(transcripts.sessions, transcript, wish.version, wish.segment, wish.what, wish.value)
        return await one(owner, transcript)

    @routes.get("/transcripts/{transcript}/edits")
    async def versions(owner: Owner, transcript: uuid.UUID) -> list[EditView]:
        """All edits, newest first."""
        await transcripts.get(owner, transcript)
        async with transcripts.sessions() as session:
            found = await edits.history(session, transcript)
        return [
            EditView(
                number=each.number, what=each.what, undone=each.undone, made_at=each.made_at,
                before=text_of(each.before), after=text_of(each.after),
            )
            for each in found
        ]  # fmt: skip

    @routes.post("/transcripts/{transcript}/undo")
    async def undo(owner: Owner, transcript: uuid.UUID, wish: OfVersion) -> WholeTranscript:
        """Takes the last edit back."""
        await transcripts.get(owner, transcript)
        await edits.undo(transcripts.sessions, transcript, wish.version)
        return await one(owner, transcript)

    @routes.post("/transcripts/{transcript}/redo")
    async def redo(owner: Owner, transcript: uuid.UUID, wish: OfVersion) -> WholeTranscript:
        """Does again what was undone last."""
        await transcripts.get(owner, transcript)
        await edits.redo(transcripts.sessions, transcript, wish.version)
        return await one(owner, transcript)

    @routes.get("/transcripts/{transcript}/export", response_class=Response)
    async def file(owner: Owner, transcript: uuid.UUID, kind: Format = "txt") -> Response:
        """The text as a file, with summary, chapters and what is to be done, where it was cleaned up."""
        found = await transcripts.get(owner, transcript)
        segments = await transcripts.segments(transcript)
        async with transcripts.sessions() as session:
            cleanup = await cleanups.found(session, transcript)
        content = await asyncio.to_thread(export, found, segments, kind, cleanup)
        return Response(content, media_type=MEDIA_TYPES[kind], headers=download(found.title, kind))

    @routes.get("/transcripts/{transcript}/sound", response_class=StreamingResponse)
    async def sound(request: Request, owner: Owner, transcript: uuid.UUID) -> StreamingResponse:
        """The uploaded file; parts of it where a Range asks for them."""
        found = await transcripts.get(owner, transcript)
        if found.state == State.ARRIVING:
            raise HTTPException(404, "its file is not here")
        # Never shown as a page, whatever it says that it is.
        headers = PRIVATE | {"x-content-type-options": "nosniff", "content-security-policy": "sandbox"}
        return await sound_of(request, transcripts.storage, transcript, found.size, headers)

    @routes.get("/transcripts/{transcript}/peaks", response_class=Response)
    async def peaks(owner: Owner, transcript: uuid.UUID) -> Response:
        """The outline of its sound: the loudest sample of each twentieth of a second, 0 to 100."""
        await transcripts.get(owner, transcript)
        try:
            content = await asyncio.to_thread(transcripts.storage.get, transcript, PEAKS)
        except FileNotFoundError:
            raise HTTPException(404, "its sound has not been looked at yet") from None
        return Response(content, media_type="application/json", headers=PRIVATE)

    return routes


async def news(transcripts: Transcripts, owner: str, views) -> AsyncIterator[ServerSentEvent]:  # type: ignore[no-untyped-def]
    """An event for each transcript each time that it has changed; a deleted one says so alone."""
    told: dict[uuid.UUID, datetime] = {}
    while True:
        async with transcripts.sessions() as session:
            recent = Transcript.changed_at > func.now() - OVERLAP
            query = select(Transcript).where(Transcript.owner == owner, recent)
            rows = list((await session.scalars(query.order_by(Transcript.changed_at))).all())
        found = [each for each in rows if told.get(each.id) != each.changed_at]
        told = {each.id: each.changed_at for each in rows}
        for each, row in zip(await views(found), found, strict=True):
            data = {**json.loads(each.model_dump_json()), "deleted": row.deleted_at is not None}
            yield ServerSentEvent(json.dumps(data), event="transcript")
        await asyncio.sleep(LOOK)


def text_of(segments: list[dict[str, list[list[str]]]]) -> str:
    """The text of segments as an edit keeps them."""
    return " | ".join(" ".join(word[0] for word in each["words"]) for each in segments)


def download(title: str, kind: str) -> dict[str, str]:
    """The header by which a browser saves the answer as a file."""
    name = re.sub(r'[/\\:*?"<>|\x00-\x1f]', "-", title).strip() or "transcript"
    return {"content-disposition": f"attachment; filename*=UTF-8''{quote(f'{name}.{kind}', safe='')}"}
