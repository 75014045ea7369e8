"""Whisper hears 30 s at a time, however short the sound: here the encoder is given no more than there is.

What follows the sound in the window is zeros, which a small model's encoder works on for most of its time
(10 s instead of 30 take it an eighth of the time). A margin of them tells the decoder that the sound is over.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MARGIN = 300
"""Frames of 10 ms after the sound."""
SHORTEST = 1000
"""With less, words that were said once are written down several times."""
STEP = 100


def shorten(model: Any) -> None:
    """Makes a faster-whisper model encode no more than MARGIN beyond the sound."""
    encode = model.encode

    def encode_sound(features: NDArray[np.float32]) -> Any:
        together = features if features.ndim == 3 else features[None]
        return encode(features[..., : max(map(window, together))])

    model.encode = encode_sound


def window(features: NDArray[np.float32]) -> int:
    """Frames worth encoding: those up to the padding of zeros, and a margin of it."""
    sounding = np.flatnonzero(np.any(features != 0, axis=0))
    heard = int(sounding[-1]) + 1 if sounding.size else 0
    frames = max(SHORTEST, -(-(heard + MARGIN) // STEP) * STEP)
    return min(frames, int(features.shape[-1]))
