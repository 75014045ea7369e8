"""WhisperLive's own client, unmodified, with a clock; run as a program by tests.bench.live_beside.

`python whisper_live_listener.py PORT SOUND` plays a file in real time. Its last line of output is JSON:
`sent`, when each frame of 4096 samples left, and `told`, when each message came and its segments; both
by the machine's clock, in seconds.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import websocket
from whisper_live.client import TranscriptionClient


def main() -> None:
    """Plays the file, then prints what was sent and told when."""
    port, sound = sys.argv[1:]
    sent: list[float] = []
    told: list[tuple[float, list[dict[str, Any]]]] = []
    send = websocket.WebSocketApp.send

    def timed(app: Any, data: Any, opcode: int = websocket.ABNF.OPCODE_TEXT) -> None:
        if opcode == websocket.ABNF.OPCODE_BINARY and len(data) > 64:
            sent.append(time.monotonic())
        send(app, data, opcode)

    websocket.WebSocketApp.send = timed
    client = TranscriptionClient(
        "127.0.0.1", int(port), lang="en", mute_audio_playback=True, log_transcription=False,
        transcription_callback=lambda _, segments: told.append((time.monotonic(), segments)),
    )  # fmt: skip
    # It waits for further messages in a busy loop: the sound ends with silence instead.
    client.client.disconnect_if_no_response_for = 0.0
    client(sound)
    print("\n" + json.dumps({"sent": sent, "told": told}), flush=True)


if __name__ == "__main__":
    main()
