"""A host's user data: small, stable, without release or secret, and what a host needs."""

from __future__ import annotations

import ast
import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.release import names
from infra.hosts import HostSpec, cloud_init, program
from infra.hosts.first_boot import FOLDER, LIMIT

SPEC = HostSpec(
    stack="prod", role="speech", name="speech-1", region="eu-central-1", volume="vol-0123456789abcdef0",
    bucket="voicestack-prod", registry="123456789012.dkr.ecr.eu-central-1.amazonaws.com", gpu=True,
)  # fmt: skip


def read(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def files(text: str) -> dict[str, str]:
    return {each["path"]: each["content"] for each in read(text)["write_files"]}


def test_it_is_what_cloud_init_reads_and_small() -> None:
    text = cloud_init(SPEC)
    assert text.startswith("#cloud-config\n")
    assert len(text.encode()) < LIMIT / 2
    assert read(text)["ssh_pwauth"] is False


def test_the_same_host_gets_the_same_and_another_volume_another() -> None:
    assert cloud_init(SPEC) == cloud_init(replace(SPEC))
    assert cloud_init(SPEC) != cloud_init(replace(SPEC, volume="vol-0fedcba9876543210"))


def test_a_better_program_changes_no_user_data() -> None:
    assert not [name for name, text in program().items() if len(text) > 200 and text in cloud_init(SPEC)]


def test_the_host_knows_where_its_release_and_its_secrets_are() -> None:
    host = json.loads(files(cloud_init(SPEC))["/etc/voicestack/host.json"])
    assert host["parameter"] == names.release_parameter("prod", "speech")
    assert host["secrets"] == names.secrets_path("prod", "speech")
    assert (host["volume"], host["data"], host["gpu"]) == (SPEC.volume, names.DATA, True)


def test_it_converges_at_every_boot_and_reports_every_minute() -> None:
    written = files(cloud_init(SPEC))
    unit = written["/etc/systemd/system/voicestack-converge.service"]
    assert f"ExecStart={names.CONVERGE} --boot" in unit
    assert "WantedBy=multi-user.target" in unit
    assert "OnUnitActiveSec=1min" in written["/etc/systemd/system/voicestack-report.timer"]
    assert names.CONVERGE in written


def test_upgrades_leave_the_engine_and_the_driver_alone() -> None:
    upgrades = files(cloud_init(SPEC))["/etc/apt/apt.conf.d/60voicestack"]
    assert 'Unattended-Upgrade "1"' in upgrades
    assert all(f'"{name}"' in upgrades for name in ("docker", "containerd", "nvidia"))


def test_what_ec2_would_not_take_is_refused() -> None:
    with pytest.raises(ValueError, match="EC2 takes"):
        cloud_init(replace(SPEC, bucket="b" * LIMIT))


def test_the_script_of_the_first_boot_is_one_that_sh_understands() -> None:
    done = subprocess.run(["sh", "-n", FOLDER / "prepare.sh"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_program_is_understood_by_the_oldest_python_of_a_host() -> None:
    texts = {**program(), "launcher.py": (FOLDER / "launcher.py").read_text(encoding="utf-8")}
    for name, text in texts.items():
        ast.parse(text, name, feature_version=(3, 10))
        assert "tomllib" not in text
        assert "typing import Self" not in text


def test_a_first_boot_waits_for_a_lock_that_is_held_and_a_network_that_comes_late(tmp_path: Path) -> None:
    def stand_in(name: str, script: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    asked = tmp_path / "asked"
    stand_in("apt-get", f'echo "$*" >> {asked}\ncase $(/usr/bin/wc -l < {asked}) in 1|2|4) exit 100;; esac')
    stand_in("python3", "exit 1")
    for name in ("docker", "mkfs.ext4", "unattended-upgrade", "systemctl", "sleep"):
        stand_in(name, ":")
    done = subprocess.run(
        ["/bin/sh", FOLDER / "prepare.sh"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    verbs = [line.split()[0] for line in asked.read_text().splitlines()]
    assert verbs == ["update", "update", "update", "install", "install"]
    assert "attempt 2 failed" in done.stderr
    assert "DPkg::Lock::Timeout" in asked.read_text()
