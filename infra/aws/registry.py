"""The stack's own registry: an ECR repository for each image, and the images in it, known by digest."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pulumi_docker_build as build
from pulumi_aws import ecr

from app.render import images
from infra.aws.config import AwsConfig
from infra.component import Component
from infra.images import recipe

KEPT = 60  # manifests: a release of an image is three, one for each platform and their list
LIFECYCLE = {
    "rules": [
        {
            "rulePriority": 1,
            "description": "The last releases, for a rollback",
            "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": KEPT},
            "action": {"type": "expire"},
        }
    ]
}


class Registry(Component):
    """A repository an image. `references` has what hosts run: each image by its digest.

    `host` is the registry's host name, `arns` are the repositories'.
    """

    references: dict[str, pulumi.Output[str]]
    arns: dict[str, pulumi.Output[str]]
    host: pulumi.Output[str]

    def __init__(self, name: str, config: AwsConfig, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("aws:Registry", name, opts)
        wanted = dict.fromkeys(image for role in config.roles for image in config.images_of(role))
        repositories = {image: self._repository(config, repository_name(image)) for image in wanted}
        self.arns = {image: repository.arn for image, repository in repositories.items()}
        self.host = next(iter(repositories.values())).repository_url.apply(host_name)
        access = ecr.get_authorization_token_output(opts=pulumi.InvokeOutputOptions(parent=self))
        login = build.RegistryArgs(
            address=self.host, username=access.user_name, password=pulumi.Output.secret(access.password)
        )
        self.references = {
            image: self._image(config, image, repository, login) for image, repository in repositories.items()
        }
        self.register_outputs({"host": self.host, "references": self.references})

    def _repository(self, config: AwsConfig, name: str) -> ecr.Repository:
        repository = ecr.Repository(
            self.named(name),
            name=f"{config.name}/{name}",
            image_scanning_configuration=ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
            # Hosts know images by digest; a tag such as latest is for people, and moves.
            image_tag_mutability="MUTABLE",
            force_delete=True,
            opts=self.inside(name),
        )
        ecr.LifecyclePolicy(
            self.named(name),
            repository=repository.name,
            policy=json.dumps(LIFECYCLE),
            opts=self.inside(name, repository),
        )
        return repository

    def _image(
        self, config: AwsConfig, name: str, repository: ecr.Repository, login: build.RegistryArgs
    ) -> pulumi.Output[str]:
        ours = {image.name for image in images.IMAGES}
        if name in ours and not config.registry:
            return self._built(config, images.get(name), repository, login)
        source = (
            images.reference(images.get(name), config.registry, config.tag)
            if name in ours
            else others(config, name)
        )
        copy = build.Index(
            self.named(repository_name(name)),
            sources=[source],
            tag=repository.repository_url.apply(lambda url: f"{url}:{tag_of(source)}"),
            push=True,
            registry=login,
            opts=self._kept(repository_name(name), repository),
        )
        return by_digest(copy.ref)

    def _built(
        self, config: AwsConfig, image: images.Image, repository: ecr.Repository, login: build.RegistryArgs
    ) -> pulumi.Output[str]:
        built = build.Image(
            self.named(image.name),
            tags=[repository.repository_url.apply(lambda url: f"{url}:{config.tag}")],
            **recipe(image),
            platforms=[build.Platform(each) for each in image.platforms],
            builder=build.BuilderConfigArgs(name=config.builder),
            registries=[login],
            push=True,
            build_on_preview=False,
            opts=self._kept(image.name, repository, ignore_changes=["secrets"]),
        )
        return by_digest(built.ref)

    def _kept(self, name: str, repository: ecr.Repository, **options: Any) -> pulumi.ResourceOptions:
        # An older image stays in the registry, or nothing could be rolled back to it.
        return self.inside(name, repository, retain_on_delete=True, **options)


def others(config: AwsConfig, image: str) -> str:
    """Where an image that is not ours is copied from, such as postgres:15."""
    if not config.hub:
        return image
    return f"{config.hub}/{image if '/' in image else f'library/{image}'}"


def host_name(url: str) -> str:
    """The host of a repository's address."""
    return url.partition("/")[0]


def repository_name(image: str) -> str:
    """The repository of an image: that of postgres:15 is postgres."""
    return image.rpartition("/")[2].partition(":")[0]


def tag_of(image: str) -> str:
    """The tag of an image's reference."""
    return image.rpartition(":")[2]


def by_digest(reference: pulumi.Output[str]) -> pulumi.Output[str]:
    """The reference without its tag, repository@sha256:…, which never means another image."""
    return reference.apply(digest_alone)


def digest_alone(reference: str) -> str:
    """repository:tag@sha256:… as repository@sha256:…

    A preview does not know the digest of what is not pushed yet. Raises ValueError where `up` has none.
    """
    name, at, digest = reference.partition("@")
    if not at and pulumi.runtime.is_dry_run():
        digest = "sha256:known-once-it-is-pushed"
    elif not at:
        raise ValueError(f"{reference} was pushed, but its digest is not known: run `pulumi up` again")
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}@{digest}"
