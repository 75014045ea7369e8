"""Who may speak to the realtime API: the key of a handshake, in the ways that OpenAI's clients send it."""

from __future__ import annotations

from fastapi import WebSocket

from app.access.gate import Gate, NotAdmitted
from app.speech.rest.door import CODES
from app.speech.rest.errors import ApiError, answer

TRANSCRIPTION = "/v1/realtime"
TRANSLATION = "/v1/realtime/translations"
"""Where OpenAI's clients look for both."""
PROTOCOL = "realtime"
KEY_PROTOCOL = "openai-insecure-api-key."
"""Pages can't set headers: they send the key as a subprotocol that begins so."""
LONGEST_MODEL = 200
NORMAL, RESTART, TRY_AGAIN = 1000, 1012, 1013
"""Codes that connections are closed with (RFC 6455 and its registry)."""


async def entered(socket: WebSocket, gate: Gate) -> bool:
    """Whether the client is let in, with a key where one is asked for; else it is told in OpenAI's shape."""
    offered = [part.strip() for part in socket.headers.get("sec-websocket-protocol", "").split(",")]
    keys = [socket.headers.get("authorization", "")]
    keys += [f"Bearer {each.removeprefix(KEY_PROTOCOL)}" for each in offered if each.startswith(KEY_PROTOCOL)]
    try:
        await gate.admit(keys, changes=True)
    except NotAdmitted as refusal:
        told = ApiError(refusal.status, str(refusal), CODES[refusal.status])
        await socket.send_denial_response(answer(told))
        return False
    await socket.accept(subprotocol=PROTOCOL if PROTOCOL in offered else None)
    return True


def model_of(socket: WebSocket, otherwise: str) -> str:
    """The model that the address names; whatever it is, the engine that is set does the work."""
    return socket.query_params.get("model", "")[:LONGEST_MODEL] or otherwise
