"""Server-sent events as OpenAI's clients read them."""

from __future__ import annotations

import json
from typing import Any


def event(data: dict[str, Any]) -> str:
    """One event, named after its type."""
    return f"event: {data.get('type', 'error')}\ndata: {json.dumps(data)}\n\n"
