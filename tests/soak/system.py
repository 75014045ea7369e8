"""What is soaked: `make run`'s supervisor with media server, speech service and dubber, and its processes."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import httpx
import psutil

from app.settings import Settings, load
from tests.bench.cost import MIB
from tests.soak.machine import Disk, may
from tests.soak.plan import KINDS, Kind
from tests.stack import ROOT, StackError, free_ports, inherited, link_models, wait_for

SERVICES = ("media", "sts", "dubber")
UP_WITHIN = 120.0
STOP_WITHIN = 60.0


class System:
    """A context manager: starts the supervisor and waits until it is up; stops it and all it started."""

    def __init__(self, folder: Path) -> None:
        chosen = {
            **free_ports(),
            "DATA_DIR": str(folder / "data"),
            "TARGET_LANGUAGES": "es",
            "LOG_LEVEL": "warning",
            "MEDIA_API_PASSWORD": "a-word-for-the-soak",
        }
        self.folder = folder
        self.settings: Settings = load(chosen)
        self._open = contextlib.ExitStack()
        self._disk = Disk(self.settings.data_dir) if may("SYS_ADMIN") else None
        self._seen: dict[psutil.Process, str] = {}
        self._environment = {**inherited(), **chosen}
        self.http = httpx.Client(base_url=self.settings.dubber_address, trust_env=False, timeout=5.0)

    def __enter__(self) -> Self:
        if self._disk is not None:
            self._open.enter_context(self._disk)
        link_models(self.settings.models_dir)
        with (self.folder / "run.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "app", "run", "--no-setup", "--services", "dubber"],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_for("the services", lambda: self.streams() is not None, UP_WITHIN)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self.http.close()
        self._open.close()

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The faults that can be done on this machine."""
        return tuple(kind for kind in KINDS if kind.needs is None or may(kind.needs))

    def fill_disk(self, seconds: float) -> None:
        """The data folder takes no byte for so long."""
        assert self._disk is not None
        self._disk.full(seconds)

    def streams(self) -> list[dict[str, Any]] | None:
        """What the dubber tells of the streams; None while it does not answer."""
        if self._process.poll() is not None:
            log = (self.folder / "run.log").read_text(encoding="utf-8", errors="replace")
            raise StackError(f"the supervisor ended with status {self._process.returncode}\n{log[-4000:]}")
        try:
            found: list[dict[str, Any]] = self.http.get("/streams").raise_for_status().json()["streams"]
        except (httpx.HTTPError, ValueError):
            return None
        return found

    def dub(self, name: str) -> dict[str, Any] | None:
        """The Spanish dub of a stream, where there is one."""
        found = [stream for stream in self.streams() or [] if stream["name"] == name]
        dubs = [dub for stream in found for dub in stream["dubs"] if dub["language"] == "es"]
        return dubs[0] if dubs else None

    def ports(self) -> list[int]:
        """Everything that people reach over TCP."""
        names = (
            "media_rtmp_port",
            "media_rtsp_port",
            "media_hls_port",
            "media_webrtc_port",
            "sts_port",
            "dubber_port",
        )
        return [getattr(self.settings, name) for name in names]

    def processes(self) -> Mapping[str, list[psutil.Process]]:
        """Those that run, by what they are."""
        found: dict[str, list[psutil.Process]] = {
            "supervisor": [],
            **{name: [] for name in SERVICES},
            "workers": [],
        }
        # Whoever loses its parent is no descendant any more, and goes on working.
        seen = dict(self._seen)
        with contextlib.suppress(psutil.NoSuchProcess):
            supervisor = psutil.Process(self._process.pid)
            found["supervisor"] = [supervisor]
            for process in supervisor.children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    seen[process] = self._role(process)
        self._seen = {process: role for process, role in seen.items() if process.is_running()}
        for process in self._seen:
            found[seen[process]].append(process)
        return found

    def service(self, name: str) -> psutil.Process | None:
        """The process of a service: of those that are it, the one that the others come from."""
        them = self.processes()[name]
        return min(them, key=lambda each: each.create_time()) if them else None

    def _role(self, process: psutil.Process) -> str:
        for each in [process, *process.parents()]:
            command = each.cmdline()
            if command and Path(command[0]).name == "mediamtx":
                return "media"
            for name in SERVICES:
                if command[-2:] == ["serve", name]:
                    return "workers" if each != process and name == "dubber" else name
        return "supervisor"

    def sizes(self) -> dict[str, tuple[float, int, int]]:
        """Memory (MiB, resident), descriptors and threads of all processes of each kind."""
        found = {}
        for name, processes in self.processes().items():
            memory, descriptors, threads = 0.0, 0, 0
            for process in processes:
                with contextlib.suppress(psutil.Error), process.oneshot():
                    memory += process.memory_info().rss / MIB
                    descriptors += process.num_fds()
                    threads += process.num_threads()
            found[name] = (memory, descriptors, threads)
        return found

    def disk(self) -> float:
        """MiB below the data folder; models, which are links, not counted."""
        return sum(size for size in self._files(self.settings.data_dir)) / MIB

    @staticmethod
    def _files(folder: Path) -> Iterator[int]:
        for at, _, names in os.walk(folder):
            for name in names:
                with contextlib.suppress(OSError):
                    yield os.lstat(os.path.join(at, name)).st_size


def garbage(port: int, content: bytes) -> None:
    """Sends bytes to a port, and goes; whether they are taken doesn't matter."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 2.0) as connection:
        connection.sendall(content)
