"""Streams of ours: the dubber knows them, publishes them with descriptions, and is asked over the network."""

from __future__ import annotations

from typing import Any

import httpx

from app.commentary.asking import client
from app.settings import Settings

WITHIN = 2.0
JSON = {"content-type": "application/json"}


class NotTaken(Exception):
    """The dubber does not do what it was asked for. The message says why, for people."""


class Streams:
    """The dubber's streams."""

    def __init__(self, settings: Settings) -> None:
        self._client = client(settings, settings.dubber_address, WITHIN)

    async def paths(self) -> list[str]:
        """live/<name> of each stream and dub/<name>/<language> of each dub. Raises LookupError."""
        try:
            answer = await self._client.get("/streams")
            answer.raise_for_status()
            found = []
            for stream in answer.json()["streams"]:
                found.append(f"live/{stream['name']}")
                found += [dub["path"] for dub in stream["dubs"] if dub["status"] != "stopped"]
            return found
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            raise LookupError("streams of ours are not listed: the dubber does not answer") from None

    async def describe(self, name: str) -> dict[str, Any]:
        """Has described/<name> published for 15 s more; the dubber's word on it. Raises NotTaken."""
        return await self._ask("PUT", f"/descriptions/{name}", headers=JSON)

    async def say(self, name: str, wav: bytes, ago: float, new_scene: bool) -> None:
        """Has a sentence said in described/<name>, on what was seen `ago` seconds ago. Raises NotTaken."""
        wishes = {"ago": f"{max(0.0, ago):.3f}", "new_scene": str(new_scene).lower()}
        kind = {"content-type": "audio/wav"}
        await self._ask("POST", f"/descriptions/{name}/sentences", params=wishes, content=wav, headers=kind)

    async def end(self, name: str) -> None:
        """Has described/<name> published no more. Raises NotTaken."""
        await self._ask("DELETE", f"/descriptions/{name}", headers=JSON)

    async def _ask(self, method: str, address: str, **more: Any) -> dict[str, Any]:
        try:
            answer = await self._client.request(method, address, **more)
            told = dict(answer.json())
        except (httpx.HTTPError, ValueError, TypeError):
            raise NotTaken("the dubber does not answer") from None
        if answer.is_error:
            raise NotTaken(f"the dubber says: {told.get('detail', answer.status_code)}")
        return told

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()
