"""A disk of the rehearsal: an EBS volume's content, in a file behind a loop device."""

from __future__ import annotations

import subprocess
from pathlib import Path


class Disk:
    """The disk of a volume; blank at first, and there until it is removed. `size` is in GB."""

    def __init__(self, volume: str, size: int, folder: Path) -> None:
        self.volume = volume
        self.file = folder / f"{volume}.disk"
        with self.file.open("wb") as sparse:
            sparse.truncate(size << 30)
        self.device = subprocess.run(
            ["losetup", "--find", "--show", str(self.file)], capture_output=True, text=True, check=True
        ).stdout.strip()

    @property
    def number(self) -> int:
        """Which loop device it is behind."""
        return int(self.device.removeprefix("/dev/loop"))

    def remove(self) -> None:
        """Ends it, with its content."""
        subprocess.run(["losetup", "--detach", self.device], capture_output=True, check=False)
        self.file.unlink()
