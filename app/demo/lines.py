"""The demo's helper processes, and the JSON lines they are driven with and answer in.

A publisher or a reader is a process of its own, because a silent peer can freeze every Python thread
of a process inside FFmpeg. Its request arrives on stdin, as addresses hold passwords that must not
stand in a process list; it ends by itself when its stdin closes, so that none outlives its parent.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from app.service import hide_credentials

Event = dict[str, Any]
STOP_WITHIN = 5.0
QUERY = re.compile(r"(?<=[\w/])\?\S+")


def in_words(error: Exception) -> str:
    """What an error says, without the address that FFmpeg quotes: a query may hold a password."""
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return QUERY.sub("", hide_credentials(said))


class Helper:
    """A running helper process; `on_event` is called for each of its JSON lines, in one thread of its own."""

    def __init__(self, module: str, request: Mapping[str, Any], on_event: Callable[[Event], None]) -> None:
        self.problem = ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        # Where it has crashed already, what it said is told below.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        self._on_event = on_event
        self._thread = threading.Thread(target=self._listen, name=module, daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        """Process id, for measuring what it costs or killing it."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is still there."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Asks it to finish (a recording is closed), and kills it where it does not within 5 s."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        try:
            self._process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()
        self._thread.join(STOP_WITHIN)

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()
        self._process.wait()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event: Event = json.loads(line)
            if event["type"] == "problem":
                self.problem = event["message"]
            self._on_event(event)
        status = self._process.wait()
        if status != 0 and not self.problem:
            self.problem = f"the process ended with status {status}"
            self._on_event({"type": "problem", "message": self.problem})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Parent:
    """The helper's side: its request, whether the parent still wants it, and a way to tell events."""

    def __init__(self) -> None:
        self.request: Event = json.loads(sys.stdin.readline())
        self.leaving = threading.Event()
        threading.Thread(target=self._wait_for_end, daemon=True).start()

    def tell(self, kind: str, **fields: Any) -> None:
        """Sends one event. A parent that is gone is a reason to leave."""
        try:
            print(json.dumps({"type": kind, **fields}), flush=True)
        except BrokenPipeError:
            self.leaving.set()

    def tell_problem(self, error: Exception) -> None:
        """Sends an error in words, without passwords."""
        self.tell("problem", message=in_words(error))

    def _wait_for_end(self) -> None:
        while sys.stdin.readline():
            pass
        self.leaving.set()
