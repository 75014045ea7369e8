"""FFmpeg's transport stream on its way to a target, with splices put between its packets.

FFmpeg writes no SCTE-35 that others can read: it gives it the type of private data. Sources: ISO/IEC 13818-1,
2.4.4 (sections, the programme's map); ANSI/SCTE 35, 8 (stream type, registration).
"""

from __future__ import annotations

import struct
from typing import Protocol

from app.dubbing.restream.splices import Splices
from app.dubbing.signals.scte35 import CUEI, crc32

PACKET = 188
SYNC, STUFFING = 0x47, b"\xff"
MAP, SPLICES = 0x1000, 0x1F0
"""PIDs: FFmpeg's own for the programme's map; its tracks have those from 0x100 on."""
STREAM_TYPE, REGISTRATION = 0x86, 0x05


class Target(Protocol):
    """What a transport stream is written to."""

    def write(self, data: bytes) -> int:
        """Takes whole packets."""


class Programme:
    """A file for FFmpeg. Where the stream has signals, splices are declared, and are written when due."""

    def __init__(self, target: Target, splices: Splices) -> None:
        self._target = target
        self._splices = splices
        self._counter = 0

    def write(self, data: bytes) -> int:
        """Whole packets, as FFmpeg makes them up."""
        if not self._splices.used:
            return self._target.write(data)
        data = bytes(data)
        whole = [data[at : at + PACKET] for at in range(0, len(data), PACKET)]
        self._target.write(b"".join(declared(each) if is_map(each) else each for each in whole))
        return len(data)

    def put(self, section: bytes) -> None:
        """A splice's section, at once."""
        for packet in packets(section, self._counter):
            self._target.write(packet)
            self._counter = (self._counter + 1) % 16


def packets(section: bytes, counter: int) -> list[bytes]:
    """A section in packets of its own, of which the first has this counter."""
    payload = b"\0" + section
    found = []
    for number, at in enumerate(range(0, len(payload), PACKET - 4)):
        begins = 0x4000 if number == 0 else 0
        head = struct.pack(">BHB", SYNC, begins | SPLICES, 0x10 | (counter + number) % 16)
        found.append((head + payload[at : at + PACKET - 4]).ljust(PACKET, STUFFING))
    return found


def is_map(packet: bytes) -> bool:
    """Whether the programme's map begins in it."""
    return packet[1:3] == struct.pack(">H", 0x4000 | MAP)


def declared(packet: bytes) -> bytes:
    """The programme's map with the splices in it, as a version of its own; as it was where it is full."""
    at = 5 + packet[4]
    length = int.from_bytes(packet[at + 1 : at + 3]) & 0xFFF
    body = packet[at + 3 : at + 3 + length - 4]
    said = 9 + (int.from_bytes(body[7:9]) & 0xFFF)
    version = body[2] & 0xC1 | (body[2] + 2) & 0x3E
    programme = body[9:said] + bytes([REGISTRATION, len(CUEI)]) + CUEI
    track = struct.pack(">BHH", STREAM_TYPE, 0xE000 | SPLICES, 0xF000)
    made = body[:2] + bytes([version]) + body[3:7] + struct.pack(">H", 0xF000 | len(programme))
    made += programme + body[said:] + track
    section = packet[at : at + 1] + struct.pack(">H", 0xB000 | len(made) + 4) + made
    whole = packet[:at] + section + struct.pack(">I", crc32(section))
    return whole.ljust(PACKET, STUFFING) if len(whole) <= PACKET else packet
