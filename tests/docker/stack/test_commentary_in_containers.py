"""Commentary among containers: its demo, a camera in a room, an interpreted room (COM-1, COM-3, COM-5)."""

from __future__ import annotations

import asyncio
import io
import os
import re
import subprocess
import sys
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import numpy as np
from livekit import rtc

from tests.docker import phrase
from tests.docker.checkout import Checkout
from tests.stack import ROOT, wait_for

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


class Rooms:
    """What commentary and console among the containers say of rooms."""

    def __init__(self, checkout: Checkout) -> None:
        self.commentary = f"http://127.0.0.1:{checkout.ports['COMMENTARY_PORT']}/api"
        self.console = f"http://127.0.0.1:{checkout.ports['WEB_PORT']}"
        self.address = f"ws://127.0.0.1:{checkout.ports['LIVEKIT_PORT']}"

    def ask(self, path: str, **wishes: object) -> dict[str, Any]:
        """Commentary's answer to a POST."""
        answer = httpx.post(f"{self.commentary}/{path}", json=wishes, timeout=20, trust_env=False)
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
            "DELETE", f"{self.commentary}/{path}", timeout=20, trust_env=False, headers=JSON
        ).raise_for_status()


def test_the_demo_of_commentary_passes_against_containers(checkout: Checkout) -> None:
    demo = subprocess.run(
        [sys.executable, "-m", "app", "demo-commentary", "--quick"],
        cwd=ROOT, env={**os.environ, **checkout.ports}, timeout=180,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert demo.returncode == 0, demo.stdout
    assert "already running" in demo.stdout
    assert re.search(r"texts told\W+1 of 1, 1 of them rightly", demo.stdout), demo.stdout


def test_a_camera_in_a_room_is_seen_and_what_is_said_of_it_heard_and_read_there(checkout: Checkout) -> None:
    rooms = Rooms(checkout)
    session = rooms.ask("sessions", source={"kind": "livekit", "name": "hall"}, pace="lively")

    async def shown(token: str) -> str:
        async with asyncio.timeout(PATIENCE), guest(rooms.address, token, paint) as there:
            await there.heard("commentary")
            return await there.read()

    assert asyncio.run(shown(rooms.token("hall")))
    rooms.end(f"sessions/{session['id']}")


def test_what_is_said_in_an_interpreted_room_is_heard_and_read_in_another_language(
    checkout: Checkout,
) -> None:
    rooms = Rooms(checkout)
    for page in ("/rooms/", "/libraries/livekit-client.js"):
        assert httpx.get(f"{rooms.console}{page}", trust_env=False).status_code == 200
    rooms.ask("livekit/interpreted", room="lobby")

    async def interpreted(speaker: str, listener: str) -> str:
        async with (
            asyncio.timeout(PATIENCE),
            guest(rooms.address, listener) as there,
            guest(rooms.address, speaker, speak),
        ):
            await there.heard("dub-es")
            return await there.read("escuelas")

    assert asyncio.run(interpreted(rooms.token("lobby", language="en"), rooms.token("lobby", language="es")))
    rooms.end("livekit/interpreted/lobby")


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
