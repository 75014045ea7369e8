"""Commentary among containers: its demo, and a camera in a room of LiveKit (COM-1, COM-3, COM-5)."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from typing import Any

import httpx
import numpy as np
from livekit import rtc

from tests.docker.checkout import Checkout
from tests.stack import ROOT, wait_for

PATIENCE = 40.0
LOUD = 0.01


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
    commentary = f"http://127.0.0.1:{checkout.ports['COMMENTARY_PORT']}/api"
    console = f"http://127.0.0.1:{checkout.ports['WEB_PORT']}/api/livekit"
    wishes = {"source": {"kind": "livekit", "name": "hall"}, "pace": "lively"}
    began = httpx.post(f"{commentary}/sessions", json=wishes, timeout=20, trust_env=False)
    assert began.status_code == 201, began.text
    given = httpx.post(f"{commentary}/livekit/token", json={"room": "hall"}, timeout=20, trust_env=False)
    token = given.json()["token"]

    def lets_in() -> bool:
        query = {"access_token": token}
        return httpx.get(f"{console}/rtc/validate", params=query, trust_env=False).status_code == 200

    wait_for("the console leads to the room", lets_in, PATIENCE)
    caption, loudest = asyncio.run(told(f"ws://127.0.0.1:{checkout.ports['LIVEKIT_PORT']}", token))
    assert caption
    assert loudest > LOUD
    httpx.request(
        "DELETE", f"{commentary}/sessions/{began.json()['id']}", timeout=20, trust_env=False,
        headers={"content-type": "application/json"},
    ).raise_for_status()  # fmt: skip


async def told(address: str, token: str) -> tuple[str, float]:
    """The first caption that one who shows a camera gets, and how loud it became until both were there."""
    room, captions, working = rtc.Room(), asyncio.Queue[str](), set[asyncio.Task[Any]]()
    loud = asyncio.Event()
    levels = [0.0]

    async def read(stream: rtc.TextStreamReader) -> None:
        captions.put_nowait(await stream.read_all())

    async def listen(track: rtc.Track) -> None:
        async for event in rtc.AudioStream(track):
            samples = np.frombuffer(event.frame.data, np.int16) / 32768
            levels.append(float(np.sqrt(np.mean(samples**2))))
            if levels[-1] > LOUD:
                loud.set()

    def heard(track: rtc.Track, *_: object) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            working.add(asyncio.create_task(listen(track)))

    room.register_text_stream_handler(
        "lk.transcription", lambda stream, _: working.add(asyncio.create_task(read(stream)))
    )
    room.on("track_subscribed", heard)
    async with asyncio.timeout(PATIENCE):
        await room.connect(address, token)
        working.add(asyncio.create_task(paint(room)))
        caption = await captions.get()
        await loud.wait()
    for task in working:
        task.cancel()
    await room.disconnect()
    return caption, max(levels)


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
