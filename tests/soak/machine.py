"""What happens to the machine below the services: packets that are lost, a full disk, a clock that steps."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.soak.plan import Capability

ROOM_MIB = 256
CHAIN = "voicestack-soak"
STATUS = Path("/proc/self/status")
# include/uapi/linux/capability.h
NUMBERS: Mapping[Capability, int] = {"NET_ADMIN": 12, "SYS_ADMIN": 21, "SYS_TIME": 25}


def may(capability: Capability) -> bool:
    """Whether that is ours to do here; root of a container has none of them."""
    if not STATUS.is_file() or (capability == "NET_ADMIN" and shutil.which("iptables") is None):
        return False
    mine = int(STATUS.read_text(encoding="ascii").partition("CapEff:")[2].split()[0], 16)
    return bool(mine >> NUMBERS[capability] & 1)


def step_clock(seconds: float, lasts: float) -> None:
    """Has this machine's clock wrong by so much for so long; what only counts time goes on as ever."""
    put(seconds)
    try:
        time.sleep(lasts)
    finally:
        put(-seconds)


def put(seconds: float) -> None:
    """Puts the clock forward, or back."""
    time.clock_settime(time.CLOCK_REALTIME, time.clock_gettime(time.CLOCK_REALTIME) + seconds)


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
