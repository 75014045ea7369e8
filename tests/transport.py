"""Transport streams with signals: FFmpeg's own, with splices (SCTE 35) and timed ID3 put between its packets.

Sources: ISO/IEC 13818-1; ANSI/SCTE 35, 8.1 and 9.7.3; Apple's "Timed Metadata for HTTP Live Streaming".
"""

from __future__ import annotations

import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PACKET = 188
RATE = 90_000
SPLICES, METADATA = 0x1F0, 0x1F1
SYNC = 0x47


@dataclass(frozen=True)
class Signal:
    """Comes when the stream's clock (90 kHz, of what is decoded) is at `ticks`."""

    ticks: int
    pid: int
    payload: bytes


@dataclass(frozen=True)
class Picture:
    """A picture of a stream: its place on the stream's clock, and its bytes."""

    ticks: int
    data: bytes
    key: bool


def checksum(data: bytes) -> bytes:
    """CRC of a section."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7 if value & 0x80000000 else value << 1) & 0xFFFFFFFF
    return struct.pack(">I", value)


def splice_insert(
    event: int, ticks: int | None, *, out: bool, seconds: float | None = None, adjusted: int = 0
) -> bytes:
    """A section that splices at that time, or at once."""
    flags = out << 7 | 1 << 6 | (seconds is not None) << 5 | (ticks is None) << 4 | 0xF
    body = struct.pack(">IBB", event, 0x7F, flags)
    if ticks is not None:
        body += (1 << 39 | 0x3F << 33 | ticks - adjusted).to_bytes(5)
    if seconds is not None:
        body += (1 << 39 | 0x3F << 33 | round(seconds * RATE)).to_bytes(5)
    body += struct.pack(">HBB", 1, 0, 0)
    return splice_section(5, body, b"", adjusted)


def time_signal(ticks: int, descriptors: bytes) -> bytes:
    """A section with a time and descriptors."""
    return splice_section(6, (1 << 39 | 0x3F << 33 | ticks).to_bytes(5), descriptors, 0)


def segmentation(event: int, kind: int, seconds: float | None = None) -> bytes:
    """A descriptor that begins or ends a segment of that kind."""
    content = b"CUEI" + struct.pack(">IBB", event, 0x7F, 0x80 | (seconds is not None) << 6 | 0x3F)
    if seconds is not None:
        content += round(seconds * RATE).to_bytes(5)
    content += bytes([0, 0, kind, 0, 0])
    return bytes([2, len(content)]) + content


def splice_section(command: int, body: bytes, descriptors: bytes, adjusted: int) -> bytes:
    """A splice_info_section with its checksum."""
    rest = bytes([0]) + adjusted.to_bytes(5) + bytes([0])
    rest += (0xFFF << 12 | len(body)).to_bytes(3) + bytes([command]) + body
    rest += struct.pack(">H", len(descriptors)) + descriptors
    whole = bytes([0xFC]) + struct.pack(">H", 0x3000 | len(rest) + 4) + rest
    return whole + checksum(whole)


def id3(text: str) -> bytes:
    """A tag with that text as TXXX."""
    content = b"\x03" + b"\x00" + text.encode() + b"\x00"
    frame = b"TXXX" + struct.pack(">I", len(content)) + b"\x00\x00" + content
    return b"ID3\x04\x00\x00" + bytes([0, 0, len(frame) >> 7, len(frame) & 0x7F]) + frame


def splice(ticks: int, section: bytes) -> Signal:
    """A section that comes then."""
    return Signal(ticks, SPLICES, bytes([0]) + section)


def metadata(ticks: int, tag: bytes) -> Signal:
    """A tag that is meant for then, and comes then."""
    stamp = (
        0x21 | ticks >> 29 & 0xE,
        ticks >> 22 & 0xFF,
        ticks >> 14 & 0xFE | 1,
        ticks >> 7 & 0xFF,
        ticks << 1 & 0xFE | 1,
    )
    packet = b"\x84\x80\x05" + bytes(stamp) + tag
    return Signal(ticks, METADATA, b"\0\0\1\xbd" + struct.pack(">H", len(packet)) + packet)


def with_signals(stream: bytes, signals: Sequence[Signal]) -> bytes:
    """FFmpeg's transport stream with these between its packets, and declared."""
    waiting, counters = sorted(signals, key=lambda each: each.ticks), dict.fromkeys((SPLICES, METADATA), 0)
    found = bytearray()
    for at in range(0, len(stream), PACKET):
        packet = stream[at : at + PACKET]
        pid = (packet[1] & 0x1F) << 8 | packet[2]
        decoded = decoding_time(packet) if pid == 0x100 else None
        while decoded is not None and waiting and waiting[0].ticks <= decoded:
            signal = waiting.pop(0)
            found += packets(signal, counters)
        found += declared(packet) if pid == 0x1000 else packet
    return bytes(found)


