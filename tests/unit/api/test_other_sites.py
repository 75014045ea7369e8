"""Pages of sites that the operator names may use the API from a browser; others may not (TRN-6)."""

from __future__ import annotations

import asyncio

import httpx

from app.api.service import create
from app.settings import load

SITE = "https://player.example.org"
WISH = {
    "Access-Control-Request-Method": "PATCH",
    "Access-Control-Request-Headers": "tus-resumable,upload-offset,content-type",
}


def asked(origin: str, method: str, **headers: str) -> httpx.Response:
    """What api answers to a page of that site; its database is not needed for it."""

    async def asking() -> httpx.Response:
        transport = httpx.ASGITransport(create(load({"ALLOWED_ORIGINS": SITE})))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, "/api/v1/uploads", headers={"Origin": origin, **headers})

    return asyncio.run(asking())


def test_a_named_site_may_send_parts_and_read_where_they_end() -> None:
    asks = asked(SITE, "OPTIONS", **WISH)
    assert asks.status_code == 200
    assert asks.headers["access-control-allow-origin"] == SITE
    assert "upload-offset" in asks.headers["access-control-allow-headers"].lower()
    told = asked(SITE, "OPTIONS")
    assert told.headers["access-control-allow-origin"] == SITE
    assert "Upload-Offset" in told.headers["access-control-expose-headers"]
    assert told.headers["tus-version"] == "1.0.0"


def test_another_site_may_not() -> None:
    asks = asked("https://elsewhere.example.org", "OPTIONS", **WISH)
    assert "access-control-allow-origin" not in asks.headers
    assert asked("https://elsewhere.example.org", "POST").status_code == 403
