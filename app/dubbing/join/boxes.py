"""Fragments of MP4 (CMAF): one track a file, its beginning by FFmpeg, its pieces written here.

Sources: ISO/IEC 14496-12 (boxes), ISO/IEC 14496-15 (how H.264 and H.265 lie in them), RFC 6381 (codecs).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import av

VIDEO_RATE = 90_000
KEY, OTHER = 0x02000000, 0x01010000
TFHD_FLAGS = 0x020000
"""Addresses count from the fragment."""
TRUN_FLAGS = 0x000F01
"""Where the data is; then of each sample its duration, size, flags and how much later it is shown."""
TAGS = {"hevc": "hvc1"}
"""What Apple wants it to be called, where FFmpeg calls it otherwise."""


class CannotCarry(ValueError):
    """A picture that fragments can't carry; the message names its codec."""


@dataclass(frozen=True)
class Sample:
    """A picture or a frame of sound. Times are in the track's units; `shift` is from decoding to showing."""

    data: bytes
    duration: int
    key: bool = True
    shift: int = 0


def fragment(number: int, start: int, samples: Sequence[Sample], events: bytes = b"") -> bytes:
    """A piece of a track whose first sample is decoded at `start`, with these boxes of events before it."""
    rows = b"".join(
        struct.pack(
            ">IIIi",
            sample.duration,
            len(sample.data),
            KEY if sample.key else OTHER,
            sample.shift,
        )
        for sample in samples
    )
    header = box(b"mfhd", struct.pack(">II", 0, number & 0xFFFFFFFF))
    track = box(b"tfhd", struct.pack(">II", TFHD_FLAGS, 1)) + box(
        b"tfdt", struct.pack(">IQ", 0x01000000, max(0, start))
    )

    def moof(offset: int) -> bytes:
        run = struct.pack(">III", 0x01000000 | TRUN_FLAGS, len(samples), offset) + rows
        return box(b"moof", header + box(b"traf", track + box(b"trun", run)))

    data = b"".join(sample.data for sample in samples)
    kind = box(b"styp", b"msdh" + bytes(4) + b"msdhcmfs")
    return kind + events + moof(len(moof(0)) + 8) + box(b"mdat", data)


def box(kind: bytes, content: bytes) -> bytes:
    """A box of that kind."""
    return struct.pack(">I", 8 + len(content)) + kind + content


def beginning(add: Any) -> bytes:
    """The boxes before the first piece; `add` puts the track into the container that it is given."""
    sink = io.BytesIO()
    options = {"movflags": "empty_moov+default_base_moof+cmaf", "video_track_timescale": str(VIDEO_RATE)}
    with av.open(sink, "w", format="mp4", options=options) as container:
        add(container)
        container.start_encoding()
        return sink.getvalue()


def picture_beginning(video: av.VideoStream) -> bytes:
    """The beginning of a track with the source's picture as it comes. Raises CannotCarry."""
    name = video.codec_context.name

    def add(container: Any) -> None:
        stream = container.add_stream_from_template(video)
        if name in TAGS:
            stream.codec_context.codec_tag = TAGS[name]

    try:
        made = beginning(add)
        codecs(made)
    except (av.error.FFmpegError, ValueError) as error:
        raise CannotCarry(f"HLS does not carry the picture's codec ({name})") from error
    return made


def codecs(begun: bytes) -> str:
    """The picture's codec as playlists name it. Raises CannotCarry for one that they don't know."""
    if (found := inside(begun, b"avcC")) is not None:
        return f"avc1.{found[1:4].hex()}"
    if (found := inside(begun, b"hvcC")) is not None:
        return hevc(found)
    if (found := inside(begun, b"av1C")) is not None:
        tier = "H" if found[2] & 0x80 else "M"
        depth = (8, 10, 10, 12)[found[2] >> 5 & 3]
        return f"av01.{found[1] >> 5}.{found[1] & 31:02d}{tier}.{depth:02d}"
    if (found := inside(begun, b"vpcC")) is not None:
        return f"vp09.{found[4]:02d}.{found[5]:02d}.{found[6] >> 4:02d}"
    raise CannotCarry("HLS does not carry this picture's codec")


def inside(begun: bytes, kind: bytes) -> bytes | None:
    """The content of the first box of that kind, wherever it lies; None where there is none."""
    at = begun.find(kind)
    if at < 4:
        return None
    (size,) = struct.unpack(">I", begun[at - 4 : at])
    return begun[at + 4 : at - 4 + size]


def hevc(found: bytes) -> str:
    """H.265 as ISO/IEC 14496-15, annex E, names it, from the content of its hvcC box."""
    space, tier, profile = found[1] >> 6, found[1] >> 5 & 1, found[1] & 31
    (compatible,) = struct.unpack(">I", found[2:6])
    mirrored = int(f"{compatible:032b}"[::-1], 2)
    constraints = found[6:12].rstrip(b"\0")
    parts = [
        f"hvc1.{('', 'A', 'B', 'C')[space]}{profile}",
        f"{mirrored:X}",
        f"{'H' if tier else 'L'}{found[12]}",
        *(f"{byte:X}" for byte in constraints),
    ]
    return ".".join(parts)
