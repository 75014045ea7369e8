"""Sources over HTTP: from where streams are taken in, and how each does."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from app.dubbing.service import paths
from app.dubbing.service.guards import json_only
from app.dubbing.service.source_files import Source
from app.dubbing.service.sources import AllTakenIn, Sources, TakenIn

Name = Annotated[str, Path(pattern=f"^{paths.NAME_PATTERN}$")]


def router(sources: Sources) -> APIRouter:
    """The routes over these sources."""
    routes = APIRouter(prefix="/sources")
    operator = Depends(json_only)

    @routes.get("")
    async def all_sources() -> AllTakenIn:
        """All streams that are taken in, how each does, and none of their passwords."""
        return sources.view()

    @routes.put("/{stream}", dependencies=[operator])
    async def put(stream: Name, source: Source, response: Response) -> TakenIn:
        """Takes the stream in from there (201), or now from there (200); after restarts if it `lasts`."""
        told, new = await sources.put_down(stream, source)
        response.status_code = 201 if new else 200
        return told

    @routes.delete("/{stream}", dependencies=[operator])
    async def remove(stream: Name) -> TakenIn:
        """Takes it in no more; a file that it stands in is removed."""
        return await sources.take_away(stream)

    return routes
