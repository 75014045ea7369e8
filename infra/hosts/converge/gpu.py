"""Whether containers of this host can use its GPU."""

from __future__ import annotations

import shutil
import subprocess

from . import engine

HOOK = "nvidia-container-runtime-hook"


class GpuError(RuntimeError):
    """Containers can't use the GPU; the message names what is missing."""


def check() -> str:
    """The GPU and its driver, in words. Raises GpuError naming what is missing."""
    if shutil.which("nvidia-smi") is None:
        raise GpuError("no NVIDIA driver (nvidia-smi): take a machine image that has one")
    asked = subprocess.run(
        ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if asked.returncode != 0:
        raise GpuError(f"the NVIDIA driver does not work: {(asked.stdout or asked.stderr).strip()}")
    if shutil.which(HOOK) is None and "nvidia" not in engine.docker("info", "--format", "{{.Runtimes}}"):
        raise GpuError(f"no NVIDIA container toolkit ({HOOK}): take a machine image that has one")
    return "; ".join(asked.stdout.strip().splitlines())
