"""An uploaded file as an answer, or the part of it that a Range asks for: players jump by it."""

from __future__ import annotations

import asyncio
import re
import uuid

from fastapi import HTTPException
from fastapi.responses import StreamingResponse
from starlette.requests import Request

from app.archive.storage import Storage


async def sound(
    request: Request, storage: Storage, transcript: uuid.UUID, size: int, headers: dict[str, str]
) -> StreamingResponse:
    """The file of so many bytes. Raises HTTPException 404, 416, OutOfReach."""
    tag = f'"{transcript}"'  # It never changes.
    asked = request.headers.get("range", "")
    if request.headers.get("if-range", tag) != tag:
        asked = ""
    found = span(asked, size)
    first, last = found or (0, size - 1)
    try:
        content = await asyncio.to_thread(storage.part, transcript, first, last)
    except FileNotFoundError:
        raise HTTPException(404, "its file is not here") from None
    told = {"accept-ranges": "bytes", "content-length": str(last + 1 - first), "etag": tag}
    if found:
        told["content-range"] = f"bytes {first}-{last}/{size}"
    return StreamingResponse(
        content, 206 if found else 200, headers | told, media_type="application/octet-stream"
    )


def span(asked: str, size: int) -> tuple[int, int] | None:
    """The first and the last byte that a Range header asks for; None for all of it, which is the answer to
    several ranges and to what is none, too. Raises HTTPException 416 where it begins after the end."""
    found = re.fullmatch(r"bytes=(\d{0,15})-(\d{0,15})", asked)
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    begin = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if first and last and int(last) < begin:
        return None
    if begin >= size:
        raise HTTPException(416, "the file is shorter", {"content-range": f"bytes */{size}"})
    return begin, end
