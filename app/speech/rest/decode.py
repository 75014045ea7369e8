"""Sound out of any file that app/speech/rest/formats.py lets in, in blocks: a long file never lies in memory.

What the file says of itself is checked before anything is made of it, and each frame before it is resampled.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer

from app.speech.rest.errors import ApiError
from app.speech.rest.formats import DECLARE_LENGTH, opened, unreadable
from app.speech.types import RECOGNISER_RATE, Samples

BLOCK = RECOGNISER_RATE
MOST_DAMAGED = 50
"""Packets in a row that can't be decoded, after which the file counts as damaged."""
LOWEST_RATE = 8000
HIGHEST_RATE = 192_000
MOST_CHANNELS = 8
LARGEST_PACKET = 8_000_000
"""Bytes; uncompressed, a second of 8 channels of float32 at 192 kHz is 6 MB."""
LONGEST_FRAME = 1 << 20
"""Samples of one channel that a decoder may make of one packet; no usual one exceeds 65,536."""


def blocks(file: BinaryIO, longest: float) -> Iterator[Samples]:
    """The file's first audio stream at 16 kHz, mono, in blocks of about a second.

    Raises ApiError: 415 where it is no sound that can be read, 400 where it is longer than `longest` seconds.
    """
    heard = False
    for samples in _joined(_decoded(file, longest)):
        heard = True
        yield samples
    if not heard:
        raise ApiError(400, "the file has an audio stream but no sound in it", "audio_empty", "file")


def _joined(parts: Iterator[Samples]) -> Iterator[Samples]:
    waiting: list[Samples] = []
    size = 0
    for part in parts:
        waiting.append(part)
        size += part.size
        if size >= BLOCK:
            yield np.concatenate(waiting)
            waiting, size = [], 0
    if size:
        yield np.concatenate(waiting)


def _decoded(file: BinaryIO, longest: float) -> Iterator[Samples]:
    with opened(file) as container:
        if not container.streams.audio:
            raise ApiError(415, "the file has no audio stream", "unsupported_media_type", "file")
        stream = container.streams.audio[0]
        check_declared(container, stream, longest)
        stream.codec_context.options = {"max_samples": str(LONGEST_FRAME)}
        resampler = AudioResampler(format="flt", layout="mono", rate=RECOGNISER_RATE)
        heard = 0.0
        try:
            for frame in _frames(container, stream):
                check_sound(frame.sample_rate, frame.layout.nb_channels)
                heard += frame.samples / frame.sample_rate
                if heard > longest:
                    raise too_long(longest)
                for part in resampler.resample(frame):
                    yield mono(part)
            for part in resampler.resample(None) if heard else []:
                yield mono(part)
        except (av.error.FFmpegError, ValueError) as error:
            if not heard:
                raise unreadable() from error


def _frames(container: InputContainer, stream: AudioStream) -> Iterator[av.AudioFrame]:
    """The stream's frames; packets that can't be decoded are left out as long as they are few."""
    damaged, good = 0, False
    for packet in container.demux(stream):
        if packet.size > LARGEST_PACKET:
            raise unreadable()
        try:
            frames = packet.decode()
        except av.error.FFmpegError as error:
            damaged += 1
            if damaged > MOST_DAMAGED:
                raise unreadable() from error
            continue
        for frame in frames:
            damaged, good = 0, True
            yield frame
    if damaged and not good:
        raise unreadable()


def check_declared(container: InputContainer, stream: AudioStream, longest: float) -> None:
    """Whether what the file says of itself can be taken. Raises ApiError.

    A length that FFmpeg only estimates from the rate of bytes may be far off, so it is not looked at.
    """
    context = stream.codec_context
    # Some files don't say, and only their frames do.
    if context.sample_rate:
        check_sound(context.sample_rate, context.layout.nb_channels or 1)
    declares = DECLARE_LENGTH.intersection(container.format.name.split(","))
    if declares and stream.duration and stream.time_base and stream.duration * stream.time_base > longest:
        raise too_long(longest)


def check_sound(rate: int, channels: int) -> None:
    """Raises ApiError 415 for a sample rate or a number of channels that no sound of speech has."""
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise ApiError(
            415,
            f"the sound has a sample rate of {rate} Hz; send {LOWEST_RATE} to {HIGHEST_RATE} Hz",
            "unsupported_sound",
            "file",
        )
    if not 1 <= channels <= MOST_CHANNELS:
        raise ApiError(
            415,
            f"the sound has {channels} channels; send 1 to {MOST_CHANNELS}",
            "unsupported_sound",
            "file",
        )


def too_long(longest: float) -> ApiError:
    """The error for more sound than is taken."""
    return ApiError(
        400,
        f"the sound is longer than {longest:g} s, which is the most (MAX_AUDIO_SECONDS); cut it up",
        "audio_too_long",
        "file",
    )


def mono(frame: av.AudioFrame) -> Samples:
    """The samples of a frame of float32 mono."""
    return frame.to_ndarray().reshape(-1).astype(np.float32, copy=False)
