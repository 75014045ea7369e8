"""A transcript and its formats: text, srt, vtt, json, verbose_json, diarized_json. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app.speech.types import Word

MOST_CHARACTERS = 84
MOST_SECONDS = 7.0
"""A subtitle's limits in Netflix's and the BBC's guides for timed text: two lines of 42, seven seconds."""


@dataclass(frozen=True)
class Segment:
    """A phrase as it was heard: times in seconds from the start of the file.

    The scores are Whisper's own; 0 where the engine has none. `speaker` is empty where nobody asked for it.
    """

    start: float
    end: float
    words: tuple[Word, ...]
    average_log_probability: float = 0.0
    no_speech: float = 0.0
    compression_ratio: float = 0.0
    speaker: str = ""

    @property
    def text(self) -> str:
        """Its words in a row."""
        return " ".join(word.text for word in self.words)


@dataclass
class Transcript:
    """All segments so far, the language, and how many seconds of sound they come from."""

    language: str
    segments: list[Segment] = field(default_factory=list)
    duration: float = 0.0

    @property
    def text(self) -> str:
        """The text of all segments."""
        return " ".join(segment.text for segment in self.segments)


def clock(seconds: float, mark: str) -> str:
    """hh:mm:ss and milliseconds after `mark` (a comma in SubRip, a full stop in WebVTT)."""
    whole = max(0, round(seconds * 1000))
    return f"{whole // 3600000:02}:{whole // 60000 % 60:02}:{whole // 1000 % 60:02}{mark}{whole % 1000:03}"


def cues(segments: Sequence[Segment]) -> list[Segment]:
    """The segments cut into what can be read at once: two lines of 42 characters, seven seconds."""
    found: list[Segment] = []
    for segment in segments:
        waiting: list[Word] = []
        for word in segment.words:
            length = sum(len(each.text) + 1 for each in waiting) + len(word.text)
            if waiting and (length > MOST_CHARACTERS or word.end - waiting[0].start > MOST_SECONDS):
                found.append(Segment(waiting[0].start, waiting[-1].end, tuple(waiting)))
                waiting = []
            waiting.append(word)
        start = waiting[0].start if len(waiting) < len(segment.words) else segment.start
        found.append(Segment(start, segment.end, tuple(waiting)))
    return found


def srt(segments: Sequence[Segment]) -> str:
    """The segments as SubRip."""
    return "".join(
        f"{number}\n{clock(each.start, ',')} --> {clock(each.end, ',')}\n{each.text}\n\n"
        for number, each in enumerate(cues(segments), 1)
    )


def vtt(segments: Sequence[Segment]) -> str:
    """The segments as WebVTT; what would read as a tag is escaped (section 3.5 of its specification)."""
    shown = (
        f"{clock(each.start, '.')} --> {clock(each.end, '.')}\n{_escaped(each.text)}\n\n"
        for each in cues(segments)
    )
    return "WEBVTT\n\n" + "".join(shown)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def verbose(transcript: Transcript, task: str, granularities: Sequence[str]) -> dict[str, Any]:
    """verbose_json: segments, and words where they are asked for."""
    told: dict[str, Any] = {
        "task": task,
        "language": transcript.language,
        "duration": round(transcript.duration, 3),
        "text": transcript.text,
        "usage": usage(transcript),
    }
    if "segment" in granularities or not granularities:
        told["segments"] = [as_json(number, each) for number, each in enumerate(transcript.segments)]
    if "word" in granularities:
        told["words"] = [
            {"word": word.text, "start": round(word.start, 3), "end": round(word.end, 3)}
            for segment in transcript.segments
            for word in segment.words
        ]
    return told


def diarized(transcript: Transcript) -> dict[str, Any]:
    """diarized_json: segments with their speakers."""
    return {
        "task": "transcribe",
        "duration": round(transcript.duration, 3),
        "text": transcript.text,
        "segments": [
            {
                "type": "transcript.text.segment",
                "id": f"seg_{number}",
                "start": round(each.start, 3),
                "end": round(each.end, 3),
                "speaker": each.speaker,
                "text": each.text,
            }
            for number, each in enumerate(transcript.segments)
        ],
        "usage": usage(transcript),
    }


def usage(transcript: Transcript) -> dict[str, Any]:
    """How much sound was heard, as OpenAI tells it."""
    return {"type": "duration", "seconds": round(transcript.duration, 3)}


def as_json(number: int, segment: Segment) -> dict[str, Any]:
    """A segment as verbose_json has it."""
    return {
        "id": number,
        "seek": 0,
        "start": round(segment.start, 3),
        "end": round(segment.end, 3),
        "text": segment.text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": segment.average_log_probability,
        "compression_ratio": segment.compression_ratio,
        "no_speech_prob": segment.no_speech,
    }
