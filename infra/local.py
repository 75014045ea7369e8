"""The catalogue as containers on this machine's Docker engine."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_docker as docker

from app.catalog import VOLUMES
from app.native.plan import addresses
from app.render.containers import LABEL, containers
from app.speech.models.names import used
from infra.config import StackConfig
from infra.container import ServiceContainer
from infra.given import PROJECT
from infra.images import Images
from infra.models import VOLUME, Models


class LocalStack(pulumi.ComponentResource):
    """Network, volumes, images and a container for each service. `outputs` are for scripts and people."""

    outputs: dict[str, Any]

    def __init__(self, name: str, config: StackConfig, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("voicestack:local:LocalStack", name, {}, opts)
        self.config = config
        inside = pulumi.ResourceOptions(parent=self)
        images = Images("images", config, inside)
        network = docker.Network("network", name=f"{PROJECT}-{config.stack}", opts=inside)
        chosen = containers(config.services, config.settings, gpu=config.gpu)
        mounted = {volume for each in chosen for volume in each.mounts}
        volumes = {
            volume.name: docker.Volume(
                volume.name,
                name=f"{PROJECT}-{config.stack}-{volume.name}",
                labels=[docker.VolumeLabelArgs(label=f"{LABEL}.stack", value=config.stack)],
                # `down` keeps data; `make clean` removes it.
                opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
            )
            for volume in VOLUMES
            if volume.name in mounted
        }
        services: dict[str, ServiceContainer] = {}
        users = [each for each in chosen if VOLUME in each.mounts]
        models = (
            [Models(users[0], config, images.references[users[0].image], network, volumes, inside)]
            if users and used(config.settings)
            else []
        )
        for each in chosen:
            services[each.name] = ServiceContainer(
                each,
                config,
                images.references.get(each.image, each.image),
                network,
                volumes,
                [*(services[need] for need in each.needs), *(models if each in users else [])],
                inside,
            )
        self.outputs = {
            "addresses": dict(addresses(config.services, config.settings)),
            "containers": {key: value.container.name for key, value in services.items()},
            "health": {key: value.state for key, value in services.items()},
        }
        self.register_outputs({})
