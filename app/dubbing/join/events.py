"""Timed ID3 in fragments of MP4.

Sources: ISO/IEC 23009-1, 5.10.3.3 (`emsg`, version 1); AOM, "Carriage of ID3 Timed Metadata in the Common
Media Application Format (CMAF)".
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from app.dubbing.join.boxes import VIDEO_RATE, box

SCHEME = b"https://aomedia.org/emsg/ID3"
UNKNOWN = 0xFFFFFFFF


def event_boxes(number: int, tags: Iterable[tuple[float, bytes]]) -> bytes:
    """The tags of the segment of that number, each with its time in seconds on the track's timeline."""
    return b"".join(
        box(
            b"emsg",
            struct.pack(
                ">IIQII",
                1 << 24,
                VIDEO_RATE,
                max(0, round(at * VIDEO_RATE)),
                UNKNOWN,
                (number << 8 | count & 0xFF) & UNKNOWN,
            )
            + SCHEME
            + b"\0\0"
            + tag,
        )
        for count, (at, tag) in enumerate(tags)
    )
