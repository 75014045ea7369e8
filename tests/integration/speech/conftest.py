"""A running sts, and a client of it that behaves like a worker."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from websockets.sync.client import ClientConnection, connect

from app.speech.engines.piper import Piper
from app.speech.protocol import Config, PhraseMark, pack_sound
from app.speech.sound import to_pcm
from tests.stack import Stack

RATE = 22050
ANSWER_WITHIN = 60.0
PATIENT = 30.0


@functools.cache
def spoken(text: str) -> NDArray[np.float32]:
    """The text in Piper's English voice at 22050 Hz, with half a second of silence after it."""
    samples, rate = Piper(Path("no-voices")).speak(text, "en", "")
    assert rate == RATE
    return np.concatenate([samples, np.zeros(RATE // 2, np.float32)])


@dataclass
class Answer:
    """A dub with its sound, or a failure."""

    message: dict[str, Any]
    pcm: bytes = b""


class Client:
    """One session. Sound goes out in blocks of 100 ms."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.position = 0
        self.marked = 0
        self.ids = 0

    def configure(self, **config: Any) -> dict[str, Any]:
        """Sends the configuration; returns the answer."""
        settings: dict[str, Any] = {"source": "en", "target": "es", "sample_rate": RATE} | config
        self.socket.send(Config(**settings).model_dump_json())
        return self.told()

    def told(self) -> dict[str, Any]:
        """The next JSON message."""
        text = self.socket.recv(timeout=ANSWER_WITHIN)
        assert isinstance(text, str)
        message: dict[str, Any] = json.loads(text)
        return message

    def hear(self, samples: NDArray[np.float32]) -> None:
        """Sends sound."""
        for start in range(0, samples.size, RATE // 10):
            block = samples[start : start + RATE // 10]
            self.socket.send(pack_sound(self.position, to_pcm(block)))
            self.position += block.size

    def mark(self, deadline: float = PATIENT, pause: bool = True) -> int:
        """Asks for the dub of everything since the last mark."""
        self.ids += 1
        mark = PhraseMark(id=self.ids, start=self.marked, end=self.position, deadline=deadline, pause=pause)
        self.socket.send(mark.model_dump_json())
        self.marked = self.position
        return self.ids

    def answer(self) -> Answer:
        """The next answer."""
        message = self.told()
        if message["type"] != "dub" or not message["samples"]:
            return Answer(message)
        pcm = self.socket.recv(timeout=ANSWER_WITHIN)
        assert isinstance(pcm, bytes)
        return Answer(message, pcm)


@pytest.fixture(scope="module")
def sts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """sts with the embedded engines."""
    with Stack(tmp_path_factory.mktemp("sts"), ("sts",)) as running:
        yield running


def open_client(sts: Stack, query: str = "") -> ClientConnection:
    """A connection to a running sts, to be used as a context manager."""
    return connect(f"ws://127.0.0.1:{sts.settings.sts_port}/sts{query}", max_size=None, proxy=None)


@pytest.fixture
def client(sts: Stack) -> Iterator[Client]:
    """A client that is connected and has not spoken yet."""
    with open_client(sts) as socket:
        yield Client(socket)
