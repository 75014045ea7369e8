"""What all components share: what is in one is named after it, so that a program can have two of a kind."""

from __future__ import annotations

from typing import Any

import pulumi

from infra.given import PROJECT


class Component(pulumi.ComponentResource):
    """A component of type voicestack:KIND."""

    def __init__(self, kind: str, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:{kind}", name, None, opts)
        self.own_name = name

    def named(self, part: str = "") -> str:
        """The name of a part; without one, of the resource that the component is mainly made for."""
        return f"{self.own_name}-{part}" if part else self.own_name

    def inside(
        self, before: str, parent: pulumi.Resource | None = None, **options: Any
    ) -> pulumi.ResourceOptions:
        """Options of a part. `before` is its short name: existing stacks know it by that, and keep it."""
        return pulumi.ResourceOptions(parent=parent or self, aliases=[pulumi.Alias(name=before)], **options)
