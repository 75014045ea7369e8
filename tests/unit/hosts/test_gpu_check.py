"""What a GPU host says of its GPU; scripts stand in for the driver's tools, which no test machine has."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.hosts.converge import gpu

SEES = "echo 'NVIDIA L4, 570.124.06, 23034 MiB'"
FAILS = "echo 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.'; exit 9"
NO_RUNTIME = "echo 'map[runc:{runc [] <nil>}]'"
WITH_RUNTIME = "echo 'map[nvidia:{nvidia-container-runtime [] <nil>} runc:{runc [] <nil>}]'"


def tools(folder: Path, monkeypatch: pytest.MonkeyPatch, **scripts: str) -> None:
    """Puts these programs, and no other, on the PATH."""
    for name, script in scripts.items():
        path = folder / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.parametrize(
    "toolkit", [{"nvidia_container_runtime_hook": "true"}, {"docker": WITH_RUNTIME}], ids=["hook", "runtime"]
)
def test_a_gpu_that_containers_can_use_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toolkit: dict[str, str]
) -> None:
    tools(tmp_path, monkeypatch, nvidia_smi=SEES, **toolkit)
    assert gpu.check() == "NVIDIA L4, 570.124.06, 23034 MiB"


@pytest.mark.parametrize(
    ("scripts", "words"),
    [
        ({}, "no NVIDIA driver"),
        ({"nvidia_smi": FAILS}, "does not work: NVIDIA-SMI has failed"),
        ({"nvidia_smi": SEES, "docker": NO_RUNTIME}, "no NVIDIA container toolkit"),
    ],
)
def test_what_a_gpu_host_lacks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scripts: dict[str, str], words: str
) -> None:
    tools(tmp_path, monkeypatch, **scripts)
    with pytest.raises(gpu.GpuError, match=words):
        gpu.check()
