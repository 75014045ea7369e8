"""Speech for the tests, spoken by the embedded voice at test time, as a browser's microphone takes it."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.demo.sample import load_voice

RATE = 48_000
PAUSE = 0.8
LEVEL = """
async (selector) => {
  const audio = document.querySelector(selector);
  if (!audio?.srcObject) return 0;
  audio.listening ??= (() => {
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    context.createMediaStreamSource(audio.srcObject).connect(analyser);
    return analyser;
  })();
  const samples = new Float32Array(audio.listening.fftSize);
  audio.listening.getFloatTimeDomainData(samples);
  return Math.sqrt(samples.reduce((sum, each) => sum + each * each, 0) / samples.length);
}
"""
"""How loud an element plays what comes over WebRTC (RMS, 0 to 1); it is listened to from the first time."""


def sounds(selector: str) -> str:
    """JavaScript that tells whether anything is heard of an element."""
    return f"({LEVEL})({json.dumps(selector)}).then((level) => level > 0.01)"


def speak(sentences: list[str], lead_in: float = 1.0) -> NDArray[np.float32]:
    """The sentences with pauses between them, float32 mono at 48 kHz."""
    voice, pause = load_voice(), np.zeros(int(PAUSE * RATE), np.float32)
    parts = [np.zeros(int(lead_in * RATE), np.float32)]
    for sentence in sentences:
        parts += [voice(sentence), pause]
    return np.concatenate(parts)


def save(path: Path, *channels: NDArray[np.float32], rate: int = RATE) -> Path:
    """Writes channels of any length as a 16-bit WAV file; the shorter ones end in silence."""
    longest = max(len(channel) for channel in channels)
    sound = np.zeros((longest, len(channels)), np.float32)
    for number, channel in enumerate(channels):
        sound[: len(channel), number] = channel
    with wave.open(str(path), "wb") as file:
        file.setparams((len(channels), 2, rate, 0, "NONE", ""))
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return path
