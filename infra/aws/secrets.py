"""The secrets of a role's hosts, as SSM SecureStrings that only they read."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pulumi
from pulumi_aws import ssm

from app.release import names
from app.render import compose, containers
from app.settings import Settings
from infra.aws.config import AwsConfig


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


class Secrets(pulumi.ComponentResource):
    """A SecureString for each secret of a role."""

    parameters: list[ssm.Parameter]

    def __init__(
        self, config: AwsConfig, role: names.Role, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("voicestack:aws:Secrets", f"{role}-secrets", {}, opts)
        self.parameters = [
            ssm.Parameter(
                f"{role}-{variable.lower().replace('_', '-')}",
                name=f"{names.secrets_path(config.stack, role)}/{variable}",
                type="SecureString",
                value=pulumi.Output.secret(value),
                tags=config.tags(f"{role}-{variable}", role),
                opts=pulumi.ResourceOptions(parent=self, additional_secret_outputs=["value"]),
            )
            for variable, value in sorted(secrets(config, role).items())
        ]
        self.register_outputs({})
