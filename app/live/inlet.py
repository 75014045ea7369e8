"""What a client has sent and nobody has listened to yet. Pure."""

from __future__ import annotations

from collections import deque

from app.live.greeting import SAMPLE_BYTES, BadClient, check_whole
from app.speech.cutter import SAMPLE_RATE

MOST_FRAME = 1 << 19
"""Bytes of a frame: 8 s of float32, and 30 times what WhisperLive's client sends at once."""
PIECE = 0.5
"""Seconds that are listened to at once, so that the others get their turn."""


class Inlet:
    """Sound as it came, with the places where it paused; bytes, however small the frames they came in."""

    def __init__(self, audio_format: str, rate: int = SAMPLE_RATE) -> None:
        self._format = audio_format
        self._second = SAMPLE_BYTES[audio_format] * rate
        self._parts = deque([bytearray()])  # a pause is between two of them
        self._size = 0
        self._speaking = False

    @property
    def waiting(self) -> float:
        """Seconds of sound that wait, whatever is in it."""
        return self._size / self._second

    @property
    def idle(self) -> bool:
        """Whether nothing waits, not even a pause."""
        return len(self._parts) == 1 and not self._parts[0]

    def put(self, frame: bytes) -> None:
        """Takes a frame in. Raises BadClient for one that is too large, or ends in half a sample."""
        if len(frame) > MOST_FRAME:
            raise BadClient(
                f"a frame of {len(frame)} bytes is too large: send {MOST_FRAME} bytes at most at once"
            )
        check_whole(frame, self._format)
        self._parts[-1] += frame
        self._size += len(frame)
        self._speaking = True

    def pause(self, *, always: bool = False) -> bool:
        """The sound stops here, for now or for good; whether that is new, which it is `always` on demand."""
        is_new = self._speaking or always
        if is_new:
            self._parts.append(bytearray())
            self._speaking = False
        return is_new

    def take(self) -> tuple[bytes, bool]:
        """The next piece, PIECE long at most, and whether the sound pauses after it."""
        part = self._parts[0]
        piece = bytes(part[: int(PIECE * self._second)])
        del part[: len(piece)]
        self._size -= len(piece)
        pauses = not part and len(self._parts) > 1
        if pauses:
            self._parts.popleft()
        return piece, pauses
