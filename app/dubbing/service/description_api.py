"""Descriptions over HTTP: which streams are published with them, and the sentences."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response

from app.dubbing.service import paths
from app.dubbing.service.descriptions import BadSentence, Description, Descriptions
from app.dubbing.service.guards import json_only

MAX_BYTES = 4 << 20
Name = Annotated[str, Path(pattern=f"^{paths.NAME_PATTERN}$")]


def router(descriptions: Descriptions) -> APIRouter:
    """The routes over these streams."""
    routes = APIRouter(prefix="/descriptions")
    operator = Depends(json_only)

    @routes.get("")
    async def every() -> list[Description]:
        """The streams with descriptions."""
        return descriptions.view()

    @routes.put("/{name}", dependencies=[operator])
    async def keep(name: Name, response: Response) -> Description:
        """Publishes described/<name> for 15 s from now (201), or for 15 s more (200)."""
        told, new = descriptions.keep(name)
        response.status_code = 201 if new else 200
        return told

    @routes.delete("/{name}", dependencies=[operator])
    async def remove(name: Name) -> Description:
        """Publishes it no more."""
        return descriptions.remove(name)

    @routes.post("/{name}/sentences", status_code=202)
    async def say(
        name: Name,
        request: Request,
        ago: Annotated[float, Query(ge=0, le=60)] = 0.0,
        new_scene: bool = False,
    ) -> Description:
        """Says a sentence in the next gap in the dialogue, or drops it where there is none in time.

        The body is a WAV file; `ago` is how long ago what it tells was seen, in seconds.
        """
        # Another site's page can't send that type without being asked.
        if request.headers.get("content-type", "") != "audio/wav":
            raise HTTPException(415, "send it with content-type: audio/wav")
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_BYTES:
                raise HTTPException(413, f"a sentence is no larger than {MAX_BYTES >> 20} MiB")
        try:
            return await descriptions.say(name, body, ago, new_scene)
        except BadSentence as error:
            raise HTTPException(422, str(error)) from None

    return routes
