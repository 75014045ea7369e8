"""How late dubs are, and whether it grows."""

from __future__ import annotations

from collections import deque

import numpy as np

from app.dubbing.states import Lag

KEPT = 200
FEWEST_FOR_SLOPE = 20


class LagMeter:
    """Percentiles of the last 200 dubs' lateness in seconds, and its slope in seconds an hour."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque(maxlen=KEPT)

    def add(self, time: float, lateness: float) -> None:
        """A dub that was due at `time` started `lateness` seconds later."""
        self._seen.append((time, lateness))

    def lag(self) -> Lag:
        """The figures so far; all 0 before the first dub."""
        if not self._seen:
            return Lag()
        times, values = np.array(self._seen).T
        p50, p95, p99 = (float(part) for part in np.percentile(values, (50, 95, 99)))
        slope = 0.0
        if len(values) >= FEWEST_FOR_SLOPE and np.ptp(times) > 0:
            slope = float(np.polyfit(times - times[0], values, 1)[0]) * 3600.0
        return Lag(p50, p95, p99, slope)
