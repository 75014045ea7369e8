"""`make smoke` as it is run: hosts found on the emulator, one of them a real sshd that is no real host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from app.release import names
from tests.docker.smoke.conftest import Sshd
from tests.rehearsal.emulator.server import Emulator
from tests.stack import ROOT

BUNDLE = {"compose": {"name": "voicestack", "services": {}}, "secrets": [], "made": []}
HOST = {"name": "speech-1", "data": "/srv/voicestack", "gpu": False, "volume": "vol-0"}


@pytest.fixture
def known(sshd: Sshd) -> None:
    """The container says of itself what a host says."""
    for path, text in (
        ("/etc/voicestack/host.json", json.dumps(HOST)),
        ("/var/lib/voicestack/wanted/release", "r1"),
        ("/var/lib/voicestack/wanted/wanted.json", json.dumps(BUNDLE)),
    ):
        sshd.sh(f"mkdir -p {Path(path).parent} && printf '%s' '{text}' > {path}")


def smoke(emulator: Emulator, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs the smoke tests as the make target does."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "tests/smoke", "-p", "no:cacheprovider", *options],
        cwd=ROOT, env={**os.environ, **emulator.environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.usefixtures("known")
def test_every_check_of_every_host_is_in_the_table_and_in_the_junit_report(
    sshd: Sshd, tmp_path: Path
) -> None:
    report = tmp_path / "smoke.xml"
    with Emulator(tmp_path / "emulator.log") as emulator:
        ec2, ssm = emulator.client("ec2"), emulator.client("ssm")
        tags = {names.STACK_TAG: "test", names.ROLE_TAG: "speech", names.HOST_TAG: "speech-1"}
        ec2.run_instances(
            ImageId=ec2.describe_images()["Images"][0]["ImageId"], MinCount=1, MaxCount=1,
            TagSpecifications=[
                {"ResourceType": "instance", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}
            ],
        )  # fmt: skip
        ssm.put_parameter(
            Name=names.release_parameter("test", "speech"), Value="releases/speech/r1.json", Type="String"
        )
        done = smoke(
            emulator, "--stack", "test", "--ssh-key", str(sshd.key), f"--address=speech-1={sshd.address}",
            f"--junitxml={report}",
        )  # fmt: skip
        nobody = smoke(emulator, "--stack", "another")
    assert done.returncode == 1, done.stdout + done.stderr
    rows = {line.split("│")[2].strip(): line for line in done.stdout.splitlines() if line.count("│") == 5}
    assert {"booted", "volume", "ports", "memory", "wanted"} <= set(rows)
    assert "FAILED" in rows["booted"]
    assert "nothing is mounted" in rows["volume"] or "FAILED" in rows["volume"]
    assert "ok" in rows["memory"]
    assert "the stack wants r1" in rows["wanted"]
    cases = ElementTree.parse(report).getroot().findall(".//testcase")
    assert len(cases) == len(rows)
    assert any("speech-1" in case.attrib["name"] for case in cases)
    assert nobody.returncode == pytest.ExitCode.USAGE_ERROR
    assert "stack=another" in nobody.stderr
