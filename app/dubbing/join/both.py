"""The original of a source whose voice has a track of its own: both of its sounds together."""

from __future__ import annotations

from collections.abc import Iterator

from app.dubbing.join.encoder import Samples
from app.dubbing.join.sounds import FRAME, RATE
from app.dubbing.worker.mixer import Mixer

WAITS = 0.4
"""Seconds that one sound waits for the other."""
HELD = 6.0


class Both:
    """Takes voice and background at positions (samples at 48 kHz on the showing's timeline), as they come."""

    def __init__(self) -> None:
        self._mixer = Mixer(HELD)
        self._mixer.replaces = True

    def put(self, position: int, samples: Samples, *, beside: bool) -> None:
        """The voice's sound, or what goes on `beside` it."""
        if beside:
            self._mixer.write_background(position, samples)
        else:
            self._mixer.write_original(position, samples)

    def due(self, now: float) -> Iterator[tuple[int, Samples]]:
        """What is complete where the source is at `now` (seconds), in blocks with their positions."""
        until = round((now - WAITS) * RATE)
        if until - self._mixer.position > HELD * RATE:
            # It begins, or the source was away: what lies between is silence, which needs no blocks.
            self._mixer.skip_to(until - round(WAITS * RATE))
        while (position := self._mixer.position) + FRAME <= until:
            yield position, self._mixer.read(FRAME)
