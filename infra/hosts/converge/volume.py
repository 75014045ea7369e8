"""The host's own volume: found by its id, formatted only where it is blank, mounted by UUID."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from . import decide

ATTACHED_WITHIN = 600.0
LOOKED_AT = 1 << 20  # bytes at the beginning of a device that must be zero before it is formatted
FSTAB = Path("/etc/fstab")
# Without its data in place the engine starts nothing, or it would write beside it.
AFTER_MOUNT = Path("/etc/systemd/system/docker.service.d/voicestack.conf")


class VolumeError(RuntimeError):
    """The volume can't be used; the message says why and what to do."""


def mount(volume: str, path: Path, say: Callable[[str], None]) -> None:
    """Has the volume mounted at `path`, now and at every boot. Raises VolumeError."""
    device = found(volume, say)
    if path.is_mount():
        grow(device)
        return
    uuid = prepare(device, volume, say)
    FSTAB.write_text(decide.with_mount(FSTAB.read_text(encoding="utf-8"), uuid, str(path)), encoding="utf-8")
    path.mkdir(parents=True, exist_ok=True)
    AFTER_MOUNT.parent.mkdir(parents=True, exist_ok=True)
    AFTER_MOUNT.write_text(f"[Unit]\nRequiresMountsFor={path}\n", encoding="utf-8")
    command("systemctl", "daemon-reload")
    command("mount", str(path))
    grow(device)
    say(f"volume {volume} is mounted at {path} (UUID {uuid})")


def prepare(device: Path, volume: str, say: Callable[[str], None]) -> str:
    """The UUID of the file system on a device, made where the device is blank. Raises VolumeError."""
    try:
        with device.open("rb") as raw:
            beginning = raw.read(LOOKED_AT)
    except OSError as problem:
        raise VolumeError(f"volume {volume} can't be read: {problem}") from None
    if decide.is_blank(probe(device)[0], beginning):
        say(f"volume {volume} is blank: formatting it")
        command("mkfs.ext4", "-q", "-L", "voicestack", str(device))
    kind = probe(device, "--match-tag", "TYPE")[1]
    if kind != "ext4":
        raise VolumeError(
            f"volume {volume} holds {kind or 'something unknown'}, not ext4; it is left as it is: attach the "
            "right volume, or empty this one by hand"
        )
    return probe(device, "--match-tag", "UUID")[1]


def grow(device: Path) -> None:
    """Lets the mounted file system fill a volume that has been made larger; changes nothing else."""
    subprocess.run(["resize2fs", str(device)], capture_output=True, check=False)


def found(volume: str, say: Callable[[str], None]) -> Path:
    """The device of a volume, as soon as it is attached. Raises VolumeError where it is not in time."""
    deadline = time.monotonic() + ATTACHED_WITHIN
    told = False
    while time.monotonic() < deadline:
        for name in decide.device_names(volume):
            if Path(name).exists():
                return Path(name)
        if not told:
            say(f"waiting for volume {volume}")
            told = True
        time.sleep(1.0)
    why = ": is the snapshot that it begins with one of a volume of Voicestack's?" if "/" in volume else ""
    raise VolumeError(f"volume {volume} was not attached within {ATTACHED_WITHIN:g} s{why}")


def probe(device: Path, *options: str) -> tuple[int, str]:
    """blkid's exit code, and what it says of a device, read from the device itself."""
    done = subprocess.run(
        ["blkid", "--probe", *options, "--output", "value", str(device)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout.strip()


def command(*words: str) -> None:
    """Runs a command. Raises VolumeError with its own words where it fails."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise VolumeError(f"{words[0]}: {done.stderr.strip() or done.stdout.strip()}")
