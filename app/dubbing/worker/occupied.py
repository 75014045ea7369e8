"""What the media server's control API says of a path: who publishes asks whether another does, who reads
whether it is there.

Source: MediaMTX 1.13.1, GET /v3/paths/get/{name} (internal/core/path.go): `source` is null where nobody
publishes, `ready` is true from when the publisher's tracks can be read.
The standard library asks: a worker holds no HTTP client, whose memory would count once for each stream.
"""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from app.dubbing.worker.login import basic

ANSWERS_WITHIN = 1.0


def occupied(address: str) -> bool:
    """Whether the path has a publisher; `address` has the credentials in it.

    False where the media server does not say: one that is out of reach lets nobody publish either.
    """
    return told(address).get("source") is not None


def readable(address: str) -> bool:
    """Whether the path can be read now; `address` has the credentials in it. False where nobody says."""
    return told(address).get("ready") is True


def told(address: str) -> dict[str, Any]:
    """What is told of the path; empty where there is none, or where the media server does not say."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWERS_WITHIN)
    try:
        connection.request("GET", parts.path, headers={"authorization": basic(parts)})
        answer = connection.getresponse()
        document = json.loads(answer.read()) if answer.status == 200 else {}
        return document if isinstance(document, dict) else {}
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    finally:
        connection.close()
