"""Sound as it comes, decoded and brought to 48 kHz in stereo, without trusting what it says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av
import av.error
import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

SAMPLE_RATE = 48000
# From the telephone's rate to the highest of studios. Brought to 48 kHz, a packet of a lower one grows
# without bound: 700 samples at 1 Hz are 270 MB.
LOWEST_RATE, HIGHEST_RATE = 8000, 192_000
# In seconds. Codecs of the field have frames of a quarter of a second at most.
LONGEST_FRAME = 2.0


def unusable(rate: int) -> str:
    """What is wrong with a sample rate in Hz, or an empty string; an unknown one (0) is still to be seen."""
    if rate == 0 or LOWEST_RATE <= rate <= HIGHEST_RATE:
        return ""
    return f"the sound can't be used: {rate} Hz is not within {LOWEST_RATE} to {HIGHEST_RATE} Hz"


class SoundDecoder:
    """Decodes the packets of one track. `problem` says why the last sound was left out, if it was."""

    def __init__(self) -> None:
        self.problem = ""
        self._resampler = new_resampler()

    def decode(self, packet: av.Packet[Any]) -> Iterator[tuple[float, Samples]]:
        """Sound of shape (n, 2) with its time in seconds."""
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            return
        except (ValueError, av.error.FFmpegError) as error:
            self.problem = f"the sound can't be decoded: {type(error).__name__}"
            return
        for frame in frames:
            if not isinstance(frame, av.AudioFrame) or frame.time is None:
                continue
            start = float(frame.time)
            for samples in self._resample(frame):
                yield start, samples
                start += len(samples) / SAMPLE_RATE

    def _resample(self, frame: av.AudioFrame) -> list[Samples]:
        self.problem = unusable(frame.sample_rate) or too_long(frame)
        if self.problem:
            return []
        frame.pts = None
        try:
            parts = self._resampler.resample(frame)
        except (ValueError, av.error.FFmpegError):
            # The frame is of another kind than those before it.
            self._resampler = new_resampler()
            try:
                parts = self._resampler.resample(frame)
            except (ValueError, av.error.FFmpegError) as error:
                self._resampler = new_resampler()
                self.problem = f"the sound can't be used: {type(error).__name__} at {frame.layout.name}"
                return []
        return [as_samples(part) for part in parts]


def too_long(frame: av.AudioFrame) -> str:
    """What is wrong with the length of a frame of a known rate, or an empty string."""
    if frame.sample_rate and frame.samples <= LONGEST_FRAME * frame.sample_rate:
        return ""
    return f"the sound can't be used: it comes in pieces of more than {LONGEST_FRAME:g} s"


def new_resampler() -> av.AudioResampler:
    """A resampler that takes its input's kind from the first frame."""
    return av.AudioResampler(format="flt", layout="stereo", rate=SAMPLE_RATE)


def as_samples(part: av.AudioFrame) -> Samples:
    """The samples of a resampled frame, with silence where they are no numbers."""
    samples: Samples = part.to_ndarray().reshape(-1, 2).astype(np.float32, copy=False)
    return np.nan_to_num(samples, copy=False)
