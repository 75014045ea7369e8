"""Uploads: in one request (multipart), or in parts that can be resumed (tus 1.0, https://tus.io/protocols)."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import shutil
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from fastapi import APIRouter, HTTPException, Request, Response
from starlette.datastructures import FormData
from starlette.requests import ClientDisconnect

from app.api.messages import LANGUAGE
from app.api.owners import Owner
from app.archive.tables import State, Transcript
from app.archive.transcripts import Transcripts, Wishes
from app.settings import Settings
from app.speech.rest.arrival import TIMES_THE_LARGEST, Uploads, paced
from app.speech.rest.decode import check_declared
from app.speech.rest.errors import ApiError
from app.speech.rest.formats import opened
from app.speech.rest.upload import FULL, MEGABYTE, fields, read_form, the_file

TUS = "1.0.0"
EXTENSIONS = "creation,termination"
SPARE = 1_000_000_000
"""Bytes that stay free on the disk, for what is made of the uploads."""
MOST_ARRIVING = 128
"""Files in one request each that arrive at once: a hundred that are dropped together all come in."""
YES = ("1", "true", "yes", "on")
LONGEST_NAME = 255
PART_TYPE = "application/offset+octet-stream"
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and those that turn the direction of text, by which a name looks like another."""


class Arrivals:
    """What arrives, checked and handed on."""

    def __init__(self, settings: Settings, transcripts: Transcripts) -> None:
        self.settings = settings
        self.transcripts = transcripts
        self.most = settings.max_file_mb * MEGABYTE
        self._spooled = Uploads(TIMES_THE_LARGEST * settings.max_upload_mb * MEGABYTE, MOST_ARRIVING)
        # More at once would have connections to the database made and closed for each.
        self._turns = asyncio.Semaphore(settings.db_pool_size)
        self._arriving: set[uuid.UUID] = set()

    @property
    def arriving(self) -> int:
        """Requests that send a part just now."""
        return len(self._arriving)

    async def whole(self, request: Request, owner: str) -> Transcript:
        """A file that comes with one request."""
        deadline = time.monotonic() + self.settings.request_deadline
        with self._spooled.space() as space, self._spooled.arrival():
            form = await read_form(request, self.settings.max_upload_mb, deadline, space)
            async with closing(form):
                sent, file = fields(form), the_file(form)
                name = getattr(form["file"], "filename", "") or ""
                wishes = wishes_of({**sent, "filename": sent.get("filename", name)})
                file.seek(0, os.SEEK_END)
                async with self._turns:
                    return await self._kept(file, file.tell(), owner, wishes)

    async def _kept(self, file: BinaryIO, size: int, owner: str, wishes: Wishes) -> Transcript:
        self.check_room(size)
        await asyncio.to_thread(check_sound, file)
        new = await self.transcripts.begin(owner, size, wishes)
        try:
            await asyncio.to_thread(keep, file, self.transcripts.storage.file(new))
        except OSError as error:
            await self.transcripts.forget(new)
            raise full(error) from error
        return await self.transcripts.arrived(new) or await self.transcripts.get(owner, new)

    async def begin(self, owner: str, size: int, metadata: str) -> uuid.UUID:
        """A resumable upload of that size begins."""
        if size > self.most:
            raise HTTPException(413, f"the file is larger than {self.settings.max_file_mb} MB (MAX_FILE_MB)")
        if size == 0:
            raise HTTPException(400, "the file is empty")
        wishes = wishes_of(metadata_of(metadata))
        self.check_room(size)
        new = await self.transcripts.begin(owner, size, wishes)
        self.transcripts.storage.file(new).touch()
        return new

    def offset(self, upload: uuid.UUID) -> int:
        """How many bytes of it are here."""
        try:
            return self.transcripts.storage.file(upload).stat().st_size
        except FileNotFoundError:
            # We were ended before its first byte.
            return 0

    async def settled(self, upload: uuid.UUID, size: int) -> int:
        """The same; an upload that we were ended over once all of it was here is made a transcript first."""
        here = self.offset(upload)
        if here == size:
            async with self.alone(upload):
                await self._complete(upload)
        return here

    async def part(self, request: Request, upload: uuid.UUID, size: int, offset: int) -> int:
        """Takes a part, which begins at the offset; how many bytes are here then. What came before it broke
        off is kept."""
        async with self.alone(upload):
            here = self.offset(upload)
            if offset != here:
                raise HTTPException(409, f"{here} bytes are here, not {offset}", {"Upload-Offset": str(here)})
            with self.transcripts.storage.file(upload).open("ab") as file:
                try:
                    async for chunk in paced(request.stream(), float("inf")):
                        here += len(chunk)
                        if here > size:
                            raise HTTPException(413, f"more bytes than the {size} that were announced")
                        file.write(chunk)
                        # So that what is told is on its way to the disk, whatever becomes of us.
                        file.flush()
                except ClientDisconnect:
                    pass
                except OSError as error:
                    raise full(error) from error
            here = self.offset(upload)
            await self.transcripts.received(upload, here)
            if here == size:
                await self._complete(upload)
            return here

    async def _complete(self, upload: uuid.UUID) -> None:
        path = self.transcripts.storage.file(upload)
        try:
            with path.open("rb") as file:
                await asyncio.to_thread(check_sound, file)
                os.fsync(file.fileno())
        except ApiError:
            await self.transcripts.forget(upload)
            raise
        await self.transcripts.arrived(upload)

    @asynccontextmanager
    async def alone(self, upload: uuid.UUID) -> AsyncIterator[None]:
        """Keeps other requests from the upload. Raises HTTPException 423 where one has it."""
        if upload in self._arriving:
            raise HTTPException(423, "another request is sending this upload")
        self._arriving.add(upload)
        try:
            yield
        finally:
            self._arriving.discard(upload)

    def check_room(self, size: int) -> None:
        """Raises HTTPException 507 where the disk has no room for so many bytes."""
        free = self.transcripts.storage.free()
        if size + SPARE > free:
            raise HTTPException(507, f"the disk has no room for {size} bytes: {free} are free")


