"""A spoken call while live or sales is restarted: what was said is there afterwards."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from app.sales.calls import STOPPED
from app.sales.kept import CUT_OFF
from app.speech.engines.piper import Piper
from app.speech.sound import Resampler, to_pcm
from tests.stack import Stack, wait_for

NewStack = Callable[..., Stack]
RATE = 16_000
WITHIN = 60.0
# Hears the same words whatever the machine does meanwhile: what is tested is that none is lost.
SAME_WORDS = "pocketsphinx"
FIRST, SECOND = "The government will help the schools.", "The weather will be cold in the mountains."


def sound_of(text: str) -> bytes:
    samples, rate = Piper(Path("no-voices")).speak(text, "en", "")
    return to_pcm(Resampler(rate, RATE)(samples))


PAUSE = to_pcm(np.zeros(RATE, np.float32))


class Spoken:
    """A call that a test speaks in."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.http = httpx.Client(base_url=stack.settings.sales_address, trust_env=False, timeout=20.0)
        self.id = self.http.post("/calls", json={"title": "spoken"}).json()["id"]

    @contextlib.contextmanager
    def source(self) -> Iterator[ClientConnection]:
        address = self.stack.settings.sales_address.replace("http", "ws", 1)
        with connect(f"{address}/calls/{self.id}/audio", proxy=None) as socket:
            yield socket

    def speak(self, socket: ClientConnection, sound: bytes) -> None:
        """Sends sound, and returns when sales has it."""
        for start in range(0, len(sound), 8192):
            socket.send(sound[start : start + 8192])
        assert socket.ping().wait(WITHIN)

    @property
    def now(self) -> dict[str, Any]:
        whole: dict[str, Any] = self.http.get(f"/calls/{self.id}").json()
        return whole

    @property
    def text(self) -> str:
        return " ".join(segment["text"] for segment in self.now["segments"])

    def first_is_heard(self) -> None:
        wait_for("the first sentence", lambda: "schools" in self.text, WITHIN)


@pytest.mark.thorough
def test_what_was_said_when_sales_is_stopped_is_in_the_call_after_the_restart(new_stack: NewStack) -> None:
    stack = new_stack("sales", ASR_ENGINE=SAME_WORDS)
    call = Spoken(stack)
    with call.source() as socket:
        call.speak(socket, sound_of(FIRST) + PAUSE + sound_of(SECOND))
        stack.processes["sales"].send_signal(signal.SIGTERM)
        stack.processes["sales"].wait(WITHIN)
    stack.start("sales")
    stack.wait_healthy(["sales"])
    assert (call.now["state"], call.now["detail"]) == ("ended", STOPPED)
    assert call.text.split() == f"{FIRST} {SECOND}".lower().replace(".", "").split()
    assert "Traceback" not in stack.log_of("sales").read_text(encoding="utf-8")


def test_what_was_heard_when_sales_is_killed_is_in_the_call_after_the_restart(new_stack: NewStack) -> None:
    stack = new_stack("sales", ASR_ENGINE=SAME_WORDS)
    call = Spoken(stack)
    with contextlib.suppress(ConnectionClosed), call.source() as socket:
        call.speak(socket, sound_of(FIRST) + PAUSE)
        call.first_is_heard()
        stack.kill("sales")
    stack.start("sales")
    stack.wait_healthy(["sales"])
    assert (call.now["state"], call.now["detail"]) == ("ended", CUT_OFF)
    assert "schools" in call.text


def test_a_call_loses_no_word_when_live_is_restarted_in_it(new_stack: NewStack) -> None:
    stack = new_stack("sales", ASR_ENGINE=SAME_WORDS)
    call = Spoken(stack)
    with call.source() as socket:
        call.speak(socket, sound_of(FIRST))
        wait_for("it is listened to", lambda: call.now["state"] == "listening", WITHIN)
        stack.processes["live"].send_signal(signal.SIGTERM)
        stack.processes["live"].wait(WITHIN)
        # On a busy machine part of the sentence was not sent to it yet: the next one hears that.
        wait_for("the loss is told", lambda: call.now["state"] == "reconnecting", WITHIN)
        call.speak(socket, PAUSE + sound_of(SECOND))
        stack.start("live")
        stack.wait_healthy(["live"])
        socket.send("END_OF_AUDIO")
        with pytest.raises(ConnectionClosed):
            socket.recv(WITHIN)
    assert "schools" in call.text
    assert "mountains" in call.text
    assert call.text.count("schools") == 1
