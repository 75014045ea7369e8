"""A stack's configuration, checked as a whole before any resource exists."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pulumi
from pydantic import SecretStr, ValidationError

from app import catalog, livekit
from app.catalog import Service
from app.render import containers, images
from app.settings import Settings
from app.settings.rules import explain
from infra.given import PROJECT, Given

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("local", "aws")
VARIANTS = ("cpu", "cuda")
ROOMS = ("commentary", "livekit")


class ConfigError(ValueError):
    """The stack can't be made; the message names everything that is wrong."""


@dataclass(frozen=True)
class StackConfig:
    """What a stack is made of. An empty `registry` means that images are built on this machine."""

    stack: str
    services: tuple[Service, ...]
    settings: Settings
    gpu: bool
    registry: str
    tag: str
    builder: str
    source: bool


def given(namespace: str = PROJECT) -> dict[str, str]:
    """What the file of the stack that Pulumi runs says, without the namespace before each key."""
    prefix = f"{namespace}:"
    return {
        key.removeprefix(prefix): value
        for key, value in pulumi.runtime.config.CONFIG.get().items()
        if key.startswith(prefix)
    }


def load() -> StackConfig:
    """The configuration of the stack that Pulumi runs, with the secrets that are made here.

    Raises ConfigError, naming everything wrong.
    """
    config = read(pulumi.get_stack(), given(), ROOT / ".env")
    if not any(service.name == "livekit" for service in config.services):
        return config
    secret = SecretStr(livekit.made_secret(config.settings))
    return replace(config, settings=config.settings.model_copy(update={"livekit_api_secret": secret}))


def read(stack: str, values: Mapping[str, str], env_file: Path | None) -> StackConfig:
    """The configuration from what the stack's file gives, with .env and the environment below it.

    Raises ConfigError, naming everything wrong.
    """
    given = Given(values)
    if (kind := given.choice("kind", KINDS)) in KINDS[1:]:
        given.say("kind", f"{kind!r} is no stack on this machine")
    gpu = given.choice("variant", VARIANTS) == "cuda"
    services: tuple[Service, ...] = ()
    try:
        services = catalog.select(given.words("services"))
    except catalog.UnknownService as error:
        given.say("services", str(error))
    settings = read_settings(given, env_file)
    livekit = given.flag("livekit")
    if settings is not None:
        if livekit:
            services, settings = with_rooms(services, settings)
        given.wrong += containers.problems(services, settings, gpu=gpu and bool(services), made_there=True)
    registry, tag, builder = (given.value(key) for key in ("registry", "tag", "builder"))
    source = given.flag("source")
    given.say_what_nobody_asked_for()
    if given.wrong or settings is None:
        raise ConfigError("\n".join([f"stack {stack} can't be made:", *given.wrong]))
    return StackConfig(stack, services, settings, gpu, registry, tag, builder, source)


def with_rooms(services: tuple[Service, ...], settings: Settings) -> tuple[tuple[Service, ...], Settings]:
    """Services and settings with LiveKit's rooms."""
    names = [*(service.name for service in services), *ROOMS]
    return catalog.select(names), settings.model_copy(update={"livekit_enabled": True})


def read_settings(given: Given, env_file: Path | None) -> Settings | None:
    """The settings, those of the stack first; what is wrong with them is said."""
    try:
        own: Any = json.loads(given.value("settings", "object"))
    except ValueError:
        own = None
    if not isinstance(own, dict):
        given.say("settings", "not a map of variables")
        return None
    known = {name.upper() for name in Settings.model_fields}
    for name in sorted(set(own) - known):
        given.say(f"settings.{name}", "unknown; .env.example has every variable")
    try:
        chosen: dict[str, Any] = {
            name.lower(): value for name, value in own.items() if name in known and value != ""
        }
        return Settings(**{"_env_file": env_file, **chosen})
    except ValidationError as error:
        given.wrong += explain(error, Settings).splitlines()
        return None


def image_names(config: StackConfig) -> list[str]:
    """The images of ours that the stack's services run in, each once."""
    ours = {image.name for image in images.IMAGES}
    wanted = [images.for_service(service.image, gpu=config.gpu) for service in config.services]
    return [name for name in dict.fromkeys(wanted) if name in ours]
