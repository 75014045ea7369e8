"""A voice in a room: one sound after another, as a track of its own."""

from __future__ import annotations

import asyncio
import contextlib
import io
import wave

import structlog
from livekit import rtc

from app.commentary.speech import Sound

RATE = 48_000
WAITING = 2
QUEUE_MS = 400
PIECE = 0.05

log = structlog.get_logger()


class Voice:
    """Speaks into a room that one is in; what comes too thick is dropped, the oldest first."""

    def __init__(self, room: rtc.Room, name: str, waiting: int = WAITING) -> None:
        self._room = room
        self._name = name
        self._source = rtc.AudioSource(RATE, 1, queue_size_ms=QUEUE_MS)
        self._sounds: asyncio.Queue[Sound] = asyncio.Queue(waiting)
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Publishes the track."""
        track = rtc.LocalAudioTrack.create_audio_track(self._name, self._source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self._room.local_participant.publish_track(track, options)
        self._task = asyncio.create_task(self._speak())

    def say(self, sound: Sound) -> None:
        """Speaks it once what is being spoken is finished."""
        if self._sounds.full():
            self._sounds.get_nowait()
        self._sounds.put_nowait(sound)

    async def close(self) -> None:
        """Falls silent at once."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._source.clear_queue()
        await self._source.aclose()

    async def _speak(self) -> None:
        while True:
            sound = await self._sounds.get()
            try:
                for piece in pieces(sound.wav):
                    await self._source.capture_frame(piece)
                await self._source.wait_for_playout()
            except (wave.Error, EOFError, ValueError) as error:
                log.info("something was not spoken in a room", voice=self._name, reason=str(error))


def pieces(file: bytes) -> list[rtc.AudioFrame]:
    """A WAV file of 16 bits in pieces as LiveKit takes them, of one channel at RATE.

    Raises wave.Error, EOFError or ValueError for anything else.
    """
    with wave.open(io.BytesIO(file)) as opened:
        rate, channels, width = opened.getframerate(), opened.getnchannels(), opened.getsampwidth()
        samples = opened.readframes(opened.getnframes())
    if (channels, width) != (1, 2):
        raise ValueError(f"{channels} channels of {8 * width} bits are not spoken here")
    frames = []
    resampler = rtc.AudioResampler(rate, RATE) if rate != RATE else None
    step = 2 * int(rate * PIECE)
    for at in range(0, len(samples) - len(samples) % 2, step):
        part = samples[at : at + step]
        frame = rtc.AudioFrame(part, rate, 1, len(part) // 2)
        frames += resampler.push(frame) if resampler is not None else [frame]
    return frames + (resampler.flush() if resampler is not None else [])
