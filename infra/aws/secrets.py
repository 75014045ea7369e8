"""The secrets of a role's hosts, as SSM SecureStrings that only they read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import ssm

from app.release import names
from app.render import compose, containers
from app.settings import Settings
from infra.aws.config import AwsConfig
from infra.aws.tags import of_hosts
from infra.component import Component


def secrets(config: AwsConfig, role: names.Role) -> dict[str, str]:
    """The secrets that the services of a role use, by the variable of our settings that each comes from."""
    settings: Settings = config.settings
    return {
        compose.source(variable): compose.kept(variable, value)
        for service in config.services_of(role)
        for variable, value in sorted(containers.secrets(service, settings).items())
        if compose.kept(variable, value)
    }


def readable_state(stack_file: str, environment: Mapping[str, str]) -> bool:
    """Whether anybody who has the state can read its secrets: they are encrypted with an empty passphrase."""
    passphrase = re.search(r"^encryptionsalt:", stack_file, re.MULTILINE) is not None
    given = environment.get("PULUMI_CONFIG_PASSPHRASE") or environment.get("PULUMI_CONFIG_PASSPHRASE_FILE")
    return passphrase and not given


@dataclass(frozen=True)
class SecretsArgs:
    """Whose secrets."""

    config: AwsConfig
    role: names.Role


class Secrets(Component):
    """A SecureString for each secret of a role."""

    parameters: list[ssm.Parameter]

    def __init__(self, name: str, args: SecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("aws:Secrets", name, of_hosts(opts, args.role))
        config, role = args.config, args.role
        self.parameters = [
            ssm.Parameter(
                self.named(variable.lower().replace("_", "-")),
                name=f"{names.secrets_path(config.stack, role)}/{variable}",
                type="SecureString",
                value=pulumi.Output.secret(value),
                opts=self.inside(
                    f"{role}-{variable.lower().replace('_', '-')}", additional_secret_outputs=["value"]
                ),
            )
            for variable, value in sorted(secrets(config, role).items())
        ]
        self.register_outputs({"parameters": [each.name for each in self.parameters]})
