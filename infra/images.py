"""The images of a stack: built on this machine and loaded into its engine, or released ones."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pulumi_docker_build as build

from app.render import images
from infra.component import Component
from infra.config import ROOT, StackConfig, image_names


class Images(Component):
    """Every image that a stack's services run in; `references` has what a container runs."""

    references: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, config: StackConfig, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("local:Images", name, opts)
        if not config.registry and not pulumi.runtime.is_dry_run():
            check_builder(config.builder)
        self.references = {
            each: self._released(each, config) if config.registry else self._built(each, config)
            for each in image_names(config)
        }
        self.register_outputs({"references": self.references})

    def _released(self, name: str, config: StackConfig) -> pulumi.Output[str]:
        return pulumi.Output.from_input(images.reference(images.get(name), config.registry, config.tag))

    def _built(self, name: str, config: StackConfig) -> pulumi.Output[str]:
        image = images.get(name)
        tag = f"voicestack/{name}:{config.stack}"
        built = build.Image(
            self.named(name),
            tags=[tag],
            **recipe(image),
            builder=build.BuilderConfigArgs(name=config.builder),
            exports=[build.ExportArgs(docker=build.ExportDockerArgs(names=[tag]))],
            push=False,
            build_on_preview=False,
            # Who builds, and behind which proxy, makes no other image.
            opts=self.inside(name, ignore_changes=["secrets"]),
        )
        # The tag stays when its image changes, so containers run the image by its id.
        return built.digest.apply(lambda _: image_id(tag))


def check_builder(name: str) -> None:
    """Starts the builder where it can be. Raises pulumi.RunError where it does not work: the provider would
    only say that time was up."""
    asked = subprocess.run(
        ["docker", "buildx", "inspect", name, "--bootstrap"], capture_output=True, text=True, check=False
    )
    if asked.returncode != 0 or "running" not in asked.stdout.lower():
        raise pulumi.RunError(
            f"the builder {name} does not work: python3 -m tools.buildkit starts it, and so does make up; "
            f"or name one of your own: pulumi config set voicestack:builder NAME\n{asked.stderr.strip()}"
        )


def recipe(image: images.Image) -> dict[str, Any]:
    """What every build of an image is given, wherever it goes."""
    return {
        "context": build.BuildContextArgs(
            location=str(ROOT),
            named={
                each: build.ContextArgs(location=str(images.context_folder(each))) for each in image.contexts
            },
        ),
        "dockerfile": build.DockerfileArgs(location=str(ROOT / image.dockerfile)),
        "target": image.target,
        "build_args": dict(image.arguments),
        "labels": images.labels(image),
        "secrets": {key: pulumi.Output.secret(value) for key, value in build_secrets(os.environ).items()},
    }


def build_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """What a build needs behind a proxy: certificates to trust, and a package index."""
    found = {}
    if bundle := images.ca_bundle(environment):
        found["ca"] = Path(bundle).read_text(encoding="utf-8")
    if variable := images.index_variable(environment):
        found["index"] = environment[variable]
    return found


def image_id(tag: str) -> str:
    """The id of an image in the engine; the tag itself where the engine has lost it, so that it is missed."""
    found = subprocess.run(
        ["docker", "image", "inspect", "--format", "{{.Id}}", tag],
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or tag
