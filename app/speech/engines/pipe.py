"""A resident program that answers each null-terminated question with a null-terminated answer."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time
from contextlib import suppress
from typing import IO

from app.speech.types import SpeechError

LONGEST_ANSWER = 1 << 16


class Resident:
    """A program that stays, in a session of its own, started when it is first needed and after it ended."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self.command = command
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id (and group id) while it runs."""
        return self._process.pid if self._process is not None else None

    def running(self) -> subprocess.Popen[bytes]:
        """The process, started where there is none."""
        if self._process is not None and self._process.poll() is not None:
            self.end()
        if self._process is None:
            self.starts += 1
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        return self._process

    def end(self) -> None:
        """Ends it and all that it started; what it was still to be asked is lost with it."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


class NullFlushPipe:
    """One process (or a shell pipeline of them), asked by one thread at a time.

    A process that dies or does not answer within `timeout` seconds is ended, the question fails with
    SpeechError, and the next question starts it anew; a dead one found before asking is started at once.
    The first answer may take `starting` seconds, where that is longer.
    """

    def __init__(self, name: str, command: tuple[str, ...], timeout: float, starting: float = 0.0) -> None:
        self.name = name
        self.timeout = timeout
        self.starting = max(timeout, starting)
        self._lock = threading.Lock()
        self._resident = Resident(command)

    @property
    def starts(self) -> int:
        """How often the pipeline was started."""
        return self._resident.starts

    @property
    def pid(self) -> int | None:
        """Process id (and group id) of the pipeline while it runs."""
        return self._resident.pid

    def ask(self, question: str) -> str:
        """The answer, without white space at its ends. Raises SpeechError."""
        with self._lock:
            for attempt in (1, 2):
                try:
                    return self._ask(question)
                except BrokenPipeError:
                    self._resident.end()
                    if attempt == 2:
                        break
            raise SpeechError(f"{self.name} ended unexpectedly")

    def close(self) -> None:
        """Ends the process."""
        with self._lock:
            self._resident.end()

    def _ask(self, question: str) -> str:
        before = self.starts
        process = self._resident.running()
        within = self.starting if self.starts > before else self.timeout
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(question.encode() + b"\0")
        process.stdin.flush()
        answer = bytearray()
        end = time.monotonic() + within
        while b"\0" not in answer:
            if not readable(process.stdout, end - time.monotonic()) or len(answer) > LONGEST_ANSWER:
                self._resident.end()
                raise SpeechError(f"{self.name} gave no answer within {within:g} s")
            block = os.read(process.stdout.fileno(), 1 << 16)
            if not block:
                raise BrokenPipeError
            answer += block
        return bytes(answer).split(b"\0", 1)[0].decode(errors="replace").strip()


def readable(source: IO[bytes], seconds: float) -> bool:
    """Whether something can be read there, or its end, within that time.

    By poll(): select() takes no descriptor above 1,023, and a busy service has more.
    """
    poll = select.poll()
    poll.register(source.fileno(), select.POLLIN)
    return bool(poll.poll(max(0.0, seconds) * 1000.0))
