"""The speech models that the settings need, fetched into their volume before a service starts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_docker as docker

from app.render.containers import LABEL, LOCAL_HOSTS, LOG_OPTIONS, Container
from infra.config import StackConfig
from infra.gate import Gated
from infra.given import PROJECT
from infra.health import DONE

VOLUME = "models"
# Only whoever runs `up` knows these: where models come from, and the way there.
PASSED_ON = ("HF_ENDPOINT", "HF_TOKEN", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
WITHIN = 4 * 3600.0


@dataclass(frozen=True)
class ModelsArgs:
    """`user` is one of the containers that need the models; the image is its own."""

    user: Container
    config: StackConfig
    image: pulumi.Input[str]
    network: docker.Network
    volumes: Mapping[str, docker.Volume]


class Models(Gated):
    """A container that fetches what is missing, then ends."""

    def __init__(self, name: str, args: ModelsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("local:Models", name, opts)
        user, config = args.user, args.config
        called = f"{PROJECT}-{config.stack}-preload"
        self.container = docker.Container(
            self.named("preload"),
            name=called,
            image=args.image,
            command=["preload", "--all"],
            envs=[
                *(f"{key}={value}" for key, value in user.environment.items()),
                *(pulumi.Output.secret(f"{key}={value}") for key, value in passed_on(os.environ).items()),
            ],
            networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=args.network.name)],
            mounts=[
                docker.ContainerMountArgs(type="volume", source=args.volumes[each].name, target=path)
                for each, path in user.mounts.items()
            ],
            tmpfs=dict(user.tmpfs),
            healthcheck=docker.ContainerHealthcheckArgs(tests=["NONE"]),
            labels=[docker.ContainerLabelArgs(label=f"{LABEL}.stack", value=config.stack)],
            read_only=True,
            must_run=False,
            restart="no",
            log_driver="json-file",
            log_opts=LOG_OPTIONS,
            opts=self.inside("preload", delete_before_replace=True),
        )
        self.wait_until(DONE, called, WITHIN)
        self.register_outputs({"container": self.container.name, "state": self.state})


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that say where models come from, but for addresses that mean another machine inside."""
    found = {name: environment.get(name, "") for name in PASSED_ON}
    return {
        name: value
        for name, value in found.items()
        if value and (name == "NO_PROXY" or not any(host in value for host in LOCAL_HOSTS))
    }
