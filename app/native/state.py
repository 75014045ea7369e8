"""The run folder: who runs, under which process ids, and the files that the services are given."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import Any

from app.settings import Settings


class AlreadyRunning(RuntimeError):
    """Another supervisor has this data folder."""


class RunFolder:
    """DATA_DIR/run, readable by its owner alone. One supervisor at a time holds it."""

    def __init__(self, settings: Settings) -> None:
        self.path = settings.data_dir.absolute() / "run"
        self._file = self.path / "supervisor.json"
        self._lock: int | None = None

    def hold(self) -> None:
        """Takes the folder for this process. Raises AlreadyRunning with the other's process id."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)
        lock = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            pid = self.read().get("pid", "unknown")
            raise AlreadyRunning(
                f"Voicestack is running already (process {pid}): stop it with Ctrl-C there, "
                f"or with `kill {pid}`; `make status` shows it"
            ) from None
        self._lock = lock
        self._write({"pid": os.getpid(), "services": {}})

    def release(self) -> None:
        """Gives the folder back."""
        if self._lock is not None:
            self._write({})
            os.close(self._lock)
            self._lock = None

    def is_held(self) -> bool:
        """Whether a supervisor runs with this folder."""
        try:
            with self._file.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def note_services(self, pids: dict[str, int | None]) -> None:
        """Notes the process ids of the services, for `status`."""
        self._write({"pid": os.getpid(), "services": pids})

    def read(self) -> dict[str, Any]:
        """What the supervisor noted last; empty where none has run."""
        with contextlib.suppress(OSError, ValueError):
            content = json.loads(self._file.read_text(encoding="utf-8"))
            if isinstance(content, dict):
                return content
        return {}

    def write_private(self, name: str, content: str) -> Path:
        """Writes a file that only its owner can read."""
        path = self.path / name
        new = self.path / f".{name}.new"
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
        new.replace(path)
        return path

    def _write(self, content: dict[str, Any]) -> None:
        assert self._lock is not None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, json.dumps(content).encode(), 0)