def full(error: OSError) -> Exception:
    """What to raise for an error of the disk: HTTPException 507 where it is full, else the error."""
    return HTTPException(507, "the disk is full") if error.errno in FULL else error


@asynccontextmanager
async def closing(form: FormData) -> AsyncIterator[None]:
    """Closes the form at the end, which deletes its file."""
    try:
        yield
    finally:
        await form.close()


def check_sound(file: BinaryIO) -> None:
    """Whether the file has sound that can be read, whatever its name says. Raises ApiError."""
    file.seek(0)
    with opened(file) as container:
        if not container.streams.audio:
            raise ApiError(415, "the file has no audio stream", "unsupported_media_type", "file")
        check_declared(container, container.streams.audio[0], float("inf"))


def keep(file: BinaryIO, path: Path) -> None:
    """The file's content under that path, on the disk when this returns."""
    file.seek(0)
    with path.open("wb") as kept:
        shutil.copyfileobj(file, kept, 1 << 20)
        kept.flush()
        os.fsync(kept.fileno())


def metadata_of(header: str) -> dict[str, str]:
    """tus's Upload-Metadata: keys and base64 values. Raises HTTPException 400."""
    found = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        key, _, value = pair.partition(" ")
        try:
            found[key] = base64.b64decode(value, validate=True).decode()
        except ValueError:
            raise HTTPException(400, f"Upload-Metadata: {key} is not text in base64") from None
    return found


def wishes_of(sent: dict[str, str]) -> Wishes:
    """What the sender says of the file. Raises HTTPException 422."""
    language = sent.get("language", "").lower().split("-")[0]
    if not re.fullmatch(LANGUAGE, language):
        raise HTTPException(422, "language: two or three letters, such as en; without it, it is found out")
    name = plain(sent.get("filename", "")) or "upload"
    return Wishes(
        name=name[-LONGEST_NAME:],
        title=seen(sent.get("title", ""))[:300],
        language=language,
        vocabulary=sent.get("vocabulary", "").replace("\x00", "")[:2000],
        apart=sent.get("speakers", "").lower() in YES,
        text_of=identity(sent.get("text_of", "")),
    )


