"""live told to stop while somebody speaks: what was said is told before the close."""

from __future__ import annotations

import json
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from app.speech.guards import plain
from app.speech.types import RECOGNISER_RATE, Samples
from tests.integration.live.conftest import PAUSE, SENTENCES
from tests.stack import Stack

WITHIN = 60.0
RESTARTS = 1012


def opened(live: Stack) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{live.settings.live_port}/", proxy=None)


def greeted(socket: ClientConnection) -> None:
    socket.send(json.dumps({"uid": "me", "language": "en"}))
    assert json.loads(socket.recv(WITHIN))["message"] == "SERVER_READY"


def until_closed(socket: ClientConnection) -> list[dict[str, Any]]:
    """All messages until the close."""
    messages = []
    with suppress(ConnectionClosed):
        while True:
            messages.append(json.loads(socket.recv(WITHIN)))
    return messages


# Hears the same words whatever the machine does meanwhile: what is tested is that none is lost.
SAME_WORDS = {"ASR_ENGINE": "pocketsphinx"}


def test_what_was_said_until_the_stop_is_told_as_finished_before_the_close(
    tmp_path: Path, speech: Samples
) -> None:
    # In the middle of what is being said: without the last pause nothing ends the second sentence.
    sound = speech[: speech.size - int(PAUSE * RECOGNISER_RATE)]
    with (
        Stack(tmp_path / "live", ("live",), SAME_WORDS) as live,
        opened(live) as socket,
        opened(live) as silent,
    ):
        greeted(socket)
        greeted(silent)
        for start in range(0, sound.size, 4096):
            socket.send(sound[start : start + 4096].tobytes())
        assert socket.ping().wait(WITHIN), "the answer comes once all before it was taken in"
        live.processes["live"].send_signal(signal.SIGTERM)
        last = until_closed(socket)[-1]["segments"]
        assert until_closed(silent) == []
        assert (socket.close_code, silent.close_code) == (RESTARTS, RESTARTS)
        live.processes["live"].wait(WITHIN)
        assert "Traceback" not in live.logs()
    assert all(each["completed"] for each in last)
    assert plain(" ".join(each["text"] for each in last)) == plain(" ".join(SENTENCES))
