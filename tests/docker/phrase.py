"""A spoken phrase to be transcribed."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np

from app.speech.engines.piper import Piper
from app.speech.sound import to_pcm

TEXT = "The government will help the schools."
HEARD = "government"
PAUSE = 0.5


def spoken() -> bytes:
    """TEXT as a WAV file; in its transcript HEARD is found."""
    samples, rate = Piper(Path("no-voices")).speak(TEXT, "en", "")
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(to_pcm(np.concatenate([samples, np.zeros(int(rate * PAUSE), np.float32)])))
    return file.getvalue()