def identity(text: str) -> uuid.UUID | None:
    """The transcript's id; None where none is named. Raises HTTPException 422."""
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        raise HTTPException(422, "text_of: the id of a transcript") from None


def seen(text: str) -> str:
    """A text without characters that can't be seen."""
    return UNPRINTABLE.sub("", text).strip()


def plain(name: str) -> str:
    """A file's name without folders and without characters that can't be seen."""
    return seen(name).replace("\\", "/").rpartition("/")[2].strip()


def router(arrivals: Arrivals) -> APIRouter:
    """The addresses of uploads."""
    routes = APIRouter(prefix="/uploads", tags=["uploads"])
    transcripts = arrivals.transcripts
    always = {"Tus-Resumable": TUS, "Cache-Control": "no-store"}

    def check_version(request: Request) -> None:
        if request.headers.get("tus-resumable") != TUS:
            raise HTTPException(412, f"this speaks tus {TUS}", {"Tus-Version": TUS})

    @routes.options("")
    async def about() -> Response:
        """What of tus is spoken here."""
        told = {"Tus-Version": TUS, "Tus-Extension": EXTENSIONS, "Tus-Max-Size": str(arrivals.most)}
        return Response(status_code=204, headers=always | told)

    @routes.post("", status_code=201, response_class=Response)
    async def begin(request: Request, owner: Owner) -> Response:
        """Begins a resumable upload; Location is where its parts go."""
        check_version(request)
        size = number(request, "upload-length")
        new = await arrivals.begin(owner, size, request.headers.get("upload-metadata", ""))
        return Response(status_code=201, headers=always | {"Location": f"{request.url.path}/{new}"})

    @routes.head("/{upload}", response_class=Response)
    async def standing(request: Request, upload: uuid.UUID, owner: Owner) -> Response:
        """How much of an upload is here."""
        check_version(request)
        found = await transcripts.get(owner, upload)
        here = await arrivals.settled(upload, found.size) if found.state == State.ARRIVING else found.size
        told = {"Upload-Offset": str(here), "Upload-Length": str(found.size)}
        return Response(status_code=200, headers=always | told)

    @routes.patch("/{upload}", status_code=204, response_class=Response)
    async def part(request: Request, upload: uuid.UUID, owner: Owner) -> Response:
        """Takes a part of an upload. With the last one the file becomes a transcript of the same id."""
        check_version(request)
        if request.headers.get("content-type") != PART_TYPE:
            raise HTTPException(415, f"send parts as {PART_TYPE}")
        offset = number(request, "upload-offset")
        found = await transcripts.get(owner, upload)
        if found.state != State.ARRIVING:
            raise HTTPException(409, "all of it is here already", {"Upload-Offset": str(found.size)})
        here = await arrivals.part(request, upload, found.size, offset)
        return Response(status_code=204, headers=always | {"Upload-Offset": str(here)})

    @routes.delete("/{upload}", status_code=204, response_class=Response)
    async def end(request: Request, upload: uuid.UUID, owner: Owner) -> Response:
        """Gives an upload up that has not arrived whole."""
        check_version(request)
        found = await transcripts.get(owner, upload)
        if found.state != State.ARRIVING:
            raise HTTPException(409, "all of it is here already: delete its transcript")
        async with arrivals.alone(upload):
            await transcripts.forget(upload)
        return Response(status_code=204, headers=always)

    return routes


def number(request: Request, header: str) -> int:
    """The number in a header. Raises HTTPException 400."""
    value = request.headers.get(header, "")
    if not re.fullmatch(r"\d{1,15}", value):
        raise HTTPException(400, f"{header}: a number of bytes is missing")
    return int(value)
