"""WhisperLive's own client, unmodified, without its heavy dependencies; run as a program by the tests.

`pyaudio` (no sound card here) and `scipy` (imported, not used by its client) are stand-ins in
`stand_ins/`. `python whisper_live_client.py PORT SOUND SRT` plays a file through it in real time.
"""

from __future__ import annotations

import sys

from whisper_live.client import TranscriptionClient


def main() -> None:
    """Transcribes the file; the client writes the subtitles."""
    port, sound, srt = sys.argv[1:]
    client = TranscriptionClient(
        "127.0.0.1", int(port), lang="en", output_transcription_path=srt, mute_audio_playback=True
    )
    client(sound)


if __name__ == "__main__":
    main()
