"""How each kind of fault is done to a running system."""

from __future__ import annotations

import contextlib
import random
import signal
import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil

from app.demo.publish import ingest_address
from tests.soak.machine import lose, step_clock
from tests.soak.people import Publisher
from tests.soak.plan import Fault
from tests.soak.system import System, garbage

LOST = 0.03
STEP = 5.0
"""Seconds."""


class Doer:
    """Does faults to a system and its publishers; returns from each when what was done is over."""

    def __init__(
        self, system: System, publishers: list[Publisher], names: list[str], video: Any, seed: int
    ) -> None:
        self._system = system
        self._publishers = publishers
        self._names = names
        self._video = video
        self._chance = random.Random(seed)
        self._how: dict[str, Callable[[Fault], object]] = {
            "speech service killed": lambda _: self._signal("sts", signal.SIGKILL),
            "speech service stalled": lambda fault: self._stall("sts", fault.lasts),
            "worker killed": lambda _: self._signal("workers", signal.SIGKILL),
            "worker stalled": lambda fault: self._stall("workers", fault.lasts),
            "dubber killed": lambda _: self._signal("dubber", signal.SIGKILL),
            "media server killed": lambda _: self._signal("media", signal.SIGKILL),
            "publisher killed": lambda fault: self._away(fault, signal.SIGKILL),
            "publisher silent": lambda fault: self._publishers[fault.stream].stall(fault.lasts),
            "publisher left": lambda fault: self._away(fault, signal.SIGINT),
            "garbage sent to every port": lambda _: self._garbage(),
            "reader that reads nothing": self._slow_reader,
            "original asked for": self._original,
            "another stream": self._another,
            "packets lost on the way in": lambda fault: self._lose(LOST, fault.lasts),
            "no packet gets in": lambda fault: self._lose(1.0, fault.lasts),
            "disk full": lambda fault: self._system.fill_disk(fault.lasts),
            "clock put forward": lambda fault: step_clock(STEP, fault.lasts),
            "clock put back": lambda fault: step_clock(-STEP, fault.lasts),
        }

    def do(self, fault: Fault) -> None:
        """Does it."""
        self._how[fault.kind.name](fault)

    def _one(self, role: str) -> psutil.Process | None:
        """A process of that kind; of workers any."""
        if role != "workers":
            return self._system.service(role)
        workers = self._system.processes()["workers"]
        return self._chance.choice(workers) if workers else None

    def _signal(self, role: str, number: signal.Signals) -> psutil.Process | None:
        process = self._one(role)
        if process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        return process

    def _stall(self, role: str, seconds: float) -> None:
        stalled = self._signal(role, signal.SIGSTOP)
        time.sleep(seconds)
        if stalled is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                stalled.send_signal(signal.SIGCONT)

    def _lose(self, share: float, seconds: float) -> None:
        lose(urlsplit(ingest_address(self._system.settings, self._names[0])).port or 1935, share, seconds)

    def _away(self, fault: Fault, number: signal.Signals) -> None:
        publisher = self._publishers[fault.stream]
        publisher.leave(number)
        time.sleep(fault.lasts)
        publisher.come()

    def _garbage(self) -> None:
        for port in self._system.ports():
            for size in (1, 100, 10_000):
                garbage(port, self._chance.randbytes(size))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for port in (self._system.settings.media_srt_port, self._system.settings.media_webrtc_udp_port):
                for _ in range(100):
                    sender.sendto(self._chance.randbytes(1_000), ("127.0.0.1", port))

    def _slow_reader(self, fault: Fault) -> None:
        """Asks for the dub over RTSP, in one connection, and takes nothing of it."""
        path = f"dub/{self._names[fault.stream]}/es"
        address = f"rtsp://127.0.0.1:{self._system.settings.media_rtsp_port}/{path}"
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", urlsplit(address).port), 5.0) as peer,
        ):
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            session = ""
            requests = [
                (f"SETUP {address}/trackID=0", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"),
                (f"PLAY {address}", ""),
            ]
            for number, (what, header) in enumerate(requests, 1):
                peer.sendall(f"{what} RTSP/1.0\r\nCSeq: {number}\r\n{header}{session}\r\n".encode())
                answer = peer.recv(4096).decode("ascii", "replace")
                session = "".join(
                    f"{line}\r\n" for line in answer.split("\r\n") if line.startswith("Session:")
                )
            time.sleep(fault.lasts)

    def _original(self, fault: Fault) -> None:
        path = f"/streams/{self._names[fault.stream]}/es/bypass"
        for on in (True, False):
            with contextlib.suppress(httpx.HTTPError):
                self._system.http.post(path, json={"on": on})
            time.sleep(fault.lasts if on else 0.0)

    def _another(self, fault: Fault) -> None:
        guest = Publisher(ingest_address(self._system.settings, "guest"), self._video)
        time.sleep(fault.lasts)
        guest.end()
