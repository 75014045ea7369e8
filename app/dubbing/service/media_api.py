"""What the media server has: its control API, read page by page.

Source: MediaMTX 1.13.1, GET /v3/paths/list (internal/defs/api.go, internal/api/paginate.go).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.service import Check, hide_credentials

PAGE = 100
MAX_PAGES = 100
TIMEOUT = 2.0


class MediaUnreachable(Exception):
    """The media server's control API gave no usable answer."""


class Source(BaseModel):
    """Who publishes: rtmpConn, rtspSession, webRTCSession and so on."""

    model_config = ConfigDict(extra="ignore")

    type: str = ""
    id: str = ""


class MediaPath(BaseModel):
    """A path that the media server has; `ready_time` is when its publisher came, None before."""

    model_config = ConfigDict(extra="ignore")

    name: str
    ready: bool = False
    ready_time: datetime | None = Field(default=None, alias="readyTime")
    source: Source | None = None
    tracks: list[str] = Field(default_factory=list)


class Page(BaseModel):
    """One page of paths, and how many pages there are."""

    model_config = ConfigDict(extra="ignore")

    pages: int = Field(alias="pageCount")
    items: list[MediaPath]


class MediaApi:
    """The control API of the media server at a host and port, with user and password where it asks."""

    def __init__(
        self,
        host: str,
        port: int,
        credentials: tuple[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._client = httpx.AsyncClient(
            base_url=f"http://{host}:{port}",
            auth=credentials,
            timeout=TIMEOUT,
            transport=transport,
            trust_env=False,
        )

    async def paths(self) -> list[MediaPath]:
        """All paths, from all pages. Raises MediaUnreachable."""
        found: dict[str, MediaPath] = {}
        number, pages = 0, 1
        while number < min(pages, MAX_PAGES):
            page = self._parse(await self._get("/v3/paths/list", {"page": number, "itemsPerPage": PAGE}))
            found.update((path.name, path) for path in page.items)
            pages, number = page.pages, number + 1
        return list(found.values())

    async def check(self) -> Check:
        """Whether the control API answers."""
        try:
            await self._get("/v3/paths/list", {"itemsPerPage": 1})
        except MediaUnreachable as error:
            return Check(False, str(error))
        return Check(True)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def _get(self, address: str, query: dict[str, int]) -> Any:
        try:
            answer = await self._client.get(address, params=query)
            answer.raise_for_status()
            return answer.json()
        except httpx.HTTPStatusError as error:
            raise MediaUnreachable(
                f"the media server's control API answered {error.response.status_code}"
            ) from None
        except (httpx.HTTPError, ValueError) as error:
            reason = hide_credentials(str(error)) or type(error).__name__
            raise MediaUnreachable(f"the media server's control API is out of reach: {reason}") from None

    @staticmethod
    def _parse(document: Any) -> Page:
        try:
            return Page.model_validate(document)
        except ValidationError as error:
            raise MediaUnreachable(
                f"the media server's control API answered in another form: {error.errors()[0]['msg']}"
            ) from None
