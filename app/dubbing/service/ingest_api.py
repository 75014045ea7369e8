"""The directory of cells over HTTP: where a stream is to be published, what all of them have, what this
one tells."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Response

from app.dubbing.service import paths
from app.dubbing.service.cells import Cell, Cells, Directory, Ingest, NoCell

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

    @routes.get("/cells")
    async def cells(response: Response) -> Cells:
        """Every cell: where its console is, whether it answers, its streams and how their dubs do."""
        response.headers["cache-control"] = "no-store"
        return await directory.all()

    return routes
