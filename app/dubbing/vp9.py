"""Which pictures of VP9 stand by themselves: FFmpeg does not say so of what comes over RTSP.

Source: VP9 Bitstream & Decoding Process Specification, 6.2 (uncompressed_header).
"""

from __future__ import annotations

NAME = "vp9"
MARKER = 0b10
RESERVED_PROFILE = 3


def is_key(picture: bytes) -> bool:
    """Whether that picture is a key frame."""
    if not picture or picture[0] >> 6 != MARKER:
        return False
    profile = picture[0] >> 5 & 1 | picture[0] >> 3 & 2
    # One bit more stands before the two that count: whether an earlier picture is shown again, and the type.
    shift = 1 if profile == RESERVED_PROFILE else 2
    return picture[0] >> shift & 0b11 == 0
