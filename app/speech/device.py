"""Where an engine runs: cpu or cuda, from what was asked for and what is there."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from app.speech.types import EngineMissing

log = structlog.get_logger(__name__)


def cuda_devices() -> int:
    """How many CUDA devices CTranslate2 sees; 0 without a driver."""
    import ctranslate2

    return int(ctranslate2.get_cuda_device_count())


def onnx_cuda_devices() -> int:
    """1 where the installed ONNX Runtime was built for CUDA and a device is there, else 0."""
    import onnxruntime

    built = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    return min(1, cuda_devices()) if built else 0


def choose(requested: str, variable: str, count: Callable[[], int] = cuda_devices) -> str:
    """cpu or cuda. `auto` falls back to the CPU with a warning.

    Raises EngineMissing that names `variable` where cuda is demanded and there is none.
    """
    if requested == "cpu":
        return "cpu"
    if count() > 0:
        return "cuda"
    if requested == "cuda":
        raise EngineMissing(
            f"{variable}=cuda, but no CUDA device is usable here; "
            f"set {variable}=cpu or auto, or install the NVIDIA driver and the CUDA build of the engine"
        )
    log.warning("no CUDA device: running on the CPU", setting=variable)
    return "cpu"
