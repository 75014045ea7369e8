"""Puts a caption's two bytes into an encoded picture, and leaves every other byte as it is. Pure.

Sources: ITU-T H.264 and H.265 (NAL units, annex B, SEI), ITU-T T.35, ATSC A/53 part 4 (cc_data).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.dubbing.worker.cea608 import Pair

MARK = b"\xb5\x00\x31GA94\x03"
"""T.35: the United States, ATSC; A/53: cc_data."""
USER_DATA = 4
START_CODE = b"\0\0\0\1"
ANY_START_CODE = re.compile(b"\0?\0\0\1")
# Slices, and what the extension of H.264 for layers puts right before them.
H264_SLICES = frozenset({1, 2, 3, 4, 5, 14})


@dataclass(frozen=True)
class Framing:
    """How a stream's packets are made up: the codec, and the bytes of a unit's length, 0 with start codes."""

    codec: str
    length_bytes: int


def framing(codec: str, beginning: bytes | None) -> Framing | None:
    """The framing of that codec's packets with that extradata, None where there are no captions in it."""
    if codec not in ("h264", "hevc"):
        return None
    size_at = 4 if codec == "h264" else 21
    if beginning is None or beginning[0:1] != b"\1" or len(beginning) <= size_at:
        return Framing(codec, 0)
    return Framing(codec, (beginning[size_at] & 3) + 1)


def has_captions(data: bytes) -> bool:
    """Whether a picture brings captions of its own."""
    return MARK in data


def with_caption(data: bytes, framing: Framing, pair: Pair) -> bytes:
    """The picture with that pair of field 1 before its first slice; as it is where it has none."""
    for place, unit in _by_length(data, framing.length_bytes) if framing.length_bytes else _by_code(data):
        if unit + 1 < len(data) and _is_slice(framing.codec, data[unit]):
            message = sei(framing.codec, data[unit + 1], pair)
            size = framing.length_bytes
            ahead = len(message).to_bytes(size, "big") if size else START_CODE
            return data[:place] + ahead + message + data[place:]
    return data


def sei(codec: str, second: int, pair: Pair) -> bytes:
    """The SEI unit; `second` is the second byte of the slice, whose temporal layer it takes in H.265.

    Bytes with odd parity are never 0, so nothing in it can look like a start code.
    """
    header = b"\x06" if codec == "h264" else bytes((39 << 1, second & 7))
    # One triple: valid, of field 1; before it the flag that says so, with reserved bits set.
    payload = MARK + bytes((0xC1, 0xFF, 0xFC, *pair, 0xFF))
    return header + bytes((USER_DATA, len(payload))) + payload + b"\x80"


def _is_slice(codec: str, first: int) -> bool:
    return first & 31 in H264_SLICES if codec == "h264" else (first >> 1) & 63 < 32


def _by_code(data: bytes) -> Iterator[tuple[int, int]]:
    """Where each unit's start code and the unit itself begin."""
    return (match.span() for match in ANY_START_CODE.finditer(data))


def _by_length(data: bytes, size: int) -> Iterator[tuple[int, int]]:
    """Where each unit's length and the unit itself begin."""
    at = 0
    while at + size < len(data):
        yield at, at + size
        at += size + int.from_bytes(data[at : at + size], "big")
