"""WhisperLive's own server, unmodified, for tests.bench.live_beside; run as a program.

`python whisper_live_server.py PORT MODEL` serves as its run_server.py does with a model of one's own on
processors: faster-whisper, one model for all clients.
"""

from __future__ import annotations

import sys

from whisper_live.server import TranscriptionServer


def main() -> None:
    """Serves until it is ended."""
    port, model = sys.argv[1:]
    TranscriptionServer().run(
        "127.0.0.1", int(port), backend="faster_whisper", faster_whisper_custom_model_path=model,
        single_model=True, max_clients=64,
    )  # fmt: skip


if __name__ == "__main__":
    main()
