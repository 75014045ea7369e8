"""What `make tools` finds or makes really works: a program with the Docker plugin comes up and goes."""

from __future__ import annotations

import os
import secrets
import subprocess
from pathlib import Path

import pytest

from tools import engine, toolchain
from tools.setup import PYTHON

PROGRAM = """
import pulumi
import pulumi_docker as docker

network = docker.Network("{name}")
pulumi.export("network", network.name)
"""


@pytest.fixture(scope="module", autouse=True)
def tools() -> None:
    engine.ensure()
    toolchain.ensure()


def pulumi(folder: Path, *arguments: str) -> str:
    """What Pulumi prints, inside the virtual environment."""
    environment = toolchain.environment(
        {
            **os.environ,
            "PATH": f"{PYTHON.parent}:{os.environ['PATH']}",
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_BACKEND_URL": f"file://{folder}",
        }
    )
    done = subprocess.run(
        ["pulumi", *arguments, "--non-interactive", "--stack", "trial"],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def networks() -> str:
    return subprocess.run(
        ["docker", "network", "ls", "--format", "{{.Name}}"], capture_output=True, text=True, check=True
    ).stdout


def test_a_program_is_previewed_brought_up_found_unchanged_and_destroyed(tmp_path: Path) -> None:
    name = f"tools-test-{secrets.token_hex(4)}"
    (tmp_path / "Pulumi.yaml").write_text("name: trial\nruntime: python\n")
    (tmp_path / "__main__.py").write_text(PROGRAM.format(name=name))
    pulumi(tmp_path, "stack", "init")
    try:
        assert "warning" not in pulumi(tmp_path, "preview")
        pulumi(tmp_path, "up", "--yes", "--skip-preview")
        assert name in networks()
        assert "2 unchanged" in pulumi(tmp_path, "preview")
    finally:
        pulumi(tmp_path, "destroy", "--yes", "--skip-preview")
    assert name not in networks()


def test_buildx_and_compose_are_found_by_docker() -> None:
    for plugin in ("buildx", "compose"):
        assert toolchain.answer("docker", plugin, "version")


def test_a_second_run_makes_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    toolchain.ensure()
    assert " …" not in capfd.readouterr().out
