"""What the package offers. Pulumi reads its schema from the types here, so each is written out."""

# No `from __future__ import annotations`: Pulumi looks at the types themselves.

import json
from typing import Any, TypedDict

import pulumi

from infra.component import Component
from infra.config import read
from infra.local import LocalStack as Containers

SPEECH = ["sts", "asr", "tts"]


class LocalStackArgs(TypedDict, total=False):
    services: list[str] | None
    """Services to run; without it those that run everyday."""
    variant: str | None
    """Images for the processor (cpu, the default) or for NVIDIA GPUs (cuda)."""
    registry: str | None
    """Registry that holds released images; without it they are built from the checkout of the package."""
    tag: str | None
    """Tag of the released images, such as 1.2.0."""
    builder: str | None
    """buildx builder that builds the images."""
    settings: dict[str, str] | None
    """Variables of .env.example."""


class SpeechHostArgs(TypedDict, total=False):
    variant: str | None
    """Images for the processor (cpu, the default) or for NVIDIA GPUs (cuda)."""
    registry: str | None
    """Registry that holds released images; without it they are built from the checkout of the package."""
    tag: str | None
    """Tag of the released images, such as 1.2.0."""
    builder: str | None
    """buildx builder that builds the images."""
    settings: dict[str, str] | None
    """Variables of .env.example, such as ASR_MODEL."""


class LocalStack(Component):
    """Voicestack as containers on this machine's Docker engine."""

    addresses: pulumi.Output[dict[str, str]]
    """Where it is reached, by what is there."""
    health: pulumi.Output[dict[str, str]]
    """How each service is, once it is healthy."""

    def __init__(self, name: str, args: LocalStackArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("index:LocalStack", name, opts)
        made = containers(self, dict(args))
        self.addresses = pulumi.Output.from_input(made["addresses"])
        self.health = pulumi.Output.from_input(made["health"])
        self.register_outputs({"addresses": self.addresses, "health": self.health})


class SpeechHost(Component):
    """Recognition, translation and voices alone, for a dubber elsewhere or programs of one's own."""

    sts_url: pulumi.Output[str]
    """Speech to speech: a value for STS_URLS."""
    asr_url: pulumi.Output[str]
    """Speech to text, as OpenAI's clients ask it."""
    tts_url: pulumi.Output[str]
    """Text to speech, as OpenAI's clients ask it."""

    def __init__(self, name: str, args: SpeechHostArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("index:SpeechHost", name, opts)
        made = containers(self, {**args, "services": SPEECH})
        where = pulumi.Output.all(made["addresses"], made["health"]).apply(lambda known: known[0])
        self.sts_url = where.apply(lambda known: known["Speech to speech"])
        self.asr_url = where.apply(lambda known: known["Speech to text"])
        self.tts_url = where.apply(lambda known: known["Text to speech"])
        self.register_outputs({"stsUrl": self.sts_url, "asrUrl": self.asr_url, "ttsUrl": self.tts_url})


def containers(component: Component, args: dict[str, Any]) -> dict[str, Any]:
    """What a stack of containers gives, made inside of a component. Raises ConfigError.

    They are called after the program, its stack and the component, so that none is another one's.
    """
    values = {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in args.items() if value
    }
    values["services"] = ",".join(args.get("services") or [])
    called = f"{pulumi.get_project()}-{pulumi.get_stack()}-{component.own_name}"
    inside = pulumi.ResourceOptions(parent=component)
    return Containers(component.own_name, read(called, values, None), inside).outputs
