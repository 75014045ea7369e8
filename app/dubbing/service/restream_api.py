"""Restreaming over HTTP: where dubs are sent on to, and how each target does."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from app.dubbing.service import paths
from app.dubbing.service.guards import json_only
from app.dubbing.service.restreams import Restream, Restreaming, Restreams
from app.dubbing.service.targets import Target

Name = Annotated[str, Path(pattern=f"^{paths.NAME_PATTERN}$")]
Language = Annotated[str, Path(pattern=f"^{paths.LANGUAGE_PATTERN}$")]


def router(restreaming: Restreaming) -> APIRouter:
    """The routes over these targets."""
    routes = APIRouter(prefix="/restreams")
    operator = Depends(json_only)

    @routes.get("")
    async def all_targets() -> Restreams:
        """All targets, how each does, and none of their keys."""
        return restreaming.view()

    @routes.put("/{stream}/{language}/{name}", dependencies=[operator])
    async def put(
        stream: Name, language: Language, name: Name, target: Target, response: Response
    ) -> Restream:
        """Sends the dub there until the stream ends (201), or now to another address (200)."""
        told, new = restreaming.put(stream, language, name, target)
        response.status_code = 201 if new else 200
        return told

    @routes.delete("/{stream}/{language}/{name}", dependencies=[operator])
    async def remove(stream: Name, language: Language, name: Name) -> Restream:
        """Sends nothing there any more."""
        return restreaming.remove(stream, language, name)

    return routes
