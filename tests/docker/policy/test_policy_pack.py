"""The policy pack in the real engine: each policy stops a program that breaks it (DEP-10).

The resources are stand-ins, components under the names of AWS's types: the engine shows a policy the same
type, inputs and protection, and nothing has to be had from AWS.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.policy.rules import TAGS
from tests.stack import ROOT
from tools import toolchain

PROGRAM = """
import json
import pulumi
from pathlib import Path

for each in json.loads(Path("resources.json").read_text()):
    options = pulumi.ResourceOptions(protect=each["protect"])
    made = pulumi.ComponentResource(each["type"], each["name"], each["inputs"], options)
    # What is about the whole stack is shown what came of a resource.
    made.register_outputs(each["inputs"])
"""
TAGGED = {"tags": dict.fromkeys(TAGS, "x")}
RULE = {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "description": "who logs in", **TAGGED}
DISK = {"encrypted": True}
IMAGE = {"compose": {"services": {"sts": {"image": "registry.example.org/speech:1.2.0"}}}}
INSTANCE = {"rootBlockDevice": DISK, "metadataOptions": {"httpTokens": "required"}, **TAGGED}
VOLUME = {**DISK, "tags": {**TAGGED["tags"], "snapshots": "trial"}}
SNAPSHOTS = {
    "type": "aws:dlm/lifecyclePolicy:LifecyclePolicy", "name": "daily", "protect": False,
    "inputs": {"state": "ENABLED", "policyDetails": {"targetTags": {"snapshots": "trial"}}, **TAGGED},
}  # fmt: skip
BUNDLE = {"key": "releases/speech/1.json", "content": json.dumps(IMAGE), **TAGGED}

BAD: dict[str, tuple[str, dict[str, Any]]] = {
    "no-public-ssh": (
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        {**RULE, "cidrIpv4": "0.0.0.0/0"},
    ),
    "safe-volumes": ("aws:ebs/volume:Volume", VOLUME),
    "images-by-digest": ("aws:s3/bucketObjectv2:BucketObjectv2", BUNDLE),
    "imdsv2": ("aws:ec2/instance:Instance", {**INSTANCE, "metadataOptions": {}}),
    "doors-with-reason": (
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        {**RULE, "cidrIpv4": "198.51.100.0/24", "description": ""},
    ),
    "tagged": ("aws:ec2/vpc:Vpc", {"tags": {"stack": "x"}}),
    "closed-buckets": ("aws:s3/bucket:Bucket", TAGGED),
    "snapshots": ("aws:ebs/volume:Volume", {**DISK, **TAGGED}),
}
GOOD = [
    {"type": "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "name": "ssh", "protect": False,
     "inputs": {**RULE, "cidrIpv4": "198.51.100.0/24"}},
    {"type": "aws:ebs/volume:Volume", "name": "data", "protect": True, "inputs": VOLUME},
    SNAPSHOTS,
    {"type": "aws:ec2/instance:Instance", "name": "host", "protect": False, "inputs": INSTANCE},
]  # fmt: skip


def preview(folder: Path, resources: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    """The engine's preview of a program with these resources, with our pack."""
    (folder / "Pulumi.yaml").write_text("name: trial\nruntime: python\n", encoding="utf-8")
    (folder / "__main__.py").write_text(PROGRAM, encoding="utf-8")
    (folder / "resources.json").write_text(json.dumps(resources), encoding="utf-8")
    environment = toolchain.environment(
        {
            **os.environ,
            "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_BACKEND_URL": f"file://{folder}",
        }
    )

    def pulumi(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--stack", "trial"], cwd=folder, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
        )  # fmt: skip

    assert pulumi("stack", "init").returncode == 0
    return pulumi("preview", "--policy-pack", str(ROOT / "infra" / "policy" / "pack"))


@pytest.fixture(scope="module", autouse=True)
def tools() -> None:
    toolchain.ensure()


@pytest.mark.parametrize("policy", BAD)
def test_a_program_that_breaks_a_policy_is_stopped_by_it_alone(policy: str, tmp_path: Path) -> None:
    kind, inputs = BAD[policy]
    bad = {"type": kind, "name": "bad", "inputs": inputs, "protect": policy == "snapshots"}
    done = preview(tmp_path, [bad, SNAPSHOTS])
    assert done.returncode != 0
    assert f"[mandatory]  {policy}  " in done.stdout
    assert done.stdout.count("[mandatory]") == 1


def test_a_program_that_breaks_none_goes_through(tmp_path: Path) -> None:
    done = preview(tmp_path, GOOD)
    assert done.returncode == 0, done.stdout
    assert "voicestack@v1.0.0" in done.stdout
