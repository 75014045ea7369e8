"""The two voices of the call, at the rate that the recogniser hears."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from app.demo.sales.script import Line, Placed, lay_out
from app.sales.messages import Channel
from app.speech.engines.piper import Piper
from app.speech.sound import Resampler, to_pcm
from app.speech.types import Samples, SpeechError

RATE = 16_000
BLOCK = RATE // 10
TAIL = 2.0
CHANNELS: tuple[Channel, ...] = ("seller", "customer")
HIGHER = 1.1
"""The seller is the customer's voice played faster by this, and so higher: a second voice that the embedded
recogniser understands as well as the first (10 % of the words wrong; of eSpeak's best voice 43 %)."""


class VoicesMissing(RuntimeError):
    """The call cannot be spoken on this machine; the message says what is missing."""


def speak(lines: Sequence[Line]) -> tuple[list[Placed], dict[Channel, bytes]]:
    """The lines in time, and for each channel its whole sound: int16 at 16 kHz. Raises VoicesMissing."""
    voice = Piper(Path("no-voices"))
    try:
        voice.load()
        spoken = [heard(*voice.speak(line.text, "en", ""), line.channel) for line in lines]
    except SpeechError as error:
        raise VoicesMissing(str(error)) from None
    call = lay_out(lines, [samples.size / RATE for samples in spoken])
    length = int((call[-1].end + TAIL) * RATE) // BLOCK * BLOCK
    tracks = {channel: np.zeros(length, np.float32) for channel in CHANNELS}
    for placed, samples in zip(call, spoken, strict=True):
        start = int(placed.start * RATE)
        room = tracks[placed.line.channel][start : start + samples.size]
        room += samples[: room.size]
    return call, {channel: to_pcm(track) for channel, track in tracks.items()}


def heard(samples: Samples, rate: int, channel: Channel) -> Samples:
    """A line at the recogniser's rate, in the voice of its speaker."""
    return Resampler(round(rate * HIGHER) if channel == "seller" else rate, RATE)(samples)
