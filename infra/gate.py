"""A container that others wait for, until it is as they need it."""

from __future__ import annotations

import pulumi
import pulumi_docker as docker

from infra.component import Component
from infra.health import wait


class Gated(Component):
    """`state` is the container's, known once it is what is waited for, and asked anew on every `up`."""

    container: docker.Container
    state: pulumi.Output[str]

    def wait_until(self, wanted: str, name: str, within: float) -> None:
        """Makes what depends on `gate` wait on `up` until the container is as wanted, for `within` s."""
        self.state = self.container.id.apply(
            lambda _: "not asked" if pulumi.runtime.is_dry_run() else wait(name, wanted, within)
        )

    @property
    def gate(self) -> pulumi.Input[pulumi.Resource]:
        """What to depend on: the container, and on `up` its state too."""
        if pulumi.runtime.is_dry_run():
            return self.container
        return self.state.apply(lambda _: self.container)
