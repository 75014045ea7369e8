"""The interview: its lines, spoken by two voices into one file."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from app.speech.engines.pico import Pico
from app.speech.engines.piper import Piper
from app.speech.sound import Resampler, to_pcm
from app.speech.types import Samples, SpeechError

PAUSE = 0.6
"""Seconds between two lines."""
RATE = 16_000
Who = Literal["host", "guest"]
LINES: Sequence[tuple[Who, str]] = (
    ("host", "Welcome to the programme. Today we talk about the old lighthouse on the northern coast."),
    ("guest", "Thank you for having me. I have worked in that lighthouse for more than twenty years."),
    ("host", "What was the first thing that you had to learn when you came there?"),
    ("guest", "To listen to the weather. The radio told us about storms, but the birds knew it earlier."),
    ("host", "Many people believe that the light was switched off because it cost too much money."),
    ("guest", "That is half of the story. The ships have satellites now, and nobody needs us any more."),
    ("host", "And yet the village decided to keep it. Who pays for the repairs of the tower?"),
    ("guest", "The museum does. Last summer eleven thousand visitors climbed the stairs."),
    ("host", "If you could change one thing, what would it be?"),
    ("guest", "I would bring back the fog horn. The children of the village have never heard it."),
)
SOUGHT = ("lighthouse", "fog horn", "visitors")


class VoicesMissing(RuntimeError):
    """The interview cannot be spoken on this machine; the message says what is missing."""


def spoken(lines: Sequence[tuple[Who, str]]) -> list[Samples]:
    """The lines at RATE, in the voices of two engines: as different as two people. Raises VoicesMissing."""
    voices: dict[Who, Pico | Piper] = {"host": Pico(), "guest": Piper(Path("no-voices"))}
    try:
        for voice in voices.values():
            voice.load()
        parts = [voices[who].speak(text, "en", "") for who, text in lines]
    except SpeechError as error:
        raise VoicesMissing(str(error)) from None
    return [Resampler(rate, RATE)(samples) for samples, rate in parts]


def speak(path: Path) -> float:
    """Writes the interview to a WAV file; its length in seconds. Raises VoicesMissing."""
    pause = np.zeros(int(PAUSE * RATE), np.float32)
    sound = np.concatenate([part for samples in spoken(LINES) for part in (samples, pause)])
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(to_pcm(sound))
    return float(sound.size / RATE)
