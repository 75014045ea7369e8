"""A VPC's resolver: what private zones of the emulator say of a name; nobody else is asked (RFC 1035)."""

from __future__ import annotations

import ipaddress
import socket
import struct
import threading
from types import TracebackType
from typing import Self

from tests.rehearsal.emulator.server import Emulator
from tests.rehearsal.made import records

PORT = 53
HEADER = struct.Struct("!6H")
QUESTION = struct.Struct("!2H")
ANSWER = struct.Struct("!3HIH")
A, IN = 1, 1
NAME_OF_THE_QUESTION = 0xC00C
ANSWERED, NO_SUCH_NAME = 0x8180, 0x8183
LARGEST = 512
LOOK_EVERY = 0.5


class Resolver:
    """Answers questions for addresses over UDP at that address of this machine while it is entered."""

    def __init__(self, emulator: Emulator, address: str, port: int = PORT) -> None:
        self._emulator = emulator
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, port))
        self._socket.settimeout(LOOK_EVERY)
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                asked, client = self._socket.recvfrom(LARGEST)
            except TimeoutError:
                continue
            self._socket.sendto(answered(asked, self._zone()), client)

    def _zone(self) -> dict[str, tuple[int, list[str]]]:
        return {
            each["Name"].rstrip(".").lower(): (each["TTL"], [one["Value"] for one in each["ResourceRecords"]])
            for each in records(self._emulator)
        }


def answered(asked: bytes, zone: dict[str, tuple[int, list[str]]]) -> bytes:
    """The answer to a message with one question; `zone` has each name's time to live (s) and addresses."""
    number, *_ = HEADER.unpack_from(asked)
    labels, at = [], HEADER.size
    while size := asked[at]:
        labels.append(asked[at + 1 : at + 1 + size].decode("ascii"))
        at += 1 + size
    kind, _ = QUESTION.unpack_from(asked, at + 1)
    question = asked[HEADER.size : at + 1 + QUESTION.size]
    known = zone.get(".".join(labels).lower())
    lasts, addresses = known if known and kind == A else (0, [])
    head = HEADER.pack(number, ANSWERED if known else NO_SUCH_NAME, 1, len(addresses), 0, 0)
    body = b"".join(
        ANSWER.pack(NAME_OF_THE_QUESTION, A, IN, lasts, 4) + ipaddress.IPv4Address(each).packed
        for each in addresses
    )
    return head + question + body
