"""The ingest directory over HTTP: where a stream is to be published, and what this cell tells the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Response

from app.dubbing.service import paths
from app.dubbing.service.cells import Cell, Directory, Ingest, NoCell

Name = Annotated[str, Path(pattern=f"^{paths.NAME_PATTERN}$")]


def router(directory: Directory, own: Callable[[], Awaitable[Cell]]) -> APIRouter:
    """The routes over these cells."""
    routes = APIRouter()

    @routes.get("/ingest/{name}")
    async def ingest(name: Name, response: Response) -> Ingest:
        """Where the stream is to be published now: where it is, else at the cell with the least to do."""
        response.headers["cache-control"] = "no-store"
        try:
            return await directory.find(name)
        except NoCell as problem:
            raise HTTPException(503, str(problem)) from None

    @routes.get("/cell")
    async def cell(response: Response) -> Cell:
        """What this cell has to do, for the directories of the others."""
        response.headers["cache-control"] = "no-store"
        return await own()

    return routes
