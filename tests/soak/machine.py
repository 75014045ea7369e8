"""What happens to the machine below the services: packets that are lost, a full disk."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

ROOM_MIB = 256
CHAIN = "voicestack-soak"
STATUS = Path("/proc/self/status")
# include/uapi/linux/capability.h
CAP_NET_ADMIN = 12
CAP_SYS_ADMIN = 21


def can_mount() -> bool:
    """Whether file systems and rules for packets are ours to set here; root of a container may do neither."""
    if not STATUS.is_file() or shutil.which("iptables") is None:
        return False
    mine = int(STATUS.read_text(encoding="ascii").partition("CapEff:")[2].split()[0], 16)
    return all(mine >> capability & 1 for capability in (CAP_NET_ADMIN, CAP_SYS_ADMIN))


class Disk:
    """A small disk of its own, mounted on a folder: a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Disk:
        self._folder.mkdir(parents=True, exist_ok=True)
        size = f"size={ROOM_MIB}m"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(self._folder)], check=True)
        return self

    def __exit__(self, *_: object) -> None:
        # Lazily: a process that is just ending may still hold a file of it.
        subprocess.run(["umount", "--lazy", str(self._folder)], check=True)

    def full(self, seconds: float) -> None:
        """Leaves no byte free for so long."""
        filler = self._folder / "filler"
        try:
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(1 << 16))
            left = shutil.disk_usage(self._folder).free
            if left > 1 << 16:
                raise RuntimeError(f"the disk was to be full, and {left} bytes are free")
            time.sleep(seconds)
        finally:
            filler.unlink()


def lose(port: int, share: float, seconds: float) -> None:
    """Loses that share of the packets that go to or come from a TCP port of this machine."""
    chance = ["-m", "statistic", "--mode", "random", "--probability", f"{share:.3f}", "-j", "DROP"]
    with _chain():
        for end in ("--dport", "--sport"):
            _iptables("-A", CHAIN, "-p", "tcp", end, str(port), *chance)
        time.sleep(seconds)


@contextlib.contextmanager
def _chain() -> Iterator[None]:
    _iptables("-N", CHAIN)
    try:
        _iptables("-I", "INPUT", "-i", "lo", "-j", CHAIN)
        yield
    finally:
        _iptables("-D", "INPUT", "-i", "lo", "-j", CHAIN)
        _iptables("-F", CHAIN)
        _iptables("-X", CHAIN)


def _iptables(*arguments: str) -> None:
    subprocess.run(["iptables", "--wait", *arguments], check=True, stdout=subprocess.DEVNULL)
