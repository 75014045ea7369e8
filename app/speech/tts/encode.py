"""Encodes speech as it is made: what is ready of the file so far, after each sentence."""

from __future__ import annotations

import struct
from typing import Literal, cast

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream

from app.speech.rest.decode import mono
from app.speech.sound import to_pcm
from app.speech.types import Samples

Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]

RATE = 24000
"""Sample rate of all formats but Opus; OpenAI's, and clients of `pcm` rely on it."""
OPUS_RATE = 48000
TYPES: dict[str, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
_CONTAINERS = {"mp3": ("mp3", "libmp3lame"), "opus": ("ogg", "libopus"), "aac": ("adts", "aac")}
_CONTAINERS["flac"] = ("flac", "flac")
BIT_RATES = {"mp3": 64_000, "opus": 48_000, "aac": 64_000}
"""Bits a second, at which speech in one channel loses nothing that is heard (a choice)."""
_UNKNOWN = 0xFFFFFFFF
"""Length in the header of a WAV file whose end isn't known yet."""


class _Pipe:
    """A file that can only be written, and emptied."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, part: bytes) -> int:
        self._parts.append(bytes(part))
        return len(part)

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken


class Encoder:
    """One file. `add` and `finish` return the bytes that are ready."""

    def __init__(self, style: Format) -> None:
        self.style = style
        rate = OPUS_RATE if style == "opus" else RATE
        self._rate = rate
        self._resampler: AudioResampler | None = None
        self._source = 0
        self._pipe = _Pipe()
        self._header = wav_header(rate) if style == "wav" else b""
        self._stream: AudioStream | None = None
        if style in _CONTAINERS:
            container, codec = _CONTAINERS[style]
            self._container = av.open(self._pipe, mode="w", format=container)
            self._stream = cast(AudioStream, self._container.add_stream(codec, rate=rate, layout="mono"))
            if style in BIT_RATES:
                self._stream.bit_rate = BIT_RATES[style]

    def add(self, samples: Samples, sample_rate: int) -> bytes:
        """Takes sound at any rate; returns what is ready of the file."""
        if self._resampler is None or sample_rate != self._source:
            rest = self._flush()
            self._resampler = AudioResampler(format="flt", layout="mono", rate=self._rate)
            self._source = sample_rate
        else:
            rest = b""
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples[None, :]), format="flt", layout="mono"
        )
        frame.sample_rate = sample_rate
        parts = [mono(part) for part in self._resampler.resample(frame)]
        return rest + self._encode(parts)

    def finish(self) -> bytes:
        """The rest of the file."""
        rest = self._flush()
        if self._stream is None:
            return rest + self._take_header()
        for packet in self._stream.encode(None):
            self._container.mux(packet)
        self._container.close()
        return rest + self._pipe.take()

    def _flush(self) -> bytes:
        if self._resampler is None:
            return b""
        return self._encode([mono(part) for part in self._resampler.resample(None)])

    def _encode(self, parts: list[Samples]) -> bytes:
        pcm = b"".join(to_pcm(part) for part in parts)
        if self._stream is None:
            return self._take_header() + pcm
        if pcm:
            frame = av.AudioFrame.from_ndarray(
                np.frombuffer(pcm, "<i2")[None, :].copy(), format="s16", layout="mono"
            )
            frame.sample_rate = self._rate
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
        return self._pipe.take()

    def _take_header(self) -> bytes:
        header, self._header = self._header, b""
        return header


def wav_header(rate: int) -> bytes:
    """The header of an int16 mono WAV file of unknown length, as OpenAI's own streams have it."""
    return b"".join(
        (
            b"RIFF" + struct.pack("<I", _UNKNOWN) + b"WAVEfmt ",
            struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16),
            b"data" + struct.pack("<I", _UNKNOWN),
        )
    )