def packets(signal: Signal, counters: dict[int, int]) -> bytes:
    """The payload in packets; what is left of the last one is stuffed as its kind has it."""
    found = bytearray()
    payload, first = signal.payload, True
    while payload:
        part, payload = payload[:184], payload[184:]
        counter = counters[signal.pid]
        counters[signal.pid] = (counter + 1) % 16
        room = 184 - len(part)
        head = bytes([SYNC, first << 6 | signal.pid >> 8, signal.pid & 0xFF])
        if signal.pid == SPLICES:
            found += head + bytes([0x10 | counter]) + part + b"\xff" * room
        elif room:
            field = bytes([room - 1]) + (b"\x00" + b"\xff" * (room - 2) if room > 1 else b"")
            found += head + bytes([0x30 | counter]) + field + part
        else:
            found += head + bytes([0x10 | counter]) + part
        first = False
    return bytes(found)


def declared(packet: bytes) -> bytes:
    """The programme's map with both kinds of signals in it."""
    section = packet[5:]
    length = (section[1] & 0xF) << 8 | section[2]
    kept = section[: 3 + length - 4]
    known = (kept[10] & 0xF) << 8 | kept[11]
    said = b"\x05\x04CUEI"
    programme = kept[12 : 12 + known] + said
    more = struct.pack(">BHH", 0x86, 0xE000 | SPLICES, 0xF000)
    about = b"\x26\x0d\xff\xffID3 \xffID3 \x00\x0f"
    more += struct.pack(">BHH", 0x15, 0xE000 | METADATA, 0xF000 | len(about)) + about
    head = kept[3:10] + struct.pack(">H", 0xF000 | len(programme))
    rest = head + programme + kept[12 + known :] + more
    whole = kept[:1] + struct.pack(">H", 0xB000 | len(rest) + 4) + rest
    whole += checksum(whole)
    return (packet[:5] + whole).ljust(PACKET, b"\xff")


def decoding_time(packet: bytes) -> int | None:
    """The decoding time that a packet tells, None where no picture begins in it."""
    if not packet[1] & 0x40:
        return None
    at = 4 + (1 + packet[4] if packet[3] & 0x20 else 0)
    has_decoding = packet[at + 7] & 0x40
    field = packet[at + (14 if has_decoding else 9) :][:5]
    return (
        (field[0] & 0xE) << 29
        | field[1] << 22
        | (field[2] & 0xFE) << 14
        | field[3] << 7
        | (field[4] & 0xFE) >> 1
    )


def transport_stream(target: Path, *arguments: str) -> Path:
    """What ffmpeg makes of these arguments, as a transport stream; its tracks have PIDs from 0x100 on."""
    command = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-y", *arguments]
    subprocess.run([*command, "-f", "mpegts", "-pat_period", "0.3", str(target)], check=True)
    return target


class Sender:
    """Sends a transport stream as fast as it is meant to be shown, to `take` a second or so at a time."""

    def __init__(self, stream: bytes) -> None:
        self._stream = stream
        self.stopping = threading.Event()

    def pieces(self) -> Iterator[bytes]:
        """Some packets at a time, each when it is due."""
        began, first = time.monotonic(), None
        for at in range(0, len(self._stream), 7 * PACKET):
            piece = self._stream[at : at + 7 * PACKET]
            for start in range(0, len(piece), PACKET):
                packet = piece[start : start + PACKET]
                if (packet[1] & 0x1F) << 8 | packet[2] != 0x100:
                    continue
                decoded = decoding_time(packet)
                if decoded is None:
                    continue
                first = decoded if first is None else first
                due = began + (decoded - first) / RATE
                if self.stopping.wait(max(0.0, due - time.monotonic())):
                    return
            yield piece


@contextmanager
def sent_over_udp(stream: bytes, port: int) -> Iterator[Sender]:
    """Sends it to a port of this machine, once."""
    sender = Sender(stream)

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for piece in sender.pieces():
                out.sendto(piece, ("127.0.0.1", port))

    with running(sender, send):
        yield sender


@contextmanager
def offered_over_tcp(stream: bytes, answered: Callable[[socket.socket], None] | None = None) -> Iterator[int]:
    """Sends it, from its beginning, to whoever connects to the port that it gives, once `answered`."""
    sender = Sender(stream)
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(0.2)

        def send() -> None:
            while not sender.stopping.is_set():
                try:
                    out, _ = door.accept()
                except TimeoutError:
                    continue
                with out:
                    try:
                        if answered is not None:
                            answered(out)
                        for piece in sender.pieces():
                            out.sendall(piece)
                    except OSError:
                        continue

        with running(sender, send):
            yield door.getsockname()[1]


@contextmanager
def offered_over_http(stream: bytes) -> Iterator[int]:
    """The same to whoever asks for it; how long it is, is not told."""
    with offered_over_tcp(stream, answered_over_http) as port:
        yield port


def answered_over_http(out: socket.socket) -> None:
    """Raises OSError where nothing is asked for."""
    asked = b""
    while b"\r\n\r\n" not in asked:
        more = out.recv(4096)
        if not more:
            raise OSError("nothing was asked for")
        asked += more
    out.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nConnection: close\r\n\r\n")


@contextmanager
def running(sender: Sender, send: object) -> Iterator[None]:
    """Runs it beside, until it is left."""
    thread = threading.Thread(target=send, daemon=True)  # type: ignore[arg-type]
    thread.start()
    try:
        yield
    finally:
        sender.stopping.set()
        thread.join(5.0)
