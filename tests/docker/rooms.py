"""Rooms of LiveKit that tests come into: guests, what they show and say, and who lets them in."""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
from livekit import rtc

from tests.docker import phrase
from tests.stack import wait_for

PATIENCE = 40.0
LOUD = 0.01
PIECE = 0.02
JSON = {"content-type": "application/json"}


class Guest:
    """One who is in a room: reads captions, and knows by name the voices that became loud."""

    def __init__(self) -> None:
        self.room = rtc.Room()
        self.captions = asyncio.Queue[str]()
        self.voices = asyncio.Queue[str]()
        self.working = set[asyncio.Task[Any]]()
        self.room.register_text_stream_handler(
            "lk.transcription", lambda stream, _: self._do(self._read(stream))
        )
        self.room.on("track_subscribed", self._hear)

    async def heard(self, name: str) -> None:
        """Waits until that voice is loud."""
        while await self.voices.get() != name:
            pass

    async def read(self, word: str = "") -> str:
        """Waits for a caption with that word in it."""
        while word not in (caption := await self.captions.get()):
            pass
        return caption

    def _do(self, what: Any) -> None:
        self.working.add(asyncio.create_task(what))

    async def _read(self, stream: rtc.TextStreamReader) -> None:
        self.captions.put_nowait(await stream.read_all())

    def _hear(self, track: rtc.Track, publication: rtc.RemoteTrackPublication, *_: object) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            self._do(self._listen(track, publication.name))

    async def _listen(self, track: rtc.Track, name: str) -> None:
        async for event in rtc.AudioStream(track):
            samples = np.frombuffer(event.frame.data, np.int16) / 32768
            if float(np.sqrt(np.mean(samples**2))) > LOUD:
                return self.voices.put_nowait(name)


@asynccontextmanager
async def guest(
    address: str, token: str, show: Callable[[rtc.Room], Awaitable[None]] | None = None
) -> AsyncIterator[Guest]:
    """One who is in the room meanwhile and shows something there."""
    there = Guest()
    await there.room.connect(address, token)
    showing = {asyncio.ensure_future(show(there.room))} if show else set()
    try:
        yield there
    finally:
        for task in there.working | showing:
            task.cancel()
        await there.room.disconnect()


@dataclass(frozen=True)
class Rooms:
    """The addresses of commentary, the console and LiveKit's server, and what they say of rooms."""

    commentary: str
    console: str
    livekit: str

    def ask(self, path: str, **wishes: object) -> dict[str, Any]:
        """Commentary's answer to a POST."""
        answer = httpx.post(f"{self.commentary}/api/{path}", json=wishes, timeout=20, trust_env=False)
        assert answer.status_code in (200, 201), answer.text
        told: dict[str, Any] = answer.json()
        return told

    def token(self, room: str, **wishes: str) -> str:
        """What lets a guest in, once the console leads there."""
        token = str(self.ask("livekit/token", room=room, **wishes)["token"])

        def lets_in() -> bool:
            query = {"access_token": token}
            asked = httpx.get(f"{self.console}/api/livekit/rtc/validate", params=query, trust_env=False)
            return asked.status_code == 200

        wait_for("the console leads to the room", lets_in, PATIENCE)
        return token

    def end(self, path: str) -> None:
        """Ends a session, or interpreting."""
        httpx.request(
            "DELETE", f"{self.commentary}/api/{path}", timeout=20, trust_env=False, headers=JSON
        ).raise_for_status()

    def commented_on(self, room: str) -> str:
        """Has a room watched; gives what one who shows a picture there reads first, once it is heard, too."""
        session = self.ask("sessions", source={"kind": "livekit", "name": room}, pace="lively")
        caption = asyncio.run(self._shown(self.token(room)))
        self.end(f"sessions/{session['id']}")
        return caption

    async def _shown(self, token: str) -> str:
        async with asyncio.timeout(PATIENCE), guest(self.livekit, token, paint) as there:
            await there.heard("commentary")
            return await there.read()


async def paint(room: rtc.Room) -> None:
    """Shows a picture that changes from red to blue and back, until it is cancelled."""
    source = rtc.VideoSource(320, 240)
    track = rtc.LocalVideoTrack.create_video_track("camera", source)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA)
    await room.local_participant.publish_track(track, options)
    colours = [bytes([200, 30, 30, 255]) * (320 * 240), bytes([30, 30, 200, 255]) * (320 * 240)]
    number = 0
    while True:
        painted = colours[number // 80 % 2]
        source.capture_frame(rtc.VideoFrame(320, 240, rtc.VideoBufferType.RGBA, painted))
        number += 1
        await asyncio.sleep(0.05)


async def speak(room: rtc.Room) -> None:
    """Says an English sentence again and again, until it is cancelled."""
    with wave.open(io.BytesIO(phrase.spoken())) as opened:
        rate, said = opened.getframerate(), opened.readframes(opened.getnframes())
    source = rtc.AudioSource(rate, 1)
    track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    await room.local_participant.publish_track(track, options)
    samples, piece = np.frombuffer(said + bytes(4 * rate), np.int16), int(rate * PIECE)
    while True:
        for start in range(0, len(samples) - piece + 1, piece):
            frame = samples[start : start + piece].tobytes()
            await source.capture_frame(rtc.AudioFrame(frame, rate, 1, piece))
