"""Browser libraries, from this user's cache: pages ask for their version by `?v=`."""

from __future__ import annotations

from pathlib import Path

from fastapi.responses import FileResponse
from starlette.responses import Response

from app.web.proxy import problem

A_YEAR = "public, max-age=31536000, immutable"


def library(file: Path, missing: str) -> Response:
    """The library, to be kept for a year; 404 with what to do where it isn't there."""
    if not file.is_file():
        return problem(404, missing)
    return FileResponse(file, media_type="text/javascript", headers={"cache-control": A_YEAR})
