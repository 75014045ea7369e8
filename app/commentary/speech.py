"""Speech for comments, by tts over the network."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass

import httpx

from app.commentary.asking import client
from app.service import hide_credentials
from app.settings import Settings

SPEAK_WITHIN = 5.0
LONGEST = 30.0
MAX_BYTES = 8 << 20


@dataclass(frozen=True)
class Sound:
    """A WAV file and how long it is, in seconds."""

    wav: bytes
    seconds: float


class NotSpoken(Exception):
    """tts gave no usable speech. The message says why, for people."""


class Speech:
    """tts as it is asked; `problem` says what is wrong with it, empty where nothing is known to be."""

    def __init__(self, settings: Settings) -> None:
        self._client = client(settings, settings.tts_address, SPEAK_WITHIN)
        self.problem = ""

    async def speak(self, text: str, language: str) -> Sound:
        """The text spoken. Raises NotSpoken."""
        wishes = {"input": text, "language": language, "response_format": "wav"}
        try:
            answer = await self._client.post("/v1/audio/speech", json=wishes)
        except httpx.TimeoutException:
            raise self._not(f"tts does not answer within {SPEAK_WITHIN:g} s") from None
        except httpx.HTTPError as error:
            why = hide_credentials(str(error)) or type(error).__name__
            raise self._not(f"tts is out of reach ({why}): start it, or set TTS_URL") from None
        if answer.status_code != 200:
            raise self._not(f"tts answered {answer.status_code}: {told(answer)}")
        if len(answer.content) > MAX_BYTES:
            raise self._not("tts sent more than a comment can be")
        try:
            sound = Sound(answer.content, length(answer.content))
        except (wave.Error, EOFError, ValueError):
            raise self._not("tts sent no WAV file") from None
        self.problem = ""
        return sound

    async def answers(self) -> bool:
        """Whether tts is there."""
        return (await self._client.get("/health", timeout=0.6)).status_code == 200

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    def _not(self, why: str) -> NotSpoken:
        self.problem = why
        return NotSpoken(why)


def length(file: bytes) -> float:
    """How long a WAV file is, in seconds, LONGEST at most. Its header may not know: it was streamed."""
    with wave.open(io.BytesIO(file)) as opened:
        bytes_a_second = opened.getframerate() * opened.getnchannels() * opened.getsampwidth()
    return float(min(LONGEST, max(0, len(file) - 44) / bytes_a_second))


def told(answer: httpx.Response) -> str:
    """What an answer says was wrong."""
    try:
        return str(answer.json()["error"]["message"])[:200]
    except (ValueError, KeyError, TypeError):
        return "no reason given"
