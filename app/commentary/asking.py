"""How other services are asked: over the network, with our own services' key where there is one."""

from __future__ import annotations

import httpx

from app.access.gate import authorization
from app.settings import Settings


def client(settings: Settings, address: str, within: float) -> httpx.AsyncClient:
    """A client of the service at that address, which waits for `within` seconds at most."""

    def keyed(request: httpx.Request) -> httpx.Request:
        # Each time anew: the first account or key closes a service that was open.
        request.headers.update(authorization(settings))
        return request

    return httpx.AsyncClient(base_url=address, auth=keyed, timeout=within, trust_env=False)
