"""FFmpeg's transport stream on its way to a target, with splices and timed ID3 put between its packets.

FFmpeg writes no SCTE-35 that others can read: it gives it the type of private data. Sources: ISO/IEC 13818-1,
2.4.3.6 (PES), 2.4.4 (sections, the programme's map), 2.6.58 and 2.6.60 (metadata descriptors);
ANSI/SCTE 35, 8 (stream type, registration); Apple, "Timed Metadata for HTTP Live Streaming".
"""

from __future__ import annotations

import struct
from typing import Protocol

from app.dubbing.restream.signals import Signals
from app.dubbing.signals.clock import RATE, ROUND
from app.dubbing.signals.scte35 import CUEI, crc32

PACKET = 188
ROOM = PACKET - 4
"""Bytes of a packet after its header."""
SYNC, STUFFING = 0x47, b"\xff"
MAP, SPLICES, TAGS = 0x1000, 0x1F0, 0x1F1
"""PIDs: FFmpeg's own for the programme's map; its tracks have those from 0x100 on."""
SPLICES_TYPE, TAGS_TYPE = 0x86, 0x15
REGISTRATION, METADATA_POINTER, METADATA = 0x05, 0x25, 0x26
PRIVATE_STREAM = 0xBD
ID3 = b"\xff\xffID3 \xffID3 \0"
"""What both metadata descriptors say: format and identifier are ID3's, the service is the first."""
LARGEST_TAG = 0xFFFF - 8
"""Bytes: what the length of a PES packet can tell, without its header."""


class Target(Protocol):
    """What a transport stream is written to."""

    def write(self, data: bytes) -> int:
        """Takes whole packets."""


class Programme:
    """A file for FFmpeg. Where the stream has signals, they are declared, and are written when due."""

    def __init__(self, target: Target, signals: Signals) -> None:
        self._target = target
        self._signals = signals
        self._counters = {SPLICES: 0, TAGS: 0}

    def write(self, data: bytes) -> int:
        """Whole packets, as FFmpeg makes them up."""
        if not self._signals.used:
            return self._target.write(data)
        data = bytes(data)
        whole = [data[at : at + PACKET] for at in range(0, len(data), PACKET)]
        self._target.write(b"".join(declared(each) if is_map(each) else each for each in whole))
        return len(data)

    def put_section(self, section: bytes) -> None:
        """A splice's section, at once."""
        payload = b"\0" + section
        self._put(SPLICES, payload + STUFFING * (-len(payload) % ROOM))

    def put_tag(self, tag: bytes, shown: float) -> None:
        """A tag that is meant for that time, in seconds; one that is too large for a packet is left out."""
        if len(tag) <= LARGEST_TAG:
            self._put(TAGS, elementary(tag, round(shown * RATE) % ROUND))

    def _put(self, track: int, payload: bytes) -> None:
        for packet in packets(track, payload, self._counters[track]):
            self._target.write(packet)
            self._counters[track] = (self._counters[track] + 1) % 16


def packets(track: int, payload: bytes, counter: int) -> list[bytes]:
    """A payload in packets of its own, of which the first has this counter; the last is stuffed."""
    found = []
    for number, at in enumerate(range(0, len(payload), ROOM)):
        part = payload[at : at + ROOM]
        begins = 0x4000 if number == 0 else 0
        # An adaptation field: its length, flags that say nothing, and stuffing.
        stuffed = b"" if len(part) == ROOM else bytes([ROOM - 1 - len(part), 0])[: ROOM - len(part)]
        kind = 0x30 if stuffed else 0x10
        head = struct.pack(">BHB", SYNC, begins | track, kind | (counter + number) % 16)
        found.append((head + stuffed).ljust(PACKET - len(part), STUFFING) + part)
    return found


def elementary(data: bytes, ticks: int) -> bytes:
    """A PES packet of private data, aligned, that is shown then."""
    high, middle, low = ticks >> 30, ticks >> 15 & 0x7FFF, ticks & 0x7FFF
    shown = struct.pack(">BHH", 0x21 | high << 1, middle << 1 | 1, low << 1 | 1)
    return b"\0\0\1" + struct.pack(">BHBBB", PRIVATE_STREAM, 8 + len(data), 0x84, 0x80, 5) + shown + data


def is_map(packet: bytes) -> bool:
    """Whether the programme's map begins in it."""
    return packet[1:3] == struct.pack(">H", 0x4000 | MAP)


def declared(packet: bytes) -> bytes:
    """The programme's map with the signals in it, as a version of its own; as it was where it is full."""
    at = 5 + packet[4]
    length = int.from_bytes(packet[at + 1 : at + 3]) & 0xFFF
    body = packet[at + 3 : at + 3 + length - 4]
    said = 9 + (int.from_bytes(body[7:9]) & 0xFFF)
    version = body[2] & 0xC1 | (body[2] + 2) & 0x3E
    # No locator, and carried in this stream: in the programme of that number.
    pointer = ID3 + b"\x1f" + body[:2]
    programme = body[9:said] + descriptor(REGISTRATION, CUEI) + descriptor(METADATA_POINTER, pointer)
    about = descriptor(METADATA, ID3 + b"\x0f")
    tracks = struct.pack(">BHH", SPLICES_TYPE, 0xE000 | SPLICES, 0xF000)
    tracks += struct.pack(">BHH", TAGS_TYPE, 0xE000 | TAGS, 0xF000 | len(about)) + about
    made = body[:2] + bytes([version]) + body[3:7] + struct.pack(">H", 0xF000 | len(programme))
    made += programme + body[said:] + tracks
    section = packet[at : at + 1] + struct.pack(">H", 0xB000 | len(made) + 4) + made
    whole = packet[:at] + section + struct.pack(">I", crc32(section))
    return whole.ljust(PACKET, STUFFING) if len(whole) <= PACKET else packet


def descriptor(tag: int, content: bytes) -> bytes:
    """A descriptor of a programme or a track."""
    return bytes([tag, len(content)]) + content
