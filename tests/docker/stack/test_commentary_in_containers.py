"""Commentary among containers: its demo, a camera in a room, an interpreted room (COM-1, COM-3, COM-5)."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys

import httpx
import pytest

from tests.docker.checkout import Checkout
from tests.docker.rooms import PATIENCE, Rooms, guest, speak
from tests.stack import ROOT


def of(checkout: Checkout) -> Rooms:
    """The rooms of a stack."""
    commentary, console, livekit = (
        f"127.0.0.1:{checkout.ports[name]}" for name in ("COMMENTARY_PORT", "WEB_PORT", "LIVEKIT_PORT")
    )
    return Rooms(f"http://{commentary}", f"http://{console}", f"ws://{livekit}")


@pytest.mark.thorough
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
    assert of(checkout).commented_on("hall")


def test_what_is_said_in_an_interpreted_room_is_heard_and_read_in_another_language(
    checkout: Checkout,
) -> None:
    rooms = of(checkout)
    for page in ("/rooms/", "/libraries/livekit-client.js"):
        assert httpx.get(f"{rooms.console}{page}", trust_env=False).status_code == 200
    rooms.ask("livekit/interpreted", room="lobby")

    async def interpreted(speaker: str, listener: str) -> str:
        async with (
            asyncio.timeout(PATIENCE),
            guest(rooms.livekit, listener) as there,
            guest(rooms.livekit, speaker, speak),
        ):
            await there.heard("dub-es")
            return await there.read("escuelas")

    assert asyncio.run(interpreted(rooms.token("lobby", language="en"), rooms.token("lobby", language="es")))
    rooms.end("livekit/interpreted/lobby")
