"""Recordings that become text: uploads, their transcripts, search, exports."""

from __future__ import annotations

import asyncio
import time
import uuid
from pathlib import Path
from typing import BinaryIO, Literal

from app.api.messages import Found, Transcripts, TranscriptView, WholeTranscript
from app.archive.state import State
from voicestack.asking import Ask, AsyncHttp, Http, Problem, model, nothing

URL = "http://127.0.0.1:8001"
LOOK = 0.5
"""Seconds between looks at what is waited for."""

Format = Literal["txt", "srt", "vtt", "json", "docx"]


def _upload(
    content: BinaryIO, title: str, language: str, vocabulary: str, speakers: bool
) -> Ask[TranscriptView]:
    """The file is read as it is sent, and never in memory as a whole."""
    name = Path(content.name).name
    told = {"title": title or name, "language": language, "vocabulary": vocabulary}
    told |= {"speakers": "true"} if speakers else {}
    options = {"files": {"file": (name, content)}, "data": told, "timeout": None}
    return Ask("POST", "/api/v1/transcripts", model(TranscriptView), options)


def _every() -> Ask[Transcripts]:
    return Ask("GET", "/api/v1/transcripts", model(Transcripts))


def _get(transcript: uuid.UUID) -> Ask[WholeTranscript]:
    return Ask("GET", f"/api/v1/transcripts/{transcript}", model(WholeTranscript))


def _search(words: str) -> Ask[Found]:
    return Ask("GET", "/api/v1/search", model(Found), {"params": {"words": words}})


def _export(transcript: uuid.UUID, kind: Format) -> Ask[bytes]:
    options = {"params": {"kind": kind}}
    return Ask("GET", f"/api/v1/transcripts/{transcript}/export", lambda answer: answer.content, options)


def _delete(transcript: uuid.UUID) -> Ask[None]:
    return Ask("DELETE", f"/api/v1/transcripts/{transcript}", nothing)


def _is_over(transcript: WholeTranscript) -> bool:
    if transcript.state in (State.FAILED, State.CANCELLED):
        raise Problem(f"{transcript.title}: {transcript.problem or transcript.state}")
    return transcript.state == State.DONE


class Uploads(Http):
    """A client of the archive. Raises Problem."""

    URL = URL

    def upload(
        self,
        file: str | Path,
        *,
        title: str = "",
        language: str = "",
        vocabulary: str = "",
        speakers: bool = False,
    ) -> TranscriptView:
        """Uploads a file in one request (MAX_UPLOAD_MB). Without a language it is found out."""
        with Path(file).open("rb") as content:
            return self._do(_upload(content, title, language, vocabulary, speakers))

    def wait(self, transcript: uuid.UUID, within: float = 600.0) -> WholeTranscript:
        """The transcript, once it is written down. Raises Problem where it fails or takes longer."""
        until = time.monotonic() + within
        while not _is_over(found := self.get(transcript)):
            if time.monotonic() > until:
                raise Problem(f"{found.title} is not written down within {within:g} s")
            time.sleep(LOOK)
        return found

    def transcripts(self) -> list[TranscriptView]:
        """The newest transcripts."""
        return self._do(_every()).transcripts

    def get(self, transcript: uuid.UUID) -> WholeTranscript:
        """A transcript with its text, as far as it is."""
        return self._do(_get(transcript))

    def search(self, words: str) -> Found:
        """Where something was said."""
        return self._do(_search(words))

    def export(self, transcript: uuid.UUID, kind: Format = "txt") -> bytes:
        """The text as a file."""
        return self._do(_export(transcript, kind))

    def delete(self, transcript: uuid.UUID) -> None:
        """Deletes a transcript with its file."""
        self._do(_delete(transcript))


class AsyncUploads(AsyncHttp):
    """The same for asyncio."""

    URL = URL

    async def upload(
        self,
        file: str | Path,
        *,
        title: str = "",
        language: str = "",
        vocabulary: str = "",
        speakers: bool = False,
    ) -> TranscriptView:
        """Uploads a file in one request (MAX_UPLOAD_MB). Without a language it is found out."""
        with Path(file).open("rb") as content:
            return await self._do(_upload(content, title, language, vocabulary, speakers))

    async def wait(self, transcript: uuid.UUID, within: float = 600.0) -> WholeTranscript:
        """The transcript, once it is written down. Raises Problem where it fails or takes longer."""
        until = time.monotonic() + within
        while not _is_over(found := await self.get(transcript)):
            if time.monotonic() > until:
                raise Problem(f"{found.title} is not written down within {within:g} s")
            await asyncio.sleep(LOOK)
        return found

    async def transcripts(self) -> list[TranscriptView]:
        """The newest transcripts."""
        return (await self._do(_every())).transcripts

    async def get(self, transcript: uuid.UUID) -> WholeTranscript:
        """A transcript with its text, as far as it is."""
        return await self._do(_get(transcript))

    async def search(self, words: str) -> Found:
        """Where something was said."""
        return await self._do(_search(words))

    async def export(self, transcript: uuid.UUID, kind: Format = "txt") -> bytes:
        """The text as a file."""
        return await self._do(_export(transcript, kind))

    async def delete(self, transcript: uuid.UUID) -> None:
        """Deletes a transcript with its file."""
        await self._do(_delete(transcript))
