"""How the parts (NAL units) of an H.264 or H.265 picture are told apart: by start codes, or by their lengths.

Sources: ITU-T H.264 and H.265, annex B; ISO/IEC 14496-15.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import av


def picture_of(video: av.VideoStream | None) -> Callable[[Any], bytes]:
    """What gives the bytes of a packet of that track, lengths before its parts however the source has it."""
    if video is not None and has_start_codes(video):
        return lambda packet: without_start_codes(bytes(packet))
    return bytes


def without_start_codes(data: bytes) -> bytes:
    """A picture whose parts are told apart by start codes, with their lengths before them instead."""
    parts = []
    at = data.find(b"\0\0\1")
    while at >= 0:
        following = data.find(b"\0\0\1", at + 3)
        part = data[at + 3 : following if following >= 0 else len(data)]
        # A zero before the next start code belongs to that.
        part = part.rstrip(b"\0") if following >= 0 else part
        if part:
            parts.append(struct.pack(">I", len(part)) + part)
        at = following
    return b"".join(parts)


def has_start_codes(video: av.VideoStream) -> bool:
    """Whether the source tells a picture's parts apart by start codes."""
    known = video.codec_context.extradata
    return video.codec_context.name in ("h264", "hevc") and not (known and known[0] == 1)
