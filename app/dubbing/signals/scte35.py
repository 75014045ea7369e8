"""Splices as ANSI/SCTE 35 tells them: of a section what a player and a dub have to know. Pure.

Everything else in a section stays as it came: playlists carry its bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.dubbing.signals.clock import RATE, ROUND

TABLE = 0xFC
SPLICE_INSERT, TIME_SIGNAL = 0x05, 0x06
SEGMENTATION = 0x02
CUEI = b"CUEI"
SHORTEST = 20
LONGEST = 4096
OUT_TYPES = frozenset({0x22, 0x30, 0x32, 0x34, 0x36, 0x38, 0x3A, 0x3C, 0x3E, 0x44, 0x46})
"""Segmentation types that begin something else than the programme; the next number ends it."""

Kind = Literal["out", "in", "other"]


class NotASplice(ValueError):
    """Bytes that are no section of SCTE 35. The message says what is wrong with them."""


@dataclass(frozen=True)
class Cue:
    """A splice: `out` leaves the programme, `in` comes back to it, `other` is neither.

    `ticks` is when, on the stream's clock of 90 kHz, None for at once. `seconds` is how long it is planned,
    None where that is not told; `cancelled`: what was told of this event holds no more.
    """

    event: int
    kind: Kind
    ticks: int | None
    seconds: float | None = None
    cancelled: bool = False


class Bits:
    """Numbers read from bytes, bit by bit. Raises NotASplice at the end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data)
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        """The next bits as a number."""
        if count > self._left:
            raise NotASplice("it ends too early")
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def flag(self) -> bool:
        """The next bit."""
        return bool(self.take(1))


def cues(section: bytes) -> list[Cue]:
    """The splices in a section; none where it is a heartbeat or is encrypted. Raises NotASplice."""
    if not SHORTEST <= len(section) <= LONGEST or section[0] != TABLE:
        raise NotASplice("it is no splice_info_section")
    length = length_of(section)
    if length > len(section):
        raise NotASplice("it ends too early")
    if crc32(section[:length]):
        raise NotASplice("its checksum is wrong")
    bits = Bits(section[3:length])
    bits.take(8)
    if bits.flag():
        return []
    bits.take(6)
    adjustment = bits.take(33)
    bits.take(8 + 12 + 12)
    command = bits.take(8)
    if command == SPLICE_INSERT:
        found = [splice_insert(bits)]
    elif command == TIME_SIGNAL:
        found = time_signal(bits, splice_time(bits))
    else:
        return []
    return [
        Cue(
            each.event,
            each.kind,
            None if each.ticks is None else (each.ticks + adjustment) % ROUND,
            each.seconds,
            each.cancelled,
        )
        for each in found
    ]


def length_of(section: bytes) -> int:
    """How many bytes a section has, as it says itself: what comes after them is padding."""
    return ((section[1] & 0x0F) << 8 | section[2]) + 3


def moved(section: bytes, by: int) -> bytes:
    """A section for a clock that is so many ticks further: `pts_adjustment` counts for all of its times."""
    known = int.from_bytes(section[4:9])
    adjustment = known >> 33 << 33 | ((known + by) & ROUND - 1)
    whole = section[:4] + adjustment.to_bytes(5) + section[9:-4]
    return whole + crc32(whole).to_bytes(4)


def splice_insert(bits: Bits) -> Cue:
    """SCTE 35, 9.7.3. Where components are spliced apart, the first one's time stands for all."""
    event = bits.take(32)
    cancelled = bits.flag()
    bits.take(7)
    if cancelled:
        return Cue(event, "other", None, cancelled=True)
    out, whole, lasts, at_once = (bits.flag() for _ in range(4))
    bits.take(4)
    ticks: int | None = None
    if whole and not at_once:
        ticks = splice_time(bits)
    if not whole:
        for number in range(bits.take(8)):
            bits.take(8)
            time = None if at_once else splice_time(bits)
            ticks = time if number == 0 else ticks
    seconds = None
    if lasts:
        bits.take(7)
        seconds = bits.take(33) / RATE
    return Cue(event, "out" if out else "in", ticks, seconds)


def splice_time(bits: Bits) -> int | None:
    """SCTE 35, 9.8.1."""
    if not bits.flag():
        bits.take(7)
        return None
    bits.take(6)
    return bits.take(33)


def time_signal(bits: Bits, ticks: int | None) -> list[Cue]:
    """What its segmentation descriptors begin or end then (SCTE 35, 10.3.3)."""
    found = []
    left = bits.take(16)
    while left >= 2:
        tag, length = bits.take(8), bits.take(8)
        content = bits.take(8 * length).to_bytes(length)
        left -= 2 + length
        if tag == SEGMENTATION and content[:4] == CUEI:
            found.append(segmentation(Bits(content[4:]), ticks))
    return found or [Cue(0, "other", ticks)]


def segmentation(bits: Bits, ticks: int | None) -> Cue:
    """One descriptor."""
    event = bits.take(32)
    cancelled = bits.flag()
    bits.take(7)
    if cancelled:
        return Cue(event, "other", ticks, cancelled=True)
    whole, lasts, _ = (bits.flag() for _ in range(3))
    bits.take(5)
    if not whole:
        for _ in range(bits.take(8)):
            bits.take(8 + 7 + 33)
    seconds = bits.take(40) / RATE if lasts else None
    bits.take(8)
    bits.take(8 * bits.take(8))
    type_id = bits.take(8)
    kind: Kind = "other"
    if type_id in OUT_TYPES:
        kind = "out"
    elif type_id - 1 in OUT_TYPES:
        kind, seconds = "in", None
    return Cue(event, kind, ticks, seconds)


def crc32(data: bytes) -> int:
    """The checksum of MPEG sections (ISO/IEC 13818-1, annex A): 0 over one that ends with its own."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7 if value & 0x80000000 else value << 1) & 0xFFFFFFFF
    return value
