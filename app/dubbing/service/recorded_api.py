"""Recorded phrases over HTTP: which there are, one sound, all of a dub as one archive."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Query, Response
from fastapi.responses import StreamingResponse

from app.dubbing.service import paths, views
from app.dubbing.service.recorded import KEY_PATTERN, Recorded

Name = Annotated[str, Path(pattern=f"^{paths.NAME_PATTERN}$")]
Language = Annotated[str, Path(pattern=f"^{paths.LANGUAGE_PATTERN}$")]
Key = Annotated[str, Path(pattern=f"^{KEY_PATTERN}$")]


def router(recorded: Recorded) -> APIRouter:
    """The routes over these phrases, whose streams may have ended long ago."""
    routes = APIRouter(prefix="/recorded")

    @routes.get("")
    def dubs() -> views.RecordedDubs:
        """The dubs that have recorded phrases."""
        return views.RecordedDubs(dubs=recorded.dubs())

    @routes.get("/{name}/{language}")
    def phrases(
        name: Name, language: Language, limit: Annotated[int, Query(ge=1, le=2000)] = 100
    ) -> views.Phrases:
        """The last recorded phrases of a dub, the newest last; each tells its key as `recorded`."""
        keys = recorded.keys(name, language)[-limit:]
        records = [recorded.record(name, language, key) for key in keys]
        return views.Phrases(phrases=[record for record in records if record is not None])

    @routes.get("/{name}/{language}/phrases.zip")
    def archive(name: Name, language: Language) -> Response:
        """All of them as a ZIP file: phrases.jsonl with the records, and two FLAC files a phrase."""
        if not recorded.keys(name, language):
            raise HTTPException(404, f"no phrase of {name} in {language!r} is recorded")
        return StreamingResponse(
            recorded.archive(name, language),
            media_type="application/zip",
            headers={"content-disposition": f'attachment; filename="{name}-{language}-phrases.zip"'},
        )

    @routes.get("/{name}/{language}/{key}/{sound}.flac")
    def sound(name: Name, language: Language, key: Key, sound: Literal["original", "dub"]) -> Response:
        """What was said, or the dub as it was heard."""
        data = recorded.sound(name, language, key, f"{sound}.flac")
        if data is None:
            raise HTTPException(404, "that sound is not recorded, or not kept any more")
        return Response(data, media_type="audio/flac", headers={"cache-control": "private, max-age=3600"})

    return routes
