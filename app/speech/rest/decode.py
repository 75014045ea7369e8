"""Sound out of any file that PyAV reads, in blocks, so that a long file never lies in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import av
import numpy as np
from av.audio.resampler import AudioResampler

from app.speech.rest.errors import ApiError
from app.speech.types import RECOGNISER_RATE, Samples

BLOCK = RECOGNISER_RATE
MOST_DAMAGED = 50
"""Packets in a row that can't be decoded, after which the file counts as damaged."""


def blocks(file: BinaryIO, longest: float) -> Iterator[Samples]:
    """The file's first audio stream at 16 kHz, mono, in blocks of about a second.

    Raises ApiError: 415 where it is no sound, 400 where it is damaged or longer than `longest` seconds.
    """
    heard = 0
    for samples in _joined(_decoded(file)):
        heard += samples.size
        if heard > longest * RECOGNISER_RATE:
            raise ApiError(
                400,
                f"the sound is longer than {longest:g} s, which is the most (MAX_AUDIO_SECONDS); cut it up",
                "audio_too_long",
                "file",
            )
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


def _decoded(file: BinaryIO) -> Iterator[Samples]:
    try:
        container = av.open(file, mode="r", metadata_errors="ignore")
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise unreadable() from error
    with container:
        if not container.streams.audio:
            raise ApiError(415, "the file has no audio stream", "unsupported_media_type", "file")
        stream = container.streams.audio[0]
        resampler = AudioResampler(format="flt", layout="mono", rate=RECOGNISER_RATE)
        damaged, good = 0, 0
        try:
            for packet in container.demux(stream):
                try:
                    frames = packet.decode()
                except av.error.FFmpegError as error:
                    damaged += 1
                    if damaged > MOST_DAMAGED:
                        raise unreadable() from error
                    continue
                for frame in frames:
                    damaged, good = 0, good + 1
                    for part in resampler.resample(frame):
                        yield mono(part)
            for part in resampler.resample(None) if good else []:
                yield mono(part)
        except (av.error.FFmpegError, ValueError) as error:
            if not good:
                raise unreadable() from error
        if not good and damaged:
            raise unreadable()


def mono(frame: av.AudioFrame) -> Samples:
    """The samples of a frame of float32 mono."""
    return frame.to_ndarray().reshape(-1).astype(np.float32, copy=False)


def unreadable() -> ApiError:
    """The error for a file that is not what it says."""
    return ApiError(
        415,
        "the file can't be read as audio or video; send for example wav, mp3, m4a, ogg, flac, webm or mp4",
        "unsupported_media_type",
        "file",
    )
