"""Which files are opened at all: audio and video, never what leads FFmpeg to other files or hosts."""

from __future__ import annotations

import functools
from typing import BinaryIO

import av
from av.container import InputContainer

from app.speech.rest.errors import ApiError

FORMATS = (
    "aac", "ac3", "aiff", "amr", "amrnb", "amrwb", "asf", "au", "avi", "caf", "eac3", "flac", "flv",
    "matroska", "mov", "mp3", "mpeg", "mpegts", "ogg", "tta", "w64", "wav", "wv",
)  # fmt: skip
"""FFmpeg's names of what is read. None of them is a playlist or a description of a stream elsewhere."""
DECLARE_LENGTH = frozenset({"aiff", "au", "caf", "flac", "matroska", "mov", "tta", "w64", "wav", "wv"})
"""Those whose files say themselves how long they are."""
NO_PROTOCOL = "none"
"""A list of protocols that FFmpeg has none of: the upload itself is read through Python."""


@functools.cache
def audio_decoders() -> str:
    """The names of all decoders of sound, as FFmpeg's options have lists."""
    found = []
    for name in sorted(av.codecs_available):
        try:
            codec = av.codec.Codec(name, "r")
        except ValueError:
            continue
        if codec.type == "audio":
            found.append(codec.name)
    return ",".join(dict.fromkeys(found))


def opened(file: BinaryIO) -> InputContainer:
    """The file for reading. Raises ApiError 415 where it is in no format that is read."""
    try:
        return av.open(
            file,
            mode="r",
            metadata_errors="ignore",
            options={
                "format_whitelist": ",".join(FORMATS),
                "protocol_whitelist": NO_PROTOCOL,
                # Else a picture of a few kB is made hundreds of MB of only to see what it is.
                "codec_whitelist": audio_decoders(),
            },
        )
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise unreadable() from error


def unreadable() -> ApiError:
    """The error for a file that is not what it says."""
    return ApiError(
        415,
        "the file can't be read as audio or video; send for example wav, mp3, m4a, ogg, flac, webm or mp4",
        "unsupported_media_type",
        "file",
    )
