"""Sound from a microphone or a file, as the services take it: 16 kHz, mono, 16 bits, in pieces of 100 ms.

Microphones are read by FFmpeg's own devices, which PyAV carries: ALSA on Linux, AVFoundation on macOS.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RATE = 16_000
PIECE = RATE // 10
ALSA_CARDS = Path("/proc/asound/pcm")
# The ALSA library inside PyAV looks for its configuration where it was built.
ALSA_CONFIGURATION = Path("/usr/share/alsa/alsa.conf")
ALSA_PLUGINS = ("/usr/lib/*/alsa-lib", "/usr/lib64/alsa-lib", "/usr/lib/alsa-lib")
CAPTURE_LINE = re.compile(r"^(\d+)-(\d+): ([^:]*):([^:]*):.*capture")


class NoSound(RuntimeError):
    """The microphone or file can't be read. The message says why, and what to do."""


@dataclass(frozen=True)
class Device:
    """A microphone: what to give to --device, and what people call it."""

    id: str
    name: str


def alsa_devices(listing: str) -> list[Device]:
    """The microphones in the text of /proc/asound/pcm."""
    found = [CAPTURE_LINE.match(line) for line in listing.splitlines()]
    return [
        Device(f"plughw:{int(match[1])},{int(match[2])}", match[3].strip() or match[4].strip())
        for match in found
        if match
    ]


def devices() -> list[Device]:
    """The microphones of this machine."""
    if sys.platform == "darwin":
        from av.device import enumerate_input_devices

        every = enumerate_input_devices("avfoundation")
        return [Device(each.name, each.description) for each in every if "audio" in each.media_types]
    try:
        return alsa_devices(ALSA_CARDS.read_text(encoding="utf-8"))
    except OSError:
        return []


@contextmanager
def microphone(device: str) -> Iterator[Iterator[bytes]]:
    """The sound of a microphone, of the system's default one where `device` is empty. Raises NoSound."""
    import av

    try:
        if sys.platform == "darwin":
            container = av.open(f":{device or 'default'}", format="avfoundation")
        else:
            find_alsa()
            container = av.open(device or "default", format="alsa", options={"channels": "1"})
    except (OSError, ValueError) as error:
        raise NoSound(f"the microphone {device or '(default)'} can't be opened: {told(error)}") from None
    with container:
        yield pieces(container)


@contextmanager
def sound_file(path: Path) -> Iterator[Iterator[bytes]]:
    """The sound of a sound or video file. Raises NoSound."""
    import av

    try:
        container = av.open(str(path))
    except (OSError, ValueError) as error:
        raise NoSound(f"{path} can't be read: {told(error)}") from None
    with container:
        if not container.streams.audio:
            raise NoSound(f"{path} has no sound")
        yield pieces(container)


def pieces(container: Any) -> Iterator[bytes]:
    """The first sound track in pieces of 100 ms, the last one shorter. Raises NoSound where it breaks."""
    from av.audio.resampler import AudioResampler

    resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
    waiting = bytearray()
    try:
        for frame in container.decode(audio=0):
            for made in resampler.resample(frame):
                waiting += made.to_ndarray().tobytes()
            while len(waiting) >= 2 * PIECE:
                yield bytes(waiting[: 2 * PIECE])
                del waiting[: 2 * PIECE]
        for made in resampler.resample(None):
            waiting += made.to_ndarray().tobytes()
    except (OSError, ValueError) as error:
        raise NoSound(f"the sound broke off: {told(error)}") from None
    for at in range(0, len(waiting), 2 * PIECE):
        yield bytes(waiting[at : at + 2 * PIECE])


def find_alsa() -> None:
    """Shows PyAV's ALSA library the system's configuration and plug-ins, unless the user did."""
    if ALSA_CONFIGURATION.is_file():
        os.environ.setdefault("ALSA_CONFIG_PATH", str(ALSA_CONFIGURATION))
    for pattern in ALSA_PLUGINS:
        folder = next(iter(sorted(Path("/").glob(pattern.lstrip("/")))), None)
        if folder is not None:
            os.environ.setdefault("ALSA_PLUGIN_DIR", str(folder))
            return


def told(error: Exception) -> str:
    """What an error of FFmpeg says, without its number and the file's name."""
    return getattr(error, "strerror", None) or str(error)
