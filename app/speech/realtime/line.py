"""One client of the realtime API: events in, events out, in the shapes of the `openai` package's types."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeVar

from fastapi import WebSocket, WebSocketDisconnect
from openai.types.realtime import RealtimeError, RealtimeErrorEvent
from pydantic import BaseModel, ValidationError

from app.service import hide_credentials
from app.serving.sending import sending

RATE = 24_000
"""Sample rate in Hz of the sound in both directions: int16 little-endian mono PCM."""
MOST_SOUND = 1 << 19
"""Bytes of sound in an event: almost 11 s. In base64 it fits in the largest message of a WebSocket."""

Model = TypeVar("Model", bound=BaseModel)
Session = TypeVar("Session", bound=BaseModel)


class BadEvent(Exception):
    """An event that can't be followed; the session goes on. Has OpenAI's code and parameter, too."""

    def __init__(self, message: str, code: str = "invalid_value", param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


class Update(BaseModel):
    """A session.update; what is in `session` is checked together with what stays as it is."""

    type: Literal["session.update"]
    session: dict[str, Any]


class Line:
    """Sends and reads events. A client that takes nothing in is let go.

    `kinds` are the events that may come, by their type.
    """

    def __init__(self, socket: WebSocket, kinds: Mapping[str, type[BaseModel]]) -> None:
        self._socket = socket
        self._kinds = kinds

    async def send(self, event: BaseModel) -> None:
        """Sends an event. Raises WebSocketDisconnect."""
        async with sending():
            await self._socket.send_text(event.model_dump_json(exclude_unset=True))

    async def complain(
        self,
        message: str,
        code: str,
        param: str | None = None,
        cause: str | None = None,
        *,
        ours: bool = False,
    ) -> None:
        """Sends an error; `cause` is the id of the event that it is about, `ours` that it is no fault of the
        client's. Raises WebSocketDisconnect."""
        error = RealtimeError(
            type="server_error" if ours else "invalid_request_error",
            code=code,
            message=hide_credentials(message),
            param=param,
            event_id=cause,
        )
        await self.send(made(RealtimeErrorEvent, "error", error=error))

    async def receive(self) -> Mapping[str, Any]:
        """The next message as the WebSocket has it. Raises WebSocketDisconnect at its end."""
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect
        return message

    @asynccontextmanager
    async def event(self, message: Mapping[str, Any]) -> AsyncIterator[BaseModel | None]:
        """The event in a message, or None. What is wrong with it is told, BadEvent from within the block too.

        Raises WebSocketDisconnect.
        """
        cause = None
        try:
            content = document(message.get("text"))
            given = content.get("event_id")
            cause = given if isinstance(given, str) else None
            event = parsed(content, self._kinds)
        except BadEvent as error:
            await self.complain(str(error), error.code, error.param, cause)
            yield None
            return
        try:
            yield event
        except BadEvent as error:
            await self.complain(str(error), error.code, error.param, cause)


def document(text: str | None) -> dict[str, Any]:
    """The JSON object in a message. Raises BadEvent."""
    try:
        content = json.loads(text or "")
    except (ValueError, RecursionError):
        raise BadEvent("an event is a text message with a JSON object", "invalid_json") from None
    if not isinstance(content, dict):
        raise BadEvent("an event is a JSON object with a type", "invalid_json")
    return content


def parsed(content: dict[str, Any], kinds: Mapping[str, type[BaseModel]]) -> BaseModel:
    """The event in a JSON object. Raises BadEvent that names what is wrong."""
    kind = content.get("type")
    known = kinds.get(kind) if isinstance(kind, str) else None
    if known is None:
        shown = json.dumps(kind)[:100]
        raise BadEvent(f"no such event here: {shown}; there are: {', '.join(kinds)}", param="type")
    return valid(known, content)


def valid(model: type[Model], content: Any, place: str = "") -> Model:
    """The content as that model; `place` is where it is in its event. Raises BadEvent."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        # The names of a union's choices, which are ours, are no part of what was sent.
        parts = [part for part in map(str, first["loc"]) if not part[:1].isupper()]
        where = ".".join(part for part in (place, *parts) if part)
        raise BadEvent(f"{where}: {first['msg']}", param=where) from None


def sound(audio: str) -> bytes:
    """The PCM of an event. Raises BadEvent where it is none, too much, or ends in half a sample."""
    try:
        pcm = base64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError):
        raise BadEvent("audio is base64 of PCM", param="audio") from None
    if len(pcm) > MOST_SOUND:
        raise BadEvent(
            f"audio of {len(pcm)} bytes is too long: send {MOST_SOUND} bytes at most", param="audio"
        )
    if len(pcm) % 2:
        raise BadEvent("audio is int16 PCM, which has an even number of bytes", param="audio")
    return pcm


def merged(session: Session, change: Mapping[str, Any]) -> Session:
    """A session's configuration with the change; what it does not name stays. Raises BadEvent."""
    return valid(type(session), _merged(session.model_dump(exclude_unset=True), change), "session")


def _merged(old: Any, new: Any) -> Any:
    if not isinstance(old, dict) or not isinstance(new, Mapping):
        return new
    return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}


def made(model: type[Model], kind: str, **fields: Any) -> Model:
    """An event of the service's, of that type."""
    return model.model_validate({"type": kind, "event_id": new_id("event"), **fields})


def new_id(kind: str) -> str:
    """An id that nothing else has, as OpenAI's look."""
    return f"{kind}_{secrets.token_hex(10)}"
