"""The release of a role: its bundle in the bucket, and the parameter that names it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pulumi
from pulumi_aws import s3, ssm

from app.release import bundle, names
from app.release.bundle import Bundle
from app.render.containers import Published, containers
from app.speech.models.names import used
from infra import hosts
from infra.aws import pool
from infra.aws.config import DATABASE, STREAMING, AwsConfig
from infra.aws.secrets import Secrets
from infra.aws.tags import of_hosts
from infra.aws.uploads import Uploads
from infra.component import Component

# The database for the transcribers on speech hosts; the security group lets in nobody else.
SHARED = (Published("0.0.0.0", DATABASE, DATABASE, "tcp"),)


@dataclass(frozen=True)
class ReleaseArgs:
    """Whose release it is, and what it is made of: images, the addresses that people see of the streaming
    hosts, uploads where there are some, secrets, and of a pool the id of its zone."""

    config: AwsConfig
    role: names.Role
    bucket: pulumi.Input[str]
    references: Mapping[str, pulumi.Output[str]]
    public_addresses: Sequence[pulumi.Input[str]]
    uploads: Uploads | None
    secrets: Secrets
    zone: pulumi.Input[str] = ""


class Release(Component):
    """What the hosts of a role are to run. `before` has to be there before they act."""

    key: pulumi.Output[str]
    before: list[pulumi.CustomResource]

    def __init__(self, name: str, args: ReleaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        config, role, uploads = args.config, args.role, args.uploads
        super().__init__("aws:Release", name, of_hosts(opts, role))
        wanted = config.images_of(role)
        # Speech hosts are told none: one that is not known yet would look like a change of their release.
        addresses = args.public_addresses if role == STREAMING else ()
        place = (uploads.bucket.bucket, uploads.role.arn) if uploads else ("", "")
        made = pulumi.Output.all(
            pulumi.Output.all(*addresses),
            *place,
            args.zone,
            *(args.references[each] for each in wanted),
        ).apply(
            lambda known: make(
                config,
                role,
                known[0],
                known[1],
                known[2],
                dict(zip(wanted, known[4:], strict=True)),
                zone=known[3],
            )
        )
        # Older bundles stay: a release that is put back is fetched again.
        content = s3.BucketObjectv2(
            self.named("bundle"),
            bucket=args.bucket,
            key=made.apply(lambda one: one.key),
            content=made.apply(lambda one: one.content),
            content_type="application/json",
            opts=self.inside(f"{role}-bundle", retain_on_delete=True),
        )
        parameter = ssm.Parameter(
            self.named(),
            name=names.release_parameter(config.stack, role),
            type="String",
            value=made.apply(lambda one: one.key),
            opts=self.inside(f"{role}-release", depends_on=[content]),
        )
        self.key = made.apply(lambda one: one.key)
        self.before = [parameter, *args.secrets.parameters]
        self.register_outputs({"key": self.key})


def make(
    config: AwsConfig,
    role: names.Role,
    public_addresses: Sequence[str],
    uploads: str,
    identity: str,
    references: Mapping[str, str],
    *,
    zone: str = "",
) -> Bundle:
    """The bundle of a role's hosts; streaming hosts have `public_addresses`, others none. `uploads` is the
    archive's bucket, `identity` who may reach it, `zone` the one with the name of a pool."""
    settings = config.settings_of(role, next(iter(public_addresses), ""), uploads)
    chosen = [
        replace(each, published=SHARED) if each.name == "db" and config.shares_database else each
        for each in containers(config.services_of(role), settings, gpu=config.gpu_of(role))
    ]
    further = zip(config.further_cells if role == STREAMING else (), public_addresses[1:], strict=True)
    cells = {
        cell.name: containers(
            config.services_on(cell), config.settings_of(role, address, uploads, cell), gpu=cell.gpu
        )
        for cell, address in further
    }
    return bundle.build(
        role,
        chosen,
        references,
        hosts.program(),
        region=config.region,
        logs=names.log_group(config.stack) if config.logs else "",
        models=bool(used(config.settings)),
        identity=identity,
        pool=pool.told(config, zone),
        others=cells,
    )
