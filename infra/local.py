"""The catalogue as containers on this machine's Docker engine."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_docker as docker

from app.catalog import VOLUMES
from app.native.plan import addresses
from app.render.containers import LABEL, containers
from app.speech.models.names import used
from infra.component import Component
from infra.config import StackConfig
from infra.container import ServiceArgs, ServiceContainer
from infra.given import PROJECT
from infra.images import Images
from infra.models import VOLUME, Models, ModelsArgs


class LocalStack(Component):
    """Network, volumes, images and a container for each service. `outputs` are for scripts and people."""

    outputs: dict[str, Any]

    def __init__(self, name: str, config: StackConfig, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("local:LocalStack", name, opts)
        self.config = config
        images = Images(self.named("images"), config, self.inside("images"))
        network = docker.Network(
            self.named("network"), name=f"{PROJECT}-{config.stack}", opts=self.inside("network")
        )
        chosen = containers(config.services, config.settings, gpu=config.gpu)
        mounted = {volume for each in chosen for volume in each.mounts}
        volumes = {
            volume.name: docker.Volume(
                self.named(volume.name),
                name=f"{PROJECT}-{config.stack}-{volume.name}",
                labels=[docker.VolumeLabelArgs(label=f"{LABEL}.stack", value=config.stack)],
                # `down` keeps data; `make clean` removes it.
                opts=self.inside(volume.name, retain_on_delete=True),
            )
            for volume in VOLUMES
            if volume.name in mounted
        }
        services: dict[str, ServiceContainer] = {}
        users = [each for each in chosen if VOLUME in each.mounts]
        models = []
        if users and used(config.settings):
            image = images.references[users[0].image]
            fetched = ModelsArgs(users[0], config, image, network, volumes)
            models = [Models(self.named(VOLUME), fetched, self.inside(VOLUME))]
        for each in chosen:
            after = [*(services[need] for need in each.needs), *(models if each in users else [])]
            image = images.references.get(each.image, pulumi.Output.from_input(each.image))
            made = ServiceArgs(each, config, image, network, volumes, after)
            services[each.name] = ServiceContainer(self.named(each.name), made, self.inside(each.name))
        self.outputs = {
            "addresses": dict(addresses(config.services, config.settings)),
            "containers": {key: value.container.name for key, value in services.items()},
            "health": {key: value.state for key, value in services.items()},
        }
        self.register_outputs(self.outputs)
