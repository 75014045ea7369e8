"""One service's container."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_docker as docker

from app.render.containers import LABEL, LOG_OPTIONS, RESTART, Container
from infra.config import ROOT, StackConfig
from infra.gate import Gated
from infra.given import PROJECT
from infra.health import HEALTHY

CODE = "/opt/voicestack/app"


def duration(seconds: float) -> str:
    """A time of whole seconds as the engine writes it (60 is 1m0s), so that the next `up` sees no change."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{rest}s"


@dataclass(frozen=True)
class ServiceArgs:
    """A container, the image that it runs, what it is connected to, and what it comes `after`."""

    container: Container
    config: StackConfig
    image: pulumi.Input[str]
    network: docker.Network
    volumes: Mapping[str, docker.Volume]
    after: Sequence[Gated] = ()


class ServiceContainer(Gated):
    """A service's container on the stack's network."""

    def __init__(self, name: str, args: ServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("local:ServiceContainer", name, opts)
        container, config = args.container, args.config
        service, grace = container.service, int(container.service.grace)
        called = f"{PROJECT}-{config.stack}-{container.name}"
        developed = config.source and service.module is not None
        self.container = docker.Container(
            self.named(),
            name=called,
            image=args.image,
            command=["serve", "--reload"] if developed else None,
            envs=[
                *(f"{key}={value}" for key, value in container.environment.items()),
                *(pulumi.Output.secret(f"{key}={value}") for key, value in container.secrets.items()),
            ],
            networks_advanced=[
                docker.ContainerNetworksAdvancedArgs(name=args.network.name, aliases=[container.name])
            ],
            ports=[
                docker.ContainerPortArgs(
                    internal=port.target, external=port.number, ip=port.address, protocol=port.protocol
                )
                for port in container.published
            ],
            mounts=[
                *(
                    docker.ContainerMountArgs(type="volume", source=args.volumes[volume].name, target=path)
                    for volume, path in container.mounts.items()
                ),
                *(
                    [
                        docker.ContainerMountArgs(
                            type="bind", source=str(ROOT / "app"), target=CODE, read_only=True
                        )
                    ]
                    if developed
                    else []
                ),
            ],
            uploads=[
                docker.ContainerUploadArgs(file=path, content=text) for path, text in container.files.items()
            ],
            tmpfs=dict(container.tmpfs),
            healthcheck=docker.ContainerHealthcheckArgs(
                tests=["CMD", *container.health],
                interval="5s",
                timeout="3s",
                retries=3,
                start_period=duration(service.start_within),
            )
            if container.health
            else None,
            device_requests=[
                docker.ContainerDeviceRequestArgs(driver="nvidia", count=-1, capabilities=["gpu"])
            ]
            if container.gpu
            else None,
            labels=[
                docker.ContainerLabelArgs(label=label, value=value)
                for label, value in {**container.labels, f"{LABEL}.stack": config.stack}.items()
            ],
            read_only=container.read_only,
            memory=service.memory,
            # No swap. The engine would choose a value, and the next `up` see a change in it.
            memory_swap=service.memory,
            restart=RESTART,
            stop_signal="SIGTERM",
            stop_timeout=grace,
            destroy_grace_seconds=grace,
            log_driver="json-file",
            log_opts=LOG_OPTIONS,
            opts=self.inside(
                container.name,
                # Its name is taken until it is gone.
                delete_before_replace=True,
                # The provider would keep the old check.
                replace_on_changes=["healthcheck"],
                depends_on=[each.gate for each in args.after],
            ),
        )
        self.wait_until(HEALTHY, called, service.start_within + 30)
        self.register_outputs({"container": self.container.name, "health": self.state})
