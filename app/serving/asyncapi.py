"""AsyncAPI documents: the WebSockets of a service, described by the models of their messages.

What OpenAPI is for HTTP; each service with WebSockets has one at /asyncapi.json.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from app.catalog import CATALOG

VERSION = "3.0.0"
PATH = "/asyncapi.json"
SCHEMAS = "#/components/schemas/"


@dataclass(frozen=True)
class Binary:
    """A message of bytes: its name, and what is in it."""

    name: str
    what: str


@dataclass(frozen=True)
class Word:
    """A message that is one word and nothing else."""

    text: str
    what: str


Message = type[BaseModel] | Binary | Word


@dataclass(frozen=True)
class Channel:
    """A WebSocket: its path, what it is for, and the messages in both directions."""

    path: str
    what: str
    takes: tuple[Message, ...] = ()
    tells: tuple[Message, ...] = ()


def install(app: FastAPI, service: str, channels: Callable[[], Sequence[Channel]]) -> None:
    """Serves the document of a service's WebSockets. What they are is asked for with the document."""

    @cache
    def whole() -> dict[str, Any]:
        return document(service, app.version, channels())

    @app.get(PATH, include_in_schema=False)
    def asyncapi() -> dict[str, Any]:
        """The WebSockets of this service."""
        return whole()


def document(service: str, version: str, channels: Sequence[Channel]) -> dict[str, Any]:
    """The AsyncAPI document of a service. "send" in it is what the service sends."""
    title = next(each.title for each in CATALOG if each.name == service)
    messages = {name_of(each): each for channel in channels for each in (*channel.takes, *channel.tells)}
    schemas, payloads = schemas_of(channels)
    return {
        "asyncapi": VERSION,
        "info": {"title": f"Voicestack {service}", "version": version, "description": title},
        "defaultContentType": "application/json",
        "channels": {key(channel): described(channel) for channel in channels},
        "operations": {
            f"{key(channel)}.{action}": operation(channel, action, those)
            for channel in channels
            for action, those in (("receive", channel.takes), ("send", channel.tells))
            if those
        },
        "components": {
            "messages": {name: content(each, payloads) for name, each in messages.items()},
            "schemas": schemas,
        },
    }


def key(channel: Channel) -> str:
    """The name of a channel in the document."""
    return channel.path.strip("/").translate(str.maketrans("/", ".", "{}")) or "root"


def name_of(message: Message) -> str:
    """The name of a message in the document."""
    match message:
        case Binary():
            return message.name
        case Word():
            return message.text
    return message.__name__


def described(channel: Channel) -> dict[str, Any]:
    """A channel's entry."""
    parameters = [part[1:-1] for part in channel.path.split("/") if part.startswith("{")]
    return {
        "address": channel.path,
        "description": channel.what,
        **({"parameters": {each: {} for each in parameters}} if parameters else {}),
        "messages": {
            name: {"$ref": f"#/components/messages/{name}"}
            for name in map(name_of, (*channel.takes, *channel.tells))
        },
    }


def operation(channel: Channel, action: str, messages: Iterable[Message]) -> dict[str, Any]:
    """What a service does on a channel."""
    place = f"#/channels/{key(channel)}"
    return {
        "action": action,
        "channel": {"$ref": place},
        "messages": [{"$ref": f"{place}/messages/{name_of(each)}"} for each in messages],
    }


def content(message: Message, payloads: dict[type[BaseModel], Any]) -> dict[str, Any]:
    """A message's entry."""
    match message:
        case Binary():
            bytes_of = {"type": "string", "format": "binary"}
            return {
                "contentType": "application/octet-stream",
                "description": message.what,
                "payload": bytes_of,
            }
        case Word():
            word = {"type": "string", "const": message.text}
            return {"contentType": "text/plain", "description": message.what, "payload": word}
    return {"description": " ".join((message.__doc__ or "").split()), "payload": payloads[message]}


def schemas_of(channels: Iterable[Channel]) -> tuple[dict[str, Any], dict[type[BaseModel], Any]]:
    """The schemas of all models, by name, and for each of the channels' models where its own is."""
    wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {}
    for channel in channels:
        wanted |= {(each, "validation"): None for each in channel.takes if isinstance(each, type)}
        wanted |= {(each, "serialization"): None for each in channel.tells if isinstance(each, type)}
    found, whole = models_json_schema(list(wanted), ref_template=f"{SCHEMAS}{{model}}")
    payloads: dict[type[BaseModel], Any] = {}
    for (model, _), schema in found.items():
        if issubclass(model, BaseModel):
            payloads[model] = schema
    return whole.get("$defs", {}), payloads
