"""Whether somebody publishes to a path of the media server, asked of its control API by a worker.

Source: MediaMTX 1.13.1, GET /v3/paths/get/{name} (internal/core/path.go): `source` is null where nobody does.
The standard library asks: a worker holds no HTTP client, whose memory would count once for each stream.
"""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

from app.dubbing.worker.login import basic

ANSWERS_WITHIN = 1.0


def occupied(address: str) -> bool:
    """Whether the path has a publisher; `address` has the credentials in it.

    False where the media server does not say: one that is out of reach lets nobody publish either.
    """
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWERS_WITHIN)
    try:
        connection.request("GET", parts.path, headers={"authorization": basic(parts)})
        answer = connection.getresponse()
        return answer.status == 200 and json.loads(answer.read()).get("source") is not None
    except (OSError, http.client.HTTPException, ValueError, AttributeError):
        return False
    finally:
        connection.close()
