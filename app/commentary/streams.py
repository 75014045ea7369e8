"""Which streams of ours there are: the dubber knows, and is asked over the network."""

from __future__ import annotations

import httpx

from app.access.gate import authorization
from app.settings import Settings

WITHIN = 2.0


class Streams:
    """The dubber's list of streams."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = httpx.AsyncClient(base_url=settings.dubber_address, timeout=WITHIN, trust_env=False)

    async def paths(self) -> list[str]:
        """live/<name> of each stream and dub/<name>/<language> of each dub. Raises LookupError."""
        try:
            answer = await self._client.get("/streams", headers=authorization(self._settings))
            answer.raise_for_status()
            found = []
            for stream in answer.json()["streams"]:
                found.append(f"live/{stream['name']}")
                found += [dub["path"] for dub in stream["dubs"] if dub["status"] != "stopped"]
            return found
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            raise LookupError("streams of ours are not listed: the dubber does not answer") from None

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()
