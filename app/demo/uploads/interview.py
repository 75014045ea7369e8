"""The interview: its lines, spoken by two voices into one file."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from app.demo.sales.voices import RATE, VoicesMissing, heard
from app.sales.messages import Channel
from app.speech.engines.piper import Piper
from app.speech.sound import to_pcm
from app.speech.types import SpeechError

PAUSE = 0.6
"""Seconds between two lines."""
LINES: Sequence[tuple[Channel, str]] = (
    ("seller", "Welcome to the programme. Today we talk about the old lighthouse on the northern coast."),
    ("customer", "Thank you for having me. I have worked in that lighthouse for more than twenty years."),
    ("seller", "What was the first thing that you had to learn when you came there?"),
    ("customer", "To listen to the weather. The radio told us about storms, but the birds knew it earlier."),
    ("seller", "Many people believe that the light was switched off because it cost too much money."),
    ("customer", "That is half of the story. The ships have satellites now, and nobody needs us any more."),
    ("seller", "And yet the village decided to keep it. Who pays for the repairs of the tower?"),
    ("customer", "The museum does. Last summer eleven thousand visitors climbed the stairs."),
    ("seller", "If you could change one thing, what would it be?"),
    ("customer", "I would bring back the fog horn. The children of the village have never heard it."),
)
SOUGHT = ("lighthouse", "fog horn", "visitors")


def speak(path: Path) -> float:
    """Writes the interview to a WAV file; its length in seconds. Raises VoicesMissing."""
    voice = Piper(Path("no-voices"))
    try:
        voice.load()
        spoken = [heard(*voice.speak(text, "en", ""), who) for who, text in LINES]
    except SpeechError as error:
        raise VoicesMissing(str(error)) from None
    pause = np.zeros(int(PAUSE * RATE), np.float32)
    sound = np.concatenate([part for samples in spoken for part in (samples, pause)])
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(to_pcm(sound))
    return float(sound.size / RATE)
