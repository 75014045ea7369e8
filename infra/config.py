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

ROOT = Path(__file__).resolve().parent.parent
PROJECT = "voicestack"
KINDS = ("local", "aws")
KEYS = {
    "kind": "local: containers on this machine; aws: hosts on AWS",
    "services": "services to run, separated by commas; all without it",
    "variant": "cpu or cuda",
    "registry": "registry that holds released images; without it they are built here",
    "tag": "tag of the released images",
    "builder": "buildx builder that builds the images",
    "livekit": "true adds rooms that browsers bring their cameras into, and commentary on them",
    "source": "true mounts the checkout's code and reloads it on change",
    "settings": "variables of .env.example for this stack alone",
}
VARIANTS = ("cpu", "cuda")
ROOMS = ("commentary", "livekit")
BUILDER = "voicestack"


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


def read(stack: str, given: Mapping[str, str], env_file: Path | None) -> StackConfig:
    """The configuration from what the stack's file gives, with .env and the environment below it.

    Raises ConfigError, naming everything wrong.
    """
    wrong = [
        f"{PROJECT}:{key}: unknown; the keys are: {', '.join(KEYS)}" for key in sorted(set(given) - set(KEYS))
    ]
    if given.get("kind", "local") != "local":
        wrong.append(f"{PROJECT}:kind: {given['kind']!r} is neither {' nor '.join(KINDS)}")
    gpu = given.get("variant", "cpu") == "cuda"
    if given.get("variant", "cpu") not in VARIANTS:
        wrong.append(f"{PROJECT}:variant: {given['variant']!r} is neither cpu nor cuda")
    wrong += [
        f"{PROJECT}:{key}: {given[key]!r} is neither true nor false"
        for key in ("source", "livekit")
        if given.get(key, "false") not in ("true", "false")
    ]
    services: tuple[Service, ...] = ()
    try:
        services = catalog.select(given.get("services", "").replace(",", " ").split())
    except catalog.UnknownService as error:
        wrong.append(f"{PROJECT}:services: {error}")
    settings = read_settings(given.get("settings", "{}"), env_file, wrong)
    if settings is not None:
        if given.get("livekit") == "true":
            services, settings = with_rooms(services, settings)
        wrong += containers.problems(services, settings, gpu=gpu and bool(services), made_there=True)
    if wrong or settings is None:
        raise ConfigError("\n".join([f"stack {stack} can't be made:", *wrong]))
    return StackConfig(
        stack=stack,
        services=services,
        settings=settings,
        gpu=gpu,
        registry=given.get("registry", ""),
        tag=given.get("tag", "latest"),
        builder=given.get("builder", BUILDER),
        source=given.get("source") == "true",
    )


def with_rooms(services: tuple[Service, ...], settings: Settings) -> tuple[tuple[Service, ...], Settings]:
    """Services and settings with LiveKit's rooms."""
    names = [*(service.name for service in services), *ROOMS]
    return catalog.select(names), settings.model_copy(update={"livekit_enabled": True})


def read_settings(text: str, env_file: Path | None, wrong: list[str]) -> Settings | None:
    """The settings, those of the stack first; what is wrong with them is added to `wrong`."""
    try:
        own: Any = json.loads(text)
    except ValueError:
        own = None
    if not isinstance(own, dict):
        wrong.append(f"{PROJECT}:settings: not a map of variables")
        return None
    known = {name.upper() for name in Settings.model_fields}
    wrong += [
        f"{PROJECT}:settings.{name}: unknown; .env.example has every variable"
        for name in sorted(set(own) - known)
    ]
    try:
        chosen: dict[str, Any] = {
            name.lower(): value for name, value in own.items() if name in known and value != ""
        }
        return Settings(**{"_env_file": env_file, **chosen})
    except ValidationError as error:
        wrong += explain(error, Settings).splitlines()
        return None


def image_names(config: StackConfig) -> list[str]:
    """The images of ours that the stack's services run in, each once."""
    ours = {image.name for image in images.IMAGES}
    wanted = [images.for_service(service.image, gpu=config.gpu) for service in config.services]
    return [name for name in dict.fromkeys(wanted) if name in ours]
