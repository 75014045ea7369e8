"""A stack on AWS as Pulumi is told of it: a stand-in for the engine that writes down what is to be made."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime import mocks, settings

from infra.aws.config import AwsConfig
from infra.aws.stack import AwsStack

ACCOUNT = "123456789012"
REGISTRY = f"{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com"

PROOF = {
    "resourceRecordName": "_proof.watch.example.org",
    "resourceRecordType": "CNAME",
    "resourceRecordValue": "_proof.acm-validations.aws",
}
CERTIFIED: dict[str, dict[str, Any]] = {
    "aws:acm/certificate:Certificate": {"domainValidationOptions": [PROOF]},
    "aws:cloudfront/distribution:Distribution": {"domainName": "d123.cloudfront.net"},
}
"""What else is known of some types once they are made."""


@dataclass
class Recorded(mocks.Mocks):
    """What was made: inputs and options by type and short name; `names` has that by the whole one."""

    names: dict[tuple[str, str], str] = field(default_factory=dict)
    made: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    options: dict[tuple[str, str], Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        name = self.names.get((args.typ, args.name), args.name)
        self.made[args.typ, name] = args.inputs
        known = {
            "arn": f"arn:aws:x:{name}",
            "repositoryUrl": f"{REGISTRY}/{args.inputs.get('name')}",
            "ref": f"{args.inputs.get('tag')}@sha256:{'0' * 64}",
            "publicIp": "203.0.113.99",
            "allocationId": "eipalloc-1",
            "version": 1,
            "fqdn": args.inputs.get("name"),
            "latestVersion": 1,
            "zoneId": "Z0123456789ABC",
            **CERTIFIED.get(args.typ, {}),
        }
        return f"{name}-id", {**known, **args.inputs}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        answers: dict[str, dict[str, Any]] = {
            "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": ACCOUNT},
            "aws:ecr/getAuthorizationToken:getAuthorizationToken": {
                "userName": "AWS",
                "password": "hush-registry",
            },
            "aws:ec2/getManagedPrefixList:getManagedPrefixList": {
                "id": f"list of {args.args.get('name')}",
                "name": args.args.get("name"),
            },
        }
        return answers[args.token], []

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """The inputs of all resources of a type, such as ec2/instance:Instance, by name."""
        return {name: inputs for (typ, name), inputs in self.made.items() if typ == f"aws:{kind}"}


class Monitor(mocks.MockMonitor):
    """Writes down the options of resources too: protected, kept, ignored changes, order."""

    mocks: Recorded

    def RegisterResource(self, request: Any) -> Any:
        short = request.aliases[0].spec.name if request.aliases else request.name
        self.mocks.names[request.type, request.name] = short
        self.mocks.options[request.type, short] = request
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]

    def RegisterResourceOutputs(self, request: Any) -> Any:
        self.mocks.outputs[request.urn.rpartition("::")[2]] = dict(request.outputs)
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


def stack(config: AwsConfig) -> Recorded:
    """Everything that a stack is made of, as a preview has it: no host is asked for anything."""
    recorded = Recorded()
    asyncio.set_event_loop(asyncio.new_event_loop())
    mocks.set_mocks(
        recorded, project="voicestack", stack=config.stack, preview=True, monitor=Monitor(recorded)
    )

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def run() -> None:
        AwsStack("voicestack", config)

    try:
        run()
    finally:
        settings.reset_options()
    return recorded
