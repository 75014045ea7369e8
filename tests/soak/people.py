"""Those who publish and those who watch, and connect again where that ends, as encoders and players do."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
import time
from pathlib import Path

from app.demo.lines import Event
from app.demo.read import read
from tests.soak.judge import Second

AGAIN_AFTER = 2.0
OUT_OF_TIME = 60.0


class Publisher:
    """An encoder that sends a video over RTMP, and connects again where that ends."""

    def __init__(self, address: str, video: Path) -> None:
        self._command = [
            *("ffmpeg", "-nostdin", "-loglevel", "quiet", "-re", "-stream_loop", "-1", "-i", str(video)),
            *("-c", "copy", "-f", "flv", address),
        ]
        self._wanted = threading.Event()
        self._ended = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep_on, daemon=True)
        self._thread.start()
        self.come()

    def come(self) -> None:
        """Publishes from now on."""
        self._wanted.set()

    def leave(self, number: signal.Signals = signal.SIGINT) -> None:
        """Ends the stream: as an encoder is switched off, or with SIGKILL as its machine loses power."""
        self._wanted.clear()
        self._signal(number)

    def stall(self, seconds: float) -> None:
        """Sends nothing for so long, with its connection open."""
        self._signal(signal.SIGSTOP)
        time.sleep(seconds)
        self._signal(signal.SIGCONT)

    def end(self) -> None:
        """Publishes no more."""
        self._ended.set()
        self.leave(signal.SIGKILL)
        self._thread.join()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def _keep_on(self) -> None:
        while not self._ended.is_set():
            if not self._wanted.wait(0.2):
                continue
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)
            if not self._wanted.is_set():
                self._process.kill()
            self._process.wait()
            self._ended.wait(AGAIN_AFTER if self._wanted.is_set() else 0.0)


class Watcher:
    """A player of the dub; `heard` are the seconds of its sound, and when each came (monotonic)."""

    def __init__(self, address: str) -> None:
        self.heard: list[Second] = []
        self._address = address
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep_on, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Watches no more."""
        self._ended.set()
        self._thread.join()

    def _notice(self, event: Event) -> None:
        if event["type"] == "level":
            self.heard.append(Second(time.monotonic(), event["pts"], event["level"]))

    def _keep_on(self) -> None:
        while not self._ended.is_set():
            reader = read(self._address, self._notice, wait=OUT_OF_TIME, look=False)
            while reader.running and not self._ended.wait(0.1):
                pass
            reader.stop()
